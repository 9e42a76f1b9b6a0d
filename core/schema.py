"""The JSON Schema of a graph file, with the options of the plugins that are installed, for editors and for other programs.

It knows what stands in one place: words, options, their types. What depends on two places (a `from` that names no stage, a
model that is not there) is for `edge validate`. It never refuses what the compiler takes.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from typing import Any

from edge.core import hooks, profile
from edge.core.catalogue import plugins_data, stage_kind
from edge.core.errors import EdgeError
from edge.core.graph import NAME, RESTART
from edge.core.option_schema import VARIABLE, Schema, of_option, or_variable
from edge.core.options import Option, declared
from edge.core.stage import Source

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEADER = "# yaml-language-server: $schema="
"""Begins the line of a graph that tells an editor where its schema is."""


def schema(built_in: bool = False) -> Schema:
    """Of the plugins installed here; `built_in`: of Edgeflow's own alone, the same everywhere."""
    plugins = {row["name"]: row for row in plugins_data() if not built_in or row["origin"] == "built in"}
    stages = {name: found for name in plugins if (found := _classes(name))}
    choices = {"device": _devices(built_in), "policy": _policies(built_in)}
    return {
        "$schema": DIALECT,
        "title": "A graph of Edgeflow",
        "description": "Stages from cameras to sinks, and what runs their networks. `edge validate GRAPH` checks the rest.",
        "type": "object",
        "required": ["stages"],
        "additionalProperties": False,
        "properties": _top(),
        "$defs": {
            "variable": {
                "type": "string",
                "pattern": r"\$\{",
                "description": "${NAME} or ${NAME:-default}: a variable of the environment",
            },
            **_words(),
            **{kind: _choice(kind, maps) for kind, maps in choices.items()},
            "stage": _stage(stages, {name: row["summary"] for name, row in plugins.items()}),
            **{f"{kind}.{name}": known for kind, maps in choices.items() for name, known in maps.items() if known is not None},
            **{f"{name}.{kind}": _plugin(name, cls) for name, kinds in stages.items() for kind, cls in kinds.items()},
        },
    }


def _top() -> Schema:
    seconds = {"type": "number", "minimum": 0}
    restart = {
        "most": "so often a worker is replaced",
        "within": "in so many seconds",
        "stall": "seconds without progress after which a worker is taken for dead",
    }
    numbers = {key: {**or_variable(seconds), "default": RESTART[key], "description": restart[key]} for key in RESTART}
    return {
        "version": {**or_variable({"const": 1}), "description": "of this format"},
        "name": {"description": "the graph's name; else that of the file"},
        "device": {
            "description": "the profile that runs the networks",
            "anyOf": [{"type": "null"}, {"$ref": "#/$defs/device"}],
            "default": "desktop",
            "if": {"type": "object", "not": {"required": ["use"]}},
            "then": {"$ref": "#/$defs/device.desktop"},
        },
        "max_age": {
            **or_variable(seconds),
            "default": 0,
            "description": "seconds; an older live frame is dropped; 0: no limit",
        },
        "restart": {
            "type": "object",
            "description": "how a worker that died is replaced",
            "additionalProperties": False,
            "properties": numbers,
        },
        "stages": {
            "type": "object",
            "description": "the stages, by name",
            "minProperties": 1,
            "propertyNames": {"$ref": "#/$defs/name"},
            "additionalProperties": {"$ref": "#/$defs/stage"},
        },
    }


def _words() -> Schema:
    """What may stand beside a stage's options, whatever its plugin."""
    every = {"type": "object", "required": ["every"], "additionalProperties": False}
    numbered = {**every, "properties": {"every": or_variable({"type": "integer", "minimum": 1})}}
    fed = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
    return {
        "name": {"type": "string", "anyOf": [{"pattern": NAME.pattern}, VARIABLE]},
        "from": {
            "description": "what it reads: a stage, or a map port: stage",
            "anyOf": [{"type": "string"}, fed],
        },
        "per": {**or_variable({"const": "source"}), "description": "source: an instance for each camera"},
        "keep": {
            "description": "which frames it takes: all, latest (nothing waits for it), or {every: 3}",
            "anyOf": [{"enum": ["all", "latest"]}, numbered, VARIABLE],
        },
        "worker": {"$ref": "#/$defs/name", "description": "the process that it runs in, by a name of your choice"},
    }


# -- stages -----------------------------------------------------------------------------------------------------------------


def _classes(name: str) -> dict[str, Any]:
    """Kind → class: a source, a stage or a sink, or a source and a sink. Empty where it has none, or does not work."""
    try:
        return {stage_kind(cls): cls for cls in (hooks.stage_class(name, False), hooks.stage_class(name, True))}
    except (EdgeError, KeyError):
        return {}


