"""What may be changed from the page: a closed list of options, values and senders."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Tuple

import cv2

import edge
from edge import EdgeError

USE = "composite"
"""Only stages of this plugin have knobs."""
RANGES: Dict[str, Tuple[float, float]] = {"soft": (0.0, 16.0), "shift": (-8.0, 8.0)}
"""Pixels. Narrower than what a graph may say: the knob is to improve an edge, not to show the room around the person."""
COLOURS = {
    "#00b140": "Green screen",
    "#0047bb": "Blue screen",
    "#f5f5dc": "Beige",
    "#808080": "Grey",
    "#008080": "Teal",
    "#001f3f": "Navy",
    "#ffffff": "White",
    "#000000": "Black",
}
VIEWS = ("result", "alpha", "checker")
"""`side_by_side` shows the room: it is offered only where the graph itself says it."""
WIDE = 320
PICTURES = (".jpg", ".png")


class Refused(EdgeError):
    """A request that is not carried out: `code` is HTTP's."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Knobs:
    """Knows what each stage was set to when it was first seen: that can always be had back."""

    def __init__(self) -> None:
        self._first: Dict[str, Dict[str, Any]] = {}

    def offer(self, plan: Dict[str, Any]) -> List[Dict[str, Any]]:
        """For each stage with knobs: its cameras, the values that it has, the choices there are."""
        return [self._row(name, row) for name, row in plan.get("stages", {}).items() if row.get("use") == USE]

    def _row(self, name: str, row: Dict[str, Any]) -> Dict[str, Any]:
        options = row.get("options", {})
        first = self._first.setdefault(name, dict(options))
        values = {option: options[option] for option in (*RANGES, "view") if option in options}
        values["background"] = self._id(name, options.get("background", ""))
        return {
            "stage": name,
            "cameras": row.get("cameras", []),
            "values": values,
            "ranges": RANGES,
            "views": self._views(name),
            "pictures": list(assets()),
            "colours": COLOURS,
            "own": "" if _named(first.get("background", "")) else pathlib.Path(str(first.get("background", ""))).name,
        }

    def _views(self, stage: str) -> List[str]:
        own = self._first.get(stage, {}).get("view", "")
        return [*VIEWS, *([own] if own and own not in VIEWS else [])]

    def _id(self, stage: str, background: Any) -> str:
        """The choice that a background is: its name, or "own" for the graph's, or "" for what was set elsewhere."""
        if _named(background):
            return _named(background)
        return "own" if background == self._first[stage].get("background") else ""

    # -- a change -----------------------------------------------------------------------------------------------------------

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """Only the page itself may ask, not another site in the same browser. Raises Refused."""
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if not host or origin not in (f"http://{host}", f"https://{host}"):
            raise Refused(403, "only this page itself may change something")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refused(403, "only this page itself may change something")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(415, "send application/json")

    def words(self, told: Dict[str, Any], plan: Dict[str, Any]) -> str:
        """`blend.soft=2` for what was asked. Raises Refused where it is none of what is offered."""
        stage, option, value = (told.get(word) for word in ("stage", "option", "value"))
        known = {row["stage"] for row in self.offer(plan)}
        if not isinstance(stage, str) or stage not in known:
            raise Refused(404, f"there is no stage '{stage}' with knobs; there is: {', '.join(sorted(known)) or 'none'}")
        if not isinstance(option, str):
            raise Refused(400, f"'{option}' is no knob")
        if option in RANGES:
            return f"{stage}.{option}={_number(option, value)}"
        if option == "view" and value in self._views(stage):
            return f"{stage}.view={value}"
        if option == "background":
            return f"{stage}.background={self._background(stage, value)}"
        raise Refused(400, f"'{value}' is no choice for '{option}'" if option == "view" else f"'{option}' is no knob")

    def _background(self, stage: str, value: Any) -> str:
        if value == "own":
            return json.dumps(str(self._first[stage].get("background", "")), ensure_ascii=False)
        if isinstance(value, str) and _named(value) == value and value:
            return value
        raise Refused(400, f"'{value}' is no background that is offered")

    def thumbnail(self, name: str) -> Optional[bytes]:
        """A JPEG of a background, WIDE pixels; None where none is offered under this name."""
        return _thumbnail(name) if name in assets() else None


def _number(option: str, value: Any) -> str:
    low, high = RANGES[option]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise Refused(400, f"{option} is a number from {low:g} to {high:g}, not '{value}'")
    return f"{value:g}"


def _named(background: Any) -> str:
    """The id of a background that is offered to everybody, "" for another."""
    text = str(background)
    if text in COLOURS or text == "blur":
        return text
    name = pathlib.Path(text).name
    return name if name in assets() and text in (name, str(assets()[name])) else ""


@functools.lru_cache(maxsize=1)
def assets() -> Dict[str, pathlib.Path]:
    """The pictures that come with Edgeflow, by name."""
    folder = (pathlib.Path(edge.__path__[0]) / "assets").resolve()
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix in PICTURES}


@functools.lru_cache(maxsize=64)
def _thumbnail(name: str) -> bytes:
    picture: Any = cv2.imread(str(assets()[name]), cv2.IMREAD_REDUCED_COLOR_4)
    height = round(picture.shape[0] * WIDE / picture.shape[1])
    small = cv2.resize(picture, (WIDE, height), interpolation=cv2.INTER_AREA)
    data: bytes = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    return data
