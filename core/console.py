"""What is seen of a run: on a terminal a progress bar and a table, elsewhere plain lines, or events as JSON. All on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from edge.core import logs
from edge.core.errors import hidden
from edge.core.plan import Plan
from edge.core.report import status

EVERY = 5.0
"""Seconds between two events of progress; without a terminal and without JSON there are none."""
REFRESH = 0.25
"""Seconds between two updates of the bar."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads what is said any more (`2>&1 | head`): the run itself goes on."""
        self.quiet = True


class Progressing:
    """Follows a run: `watch` is called several times a second, `finish` once. `most`: frames that each camera captures, 0 where
    nobody knows how many there will be."""

    def __init__(self, plan: Plan, quiet: bool = False, most: int = 0) -> None:
        self.plan = plan
        self.total = most * len(plan.sources) or None
        self.quiet = quiet
        self.console = _Console(stderr=True, highlight=False)
        self._json = logs.is_json()
        self._said: set[str] = set()
        self._next = time.monotonic() + (EVERY if self._json else REFRESH)
        self._bar: Any = None
        self._task: Any = None

    def begin(self) -> None:
        """Say where this runs and what was replaced, before anything else."""
        logs.know(graph=self.plan.name)
        device = self.plan.device
        arrow = f"{device['requested']} → " if device["requested"] != device["resolved"] else ""
        self._say("device", f"device: {arrow}{device['resolved']}: {device['reason']}", **device)
        for note in self.plan.notes:
            self._say("note", note)
        for name, error in self.plan.failed.items():
            self._say("left_out", f"left out: {error}", camera=name)
        if not self.quiet and not self._json and self.console.is_terminal:
            columns = [SpinnerColumn(), BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn()]
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("opening", total=self.total)
            self._bar.start()

    def watch(self, run: Any) -> None:
        for stage, place in run.places.items():
            if stage not in self._said:
                self._said.add(stage)
                self._say("open", f"{stage}: {place}", stage=stage)
        now = time.monotonic()
        if now < self._next or self.quiet:
            return
        if self._json:
            self._next = now + EVERY
            so_far = status(run.plan, run.ledger, run.began)
            self._say("progress", _line(so_far), **_figures(so_far))
        elif self._bar is not None:
            self._next = now + REFRESH
            so_far = status(run.plan, run.ledger, run.began)
            captured = sum(row["captured"] for row in so_far["cameras"].values())
            self._bar.update(self._task, description=_line(so_far), completed=captured)

    def finish(self, report: dict[str, Any], errors: list[str]) -> None:
        """The table of the run, and its errors, each once."""
        if self._bar is not None:
            self._bar.stop()
        if not self.quiet and any(row["captured"] for row in report["cameras"].values()):
            if self.console.is_terminal and not self._json:
                self.console.print(*_tables(report), sep="\n")
            else:
                self._rows(report)
        for error in errors:
            logs.error(error)

    def _rows(self, report: dict[str, Any]) -> None:
        for name, row in report["cameras"].items():
            self._say("camera", f"{name}: {row['state']}, {_camera(row)}", **{"camera": name, **row})
        for name, row in report["sinks"].items():
            text = f"{name}: {row['frames']} frames, {row['fps']:.1f} fps, age p50 {_ms(row['age_seconds']['p50'])}"
            self._say("sink", text, **{"stage": name, **row})

    def _say(self, event: str, text: str, **fields: Any) -> None:
        if self._json:
            logs.event(event, text, **fields)
        elif not self.quiet:
            self.console.print(hidden(text), markup=False, soft_wrap=True)


def _figures(now: dict[str, Any]) -> dict[str, Any]:
    """The run so far in a few numbers, of all cameras and sinks together; the age is that of the slowest sink."""
    cameras, sinks = now["cameras"].values(), now["sinks"].values()
    return {
        "captured": sum(row["captured"] for row in cameras),
        "delivered": sum(row["delivered"] for row in cameras),
        "dropped": sum(sum(row["dropped"].values()) for row in cameras),
        "covered": sum(row["covered"] for row in cameras),
        "fps": max((row["fps"] for row in sinks), default=0.0),
        "age_seconds": max((row["age_seconds"]["p50"] for row in sinks), default=0.0),
    }


def status_lines(now: dict[str, Any]) -> Iterator[str]:
    """What `edge ctl status` shows of a run that goes on."""
    yield f"{now['graph']}: {now['state']} for {now['seconds']:.0f} s on {now['device']['resolved']}; {now['folder']}"
    for name, row in now["cameras"].items():
        seen = row.get("seen_seconds")
        age = f", last frame {seen:.1f} s ago" if seen is not None and row["state"] not in ("ended", "removed") else ""
        yield f"{name}: {row['state']}, {_camera(row)}{age}"
    for name, row in now["sinks"].items():
        yield f"{name}: {row['frames']} frames, {row['fps']:.1f} fps, age p50 {_ms(row['age_seconds']['p50'])}"
    for row in now["workers"]:
        again = f", {row['restarts']} restarts" if row["restarts"] else ""
        yield f"worker {row['name']}: {row['state']}, {row['rss_bytes'] / 2**20:.0f} MiB, {row['cpu_seconds']:.1f} s CPU{again}"


def _line(now: dict[str, Any]) -> str:
    so_far = _figures(now)
    parts = [f"{so_far['delivered']} frames", f"{so_far['fps']:.1f} fps", f"age {_ms(so_far['age_seconds'])}"]
    return "  ".join(parts + [f"{so_far[lost]} {lost}" for lost in ("dropped", "covered") if so_far[lost]])


def _camera(row: dict[str, Any]) -> str:
    text = f"{row['captured']} captured, {row['delivered']} delivered"
    text += f", dropped {_reasons(row['dropped'])}" if row["dropped"] else ", 0 dropped"
    return text + (f", covered {_reasons(row['covers'])}" if row["covers"] else "")


def _tables(report: dict[str, Any]) -> Iterator[Table]:
    """The cameras and what became of their frames; the sinks and how the frames came out."""
    table = _empty("camera", "state", "captured", "delivered", "dropped", "covered")
    for name, row in report["cameras"].items():
        lost, covers = _reasons(row["dropped"]) or "0", _reasons(row["covers"]) or "0"
        table.add_row(name, row["state"], str(row["captured"]), str(row["delivered"]), lost, covers)
    yield table
    table = _empty("sink", "frames", "fps", "age p50", "p95", "p99")
    for name, row in report["sinks"].items():
        ages = [_ms(row["age_seconds"][q]) for q in ("p50", "p95", "p99")]
        table.add_row(name, str(row["frames"]), f"{row['fps']:.1f}", *ages)
    yield table


def _empty(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="left" if title in ("camera", "sink", "state", "dropped", "covered") else "right")
    return table


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
