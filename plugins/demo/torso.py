"""Neck and shirt, seen from the front. Lengths in heads.

Valid Python 3.7, numpy and cv2 only.
"""

from __future__ import annotations

from typing import Sequence

import cv2
import numpy as np

from edge.plugins.demo.shape import Part, Sheet, double, inflate, mirrored, normals, paint, single, smooth, step

NECK_BOX = (-0.5, 0.2, 0.5, 1.3)
SHIRT_BOX = (-1.0, 0.5, 1.0, 3.1)
NECK = ((0.0, 0.22), (0.19, 0.25), (0.198, 0.45), (0.203, 0.62), (0.25, 0.74), (0.42, 0.83), (0.44, 1.28), (0.0, 1.29))
SHIRT = (
    (0.0, 0.74),
    (0.2, 0.66),
    (0.27, 0.70),
    (0.42, 0.79),
    (0.62, 0.865),
    (0.76, 0.95),
    (0.80, 1.10),
    (0.745, 1.38),
    (0.70, 1.62),
    (0.655, 1.95),
    (0.64, 2.3),
    (0.69, 2.7),
    (0.73, 3.2),
    (0.0, 3.2),
)
OPENING = ((0.0, 1.10), (0.09, 0.93), (0.17, 0.76), (0.208, 0.62), (0.19, 0.45), (0.0, 0.4))
FLAP = (
    (0.196, 0.60),
    (0.232, 0.615),
    (0.285, 0.70),
    (0.325, 0.80),
    (0.285, 0.93),
    (0.215, 1.075),
    (0.12, 1.045),
    (0.035, 1.035),
    (0.10, 0.90),
    (0.165, 0.75),
)


def neck(scale: float, skin: Sequence[float], seed: int) -> Part:
    """Neck and throat, in the shadow of the chin."""
    sheet = Sheet(*NECK_BOX, scale=scale)
    mask = sheet.area(smooth(mirrored(NECK)))
    column = np.sqrt(np.clip(1 - (sheet.x / 0.235) ** 2, 0, 1)) * 0.16 + 0 * sheet.y
    fade = step(0.98, 0.72, sheet.y + 0 * sheet.x)
    height = column * fade
    for side in (1, -1):
        # The muscles from behind the ears to the notch, and the collar bones.
        height = height + 0.030 * sheet.line(
            smooth([(side * x, y) for x, y in ((0.17, 0.35), (0.12, 0.6), (0.035, 0.80))], False), 0.03, 0.022
        )
        height = height + 0.028 * sheet.line(
            smooth([(side * x, y) for x, y in ((0.045, 0.825), (0.16, 0.815), (0.34, 0.79))], False), 0.022, 0.018
        )
    height = sheet.blur((height - 0.028 * sheet.bump(0, 0.835, 0.03, 0.035)).astype(np.float32), 0.012)
    colour = np.empty(sheet.shape + (3,), np.float32)
    colour[:] = single(skin) * (0.95, 0.96, 0.98)
    shadow = step(0.74, 0.50, sheet.y - 0.10 * np.cos(sheet.x * 7) - 0.10 * sheet.x)
    colour *= 1 - shadow[..., None] * single((0.48, 0.45, 0.36))
    colour *= 1 - 0.30 * step(0.10, 0.22, np.abs(sheet.x) + 0.0 * sheet.y)[..., None] * fade[..., None]
    colour *= 1 + 0.012 * sheet.noise(np.random.RandomState(seed + 2), 0.02)[..., None]
    return Part(sheet, np.clip(colour, 0, 255), mask, normals(height, sheet.fine))