def _plugin(name: str, cls: Any) -> Schema:
    """A stage of this plugin: its options, and the words that it may have."""
    options = declared(cls).values()
    properties = {option.name: of_option(option) for option in options}
    words: Schema = {"use": {}, **{word: {"$ref": f"#/$defs/{word}"} for word in ("per", "keep", "worker", "device")}}
    needs = _needs(options)
    made: Schema = {"title": f"{name} ({stage_kind(cls)})", "type": "object", "additionalProperties": False}
    if not issubclass(cls, Source):
        return {
            **made,
            "required": ["use", "from", *needs],
            "properties": {**words, "from": {"$ref": "#/$defs/from"}, **properties},
        }
    made["properties"] = {**words, "each": _each(properties), **properties}
    made["required"] = ["use"]
    if needs:
        made["allOf"] = [_given(name) for name in needs]
    return made


def _needs(options: Iterable[Option]) -> list[str]:
    return [option.name for option in options if option.required]


def _each(properties: Schema) -> Schema:
    own = {"type": ["object", "null"], "additionalProperties": False, "properties": properties}
    return {
        "type": "object",
        "description": "several cameras: a map of name: {options}; options beside it are for all of them",
        "minProperties": 1,
        "propertyNames": {"$ref": "#/$defs/name"},
        "additionalProperties": own,
    }


def _given(option: str) -> Schema:
    """An option that must be given: beside `use`, or by each camera."""
    by_each = {"additionalProperties": {"type": "object", "required": [option]}}
    return {"anyOf": [{"required": [option]}, {"required": ["each"], "properties": {"each": by_each}}]}


def _stage(stages: dict[str, dict[str, Any]], summaries: dict[str, str]) -> Schema:
    """Any stage: `use` decides which, and `from` where one name is a source and a sink."""
    uses = [{"const": name, "description": f"{' and '.join(kinds)}: {summaries[name]}"} for name, kinds in stages.items()]
    uses += [{"const": "display", "description": "sink: what the device profile says"}]
    return {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"description": "the plugin", "type": "string", "anyOf": [*uses, VARIABLE]}},
        "allOf": [_if_used(name, [_ref(name, kind) for kind in kinds]) for name, kinds in stages.items()] + [_display(stages)],
    }


def _if_used(name: str, refs: list[Schema]) -> Schema:
    then = {"if": {"required": ["from"]}, "then": refs[-1], "else": refs[0]} if len(refs) > 1 else refs[0]
    return {"if": _used(name), "then": then}


def _used(name: str) -> Schema:
    return {"properties": {"use": {"const": name}}, "required": ["use"]}


def _ref(*names: str) -> Schema:
    return {"$ref": "#/$defs/" + urllib.parse.quote(".".join(names))}


def _display(stages: dict[str, dict[str, Any]]) -> Schema:
    """`use: display` is the first display of the profile that runs here: the options of all that it may be."""
    names = {profile.read(name).display[0] for name in profile.names()}
    refs = [_ref(name, kind) for name in sorted(names) for kind in stages.get(name, {}) if kind != "source"]
    return {"if": _used("display"), "then": {"anyOf": refs or [{}]}}


# -- devices and policies -----------------------------------------------------------------------------------------------------


def _devices(built_in: bool) -> dict[str, Schema | None]:
    """Profile → the map with its options, those of its fallbacks too; None where nobody knows them here."""
    options = {name: _device_options(name) for name in (profile.names() if built_in else profile.everywhere())}
    return {name: None if known is None else _map(known) for name, known in options.items()}


def _device_options(name: str, seen: tuple[str, ...] = ()) -> Schema | None:
    try:
        chosen = profile.read(name)
        own = {option.name: of_option(option) for option in declared(hooks.device_class(chosen.runtime)).values()}
    except (EdgeError, KeyError):
        return None
    if chosen.fallback in ("none", *seen):
        return own
    rest = _device_options(chosen.fallback, (*seen, name))
    return None if rest is None else {**rest, **own}


def _policies(built_in: bool) -> dict[str, Schema | None]:
    """Policy → the map with its options."""
    names = sorted(hooks.registered(hooks.POLICIES, "register_policies")) if built_in else hooks.policies()
    options = {name: declared(hooks.policy_class(name)).values() for name in names}
    return {
        name: {**_map({option.name: of_option(option) for option in own}), "required": ["use", *_needs(own)]}
        for name, own in options.items()
    }


def _map(options: Schema) -> Schema:
    return {"type": "object", "properties": {"use": {}, **options}, "additionalProperties": False}


def _choice(kind: str, maps: dict[str, Schema | None]) -> Schema:
    """A name, or a map of it and its options."""
    name = {"anyOf": [{"enum": list(maps)}, VARIABLE]}
    known = [(_used(name), _ref(kind, name)) for name, options in maps.items() if options is not None]
    return {
        "anyOf": [*name["anyOf"], {"type": "object", "properties": {"use": name}}],
        "allOf": [{"if": {"type": "object", **used}, "then": ref} for used, ref in known],
    }
