"""The end of a graph that is only measured."""

from __future__ import annotations

from typing import Any

from edge import Image, Stage, hookimpl


class Discard(Stage):
    """Takes every picture and does nothing with it."""

    def process(self, image: Image) -> None:
        pass


@hookimpl
def register_stages(register: Any) -> None:
    register("discard", Discard)
