"""The person, laid over a background: the matte's edge, its colours, the sum."""

from __future__ import annotations

import math
from typing import List, Tuple

import cv2
import numpy as np

SOLID = 0.985
"""A matte whose mean is above this calls the whole room a person."""
HAZE = 0.8
"""A matte with more than this share of pixels that are neither person nor background (0.1 to 0.9) is no matte."""
VEIL = 8
"""A matte that is above this everywhere leaves no place where only the background shows."""
CHUNK = 8192
"""Pixels of the edge computed at a time: few enough to stay in the processor's cache."""


def implausible(alpha: np.ndarray) -> bool:
    """Is this matte (uint8 [h, w]) everything, or haze everywhere? Nothing at all is plausible: the room may be empty."""
    haze = cv2.countNonZero(cv2.inRange(alpha, 26, 229))
    # A veil too thin to count as haze still shows the room: somewhere there must be background, and nothing but it.
    return bool(haze > HAZE * alpha.size or cv2.mean(alpha)[0] > 255 * SOLID or alpha[::8, ::8].min() > VEIL)


def edged(alpha: np.ndarray, shift: float, soft: float) -> np.ndarray:
    """The matte with its edge moved by `shift` pixels (out: > 0) and `soft` pixels wide. 0 and 0 leave it alone.

    A box blur of width b makes a ramp of a sharp edge, on which alpha says how far away the edge is: (alpha - 1/2) b pixels.
    Another ramp is then a matter of levels. Growing and shrinking the shape instead would eat fine hair first.
    """
    if not shift and not soft:
        return alpha
    wide = max(soft, 3.0) if shift else soft
    blur = 2 * math.ceil((2 * abs(shift) + wide) / 2) + 1
    away = (np.arange(256) / 255 - 0.5) * blur
    levels = np.clip(0.5 + (away + shift) / wide, 0, 1) * 255
    return cv2.LUT(cv2.blur(alpha, (blur, blur)), np.rint(levels).astype(np.uint8))  # type: ignore[no-any-return,unused-ignore]


def lay(canvas: np.ndarray, image: np.ndarray, alpha: np.ndarray, background: np.ndarray, clean: bool) -> None:
    """Fill the canvas: alpha · person + (1 - alpha) · background, rounded to the nearest. All uint8 and of one size.

    Where alpha is 255 that is the image, where it is 0 the background, exactly. Only the edge, in between, is computed. The
    canvas must be contiguous.
    """
    np.copyto(canvas, background)
    cv2.copyTo(image, cv2.compare(alpha, 255, cv2.CMP_EQ), canvas)
    edge = np.flatnonzero(alpha - np.uint8(1) < 254).astype(np.int32)  # 0 - 1 is 255
    nearby = Nearby(image, alpha) if clean and len(edge) else None
    for start in range(0, len(edge), CHUNK):
        at = edge[start : start + CHUNK]
        share = _threefold(alpha.ravel().take(at)).reshape(-1, 3) * np.float32(1 / 255)
        person, behind = _pixels(image, at), _pixels(background, at)
        if nearby:
            _clean(person, share, *nearby.at(at))
        person -= behind
        person *= share
        person += behind
        _put(canvas, at, np.rint(person, out=person).astype(np.uint8))


