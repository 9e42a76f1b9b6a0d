"""The hair: thousands of strands, drawn once, in a layer behind the head and one before it. Lengths in heads.

Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Sequence, Tuple

import cv2
import numpy as np

from edge.plugins.demo.shape import SHIFT, Part, Sheet, double, single, smooth, step

BOX = (-0.85, -0.75, 0.85, 1.35)
PART_X = 0.075  # the parting lies a little to one side
TOP = -0.585

Strand = np.ndarray  # float64 [n, 2], from root to tip


def behind(scale: float, colour: Sequence[float], seed: int) -> Part:
    """Hair that falls behind the neck and onto the shoulders."""
    rng = np.random.RandomState(seed)
    sheet = Sheet(*BOX, scale=scale)
    mass = sheet.area(smooth(_mass(0.95)), 0.008)
    strands = [_fall(rng, rng.uniform(-1, 1)) for _ in range(2600)]
    return _draw(sheet, mass, strands, single(colour) * 0.62, rng, flyaways=_loose(rng, 110))


def before(scale: float, colour: Sequence[float], seed: int) -> Part:
    """Hair that is parted on the crown, frames the face and falls before the shoulders."""
    rng = np.random.RandomState(seed + 1)
    sheet = Sheet(*BOX, scale=scale)
    mass = np.maximum(sheet.area(_curtain(1), 0.010), sheet.area(_curtain(-1), 0.010))
    strands = []
    for side in (1, -1):
        # From the face outwards, so that outer strands lie over inner ones: a lock has depth.
        for t in np.sort(rng.uniform(0, 1, 1700)):
            strands.append(_sweep(rng, side, t))
    return _draw(sheet, mass, strands, single(colour), rng, flyaways=_wisps(rng, 60))


def _mass(k: float) -> Sequence[Tuple[float, float]]:
    half = (
        (0.0, TOP + 0.02),
        (0.2, -0.53),
        (0.34, -0.42),
        (0.405, -0.25),
        (0.425, 0.0),
        (0.44, 0.3),
        (0.475, 0.6),
        (0.44, 0.78),
        (0.33, 0.86),
    )
    return [(x * k, y) for x, y in half] + [(-x * k, y) for x, y in half[:0:-1]]


INNER = (
    (PART_X, -0.425),
    (0.175, -0.375),
    (0.262, -0.26),
    (0.306, -0.10),
    (0.324, 0.07),
    (0.318, 0.22),
    (0.298, 0.38),
    (0.290, 0.54),
    (0.315, 0.70),
    (0.345, 0.86),
    (0.35, 0.98),
)
OUTER = (
    (PART_X * 0.6, TOP),
    (0.22, -0.562),
    (0.362, -0.445),
    (0.430, -0.26),
    (0.455, -0.02),
    (0.468, 0.2),
    (0.500, 0.40),
    (0.530, 0.58),
    (0.52, 0.76),
    (0.465, 0.90),
    (0.40, 0.99),
)


def _path(side: int, t: float) -> np.ndarray:
    """A lock between the face (t = 0) and the outside (t = 1), from parting to tip."""
    inner, outer = double(INNER), double(OUTER)
    path = inner + (outer - inner) * t
    # The far side of the parting has more to cover.
    mirror = side * (path[:, 0] - PART_X * np.linspace(1, 0, len(path)) ** 3) + PART_X * np.linspace(1, 0, len(path)) ** 3
    return np.stack((mirror, path[:, 1]), 1)


def _curtain(side: int) -> np.ndarray:
    inner, outer = _path(side, 0.06), _path(side, 0.94)
    return np.concatenate((smooth(inner[:-1], False), smooth(outer[:-1], False)[::-1]))


def _sweep(rng: np.random.RandomState, side: int, t: float) -> Strand:
    lock = np.floor(t * 9) / 9 + 0.055
    path = _path(side, np.clip(t + 0.35 * (lock - t) + rng.normal(0, 0.02), -0.05, 1.05))
    along = np.linspace(0, 1, len(path))
    wave = np.sin(along * 13 + lock * 5 + side) * 0.026 * along + np.sin(along * 21 + lock * 57) * 0.008 * along
    path[:, 0] += side * wave + rng.normal(0, 0.006) * (0.3 + along)
    path[:, 1] += rng.normal(0, 0.008)
    strand = smooth(path, False, 6)
    return strand[: len(strand) - int(10 * rng.rand() ** 2)]


def _fall(rng: np.random.RandomState, x: float) -> Strand:
    """A strand of the back: over the crown, then straight down with a wave."""
    k = 0.40 + 0.05 * rng.rand()
    tip = 0.90 + rng.normal(0, 0.035) - 0.10 * x * x
    y = np.array((-0.52 + 0.28 * x * x, -0.25 + 0.06 * x * x, 0.05, 0.35, 0.62, tip))
    spread = np.array((0.70, 0.97, 1.0, 1.03, 1.08, 1.0))
    path = np.stack((x * k * spread + 0.016 * np.sin(y * 9 + x * 14), y), 1)
    return smooth(path, False, 6)


def _loose(rng: np.random.RandomState, count: int) -> Sequence[Strand]:
    """Single hairs that stand off the outline."""
    out = []
    for _ in range(count):
        side = rng.choice((-1, 1))
        t = rng.uniform(0.1, 0.95)
        path = smooth(_path(side, 1.0), False, 6)
        i = int(t * (len(path) - 14))
        piece = path[i : i + rng.randint(8, 14)].copy()
        away = np.linspace(0, 1, len(piece)) ** 2 * rng.uniform(0.01, 0.07)
        piece[:, 0] += side * (away + 0.004)
        piece[:, 1] -= away * (0.6 if i < 24 else 0.0) + 0.003
        out.append(piece)
    return out


def _wisps(rng: np.random.RandomState, count: int) -> Sequence[Strand]:
    """Fine hairs at the tips and about the temples."""
    out = []
    for _ in range(count):
        side = rng.choice((-1, 1))
        path = smooth(_path(side, rng.uniform(-0.08, 1.05)), False, 6)
        i = rng.choice((rng.randint(14, 26), rng.randint(40, 52)))
        piece = path[i : i + rng.randint(8, 14)].copy()
        piece[:, 0] += np.linspace(0, 1, len(piece)) ** 2 * rng.normal(0, 0.035)
        piece[:, 1] += np.linspace(0, 1, len(piece)) * 0.03
        out.append(piece)
    return out


def _draw(
    sheet: Sheet,
    mass: np.ndarray,
    strands: Sequence[Strand],
    colour: np.ndarray,
    rng: np.random.RandomState,
    flyaways: Sequence[Strand],
) -> Part:
    picture = np.empty(sheet.shape + (3,), np.uint8)
    picture[:] = np.clip(colour * 0.50, 0, 255)
    cover = (np.clip(mass, 0, 1) * 255).astype(np.uint8)
    thick = max(1, int(round(0.0042 * sheet.fine)))
    for strand in strands:
        tone = colour * (0.62 + 0.55 * rng.rand()) * (1 + rng.normal(0, 0.03, 3))
        pixels = [sheet.pixels(strand)]
        cv2.polylines(picture, pixels, False, tuple(float(c) for c in np.clip(tone, 0, 255)), thick, cv2.LINE_AA, SHIFT)
        cv2.polylines(cover, pixels, False, 255, 1, cv2.LINE_AA, SHIFT)
    layer = np.zeros_like(cover)
    for strand in flyaways:
        faint = int(rng.uniform(70, 190))
        cv2.polylines(
            picture,
            [sheet.pixels(strand)],
            False,
            tuple(float(c) for c in np.clip(colour * 1.15, 0, 255)),
            thick + 2,
            cv2.LINE_AA,
            SHIFT,
        )
        layer[:] = 0
        cv2.polylines(layer, [sheet.pixels(strand)], False, faint, 1, cv2.LINE_AA, SHIFT)
        np.maximum(cover, layer, out=cover)
    shade = _sheen(sheet)
    out = np.clip(picture.astype(np.float32) * shade[..., None], 0, 255)
    return Part(sheet, out, cover.astype(np.float32) / 255, _round(sheet))


def _sheen(sheet: Sheet) -> np.ndarray:
    """The ring of light around the crown, and less light under the locks."""
    bend = sheet.y + 0.9 * sheet.x**2
    ring = (
        np.exp(-0.5 * ((bend + 0.33) / 0.075) ** 2) * 0.55
        + np.exp(-0.5 * ((sheet.y - 0.30 + 0.3 * sheet.x) / 0.14) ** 2) * 0.22
    )
    inner = 1 - 0.35 * np.exp(-0.5 * ((np.abs(sheet.x) - 0.30) / 0.035) ** 2) * step(-0.1, 0.2, sheet.y)
    return (0.88 + ring) * inner


def _round(sheet: Sheet) -> np.ndarray:
    """Normals of the volume that the hair makes: an egg above, two columns below."""
    nx = np.clip(sheet.x / 0.52, -0.9, 0.9) + 0 * sheet.y
    column = np.clip((np.abs(sheet.x) - 0.38) / 0.17, -0.8, 0.8) * np.clip(sheet.x / 0.2, -1, 1)
    low = step(0.2, 0.7, sheet.y + 0 * sheet.x)
    nx = nx * (1 - low) + column * low
    ny = np.clip((sheet.y + 0.05) / 0.62, -0.9, 0.15) + 0 * sheet.x
    length = np.sqrt(nx * nx + ny * ny)
    return (np.dstack((nx, ny)) * (np.minimum(1, 0.95 / np.maximum(length, 0.95)))[..., None]).astype(np.float32)
