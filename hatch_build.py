"""Ship the checkout as one package: edge.py -> edge/__init__.py, core/ -> edge/core/, and so on."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIP = {
    "edge.py": "edge/__init__.py",
    "testing.py": "edge/testing.py",
    "core/__main__.py": "edge/__main__.py",
    "core/py.typed": "edge/py.typed",
    **{d: f"edge/{d}" for d in ("core", "plugins", "devices", "graphs", "models", "assets")},
}


class Ship(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"].update(SHIP)
            return
        for source, target in SHIP.items():  # pip install -e .: the same shape, as links
            link = pathlib.Path(self.root, ".editable", target)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(pathlib.Path(self.root, source), link.parent))
