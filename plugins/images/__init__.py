"""Pictures in a folder: read as a camera, or written, a plane per file."""

from __future__ import annotations

from typing import Any

from edge import hookimpl
from edge.plugins.images.sink import ImageFiles
from edge.plugins.images.source import Images

__all__ = ["ImageFiles", "Images"]


@hookimpl
def register_stages(register: Any) -> None:
    register("images", Images, sink=ImageFiles)
