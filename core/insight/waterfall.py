"""The lives of frames, from capture to a sink: how long each waited, was copied and was worked on, out of a recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edge.core.insight.trace import Span

WARM = 0.1
"""The part at the beginning of a recording that is left out: networks and codecs run slower at first."""


class Work:
    """What one stage did for one frame, in monotonic seconds. A live source begins when the frame is there: before that, it
    waited for the camera."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.copied = 0.0
        self.sent = 0.0

    @property
    def handed(self) -> float:
        """When the next stages could have it."""
        return (self.sent or self.ended) + self.copied


class Step:
    """One stage of a frame's life. `edge`: the one that it waited for, "" at a source. `late`: did the sink wait for this step,
    and not for one beside it?"""

    def __init__(self, stage: str, edge: str, ready: float, work: Work) -> None:
        self.stage = stage
        self.edge = edge
        self.ready = ready
        self.began = work.began
        self.ended = work.ended
        self.copy = work.copied
        self.late = False
        self.wait = max(0.0, work.began - ready) if edge else max(0.0, (work.sent or work.ended) - work.ended)
        self.compute = work.ended - work.began


class Life:
    """A frame on its way to one sink. `steps` in the order in which they began."""

    def __init__(self, camera: str, n: int, sink: str, steps: list[Step]) -> None:
        self.camera = camera
        self.n = n
        self.sink = sink
        self.steps = steps
        self.began = min(step.began for step in steps)
        self.seconds = max(step.ended for step in steps) - self.began


class Lives:
    """All whole lives of a recording: `to[camera, sink]`, in order of n."""

    def __init__(self, recording: dict[str, Any]) -> None:
        self._stages = recording["stages"]
        self._edges = recording["edges"]
        spans = [Span(*span) for span in recording["spans"]]
        self.began, self.ended = window(spans)
        self._frames = self._index(spans)
        self.to: dict[tuple[str, str], list[Life]] = {}
        for sink, row in self._stages.items():
            if row["kind"] == "sink":
                for camera in row["cameras"]:
                    self.to[camera, sink] = self._lives(camera, sink)

    def _index(self, spans: list[Span]) -> dict[tuple[str, int], dict[str, Work]]:
        """(camera, n) → stage → what it did. Frames that a stage lost end there."""
        frames: dict[tuple[str, int], dict[str, Work]] = {}
        for span in spans:
            if span.stage not in self._stages or span.kind == "cover":
                continue
            works = frames.setdefault((span.camera, span.n), {})
            if span.kind == "lost":
                works.pop(span.stage, None)
                continue
            work = works.setdefault(span.stage, Work())
            if span.kind == "copy":
                work.copied += span.ended - span.began
            elif span.kind == "send":
                work.sent = span.began
            else:
                live = span.kind == "capture" and self._stages[span.stage]["live"]
                work.began, work.ended = span.ended if live else span.began, span.ended
        # A stage that only passed a tombstone on has sent, but not worked.
        return {frame: {stage: work for stage, work in works.items() if work.ended} for frame, works in frames.items()}

    def _lives(self, camera: str, sink: str) -> list[Life]:
        found = []
        for (source, n), works in sorted(self._frames.items()):
            at_sink = works.get(sink)
            if source == camera and at_sink is not None and at_sink.ended > self.began:
                steps: dict[str, Step] = {}
                if self._walk(sink, camera, works, steps):
                    found.append(Life(camera, n, sink, sorted(steps.values(), key=lambda step: step.began)))
        return found

    def _walk(self, stage: str, camera: str, works: dict[str, Work], steps: dict[str, Step], late: bool = True) -> bool:
        """Follow a frame back from a stage to its capture; False where a part of its life is not known."""
        work = works.get(stage)
        if work is None:
            return False
        makers = {
            key: edge["maker"] for key, edge in self._edges.items() if edge["reader"] == stage and camera in edge["cameras"]
        }
        known = [(works[maker].handed, key) for key, maker in makers.items() if maker in works]
        if not known and stage != camera:
            return False
        ready, key = max(known, default=(work.began, ""))
        step = steps.setdefault(stage, Step(stage, key, ready, work))
        step.late = step.late or late
        ok = True
        for other, maker in makers.items():
            if maker in works:
                ok = self._walk(maker, camera, works, steps, late and other == key) and ok
        return ok


def window(spans: Iterable[Span]) -> tuple[float, float]:
    """The time that a recording is judged by: from a little after its first frame to its last."""
    work = [span for span in spans if span.kind == "process"]
    first, last = min((span.began for span in work), default=0.0), max((span.ended for span in work), default=0.0)
    return first + WARM * (last - first), last


def typical(lives: list[Life]) -> Life:
    """The one whose length is the median."""
    return sorted(lives, key=lambda life: life.seconds)[len(lives) // 2]


def quantile(values: Iterable[float], q: float) -> float:
    """The value that a share `q` of them does not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def rows(lives: list[Life]) -> dict[str, dict[str, float]]:
    """Stage → the median wait, copy and compute of these lives, and the 95th percentile of all three together, in seconds."""
    parts: dict[str, list[Step]] = {}
    for life in lives:
        for step in life.steps:
            parts.setdefault(step.stage, []).append(step)
    return {
        stage: {
            "wait": quantile((step.wait for step in steps), 0.5),
            "copy": quantile((step.copy for step in steps), 0.5),
            "compute": quantile((step.compute for step in steps), 0.5),
            "p95": quantile((step.wait + step.copy + step.compute for step in steps), 0.95),
        }
        for stage, steps in parts.items()
    }
