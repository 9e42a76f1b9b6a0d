#!/usr/bin/env python3
"""Draws the background pictures beside this file: temple.jpg, studio.jpg, office.jpg.   python assets/draw.py [FOLDER]

Everything comes from arithmetic and seeded noise, so the pictures are the same every time (up to the JPEG encoder).
"""

from __future__ import annotations

import pathlib
import sys

import cv2
import numpy as np

SIZE = (1920, 1080)
QUALITY = 88
GRAIN = 1.3  # deviation, in steps of 0..255: without it an evening sky shows bands


class Painting:
    """A canvas of linear float colours, blue-green-red, drawn at twice its size. Lengths in heights: x from the middle."""

    def __init__(self, seed: int, over: int = 2) -> None:
        w, h = SIZE[0] * over, SIZE[1] * over
        self.h, self.shape = h, (h, w)
        self.rng = np.random.RandomState(seed)
        self.x = ((np.arange(w, dtype=np.float32) + 0.5) / h - w / h / 2)[None, :]
        self.y = ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None]
        self.colour = np.zeros((h, w, 3), np.float32)

    def area(self, points, soft: float = 0.0) -> np.ndarray:
        """The inside of a polygon, float32 0..1, softened by `soft` heights."""
        mask = np.zeros(self.shape, np.uint8)
        at = (np.float64(points) + (self.shape[1] / self.h / 2, 0)) * self.h - 0.5
        cv2.fillPoly(mask, [np.round(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return self.blur(mask.astype(np.float32) / 255, soft)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour, soft: float = 0.0) -> None:
        self.paint(self.area(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), soft), colour)

    def paint(self, mask: np.ndarray, colour) -> None:
        """Lay a colour (or a picture) of linear light over what is there."""
        rows, columns = np.flatnonzero(mask.max(1) > 0), np.flatnonzero(mask.max(0) > 0)
        if rows.size and columns.size:
            at = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            colour = np.float32(colour)
            over = colour[at] if colour.ndim == 3 else colour
            self.colour[at] += (over - self.colour[at]) * mask[at][..., None]

    @staticmethod
    def blur(plane: np.ndarray, soft: float) -> np.ndarray:
        """Softened by heights; a wide blur is made small, where it costs nothing."""
        if not soft:
            return plane
        sigma = soft * plane.shape[0]
        k = max(1, int(sigma / 4))
        small = cv2.resize(plane, (plane.shape[1] // k, plane.shape[0] // k), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / k)
        return cv2.resize(small, plane.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def clouds(self, cell: float, stretch: float, octaves: int = 5, fall: float = 0.55) -> np.ndarray:
        """Noise of several sizes, about mean 0 and deviation 1; `stretch` times as wide as high."""
        out = np.zeros(self.shape, np.float32)
        for k in range(octaves):
            size = max(2.0, cell * self.h / 2**k)
            rows, columns = int(self.shape[0] / size) + 3, int(self.shape[1] / size / stretch) + 3
            out += fall**k * cv2.resize(
                self.rng.randn(rows, columns).astype(np.float32), self.shape[::-1], interpolation=cv2.INTER_CUBIC
            )
        return out / out.std()

    def glow(self, threshold: float, soft: float, amount: float) -> None:
        """Bright places shine over what is around them."""
        self.colour += amount * self.blur(np.clip(self.colour - threshold, 0, 3), soft)

    def save(self, path: pathlib.Path) -> None:
        """Tone, grain, and JPEG."""
        small = cv2.resize(self.colour, SIZE, interpolation=cv2.INTER_AREA)
        small = np.power(np.clip(small / (1 + 0.22 * small) * 1.22, 0, 1), 1 / 2.2) * 255
        small += self.rng.randn(*small.shape[:2], 1) * GRAIN
        picture = np.clip(np.rint(small), 0, 255).astype(np.uint8)
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])


def bgr(red: float, green: float, blue: float) -> np.ndarray:
    """A colour as one sees it, 0..1, as linear light."""
    return np.float32((blue, green, red)) ** np.float32(2.2)


def ramp(y: np.ndarray, stops) -> np.ndarray:
    """Colours along y: (where, colour) in order."""
    at = [s[0] for s in stops]
    return np.stack([np.interp(y, at, [s[1][c] for s in stops]) for c in range(3)], -1).astype(np.float32)


def between(left: np.ndarray, right: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The outline of what lies between two curves over the same y."""
    return np.concatenate((np.stack((left, y), 1), np.stack((right, y), 1)[::-1]))


def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


# -- a temple above the sea, at dusk ------------------------------------------------------------------------------------

HORIZON = 0.665
SUN = (-0.42, 0.60)


def temple(path: pathlib.Path) -> None:
    p = Painting(3)
    _sky(p)
    _mountains(p)
    _sea(p)
    _terrace(p)
    _temple(p)
    _cypresses(p)
    p.glow(0.75, 0.05, 0.30)
    p.save(path)


def _sky(p: Painting) -> None:
    stops = (
        (0.0, bgr(0.20, 0.25, 0.43)), (0.22, bgr(0.38, 0.40, 0.57)), (0.42, bgr(0.68, 0.56, 0.62)),
        (0.56, bgr(0.92, 0.68, 0.55)), (0.665, bgr(1.0, 0.82, 0.60)), (1.0, bgr(1.0, 0.84, 0.62)),
    )  # fmt: skip
    p.colour[:] = ramp(p.y, stops)
    far = np.sqrt((p.x - SUN[0]) ** 2 + (1.5 * (p.y - SUN[1])) ** 2)
    p.colour += np.exp(-far / 0.20)[..., None] * np.float32((0.12, 0.36, 0.60))
    p.paint(np.clip((0.034 - np.sqrt((p.x - SUN[0]) ** 2 + (p.y - SUN[1]) ** 2)) * p.h * 0.25, 0, 1), (1.1, 1.9, 2.4))
    veil = p.clouds(0.11, 5.0)
    high = step(0.2, 1.9, veil + 0.5 * p.clouds(0.04, 4.0)) * step(0.0, 0.14, p.y) * step(0.66, 0.45, p.y)
    lit = ramp(p.y, ((0.0, bgr(0.48, 0.45, 0.56)), (0.3, bgr(0.90, 0.62, 0.58)), (0.6, bgr(1.0, 0.80, 0.60))))
    p.paint(high * 0.62, np.broadcast_to(lit, p.colour.shape))


def _mountains(p: Painting) -> None:
    tones = (bgr(0.78, 0.61, 0.60), bgr(0.62, 0.50, 0.56), bgr(0.43, 0.38, 0.48))
    for k, tone in enumerate(tones):
        x = np.linspace(-1.0, 1.0, 900)
        ridge = np.zeros_like(x)
        for octave in range(7):
            f = 2.1 * 1.9**octave * (1 + 0.2 * k)
            ridge += 0.55**octave * np.sin(f * x * 2 + p.rng.uniform(0, 6.3))
        far_side = 0.35 + 0.65 * step(-0.5, 0.7, x) if k < 2 else step(0.05, -0.75, x) + 0.75 * step(0.35, 0.95, x)
        top = HORIZON - (0.055 - 0.010 * k) * far_side * (1.1 + 0.75 * ridge / 1.6)
        skyline = np.stack((x, np.minimum(top, HORIZON + 0.002)), 1)
        hill = p.area(np.concatenate((skyline, ((1.0, HORIZON + 0.004), (-1.0, HORIZON + 0.004)))), 0.0006)
        haze = np.clip((p.y - 0.54) / (HORIZON - 0.54), 0, 1)[..., None] ** 2 * 0.45
        p.paint(hill, tone * (1 - haze) + bgr(0.98, 0.76, 0.60) * haze + np.zeros_like(p.colour))


def _sea(p: Painting) -> None:
    """The sky upside down, broken by waves that grow toward the eye."""
    depth = np.clip((p.y - HORIZON) / (1 - HORIZON), 0, 1)
    ripple = p.clouds(0.012, 9.0, 3) * (0.15 + depth) * 0.020
    rows = np.clip((2 * HORIZON - p.y - 0.10 * depth + ripple) * p.h, 0, HORIZON * p.h - 1).astype(np.float32)
    columns = ((p.x + 0.5 * ripple) * p.h + p.shape[1] / 2).astype(np.float32)
    mirrored = cv2.remap(p.colour, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mirrored = mirrored * np.float32((0.80, 0.74, 0.70)) * (1 - 0.35 * depth)[..., None] + bgr(0.10, 0.16, 0.24) * 0.25
    path = np.exp(-np.abs(p.x - SUN[0]) / (0.035 + 0.10 * depth)) * step(0.35, 1.6, p.clouds(0.010, 7.0, 3))
    mirrored += path[..., None] * np.float32((0.35, 0.75, 1.1)) * 0.8
    p.paint(step(HORIZON - 0.0005, HORIZON + 0.0005, p.y) + 0 * p.x, mirrored)


def _terrace(p: Painting) -> None:
    """Pale stone slabs in the foreground, warm where the low sun strikes them."""
    top = 0.845
    depth = np.clip((p.y - top) / (1 - top), 0.0, 1)
    z = 1.0 / (0.16 + depth)
    across, along = p.x * z * 2.2, z * 5.0
    slab = np.floor(along) * 0.5
    joint = np.minimum(
        np.abs(across + slab - np.round(across + slab)) / (0.012 * z + 0.004),
        np.abs(along - np.round(along)) / (0.05 * z + 0.01),
    )
    tone = np.sin(np.floor(along) * 12.9 + np.round(across + slab) * 78.2) * 0.5
    stone = bgr(0.60, 0.50, 0.47) * (1 + 0.10 * tone + 0.08 * p.clouds(0.03, 3.0))[..., None]
    stone = stone * (0.55 + 0.45 * np.clip(joint, 0, 1))[..., None]
    light = np.exp(-(((p.x + 0.38) / 0.85) ** 2)) * (1.15 - 0.55 * depth)
    stone = stone * (0.55 + 0.75 * light)[..., None] * np.float32((0.84, 0.96, 1.14))
    p.paint(step(top - 0.001, top + 0.001, p.y) + 0 * p.x, stone)
    p.box(-1, top - 0.012, 1, top, bgr(0.72, 0.56, 0.47))
    p.box(-1, top, 1, top + 0.006, bgr(0.24, 0.21, 0.25))


def _temple(p: Painting) -> None:
    """Six columns and a gable, seen from the front; the sun comes from the left."""
    x0, x1, base, top = 0.085, 0.815, 0.820, 0.395
    for k in range(4):
        y = base + 0.010 * k - 0.008
        out = 0.022 + 0.014 * k
        p.box(x0 - out, y, x1 + out, y + 0.011, bgr(0.80, 0.64, 0.53) * (1 - 0.07 * k))
        p.box(x0 - out, y + 0.0085, x1 + out, y + 0.011, bgr(0.42, 0.34, 0.36))
    # The hall behind the columns: dark, with a glimpse of the evening through it.
    inside = bgr(0.23, 0.19, 0.25) * (0.75 + 0.75 * np.clip((p.y - top) / (base - top), 0, 1))[..., None] + np.zeros_like(
        p.colour
    )
    p.paint(p.area(((x0 + 0.05, top), (x1 - 0.05, top), (x1 - 0.05, base - 0.008), (x0 + 0.05, base - 0.008))), inside)
    p.box(0.408, 0.50, 0.492, base - 0.008, bgr(0.93, 0.66, 0.50), 0.0015)
    for x in np.linspace(x0 + 0.042, x1 - 0.042, 6):
        _column(p, float(x), base - 0.008, top, 0.031)
    _gable(p, x0 - 0.012, x1 + 0.012, top)


def _column(p: Painting, x: float, base: float, top: float, radius: float) -> None:
    """A fluted Doric column, a little narrower above, under its capital."""
    shaft_top = top + 0.030
    t = np.linspace(0, 1, 24)
    r = radius * (1 - 0.17 * t - 0.05 * t * t)
    y = base + (shaft_top - base) * t
    mask = p.area(between(x - r, x + r, y))
    width = radius * (1 - 0.20 * np.clip((base - p.y) / (base - shaft_top), 0, 1))
    side = np.clip((p.x - x) / width, -0.999, 0.999)
    angle = np.arcsin(side)
    flute = np.abs(np.sin(angle * 10))
    light = (
        np.clip(-side * 0.80 + np.sqrt(1 - side * side) * 0.42, 0, 1) * (0.62 + 0.38 * flute)
        + 0.17
        + 0.10 * np.clip(side, 0, 1) ** 3
    )
    stone = bgr(0.98, 0.78, 0.60) * light[..., None] * np.float32((0.92, 0.98, 1.06)) + bgr(0.28, 0.27, 0.38) * 0.30
    worn = 1 + 0.025 * np.sin(p.y * 210 + x * 50) * np.sin(p.y * 67)
    shade = 0.62 + 0.38 * step(shaft_top - 0.002, shaft_top + 0.05, p.y)
    p.paint(mask, stone * (worn * shade)[..., None])
    for y0, y1, out, tone in ((shaft_top - 0.016, shaft_top, 1.02, 0.78), (top, shaft_top - 0.015, 1.30, 1.0)):
        cap = (
            (x - radius * out, y0),
            (x + radius * out, y0),
            (x + radius * (0.80 if tone < 1 else out), y1),
            (x - radius * (0.80 if tone < 1 else out), y1),
        )
        lit = bgr(0.93, 0.73, 0.57) * tone * np.clip(0.72 - 0.50 * (p.x - x) / (radius * 1.3), 0.2, 1.3)[
            ..., None
        ] + np.zeros_like(p.colour)
        p.paint(p.area(cap), lit)


def _gable(p: Painting, x0: float, x1: float, top: float) -> None:
    p.box(x0, top - 0.036, x1, top, bgr(0.80, 0.63, 0.53))
    p.box(x0, top - 0.038, x1, top - 0.034, bgr(0.48, 0.38, 0.38))
    p.box(x0, top - 0.078, x1, top - 0.038, bgr(0.76, 0.59, 0.50))
    for x in np.linspace(x0 + 0.018, x1 - 0.018, 11):
        # Triglyphs: three bars each, over every column and between.
        for k in (-1, 0, 1):
            p.box(x + 0.008 * k - 0.0028, top - 0.076, x + 0.008 * k + 0.0028, top - 0.042, bgr(0.88, 0.70, 0.57))
            p.box(x + 0.008 * k + 0.0022, top - 0.076, x + 0.008 * k + 0.0038, top - 0.042, bgr(0.40, 0.33, 0.36))
    y = top - 0.078
    middle, peak = (x0 + x1) / 2, y - 0.125
    p.box(x0 - 0.018, y - 0.014, x1 + 0.018, y, bgr(0.92, 0.74, 0.60))
    p.box(x0 - 0.018, y - 0.003, x1 + 0.018, y + 0.004, bgr(0.34, 0.28, 0.32), 0.0008)
    p.paint(p.area(((x0 - 0.018, y - 0.013), (middle, peak), (x1 + 0.018, y - 0.013))), bgr(0.90, 0.71, 0.56))
    p.paint(p.area(((x0 + 0.055, y - 0.018), (middle, peak + 0.022), (x1 - 0.055, y - 0.018))), bgr(0.50, 0.39, 0.38))
    p.paint(p.area(((x0 + 0.068, y - 0.018), (middle, peak + 0.028), (x1 - 0.068, y - 0.018))), bgr(0.66, 0.51, 0.46))
    right = p.area(((middle, peak), (x1 + 0.018, y - 0.013), (x1 + 0.018, y - 0.005), (middle, peak + 0.013)))
    p.paint(right * 0.55, bgr(0.42, 0.34, 0.38))


def _cypresses(p: Painting) -> None:
    for x, foot, tall, wide in ((-0.80, 0.835, 0.47, 0.040), (-0.712, 0.835, 0.36, 0.033), (0.876, 0.84, 0.40, 0.036)):
        t = np.linspace(0, 1, 60)
        bulge = wide * np.sin(np.pi * np.clip(t, 0, 1) ** 0.62) ** 0.75
        left = x - bulge * (1 + 0.13 * p.rng.randn(60))
        right = x + bulge * (1 + 0.13 * p.rng.randn(60))
        y = foot - tall * t
        mask = p.area(between(left, right, y), 0.0008)
        leaf = p.clouds(0.016, 0.5, 3)
        side = np.clip(-(p.x - x) / wide, -1, 1)
        tone = (
            bgr(0.11, 0.15, 0.15) * (1 + 0.35 * leaf)[..., None]
            + bgr(0.62, 0.42, 0.26) * (0.28 * np.clip(side + 0.25 * leaf, 0, 1))[..., None]
        )
        p.paint(mask, np.clip(tone, 0, 1))
        p.box(x - 0.005, foot - 0.02, x + 0.005, foot + 0.006, bgr(0.14, 0.11, 0.11))


# -- a photographer's studio --------------------------------------------------------------------------------------------


def studio(path: pathlib.Path) -> None:
    """A seamless paper sweep, lit from above and behind where a person will stand."""
    p = Painting(5, over=1)
    wall = ramp(
        p.y,
        (
            (0.0, bgr(0.30, 0.34, 0.40)),
            (0.62, bgr(0.43, 0.47, 0.53)),
            (0.80, bgr(0.50, 0.54, 0.58)),
            (1.0, bgr(0.38, 0.42, 0.47)),
        ),
    )
    halo = np.exp(-(((p.x - 0.02) / 0.52) ** 2 + ((p.y - 0.44) / 0.42) ** 2))
    cool, warm = (
        np.exp(-(((p.x + 0.82) / 0.40) ** 2 + ((p.y - 0.25) / 0.6) ** 2)),
        np.exp(-(((p.x - 0.86) / 0.40) ** 2 + ((p.y - 0.40) / 0.6) ** 2)),
    )
    p.colour[:] = wall * (0.62 + 1.05 * halo)[..., None]
    p.colour += cool[..., None] * bgr(0.24, 0.38, 0.52) * 0.55 + warm[..., None] * bgr(0.62, 0.42, 0.28) * 0.50
    p.colour *= (1 + 0.030 * p.clouds(0.10, 1.4, 5, 0.7))[..., None]
    floor = step(0.80, 0.93, p.y) + 0 * p.x
    p.colour *= (1 - 0.20 * floor)[..., None]
    p.colour += (floor * np.exp(-((p.x / 0.55) ** 2)))[..., None] * bgr(0.42, 0.44, 0.46) * 0.35
    p.colour *= (1 - 0.42 * np.clip((p.x / 0.95) ** 2 * 0.6 + ((p.y - 0.5) / 0.62) ** 2 * 0.5, 0, 1))[..., None]
    p.save(path)


# -- an office in the evening, out of focus -----------------------------------------------------------------------------


BLUR = 0.013


def office(path: pathlib.Path) -> None:
    p = Painting(9, over=1)
    p.colour[:] = ramp(p.y, ((0.0, bgr(0.32, 0.32, 0.34)), (0.7, bgr(0.42, 0.41, 0.40)), (1.0, bgr(0.26, 0.25, 0.25))))
    _city(p)
    outside = p.colour.copy()
    _furniture(p)
    near = lens((np.abs(p.colour - outside).max(2) > 0).astype(np.float32), BLUR)
    p.colour[:] = lens(p.colour, BLUR)
    _lights(p, 1 - near)
    p.glow(0.7, 0.03, 0.35)
    p.colour *= (1 - 0.30 * np.clip((p.x / 0.95) ** 2 * 0.5 + ((p.y - 0.45) / 0.7) ** 2 * 0.5, 0, 1))[..., None]
    p.save(path)


def _city(p: Painting) -> None:
    """Windows from floor to ceiling, behind them towers at dusk."""
    dusk = ramp(
        p.y,
        (
            (0.0, bgr(0.26, 0.35, 0.52)),
            (0.30, bgr(0.47, 0.52, 0.64)),
            (0.55, bgr(0.86, 0.68, 0.58)),
            (0.75, bgr(0.75, 0.55, 0.48)),
        ),
    )
    pane = p.area(((-0.84, 0.05), (0.34, 0.05), (0.34, 0.70), (-0.84, 0.70)))
    p.paint(pane, np.broadcast_to(dusk, p.colour.shape))
    for _ in range(26):
        x, wide, high = p.rng.uniform(-0.84, 0.30), p.rng.uniform(0.03, 0.09), p.rng.uniform(0.10, 0.40)
        tower = p.area(((x, 0.70 - high), (x + wide, 0.70 - high), (x + wide, 0.70), (x, 0.70))) * pane
        p.paint(tower, bgr(0.26, 0.29, 0.38) * p.rng.uniform(0.7, 1.5))
    for x in (-0.845, -0.45, -0.055, 0.338):
        p.box(x - 0.011, 0.03, x + 0.011, 0.71, bgr(0.16, 0.16, 0.18))
    p.box(-0.86, 0.695, 0.36, 0.715, bgr(0.55, 0.52, 0.49))
    p.box(-0.86, 0.035, 0.36, 0.052, bgr(0.16, 0.16, 0.18))


BOOKS = (
    bgr(0.62, 0.30, 0.26),
    bgr(0.24, 0.36, 0.48),
    bgr(0.36, 0.46, 0.36),
    bgr(0.82, 0.76, 0.66),
    bgr(0.66, 0.48, 0.28),
    bgr(0.28, 0.28, 0.30),
)


def _furniture(p: Painting) -> None:
    p.box(0.36, 0.0, 1.0, 0.76, bgr(0.55, 0.48, 0.42))
    for y in (0.31, 0.47, 0.63):
        p.box(0.44, y, 0.86, y + 0.016, bgr(0.30, 0.22, 0.16))
        x = 0.46
        while x < 0.82:
            wide, high = p.rng.uniform(0.016, 0.04), p.rng.uniform(0.07, 0.13)
            if p.rng.rand() < 0.75:
                p.box(x, y - high, x + wide, y, BOOKS[p.rng.randint(len(BOOKS))] * p.rng.uniform(0.6, 1.3))
            x += wide + 0.002
    p.box(-1.0, 0.79, 1.0, 1.0, bgr(0.36, 0.27, 0.21))
    p.box(-1.0, 0.785, 1.0, 0.80, bgr(0.56, 0.43, 0.33))
    for x in (-0.66, -0.14):
        p.box(x, 0.60, x + 0.25, 0.755, bgr(0.08, 0.09, 0.11))
        p.box(x + 0.008, 0.608, x + 0.242, 0.742, bgr(0.34, 0.44, 0.56))
        p.box(x + 0.105, 0.75, x + 0.145, 0.79, bgr(0.10, 0.10, 0.11))
    for _ in range(46):
        lean, long = p.rng.uniform(-0.16, 0.16), p.rng.uniform(0.16, 0.34)
        t = np.linspace(0, 1, 12)
        x, y = 0.36 + lean * t * (0.5 + t), 0.74 - long * t + 0.5 * abs(lean) * t**3
        wide = 0.016 * np.sin(np.pi * np.clip(t * 0.95 + 0.04, 0, 1))
        p.paint(
            p.area(between(x - wide, x + wide, y)),
            bgr(0.22, 0.40, 0.24) * p.rng.uniform(0.5, 1.5),
        )
    p.paint(p.area(((0.29, 0.72), (0.43, 0.72), (0.41, 0.82), (0.31, 0.82))), bgr(0.66, 0.62, 0.58))


def _lights(p: Painting, seen: np.ndarray) -> None:
    """What is bright and far out of focus turns into discs: the city's windows (where `seen`), and lamps under the ceiling."""
    for _ in range(95):
        x, y = p.rng.uniform(-0.82, 0.32), 0.36 + 0.32 * p.rng.rand() ** 0.7
        hue = (bgr(1.0, 0.78, 0.45), bgr(1.0, 0.62, 0.35), bgr(0.85, 0.88, 1.0))[p.rng.randint(3)]
        disc(p, x, y, p.rng.uniform(0.008, 0.017), hue * p.rng.uniform(0.15, 0.65), seen)
    for x, y, r in ((0.50, 0.085, 0.034), (0.65, 0.070, 0.036), (0.80, 0.085, 0.034)):
        disc(p, x, y, r, bgr(1.0, 0.80, 0.55) * 1.2, np.float32(1))


def disc(p: Painting, x: float, y: float, radius: float, colour: np.ndarray, seen: np.ndarray) -> None:
    """A point of light through a round opening: flat, with a slightly brighter rim."""
    far = np.sqrt((p.x - x) ** 2 + (p.y - y) ** 2)
    inside = np.clip((radius - far) * p.h / 2.5 + 0.5, 0, 1)
    p.colour += (seen * inside * (0.75 + 0.25 * (far / radius) ** 4))[..., None] * colour


def lens(picture: np.ndarray, radius: float) -> np.ndarray:
    """Out of focus by a disc of so many heights."""
    r = int(radius * picture.shape[0])
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    kernel = (x * x + y * y <= r * r).astype(np.float32)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def main(folder: pathlib.Path) -> None:
    for draw in (temple, studio, office):
        draw(folder / (draw.__name__ + ".jpg"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent)
