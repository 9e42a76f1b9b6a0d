"""The numbers of the page: put together once a second while somebody looks, sent to all who look."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
import time
from typing import Any, AsyncIterator, Callable, Dict, List, Optional, Tuple

from edge import Context, EdgeError
from edge.plugins.web.board import Board
from edge.plugins.web.knobs import Knobs
from edge.plugins.web.views import TITLES

EVERY = 1.0
"""Seconds between two looks at the run."""
SELDOM = 3.0
"""Seconds between two questions to the supervisor: who is in the graph now, and how its processes are."""
MOST_EDGES = 400
"""Of a graph with more edges than this no page draws anything useful."""


class Numbers:
    """`about`: what the graph is, sent at first and when it changes. `now`: how it goes, once a second.

    `viewers` is counted by whoever hands out `stream`. Where the run takes no questions, the page does without its processes.
    """

    def __init__(self, board: Board, context: Context, knobs: Optional[Knobs]) -> None:
        self.viewers = 0
        self.plan: Dict[str, Any] = {}
        self._workers: List[Dict[str, Any]] = []
        self._workers_at = 0.0
        self._board, self._context, self._knobs = board, context, knobs
        self._about = b""
        self._version = 0
        self._now = b""
        self._number = 0
        self._news = asyncio.Event()
        self._clock: Optional[asyncio.Task[None]] = None
        self._asking: Optional[asyncio.Task[None]] = None
        self._asked = 0.0
        self._status: Dict[str, Any] = {}
        self._looked = 0.0

    async def stream(self) -> AsyncIterator[bytes]:
        """What one who looks is sent, until the end. Who is slow misses a second, and gets the newest."""
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._tick())
        yield b"retry: 1000\n\n"
        version = number = 0
        while not self._board.closed:
            if self._number != number:
                words = self._about if self._version != version else b""
                version, number = self._version, self._number
                yield words + self._now
            else:
                await self._board.pause(EVERY, self._news)

    def ask_again(self) -> None:
        """Something was changed: ask the run what it is now, and tell it without waiting for the next second."""
        self._asked = 0.0
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(tell=True))

    async def _tick(self) -> None:
        """As long as somebody looks."""
        while self.viewers and not self._board.closed:
            if time.monotonic() - self._asked > SELDOM and (self._asking is None or self._asking.done()):
                self._asked = time.monotonic()
                self._asking = asyncio.create_task(self._ask(tell=False))
                if not self.plan:  # what is told first should not have to be told again at once
                    await asyncio.wait({self._asking}, timeout=EVERY)
            self._tell()
            await self._board.pause(EVERY)
        self._news.set()

    async def known(self) -> Dict[str, Any]:
        """The plan, asked for where nobody has looked yet."""
        if not self.plan:
            await self._ask(tell=False)
        return self.plan

    async def _ask(self, tell: bool) -> None:
        try:
            self.plan, status = await aside(self._questions)
            self._workers, self._workers_at = status.get("workers", []), status.get("seconds", 0.0)
        except EdgeError as problem:  # a run without processes beside this one, or one that is about to end
            self._context.log.debug("web: %s", problem)
        if tell:
            self._tell()

    def _questions(self) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        return self._context.ask({"do": "plan"}), self._context.ask({"do": "status"})

    def _tell(self) -> None:
        status = self.status()
        about = event("about", self._describe(status))
        if about != self._about:
            self._about, self._version = about, self._version + 1
        self._now, self._number = event("now", self._figures(status)), self._number + 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    def status(self) -> Dict[str, Any]:
        """The run as in the report, asked for at most twice a second."""
        now = time.monotonic()
        if not self._looked or now - self._looked > 0.5 * EVERY:
            self._status, self._looked = finite(self._context.status()), now
        return self._status

    # -- what is told -------------------------------------------------------------------------------------------------------

    def _describe(self, status: Dict[str, Any]) -> Dict[str, Any]:
        stages = self.plan.get("stages") or {name: {} for name in status.get("stages", {})}
        edges = self.plan.get("edges") or status.get("edges", {})
        rows = [[*ends(key), row.get("kind", ""), row.get("policy", ""), row.get("cameras", [])] for key, row in edges.items()]
        wanted = ("use", "worker", "cameras", "network")
        return {
            "graph": self._context.graph,
            "device": status.get("device", {}),
            "notes": self.plan.get("notes", []),
            "views": [[view, TITLES[view]] for view in self._board.views],
            "cameras": list(self._board.shots),
            "stages": {name: {word: row[word] for word in wanted if word in row} for name, row in stages.items()},
            "edges": rows[:MOST_EDGES],
            "knobs": self._knobs.offer(self.plan) if self._knobs else [],
        }

    def _figures(self, status: Dict[str, Any]) -> Dict[str, Any]:
        """The counters as they are; rates are the page's own arithmetic."""
        cameras = {name: dict(row) for name, row in status.get("cameras", {}).items()}
        for name, here in self._board.figures().items():
            cameras.setdefault(name, {}).update(here)
        stages = {
            name: [row["frames"], row["seconds"]["p50"], row["seconds"]["p95"]]
            for name, row in status.get("stages", {}).items()
        }
        edges = {key: [row["delivered"], row["in_flight"], row["dropped"]] for key, row in status.get("edges", {}).items()}
        return {
            "seconds": status.get("seconds", 0.0),
            "cameras": cameras,
            "stages": stages,
            "edges": edges,
            "routes": status.get("routes", {}),
            "workers": self._workers,
            "asked": self._workers_at,
        }


def ends(key: str) -> Tuple[str, str, str]:
    """`maker->reader:port` as its three names."""
    maker, _, rest = key.partition("->")
    reader, _, port = rest.rpartition(":")
    return maker, reader, port


def event(name: str, told: Dict[str, Any]) -> bytes:
    data = json.dumps(told, default=str, separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n".encode()


def finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {str(key): finite(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


async def aside(work: Callable[..., Any], *args: Any) -> Any:
    """What `work` returns or raises, in a thread of its own. It is a daemon: who waits for an answer holds up no end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(method: Callable[[Any], None], value: Any) -> None:
        def unless_given_up() -> None:
            if not done.done():
                method(value)

        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(unless_given_up)

    def run() -> None:
        try:
            settle(done.set_result, work(*args))
        except Exception as problem:
            settle(done.set_exception, problem)

    threading.Thread(target=run, name="web asks", daemon=True).start()
    return await done
