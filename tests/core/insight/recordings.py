"""Recordings of runs that never were: a camera, some stages in a row, each with its worker, as if by a clock of their own."""

from __future__ import annotations

from typing import Any

from edge.core.insight.trace import Span

PAUSE = 0.0001
"""Seconds from one stage's send to the next stage's process."""


def recording(stages: dict[str, float], fps: float = 25.0, frames: int = 100, **more: Any) -> dict[str, Any]:
    """`stages`: name → seconds per frame; the last is the sink. `live`, `workers` (name → stages), `cpu` (stage → cores while
    it works), `in_line`, `kinds`, `cores`, `machine_busy`, `reads` (seconds that reading a file takes for each frame). A live
    camera's newest frame replaces the one that waits, a file is read when the first stage has room, and a stage runs when the
    next one has taken what it made before."""
    live, names = more.get("live", True), list(stages)
    workers = more.get("workers", {name: [name] for name in ("camera", *names)})
    cpu = more.get("cpu", {})
    spans, lost = _spans(stages, fps, frames, live, cpu, more.get("in_line", 0.0), more.get("reads", 0.001))
    seconds = max(span.ended for span in spans)
    home = {stage: worker for worker, members in workers.items() for stage in members}
    kinds = {names[-1]: "sink", **more.get("kinds", {})}
    edges = {}
    for maker, reader in zip(["camera", *names], names, strict=False):
        kind = "call" if home[maker] == home[reader] else "shm"
        edges[f"{maker}->{reader}:image"] = {
            "maker": maker,
            "reader": reader,
            "port": "image",
            "kind": kind,
            "policy": "live" if live else "all",
            "every": 1,
            "window": 1,
            "cameras": ["camera"],
        }
    done = frames - lost
    counts = {"captured": frames, "admitted": done, "delivered": done, "covered": 0, "covers": {}}
    cameras = {"camera": {**counts, "dropped": {"superseded": lost} if lost else {}}}
    used = {worker: sum(stages.get(s, 0.0) * cpu.get(s, 1.0) * done for s in members) for worker, members in workers.items()}
    after = {
        "cameras": cameras,
        "edges": {key: {"received": done, "delivered": done, "dropped": {}} for key in edges},
        "workers": {worker: {"cpu_seconds": spent} for worker, spent in used.items()},
    }
    row = {"use": "x", "live": live, "cameras": ["camera"], "rate": fps, "size": None, "threads": None}
    return {
        "schema_version": 1,
        "graph": "planted",
        "seconds": seconds,
        "cores": more.get("cores", 4),
        "machine_busy": more.get("machine_busy", 0.3),
        "workers": workers,
        "stages": {
            "camera": {**row, "kind": "source", "worker": home["camera"]},
            **{name: {**row, "kind": kinds.get(name, "stage"), "worker": home[name]} for name in names},
        },
        "edges": edges,
        "before": {"cameras": {}, "edges": {}, "workers": {}},
        "after": after,
        "samples": [[0.1 * i, dict.fromkeys(edges, i % 2)] for i in range(int(10 * seconds))],
        "spans": [list(span) for span in spans],
        "cut": 0,
    }


def _spans(
    stages: dict[str, float], fps: float, frames: int, live: bool, cpu: dict[str, float], in_line: float, reads: float
) -> tuple[list[Span], int]:
    names = list(stages)
    free, took = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    behind = dict(zip(names, names[1:], strict=False))
    found: list[Span] = []
    lost, admitted = 0, 0.0
    for n in range(frames):
        captured = (n + 1) / fps if live else admitted + reads
        began, spent = (captured - 1 / fps, None) if live else (admitted, (reads * cpu.get("camera", 1.0), reads * in_line))
        found.append(Span("capture", "camera", "camera", n, began, captured, spent))
        room = max(free[names[0]], took.get(behind.get(names[0], ""), 0.0))
        if live and n + 1 < frames and room > (n + 2) / fps:
            lost += 1
            found.append(Span("lost", "camera", "camera", n, captured + 1 / fps, captured + 1 / fps, "superseded"))
            continue
        at = max(captured, admitted) if live else captured
        found.append(Span("send", "camera", "camera", n, at, at + PAUSE))
        for stage, seconds in stages.items():
            began = took[stage] = max(at + PAUSE, free[stage], took.get(behind.get(stage, ""), 0.0))
            if stage == names[0]:
                admitted = began
            at = free[stage] = began + seconds
            found.append(Span("process", stage, "camera", n, began, at, (seconds * cpu.get(stage, 1.0), seconds * in_line)))
            if stage in behind:
                found.append(Span("copy", stage, "camera", n, at + PAUSE / 4, at + PAUSE / 2))
                found.append(Span("send", stage, "camera", n, at, at + PAUSE))
    return found, lost
