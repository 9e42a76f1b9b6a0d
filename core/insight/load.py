"""The load of a run, out of a recording: how busy each stage, worker and core is, how fast cameras are, what was dropped."""

from __future__ import annotations

from typing import Any

from edge.core.insight.trace import Span
from edge.core.insight.waterfall import Lives, quantile


def load(recording: dict[str, Any], lives: Lives) -> dict[str, Any]:
    """Shares are of the time, 0..1, of a worker's main thread; `cpu` of a stage is in cores, while it
    works; `in_line` the share of that time in which it was ready, and no core was free."""
    spans = [Span(*span) for span in recording["spans"]]
    stages = {name: _stage(name, row, spans, lives) for name, row in recording["stages"].items()}
    workers = {
        name: {"busy": round(sum(stages[stage]["busy"] for stage in members), 3), "cpu": _cpu(recording, name)}
        for name, members in recording["workers"].items()
    }
    used = sum(row["cpu"] for row in workers.values())
    return {
        "seconds": round(lives.ended - lives.began, 3),
        "cores": recording["cores"],
        "cores_used": round(used, 2),
        "machine_busy": recording["machine_busy"],
        "workers": workers,
        "stages": stages,
        "cameras": {name: _camera(name, recording, spans, lives) for name in recording["after"]["cameras"]},
        "edges": {key: _edge(key, recording, lives) for key in recording["edges"]},
    }


def _stage(name: str, row: dict[str, Any], spans: list[Span], lives: Lives) -> dict[str, Any]:
    """A live source's captures are left out: they wait for the camera, in a thread of their own."""
    mine = [span for span in spans if span.stage == name and span.ended > lives.began]
    work = [span for span in mine if span.kind == "process" or (span.kind == "capture" and not row["live"])]
    busy = sum(_within(span, lives) for span in [*work, *(span for span in mine if span.kind == "send")])
    took = [span.ended - span.began for span in work]
    worked = [span for span in work if span.more]
    spent = sum(span.ended - span.began for span in worked)
    seconds = max(1e-9, lives.ended - lives.began)
    return {
        "frames": len(took),
        "fps": round(len(took) / seconds, 2),
        "busy": round(busy / seconds, 3),
        "cpu": round(sum(span.more[0] for span in worked) / spent, 2) if spent else None,
        "in_line": round(sum(span.more[1] for span in worked) / spent, 2) if spent else None,
        "seconds": {"p50": round(quantile(took, 0.5), 6), "p95": round(quantile(took, 0.95), 6)},
    }


def _within(span: Span, lives: Lives) -> float:
    """How much of it lies in the time that is judged."""
    return max(0.0, min(span.ended, lives.ended) - max(span.began, lives.began))


def _cpu(recording: dict[str, Any], worker: str) -> float:
    """Cores that a worker used, all its threads together."""
    before, after = (recording[when]["workers"].get(worker, {}).get("cpu_seconds", 0.0) for when in ("before", "after"))
    seconds: float = recording["seconds"]
    return round(max(0.0, after - before) / seconds, 2) if seconds else 0.0


def _camera(name: str, recording: dict[str, Any], spans: list[Span], lives: Lives) -> dict[str, Any]:
    before, after = recording["before"]["cameras"].get(name, {}), recording["after"]["cameras"][name]
    seen = [s.ended for s in spans if s.kind == "capture" and s.stage == name and lives.began <= s.ended <= lives.ended]
    counts = {key: after[key] - before.get(key, 0) for key in ("captured", "admitted", "delivered", "covered")}
    fps = (len(seen) - 1) / (seen[-1] - seen[0]) if len(seen) > 1 else 0.0
    return {**counts, "fps": round(fps, 2), **{key: _grown(before.get(key, {}), after[key]) for key in ("dropped", "covers")}}


def _edge(key: str, recording: dict[str, Any], lives: Lives) -> dict[str, Any]:
    """`seconds`: how long frames waited on this edge, where the reader waited for nothing else longer."""
    before, after = recording["before"]["edges"].get(key, {}), recording["after"]["edges"].get(key, {})
    reader = recording["edges"][key]["reader"]
    waits: dict[tuple[str, int], float] = {}  # by frame: several sinks may lie behind one stage
    for life in (life for known in lives.to.values() for life in known):
        for step in life.steps:
            if (step.stage, step.edge) == (reader, key):
                waits[life.camera, life.n] = step.wait
    return {
        "received": after.get("received", 0) - before.get("received", 0),
        "dropped": _grown(before.get("dropped", {}), after.get("dropped", {})),
        "wait_seconds": {"p50": round(quantile(waits.values(), 0.5), 6), "p95": round(quantile(waits.values(), 0.95), 6)},
    }


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """By how much each count has grown, without those that have not."""
    return {reason: count - before.get(reason, 0) for reason, count in after.items() if count > before.get(reason, 0)}
