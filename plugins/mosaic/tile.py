"""One camera's part of the wall: its newest picture, its name, and since when there is none."""

from __future__ import annotations

import time
from typing import Optional, Tuple

import cv2
import numpy as np

from edge.plugins.mosaic.layout import Box

INK, EMPTY = (236, 236, 236), (44, 38, 34)
DIM = 0.35
"""How much light is left of a picture that is old."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


class Tile:
    """`picture`: the newest one at the tile's size, uint8 BGR, a copy. `came`: when it did, in monotonic seconds."""

    def __init__(self, source: str, now: float) -> None:
        self.source = source
        self.picture: Optional[np.ndarray] = None
        self.came = now
        self.day = 0.0
        self.told: Optional[Tuple[str, str]] = None

    def take(self, image: np.ndarray, box: Box, now: float) -> None:
        """Keep a picture, shrunk to the tile."""
        self.picture = shrunk(image, box)
        self.came, self.day = now, time.time()

    def lines(self, now: float, stale: float) -> Optional[Tuple[str, str]]:
        """What the tile says of a camera that is late; None for one that is not."""
        if self.picture is None:
            return f"{self.source}: no picture yet", f"for {int(now - self.came)} s"
        if now - self.came < stale:
            return None
        since = time.strftime("%H:%M:%S", time.localtime(self.day))
        return f"{self.source}: no picture for {length(now - self.came)}", f"since {since}"

    def draw(self, into: np.ndarray, lines: Optional[Tuple[str, str]]) -> None:
        """Fill the tile's part of the wall, uint8 [h, w, 3]."""
        self.told = lines
        if self.picture is None:
            into[:] = EMPTY
        else:
            middle(into, self.picture)
        if lines is None:
            label(into, self.source)
            return
        if self.picture is not None:
            cv2.convertScaleAbs(into, dst=into, alpha=DIM)
        say(into, lines)


def shrunk(image: np.ndarray, box: Box) -> np.ndarray:
    """A copy of the picture, as large as fits, its aspect kept."""
    scale = min(box.width / image.shape[1], box.height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    if scale > 0.5:
        small: np.ndarray = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        return small
    # By way of the double size: halving exactly is what OpenCV is quick at, four times as quick as at once.
    double = cv2.resize(image, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(double, size, interpolation=cv2.INTER_AREA)
    return small


def middle(into: np.ndarray, picture: np.ndarray) -> None:
    top, left = ((a - b) // 2 for a, b in zip(into.shape[:2], picture.shape[:2], strict=True))
    if picture.shape != into.shape:
        into[:] = EMPTY
    into[top : top + picture.shape[0], left : left + picture.shape[1]] = picture


def label(into: np.ndarray, name: str) -> None:
    """The camera's name, on a dark bar at the bottom left."""
    size, (width, height) = fitting(name, into.shape[1] * 0.7, into.shape[0] / 14)
    bar = into[max(0, into.shape[0] - 2 * height) :, : width + height]
    cv2.convertScaleAbs(bar, dst=bar, alpha=DIM)
    write(into, name, size, height // 2, into.shape[0] - height // 2)


def say(into: np.ndarray, lines: Tuple[str, str]) -> None:
    """Two lines in the middle."""
    for number, line in enumerate(lines):
        size, (width, height) = fitting(line, into.shape[1] * 0.9, into.shape[0] / 12)
        write(into, line, size, (into.shape[1] - width) // 2, into.shape[0] // 2 + round((number * 2.2 - 0.4) * height))


def fitting(text: str, width: float, height: float) -> Tuple[float, Tuple[int, int]]:
    """The font's scale at which a line is no wider and no higher, and its size then."""
    (wide, tall), _ = cv2.getTextSize(plain(text), FONT, 1.0, 1)
    scale = min(width / max(1, wide), height / max(1, tall))
    return scale, (int(wide * scale), max(1, int(tall * scale)))


def write(into: np.ndarray, text: str, scale: float, left: int, bottom: int) -> None:
    cv2.putText(into, plain(text), (left, bottom), FONT, scale, INK, 1, cv2.LINE_AA)


def plain(text: str) -> str:
    """What OpenCV's fonts have: they are ASCII."""
    return text.encode("ascii", "replace").decode()


def length(seconds: float) -> str:
    """12 s, 3 min, 2 h: as exactly as one wants to know it."""
    if seconds < 120:
        return f"{int(seconds)} s"
    return f"{int(seconds / 60)} min" if seconds < 7200 else f"{int(seconds / 3600)} h"
