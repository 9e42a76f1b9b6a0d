"""Checks of a stage that measure: what stays behind, how long a frame takes, how memory grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from time import monotonic  # the machine's clock, whatever Clock is put before it
from typing import TYPE_CHECKING

from edge.core.errors import EdgeError
from edge.core.testing.clock import Clock
from edge.core.testing.holdings import Growth, forget_peak, peak, rss
from edge.core.testing.leaks import PER_FRAME, check_close, check_growth, in_bytes, per_frame
from edge.core.testing.rig import Rig
from edge.core.testing.samples import RATE
from edge.core.testing.take import Take

if TYPE_CHECKING:
    from edge.core.testing.stage_exam import StageExam

FRAMES, LEAST, WARM = 200, 20, 2
"""Frames of each third of the memory run; of those as many as SECONDS allow, but no fewer than LEAST. WARM: not timed."""
SECONDS = 2.0
SMALL = (72, 128)
USUAL = (720, 1280)
"""Height and width: where memory is looked at, and where the time per frame is."""


class Measured:
    """Belongs to the exam of one stage."""

    def __init__(self, exam: StageExam) -> None:
        self.exam = exam

    def close(self) -> str:
        """With frames between open and close, and with none."""
        exam, takes = self.exam, self.exam.samples().takes(2, SMALL)

        def cycle() -> list[Rig]:
            rigs = [exam.rig(), exam.rig()]
            exam.shoot(rigs[0], takes, real_time=True)
            exam.shoot(rigs[1], [], real_time=True)
            return rigs

        return check_close(exam.cls.__name__, cycle)

    def latency(self) -> str:
        """Seconds of `process` for a usual picture."""
        exam, size = self.exam, USUAL
        try:
            rig = exam.rig(size)
        except EdgeError:
            rig = exam.rig(size := SMALL)
        takes = exam.samples().takes(4, size)
        seconds: list[float] = []
        forget_peak()
        before = rss()
        with rig:
            until = monotonic() + SECONDS
            while len(seconds) < WARM + 3 or (monotonic() < until and len(seconds) < FRAMES):
                exam.shot(rig, _numbered(takes, len(seconds)))
                seconds.append(rig.spent)
        exam.peak = float(max(0, peak() - before))
        seconds = sorted(seconds[WARM:])
        p50, p95 = statistics.median(seconds), seconds[int(0.95 * len(seconds))]
        exam.figures = {"p50_seconds": p50, "p95_seconds": p95, "frames": float(len(seconds))}
        return f"p50 {1e3 * p50:.2f} ms, p95 {1e3 * p95:.2f} ms a frame of {size[1]}x{size[0]}"

    def memory(self) -> str:
        """Bytes that each frame adds, and the most that was in use."""
        exam = self.exam
        self._clock = Clock(time.monotonic(), time.time())
        with exam.rig() as rig:
            outside = self._grows(rig, rss)
        with exam.rig() as rig, Growth() as growth:
            inside, place = self._grows(rig, growth.now), ""
            if inside > PER_FRAME:
                picture = growth.picture()
                self._frames(rig, 3 * FRAMES, LEAST)
                place = growth.where(picture)
        exam.figures = {"peak_bytes": exam.peak, "growth_bytes_per_frame": max(0.0, inside, outside)}
        check_growth(rig.who, inside, outside, place)
        return f"{in_bytes(exam.peak)} more at most while it ran, the exam's copies included; none from frame to frame"

    def _grows(self, rig: Rig, now: Callable[[], int]) -> float:
        """Bytes per frame."""
        count = self._frames(rig, 0, FRAMES)
        marks = [now()]
        for third in (1, 2):
            self._frames(rig, third * count, count)
            marks.append(now())
        return per_frame(marks, count)

    def _frames(self, rig: Rig, first: int, count: int) -> int:
        """Give so many frames, or as many as there is time for. Returns how many. The clock is told that they come at RATE,
        so that what is kept for some seconds stays as small as with a camera."""
        takes = self.exam.samples().takes(4, SMALL)
        until = monotonic() + SECONDS
        with self._clock as clock:
            for i in range(count):
                clock.advance(1 / RATE)
                self.exam.shot(rig, _numbered(takes, first + i))
                if monotonic() > until and i >= LEAST:
                    return i + 1
        return count


def _numbered(takes: list[Take], n: int) -> Take:
    """One of them again, as frame n."""
    take = takes[n % len(takes)]
    take.n, take.time = n, n / RATE
    return take
