"""Where each camera's picture is on the wall."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

GAP = 4
"""Pixels between two tiles."""


class Box(NamedTuple):
    """A tile's place, in pixels."""

    left: int
    top: int
    width: int
    height: int


def columns_for(count: int, width: int, height: int, aspect: float) -> int:
    """The number of columns that shows `count` pictures of this aspect (width over height) largest."""

    def shown(columns: int) -> float:
        tile = _tile(count, columns, width, height)
        return min(tile[0], tile[1] * aspect)

    return max(range(1, count + 1), key=shown, default=1)


def boxes(count: int, columns: int, width: int, height: int) -> List[Box]:
    """A tile for each camera, row by row; the last row may be short."""
    wide, tall = _tile(count, columns, width, height)
    return [Box(n % columns * (wide + GAP), n // columns * (tall + GAP), wide, tall) for n in range(count)]


def _tile(count: int, columns: int, width: int, height: int) -> Tuple[int, int]:
    rows = max(1, -(-count // columns))
    return max(1, (width - GAP * (columns - 1)) // columns), max(1, (height - GAP * (rows - 1)) // rows)
