"""Another size for a picture."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import cv2
import numpy as np

from edge import Alpha, Context, GraphError, Image, Spec, Stage, hookimpl

try:
    from typing import Literal
except ImportError:
    pass  # Python 3.7, on the Kit, where nothing resolves the annotations

LARGEST = 8192


class Resize(Stage):
    """Another size. A camera's exact matte, where it has one (`truth`), is resized alike."""

    width: int = 0  # pixels; 0 follows from the height, keeping the aspect
    height: int = 0  # pixels; 0 follows from the width, keeping the aspect
    fit: Literal["stretch", "crop", "pad"] = "stretch"  # where the aspect changes: distort, cut off the edges, add black bars

    makes = {"image": Image, "truth": Alpha}
    renders = ("image", "truth")

    def check(self) -> Dict[str, str]:
        wrong = {
            name: f"must be 0 (follows from the other) to {LARGEST}, not {value}"
            for name, value in (("width", self.width), ("height", self.height))
            if not 0 <= value <= LARGEST
        }
        if not wrong and not self.width and not self.height:
            return {"width": "give a width, a height, or both"}
        return wrong

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """The size that the largest frame gets. `truth` is made only where a camera makes it."""
        return {name: self._resized(name, spec) for name, spec in inputs.items() if name in self.makes}

    def _resized(self, name: str, spec: Spec) -> Spec:
        shape = spec.shape or ()
        if spec.format.startswith(("nv", "i420")):
            raise GraphError(f"resize takes bgr or rgb pictures, not {spec.format}")
        return Spec(self.makes[name], self._size(shape[0], shape[1]) + shape[2:], spec.format)

    def open(self, context: Context) -> None:
        self._room = {name: spec.shape for name, spec in context.outputs.items()}

    def process(self, image: Image, truth: Alpha = None) -> Dict[str, np.ndarray]:  # type: ignore[assignment]
        made = {"image": self._fitted("image", image)}
        if truth is not None:
            made["truth"] = self._fitted("truth", truth)
        return made

    def _size(self, height: int, width: int, room: Optional[Tuple[int, ...]] = None) -> Tuple[int, int]:
        """Height and width of the result for a picture of this height and width, within `room`."""
        if self.width and self.height:
            return self.height, self.width
        scale = self.width / width if self.width else self.height / height
        if room:  # a frame of another aspect than the largest one: smaller, rather than beyond what was promised
            scale = min(scale, room[0] / height, room[1] / width)
        return self.height or _even(height * scale), self.width or _even(width * scale)

    def _fitted(self, name: str, picture: np.ndarray) -> np.ndarray:
        """The picture at its new size; the picture itself where it has that size."""
        height, width = self._size(picture.shape[0], picture.shape[1], self._room.get(name))
        if (height, width) == picture.shape[:2]:
            return picture
        made = self.new(name, (height, width) + picture.shape[2:])
        if self.fit == "pad":
            return _pad(picture, made)
        return _scale(_crop(picture, height, width) if self.fit == "crop" else picture, made)


def _even(length: float) -> int:
    """The nearest even number, for video encoders."""
    return max(2, 2 * int(length / 2 + 0.5))


def _scale(picture: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Fill `into`. Below half size only INTER_AREA looks at every pixel; above, bilinear does, and is faster."""
    height, width = into.shape[:2]
    shrunk = min(picture.shape[0] / height, picture.shape[1] / width)
    way = cv2.INTER_AREA if shrunk >= 2 else cv2.INTER_LINEAR
    cv2.resize(picture, (width, height), dst=into, interpolation=way)
    return into


def _crop(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest middle part with the aspect of height and width, as a view."""
    scale = min(picture.shape[0] / height, picture.shape[1] / width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (picture.shape[0] - tall) // 2, (picture.shape[1] - wide) // 2
    return picture[top : top + tall, left : left + wide]


def _pad(picture: np.ndarray, into: np.ndarray) -> np.ndarray:
    """The whole picture in the middle of `into`, black around it (a truth is 0 there: no person)."""
    height, width = into.shape[:2]
    scale = min(height / picture.shape[0], width / picture.shape[1])
    tall, wide = max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))
    top, left = (height - tall) // 2, (width - wide) // 2
    into[:top] = into[top + tall :] = 0
    into[:, :left] = into[:, left + wide :] = 0
    _scale(picture, into[top : top + tall, left : left + wide])
    return into


@hookimpl
def register_stages(register: Any) -> None:
    register("resize", Resize)
