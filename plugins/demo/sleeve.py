"""Sleeves: an arm bent at the elbow, drawn anew for every frame as a distance from its bones. Lengths in pixels.

Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from edge.plugins.demo.shape import double

CELL = 4  # the distance is smooth: one value for every few pixels is enough
RADII = (0.185, 0.150, 0.100)  # at shoulder, elbow and wrist, in heads

Box = Tuple[int, int, int, int]


def folds(seed: int) -> np.ndarray:
    """How light the cloth is along (down, shoulder to elbow to wrist) and across the sleeve: float32 [256, 64], about 1."""
    rng = np.random.RandomState(seed + 7)
    across, along = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(0, 2, 256))
    out = np.ones((256, 64))
    for middle, spread, count in ((1.0, 0.16, 16), (0.25, 0.2, 8), (1.75, 0.16, 10)):
        for _ in range(count):
            at, slope, wide = middle + rng.normal(0, spread), rng.uniform(-0.16, 0.16), rng.uniform(0.018, 0.045)
            reach = np.exp(-0.5 * ((across - rng.uniform(-0.8, 0.8)) / 0.5) ** 2)
            t = (along - at - slope * across) / wide
            out += rng.uniform(0.06, 0.14) * reach * -t * np.exp(0.5 - 0.5 * t * t)
    out[244:] *= 0.80  # inside the cuff
    out[226:229] *= 0.80
    return out.astype(np.float32)


class Sleeve:
    """One arm's cloth in one frame: `box` in the frame (None where it is out of sight), alpha, normal and light of folds."""

    def __init__(self, joints: Sequence[np.ndarray], unit: float, size: Tuple[int, int], texture: np.ndarray) -> None:
        self.box = _bounds(joints, RADII[0] * unit + 2, size)
        if self.box is None:
            return
        x0, y0, x1, y1 = self.box
        w, h = -(-(x1 - x0) // CELL) + 1, -(-(y1 - y0) // CELL) + 1
        x = (np.arange(w, dtype=np.float32) * CELL + x0)[None, :]
        y = (np.arange(h, dtype=np.float32) * CELL + y0)[:, None]
        upper = _bone(x, y, joints[0], joints[1], RADII[0] * unit, RADII[1] * unit)
        lower = _bone(x, y, joints[1], joints[2], RADII[1] * unit, RADII[2] * unit)
        mix = np.clip(0.5 + 0.5 * (upper[0] - lower[0]) / (0.10 * unit), 0, 1)
        far = upper[0] + (lower[0] - upper[0]) * mix - 0.10 * unit * mix * (1 - mix)
        radius = upper[1] + (lower[1] - upper[1]) * mix
        along = upper[2] + (1 + lower[2] - upper[2]) * mix
        side = upper[3] + (lower[3] - upper[3]) * mix
        self._fill(far, radius, along, side, texture)

    def _fill(self, far: np.ndarray, radius: np.ndarray, along: np.ndarray, side: np.ndarray, texture: np.ndarray) -> None:
        lean = np.clip(1 + far / radius, 0, 1) / (2 * CELL)
        gx = np.gradient(far, axis=1) * lean * 2
        gy = np.gradient(far, axis=0) * lean * 2
        planes = np.dstack((far, gx * 127 + 0, gy * 127, along, side)).astype(np.float32)
        x0, y0, x1, y1 = self.box  # type: ignore[misc]
        far, gx, gy, along, side = (self._grow(planes[..., i], x1 - x0, y1 - y0) for i in range(5))
        self.alpha = np.clip(127.5 - 255 * far, 0, 255).astype(np.uint8)
        self.normal = np.dstack((gx + 127.5, gy + 127.5)).astype(np.int16)
        self.shade = cv2.remap(texture, side * 31.0 + 31.5, along * 127.0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    @staticmethod
    def _grow(plane: np.ndarray, w: int, h: int) -> np.ndarray:
        """From one value every CELL pixels to one value a pixel: the first cell lies on the first pixel."""
        map_ = double(((1 / CELL, 0, 0), (0, 1 / CELL, 0)))
        return cv2.warpAffine(
            plane, map_, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )


def _bone(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, ra: float, rb: float) -> Tuple[np.ndarray, ...]:
    """Distance to the surface, radius, how far along (0..1), and how far to the side (-1..1)."""
    dx, dy = float(b[0] - a[0]), float(b[1] - a[1])
    length = max(1.0, (dx * dx + dy * dy) ** 0.5)
    dx, dy = dx / length, dy / length
    t = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / length, 0, 1)
    radius = ra + (rb - ra) * t
    far = np.sqrt((x - a[0] - t * length * dx) ** 2 + (y - a[1] - t * length * dy) ** 2)
    return far - radius, radius, t, np.clip(((x - a[0]) * dy - (y - a[1]) * dx) / radius, -1, 1)


def _bounds(points: Sequence[np.ndarray], margin: float, size: Tuple[int, int]) -> Optional[Box]:
    low = np.floor(np.min(points, 0) - margin).astype(int)
    high = np.ceil(np.max(points, 0) + margin).astype(int) + 1
    x0, y0 = max(0, low[0]), max(0, low[1])
    x1, y1 = min(size[0], high[0]), min(size[1], high[1])
    return (int(x0), int(y0), int(x1), int(y1)) if x1 - x0 > 1 and y1 - y0 > 1 else None
