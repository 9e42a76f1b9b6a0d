"""Hands: bones with flesh around them, seen from the palm or from the back, from stretched to curled. Lengths in heads.

The wrist is at (0, 0), the fingers point up, the thumb to the right (a left hand's palm, a right hand's back).
Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from edge.plugins.demo.shape import Part, Sheet, inflate, normals, paint, single, smooth, step

BOX = (-0.42, -0.88, 0.46, 0.14)
CURLS = 6  # steps from stretched to curled

# Root x, root y, direction (degrees from up, to the right), length, radius at the root and at the tip.
FINGERS = (
    (-0.128, -0.335, -15.0, 0.245, 0.036, 0.028),  # little
    (-0.050, -0.385, -4.5, 0.325, 0.040, 0.031),  # ring
    (0.036, -0.395, 4.0, 0.350, 0.041, 0.032),  # middle
    (0.118, -0.370, 13.0, 0.310, 0.041, 0.031),  # index
)
THUMB = (0.105, -0.10, 42.0, 0.34, 0.062, 0.036)
PALM = (
    (-0.085, 0.12),
    (-0.098, 0.0),
    (-0.148, -0.13),
    (-0.168, -0.28),
    (-0.135, -0.38),
    (-0.05, -0.41),
    (0.04, -0.42),
    (0.125, -0.40),
    (0.160, -0.31),
    (0.155, -0.20),
    (0.135, -0.08),
    (0.098, 0.0),
    (0.085, 0.12),
)

Bone = Tuple[float, float, float, float, float, float, float, float]  # x, y, z, radius of both ends


def draw(scale: float, skin: Sequence[float], back: bool, k: int) -> Part:
    """A hand, from the palm or the back, curled by k of CURLS steps."""
    curl = 0.62 * k / (CURLS - 1)
    sheet = Sheet(*BOX, scale=scale)
    height, inside = _flesh(sheet, _bones(curl, -1.0 if back else 1.0))
    colour = np.empty(sheet.shape + (3,), np.float32)
    colour[:] = single(skin) * ((0.97, 0.98, 1.0) if back else (0.98, 0.97, 1.03))
    _redden(sheet, colour, curl)
    (_nails if back else _creases)(sheet, colour, skin, curl)
    return Part(
        sheet, np.clip(colour * _hollow(sheet, height, inside), 0, 255), inside, normals(sheet.blur(height, 0.004), sheet.fine)
    )


def _chain(finger: Sequence[float], curl: float, toward: float) -> List[Bone]:
    """Three bones, each bent on from the last. Curled fingers come toward the eye (palm) or leave it (back)."""
    x, y, degrees, length, thick, thin = finger
    out, z, bend = [], 0.0, 0.12
    along = np.array((np.sin(np.radians(degrees * (1 - 0.5 * curl))), -np.cos(np.radians(degrees))))
    for i, share in enumerate((0.46, 0.30, 0.24)):
        bend += curl * (0.75, 0.85, 0.6)[i]
        step_ = along * length * share * np.cos(bend)
        rise = toward * length * share * np.sin(bend)
        r0, r1 = thick + (thin - thick) * i / 3, thick + (thin - thick) * (i + 1) / 3
        out.append((x, y, z, r0, x + step_[0], y + step_[1], z + rise, r1))
        x, y, z = x + step_[0], y + step_[1], z + rise
    return out


def _bones(curl: float, toward: float) -> List[Bone]:
    bones = [bone for finger in FINGERS for bone in _chain(finger, curl, toward)]
    x, y, degrees, length, thick, thin = THUMB
    return bones + _chain((x, y, degrees - 30 * curl, length, thick, thin), 0.25 * curl, toward)


def _flesh(sheet: Sheet, bones: List[Bone]) -> Tuple[np.ndarray, np.ndarray]:
    palm = sheet.area(smooth(PALM))
    height = inflate(palm, 0.11 * sheet.fine) * 0.055
    height = height + 0.030 * sheet.bump(0.10, -0.15, 0.05, 0.08, 0.5) + 0.020 * sheet.bump(-0.10, -0.14, 0.04, 0.10)
    height = sheet.blur((height - 0.016 * sheet.bump(0.0, -0.22, 0.05, 0.07)).astype(np.float32), 0.008)
    height = np.where(palm > 0.5, height, -1.0).astype(np.float32)
    nearest = np.full(sheet.shape, 1.0, np.float32)
    for x0, y0, z0, r0, x1, y1, z1, r1 in bones:
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((sheet.x - x0) * dx + (sheet.y - y0) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
        d2 = (sheet.x - x0 - t * dx) ** 2 + (sheet.y - y0 - t * dy) ** 2
        r = r0 + (r1 - r0) * t
        top = z0 + (z1 - z0) * t + np.sqrt(np.clip(r * r - d2, 0, None))
        height = np.where(d2 < r * r, np.maximum(height, top), height)
        nearest = np.minimum(nearest, np.sqrt(d2) - r)
    inside = np.maximum(palm, np.clip(0.5 - nearest * sheet.fine, 0, 1)).astype(np.float32)
    solid = (height > -0.5).astype(np.float32)
    around = sheet.blur(height * solid, 0.006) / (sheet.blur(solid, 0.006) + 1e-4)
    return np.where(solid > 0, height, around).astype(np.float32), inside


def _hollow(sheet: Sheet, height: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Less light where the surface lies deeper than around it: between the fingers and in the palm."""
    around = sheet.blur(height * inside, 0.03) / (sheet.blur(inside, 0.03) + 1e-3)
    return (1 - 8.0 * np.clip(around - height, 0, 0.05))[..., None]


