"""The hooks that a plugin may implement, and finding plugins by the names that a graph uses.

A built-in stage `x` is `plugins/x.py`; a third party's is an entry point `x` in the group `edge`. Only what a graph names is
imported, so a broken plugin matters only to the graphs that use it.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pathlib
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

try:
    import pluggy
except ImportError:  # the HiLens Kit has no pluggy; there the plan names its stages and nothing is looked up
    pluggy = None  # type: ignore[assignment,unused-ignore]

from edge.core.errors import EdgeError

Hook = TypeVar("Hook", bound=Callable[..., Any])

GROUP = "edge"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def _unmarked(function: Hook) -> Hook:
    return function


# Typed as plain decorators, so that a plugin checked by mypy --strict keeps the types of what it marks.
hookimpl: Callable[[Hook], Hook] = pluggy.HookimplMarker(GROUP) if pluggy else _unmarked
hookspec: Callable[[Hook], Hook] = pluggy.HookspecMarker(GROUP) if pluggy else _unmarked


class Hooks:
    """What a plugin module may define. Each hook is called once, when a graph first names the plugin."""

    @hookspec
    def register_stages(self, register: Callable[..., None]) -> None:
        """Call `register(name, Stage)` for each stage. `register(name, Source, sink=Sink)`: one name for both ends; a stage
        with `from` is the sink."""

    @hookspec
    def register_devices(self, register: Callable[..., None]) -> None:
        """Call `register(name, Device)` for each runtime."""


class Plugin:
    """Where a name comes from: a built-in file, or a distribution with its version."""

    def __init__(self, name: str, module: str, distribution: str = "") -> None:
        self.name = name
        self.module = module
        self.distribution = distribution

    @property
    def origin(self) -> str:
        return self.distribution or "built in"


class PluginError(EdgeError):
    """A plugin that is named does not work: it fails to import, or does not register what its name says."""

    code = 3


@functools.cache
def known() -> dict[str, Plugin]:
    """Every name that a graph may use, without importing one. A third party cannot take a built-in's name."""
    found = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        dist = point.dist
        found[point.name] = Plugin(point.name, point.value, f"{dist.name} {dist.version}" if dist else "?")
    for module in pkgutil.iter_modules([str(ROOT / "plugins")]):
        found[module.name] = Plugin(module.name, f"edge.plugins.{module.name}")
    return found


def stage_class(name: str, reads: bool) -> type:
    """The class that a graph's `use: name` means; `reads`: the stage has `from`. Raises KeyError (unknown), PluginError."""
    classes = _collect(name, "register_stages")
    if name not in classes:
        raise PluginError(f"plugin '{name}' ({known()[name].origin}) registers no stage of that name")
    source, sink = classes[name]
    return sink if reads and sink else source


def device_class(name: str) -> type:
    """The runtime `name`: `devices/NAME.py` with RUNTIME, or a third party's. Raises KeyError, PluginError."""
    if (ROOT / "devices" / f"{name}.py").is_file():
        return importlib.import_module(f"edge.devices.{name}").RUNTIME  # type: ignore[no-any-return]
    classes = _collect(name, "register_devices")
    return classes[name][0]


@functools.cache
def _collect(name: str, hook: str) -> dict[str, tuple[type, Any]]:
    plugin = known()[name]
    module = _import(plugin)
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    found: dict[str, tuple[type, Any]] = {}

    def register(name: str, cls: type, sink: Any = None) -> None:
        found[name] = (cls, sink)

    try:
        manager.register(module)
        getattr(manager.hook, hook)(register=register)
    except Exception as error:  # a third party's code: whatever it raises is its own report
        raise PluginError(f"plugin '{name}' ({plugin.origin}) failed in {hook}: {_last(error)}") from error
    return found


def _import(plugin: Plugin) -> Any:
    try:
        return importlib.import_module(plugin.module.partition(":")[0])
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin '{plugin.name}' ({plugin.origin}) failed to import: {_last(error)}") from error


def _last(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
