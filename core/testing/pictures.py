"""Example pictures: the same ones every time, drawn by our own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edge.core import hooks
from edge.core.errors import EdgeError
from edge.core.testing.ready import ready
from edge.core.testing.reel import Reel

FORMATS = ("bgr", "rgb", "nv12", "nv21", "i420")
"""i420 has its colours plane by plane, nv12 and nv21 in pairs; all three at half the size below the grey picture."""
FLAT = FORMATS[2:]


def pictures(count: int = 8, size: tuple[int, int] = (72, 128), format: str = "bgr") -> list[np.ndarray]:
    """So many pictures of (height, width): slopes of colour, grain, and a disc that moves through them.

    uint8 [h, w, 3] as bgr or rgb, [h * 3 / 2, w] as nv12, nv21 or i420, whose sides must be even.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no format '{format}': {', '.join(FORMATS)}")
    if min(size) < 1 or (format in FLAT and (size[0] % 2 or size[1] % 2)):
        raise ValueError(f"{format} pictures have sides of 1 or more, {', '.join(FLAT)} even ones; got {size}")
    return [_in_format(_picture(n, *size), format) for n in range(count)]


def _picture(n: int, h: int, w: int) -> np.ndarray:
    """uint8 [h, w, 3], BGR."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    slopes = np.stack([40 + 160 * x / w, 60 + 120 * y / h, 200 - 90 * (x / w + y / h)], axis=-1)
    grain = np.random.RandomState(n).randint(-8, 9, (h, w, 3))
    disc = (x - w * (0.3 + 0.05 * n % 0.4)) ** 2 + (y - h * 0.5) ** 2 < (0.2 * min(h, w)) ** 2
    slopes[disc] = (60, 90, 220)
    made: np.ndarray = np.clip(slopes + grain, 0, 255).astype(np.uint8)
    return made


def _in_format(bgr: np.ndarray, format: str) -> np.ndarray:
    if format == "bgr":
        return bgr
    if format == "rgb":
        return np.ascontiguousarray(bgr[..., ::-1])
    import cv2

    h, w = bgr.shape[:2]
    planar = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    if format == "i420":
        return planar.reshape(h * 3 // 2, w)  # type: ignore[no-any-return]
    u, v = planar[h * w : h * w * 5 // 4], planar[h * w * 5 // 4 :]
    colours = np.stack((u, v) if format == "nv12" else (v, u), axis=-1)
    flat: np.ndarray = np.concatenate((planar[: h * w], colours.reshape(-1))).reshape(h * 3 // 2, w)
    return flat


def alphas(count: int = 8, size: tuple[int, int] = (72, 128)) -> list[np.ndarray]:
    """A matte for each of `pictures`: uint8 [h, w], a person's share of the picture, with a soft edge."""
    made = []
    for n in range(count):
        y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        away = np.hypot(x - size[1] * (0.3 + 0.05 * n % 0.4), y - size[0] * 0.5)
        made.append((255 * np.clip(0.3 * min(size) - away + 0.5, 0, 1)).astype(np.uint8))
    return made


def people(count: int = 8, size: tuple[int, int] = (72, 128)) -> list[dict[str, np.ndarray]]:
    """So many pictures of a drawn person, a fifth of a second apart: {"image": uint8 [h, w, 3] BGR, "alpha": uint8 [h, w]}.

    The alpha is exact: the picture was drawn with it. They come from the built-in camera `demo`.
    """
    h, w = size
    options: dict[str, Any] = {"width": max(64, w + w % 2), "height": max(64, h + h % 2), "fps": 5.0, "pace": "fast"}
    with Reel(ready(hooks.stage_class("demo", False), {**options, "scene": "talk"})) as reel:
        return list(_cropped(reel.shots(count), size))


def _cropped(shots: Iterator[Any], size: tuple[int, int]) -> Iterator[dict[str, np.ndarray]]:
    """The middle of each picture, where the person is."""
    for shot in shots:
        if isinstance(shot, Exception):
            raise EdgeError(f"demo gave no picture: {shot}")
        top, left = ((have - want) // 2 for have, want in zip(shot["truth"].shape, size, strict=True))
        inside = np.s_[top : top + size[0], left : left + size[1]]
        yield {"image": shot["image"][inside].copy(), "alpha": shot["truth"][inside].copy()}
