"""What a person sees of a run: on a terminal a progress bar and a table, elsewhere plain lines. All on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from edge.core.errors import hidden
from edge.core.plan import Plan
from edge.core.report import status

EVERY = 5.0
"""Seconds between two lines where there is no terminal."""
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
        self._said: set[str] = set()
        self._next = time.monotonic() + (REFRESH if self.console.is_terminal else EVERY)
        self._bar: Any = None
        self._task: Any = None

    def begin(self) -> None:
        """Say where this runs and what was replaced, before anything else."""
        device = self.plan.device
        if device["requested"] != device["resolved"]:
            self._say(f"device: {device['requested']} → {device['resolved']}: {device['reason']}")
        else:
            self._say(f"device: {device['resolved']}: {device['reason']}")
        for note in self.plan.notes:
            self._say(note)
        for error in self.plan.failed.values():
            self._say(f"left out: {error}")
        if not self.quiet and self.console.is_terminal:
            columns = [SpinnerColumn(), BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn()]
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("opening", total=self.total)
            self._bar.start()

    def watch(self, run: Any) -> None:
        for stage, place in run.places.items():
            if stage not in self._said:
                self._said.add(stage)
                self._say(f"{stage}: {place}")
        now = time.monotonic()
        if now < self._next or self.quiet:
            return
        so_far = status(run.plan, run.ledger, run.began)
        if self._bar is not None:
            self._next = now + REFRESH
            captured = sum(row["captured"] for row in so_far["cameras"].values())
            self._bar.update(self._task, description=_line(so_far), completed=captured)
        else:
            self._next = now + EVERY
            self._say(_line(so_far))

    def finish(self, report: dict[str, Any], errors: list[str]) -> None:
        """The table of the run, and its errors, each once."""
        if self._bar is not None:
            self._bar.stop()
        if not self.quiet and any(row["captured"] for row in report["cameras"].values()):
            if self.console.is_terminal:
                self.console.print(*_tables(report), sep="\n")
            else:
                self._rows(report)
        for error in errors:
            for line in error.splitlines():
                print(f"error: {hidden(line)}", file=sys.stderr)

    def _rows(self, report: dict[str, Any]) -> None:
        for name, row in report["cameras"].items():
            self._say(f"{name}: {row['state']}, {_camera(row)}")
        for name, row in report["sinks"].items():
            self._say(f"{name}: {row['frames']} frames, {row['fps']:.1f} fps, age p50 {_ms(row['age_seconds']['p50'])}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False, soft_wrap=True)


def _line(now: dict[str, Any]) -> str:
    cameras, sinks = now["cameras"].values(), now["sinks"].values()
    parts = [f"{sum(row['delivered'] for row in cameras)} frames"]
    parts += [f"{max((row['fps'] for row in sinks), default=0.0):.1f} fps"]
    parts += [f"age {_ms(max((row['age_seconds']['p50'] for row in sinks), default=0.0))}"]
    dropped = sum(sum(row["dropped"].values()) for row in cameras)
    covered = sum(row["covered"] for row in cameras)
    return "  ".join(parts + [f"{dropped} dropped"] * bool(dropped) + [f"{covered} covered"] * bool(covered))


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
