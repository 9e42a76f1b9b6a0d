"""A clock that a test moves by hand, in place of the machine's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

STAND_INS = ("monotonic", "perf_counter", "time", "sleep")
"""The functions of the module `time` that it takes the place of; of the first three also those that end in `_ns`."""


class Clock:
    """Inside `with Clock() as clock:` the module `time` tells this clock's time, and `time.sleep` moves it instead of waiting.

    It stands still otherwise. A sleep in another thread than the one that entered waits until the clock was moved far enough.
    What was imported by name before (`from time import monotonic`) keeps the machine's clock, and so does waiting for a lock.
    """

    def __init__(self, start: float = 1000.0, date: float = 1_700_000_000.0) -> None:
        """start: what `monotonic` tells at first, seconds. date: what `time` tells then, seconds since 1970."""
        self._now = start
        self._epoch = date - start
        self._moved = threading.Condition()
        self.waiting = 0
        """Threads that sleep until the clock is moved."""
        self._depth = 0
        self._owner = 0
        self._kept: dict[str, Callable[..., Any]] = {}

    def monotonic(self) -> float:
        return self._now

    perf_counter = monotonic

    def time(self) -> float:
        return self._epoch + self._now

    def advance(self, seconds: float) -> None:
        """Move it on. Raises ValueError for a step back: time goes one way."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: advance({seconds})")
        with self._moved:
            self._now += seconds
            self._moved.notify_all()

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() == self._owner or not self._depth:
            return self.advance(max(0.0, seconds))
        with self._moved:
            due = self._now + seconds
            self.waiting += 1
            self._moved.wait_for(lambda: self._now >= due or not self._depth)
            self.waiting -= 1

    def __enter__(self) -> Clock:
        self._depth += 1
        if self._depth == 1:
            self._owner = threading.get_ident()
            for name in STAND_INS:
                self._replace(name, getattr(self, name))
                if name != "sleep":
                    self._replace(name + "_ns", _in_ns(getattr(self, name)))
        return self

    def _replace(self, name: str, function: Callable[..., Any]) -> None:
        self._kept[name] = getattr(time, name)
        setattr(time, name, function)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._depth -= 1
        if not self._depth:
            for name, function in self._kept.items():
                setattr(time, name, function)
            with self._moved:
                self._moved.notify_all()


def _in_ns(tell: Callable[[], float]) -> Callable[[], int]:
    return lambda: int(tell() * 1e9)
