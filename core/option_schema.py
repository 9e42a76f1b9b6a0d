"""The JSON Schema of one option of a plugin: its type, default and documentation."""

from __future__ import annotations

from typing import Any

import msgspec

from edge.core import model
from edge.core.graph import ASSETS
from edge.core.options import Option, _members, _plain
from edge.core.policy import PolicyName
from edge.core.stage import Asset, ModelName

Schema = dict[str, Any]

VARIABLE = {"$ref": "#/$defs/variable"}
"""Text with ${NAME} in it, which becomes a number or a word when the file is read."""


def of_option(option: Option) -> Schema:
    made: Schema = or_variable(_type(option.type)) if PolicyName not in _members(option.type) else {"$ref": "#/$defs/policy"}
    if option.doc:
        made["description"] = option.doc
    if not option.required and isinstance(option.default, (str, int, float, bool, list, dict)):
        made["default"] = option.default
    examples = _examples(option)
    return {**made, "examples": examples} if examples else made


def _type(kind: Any) -> Schema:
    """As msgspec checks it; anything, where msgspec does not know the type."""
    try:
        return msgspec.json.schema(_plain(kind))
    except TypeError:
        return {}


def or_variable(kind: Schema) -> Schema:
    """The same, or ${NAME}, which becomes a number or a word when the file is read."""
    inner = {key: or_variable(kind[key]) for key in ("items", "additionalProperties") if isinstance(kind.get(key), dict)}
    if inner or kind.get("type") in ("string", "array", "object", None) and "enum" not in kind and "const" not in kind:
        either = {"anyOf": [or_variable(member) for member in kind["anyOf"]]} if "anyOf" in kind else {}
        return {**kind, **inner, **either}
    return {"anyOf": [kind, VARIABLE]}


def _examples(option: Option) -> list[str]:
    """Names that an option may hold beside a path."""
    members = _members(option.type)
    if ModelName in members:
        return model.known()
    return sorted(path.name for path in ASSETS.iterdir() if path.suffix == ".jpg") if Asset in members else []
