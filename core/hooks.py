"""The hooks that a plugin may implement, and what the plugin of a name registers by them.

Only what is named is imported, so a broken plugin matters only to what names it.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

try:
    import pluggy
except ImportError:  # the HiLens Kit has no pluggy; there the plan names its stages and nothing is looked up
    pluggy = None  # type: ignore[assignment,unused-ignore]

from edge.core import allow
from edge.core.errors import EdgeError
from edge.core.plugin import GROUP, ROOT, Plugin, PluginError, known, last

__all__ = ["GROUP", "ROOT", "Hooks", "Plugin", "PluginError", "hookimpl", "known"]

log = logging.getLogger("edge")

Hook = TypeVar("Hook", bound=Callable[..., Any])

POLICIES = "policies"
"""The built-in plugin whose policies are reached by their own names."""


def _unmarked(function: Hook) -> Hook:
    return function


# Typed as plain decorators, so that a plugin checked by mypy --strict keeps the types of what it marks.
hookimpl: Callable[[Hook], Hook] = pluggy.HookimplMarker(GROUP) if pluggy else _unmarked
hookspec: Callable[[Hook], Hook] = pluggy.HookspecMarker(GROUP) if pluggy else _unmarked


class Hooks:
    """What a plugin module may define. Each is called when something first names what it would register."""

    @hookspec
    def register_stages(self, register: Callable[..., None]) -> None:
        """Call `register(name, Stage)` for each stage. `register(name, Source, sink=Sink)`: one name for both ends; a stage
        with `from` is the sink."""

    @hookspec
    def register_devices(self, register: Callable[..., None]) -> None:
        """Call `register(name, Device)` for each runtime. `profile=` is a map of its profile's fields, or the path of a file
        like `devices/desktop.yaml`. `register(name, None, profile=...)`: a profile of a runtime that is there already."""

    @hookspec
    def register_policies(self, register: Callable[..., None]) -> None:
        """Call `register(name, Policy)` for each policy: a graph may then name it as a route."""

    @hookspec
    def register_commands(self, register: Callable[..., None]) -> None:
        """Call `register(name, command)` for each verb of the command line, a click command."""


HOOKS = tuple(name for name in vars(Hooks) if name.startswith("register_"))
_MORE = {"register_stages": {"sink"}, "register_devices": {"profile"}}


class Registered(NamedTuple):
    """What a plugin registered under a name, and what it said beside it (`sink`, `profile`)."""

    thing: Any
    more: dict[str, Any]


# -- by name ----------------------------------------------------------------------------------------------------------------


def stage_class(name: str, reads: bool) -> type:
    """The class that a graph's `use: name` means; `reads`: the stage has `from`. Raises KeyError (unknown), PluginError."""
    found = registered(name, "register_stages")
    if name not in found:
        raise known()[name].chosen().error("registers no stage of that name")
    source, more = found[name]
    cls: type = more.get("sink") or source if reads else source
    return cls


def device_class(name: str) -> type:
    """The runtime `name`: `devices/NAME.py` with RUNTIME, or a third party's. Raises KeyError, PluginError."""
    if (ROOT / "devices" / f"{name}.py").is_file():
        return importlib.import_module(f"edge.devices.{name}").RUNTIME  # type: ignore[no-any-return]
    return registered(name, "register_devices")[name].thing  # type: ignore[no-any-return]


def policy_class(name: str) -> type:
    """The policy `name`: one of ours, or a third party's. Raises KeyError, PluginError."""
    ours = registered(POLICIES, "register_policies")
    return (ours if name in ours else registered(name, "register_policies"))[name].thing  # type: ignore[no-any-return]


def command(name: str) -> Any:
    """The click command that a third party adds as `edge NAME`. Raises KeyError, PluginError."""
    return registered(name, "register_commands")[name].thing


def policies() -> list[str]:
    """The names that `route` may have."""
    return sorted({*registered(POLICIES, "register_policies"), *brought("register_policies")})


