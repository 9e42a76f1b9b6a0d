"""The exam of a source: its generator is pulled by hand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from edge.core.frame import Drop
from edge.core.testing.exam import Check, joined, told_as
from edge.core.testing.holdings import Growth, forget_peak, peak, rss
from edge.core.testing.leaks import check_close, check_growth, in_bytes, per_frame
from edge.core.testing.promise import Breach
from edge.core.testing.reel import Reel
from edge.core.testing.samples import Unknown
from edge.core.testing.static import StaticExam
from edge.core.testing.unlike import unlike

FRAMES = 10
MEASURED, EVERY, SECONDS = 90, 10, 3.0
"""Frames of the memory run, looked at every so many, or as many as come in so many seconds."""


class SourceExam(StaticExam):
    of = "source"
    gate = "works"

    def checks(self) -> list[Check]:
        return [
            *self.static(),
            ("works", self.works),
            ("kept", self.kept),
            ("again", self.again),
            ("close", self.close),
            ("latency", self.latency),
            ("memory", self.memory),
            ("quiet", self.quiet),
            ("folder", self.stays),
        ]

    def works(self) -> str:
        """The first frames, each within what `spec` said. They stay as they are while the next is made."""
        with told_as("errors", f"{self.cls.__name__}: raises"), Reel(self.make(), beat=self.beat) as reel:
            shots = list(reel.shots(FRAMES))
        if not shots:
            told = f"{self.cls.__name__}: the stream ended before its first frame"
            raise Breach("works", f"{told}: raise SourceError where there is none")
        self._first, self._live = shots, reel.source.live
        drops = [shot.reason for shot in shots if isinstance(shot, Drop)]
        lost = f", {len(drops)} of them dropped as {joined(sorted(set(drops)))}" if drops else ""
        specs = ", ".join(f"{name} {spec!r}" for name, spec in reel.outputs.items())
        rate = f"{reel.source.rate:g} fps" if reel.source.rate else "no rate known"
        return f"{len(shots)} frames{lost}; {specs}, {rate}, {'live' if self._live else 'not live'}"

    def kept(self) -> str:
        """It was looked at in `works`."""
        return "frames that were given stay as they are"

    def again(self) -> str:
        """Opened anew, it gives frames again; of what is not live, the same."""
        count = 4 if self._live else FRAMES
        with told_as("again", f"{self.cls.__name__}: opened anew, it raises"), Reel(self.make(), beat=self.beat) as reel:
            second = list(reel.shots(count))
        if self._live:
            return "gives frames again after close and open"
        if len(self._first) != len(second) or unlike(self._first, second):
            where = unlike(self._first, second) if len(self._first) == len(second) else "the number of frames differs"
            raise Breach("again", f"{self.cls.__name__}: {where} after close and open, and it is not live")
        return "gives the same again after close and open"

    def close(self) -> str:
        """Left in the middle of the stream, and before its first frame."""

        def cycle() -> list[Reel]:
            return [self._cycle(2), self._cycle(0)]

        return check_close(self.cls.__name__, cycle)

    def _cycle(self, frames: int) -> Reel:
        with told_as("close", f"{self.cls.__name__}: open or close raises"), Reel(self.make(), beat=self.beat) as reel:
            for _ in reel.shots(frames):
                pass
        return reel

    def latency(self) -> str:
        """Seconds from one frame to the next; of a live source that is its rate."""
        seconds = []
        forget_peak()
        before = rss()
        with Reel(self.make(), beat=self.beat) as reel:
            began = time.perf_counter()
            for _ in reel.shots(30):
                seconds.append(time.perf_counter() - began)
                if sum(seconds) > SECONDS:
                    break
                began = time.perf_counter()
        self.peak = float(max(0, peak() - before))
        first, rest = seconds[0], sorted(seconds[1:]) or seconds
        p50, p95 = statistics.median(rest), rest[int(0.95 * len(rest))]
        self.figures = {"first_seconds": first, "p50_seconds": p50, "p95_seconds": p95, "frames": float(len(seconds))}
        return f"the first frame after {1e3 * first:.1f} ms, then p50 {1e3 * p50:.2f} ms, p95 {1e3 * p95:.2f} ms"

    def memory(self) -> str:
        """Bytes that each frame adds, and the most that was in use."""
        outside, _ = self._grows(rss)
        with Growth() as growth:
            inside, count = self._grows(growth.now)
        self.figures = {"peak_bytes": self.peak, "growth_bytes_per_frame": max(0.0, inside, outside)}
        if count < 3 * EVERY:
            raise Unknown(f"{count} frames are too few to see whether memory grows")
        check_growth(self.cls.__name__, inside, outside)
        return f"{in_bytes(self.peak)} more at most while it ran, the exam's copies included; none from frame to frame"

    def _grows(self, now: Callable[[], int]) -> tuple[float, int]:
        """(bytes per frame, frames that came)."""
        marks, count, began = [], 0, time.monotonic()
        with Reel(self.make(), beat=self.beat) as reel:
            for count, _ in enumerate(reel.shots(MEASURED), 1):
                if count % EVERY == 0:
                    marks.append(now())
                if time.monotonic() - began > SECONDS:
                    break
        return per_frame(marks, EVERY), count
