"""Making a stage ready as a graph does: options checked and set, models found, ports wired, a device opened."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from edge.core import hooks, profile
from edge.core.errors import EdgeError, GraphError
from edge.core.graph import ASSETS
from edge.core.model import Model
from edge.core.options import Option, declared, nearest
from edge.core.plan import Plan, StagePlan
from edge.core.port import PortType, ports_of
from edge.core.profile import Profile
from edge.core.stage import ModelName, Stage
from edge.core.worker import Devices

Made = TypeVar("Made")


def ready(stage: Made | type[Made], options: Mapping[str, Any] | None = None) -> Made:
    """The stage (or policy, or device) with its options set. Paths are relative to the current folder.

    Raises GraphError with every problem.
    """
    made: Any = stage() if isinstance(stage, type) else stage
    who = type(made).__name__
    known = options_of(made)
    problems = []
    for name, value in dict(options or {}).items():
        if name not in known:
            problems.append(f"{who} has no option '{name}'{nearest(name, known)}")
            continue
        try:
            setattr(made, name, known[name].convert(value, pathlib.Path.cwd(), ASSETS))
        except ValueError as error:
            problems.append(f"{who}: option '{name}': {error}")
    missing = [name for name in known if not hasattr(made, name)]
    problems += [f"{who} needs '{name}': {known[name].type_name}; give it as options={{'{name}': ...}}" for name in missing]
    if problems:
        raise GraphError(problems)
    return made  # type: ignore[no-any-return]


def options_of(thing: Any) -> dict[str, Option]:
    """The options of a stage, a device or a policy."""
    kind: Any = type(thing)
    return declared(kind)


def approve(stage: Stage) -> None:
    """Ask `check` what is wrong with the options. Raises what it says: an EdgeError of its own, else a GraphError."""
    wrong = stage.check()
    for trouble in wrong.values():
        if isinstance(trouble, EdgeError):
            raise trouble
    if wrong:
        raise GraphError(f"{type(stage).__name__}: option '{name}': {trouble}" for name, trouble in wrong.items())


def wired(stage: Stage, given: Collection[str]) -> dict[str, PortType]:
    """The ports that are fed, by name. Raises GraphError where one that must be wired is not among the values given."""
    ports = ports_of(stage)
    missing = [port.name for port in ports.values() if port.wired and port.name not in given]
    if missing:
        raise GraphError(f"{type(stage).__name__} needs '{name}', which the frames do not have" for name in missing)
    return {name: port for name, port in ports.items() if name in given}


def find_models(stage: Stage, chosen: Profile | None, prior: bool) -> None:
    """Find and check the model of each option that names one. Raises ModelError."""
    suffixes = chosen.suffixes if chosen else (".onnx",)
    values = {name: getattr(stage, name, "") for name in options_of(stage)}
    stage.models = {  # type: ignore[attr-defined]
        name: Model.find(str(value), pathlib.Path.cwd(), suffixes=suffixes, channels=4 if prior else 3)
        for name, value in values.items()
        if isinstance(value, ModelName) and value
    }


def profile_of(device: str) -> Profile | None:
    """A profile by its name, or a runtime of `devices/` by its own; None for "". Raises GraphError, DeviceError."""
    if not device:
        return None
    if profile.is_known(device):
        return profile.resolve(device).profile
    if (hooks.ROOT / "devices" / f"{device}.py").is_file():
        cls: Any = hooks.device_class(device)
        return Profile(title=device, runtime=device, suffixes=tuple(cls.suffixes))
    raise GraphError(f"there is no device '{device}'{nearest(device, profile.names())}")


def open_device(chosen: Profile, options: Mapping[str, Any] | None = None) -> Any:
    """The device of a profile, opened. Raises DeviceError."""
    plan = Plan("test", runtime=profile.runtime(chosen, dict(options or {})))
    return Devices(plan).get(StagePlan("test", "test"))
