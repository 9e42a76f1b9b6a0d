"""The newest picture of each view of each camera, between the thread that makes them and the thread that sends them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any, Deque, Dict, NamedTuple, Optional, Sequence

WANTED = 2.5
"""Seconds that a view is encoded for after somebody last asked for it."""
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
        """A frame has come. A cover that stands for none, while nothing comes, has the number of the last one."""
        if n <= self.n:
            return
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


class Shot:
    """One view of one camera: its newest picture, when it was last wanted, when the next is due."""

    def __init__(self) -> None:
        self.picture: Optional[Picture] = None
        self.wanted = 0.0
        self.next = 0.0


class Board:
    """The pipeline's thread calls `arrived` to `close`, which never wait; the server's loop calls the rest."""

    def __init__(self, sources: Sequence[str], fps: float, views: Sequence[str] = ("result",)) -> None:
        self.views = tuple(views)
        self.shots: Dict[str, Dict[str, Shot]] = {}
        self.pulses: Dict[str, Pulse] = {}
        self.watching = 0
        self.closed = False
        self.every = 1.0 / fps
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._news = asyncio.Event()
        self._end = asyncio.Event()
        for source in sources:
            self.enter(source)

    # -- in the pipeline's thread -----------------------------------------------------------------------------------------

    def enter(self, source: str) -> None:
        """A camera has come. The server's loop may be looking: what it looks at is replaced, never changed."""
        self.shots = {**self.shots, source: {view: Shot() for view in self.views}}
        self.pulses = {**self.pulses, source: Pulse()}

    def leave(self, source: str) -> None:
        self.shots = {name: shots for name, shots in self.shots.items() if name != source}
        self.pulses = {name: pulse for name, pulse in self.pulses.items() if name != source}
        self._ring()

    def arrived(self, source: str, n: int, now: float, age: float) -> None:
        self.pulses[source].beat(n, now, age)

    def due(self, source: str, view: str, now: float) -> bool:
        """Is this view of this frame to be encoded? The first result always is, so that there is something to see at once."""
        shot = self.shots[source][view]
        first = view == self.views[0] and shot.picture is None
        if not first and (now > shot.wanted or now < shot.next):
            return False
        # In step with the clock, so that 30 fps become 15 and not 10 when a frame comes a moment early.
        shot.next = max(shot.next + self.every, now + self.every / 2)
        return True

    def show(self, source: str, view: str, jpeg: bytes) -> None:
        shot = self.shots[source][view]
        shot.picture = Picture(shot.picture.number + 1 if shot.picture else 1, jpeg)
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
        if self.closed:
            self._end.set()

    def newest(self, source: str, view: str) -> Optional[Picture]:
        shot = self.shots.get(source, {}).get(view)
        return shot.picture if shot else None

    async def newer(self, source: str, view: str, than: int, seconds: float) -> Optional[Picture]:
        """The newest picture once it has another number, within so many seconds; else None."""
        until = time.monotonic() + seconds
        while not self.closed:
            shot = self.shots.get(source, {}).get(view)
            if shot is None:
                break
            shot.wanted = time.monotonic() + WANTED
            if shot.picture is not None and shot.picture.number != than:
                return shot.picture
            left = until - time.monotonic()
            if left <= 0:
                break
            await self.pause(left, self._news)
        return None

    async def pause(self, seconds: float, until: Optional[asyncio.Event] = None) -> None:
        """Wait so long; or until this event, or the end."""
        end = until or self._end
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(end.wait(), seconds)

    def figures(self) -> Dict[str, Any]:
        now = time.monotonic()
        return {source: pulse.figures(now) for source, pulse in self.pulses.items()}
