"""Shapes: what the parts of the person are made with. Lengths are in heads (chin to crown), x right, y down.

Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple, Union

import cv2
import numpy as np


def single(values: Any) -> np.ndarray:
    """As float32."""
    return np.asarray(values, np.float32)


def double(values: Any) -> np.ndarray:
    """As float64."""
    return np.asarray(values, np.float64)


def between(left: np.ndarray, right: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The outline of what lies between two curves over the same y: float64 [2 n, 2]."""
    return np.concatenate((np.stack((left, y), 1), np.stack((right, y), 1)[::-1]))


SHIFT = 4  # fraction bits of the coordinates given to cv2

Points = Union[Sequence[Tuple[float, float]], np.ndarray]
Colour = Union[Sequence[float], np.ndarray]  # blue, green, red


class Sheet:
    """A rectangle of the drawing: corners in heads, and pixels per head. Drawn at `over` times its size, then reduced."""

    def __init__(self, left: float, top: float, right: float, bottom: float, scale: float, over: int = 2) -> None:
        self.left, self.top, self.scale, self.over = left, top, scale, over
        self.size = (max(2, int(round((right - left) * scale))), max(2, int(round((bottom - top) * scale))))
        self.fine = scale * over
        w, h = self.size[0] * over, self.size[1] * over
        self.shape = (h, w)
        self.x = ((np.arange(w, dtype=np.float32) + 0.5) / self.fine + left)[None, :]
        self.y = ((np.arange(h, dtype=np.float32) + 0.5) / self.fine + top)[:, None]

    def pixels(self, points: Points) -> np.ndarray:
        """Points in heads as the fixed-point pixels that cv2 draws with."""
        at = (np.asarray(points, np.float64) - (self.left, self.top)) * self.fine - 0.5
        return np.round(at * (1 << SHIFT)).astype(np.int32)

    def area(self, points: Points, soft: float = 0.0) -> np.ndarray:
        """The inside of a polygon: float32 0..1, its edge softened by `soft` heads."""
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [self.pixels(points)], 255, cv2.LINE_AA, SHIFT)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def line(self, points: Points, width: float, soft: float = 0.0) -> np.ndarray:
        """A stroke of `width` heads: float32 0..1."""
        at = self.pixels(points)
        thick = width * self.fine
        margin = int(thick + 4 * soft * self.fine) + 3
        mask = np.zeros(self.shape, np.uint8)
        cv2.polylines(mask, [at], False, 255, max(1, int(round(thick))), cv2.LINE_AA, SHIFT)
        out = np.zeros(self.shape, np.float32)
        # Blurred where the stroke is: most strokes are a small part of the sheet.
        box = self._box(at.min(0) / (1 << SHIFT) - margin, at.max(0) / (1 << SHIFT) + margin)
        if mask[box].size:
            out[box] = self.blur(mask[box].astype(np.float32) * (min(1.0, thick) / 255), soft)
        return out

    def blur(self, plane: np.ndarray, soft: float) -> np.ndarray:
        sigma = soft * self.fine
        return plane if sigma < 0.3 else cv2.GaussianBlur(plane, (0, 0), sigma)

    def bump(self, x: float, y: float, wide: float, high: float, tilt: float = 0.0) -> np.ndarray:
        """A Gaussian hill of height 1, cut off at four deviations."""
        out = np.zeros(self.shape, np.float32)
        middle, reach = (double((x, y)) - (self.left, self.top)) * self.fine, 4 * max(wide, high) * self.fine
        box = self._box(middle - reach, middle + reach)
        dx, dy = self.x[:, box[1]] - single(x), self.y[box[0]] - single(y)
        c, s = single(np.cos(tilt)), single(np.sin(tilt))
        out[box] = np.exp(-0.5 * (((c * dx + s * dy) / single(wide)) ** 2 + ((c * dy - s * dx) / single(high)) ** 2))
        return out

    def _box(self, low: np.ndarray, high: np.ndarray) -> Tuple[slice, slice]:
        """The pixels between two corners (x, y) that lie on the sheet."""
        (x0, y0), (x1, y1) = np.clip(np.floor(low), 0, self.shape[::-1]), np.clip(np.ceil(high), 0, self.shape[::-1])
        return slice(int(y0), int(y1)), slice(int(x0), int(x1))

    def reduce(self, plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane, self.size, interpolation=cv2.INTER_AREA)

    def noise(self, rng: np.random.RandomState, cell: float, stretch: float = 1.0) -> np.ndarray:
        """Smooth noise of about mean 0 and deviation 1, its grains `cell` heads wide and `stretch` times as high."""
        w = max(3, int(self.shape[1] / max(1.0, cell * self.fine)) + 2)
        h = max(3, int(self.shape[0] / max(1.0, cell * stretch * self.fine)) + 2)
        return cv2.resize(rng.randn(h, w).astype(np.float32), self.shape[::-1], interpolation=cv2.INTER_CUBIC)


