"""Options: the annotated attributes of a stage or a device, read, checked and set in one place."""

from __future__ import annotations

import difflib
import functools
import inspect
import io
import pathlib
import re
import sys
import textwrap
import tokenize
import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from edge.core import hooks
from edge.core.device import Device
from edge.core.errors import EdgeError
from edge.core.policy import Policy, PolicyName
from edge.core.stage import Asset, ModelName, Source, Stage

REQUIRED = object()
_BASES = (Stage, Source, Device, Policy, object)


class Option:
    """One option: its name, type, default (REQUIRED for none) and the comment behind it."""

    def __init__(self, name: str, type: Any, default: Any, doc: str) -> None:
        self.name = name
        self.type = type
        self.default = default
        self.doc = doc

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def is_plain(self) -> bool:
        """A number, a switch, one of several words, or an asset: nothing that a person would keep to themselves."""
        kinds = [kind for kind in _members(self.type) if typing.get_origin(kind) is not typing.Literal]
        return not self.required and all(kind in (bool, int, float, Asset) for kind in kinds)

    @property
    def type_name(self) -> str:
        """As a person would write it: `int`, `path`, `result | side_by_side`."""
        return _type_name(self.type)

    def convert(self, value: Any, folder: pathlib.Path, assets: pathlib.Path) -> Any:
        """The value in the option's type. Raises ValueError with what was expected."""
        if PolicyName in _members(self.type):
            return _policy(value, folder, assets)
        for kind in _members(self.type):
            if isinstance(value, str) and kind in (Asset, ModelName, pathlib.Path):
                return _locate(kind, value, folder, assets)
        try:
            return msgspec.convert(value, _plain(self.type))
        except msgspec.ValidationError:
            raise ValueError(f"expected {self.type_name}, got {_shown(value)}{_nearest_literal(value, self.type)}") from None


@functools.cache
def declared(cls: type) -> dict[str, Option]:
    """The options of a stage, source or device class, the base class's first."""
    found: dict[str, Option] = {}
    for base in reversed(cls.__mro__):
        if base in _BASES:
            continue
        docs = _comments(base)
        for name, hint in vars(base).get("__annotations__", {}).items():
            kind = _evaluated(hint, base)
            if name.startswith("_") or typing.get_origin(kind) is typing.ClassVar or hasattr(Stage, name):
                continue
            found[name] = Option(name, kind, getattr(cls, name, REQUIRED), docs.get(name, ""))
    return found


def _evaluated(hint: Any, cls: type) -> Any:
    """An annotation, which `from __future__ import annotations` leaves as text, in the words of its own module."""
    return eval(hint, vars(sys.modules[cls.__module__])) if isinstance(hint, str) else hint


def nearest(word: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?", or which words there are, or nothing."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), known, 1, 0.5)
    if close:
        return f". Did you mean '{close[0]}'?"
    return f". There is: {', '.join(known)}" if 0 < len(known) <= 12 else ""


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if _is_union(kind) else (kind,)


def _is_union(kind: Any) -> bool:
    import types

    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _plain(kind: Any) -> Any:
    """The type that msgspec knows: our kinds of strings are strings to it."""
    if _is_union(kind):
        return typing.Union[tuple(_plain(member) for member in typing.get_args(kind))]
    return str if kind in (Asset, ModelName, pathlib.Path) else kind


def _locate(kind: Any, value: str, folder: pathlib.Path, assets: pathlib.Path) -> Any:
    if kind is pathlib.Path:
        return pathlib.Path(_absolute(value, folder))
    if kind is Asset:
        for home in (folder, assets):
            if value and (home / value).is_file():
                return Asset((home / value).resolve())
        return Asset(value)
    if "/" in value or pathlib.Path(value).suffix:
        return ModelName(_absolute(value, folder))
    return ModelName(value)


def _absolute(value: str, folder: pathlib.Path) -> str:
    import os

    return os.path.normpath(folder / pathlib.Path(value).expanduser())


def _policy(value: Any, folder: pathlib.Path, assets: pathlib.Path) -> Any:
    """A policy's name, or the map of its name and options, each in its type. Raises ValueError with all that is wrong."""
    given = dict(value) if isinstance(value, dict) else {"use": value}
    name = given.pop("use", None)
    if not isinstance(name, str):
        raise ValueError(f"expected {_type_name(PolicyName)}, got {_shown(value)}")
    try:
        policy: Policy = hooks.policy_class(name)()
    except KeyError:
        raise ValueError(f"there is no policy '{name}'{nearest(name, hooks.policies())}") from None
    except EdgeError as error:
        raise ValueError(str(error)) from None
    known = declared(type(policy))  # type: ignore[arg-type,unused-ignore]  # as in graph.py
    problems = [f"{name} has no option '{word}'{nearest(word, known)}" for word in given if word not in known]
    problems += [f"{name} needs '{word}': {o.type_name}" for word, o in known.items() if o.required and word not in given]
    for word in [word for word in given if word in known]:
        try:
            given[word] = known[word].convert(given[word], folder, assets)
            setattr(policy, word, given[word])
        except ValueError as error:
            problems.append(f"{name}: option '{word}': {error}")
    if not problems:
        problems = [f"{name}: option '{word}': {told}" for word, told in policy.check().items()]
    if problems:
        raise ValueError("; ".join(text.rstrip(".") for text in problems))
    return {"use": name, **given} if given else PolicyName(name)


def _type_name(kind: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "nothing"}
    names.update({pathlib.Path: "a path", Asset: "a path or an asset's name", ModelName: "a model's name or path"})
    names[PolicyName] = "a policy's name, or a map {use: NAME, OPTION: VALUE}"
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(map(str, typing.get_args(kind)))
    if _is_union(kind):
        return " or ".join(_type_name(member) for member in typing.get_args(kind))
    return names.get(kind) or {list: "a list", dict: "a map"}.get(typing.get_origin(kind) or kind, str(kind))


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a map" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else repr(value)


def _nearest_literal(value: Any, kind: Any) -> str:
    words = [w for member in _members(kind) if typing.get_origin(member) is typing.Literal for w in typing.get_args(member)]
    return nearest(value, words) if words and difflib.get_close_matches(str(value), map(str, words), 1, 0.5) else ""


def _comments(cls: type) -> dict[str, str]:
    """Option → the comment that follows it on its line."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # a class made in an interpreter has no file
        return {}
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            option = re.match(r"    (\w+)\s*:[^=]", token.line)
            if option:
                found[option[1]] = token.string.lstrip("# ").strip()
    return found
