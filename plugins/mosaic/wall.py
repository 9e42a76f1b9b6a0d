"""The wall as it hangs: one canvas, into which each camera's newest picture is drawn where it belongs."""

from __future__ import annotations

import threading
import time
from typing import Dict, List, Optional, Tuple

import numpy as np

from edge.plugins.mosaic.layout import Box, boxes, columns_for
from edge.plugins.mosaic.tile import EMPTY, Tile, say, shrunk

USUAL = 16 / 9


class Wall:
    """The stage that takes pictures draws, the source that shows them copies: each in a thread of its own.

    Only the tile that changes is drawn.
    """

    def __init__(self) -> None:
        self.shown = False
        """Whether there is a source that shows it."""
        self._changed = threading.Condition()
        self._version = 0
        self._columns = 0
        self._stale = 2.0
        self._canvas = np.empty((360, 640, 3), np.uint8)
        self._tiles: Dict[str, Tile] = {}
        self._boxes: List[Box] = []
        self._aspect = USUAL

    def hang(self, width: int, height: int, columns: int, stale: float) -> None:
        """Its size in pixels, its columns (0: as they fit best), and the seconds after which a camera is late."""
        with self._changed:
            self.shown = True
            self._columns, self._stale = columns, stale
            self._canvas = np.empty((height, width, 3), np.uint8)
            self._arrange()

    @property
    def sources(self) -> List[str]:
        return list(self._tiles)

    def add(self, source: str) -> None:
        with self._changed:
            if source not in self._tiles:
                self._tiles[source] = Tile(source, time.monotonic())
                self._arrange()

    def remove(self, source: str) -> None:
        with self._changed:
            if self._tiles.pop(source, None):
                self._arrange()

    def show(self, source: str, image: np.ndarray) -> None:
        """A camera's new picture, uint8 BGR [h, w, 3]."""
        with self._changed:
            if self._tiles[source].picture is None:
                self._fit(image.shape[1] / image.shape[0])
            tile, box = self._tiles[source], self._box(source)
            tile.take(image, box, time.monotonic())
            self._draw(tile, box, None)

    def wait(self, seen: int, seconds: float) -> None:
        """Until it is another than that version, but no longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, seconds)

    def look(self, into: np.ndarray) -> int:
        """Copy the wall as it is now; its version. Tiles of cameras that are late say so."""
        now = time.monotonic()
        with self._changed:
            for source, tile in self._tiles.items():
                lines = tile.lines(now, self._stale)
                if lines != tile.told:
                    self._draw(tile, self._box(source), lines)
            np.copyto(into, self._canvas)
            return self._version

    def _box(self, source: str) -> Box:
        return self._boxes[self.sources.index(source)]

    def _draw(self, tile: Tile, box: Box, lines: Optional[Tuple[str, str]]) -> None:
        tile.draw(self._canvas[box.top : box.top + box.height, box.left : box.left + box.width], lines)
        self._version += 1
        self._changed.notify_all()

    def _fit(self, aspect: float) -> None:
        """Arrange for pictures of this aspect, the first camera's that has one."""
        if all(tile.picture is None for tile in self._tiles.values()) and abs(aspect - self._aspect) > 0.01:
            self._aspect = aspect
            self._arrange()

    def _arrange(self) -> None:
        """Give every camera its place, and what it shows its new size."""
        count, (height, width) = len(self._tiles), self._canvas.shape[:2]
        columns = min(self._columns, max(1, count)) or columns_for(count, width, height, self._aspect)
        self._boxes = boxes(count, columns, width, height)
        self._canvas[:] = EMPTY
        if not count:
            say(self._canvas, ("no camera", ""))
        now = time.monotonic()
        for tile, box in zip(self._tiles.values(), self._boxes, strict=True):
            if tile.picture is not None:
                tile.picture = shrunk(tile.picture, box)
            self._draw(tile, box, tile.lines(now, self._stale))
        self._version += 1
        self._changed.notify_all()
