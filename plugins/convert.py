"""Another order of colours: what the next stage, an encoder or a device takes."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import cv2
import numpy as np

from edge import Context, Drop, GraphError, Image, Spec, Stage, evened, hookimpl

try:
    from typing import Literal
except ImportError:
    pass  # Python 3.7, on the Kit, where nothing resolves the annotations

YUV = ("nv21", "nv12", "i420")
"""Brightness in [h, w]; below it, in h / 2 rows, a U and a V for each 2×2 pixels: VUVU..., UVUV..., or all U, then all V."""
TO_RGB = {
    "nv21": (cv2.COLOR_YUV2RGB_NV21, cv2.COLOR_YUV2BGR_NV21),
    "nv12": (cv2.COLOR_YUV2RGB_NV12, cv2.COLOR_YUV2BGR_NV12),
    "i420": (cv2.COLOR_YUV2RGB_I420, cv2.COLOR_YUV2BGR_I420),
}
TO_I420 = {"rgb": cv2.COLOR_RGB2YUV_I420, "bgr": cv2.COLOR_BGR2YUV_I420}


class Convert(Stage):
    """Between rgb, bgr and the YUV 4:2:0 orders nv21, nv12, i420: BT.601, narrow range (Y 16..235, U and V 16..240).

    The arithmetic is OpenCV's, which takes the colour of each 2×2 pixels from their upper left one. From one YUV order to
    another, and between rgb and bgr, no value changes. On its way to YUV a picture with an odd side gets its last line twice.
    """

    to: Literal["rgb", "bgr", "nv21", "nv12", "i420"]  # the order of colours that comes out

    makes = {"image": Image}
    renders: Tuple[str, ...] = ("image",)

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        image = inputs["image"]
        if image.format == self.to:
            self.renders = ()  # the picture itself: where it leaves the process it is copied
        return {"image": Spec(Image, self._shape(image.shape or (), _known(image.format)), self.to)}

    def open(self, context: Context) -> None:
        self.context = context
        spec = context.inputs.get("image")
        self._from = _known(spec.format if spec else "")

    def process(self, image: Image) -> Dict[str, np.ndarray]:
        if self._from in YUV and (image.shape[0] % 3 or image.shape[1] % 2):
            raise Drop("format", f"{image.shape} is no picture in {self._from}")
        if self._from == self.to:
            return {"image": image}
        made = self.new("image", self._shape(image.shape, self._from))
        if self._from in YUV:
            _from_yuv(image, self._from, made, self.to)
        elif self.to in YUV:
            _to_yuv(evened(image), self._from, made, self.to)
        else:
            cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=made)  # the same swap both ways
        return {"image": made}

    def _shape(self, shape: Tuple[int, ...], before: str) -> Tuple[int, ...]:
        """The shape of the result for a picture of this shape."""
        if before in YUV and self.to in YUV or before == self.to:
            return shape
        if before in YUV:
            return shape[0] // 3 * 2, shape[1], 3
        if self.to not in YUV:
            return shape
        height, width = (side + side % 2 for side in shape[:2])
        return height // 2 * 3, width


def _known(format: str) -> str:
    """The order of colours that comes in; where nobody says, OpenCV's own."""
    if format and format not in (*YUV, *TO_I420):
        raise GraphError(f"convert takes {', '.join((*TO_I420, *YUV))}, not {format}")
    return format or "bgr"


def _from_yuv(image: np.ndarray, before: str, made: np.ndarray, to: str) -> None:
    if to not in YUV:
        cv2.cvtColor(image, TO_RGB[before][to == "bgr"], dst=made)
        return
    height = made.shape[0] // 3 * 2
    np.copyto(made[:height], image[:height])
    _put(made[height:], to, *_colours(image[height:], before))


def _to_yuv(image: np.ndarray, before: str, made: np.ndarray, to: str) -> None:
    cv2.cvtColor(image, TO_I420[before], dst=made)
    if to != "i420":
        height = image.shape[0]
        u, v = _colours(made[height:].copy(), "i420")
        _put(made[height:], to, u, v)


def _colours(below: np.ndarray, order: str) -> Tuple[np.ndarray, np.ndarray]:
    """U and V [h / 2, w / 2], as views of the rows below the brightness [h / 2, w]."""
    height, width = below.shape[0], below.shape[1] // 2
    if order == "i420":
        both = below.reshape(2, height, width)
        return both[0], both[1]
    first, second = below[:, 0::2], below[:, 1::2]
    return (second, first) if order == "nv21" else (first, second)


def _put(below: np.ndarray, order: str, u: np.ndarray, v: np.ndarray) -> None:
    into_u, into_v = _colours(below, order)
    np.copyto(into_u, u)
    np.copyto(into_v, v)


@hookimpl
def register_stages(register: Any) -> None:
    register("convert", Convert)