class Nearby:
    """What the person and the room look like around every pixel of one frame's edge, kept at half size.

    Two rounds, a wide one that reaches into the solid parts and a narrow one that follows hair. A quarter of the size is
    enough: on composites whose true colours are known, 3.7 of 255 off at the edge, against 3.8 at full size and 5.7 uncleaned.
    """

    def __init__(self, image: np.ndarray, alpha: np.ndarray) -> None:
        self._width = np.int32(image.shape[1])
        wide = max(1, min(image.shape[:2]) // 32)
        image, alpha = self._cut(image, alpha, 4 * wide)
        picture, share = _quarter(image).astype(np.float32), _quarter(alpha) * np.float32(1 / 255)
        near, room = _average(picture, share, wide), _average(picture, 1 - share, wide)
        _clean(picture, _threefold(share), near, room)
        near = _average(picture, share, 1)
        half = (-(-image.shape[1] // 2), -(-image.shape[0] // 2))
        self._planes = [cv2.resize(cv2.convertScaleAbs(plane), half) for plane in (near, room)]

    def _cut(self, image: np.ndarray, alpha: np.ndarray, margin: int) -> Tuple[np.ndarray, np.ndarray]:
        """The part with the person in it and `margin` pixels of room; multiples of four, so that it is sampled as ever."""
        x, y, width, height = cv2.boundingRect(alpha)
        self._left, self._top = max(0, x - margin) // 4 * 4, max(0, y - margin) // 4 * 4
        part = np.s_[self._top : -(-(y + height + margin) // 4) * 4, self._left : -(-(x + width + margin) // 4) * 4]
        return image[part], alpha[part]

    def at(self, places: np.ndarray) -> List[np.ndarray]:
        """Person's and room's colours at these places of the frame, counted row by row: float32 [n, 3] each."""
        rows, columns = np.divmod(places, self._width)
        half = (rows - self._top >> 1) * np.int32(self._planes[0].shape[1]) + (columns - self._left >> 1)
        return [_pixels(plane, half) for plane in self._planes]


def _pixels(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    """float32 [n, 3]: the pixels at these places, counted row by row."""
    return picture.reshape(-1, 3).take(at, axis=0).astype(np.float32)


def _put(canvas: np.ndarray, at: np.ndarray, pixels: np.ndarray) -> None:
    """Set pixels, uint8 [n, 3]. As units of three bytes: five times as fast as three values each."""
    np.put(canvas.reshape(-1).view("V3"), at, pixels.reshape(-1).view("V3"))


def _threefold(grey: np.ndarray) -> np.ndarray:
    """A copy per colour, for numpy is slow where it must stretch an axis of three."""
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)  # type: ignore[no-any-return,unused-ignore]


def _clean(person: np.ndarray, share: np.ndarray, near: np.ndarray, room: np.ndarray) -> None:
    """Give pixels of the edge, float32 [..., 3], the person's own colours, without the room's that shine through there.

    F = f + a (I - a f - (1 - a) b), with f and b what person and room look like nearby: blur fusion (Forte 2021).
    """
    person -= room
    person -= share * (near - room)
    person *= share
    person += near
    np.clip(person, 0, 255, out=person)


def _quarter(picture: np.ndarray) -> np.ndarray:
    size = (-(-picture.shape[1] // 4), -(-picture.shape[0] // 4))
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return,unused-ignore]


def _average(picture: np.ndarray, weight: np.ndarray, radius: int) -> np.ndarray:
    """The weighted mean of the colours within `radius`. Weights: [h, w]."""
    box = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(picture * _threefold(weight), box)
    mean /= _threefold(cv2.blur(weight, box) + np.float32(1e-4))
    return mean  # type: ignore[no-any-return,unused-ignore]


def blurred(image: np.ndarray, alpha: np.ndarray, strength: int) -> np.ndarray:
    """The room out of focus: a blur of `strength` thousandths of the longer side that leaves the person out. uint8.

    Pixels are weighted by how surely they are background, so the person's colours do not glow around them.
    """
    height, width = image.shape[:2]
    share = cv2.dilate(_quarter(alpha), np.ones((3, 3), np.uint8))
    # Where a pixel is a quarter person it has already too much of their colour to count as background. What is left of its
    # weight matters only so deep in the person that there is nothing else.
    weight = _threefold(255 - cv2.convertScaleAbs(share, alpha=4)) * np.float32(1 / 255) + np.float32(1e-4)
    sums = _quarter(image) * weight
    radius = max(1, round(strength * max(height, width) / 4000))
    for _ in range(3):  # three boxes are a Gaussian to the eye, at a cost that does not grow with the radius
        sums = cv2.blur(sums, (2 * radius + 1, 2 * radius + 1))
        weight = cv2.blur(weight, (2 * radius + 1, 2 * radius + 1))
    sums /= weight
    return cv2.resize(cv2.convertScaleAbs(sums), (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]
