"""The ports of a stage: what its class says that it reads, before anything is wired."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from edge.core.stage import Stage


class PortType:
    """A port as its class declares it."""

    def __init__(self, name: str, type: Any, optional: bool, wired: bool) -> None:
        self.name = name
        self.type = type
        self.optional = optional
        self.wired = wired

    @property
    def previous(self) -> bool:
        return bool(getattr(self.type, "previous", False))


def ports_of(stage: Stage) -> dict[str, PortType]:
    """The ports of a stage whose options are set: what `ports()` says, else the parameters of `process`."""
    said = stage.ports()
    if said is not None:
        return {name: PortType(name, *_lossy(hint), True) for name, hint in said.items()}
    hints = typing.get_type_hints(type(stage).process)
    found = {}
    for name, parameter in list(inspect.signature(type(stage).process).parameters.items())[1:]:
        if name == "frame" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        kind, lossy = _lossy(hints.get(name))
        found[name] = PortType(name, kind, lossy or parameter.default is None, parameter.default is parameter.empty)
    return found


def _lossy(hint: Any) -> tuple[Any, bool]:
    """The type of a port, and whether it is `Optional[...]`: `None` where the value was lost."""
    members = typing.get_args(hint)
    lossy = type(None) in members
    return (next(kind for kind in members if kind is not type(None)) if lossy else hint), lossy
