"""Whose a line of code is: to say where in a plugin something went wrong, not where in a library."""

from __future__ import annotations

import pathlib
import sysconfig
import traceback

import cv2
import numpy as np

from edge.core.hooks import ROOT

_OURS = (str(ROOT / "core"), str(ROOT / "testing.py"), str(ROOT / "__init__.py"), str(ROOT / "edge.py"))
_LIBRARIES = tuple(str(pathlib.Path(module.__file__ or "").parent) for module in (np, cv2))
_PYTHON = sysconfig.get_path("stdlib")


def is_plugins(file: str) -> bool:
    """Not ours, not Python's, not a library's that every plugin uses."""
    is_python = file.startswith(_PYTHON) and "site-packages" not in file
    return not (is_python or file.startswith((*_OURS, *_LIBRARIES, "<")))


def place_of(error: BaseException) -> str:
    """Where in a plugin's file an error was raised, as "edge_x.py:12"; "" where no file of its is on the way."""
    for step in reversed(traceback.extract_tb(error.__traceback__)):
        if is_plugins(step.filename):
            return f"{pathlib.Path(step.filename).name}:{step.lineno}"
    return ""