def _redden(sheet: Sheet, colour: np.ndarray, curl: float) -> None:
    blood = single((0.13, 0.11, 0.0))
    tips = step(-0.60, -0.75, sheet.y + 0.35 * np.abs(sheet.x) + 0.2 * curl)
    heel = sheet.bump(0.11, -0.14, 0.06, 0.09, 0.5) + sheet.bump(-0.12, -0.12, 0.05, 0.10) + sheet.bump(0, -0.36, 0.15, 0.03)
    colour *= 1 - np.clip(tips * 0.9 + heel * 0.6, 0, 1)[..., None] * blood


def _creases(sheet: Sheet, colour: np.ndarray, skin: Sequence[float], curl: float) -> None:
    dark = single(skin) * (0.52, 0.55, 0.70)
    for points in (
        ((0.15, -0.27), (0.06, -0.22), (0.02, -0.10), (0.03, -0.01)),
        ((0.15, -0.29), (0.02, -0.27), (-0.10, -0.19)),
        ((0.08, -0.375), (-0.02, -0.325), (-0.15, -0.30)),
    ):
        paint(colour, dark, sheet.line(smooth(points, False), 0.006, 0.003), 0.45)
    for finger in FINGERS:
        for x0, y0, _, r0, *_rest in _chain(finger, curl, 1.0):
            paint(colour, dark, sheet.line(((x0 - r0 * 0.8, y0 + 0.004), (x0 + r0 * 0.8, y0)), 0.005, 0.003), 0.40)


def _nails(sheet: Sheet, colour: np.ndarray, skin: Sequence[float], curl: float) -> None:
    dark = single(skin) * (0.60, 0.62, 0.76)
    for finger in FINGERS:
        bones = _chain(finger, curl, -1.0)
        for x0, y0, _, r0, *_rest in bones:
            paint(colour, dark, sheet.bump(x0, y0, r0 * 0.55, 0.010), 0.45)
        x0, y0, _, _, x1, y1, _, r1 = bones[-1]
        tilt = np.arctan2(x1 - x0, y0 - y1)
        nail = sheet.bump(x1, y1 + 0.002, r1 * 0.42, r1 * 0.55, tilt)
        paint(colour, single((190, 186, 224)), np.clip((nail - 0.45) * 4, 0, 1), 0.6 * (1 - 0.7 * curl))


def palms_and_backs(scale: float, skin: Sequence[float]) -> Tuple[List[Part], List[Part]]:
    return [draw(scale, skin, False, k) for k in range(CURLS)], [draw(scale, skin, True, k) for k in range(CURLS)]
