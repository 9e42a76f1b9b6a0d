"""Device profiles: `devices/NAME.yaml` says what hardware this is, `resolve` which one runs here, and why."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
from typing import Any

import msgspec

from edge.core import hooks
from edge.core.document import Document
from edge.core.errors import DeviceError, EdgeError, GraphError
from edge.core.options import declared, nearest

FOLDER = hooks.ROOT / "devices"


class Profile(msgspec.Struct, forbid_unknown_fields=True):
    """What a profile file holds.

    runtime: `devices/RUNTIME.py`. options: that runtime's. needs: Python modules without which it cannot run. suffixes: of
    model files, best first. camera, display: what these words mean in a graph, best first. fallback: the profile to use
    where this one cannot run, or "none".
    """

    title: str
    runtime: str
    options: dict[str, Any] = {}
    needs: list[str] = []
    suffixes: tuple[str, ...] = (".onnx",)
    camera: tuple[str, ...] = ("camera", "demo")
    display: tuple[str, ...] = ("web",)
    fallback: str = "none"


class Resolved(msgspec.Struct):
    """The choice: what was asked for, what it is, and the reason for every step between."""

    requested: str
    resolved: str
    reason: str
    profile: Profile

    def to_dict(self) -> dict[str, str]:
        """As the report has it."""
        return {"requested": self.requested, "resolved": self.resolved, "reason": self.reason}


def names() -> list[str]:
    """Every profile of ours, by listing the folder."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def everywhere() -> list[str]:
    """Ours, then those that packages bring, which are imported to be asked."""
    return [*names(), *(name for name in sorted(hooks.brought("register_devices")) if name not in names())]


def is_known(name: Any) -> bool:
    """Whether a graph may name it: a profile of the folder, or what a package registers. Raises GraphError, PluginError."""
    try:
        return isinstance(name, str) and (name in names() or bool(_registered(name)))
    except KeyError:
        return False


def _registered(name: str) -> Profile:
    """A runtime that a package brings is a profile too: what it says of itself, else with the usual camera and display.

    Raises KeyError where there is none, GraphError where what it says is wrong, PluginError.
    """
    plugin = hooks.known()[name]  # built-in runtimes are reached by their profiles only
    cls, more = hooks.registered(name, "register_devices")[name]
    said = more.get("profile", {})
    if isinstance(said, pathlib.Path):
        if not said.is_file():
            raise GraphError(f"profile of '{name}' ({plugin.origin}): {said}: there is no such file")
        said = Document.read(said).value
    usual = {"runtime": name, "suffixes": list(cls.suffixes)} if cls else {}
    try:
        return msgspec.convert({"title": f"runtime of {plugin.origin}", **usual, **said}, Profile)
    except (msgspec.ValidationError, TypeError) as error:
        raise GraphError(f"profile of '{name}' ({plugin.origin}): {error}") from None


@functools.cache
def read(name: str) -> Profile:
    """The profile of this name. Raises KeyError where there is none, GraphError where its file is wrong."""
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        return _registered(name)
    document = Document.read(path)
    try:
        return msgspec.convert(document.value, Profile)
    except msgspec.ValidationError as error:
        raise GraphError(f"{path}: {error}") from None


def probe(profile: Profile) -> str:
    """What is here for this profile, in a few words. Raises DeviceError with the reason why it cannot run."""
    for module in profile.needs:
        if importlib.util.find_spec(module) is None:
            raise DeviceError(f"module '{module}' is not installed")
    try:
        return str(hooks.device_class(profile.runtime).probe())  # type: ignore[attr-defined]
    except KeyError:
        raise DeviceError(f"runtime '{profile.runtime}' is not part of this installation") from None


def resolve(requested: str, may_fall_back: bool = True) -> Resolved:
    """The first profile along the fallbacks that can run here. Raises KeyError (unknown name), DeviceError (none can)."""
    name = requested
    reasons: list[str] = []
    tried: set[str] = set()
    while True:
        profile = read(name)
        tried.add(name)
        try:
            what = probe(profile)
        except EdgeError as error:
            reasons.append(f"{name}: {error}" if reasons else str(error))
            if profile.fallback in tried or not is_known(profile.fallback) or not may_fall_back:
                if profile.fallback not in ("none", *tried):
                    reasons.append(f"its fallback '{profile.fallback}' is no device")
                raise DeviceError(f"device '{requested}' cannot run here: {'; '.join(reasons)}. See 'edge devices'") from None
            name = profile.fallback
            continue
        return Resolved(requested, name, "; ".join(reasons) or what, profile)


def runtime(profile: Profile, options: dict[str, Any]) -> dict[str, Any]:
    """What a worker needs to make the device: its runtime's name, and its options converted and checked.

    Raises GraphError naming each option that the runtime does not have or cannot take.
    """
    known = declared(hooks.device_class(profile.runtime))
    given = {**profile.options, **options}
    problems, values = [], {}
    for name, value in given.items():
        if name not in known:
            problems.append(f"device: {profile.runtime} has no option '{name}'{nearest(name, known)}")
            continue
        try:
            values[name] = known[name].convert(value, pathlib.Path.cwd(), FOLDER)
        except ValueError as error:
            problems.append(f"device: option '{name}': {error}")
    if problems:
        raise GraphError(problems)
    return {"runtime": profile.runtime, "options": values}
