"""How a run goes and ends: its errors, its exit code and its report. What `Run` and `LocalRun` share. Valid Python 3.7."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List

from edge.core.errors import SourceError
from edge.core.insight.recorder import Recorders
from edge.core.ledger import Ledger
from edge.core.plan import Plan
from edge.core.report import SCHEMA_VERSION, report, status

REMEMBERED = 100
"""Cameras that are gone whose figures the report still has."""

STOPPING = "stopping: what is under way is finished; a second signal ends it at once"


class Outcome:
    """`most`: frames to capture per source, 0 for all. `seconds`: run so long, 0 for ever. `strict`: bad data is no success.
    `watch(run)` is called several times a second; `places`, stage → where to look, is filled as stages open."""

    ledger: Ledger

    def __init__(self, plan: Plan, most: int = 0, seconds: float = 0.0, strict: bool = False, **more: Any) -> None:
        self.plan = plan
        self.most = most
        self.seconds = seconds
        self.strict = strict
        self.watch: Callable[[Any], None] = more.get("watch", _nobody)
        self.places: Dict[str, str] = {}
        self.began = time.monotonic()
        self.code = 0
        self.reason = "end_of_stream"
        self.errors: List[str] = []
        self.recorders = Recorders(self)
        self.removed: Dict[str, Dict[str, Any]] = {}
        """Cameras that are gone, and their figures when they went."""

    def fail(self, error: str, code: int) -> None:
        """Note why the run fails; the first reason gives the exit code."""
        if error not in self.errors:
            self.errors.append(error)
        self.code = self.code or code
        self.reason = self.errors[0]

    def source_ended(self, name: str, error: str, trouble: str) -> None:
        """A camera failed, or its medium had something wrong with it."""
        if error:
            self.plan.failed[name] = error
        elif trouble:
            self.plan.troubles[name] = trouble

    def remember(self, camera: str, row: Dict[str, Any]) -> None:
        """Keep the figures of a camera that goes: of the last few."""
        self.removed.pop(camera, None)
        self.removed[camera] = row
        for name in list(self.removed)[:-REMEMBERED]:
            del self.removed[name]

    def status(self) -> Dict[str, Any]:
        """The figures of the run as they are now. May be asked from another thread."""
        ledger = self.ledger
        now = status(ledger.plan, ledger, self.began)
        now["cameras"] = {**self.removed, **now["cameras"]}
        return {"schema_version": SCHEMA_VERSION, **now, "notes": self.plan.notes, "places": dict(self.places)}

    def report(self, workers: List[Dict[str, Any]]) -> Dict[str, Any]:
        """The exit code settled, and the report with it."""
        if not self.code:
            self._judge()
        result = report(self.plan, self.ledger, self.began, self.code, self.reason, workers)
        result["cameras"] = {**self.removed, **result["cameras"]}
        return result

    def _judge(self) -> None:
        """Nothing failed so far. Is a camera left, and is the data such that a strict run accepts it?"""
        failed = self.plan.failed
        if failed and all(source in failed for source in self.plan.sources):
            for error in failed.values():
                self.fail(error, SourceError.code)
        elif self.strict:
            rows = report(self.plan, self.ledger, self.began, 0, "")["cameras"]
            bad = {name: row["dropped"].get("decode_error", 0) for name, row in rows.items()}
            frames = [f"{name}: {count} bad frames" for name, count in bad.items() if count]
            for text in [*failed.values(), *self.plan.troubles.values(), *frames]:
                self.fail("--strict: " + text, 7)


def _nobody(_run: Any) -> None:
    pass
