"""The article's framing: mirror, cut out the middle square, bring it to the network's size."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import cv2
import numpy as np

from edge import Alpha, GraphError, Image, Spec, Stage, hookimpl

LARGEST = 8192


class Portrait(Stage):
    """Mirror, centre crop to a square, resize.

    Takes a picture of any shape; a camera's exact matte, where it has one (`truth`), is framed alike.
    """

    size: int = 0  # side of the square in pixels; 0 keeps the crop's own, made even for video encoders
    mirror: bool = False  # swap left and right, as a mirror does

    makes = {"image": Image, "truth": Alpha}
    renders: Tuple[str, ...] = ("image", "truth")

    def check(self) -> Dict[str, str]:
        if 0 <= self.size <= LARGEST:
            return {}
        return {"size": f"must be 0 (the picture's own) to {LARGEST}, not {self.size}"}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """A square of the largest frame. `truth` is made only where a camera makes it."""
        if not self.size and not self.mirror:
            self.renders = ()  # a view of the source's picture: where it leaves the process it is copied
        return {name: self._square(name, spec) for name, spec in inputs.items() if name in self.makes}

    def _square(self, name: str, spec: Spec) -> Spec:
        shape = spec.shape or ()
        if spec.format.startswith(("nv", "i420")):
            raise GraphError(f"portrait takes bgr or rgb pictures, not {spec.format}")
        side = self._side(shape[0], shape[1])
        return Spec(self.makes[name], (side, side) + shape[2:], spec.format)

    def process(self, image: Image, truth: Alpha = None) -> Dict[str, np.ndarray]:  # type: ignore[assignment]
        made = {"image": self._framed("image", image)}
        if truth is not None:
            made["truth"] = self._framed("truth", truth)
        return made

    def _framed(self, name: str, picture: np.ndarray) -> np.ndarray:
        """The square, mirrored and resized. A view of the picture where not one pixel changes."""
        crop, side = self._crop(picture), self._side(*picture.shape[:2])
        if side == crop.shape[0] and not self.mirror:
            return crop
        made = self.new(name, (side, side) + picture.shape[2:])
        if side == crop.shape[0]:
            return cv2.flip(crop, 1, made)  # type: ignore[no-any-return,unused-ignore]
        # Below half size only INTER_AREA looks at every pixel. Above, bilinear does too, six times as fast (720 to 640).
        way = cv2.INTER_AREA if 2 * side <= crop.shape[0] else cv2.INTER_LINEAR
        cv2.resize(crop, (side, side), dst=made, interpolation=way)
        return cv2.flip(made, 1, made) if self.mirror else made

    def _crop(self, picture: np.ndarray) -> np.ndarray:
        """The middle square, as a view."""
        height, width = picture.shape[:2]
        side = _even(min(height, width))
        top, left = (height - side) // 2, (width - side) // 2
        if self.mirror:  # the article mirrors first: where the middle falls between two pixels, its crop is the other one
            left = width - side - left
        return picture[top : top + side, left : left + side]

    def _side(self, height: int, width: int) -> int:
        return self.size or _even(min(height, width))


def _even(side: int) -> int:
    """The next even number downwards; a picture one pixel wide stays."""
    return max(1, side - side % 2)


@hookimpl
def register_stages(register: Any) -> None:
    register("portrait", Portrait)
