"""Is a run doing its work? A check for the supervisor, one for each worker and each camera, and what follows from them."""

from __future__ import annotations

import time
from typing import Any

from edge.core.plan import Plan

OPEN = ("running", "ending")
"""States of a worker whose stages are open, its models loaded."""
AWAY = ("reconnecting", "failed", "ended", "paused", "removed")
"""States of a camera that gives no frames, and is known not to."""
STALE = 5.0
"""Seconds without a frame after which a live camera that runs is silent; of a slower one, those of three frames."""

Check = dict[str, Any]


def checks(plan: Plan, status: dict[str, Any], turned: float) -> list[Check]:
    """A line each: `check` (what is looked at), `ok`, and why. `turned`: seconds since the supervisor last turned."""
    late = turned > plan.restart["stall"]
    found: list[Check] = [{"check": "supervisor", "ok": not late, "turned_seconds": round(turned, 3)}]
    for row in status["workers"]:
        about = {key: row[key] for key in ("state", "stages", "restarts")}
        found.append({"check": f"worker {row['name']}", "ok": row["state"] in OPEN, **about})
    closed = {row["name"] for row in status["workers"] if row["state"] not in OPEN}
    for name, row in status["cameras"].items():
        if row["state"] != "removed":
            found.append(_camera(plan, name, row, closed))
    return found


def _camera(plan: Plan, name: str, row: dict[str, Any], closed: set[str]) -> Check:
    """A camera is well where it gives frames, and every worker that they go through is there."""
    waits = [stage.worker for stage in plan.stages if name in stage.sources and stage.worker in closed]
    well = row["state"] in ("ended", "paused") or (
        row["state"] == "running" and row["delivered"] > 0 and not _silent(plan, name, row)
    )
    check = {"check": f"camera {name}", "ok": well and not waits, "state": row["state"], "seen_seconds": row["seen_seconds"]}
    return {**check, **({"error": row["error"]} if "error" in row else {})}


def _silent(plan: Plan, name: str, row: dict[str, Any]) -> bool:
    """A file is not: it waits for those who read it."""
    if not plan.stage(name).live or row["seen_seconds"] is None:
        return False
    rate = plan.rates.get(name, 0.0)
    return bool(row["seen_seconds"] > max(STALE, 3 / rate if rate else 0.0))


def verdict(found: list[Check]) -> str:
    """`ready`; `degraded`, where some cameras are well and others not; `failing`, where nothing useful is done."""
    cameras = [check["ok"] for check in found if check["check"].startswith("camera ")]
    if not found[0]["ok"] or not any(cameras):
        return "failing"
    return "ready" if all(cameras) else "degraded"


def settled(status: dict[str, Any], waited: float, patience: float) -> bool:
    """Has the run come as far as it can? Every stage is open, and every camera has delivered a frame, is known to be away, or
    has been waited for long enough."""
    if not all(row["state"] in OPEN for row in status["workers"]):
        return False
    return waited > patience or all(row["delivered"] or row["state"] in AWAY for row in status["cameras"].values())


class Progress:
    """Does the run get anywhere? It is told the run again and again."""

    def __init__(self) -> None:
        self._finished = -1
        self._moved = time.monotonic()

    def stuck(self, status: dict[str, Any]) -> float:
        """Seconds for which frames have been under way, and none of them was finished on any edge."""
        now = time.monotonic()
        books = status["edges"].values()
        finished = sum(book["delivered"] + sum(book["dropped"].values()) for book in books)
        if finished != self._finished or not any(book["in_flight"] for book in books):
            self._finished, self._moved = finished, now
        return now - self._moved
