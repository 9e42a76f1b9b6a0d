"""All the checks, one after the other, and their findings as data and as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge.core.doctor import cameras, memory, places, processors, runtimes, software
from edge.core.doctor.finding import FAIL, OK, SKIP, WARN, Check, Finding
from edge.core.errors import hidden
from edge.core.plan import Plan

CHECKS: tuple[Check, ...] = (
    software.python,
    software.packages,
    software.extras,
    software.plugins,
    software.models,
    runtimes.onnxruntime,
    runtimes.devices,
    processors.cores,
    processors.governor,
    processors.clock,
    processors.time_of_day,
    memory.shared_memory,
    memory.free_memory,
    memory.descriptors,
    places.disks,
    places.run_directory,
    places.runs,
    places.ports,
    cameras.cameras,
    cameras.sources,
)
"""In the order in which they are told."""

COLOURS = {OK: "green", WARN: "yellow", FAIL: "red", SKIP: "bright_black"}


def examine(plan: Plan | None = None, checks: tuple[Check, ...] = CHECKS) -> Iterator[Finding]:
    """What each check finds. One that breaks says so, and hinders no other."""
    for check in checks:
        try:
            yield from check(plan)
        except Exception as error:  # a strange machine: what is not known of it is no reason to stop
            name = check.__name__.replace("_", " ")
            yield Finding(name, WARN, f"could not be looked at: {type(error).__name__}: {error}", "tell us of this machine")


def as_data(findings: list[Finding]) -> dict[str, Any]:
    """`edge doctor --json`, schema version 1."""
    rows = [{**finding._asdict(), "detail": hidden(finding.detail)} for finding in findings]
    return {"schema_version": 1, "ok": all(finding.status != FAIL for finding in findings), "checks": rows}


def as_text(finding: Finding, style: Any = lambda text, **_: text) -> str:
    """A line, and below it the mend where there is one. `style(text, fg=...)` colours."""
    line = f"{style(f'{finding.status:<4}', fg=COLOURS[finding.status])}  {finding.name:<22} {hidden(finding.detail)}"
    return f"{line}\n{'':<29}→ {finding.mend}" if finding.mend else line