def brought(hook: str) -> dict[str, Registered]:
    """What third parties register by this hook, each under the name of its entry point. All of them are imported; one that is
    broken is left out, since nothing has named it: `edge plugins` says what is wrong with it."""
    found = {}
    for name, plugin in known().items():
        try:
            mine = {} if plugin.built_in else registered(name, hook)
        except EdgeError as error:
            log.debug("%s", error)
            continue
        if name in mine:
            found[name] = mine[name]
    return found


# -- calling ----------------------------------------------------------------------------------------------------------------


def implemented(name: str) -> list[str]:
    """The hooks that a plugin's module has. Raises KeyError, PluginError."""
    hook = _manager(known()[name].chosen()).hook
    return [name for name in HOOKS if getattr(hook, name).get_hookimpls()]


@functools.cache
def registered(name: str, hook: str) -> dict[str, Registered]:
    """All that the plugin `name` registers by this hook. Raises KeyError (unknown), PluginError."""
    plugin = known()[name].chosen()
    manager = _manager(plugin)
    found: dict[str, Registered] = {}

    def register(name: str, thing: Any, **more: Any) -> None:
        strange = [f"{word}=" for word in more if word not in _MORE.get(hook, ())]
        if strange:
            raise TypeError(f"register takes no {', '.join(strange)} here")
        found[name] = Registered(thing, more)

    if os.environ.get("EDGE_TRACE_PLUGINS", "0") not in ("", "0"):
        manager.add_hookcall_monitoring(*_monitors(plugin, found))
    try:
        getattr(manager.hook, hook)(register=register)
        _check(hook, found)
    except Exception as error:  # a third party's code: whatever it raises is its own report
        raise plugin.error(f"failed in {hook}: {last(error)}") from error
    return found


def _manager(plugin: Plugin) -> Any:
    """pluggy's view of one plugin. A hook that there is not (a slip of the pen) is an error, not silence."""
    module = plugin.load()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    try:
        manager.register(module)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        told = str(error).splitlines()[-1].partition(" in plugin ")[0]
        raise plugin.error(f"has a hook that does not fit: {told}") from error
    return manager


def _check(hook: str, found: dict[str, Registered]) -> None:
    """What is registered is what the hook is for. Raises TypeError."""
    from edge.core.device import Device
    from edge.core.policy import Policy
    from edge.core.stage import Stage

    bases = {"register_stages": Stage, "register_devices": Device, "register_policies": Policy}
    base = bases.get(hook)
    for name, (thing, more) in found.items():
        for cls in (thing, *([more["sink"]] if "sink" in more else [])):
            profile_alone = cls is None and "profile" in more
            if base and not profile_alone and not (isinstance(cls, type) and issubclass(cls, base)):
                raise TypeError(f"'{name}' is {cls!r}, which is no {base.__name__}")
        if hook == "register_commands" and not hasattr(thing, "make_context"):
            raise TypeError(f"'{name}' is {thing!r}, which is no click command")


def _monitors(plugin: Plugin, found: dict[str, Registered]) -> tuple[Callable[..., None], Callable[..., None]]:
    """For pluggy: say on stderr what is called, of which plugin, and what came of it."""

    def before(name: str, methods: Any, arguments: dict[str, Any]) -> None:
        has = "" if methods else ", which it does not have"
        words = ", ".join(arguments)
        print(f"hook: {plugin.name} ({plugin.origin}): {plugin.module}.{name}({words}){has}", file=sys.stderr)

    def after(outcome: Any, name: str, methods: Any, arguments: dict[str, Any]) -> None:
        failed = [f"it raised {last(outcome.exception)}"] if outcome.exception else []
        made = [f"{name} = {_shown(entry)}" for name, entry in found.items()]
        for line in (*made, *failed) if methods else ():
            print(f"hook:   {line}", file=sys.stderr)

    return before, after


def _shown(entry: Registered) -> str:
    more = "".join(f", {word}={getattr(value, '__name__', value)}" for word, value in entry.more.items())
    return f"{getattr(entry.thing, '__name__', entry.thing)}{more}"


def forget() -> None:
    """Look again: for tests that install something, or change the environment, while they run."""
    for cache in (known, registered, allow.allowed):
        cache.cache_clear()
