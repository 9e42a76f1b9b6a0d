"""Pictures as encoders, windows and files take them: BGR, of one size, with even sides. Valid Python 3.7."""

from __future__ import annotations

from typing import Optional, Tuple

import cv2
import numpy as np

from edge.core.frame import Spec

TO_BGR = {
    "rgb": cv2.COLOR_RGB2BGR,
    "nv21": cv2.COLOR_YUV2BGR_NV21,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "i420": cv2.COLOR_YUV2BGR_I420,
}
"""OpenCV's conversion from each order of colours that is another."""


def as_bgr(picture: np.ndarray, spec: Optional[Spec]) -> np.ndarray:
    """uint8 BGR [h, w, 3] of a picture in the order that its spec says; itself where it is BGR, or nobody says."""
    code = TO_BGR.get(spec.format) if spec else None
    return picture if code is None else cv2.cvtColor(picture, code)


def letterboxed(picture: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """uint8 BGR of this height and width: itself, or all of it scaled to fit, on black."""
    height, width = picture.shape[:2]
    if (height, width) == size:
        return picture
    scale = min(size[0] / height, size[1] / width)
    small = cv2.resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    down, across = size[0] - small.shape[0], size[1] - small.shape[1]
    made: np.ndarray = cv2.copyMakeBorder(
        small, down // 2, down - down // 2, across // 2, across - across // 2, cv2.BORDER_CONSTANT
    )
    return made


def evened(picture: np.ndarray) -> np.ndarray:
    """The picture with even sides, as video with half as many colours as pixels needs them: an odd one gets its last line
    twice."""
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    even: np.ndarray = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return even
