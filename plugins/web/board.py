"""The newest picture of each camera, between the thread that makes them and the thread that sends them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any, Deque, Dict, NamedTuple, Optional, Sequence

WANTED = 2.5
"""Seconds that a camera is encoded for after somebody last asked for it."""
RECENT = 3.0
"""Seconds over which frames per second are counted."""


class Picture(NamedTuple):
    number: int
    jpeg: bytes


class Pulse:
    """How one camera's frames come in."""

    def __init__(self) -> None:
        self.n = -1
        self.age = 0.0
        self.times: Deque[float] = deque()

    def beat(self, n: int, now: float, age: float) -> None:
        self.n, self.age = n, age
        self.times.append(now)
        while now - self.times[0] > RECENT:
            self.times.popleft()

    def figures(self, now: float) -> Dict[str, Any]:
        """n: the newest frame's number. age: seconds from capture to here. idle: seconds since, None before the first."""
        times = list(self.times)
        idle = now - times[-1] if times else None
        span = times[-1] - times[0] if times else 0.0
        fps = (len(times) - 1) / span if span and idle is not None and idle < RECENT else 0.0
        return {"n": self.n, "fps": round(fps, 2), "age": round(self.age, 4), "idle": None if idle is None else round(idle, 2)}


class Board:
    """The pipeline's thread calls arrived, due and show, which never wait; the server's loop calls the others."""

    def __init__(self, sources: Sequence[str], fps: float) -> None:
        self.newest: Dict[str, Optional[Picture]] = {source: None for source in sources}
        self.pulses = {source: Pulse() for source in sources}
        self.watching = 0
        self.closed = False
        self._every = 1.0 / fps
        self._next = dict.fromkeys(sources, 0.0)
        self._wanted = dict.fromkeys(sources, 0.0)
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._news = asyncio.Event()

    # -- in the pipeline's thread -----------------------------------------------------------------------------------------

    def arrived(self, source: str, n: int, now: float, age: float) -> None:
        self.pulses[source].beat(n, now, age)

    def due(self, source: str, now: float) -> bool:
        """Is this frame to be encoded? The first one always is, so that there is something to see at once."""
        if self.newest[source] is not None and (now > self._wanted[source] or now < self._next[source]):
            return False
        # In step with the clock, so that 30 fps become 15 and not 10 when a frame comes a moment early.
        self._next[source] = max(self._next[source] + self._every, now + self._every / 2)
        return True

    def show(self, source: str, jpeg: bytes) -> None:
        last = self.newest[source]
        self.newest[source] = Picture(last.number + 1 if last else 1, jpeg)
        self._ring()

    def close(self) -> None:
        """Let every stream end."""
        self.closed = True
        self._ring()

    def _ring(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    # -- in the server's loop ---------------------------------------------------------------------------------------------

    def attach(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def newer(self, source: str, than: int, seconds: float) -> Optional[Picture]:
        """The newest picture once it has a higher number, within so many seconds; else None."""
        until = time.monotonic() + seconds
        while not self.closed:
            self._wanted[source] = time.monotonic() + WANTED
            picture = self.newest[source]
            if picture is not None and picture.number > than:
                return picture
            left = until - time.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
        return None

    def figures(self) -> Dict[str, Any]:
        now = time.monotonic()
        return {source: pulse.figures(now) for source, pulse in self.pulses.items()}
