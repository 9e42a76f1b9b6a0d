"""What would happen and where it could, as data and as text: plans, devices."""

from __future__ import annotations

from typing import Any

from edge.core import hooks, profile
from edge.core.errors import EdgeError
from edge.core.options import declared
from edge.core.plan import EdgePlan, Plan, StagePlan

# -- a plan -----------------------------------------------------------------------------------------------------------------


def as_data(plan: Plan) -> dict[str, Any]:
    """`edge plan --json`, schema version 1."""
    return {
        "schema_version": 1,
        "graph": plan.name,
        "device": plan.device,
        "notes": [*plan.notes, *(f"left out: {error}" for error in plan.failed.values())],
        "workers": [
            {"name": worker.name, "stages": worker.stages, "arena_bytes": worker.arena_bytes} for worker in plan.workers
        ],
        "stages": {stage.name: _stage(stage) for stage in plan.stages},
        "edges": {edge.key: _edge(plan, edge) for edge in plan.edges},
        "arena_bytes": sum(worker.arena_bytes for worker in plan.workers),
        "copies_per_frame": plan.copies(),
        "restart": plan.restart,
        "max_age": plan.max_age,
    }


def _stage(stage: StagePlan) -> dict[str, Any]:
    """What is of its plugin's own making: text and paths are left out, for they may be secrets or name what is private."""
    known = declared(hooks.stage_class(stage.use, stage.reads))
    plain = {name: option for name, option in known.items() if option.is_plain}
    options = {name: stage.options.get(name, option.default) for name, option in plain.items()}
    return {"use": stage.use, "worker": stage.worker, "cameras": stage.sources, "network": stage.network, "options": options}


def _edge(plan: Plan, edge: EdgePlan) -> dict[str, Any]:
    policy = f"every {edge.every}" if edge.every > 1 else edge.policy
    copies = plan.copies().get(f"{edge.maker}.{edge.value}", 0) if edge.kind != "call" else 0
    row = {"kind": edge.kind, "policy": policy, "window": edge.window, "value": repr(edge.spec), "cameras": edge.sources}
    return {**row, "copies": copies}


def as_text(plan: Plan) -> str:
    """The plan for a person: who runs where, how values travel, what it costs."""
    device = plan.device
    arrow = f"{device['requested']} → " if device["requested"] != device["resolved"] else ""
    lines = [f"{plan.name}: device {arrow}{device['resolved']} ({device['reason']})"]
    lines += [f"  {note}" for note in as_data(plan)["notes"]]
    lines += ["", "workers"]
    for worker in plan.workers:
        size = f"{worker.arena_bytes / 2**20:.1f} MiB arena" if worker.pools else "no arena"
        lines.append(f"  {worker.name:<12} {size:>16}   {', '.join(worker.stages)}")
    lines += ["", "edges"]
    width = max((len(edge.key) for edge in plan.edges), default=0)
    for edge in plan.edges:
        row = _edge(plan, edge)
        copies = f", {row['copies']} cop{'y' if row['copies'] == 1 else 'ies'}" if edge.kind != "call" else ""
        lines.append(f"  {edge.key:<{width}}  {row['kind']:<4}  {row['policy']:<8}  {row['value']}{copies}")
    total = sum(plan.copies().values())
    lines += ["", f"copies per frame: {total}{_where(plan)}; credits bound what is under way, so nothing grows"]
    return "\n".join(lines)


def _where(plan: Plan) -> str:
    names = [name for name, count in plan.copies().items() if count]
    return f" ({', '.join(names)})" if names else ""


# -- devices ----------------------------------------------------------------------------------------------------------------


def devices_data() -> list[dict[str, Any]]:
    """Every profile: whether it can run here, and what was found or what is missing."""
    rows = []
    for name in profile.everywhere():
        row = {"name": name, "title": "", "runtime": "", "fallback": "none"}
        try:
            chosen = profile.read(name)
            row.update(title=chosen.title, runtime=chosen.runtime, fallback=chosen.fallback)
            rows.append({**row, "works": True, "reason": profile.probe(chosen)})
        except EdgeError as error:
            rows.append({**row, "works": False, "reason": str(error)})
    return rows
