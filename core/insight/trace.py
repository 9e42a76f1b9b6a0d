"""Spans: what each process did for which frame, and when. Taken where the work is done; core/insight/recorder.py gathers them.

A frame's life is `capture`, then at each stage `process` and `send`, with `copy` inside `send` where a plane had to be copied
into shared memory. What lies between one stage's work and the next one's is waiting. Off, a trace costs one look at an
attribute. Valid Python 3.7.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any, Deque, List, NamedTuple, Tuple

RING = 8192
"""Spans that a process holds until they are fetched: some seconds of a busy one."""
BATCH = 200
"""Spans that are handed over at once, so that a message stays far below what the control socket takes."""
FETCH = 0.1
"""Seconds between two handovers."""


class Span(NamedTuple):
    """A piece of work on frame `n` of `camera`, in monotonic seconds.

    `kind`: capture, process, send or copy; `lost` and `cover` are moments, and begin when they end. `more`: of process, and of
    capture from a file, the seconds that its thread worked and those that it stood in line for a core; of lost and cover, the
    reason; else None.
    """

    kind: str
    stage: str
    camera: str
    n: int
    began: float
    ended: float
    more: Any = None


class Tracer:
    """Of one process. Its memory is bounded: what nobody fetches in time is counted and forgotten.

    A source's thread appends while the main thread takes, which a deque allows without a lock.
    """

    def __init__(self, room: int = RING) -> None:
        self._room = room
        self._spans: Deque[Span] = deque()
        self._cut = 0
        self._next = 0.0
        self._used = (0.0, 0.0)

    def span(self, kind: str, stage: str, camera: str, n: int, began: float, ended: float, more: Any = None) -> None:
        """Note a piece of work that has just ended."""
        if len(self._spans) < self._room:
            self._spans.append(Span(kind, stage, camera, n, began, ended, more))
        else:
            self._cut += 1

    def begin(self) -> None:
        """A stage begins to work on a frame, in this thread."""
        self._used = _used()

    def processed(self, stage: str, camera: str, n: int, began: float, ended: float, kind: str = "process") -> None:
        """It has."""
        worked, stood = _used()
        self.span(kind, stage, camera, n, began, ended, (worked - self._used[0], stood - self._used[1]))

    def mark(self, kind: str, stage: str, camera: str, n: int, reason: str) -> None:
        """Note that a frame was lost, or covered, just now."""
        now = time.monotonic()
        self.span(kind, stage, camera, n, now, now, reason)

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def due(self) -> bool:
        """Is it time to hand over? True a few times a second."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + FETCH
        return True

    def drain(self, most: int = BATCH) -> List[Span]:
        """The oldest spans, taken out; an empty list when there are none."""
        return [self._spans.popleft() for _ in range(min(most, len(self._spans)))]

    def forgot(self) -> int:
        """How many spans found no room since this was asked last."""
        cut, self._cut = self._cut, 0
        return cut


def _used() -> Tuple[float, float]:
    """Seconds that this thread has worked, and that it was ready to and no core was free (0 where the kernel does not say)."""
    try:
        fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return time.thread_time(), 0.0
    try:
        return time.thread_time(), int(os.read(fd, 64).split()[1]) / 1e9
    finally:
        os.close(fd)
