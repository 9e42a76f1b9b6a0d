"""The report of a run, made from its plan and its ledger: at the end as a file, on the way for the page and the progress bar.

Valid Python 3.7.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional

from edge.core.ledger import (
    ADMITTED,
    AGES,
    BRANCHES,
    CAPTURED,
    COPIED,
    COVERED,
    DELIVERED,
    DONE,
    FIRST_NS,
    FRAMES,
    GAP_NS,
    LAST_NS,
    LOST_BY_MAKER,
    RECEIVED,
    RECONNECTS,
    ROUTES,
    SEEN_NS,
    SOURCE_LOST,
    SPENT_NS,
    STATE,
    STATES,
    TIMES,
    Ledger,
)
from edge.core.plan import EdgePlan, Plan, StagePlan

SCHEMA_VERSION = 1


def status(plan: Plan, ledger: Ledger, began: float) -> Dict[str, Any]:
    """The parts of the report that change while it runs. `began`: monotonic seconds."""
    return {
        "graph": plan.name,
        "device": plan.device,
        "seconds": round(time.monotonic() - began, 3),
        "cameras": cameras(plan, ledger),
        "edges": {edge.key: _edge(edge, ledger) for edge in plan.edges if not edge.previous},
        "stages": {stage.name: _stage(stage, ledger) for stage in plan.stages},
        "sinks": {stage.name: _sink(stage, ledger) for stage in plan.stages if stage.is_sink},
        "routes": {stage.name: _routes(stage, ledger) for stage in plan.stages if stage.network},
    }


def report(
    plan: Plan, ledger: Ledger, began: float, code: int, reason: str, workers: Optional[List[Dict[str, Any]]] = None
) -> Dict[str, Any]:
    """The whole report, schema version 1."""
    now = status(plan, ledger, began)
    top = {"schema_version": SCHEMA_VERSION, "graph": now.pop("graph"), "exit": {"code": code, "reason": reason}}
    return dict(top, workers=workers or [], notes=plan.notes, **now)


def cameras(plan: Plan, ledger: Ledger) -> Dict[str, Any]:
    """Camera → its state and its books. One that was not there at the start is "failed", with the reason."""
    found = {}
    for name in plan.sources:
        row = ledger.row("source", name)
        cells = ledger.cells
        dropped = dict(ledger.reasons(row + SOURCE_LOST))
        covers = _covers(plan, ledger, name)
        found[name] = {
            "state": STATES[cells[row + STATE]],
            "seen_seconds": _since(cells[row + SEEN_NS]),
            "reconnects": cells[row + RECONNECTS],
            "gap_seconds": round(cells[row + GAP_NS] / 1e9, 3),
            "captured": cells[row + CAPTURED],
            "admitted": cells[row + ADMITTED],
            "delivered": _delivered(plan, ledger, name),
            "covered": sum(covers.values()),
            "covers": covers,
            "dropped": dropped,
        }
    # Copies: another thread may add to them meanwhile, also a camera that this plan does not have yet.
    for name, trouble in dict(plan.troubles).items():
        if name in found:
            found[name].update(trouble=trouble)
    for name, error in dict(plan.failed).items():
        if name not in found:
            found[name] = {"seen_seconds": None, "captured": 0, "admitted": 0, "delivered": 0, "covered": 0, "covers": {}}
            found[name].update(reconnects=0, gap_seconds=0.0, dropped={})
        found[name].update(state="failed", error=error)
    return found


def _since(when: int) -> Optional[float]:
    """Seconds since the last captured frame; None before the first."""
    return round(time.monotonic() - when / 1e9, 3) if when else None


def _delivered(plan: Plan, ledger: Ledger, source: str) -> int:
    """Frames that every sink has finished; where all sinks skip (a live view only), those of the one that saw most."""
    counts: List[int] = []
    views: List[int] = []
    for stage in plan.stages:
        if stage.is_sink and source in stage.sources:
            done = ledger.cells[ledger.row("visit", stage.name, source) + DONE]
            edges = [edge for edge in plan.edges if edge.reader == stage.name]
            (views if any(edge.side or edge.every > 1 for edge in edges) else counts).append(done)
    return min(counts) if counts else max(views, default=0)


def _covers(plan: Plan, ledger: Ledger, source: str) -> Dict[str, int]:
    for stage in plan.stages:
        if "cover" in stage.makes and source in stage.sources:
            return ledger.reasons(ledger.row("visit", stage.name, source) + COVERED)
    return {}


def _edge(edge: EdgePlan, ledger: Ledger) -> Dict[str, Any]:
    rows = [ledger.row("edge", edge.index, source) for source in edge.sources]
    cells = ledger.cells
    dropped: Dict[str, int] = {}
    for row in rows:
        for reason, count in ledger.reasons(row + LOST_BY_MAKER, 3).items():
            dropped[reason] = dropped.get(reason, 0) + count
    return {
        "kind": edge.kind,
        "policy": edge.policy,
        "received": sum(cells[row + RECEIVED] for row in rows),
        "delivered": sum(cells[row + DELIVERED] for row in rows),
        "dropped": dropped,
        "in_flight": sum(ledger.in_flight(row) for row in rows),
        "copies": sum(cells[row + COPIED] for row in rows),
    }


def _stage(stage: StagePlan, ledger: Ledger) -> Dict[str, Any]:
    row = ledger.row("stage", stage.name)
    busy = round(ledger.cells[row + SPENT_NS] / 1e9, 3)
    return {"frames": ledger.cells[row + FRAMES], "busy_seconds": busy, "seconds": ledger.quantiles(row + TIMES)}


def _routes(stage: StagePlan, ledger: Ledger) -> Dict[str, int]:
    row = ledger.row("stage", stage.name)
    return {branch: ledger.cells[row + ROUTES + i] for i, branch in enumerate(BRANCHES)}


def _sink(stage: StagePlan, ledger: Ledger) -> Dict[str, Any]:
    row = ledger.row("stage", stage.name)
    cells = ledger.cells
    frames = sum(cells[ledger.row("visit", stage.name, source) + DONE] for source in stage.sources)
    span = (cells[row + LAST_NS] - cells[row + FIRST_NS]) / 1e9
    fps = round((frames - 1) / span, 2) if frames > 1 and span > 0 else 0.0
    return {"frames": frames, "fps": fps, "age_seconds": ledger.quantiles(row + AGES)}