def shirt(scale: float, cloth: Sequence[float], seed: int) -> Part:
    """A shirt with an open collar, a row of buttons, and folds."""
    rng = np.random.RandomState(seed + 3)
    sheet = Sheet(*SHIRT_BOX, scale=scale)
    opening = sheet.area(np.concatenate((OPENING, double(OPENING[:0:-1]) * (-1, 1))))
    flaps = [sheet.area(double(FLAP) * (side, 1), 0.003) for side in (1, -1)]
    collar = np.clip(flaps[0] + flaps[1], 0, 1)
    body = sheet.area(smooth(mirrored(SHIRT)))
    height = _volume(sheet, body) + _folds(sheet, rng)
    height = height + 0.035 * sheet.blur(collar, 0.008) + 0.010 * sheet.blur(_placket(sheet), 0.004)
    colour = np.empty(sheet.shape + (3,), np.float32)
    colour[:] = single(cloth)
    weave = rng.randn(*sheet.shape).astype(np.float32) * 0.030 + sheet.noise(rng, 0.35) * 0.018
    colour *= (1 + weave)[..., None]
    colour *= (1 - 0.45 * np.clip(sheet.blur(collar, 0.035) * (1 - collar), 0, 1) * step(0.75, 1.0, sheet.y + 0 * sheet.x))[
        ..., None
    ]
    colour *= (1 - 0.25 * collar * step(0.80, 0.62, sheet.y + 0 * sheet.x))[..., None]
    # Under the arms little light arrives.
    colour *= (1 - 0.38 * step(0.50, 0.72, np.abs(sheet.x) + 0 * sheet.y) * step(1.2, 1.6, sheet.y + 0 * sheet.x))[..., None]
    _buttons(sheet, colour)
    return Part(sheet, np.clip(colour, 0, 255), np.maximum(body * (1 - opening), collar), normals(height, sheet.fine))


def _volume(sheet: Sheet, body: np.ndarray) -> np.ndarray:
    small = cv2.resize(body, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 0, 60, 0, 0, cv2.BORDER_REPLICATE)
    ball = cv2.GaussianBlur(inflate(small, 0.42 * sheet.fine / 4), (0, 0), 0.03 * sheet.fine / 4)[:-60]
    height = cv2.resize(ball, sheet.shape[::-1], interpolation=cv2.INTER_LINEAR) * 0.34
    for side in (1, -1):
        height = height + 0.075 * sheet.bump(side * 0.29, 1.60, 0.19, 0.17)
    return sheet.blur(height.astype(np.float32), 0.02)


def _folds(sheet: Sheet, rng: np.random.RandomState) -> np.ndarray:
    """Cloth pulled from the armpits, hanging from the chest, and gathered at the waist."""
    height = np.zeros(sheet.shape, np.float32)
    for side in (1, -1):
        for i in range(9):
            start = (side * rng.uniform(0.60, 0.72), 1.35 + 0.05 * i)
            end = (side * rng.uniform(0.10, 0.42), 1.15 + 0.17 * i + rng.uniform(-0.05, 0.10))
            bow = (side * 0.5 * (abs(start[0]) + abs(end[0])), 0.5 * (start[1] + end[1]) + rng.uniform(0.0, 0.10))
            height += rng.uniform(0.006, 0.022) * sheet.line(smooth((start, bow, end), False), 0.022, rng.uniform(0.014, 0.030))
        for _ in range(7):
            x, y = side * rng.uniform(0.12, 0.55), rng.uniform(1.7, 2.3)
            height += rng.uniform(0.008, 0.022) * sheet.line(
                smooth(((x, y), (x * 1.06 + 0.03, y + 0.3), (x * 0.98, y + 0.65)), False), 0.02, rng.uniform(0.016, 0.032)
            )
        for i in range(4):
            y = 0.95 + 0.07 * i
            height += 0.010 * sheet.line(
                smooth(((side * 0.72, y + 0.10), (side * 0.55, y + 0.02), (side * 0.36, y + 0.06)), False), 0.02, 0.022
            )
    return height


def _placket(sheet: Sheet) -> np.ndarray:
    return sheet.area(((-0.052, 1.04), (0.052, 1.04), (0.058, 3.2), (-0.058, 3.2)))


def _buttons(sheet: Sheet, colour: np.ndarray) -> None:
    strip = sheet.line(((0.054, 1.06), (0.058, 3.2)), 0.006, 0.005)
    colour *= (1 - 0.30 * strip)[..., None]
    for y in np.arange(1.22, 3.1, 0.30):
        r = np.sqrt(sheet.x**2 + (sheet.y - y) ** 2)
        paint(
            colour,
            (60, 60, 64),
            np.clip((0.026 - np.sqrt((sheet.x - 0.004) ** 2 + (sheet.y - y - 0.006) ** 2)) * sheet.fine + 0.5, 0, 1),
            0.5,
        )
        paint(colour, (205, 212, 218), np.clip((0.022 - r) * sheet.fine + 0.5, 0, 1), 0.95)
        for dx in (-0.006, 0.006):
            paint(colour, (90, 90, 96), sheet.bump(dx, y, 0.003, 0.003), 0.9)
