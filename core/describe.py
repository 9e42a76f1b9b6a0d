"""What there is and what would happen, as data and as text: plans, plugins, devices."""

from __future__ import annotations

import inspect
from typing import Any

from edge.core import hooks, profile
from edge.core.errors import EdgeError, UsageError
from edge.core.options import REQUIRED, declared, nearest
from edge.core.plan import EdgePlan, Plan
from edge.core.port import ports_of
from edge.core.stage import Source

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
        "edges": {edge.key: _edge(plan, edge) for edge in plan.edges},
        "arena_bytes": sum(worker.arena_bytes for worker in plan.workers),
        "copies_per_frame": plan.copies(),
        "restart": plan.restart,
        "max_age": plan.max_age,
    }


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


# -- plugins ----------------------------------------------------------------------------------------------------------------


def plugins_data() -> list[dict[str, Any]]:
    """Every plugin, in the order of its name. One that does not import says why, and the others are listed all the same."""
    rows = []
    for name, plugin in sorted(hooks.known().items()):
        row: dict[str, Any] = {"name": name, "origin": plugin.origin}
        try:
            classes = _classes(name)
            row.update(kind=" and ".join(_kind(cls) for cls in classes), summary=_summary(classes[0], name))
        except (EdgeError, KeyError) as error:
            row.update(kind="broken", summary=str(error))
        rows.append(row)
    return rows


def plugins_text() -> str:
    rows = plugins_data()
    width = max(len(row["name"]) for row in rows)
    lines = [f"{row['name']:<{width}}  {row['kind']:<15}  {row['summary']}  [{row['origin']}]" for row in rows]
    return "\n".join([*lines, "", "edge plugins NAME shows one's options and ports"])


def plugin_data(name: str) -> dict[str, Any]:
    """One plugin: its classes with options, ports and what they make. Raises UsageError where there is none."""
    if name not in hooks.known():
        raise UsageError(f"there is no plugin '{name}'{nearest(name, hooks.known())}")
    return {
        "name": name,
        "origin": hooks.known()[name].origin,
        "classes": [
            {
                "kind": _kind(cls),
                "doc": inspect.getdoc(cls) if "__doc__" in vars(cls) and cls.__doc__ else "",
                "options": [_option(option) for option in declared(cls).values()],
                "ports": _ports(cls),
                "makes": {value: kind.__name__ for value, kind in cls.makes.items()},
            }
            for cls in _classes(name)
        ],
    }


def plugin_text(name: str) -> str:
    data = plugin_data(name)
    lines = [f"{name} [{data['origin']}]"]
    for row in data["classes"]:
        lines += ["", f"{row['kind']}: {row['doc'].splitlines()[0] if row['doc'] else ''}".rstrip(": ")]
        ports = ", ".join(f"{port} ({kind})" for port, kind in row["ports"].items())
        makes = ", ".join(f"{value} ({kind})" for value, kind in row["makes"].items())
        lines += [f"  reads  {ports}"] if ports else []
        lines += [f"  makes  {makes}"] if makes else []
        for option in row["options"]:
            default = "required" if option["required"] else f"default {option['default']!r}"
            lines += [f"  {option['name']}: {option['type']}, {default}", f"      {option['doc']}"]
    return "\n".join(lines)


def _classes(name: str) -> list[Any]:
    source, sink = hooks.stage_class(name, False), hooks.stage_class(name, True)
    return [source] if source is sink else [source, sink]


def _kind(cls: Any) -> str:
    return "source" if issubclass(cls, Source) else "stage" if cls.makes else "sink"


def _summary(cls: Any, name: str) -> str:
    """The first line of the plugin's module, which says what it is for."""
    module = inspect.getmodule(cls)
    doc = inspect.getdoc(module) or inspect.getdoc(cls) or ""
    return doc.splitlines()[0] if doc else name


def _option(option: Any) -> dict[str, Any]:
    default = None if option.default is REQUIRED else option.default
    plain = default if isinstance(default, (bool, int, float, type(None))) else str(default)
    return {"name": option.name, "type": option.type_name, "required": option.required, "default": plain, "doc": option.doc}


def _ports(cls: Any) -> dict[str, str]:
    if issubclass(cls, Source):
        return {}
    return {name: getattr(port.type, "__name__", "any") for name, port in ports_of(cls()).items()}


# -- devices ----------------------------------------------------------------------------------------------------------------


def devices_data() -> list[dict[str, Any]]:
    """Every profile: whether it can run here, and what was found or what is missing."""
    rows = []
    for name in profile.names():
        chosen = profile.read(name)
        row = {"name": name, "title": chosen.title, "runtime": chosen.runtime, "fallback": chosen.fallback}
        try:
            rows.append({**row, "works": True, "reason": profile.probe(chosen)})
        except EdgeError as error:
            rows.append({**row, "works": False, "reason": str(error)})
    return rows
