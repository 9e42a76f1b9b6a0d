"""The findings of a conformance run, as data and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from edge.core.document import scalar
from edge.core.errors import UsageError
from edge.core.plugin import known
from edge.core.testing.finding import Finding


def chosen(sets: Iterable[str]) -> dict[str, Any]:
    """`--set option=value`, read as in a graph. Raises UsageError for what is no pair."""
    options = {}
    for words in sets:
        name, equals, text = words.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {words}: write option=value")
        options[name] = scalar(text)
    return options


def failures(findings: Iterable[Finding]) -> int:
    return sum(finding.verdict == "FAIL" for finding in findings)


def as_data(name: str, findings: list[Finding]) -> dict[str, Any]:
    """`edge plugins test --json`, schema version 1."""
    return {
        "schema_version": 1,
        "plugin": name,
        "origin": _origin(name),
        "passed": not failures(findings),
        "findings": msgspec.to_builtins(findings),
    }


def as_text(name: str, findings: list[Finding]) -> str:
    """A line for each check; those skipped for one reason share a line."""
    lines = [f"{name} [{_origin(name)}]"]
    of = ""
    for finding, checks in _grouped(findings):
        lines += ["", finding.of] if finding.of != of else []
        of = finding.of
        lines.append(f"  {finding.verdict}  {', '.join(checks):<10} {finding.told}")
    counts = [f"{count} {word}" for word, count in _counts(findings) if count]
    return "\n".join([*lines, "", ", ".join(counts)])


def _origin(name: str) -> str:
    return known()[name].origin if name in known() else "built in"


def _counts(findings: list[Finding]) -> list[tuple[str, int]]:
    words = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
    return [(word, sum(finding.verdict == verdict for finding in findings)) for verdict, word in words.items()]


def _grouped(findings: list[Finding]) -> list[tuple[Finding, list[str]]]:
    groups: list[tuple[Finding, list[str]]] = []
    for finding in findings:
        last = groups[-1][0] if groups else None
        if last and finding.verdict == "SKIP" and (last.of, last.verdict, last.told) == (finding.of, "SKIP", finding.told):
            groups[-1][1].append(finding.check)
        else:
            groups.append((finding, [finding.check]))
    return groups
