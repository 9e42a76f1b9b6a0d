"""Where a plugin's name comes from, whether it may be loaded here, and loading it.

A built-in `x` is `plugins/x.py`; a third party's is an entry point `x` in the group `edge`. Finding them imports nothing.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
import pathlib
import pkgutil
from typing import Any

from edge import API_VERSION
from edge.core import allow
from edge.core.errors import EdgeError

GROUP = "edge"
ROOT = pathlib.Path(__file__).resolve().parent.parent
ONLY = "EDGE_PLUGINS"


class PluginError(EdgeError):
    """A plugin that is named does not work: it may not be loaded, fails to import, or does not register what its name says."""

    code = 3


class Plugin:
    """One name and what stands behind it: a built-in file, or a module of a distribution. `rivals`: other distributions that
    bring the same name."""

    def __init__(self, name: str, module: str, package: importlib.metadata.Distribution | None = None) -> None:
        self.name = name
        self.module = module.partition(":")[0]
        self.package = package
        self.rivals: list[Plugin] = []

    @property
    def built_in(self) -> bool:
        return self.package is None

    @property
    def origin(self) -> str:
        """`edge-presence 0.1`, or `built in`."""
        return f"{self.package.name} {self.package.version}" if self.package else "built in"

    @functools.cached_property
    def refusal(self) -> str:
        """Why it may not be loaded, in words that follow its name; "" where it may."""
        only = _only()
        if self.package is None:
            return ""
        if only is not None and self.name not in only:
            return f"is not among those of {ONLY} ({', '.join(only) or 'none'}); add it there, or unset it"
        listed = allow.allowed()
        return listed.refusal(self.package) if listed else ""

    def chosen(self) -> Plugin:
        """The one of this name that may be loaded. Raises PluginError where none may, or several."""
        may = [plugin for plugin in (self, *self.rivals) if not plugin.refusal]
        if not may:
            raise self.error(self.refusal)
        if len(may) > 1:
            names = " and ".join(plugin.origin for plugin in may)
            raise PluginError(f"plugin '{self.name}' is in {names}: uninstall all but one, or allow one in plugins.allow")
        return may[0]

    def load(self) -> Any:
        """Its module. Raises PluginError where it does not import, or is made for another Edgeflow."""
        try:
            module = importlib.import_module(self.module)
        except (Exception, SystemExit) as error:
            raise self.error(f"failed to import: {last(error)}") from error
        self._check_api(str(getattr(module, "edge_api", "")))
        return module

    def error(self, what: str) -> PluginError:
        return PluginError(f"plugin '{self.name}' ({self.origin}) {what}")

    def _check_api(self, wanted: str) -> None:
        if not wanted:
            return
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            fits = API_VERSION in SpecifierSet(wanted)
        except InvalidSpecifier:
            raise self.error(f"has edge_api = {wanted!r}, which cannot be read: write it like '>=1.0,<2'") from None
        if not fits:
            mend = "install the version of it that is made for this one"
            raise self.error(f"is made for edge_api {wanted}, and this Edgeflow has {API_VERSION}: {mend}")


@functools.cache
def known() -> dict[str, Plugin]:
    """Every plugin by name, without importing one. A third party cannot take a built-in's name.

    Raises PluginError where EDGE_PLUGINS names one that is not there.
    """
    found: dict[str, Plugin] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        plugin = Plugin(point.name, point.value, point.dist)
        first = found.setdefault(point.name, plugin)
        if first is not plugin:
            first.rivals.append(plugin)
    for module in pkgutil.iter_modules([str(ROOT / "plugins")]):
        found[module.name] = Plugin(module.name, f"edge.plugins.{module.name}")
    for name in _only() or ():
        if name not in found:
            from edge.core.options import nearest  # only here: it needs what a packaged skill has not

            raise PluginError(f"{ONLY}: there is no plugin '{name}'{nearest(name, found) or '.'} See 'edge plugins'")
    return found


def _only() -> list[str] | None:
    """The names in EDGE_PLUGINS, the only third-party plugins to be loaded; None where it is not set, so that all are."""
    said = os.environ.get(ONLY)
    return None if said is None else [name.strip() for name in said.split(",") if name.strip()]


def last(error: BaseException) -> str:
    """An exception as one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
