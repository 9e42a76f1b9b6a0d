"""The catalogue of plugins: what is installed, and what each of them reads, makes and lets a graph choose. Data and text."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from edge.core import hooks
from edge.core.errors import EdgeError, UsageError
from edge.core.options import REQUIRED, declared, nearest
from edge.core.port import PortType, ports_of
from edge.core.stage import Source

# -- all of them ------------------------------------------------------------------------------------------------------------


def plugins_data() -> list[dict[str, Any]]:
    """Every plugin, in the order of its name. One that does not work says why, and the others are listed all the same."""
    rows = []
    for name, plugin in sorted(hooks.known().items()):
        row = _about(plugin)
        try:
            found = list(_registered(name))
            kinds = dict.fromkeys(kind for _, kind, _ in found)
            row.update(kind=" and ".join(kinds), summary=_summary(found[0][2], name))
        except EdgeError as error:
            row.update(kind="broken", summary=str(error))
        rows.append(row)
    return rows


def plugins_text() -> str:
    rows = plugins_data()
    width = max(len(row["name"]) for row in rows)
    lines = [f"{row['name']:<{width}}  {row['kind']:<15}  {row['summary']}  [{row['origin']}]" for row in rows]
    return "\n".join([*lines, "", "edge plugins NAME shows one's options and ports"])


def _about(plugin: hooks.Plugin) -> dict[str, Any]:
    package = plugin.package
    return {
        "name": plugin.name,
        "origin": plugin.origin,
        "distribution": package.name if package else "",
        "version": package.version if package else "",
    }


# -- one of them ------------------------------------------------------------------------------------------------------------


def plugin_data(name: str) -> dict[str, Any]:
    """One plugin, schema version 1: where it comes from, its hooks, and each thing that it registers under its name.

    Raises UsageError where there is none, PluginError where it does not work.
    """
    if name not in hooks.known():
        raise UsageError(f"there is no plugin '{name}'{nearest(name, hooks.known())}")
    plugin = hooks.known()[name].chosen()
    return {
        "schema_version": 1,
        **_about(plugin),
        "edge_api": str(getattr(plugin.load(), "edge_api", "")),
        "hooks": hooks.implemented(name),
        "classes": [_thing(*found) for found in _registered(name)],
    }


def _registered(name: str) -> Iterator[tuple[str, str, Any]]:
    """(name, kind, class or command) of all that a plugin registers under its name; policies of ours have their own."""
    several = False
    for hook in hooks.implemented(name):
        found = hooks.registered(name, hook)
        for key in found if name == hooks.POLICIES else [name] if name in found else []:
            thing, more = found[key]
            ends = [thing, *([more["sink"]] if "sink" in more else [])]
            yield from ((key, _kind(hook, end), end) for end in ends)
            several = True
    if not several:
        raise hooks.known()[name].chosen().error("registers nothing of that name")


def _kind(hook: str, thing: Any) -> str:
    if hook != "register_stages":
        return {"register_devices": "device", "register_policies": "policy", "register_commands": "command"}[hook]
    return stage_kind(thing)


def stage_kind(cls: Any) -> str:
    """What a Stage is to a graph."""
    return "source" if issubclass(cls, Source) else "stage" if cls.makes else "sink"


def _thing(name: str, kind: str, thing: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "kind": kind, "doc": _doc(kind, thing), "options": []}
    if kind == "device" and thing is None:  # a profile alone, of another's runtime
        return row
    if kind != "command":
        row["options"] = [_option(option) for option in declared(thing).values()]
    if kind in ("source", "stage", "sink"):
        row.update(
            ports={} if kind == "source" else {name: _port(port) for name, port in ports_of(thing()).items()},
            makes={value: getattr(made, "__name__", str(made)) for value, made in thing.makes.items()},
            network=thing.network,
            tick_after=thing.tick_after,
            steady=list(thing.steady),
        )
    return row


def _doc(kind: str, thing: Any) -> str:
    if kind == "command":
        return inspect.cleandoc(thing.help or "")
    return inspect.getdoc(thing) or "" if thing and vars(thing).get("__doc__") else ""


def _summary(thing: Any, name: str) -> str:
    """The first line of the plugin's module, which says what it is for; of a command, that of its help."""
    written = getattr(thing, "help", None) or inspect.getdoc(inspect.getmodule(thing)) or inspect.getdoc(thing)
    return inspect.cleandoc(written).splitlines()[0] if written else name


def _option(option: Any) -> dict[str, Any]:
    default = None if option.default is REQUIRED else option.default
    plain = default if isinstance(default, (bool, int, float, type(None))) else str(default)
    return {"name": option.name, "type": option.type_name, "required": option.required, "default": plain, "doc": option.doc}


def _port(port: PortType) -> dict[str, Any]:
    """optional: may be None. wired: a graph must feed it. previous: it reads an earlier frame's value."""
    kind = getattr(port.type, "__name__", "any")
    return {"type": kind, "optional": port.optional, "wired": port.wired, "previous": port.previous}


# -- as text ----------------------------------------------------------------------------------------------------------------


def plugin_text(name: str) -> str:
    data = plugin_data(name)
    made_for = f", edge_api {data['edge_api']}" if data["edge_api"] else ""
    lines = [f"{name} [{data['origin']}{made_for}]: {', '.join(data['hooks'])}"]
    for row in data["classes"]:
        title = row["kind"] if row["name"] == name else f"{row['kind']} {row['name']}"
        lines += ["", f"{title}: {_first_sentence(row['doc'])}".rstrip(": "), *_lines(row)]
    return "\n".join(lines)


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def _lines(row: dict[str, Any]) -> Iterator[str]:
    if row.get("ports"):
        yield "  reads  " + ", ".join(f"{name} ({port_text(port)})" for name, port in row["ports"].items())
    if row.get("makes"):
        yield "  makes  " + ", ".join(f"{value} ({kind})" for value, kind in row["makes"].items())
    if row.get("network"):
        yield "  runs a network, in a process of its own"
    if row.get("tick_after") is not None:
        yield f"  speaks up where nothing has arrived for {row['tick_after']:g} s"
    if row.get("steady"):
        yield f"  cannot be changed while it runs: {', '.join(row['steady'])}"
    for option in row["options"]:
        default = "required" if option["required"] else f"default {option['default']!r}"
        yield f"  {option['name']}: {option['type']}, {default}"
        yield f"      {option['doc']}"
    if row["kind"] == "command":
        yield f"  edge {row['name']} --help"


def port_text(port: dict[str, Any]) -> str:
    """`Alpha`, with what is unusual about it."""
    if port["previous"]:
        return f"{port['type']}, of an earlier frame"
    if not port["wired"]:
        return f"{port['type']}, optional"
    return f"{port['type']}, None where lost" if port["optional"] else str(port["type"])
