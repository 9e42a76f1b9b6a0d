"""`edge explain`: a recording told to a person. Typical lives as waterfalls, then the verdict, then what to change."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from edge.core.insight.load import load
from edge.core.insight.verdict import Verdict
from edge.core.insight.waterfall import Life, Lives, quantile, rows, typical

WAIT, COPY, COMPUTE = "░▒█"
PICTURES = 3
"""Waterfalls that are drawn: those with the longest lives."""
NUMBERS = 4 * 8
"""Columns that the numbers beside a bar take."""


def explanation(recording: dict[str, Any]) -> dict[str, Any]:
    """Everything that can be said about a recording, as plain data: `edge explain --json`, schema version 1."""
    lives = Lives(recording)
    found = load(recording, lives)
    return {
        "schema_version": 1,
        "graph": recording["graph"],
        "verdict": Verdict(recording, found).as_data(),
        "lives": sorted(
            (_told(camera, sink, known) for (camera, sink), known in lives.to.items() if known),
            key=lambda row: -float(row["seconds"]["p50"]),
        ),
        "load": found,
    }


def _told(camera: str, sink: str, lives: list[Life]) -> dict[str, Any]:
    seconds = [life.seconds for life in lives]
    life = typical(lives)
    steps = [
        {
            "stage": step.stage,
            "edge": step.edge,
            "ready": round(step.ready - life.began if step.edge else 0.0, 6),
            **{name: round(getattr(step, name), 6) for name in ("wait", "copy", "compute")},
            "late": step.late,
        }
        for step in life.steps
    ]
    return {
        "camera": camera,
        "sink": sink,
        "frames": len(lives),
        "seconds": {"p50": round(quantile(seconds, 0.5), 6), "p95": round(quantile(seconds, 0.95), 6)},
        "stages": {name: {key: round(value, 6) for key, value in row.items()} for name, row in rows(lives).items()},
        "typical": {"n": life.n, "seconds": round(life.seconds, 6), "steps": steps},
    }


def as_text(data: dict[str, Any]) -> str:
    """For a terminal of 80 columns or more."""
    width = min(120, shutil.get_terminal_size((80, 24)).columns)
    lines: list[str] = []
    for row in data["lives"][:PICTURES]:
        lines += [*_waterfall(row, width), ""]
    lines += [f"{row['camera']} → {row['sink']}: {_lengths(row)}" for row in data["lives"][PICTURES:]]
    verdict = data["verdict"]
    lines += [textwrap.fill(text, width) for text in verdict["sentences"]]
    if verdict["advice"]:
        lines += [
            "",
            "What to change:",
            *(textwrap.fill(f"- {text}", width, subsequent_indent="  ") for text in verdict["advice"]),
        ]
    return "\n".join(lines).lstrip("\n")


def _waterfall(row: dict[str, Any], width: int) -> Iterator[str]:
    life = row["typical"]
    names = max(len(step["stage"]) for step in life["steps"])
    bar = max(12, width - names - 2 - NUMBERS)
    yield f"{row['camera']} → {row['sink']}: {_lengths(row)}"
    head = f"frame {life['n']}, a typical one: {WAIT} wait {COPY} copy {COMPUTE} compute"
    yield f"{head:<{names + 2 + bar}}    wait    copy compute  p95 ms"
    for step in life["steps"]:
        numbers = row["stages"][step["stage"]]
        columns = "".join(f"{_ms(numbers[key]):>8}" for key in ("wait", "copy", "compute", "p95"))
        yield f"{step['stage']:<{names}}  {_bar(step, bar, life['seconds']):<{bar}}{columns}"


def _bar(step: dict[str, Any], width: int, seconds: float) -> str:
    """One step, drawn to scale from where its frame was ready. What took any time at all has one character."""
    scale = width / seconds if seconds else 0.0
    parts = ((WAIT, step["wait"]), (COMPUTE, step["compute"]), (COPY, step["copy"]))
    at, drawn = step["ready"], ""
    begin = min(width - 1, int(at * scale))
    for sign, length in parts:
        at += length
        drawn += sign * (round(at * scale) - begin - len(drawn))
    if not drawn:
        drawn = max(parts, key=lambda part: part[1])[0]
    return (" " * begin + drawn)[:width]


def _lengths(row: dict[str, Any]) -> str:
    p50, p95 = (_ms(row["seconds"][q]) for q in ("p50", "p95"))
    return f"median {p50} ms, 95 % within {p95} ms ({row['frames']} frames)"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
