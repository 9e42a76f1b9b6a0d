"""Recordings of a run: the spans of all its processes, gathered by the one that watches it, and what its books say meanwhile.

Valid Python 3.7.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from edge.core.errors import EdgeError
from edge.core.insight.trace import Span
from edge.core.plan import EdgePlan, Plan, StagePlan

MOST = 100_000
"""Spans that a recording holds, about 30 MB: the last ones of a longer run."""
ASKED = 30_000
"""Spans of a run that goes on, for who asks for some seconds of it: 3 MB as JSON."""
LONGEST_TRACE = 60.0
"""Seconds that may be asked for."""
SAMPLE = 0.1
"""Seconds between two looks at how many frames are under way."""
RECORDERS = 4
"""How many may record a run at the same time."""


class Moment:
    """What had been used of the machine by a moment, in monotonic seconds."""

    def __init__(self, now: float, status: Dict[str, Any]) -> None:
        self.now = now
        self.workers = {row["name"]: {"cpu_seconds": row.get("cpu_seconds", 0.0)} for row in status.get("workers", ())}
        self.machine = _machine()


class Collector:
    """Gathers the spans of all processes, and what the books say meanwhile. `status()` is that of the run, `plan()` its plan,
    which changes as cameras come and go."""

    def __init__(self, plan: Callable[[], Plan], status: Callable[[], Dict[str, Any]], most: int = MOST) -> None:
        self._plan = plan
        self._status = status
        self._spans: Deque[Span] = deque(maxlen=most)
        self._samples: Deque[Tuple[float, Dict[str, int]]] = deque(maxlen=most // 20)
        self._cut = 0
        self._sampled = 0.0
        self._before = _counted(status())
        self._fresh = False
        self._first: Optional[Moment] = None
        self._last: Optional[Moment] = None

    def add(self, spans: Sequence[Any], cut: int = 0) -> None:
        """What a process handed over; `cut`: how many it had to forget since."""
        room = self._spans.maxlen or 0
        self._cut += cut + max(0, len(self._spans) + len(spans) - room)
        self._spans.extend(Span(*span) for span in spans)
        self._fresh = True

    def sample(self) -> None:
        """Look at the books, if it is time to. While spans come, also at what is used of the machine: what processes take to
        start and to close is left out."""
        now = time.monotonic()
        if now - self._sampled < SAMPLE:
            return
        status = self._status()
        self._sampled = now
        self._samples.append((now, {key: row["in_flight"] for key, row in status["edges"].items()}))
        if self._fresh:
            self._last = Moment(now, status)
            self._first = self._first or self._last
            self._fresh = False

    def recording(self) -> Dict[str, Any]:
        """All that is known so far, as plain data: what `edge explain` and the trace file are made from. It holds names and
        numbers, no option's value but a picture's size, so no secret. `seconds`: what CPU seconds and `machine_busy` are of."""
        plan = self._plan()
        first, last = self._first, self._last
        return {
            "schema_version": 1,
            "graph": plan.name,
            "seconds": round(last.now - first.now, 3) if first and last else 0.0,
            "cores": len(os.sched_getaffinity(0)),
            "machine_busy": _busy(first.machine, last.machine) if first and last else None,
            "workers": {worker.name: list(worker.stages) for worker in plan.workers},
            "stages": {stage.name: _stage(stage, plan) for stage in plan.stages},
            "edges": {edge.key: _edge(edge) for edge in plan.edges if not edge.previous},
            "before": dict(self._before, workers=first.workers if first else {}),
            "after": dict(_counted(self._status()), workers=last.workers if last else {}),
            "samples": [[round(now, 6), row] for now, row in self._samples],
            "spans": [list(span) for span in self._spans],
            "cut": self._cut,
        }


class Recorders:
    """Who records a run at the moment: `--trace`, and whoever asks for some seconds of it. `run` has `plan`, `status()` and
    `trace(on)`, which lets its processes begin and end."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._going: List[Collector] = []

    @property
    def on(self) -> bool:
        return bool(self._going)

    def begin(self, most: int = MOST) -> Collector:
        """Record from now on. Raises EdgeError where too many do."""
        if len(self._going) >= RECORDERS:
            raise EdgeError(f"{RECORDERS} others trace this run at the moment: try again in a few seconds")
        collector = Collector(lambda: self._run.plan, self._run.status, most)
        self._going.append(collector)
        if len(self._going) == 1:
            self._run.trace(True)
        return collector

    def end(self, collector: Collector) -> Dict[str, Any]:
        """What was recorded."""
        self._going.remove(collector)
        if not self._going:
            self._run.trace(False)
        return collector.recording()

    def add(self, spans: Sequence[Any], cut: int = 0) -> None:
        """What a process handed over."""
        for collector in self._going:
            collector.add(spans, cut)

    def sample(self) -> None:
        for collector in self._going:
            collector.sample()


def _stage(stage: StagePlan, plan: Plan) -> Dict[str, Any]:
    kind = "source" if stage.is_source else "network" if stage.network else "sink" if stage.is_sink else "stage"
    return {
        "use": stage.use,
        "kind": kind,
        "live": stage.live,
        "worker": stage.worker,
        "cameras": list(stage.sources),
        "rate": plan.rates.get(stage.name, 0.0),
        "size": stage.options.get("size") if isinstance(stage.options.get("size"), int) else None,
        "threads": plan.runtime.get("options", {}).get("threads") if stage.network and not stage.device else None,
    }


def _edge(edge: EdgePlan) -> Dict[str, Any]:
    plain = {name: getattr(edge, name) for name in ("maker", "reader", "port", "kind", "policy", "every", "window")}
    return dict(plain, cameras=list(edge.sources))


def _counted(status: Dict[str, Any]) -> Dict[str, Any]:
    """The counters of a status, to be compared with those of another moment."""
    cameras = {
        name: {key: row[key] for key in ("captured", "admitted", "delivered", "covered", "covers", "dropped")}
        for name, row in status["cameras"].items()
    }
    edges = {name: {key: row[key] for key in ("received", "delivered", "dropped")} for name, row in status["edges"].items()}
    return {"cameras": cameras, "edges": edges}


def _machine() -> Optional[Tuple[int, int]]:
    """Ticks that all cores of this machine have worked, and have had; None where the kernel does not say, or where this process
    may not use all of them."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle, sum(ticks)) if len(os.sched_getaffinity(0)) == os.cpu_count() else None


def _busy(before: Optional[Tuple[int, int]], after: Optional[Tuple[int, int]]) -> Optional[float]:
    """The share of its time that the machine worked, whoever it worked for."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return round((after[0] - before[0]) / (after[1] - before[1]), 3)
