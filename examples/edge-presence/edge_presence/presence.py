"""How much of the picture is people, and whether anybody is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge import Alpha, Context, Frame, Stage, hookimpl

edge_api = ">=1.0,<2"


class Presence(Stage):
    """`presence` is the share of the picture that is people; `present` says whether anybody is there, and does not
    flicker: it turns true at once, and false when nobody has been seen for a while."""

    above: int = 128  # a pixel counts as a person from this alpha on, 0..255
    least: float = 0.01  # somebody is there from this share of the picture on, 0..1
    after: float = 1.0  # seconds without anybody after which nobody is there

    makes = {"presence": float, "present": bool}

    def check(self) -> dict[str, str]:
        wrong = {}
        if not 0 <= self.above <= 255:
            wrong["above"] = f"must be 0 to 255, not {self.above}"
        if not 0 <= self.least <= 1:
            wrong["least"] = f"must be 0 to 1, not {self.least:g}"
        if self.after < 0:
            wrong["after"] = f"must be 0 or more, not {self.after:g}"
        return wrong

    def open(self, context: Context) -> None:
        self._seen: dict[str, float] = {}  # camera → when somebody was seen last: one instance serves all cameras

    def process(self, frame: Frame, alpha: Alpha) -> dict[str, Any]:
        share = float((alpha >= self.above).mean())
        if share >= self.least:
            self._seen[frame.source] = frame.time
        since = frame.time - self._seen.get(frame.source, float("-inf"))
        return {"presence": round(share, 4), "present": 0 <= since <= self.after}

    def leave(self, source: str) -> None:
        self._seen.pop(source, None)


@hookimpl
def register_stages(register: Callable[..., None]) -> None:
    register("presence", Presence)
