#!/usr/bin/env python3
"""Edgeflow: video graphs on edge devices.  `python edge.py GRAPH` runs one; `from edge import Stage` builds one.

This file is the launcher and the public facade. It may only re-export and call `main()`: run as a script it is executed
twice (as `__main__`, then as `edge`), so a class or a state here would exist twice.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

# The whole layout trick: in a checkout this module is a package rooted at the repository, so core/ imports as edge.core;
# in the wheel the same file is edge/__init__.py and the line changes nothing.
__path__ = [os.path.dirname(os.path.abspath(__file__))]
__version__ = "0.1.0"
API_VERSION = "1.0"  # of what plugins see: the first number changes when something goes, the second when something comes

if TYPE_CHECKING:
    from edge.core.cut import CutDetector
    from edge.core.device import Device, Network
    from edge.core.errors import DeviceError, EdgeError, GraphError, ModelError, SourceError, StageError
    from edge.core.frame import Alpha, Drop, Frame, Image, Plane, Prior, Raw, Spec, Tensor
    from edge.core.health.door import Door
    from edge.core.health.serving import Serving
    from edge.core.hooks import hookimpl
    from edge.core.model import Model
    from edge.core.picture import as_bgr, evened, letterboxed
    from edge.core.policy import Policy, PolicyName
    from edge.core.secret import secret_in
    from edge.core.stage import Asset, Context, ModelName, Source, Stage

__all__ = [
    "Alpha",
    "Asset",
    "Context",
    "CutDetector",
    "Device",
    "DeviceError",
    "Door",
    "Drop",
    "EdgeError",
    "Frame",
    "GraphError",
    "Image",
    "Model",
    "ModelError",
    "ModelName",
    "Network",
    "Plane",
    "Policy",
    "PolicyName",
    "Prior",
    "Raw",
    "Serving",
    "Source",
    "SourceError",
    "Spec",
    "Stage",
    "StageError",
    "Tensor",
    "as_bgr",
    "evened",
    "hookimpl",
    "letterboxed",
    "secret_in",
]

_HOME = {
    "cut": ("CutDetector",),
    "device": ("Device", "Network"),
    "health.door": ("Door",),
    "health.serving": ("Serving",),
    "errors": ("DeviceError", "EdgeError", "GraphError", "ModelError", "SourceError", "StageError"),
    "frame": ("Alpha", "Drop", "Frame", "Image", "Plane", "Prior", "Raw", "Spec", "Tensor"),
    "hooks": ("hookimpl",),
    "model": ("Model",),
    "picture": ("as_bgr", "evened", "letterboxed"),
    "policy": ("Policy", "PolicyName"),
    "secret": ("secret_in",),
    "stage": ("Asset", "Context", "ModelName", "Source", "Stage"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module("edge.core." + module), name)
    raise AttributeError(f"module 'edge' has no attribute {name!r}")


def main() -> None:
    """The `edge` command."""
    from edge.core.cli import main as run

    run()


if __name__ == "__main__":
    sys.path[0] = __path__[0]  # a symlinked edge.py still finds its own core/
    main()
