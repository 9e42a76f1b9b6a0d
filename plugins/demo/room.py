"""The room behind the person: wall, window, shelf, plant, picture, lamp and door, under each state of the light.

Lengths in heights of the picture: x from its middle, y from its top. Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, Dict, Tuple

import cv2
import numpy as np

from edge.plugins.demo.light import LIGHTS
from edge.plugins.demo.shape import between, double, single

SHARPEST = 720  # drawn for at most this height: the room is out of focus, more would not be seen
COARSEST = 240  # and for at least this one
DARKEST, BRIGHTEST = 14, 238  # so that noise and exposure stay within 0..255
WIDE = 1.9  # drawn this wide; wider pictures show it stretched at the sides

Colour = Any  # three numbers, blue-green-red

# The light of the room itself: daylight from the window, the lamp's glow, light from everywhere; and the window's own.
STATES: Dict[str, Dict[str, Tuple[float, float, float]]] = {
    "day": {"window": (0.84, 0.88, 0.92), "lamp": (0.0, 0.0, 0.0), "all": (0.50, 0.51, 0.52), "sky": (0.95, 0.93, 0.88)},
    "lamp": {"window": (0.22, 0.18, 0.15), "lamp": (0.42, 0.86, 1.25), "all": (0.13, 0.16, 0.19), "sky": (0.42, 0.30, 0.22)},
    "back": {"window": (1.10, 1.15, 1.20), "lamp": (0.0, 0.0, 0.0), "all": (0.21, 0.21, 0.21), "sky": (2.4, 2.5, 2.6)},
}
assert STATES.keys() == LIGHTS.keys()


class Room:
    """Paints the room once: `colour` linear float32 [h, w, 3], and one plane for each light."""

    def __init__(self, seed: int, height: int) -> None:
        h = min(SHARPEST, max(COARSEST, height))
        self.blur = h / SHARPEST
        self.shape = (h, int(h * WIDE))
        self.seed, self.rng = seed, np.random.RandomState(seed + 11)
        self.x = ((np.arange(self.shape[1], dtype=np.float32) + 0.5) / h - WIDE / 2)[None, :]
        self.y = ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None]
        self.colour = np.empty(self.shape + (3,), np.float32)
        self.glass = np.zeros(self.shape + (3,), np.float32)
        self.shadow = np.ones(self.shape, np.float32)
        self.shade = np.zeros(self.shape, np.float32)
        for paint in (self._wall, self._door, self._window, self._picture, self._shelf, self._lamp, self._plant):
            paint()

    def picture(self, state: str, width: int, height: int) -> np.ndarray:
        """The room in a state of the light, slightly out of focus: uint8 [height, width, 3]."""
        light = STATES[state]
        window = np.exp(-0.5 * (((self.x + 0.85) / 0.75) ** 2 + ((self.y - 0.35) / 0.65) ** 2))
        lamp = 1.15 * np.exp(-np.sqrt((self.x - 0.70) ** 2 + (self.y - 0.36) ** 2) / 0.26)
        lamp = lamp * (0.55 + 0.45 * np.clip(np.abs(self.y - 0.40) / 0.10, 0, 1))
        lit = single(light["all"]) + window[..., None] * single(light["window"]) + lamp[..., None] * single(light["lamp"])
        out = self.colour * lit * self.shadow[..., None] + self.glass * single(light["sky"])
        out += self.shade[..., None] * single((0.35, 0.60, 0.80)) * single(light["lamp"])
        # Bright places shine over dark ones, in every lens.
        small = cv2.resize(np.clip(out - 0.75, 0, 1.5), None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
        out += 0.35 * cv2.resize(
            cv2.GaussianBlur(small, (0, 0), 7 * self.blur), self.shape[::-1], interpolation=cv2.INTER_LINEAR
        )
        out = cv2.GaussianBlur(out, (0, 0), 2.2 * self.blur)
        out = np.power(np.clip(out, 0, None) / (1 + 0.18 * out), 1 / 2.2)
        return np.clip(self._fit(out, width, height) * 240, DARKEST, BRIGHTEST).astype(np.uint8)

    def _fit(self, picture: np.ndarray, width: int, height: int) -> np.ndarray:
        h, w = self.shape
        shown = min(w, int(round(h * width / height)))
        cut = picture[:, (w - shown) // 2 : (w - shown) // 2 + shown]
        how = cv2.INTER_AREA if height < h else cv2.INTER_CUBIC
        return cv2.resize(cut, (width, height), interpolation=how)

    # What follows paints one thing each. Colours are blue-green-red 0..1 as one sees them; they are stored linear.

    def _area(self, points: Any, soft: float = 0.0) -> np.ndarray:
        mask = np.zeros(self.shape, np.uint8)
        at = (double(points) + (WIDE / 2, 0)) * self.shape[0] - 0.5
        cv2.fillPoly(mask, [np.round(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        plane = mask.astype(np.float32) / 255
        return cv2.GaussianBlur(plane, (0, 0), soft * self.shape[0]) if soft else plane

    def _box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, soft: float = 0.0) -> np.ndarray:
        mask = self._area(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), soft)
        self._paint(mask, colour)
        return mask

    def _paint(self, mask: np.ndarray, colour: Any) -> None:
        rows, columns = np.flatnonzero(mask.max(1) > 0), np.flatnonzero(mask.max(0) > 0)
        if rows.size and columns.size:
            at = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            under = self.colour[at]
            under += (single(colour) ** single(2.2) - under) * mask[at][..., None]
            self.glass[at] *= 1 - mask[at][..., None]

    def _cast(self, x0: float, y0: float, x1: float, y1: float, soft: float, depth: float) -> None:
        self.shadow *= 1 - depth * self._area(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), soft)

    def _grain(self, wide: int, high: int, amount: float) -> np.ndarray:
        # A generator of its own: how many numbers it takes depends on the size, and the books must not.
        rng = np.random.RandomState(self.seed + wide)
        wide, high = max(1, int(wide * self.blur)), max(1, int(high * self.blur))
        small = rng.randn(self.shape[0] // high + 2, self.shape[1] // wide + 2).astype(np.float32)
        return 1 + amount * cv2.resize(small, self.shape[::-1], interpolation=cv2.INTER_CUBIC)

    def _wall(self) -> None:
        self.colour[:] = single((0.66, 0.71, 0.74)) ** 2.2
        self.colour *= (self._grain(3, 3, 0.03) * self._grain(60, 60, 0.035))[..., None]
        # A darker, panelled lower half, and a rail.
        self._box(-1, 0.80, 1, 1.01, (0.52, 0.56, 0.55))
        for x in np.arange(-0.95, 1.0, 0.24):
            self._box(x, 0.85, x + 0.19, 1.01, (0.56, 0.60, 0.59), 0.002)
        self._box(-1, 0.785, 1, 0.803, (0.72, 0.76, 0.78), 0.001)

    def _door(self) -> None:
        self._box(0.80, 0.14, 1.0, 1.01, (0.80, 0.84, 0.86))
        self._box(0.822, 0.17, 1.0, 1.01, (0.60, 0.67, 0.72))
        for y0, y1 in ((0.22, 0.50), (0.56, 0.95)):
            self._box(0.85, y0, 1.0, y1, (0.54, 0.61, 0.66), 0.002)
            self._box(0.856, y0 + 0.008, 1.0, y1 - 0.008, (0.62, 0.69, 0.74), 0.002)
        self._box(0.836, 0.575, 0.852, 0.60, (0.45, 0.62, 0.70), 0.002)

    def _window(self) -> None:
        x0, y0, x1, y1 = -0.83, 0.06, -0.44, 0.66
        self._cast(x0 - 0.02, y0 + 0.02, x1 + 0.05, y1 + 0.08, 0.02, 0.25)
        self._box(x0 - 0.025, y0 - 0.025, x1 + 0.025, y1 + 0.025, (0.88, 0.90, 0.91))
        pane = self._box(x0, y0, x1, y1, (0.05, 0.05, 0.05))
        leaves = self._garden()
        self.glass += pane[..., None] * leaves
        self._box((x0 + x1) / 2 - 0.008, y0, (x0 + x1) / 2 + 0.008, y1, (0.84, 0.86, 0.87))
        self._box(x0, 0.335, x1, 0.349, (0.84, 0.86, 0.87))
        self._box(x0 - 0.05, y1 + 0.02, x1 + 0.05, y1 + 0.042, (0.90, 0.92, 0.93))
        self._curtain(-0.98, -0.79)
        self._curtain(-0.475, -0.365)

    def _garden(self) -> np.ndarray:
        """Outside: a pale sky, trees and their light, far out of focus."""
        out = np.empty(self.shape + (3,), np.float32)
        out[:] = single((0.95, 0.86, 0.78))
        for _ in range(150):
            x, y = self.rng.uniform(-0.85, -0.42), self.rng.uniform(0.24, 0.68)
            r = self.rng.uniform(0.012, 0.035)
            tone = single((0.22, 0.42, 0.30)) * self.rng.uniform(0.5, 1.5) * (1.0 if y > 0.30 else 1.3)
            at = (int((x + WIDE / 2) * self.shape[0]), int(y * self.shape[0]))
            cv2.circle(out, at, int(r * self.shape[0]), tuple(float(c) for c in tone), -1, cv2.LINE_AA)
        return cv2.GaussianBlur(out, (0, 0), 7 * self.blur)

    def _curtain(self, x0: float, x1: float) -> None:
        mask = self._area(((x0 + 0.01, 0.02), (x1, 0.02), (x1 + 0.015, 0.4), (x1 + 0.01, 0.97), (x0, 0.97)), 0.002)
        self._paint(mask, (0.72, 0.78, 0.82))
        fold = 1 + 0.20 * np.sin((self.x - x0) * 170 + 1.5 * np.sin(self.x * 61)) + 0 * self.y
        at = mask[..., None]
        self.colour *= 1 + at * (fold[..., None] - 1)
        self.glass += at * 0.10 * fold[..., None] * single((0.9, 0.95, 1.0))
        self._box(-0.99, 0.018, -0.34, 0.030, (0.25, 0.30, 0.34))

    def _picture(self) -> None:
        x0, y0, x1, y1 = -0.28, 0.10, -0.04, 0.40
        self._cast(x0 + 0.01, y0 + 0.015, x1 + 0.02, y1 + 0.025, 0.010, 0.40)
        self._box(x0, y0, x1, y1, (0.16, 0.20, 0.25))
        self._box(x0 + 0.012, y0 + 0.012, x1 - 0.012, y1 - 0.012, (0.88, 0.91, 0.92))
        self._box(x0 + 0.042, y0 + 0.045, x1 - 0.042, y1 - 0.045, (0.72, 0.78, 0.84))
        for k, tone in enumerate(((0.62, 0.60, 0.56), (0.52, 0.50, 0.42), (0.40, 0.38, 0.28))):
            t = np.linspace(x0 + 0.042, x1 - 0.042, 40)
            ridge = 0.245 + 0.035 * k + 0.018 * np.sin(t * 47 + 2 * k) + 0.010 * np.sin(t * 110 + k)
            hills = np.concatenate((np.stack((t, ridge), 1), ((x1 - 0.042, y1 - 0.045), (x0 + 0.042, y1 - 0.045))))
            self._paint(self._area(hills), tone)
        sun = np.clip((0.017 - np.sqrt((self.x + 0.12) ** 2 + (self.y - 0.19) ** 2)) * self.shape[0], 0, 1)
        self._paint(sun, (0.45, 0.62, 0.90))

    def _shelf(self) -> None:
        for y in (0.25, 0.47):
            self._cast(0.11, y + 0.015, 0.60, y + 0.05, 0.012, 0.40)
            x = 0.13
            while x < 0.55:
                x = self._thing(x, y)
            self._box(0.10, y, 0.60, y + 0.020, (0.28, 0.38, 0.50))
            self._box(0.10, y, 0.60, y + 0.005, (0.42, 0.54, 0.66))

    def _thing(self, x: float, y: float) -> float:
        """A book, a vase or a gap on the shelf's board; gives where the next one begins."""
        what = self.rng.rand()
        if what < 0.08:
            return x + 0.035
        if what < 0.16 and x < 0.50:
            pot = (
                (x + 0.008, y),
                (x, y - 0.05),
                (x + 0.014, y - 0.075),
                (x + 0.010, y - 0.095),
                (x + 0.034, y - 0.095),
                (x + 0.030, y - 0.075),
                (x + 0.044, y - 0.05),
                (x + 0.036, y),
            )
            self._paint(self._area(pot, 0.001), self.rng.uniform(0.45, 0.85, 3))
            return x + 0.055
        wide, high = self.rng.uniform(0.014, 0.032), self.rng.uniform(0.10, 0.155)
        hues = (
            (0.30, 0.28, 0.55),
            (0.45, 0.36, 0.22),
            (0.40, 0.52, 0.34),
            (0.66, 0.74, 0.80),
            (0.26, 0.44, 0.66),
            (0.30, 0.30, 0.32),
            (0.62, 0.56, 0.44),
        )
        tone = double(hues[self.rng.randint(len(hues))]) * self.rng.uniform(0.8, 1.15)
        self._box(x, y - high, x + wide, y, tone)
        self._box(x + wide - 0.003, y - high, x + wide, y, tone * 0.55)
        self._box(x + 0.002, y - high + 0.02, x + wide - 0.003, y - high + 0.028, np.clip(tone * 1.7 + 0.1, 0, 0.9))
        self._box(x + 0.004, y - high * 0.55, x + wide - 0.006, y - high * 0.30, np.clip(tone * 1.25, 0, 0.9))
        return x + wide

    def _lamp(self) -> None:
        """A floor lamp: dark by day, glowing when it is on."""
        self._box(0.694, 0.42, 0.706, 1.01, (0.22, 0.26, 0.28))
        shade = self._area(((0.655, 0.27), (0.745, 0.27), (0.785, 0.43), (0.615, 0.43)), 0.0015)
        self._paint(shade, (0.70, 0.80, 0.86))
        self.colour *= 1 - shade[..., None] * (0.25 * np.abs(self.x - 0.70) / 0.085)[..., None]
        down, aside = np.abs(self.y - 0.37) - 0.01, np.abs(self.x - 0.70) - 0.02
        self.shade = single(shade * (1.1 - 1.6 * np.clip(down, 0, 0.3) - 3.0 * np.clip(aside, 0, 0.1)))

    def _plant(self) -> None:
        """A pot on a stool by the window, and long leaves."""
        self._box(-0.60, 0.90, -0.40, 0.915, (0.30, 0.40, 0.50))
        self._paint(self._area(((-0.565, 0.775), (-0.435, 0.775), (-0.455, 0.90), (-0.545, 0.90)), 0.001), (0.52, 0.60, 0.72))
        for _ in range(34):
            lean, long = self.rng.uniform(-0.16, 0.16), self.rng.uniform(0.14, 0.30)
            t = np.linspace(0, 1, 14)
            x = -0.50 + 0.25 * lean * t + lean * t * t
            y = 0.78 - long * t + 0.55 * abs(lean) * t**3
            wide = 0.010 * np.sin(np.pi * np.clip(t * 0.93 + 0.06, 0, 1)) ** 0.8
            tone = double((0.24, 0.44, 0.28)) * self.rng.uniform(0.55, 1.35)
            self._paint(self._area(between(x - wide, x + wide, y)), tone)
