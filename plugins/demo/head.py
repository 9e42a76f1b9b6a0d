"""The head: a face sculpted as a height, painted, with lids that close and a mouth that opens. Lengths in heads.

Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Sequence, Tuple

import cv2
import numpy as np

from edge.plugins.demo.shape import SHIFT, Colour, Part, Sheet, double, inflate, mirrored, normals, paint, single, smooth, step

OUTLINE = ((0, -0.5), (0.16, -0.478), (0.275, -0.385), (0.325, -0.22), (0.33, -0.06), (0.322, 0.08), (0.302, 0.2))
JAW = ((0.257, 0.31), (0.19, 0.405), (0.118, 0.467), (0.055, 0.492), (0, 0.497))
EYE = (0.147, 0.005)
BOX = (-0.46, -0.56, 0.46, 0.6)
MOUTH_BOX = (-0.40, 0.14, 0.40, 0.6)
EYES_BOX = (-0.30, -0.16, 0.30, 0.14)
MARGIN = 0.045  # of these boxes: there slopes and blurs lack their neighbours
MOUTHS = 9  # steps from closed to open
LIDS = 6  # steps from open to closed
DROP = 0.055  # how far the jaw falls with the mouth open

# Hills of the face: x (mirrored where not 0), y, width, height, how high, tilt.
HILLS = (
    (0.0, 0.12, 0.24, 0.36, 0.13, 0.0),  # the face bulges
    (0.12, -0.095, 0.075, 0.022, 0.020, 0.10),  # brow ridge
    (0.15, 0.0, 0.075, 0.045, -0.040, 0.0),  # eye socket
    (0.055, -0.005, 0.025, 0.05, -0.018, 0.0),  # inner corner
    (0.147, 0.004, 0.052, 0.034, 0.030, 0.0),  # eyeball
    (0.185, 0.13, 0.075, 0.055, 0.030, -0.4),  # cheekbone
    (0.17, 0.265, 0.07, 0.09, -0.012, 0.0),  # hollow of the cheek
    (0.0, 0.43, 0.065, 0.045, 0.034, 0.0),  # chin
    (0.0, 0.385, 0.075, 0.016, -0.014, 0.0),  # under the lower lip
    (0.128, 0.322, 0.018, 0.022, -0.008, 0.0),  # corner of the mouth
    (0.058, 0.186, 0.021, 0.024, 0.022, 0.0),  # wing of the nose
    (0.0, 0.165, 0.036, 0.036, 0.034, 0.0),  # tip
    (0.0, 0.26, 0.014, 0.03, -0.004, 0.0),  # philtrum
)


class Face:
    """Draws the head for a complexion: `base` is everything at rest, `mouth(k)` and `eyes(k)` are what moves."""

    def __init__(self, scale: float, skin: Colour, lips: Colour, iris: Colour, brow: Colour, seed: int) -> None:
        self.skin, self.lips, self.iris, self.brow = (single(c) for c in (skin, lips, iris, brow))
        self.scale, self.seed = scale, seed

    def base(self) -> Part:
        return self._draw(Sheet(*BOX, scale=self.scale, over=3), 0.0, 0.0)

    def mouth(self, k: int) -> Part:
        return self._draw(self._within(MOUTH_BOX), k / (MOUTHS - 1), 0.0)

    def eyes(self, k: int) -> Part:
        return self._draw(self._within(EYES_BOX), 0.0, k / (LIDS - 1))

    def _within(self, box: Sequence[float]) -> Sheet:
        """A sheet over part of the base, on the base's pixels."""
        left, top, right, bottom = (
            int(round((v - BOX[i % 2]) * self.scale)) / self.scale + BOX[i % 2] for i, v in enumerate(box)
        )
        return Sheet(left, top, right, bottom, self.scale, 3)

    def _draw(self, sheet: Sheet, openness: float, shut: float) -> Part:
        outline = smooth(mirrored(OUTLINE + tuple((x, y + DROP * openness * step(0.25, 0.45, y)) for x, y in JAW)))
        skull = sheet.area(outline)
        ears = sheet.area(self._ear(1)) + sheet.area(self._ear(-1))
        height = self._height(sheet, outline, openness, shut)
        colour = np.empty(sheet.shape + (3,), np.float32)
        colour[:] = self.skin
        self._complexion(sheet, colour)
        self._paint_ears(sheet, colour, skull)
        self._paint_nose(sheet, colour)
        self._paint_mouth(sheet, colour, height, openness)
        self._paint_eyes(sheet, colour, height, shut)
        self._paint_brows(sheet, colour, shut)
        return Part(sheet, np.clip(colour, 0, 255), np.clip(np.maximum(skull, ears), 0, 1), normals(height, sheet.fine))

    def _ear(self, side: int) -> np.ndarray:
        points = (
            (0.315, -0.02),
            (0.345, -0.06),
            (0.375, -0.05),
            (0.385, 0.0),
            (0.372, 0.07),
            (0.352, 0.125),
            (0.335, 0.15),
            (0.31, 0.13),
        )
        return smooth(double(points) * (side, 1))

    def _height(self, sheet: Sheet, outline: np.ndarray, openness: float, shut: float) -> np.ndarray:
        # Inflated on the whole head, whatever the sheet: a part alone would see false rims.
        whole = Sheet(*BOX, scale=100, over=1)
        ball = cv2.GaussianBlur(inflate(whole.area(outline), 26.0), (0, 0), 2.2) * 0.24
        height = sheet.blur(_crop(ball, whole, sheet), 0.012)
        drop = DROP * openness
        for x, y, wide, high, amount, tilt in HILLS:
            fall = drop * float(step(0.3, 0.4, double(y)))
            lid = 1.0 + 0.35 * shut if (x, y) == (0.147, 0.004) else 1.0
            for side in (1, -1) if x else (1,):
                height = height + amount * lid * sheet.bump(side * x, y + fall, wide, high, side * tilt)
        height = height + self._nose(sheet)
        return height

    def _nose(self, sheet: Sheet) -> np.ndarray:
        """The bridge: narrow and low between the eyes, wide and high at the tip, and under it nothing."""
        rise = np.interp(sheet.y, (-0.09, -0.02, 0.08, 0.165, 0.20, 0.235), (0.0, 0.026, 0.056, 0.074, 0.052, 0.0)).astype(
            np.float32
        )
        wide = np.interp(sheet.y, (-0.09, 0.0, 0.17), (0.030, 0.026, 0.040)).astype(np.float32)
        return sheet.blur(rise * np.exp(-0.5 * (sheet.x / wide) ** 2), 0.012)

    def _complexion(self, sheet: Sheet, colour: np.ndarray) -> None:
        """Blood in cheeks, nose and chin; shadows about the eyes; pores."""
        blush = single((0.80, 0.84, 1.0))
        for x, y, wide, high, amount in (
            (0.185, 0.15, 0.08, 0.065, 0.55),
            (0, 0.175, 0.05, 0.04, 0.45),
            (0, 0.44, 0.08, 0.05, 0.3),
        ):
            for side in (1, -1) if x else (1,):
                m = (sheet.bump(side * x, y, wide, high) * amount)[..., None]
                colour *= 1 - m * (1 - blush)
        for side in (1, -1):
            tired = sheet.bump(side * 0.14, 0.065, 0.05, 0.018) * 0.35 + sheet.bump(side * 0.075, 0.0, 0.022, 0.03) * 0.4
            colour *= 1 - tired[..., None] * single((0.14, 0.20, 0.16))
            lid = sheet.bump(side * 0.15, -0.035, 0.055, 0.022)
            colour *= 1 - lid[..., None] * single((0.20, 0.22, 0.14))
        # Under the hair, beside the cheeks and under the jaw less light arrives.
        low = step(0.40, 0.50, sheet.y + 0.55 * np.abs(sheet.x) ** 2) * 0.16
        top = step(-0.24, -0.40, sheet.y + 0 * sheet.x) * 0.22
        edge = step(0.24, 0.335, np.abs(sheet.x) + 0 * sheet.y) * 0.14
        colour *= (1 - low)[..., None] * (1 - top)[..., None] * (1 - edge)[..., None]
        grain = (
            sheet.noise(np.random.RandomState(self.seed), 0.012) * 0.010
            + sheet.noise(np.random.RandomState(self.seed + 1), 0.08) * 0.012
        )
        colour *= 1 + grain[..., None]

    def _paint_ears(self, sheet: Sheet, colour: np.ndarray, skull: np.ndarray) -> None:
        for side in (1, -1):
            inner = smooth([(side * x, y) for x, y in ((0.335, -0.02), (0.362, -0.02), (0.362, 0.04), (0.342, 0.09))])
            paint(colour, self.skin * (0.55, 0.6, 0.72), sheet.area(inner, 0.006) * (1 - skull), 0.8)

    def _paint_nose(self, sheet: Sheet, colour: np.ndarray) -> None:
        dark = self.skin * (0.28, 0.32, 0.46)
        for side in (1, -1):
            paint(colour, dark, sheet.bump(side * 0.030, 0.213, 0.0145, 0.0065, side * -0.25), 0.85)
            paint(
                colour,
                dark * 1.5,
                sheet.line(
                    smooth([(side * x, y) for x, y in ((0.072, 0.168), (0.082, 0.19), (0.068, 0.21))], False), 0.004, 0.006
                ),
                0.5,
            )
        paint(colour, dark * 1.7, sheet.bump(0, 0.222, 0.035, 0.010), 0.40)

    def _paint_mouth(self, sheet: Sheet, colour: np.ndarray, height: np.ndarray, openness: float) -> None:
        half = 0.114 - 0.014 * openness
        gap = 0.052 * openness
        upper = ((-half, 0.306), (-0.055, 0.296), (-0.018, 0.287), (0, 0.292), (0.018, 0.287), (0.055, 0.296), (half, 0.306))
        seam = ((half * 0.55, 0.3235 - gap * 0.16), (0, 0.322 - gap * 0.2), (-half * 0.55, 0.3235 - gap * 0.16))
        lower_seam = ((half * 0.6, 0.326 + gap * 0.75), (0, 0.326 + gap), (-half * 0.6, 0.326 + gap * 0.75))
        lower = ((-half, 0.306), (-0.06, 0.352 + gap * 0.85), (0, 0.365 + gap), (0.06, 0.352 + gap * 0.85), (half, 0.306))
        top = sheet.area(smooth(upper + seam), 0.0035)
        low = sheet.area(smooth(lower + lower_seam), 0.0035)
        inside = sheet.area(smooth(((half * 0.97, 0.307),) + seam + ((-half * 0.97, 0.307),) + lower_seam[::-1]), 0.002)
        paint(colour, self.lips * 0.90, top, 0.80)
        paint(colour, self.lips * 1.03, low, 0.75)
        paint(colour, self.lips * 1.35, sheet.bump(0.0, 0.345 + gap, 0.035, 0.006) * low, 0.35)
        height += 0.020 * sheet.blur(top, 0.010) + 0.026 * sheet.blur(low, 0.012)
        if openness > 0.01:
            paint(colour, (30, 22, 62), inside, min(1.0, openness * 6))
            teeth = inside * sheet.area(
                smooth(((-half * 0.75, 0.30), (half * 0.75, 0.30), (half * 0.55, 0.331), (0, 0.336), (-half * 0.55, 0.331))),
                0.003,
            )
            paint(colour, (196, 205, 210), teeth, 0.85 * min(1.0, openness * 2))
            paint(colour, (92, 84, 168), sheet.bump(0, 0.335 + gap, 0.045, 0.016) * inside, 0.7 * openness)
        line = sheet.line(smooth(((-half, 0.3055),) + seam[::-1] + ((half, 0.3055),), False), 0.006, 0.002)
        paint(colour, (40, 34, 78), line, 0.75)
        for side in (1, -1):
            paint(colour, self.skin * (0.45, 0.48, 0.6), sheet.bump(side * half * 1.03, 0.3055, 0.010, 0.007), 0.55)

    def _paint_eyes(self, sheet: Sheet, colour: np.ndarray, height: np.ndarray, shut: float) -> None:
        for side in (1, -1):
            self._paint_eye(sheet, colour, side, shut)

    def _lids(self, side: int, shut: float) -> Tuple[np.ndarray, np.ndarray]:
        """The edges of the upper and the lower lid, from the inner to the outer corner."""
        x0, y0 = EYE
        t = np.linspace(-1, 1, 17)
        up = y0 - 0.038 * (1 - np.abs(t + 0.08) ** 2.3 * 0.94) - 0.004 * t
        low = y0 + 0.0245 * (1 - np.abs(t - 0.12) ** 2.2) - 0.004 * t
        up = up + (low + 0.004 - up) * shut
        return np.stack((side * (x0 + 0.074 * t), up), 1), np.stack((side * (x0 + 0.074 * t), low + 0.003 * shut), 1)

    def _paint_eye(self, sheet: Sheet, colour: np.ndarray, side: int, shut: float) -> None:
        upper, lower = self._lids(side, shut)
        x0, y0 = side * EYE[0], EYE[1]
        opened = sheet.area(np.concatenate((upper, lower[::-1])), 0.0012) if shut < 0.97 else np.zeros(sheet.shape, np.float32)
        r = np.sqrt((sheet.x - x0) ** 2 + (sheet.y - y0 + 0.004) ** 2)
        white = single((205, 210, 216)) * (0.74 + 0.26 * step(-0.03, 0.004, sheet.y + 0 * sheet.x - y0))[..., None]
        white = white * (1 - 0.22 * step(0.035, 0.068, np.abs(sheet.x - x0) + 0 * sheet.y))[..., None]
        colour += (white - colour) * opened[..., None]
        disc = np.clip((0.0365 - r) * sheet.fine + 0.5, 0, 1) * opened
        angle = np.arctan2(sheet.y - y0, sheet.x - x0)
        rays = 1 + 0.14 * np.sin(angle * 17 + 3 * np.sin(angle * 5)) * step(0.008, 0.02, r)
        glow = 0.62 + 0.75 * step(-0.02, 0.03, sheet.y - y0 + 0 * sheet.x) - 0.55 * step(0.027, 0.036, r)
        iris = self.iris * (rays * glow)[..., None]
        colour += (np.clip(iris, 0, 255) - colour) * disc[..., None]
        paint(colour, (14, 12, 12), np.clip((0.015 - r) * sheet.fine + 0.5, 0, 1) * opened, 0.95)
        paint(colour, (255, 255, 255), sheet.bump(x0 - 0.012, y0 - 0.016, 0.0058, 0.0058) * opened, 1.0)
        paint(colour, (220, 215, 210), sheet.bump(x0 + 0.014, y0 + 0.012, 0.007, 0.004) * opened, 0.35)
        paint(colour, (20, 16, 18), sheet.line(upper + (0, 0.006), 0.012, 0.004) * opened, 0.55)
        self._paint_lashes(sheet, colour, side, upper, lower, shut)

    def _paint_lashes(
        self, sheet: Sheet, colour: np.ndarray, side: int, upper: np.ndarray, lower: np.ndarray, shut: float
    ) -> None:
        ink = (26, 22, 30)
        paint(colour, ink, sheet.line(upper[2:], 0.0075, 0.0012), 0.92)
        paint(colour, self.skin * (0.42, 0.45, 0.58), sheet.line(lower[3:], 0.004, 0.002), 0.6)
        # The crease above the lid goes flat as the lid comes down.
        crease = sheet.line(upper[1:] - (0, 0.017 + 0.014 * shut), 0.005, 0.004)
        paint(colour, self.skin * (0.40, 0.44, 0.58), crease, 0.55 - 0.25 * shut)
        down = 1.0 if shut > 0.6 else -1.0
        for i, (x, y) in enumerate(upper[7::2], 7):
            out = side * (i - 7) * 0.0024
            hair = ((x, y), (x + out * 0.5, y + down * 0.006), (x + out + side * 0.002, y + down * (0.009 + 0.0007 * i)))
            paint(colour, ink, sheet.line(hair, 0.0024), 0.5)

    def _paint_brows(self, sheet: Sheet, colour: np.ndarray, shut: float) -> None:
        rng = np.random.RandomState(self.seed + 5)
        for side in (1, -1):
            soft = smooth(
                [
                    (side * x, y)
                    for x, y in (
                        (0.070, -0.090),
                        (0.12, -0.106),
                        (0.18, -0.110),
                        (0.235, -0.080),
                        (0.18, -0.096),
                        (0.12, -0.089),
                        (0.072, -0.074),
                    )
                ]
            )
            paint(colour, self.brow, sheet.area(soft, 0.005), 0.62)
            strokes = np.zeros(sheet.shape, np.uint8)
            for _ in range(90):
                t = rng.rand()
                x = 0.066 + 0.165 * t
                y = (
                    -0.083
                    - 0.021 * np.sin(min(1.0, t * 1.25) * 1.7)
                    + 0.022 * max(0.0, t - 0.7) / 0.3
                    + (rng.rand() - 0.5) * 0.018 * (1 - 0.6 * t)
                )
                hair = sheet.pixels(((side * x, y), (side * (x + 0.014 + 0.010 * t), y - 0.016 * (1 - 1.5 * t))))
                cv2.polylines(strokes, [hair], False, 255, 1, cv2.LINE_AA, SHIFT)
            paint(colour, self.brow * 0.85, sheet.blur(strokes.astype(np.float32) / 255, 0.001), 0.6)


def _crop(plane: np.ndarray, whole: Sheet, sheet: Sheet) -> np.ndarray:
    """What a plane drawn over the whole head shows where `sheet` lies."""
    k = whole.fine / sheet.fine
    across = ((sheet.left - whole.left) * whole.fine + 0.5 * k - 0.5, (sheet.top - whole.top) * whole.fine + 0.5 * k - 0.5)
    map_ = double(((k, 0, across[0]), (0, k, across[1])))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, map_, sheet.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
