"""The hooks that a plugin may implement, and loading plugins by the names that a graph uses."""

from __future__ import annotations

from typing import Any

try:
    import pluggy
except ImportError:  # the HiLens Kit has no pluggy; there the plan names its stages and nothing is looked up
    pluggy = None  # type: ignore[assignment,unused-ignore]


def _unmarked(function: Any = None, **_: Any) -> Any:
    return function if function is not None else _unmarked


hookimpl: Any = pluggy.HookimplMarker("edge") if pluggy else _unmarked
