"""What a stage promises, as the docstring of `Stage` has it, held against what it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from edge.core.frame import Image, Spec

LARGEST_FACTS = 4096
"""Bytes that the small facts of one frame may take together, as msgpack."""
ALSO = {"route"}
"""Facts that a stage may return without naming them in `makes`: the report counts them."""


class Breach(AssertionError):
    """A promise that was broken, in one sentence. `check`: the check of the conformance run that is about it."""

    def __init__(self, check: str, told: str) -> None:
        super().__init__(told)
        self.check = check


def check_specs(who: str, makes: Mapping[str, Any], specs: Any) -> dict[str, Spec]:
    """What `spec` returned, checked against `makes`."""
    if not isinstance(specs, dict):
        raise Breach("spec", f"{who}: spec returned {_kind(specs)}; return a dict of value → Spec")
    for name, spec in specs.items():
        if name not in makes:
            raise Breach("spec", f"{who}: spec tells of '{name}', which `makes` does not name")
        if not isinstance(spec, Spec):
            raise Breach("spec", f"{who}: spec gives {_kind(spec)} for '{name}'; give a Spec")
        if spec.type is not makes[name]:
            raise Breach("spec", f"{who}: spec says that '{name}' is {_named(spec.type)}, `makes` says {_named(makes[name])}")
        if spec.is_plane and (not spec.shape or min(spec.shape) < 1):
            raise Breach("spec", f"{who}: spec gives '{name}' no size ({spec.shape}), so no memory can be kept for it")
    return specs


def check_made(who: str, makes: Mapping[str, Any], specs: Mapping[str, Spec], made: Any, when: str) -> dict[str, Any]:
    """What `process` returned, or a source yielded, checked against the specs. `when`: which frame it is, in words."""
    if made is None and not specs:
        return {}
    if not isinstance(made, dict):
        raise Breach("values", f"{who}: process returned {_kind(made)} for {when}; return a dict with {_names(specs)}")
    missing = [name for name in specs if name not in made]
    if missing:
        raise Breach(
            "values", f"{who}: process returned no {_names(missing)} for {when}; return every value of `makes`, or raise Drop"
        )
    strange = [name for name in made if name not in makes and name not in ALSO]
    if strange:
        raise Breach("values", f"{who}: process returned {_names(strange)} for {when}, which `makes` does not name")
    facts = {}
    for name, value in made.items():
        spec = specs.get(name)
        if spec is not None and spec.is_plane:
            check_plane(who, name, spec, value, when)
        elif spec is not None:
            facts[name] = _fact(who, name, spec.type, value, when)
    size = len(msgspec.msgpack.encode(facts))
    if size > LARGEST_FACTS:
        raise Breach(
            "facts", f"{who}: {_names(facts)} of {when} take {size} bytes; small facts have room for {LARGEST_FACTS} together"
        )
    return made


def check_plane(who: str, name: str, spec: Spec, value: Any, when: str) -> None:
    """A plane against its spec: an array of the dtype, with as many sides, none larger."""
    if not isinstance(value, np.ndarray):
        raise Breach("spec", f"{who}: '{name}' of {when} is {_kind(value)}; {_named(spec.type)} is a numpy array")
    shape = spec.shape or ()
    if value.dtype != spec.dtype:
        raise Breach("spec", f"{who}: '{name}' of {when} is {value.dtype}; {_named(spec.type)} is {spec.dtype}")
    if value.ndim != len(shape):
        raise Breach("spec", f"{who}: '{name}' of {when} has the shape {_size(value.shape)}; spec says {_size(shape)}")
    colours = issubclass(spec.type, Image) and len(shape) == 3 and value.shape[2] != shape[2]
    if colours or any(side > most for side, most in zip(value.shape, shape, strict=True)):
        raise Breach("spec", f"{who}: '{name}' of {when} is {_size(value.shape)}; spec says {_size(shape)} at most")


def _fact(who: str, name: str, kind: Any, value: Any, when: str) -> Any:
    """A small fact as a message carries it. Raises Breach where it cannot, or where it is no `kind`."""
    try:
        plain = msgspec.msgpack.decode(msgspec.msgpack.encode(value, enc_hook=_listed))
    except (TypeError, OverflowError, ValueError):
        raise Breach(
            "facts",
            f"{who}: '{name}' of {when} is {_kind(value)}, which a message cannot carry: make it a number, text, list or map",
        ) from None
    try:
        msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        raise Breach("facts", f"{who}: '{name}' of {when} is {_kind(value)}; `makes` says {_named(kind)}") from None
    except TypeError:  # a type of its own, which msgspec does not know
        pass
    return plain


def _listed(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError


def _kind(value: Any) -> str:
    return (
        "None"
        if value is None
        else f"a {type(value).__name__}"
        if not isinstance(value, type)
        else f"the class {value.__name__}"
    )


def _named(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))


def _names(names: Any) -> str:
    return " and ".join(f"'{name}'" for name in names) or "nothing"


def _size(shape: Any) -> str:
    return "×".join(map(str, shape)) or "no size"
