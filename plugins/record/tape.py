"""What is recorded of one camera: frames in, at the clock's pace, files out."""

from __future__ import annotations

import os
import statistics
import time as clock
from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np

from edge import SourceError, evened, letterboxed
from edge.plugins.record import writer
from edge.plugins.record.shelf import Shelf, part_of
from edge.plugins.record.sound import Sound

FREE = 8 * 2**20
"""Bytes that are left free on the disk: enough to finish the file."""
USUAL_FPS = 25.0
HELD = 8
"""Frames of a camera that are held back to measure how fast they really come."""
DRIFT = 0.8
"""Frames that a recording may run ahead of the clock, or behind it, before one is left out or repeated."""
OUTAGE = 5.0
"""Seconds without a frame after which a recording goes on where it was, without a still picture for the time between."""
INDEX = 64
"""Bytes that closing a file adds for each of its frames, at most; and 4 kB more."""


class Limits(NamedTuple):
    """When a file is full: after so many seconds, before so many bytes; and how many bytes all may take. 0: no limit."""

    seconds: float = 0.0
    bytes: float = 0.0
    budget: float = 0.0

    @property
    def split(self) -> bool:
        return bool(self.seconds or self.bytes)

    @property
    def largest(self) -> float:
        """Bytes of one file: within a budget there must be room for the one before it too."""
        return min(self.bytes or float("inf"), self.budget / 2 or float("inf"))


class Tape:
    """`fps` 0: measured from the times of the first frames. `codec`: what `writer.begin` takes."""

    def __init__(self, shelf: Shelf, fps: float, codec: str, limits: Limits, sound: Optional[Sound] = None) -> None:
        self.shelf = shelf
        self.path = shelf.path
        self.part = part_of(shelf.path)
        self.fps = fps
        self.limits = limits
        self.written = 0
        self.size: Tuple[int, int] = (0, 0)
        self.warned = False
        self.full = False
        self._codec = codec
        self._sound = sound
        self._writer: Any = None
        self._held: List[Tuple[np.ndarray, float, int]] = []
        self._start = 0.0
        self._last = 0.0
        self._in_file = 0
        self._bytes = 0
        self._growth = 0
        self._closed = 0
        self._began = 0.0

    @property
    def where(self) -> str:
        """Where its files are, for who looks for them."""
        path = self.shelf.path
        return str(path.with_name(f"{path.stem}-*{path.suffix}") if self.limits.split else path)

    def add(self, picture: np.ndarray, time: float, n: int = 0) -> None:
        if self.fps:
            self._keep_time(picture, time, n)
            return
        self._held.append((picture.copy(), time, n))
        if len(self._held) >= HELD:
            self._release()

    def finish(self) -> None:
        """Give the file its name. Raises SourceError where it cannot be played: a full disk is not told by OpenCV."""
        try:
            self._release()
            self._finish_file()
        finally:
            if self._sound is not None:
                self._sound.close()

    def _release(self) -> None:
        """Write what was held back, at the rate at which it came."""
        held, self._held = self._held, []
        if held:
            self.fps = self.fps or measured([time for _, time, _ in held])
            for picture, time, n in held:
                self._keep_time(picture, time, n)

    def _keep_time(self, picture: np.ndarray, time: float, n: int) -> None:
        if not self.written or time - self._last > OUTAGE:
            self._start = time - self.written / self.fps
            if self.limits.split and self.shelf.live:
                self._finish_file()  # the names of files say when they begin
        self._last = time
        for _ in range(copies((time - self._start) * self.fps - self.written) if self.shelf.live else 1):
            self._write(picture, time, n)

    # -- files ------------------------------------------------------------------------------------------------------------

    def _write(self, picture: np.ndarray, time: float, n: int) -> None:
        disk = os.statvfs(self.part.parent)
        self.full = disk.f_bavail * disk.f_frsize < FREE
        if not self.full:
            if self._writer is not None and self._is_due(time):
                self._finish_file()
            if self._writer is None:
                self._begin(picture, time, n)
            even = evened(letterboxed(picture, self.size))
            place = () if self._sound is None else (time - self._began,)
            self.full = self._writer.write(even, *place) is False
        if self.full:
            raise SourceError(f"{self.path}: the disk is full; {self.written} frames are recorded. Make room or change path")
        self.written += 1
        self._in_file += 1
        if self.limits.split:
            self._weigh()

    def _is_due(self, time: float) -> bool:
        """Whether the file that is being written has had its share. One that was asked for whole is never cut."""
        if not self.limits.split:
            return False
        length = time - self._began if self._sound is not None else self._in_file / self.fps
        late = bool(self.limits.seconds and length >= self.limits.seconds - 1e-6)
        return late or self._closed + 2 * self._growth > self.limits.largest

    def _weigh(self) -> None:
        """What the file will take once it is closed, and what a frame adds to it at most."""
        before, self._bytes = self._bytes, self.part.stat().st_size
        self._growth = max(self._growth, self._bytes - before) if not self._writer.held else 0
        self._closed = self._bytes + self._writer.held + self._in_file * INDEX + 4096
        if self.limits.budget:
            self.shelf.shrink(self.limits.budget, self._closed)

    def _begin(self, picture: np.ndarray, time: float, n: int) -> None:
        if self.limits.split:
            self.path = self.shelf.next(n, clock.time())
            self.part = part_of(self.path)
        self.size = (picture.shape[0], picture.shape[1])
        self._in_file = self._bytes = self._growth = self._closed = 0
        self._began = time
        if self._sound is not None:
            self._sound.start = time
        height, width = (side + side % 2 for side in self.size)
        self._writer = writer.begin(self.part, self.fps, (height, width), self._codec, self._sound)

    def _finish_file(self) -> None:
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        if not writer.plays(self.part):
            raise SourceError(f"{self.part}: the recording cannot be played back; see if the disk is full")
        try:
            os.replace(self.part, self.path)
        except OSError as problem:
            raise SourceError(f"{self.part}: {problem.strerror}; see if another run records to the same path") from None
        self.shelf.finished(self.path)


def copies(behind: float) -> int:
    """How often to write a frame when the recording is so many frames behind the clock: once, unless they drifted apart."""
    return 1 if abs(behind) < DRIFT else max(0, 1 + round(behind))


def measured(times: List[float]) -> float:
    """Frames per second of these capture times, in seconds: by the median gap, which one late frame does not change."""
    gaps = [b - a for a, b in zip(times, times[1:], strict=False) if b > a]
    return min(240.0, max(1.0, round(1 / statistics.median(gaps), 2))) if gaps else USUAL_FPS