def smooth(points: Points, closed: bool = True, steps: int = 8) -> np.ndarray:
    """A curve through the points (Catmull and Rom): float64 [n, 2]."""
    p = np.asarray(points, np.float64)
    p = np.concatenate((p[-1:], p, p[:2])) if closed else np.concatenate((p[:1], p, p[-1:]))
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve.reshape(-1, 2) if closed else np.concatenate((curve.reshape(-1, 2), p[-1:]))


def mirrored(points: Points) -> np.ndarray:
    """Points of the right half, from the top to the bottom, completed by the left half."""
    p = np.asarray(points, np.float64)
    inner = p[1:-1][::-1] if abs(p[0, 0]) < 1e-9 else p[::-1]
    return np.concatenate((p, inner * (-1, 1)))


def step(low: float, high: float, value: Any) -> Any:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def inflate(mask: np.ndarray, radius: float) -> np.ndarray:
    """A flat shape blown up like a cushion: float32 height, in `radius`, round at the rim (radius in pixels)."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    t = np.clip(depth / radius, 0, 1)
    return np.sqrt(np.clip(t * (2 - t), 0, 1))


def normals(height: np.ndarray, fine: float) -> np.ndarray:
    """Normals of a surface whose height is in heads: float32 [h, w, 2], x and y of a unit vector."""
    height = height.astype(np.float32)
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) * (fine / 8)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) * (fine / 8)
    return np.dstack((dx, dy)) * (-1 / np.sqrt(1 + dx * dx + dy * dy))[..., None]


def paint(under: np.ndarray, colour: Colour, mask: np.ndarray, strength: float = 1.0) -> None:
    """Lay a colour (blue, green, red, 0..255) over a float picture, in place, as much as the mask says."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size:
        at = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        under[at] += (single(colour) - under[at]) * (mask[at] * single(strength))[..., None]


class Part:
    """A drawn part: colour uint8 [h, w, 3], alpha uint8 [h, w], normal float32 [h, w, 2], and where it lies in heads."""

    def __init__(self, sheet: Sheet, colour: np.ndarray, alpha: np.ndarray, normal: Optional[np.ndarray] = None) -> None:
        self.sheet = sheet
        flat = np.zeros(colour.shape[:2] + (2,), np.float32) if normal is None else normal
        alpha = alpha.astype(np.float32)
        # Reduce colours weighted by alpha, and carry them past the edge: else what lies behind it bleeds in.
        weight = cv2.GaussianBlur(alpha, (0, 0), 1.5 * sheet.over) + 1e-5
        spread = cv2.GaussianBlur(colour.astype(np.float32) * alpha[..., None], (0, 0), 1.5 * sheet.over) / weight[..., None]
        solid = alpha[..., None] > 0.6
        self.colour = np.clip(sheet.reduce(np.where(solid, colour, spread).astype(np.float32)), 0, 255).astype(np.uint8)
        self.normal = sheet.reduce(flat.astype(np.float32))
        self.alpha = np.clip(sheet.reduce(alpha) * 255 + 0.5, 0, 255).astype(np.uint8)
