"""The views of one frame: what it is made of, how it looks, its JPEG."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from edge import Spec, as_bgr

TITLES = {"result": "Result", "side_by_side": "Side by side", "alpha": "Alpha", "room": "Camera"}
"""Every view and what the page calls it."""
NEEDS: Dict[str, Tuple[str, ...]] = {"result": ("image",), "alpha": ("matte",), "room": ("room",)}

Parts = Mapping[str, Optional[np.ndarray]]


class Views:
    """`names`: the views that these ports give; `needs`: view → the ports that it shows, side by side.

    The room is one of them only where `room` says so: a port that is merely wired shows nothing.
    """

    def __init__(self, inputs: Mapping[str, Spec], room: bool, size: int, quality: int) -> None:
        wired = {"image", *inputs}
        if not room:
            wired.discard("room")
        self.needs = {view: ports for view, ports in NEEDS.items() if wired.issuperset(ports)}
        if "room" in wired or "matte" in wired:
            self.needs["side_by_side"] = ("room", "image") if "room" in wired else ("image", "matte")
        self.names: List[str] = [view for view in TITLES if view in self.needs]
        self._size, self._quality = size, quality
        self._specs = inputs

    def there(self, view: str, parts: Parts) -> bool:
        """Is everything here that this view shows? A value may be lost for a frame."""
        return all(parts[port] is not None for port in self.needs[view])

    def jpeg(self, view: str, parts: Parts) -> bytes:
        pictures = [self._bgr(port, parts[port]) for port in self.needs[view]]  # type: ignore[arg-type]
        picture = beside(pictures) if len(pictures) > 1 else pictures[0]
        scale = self._size / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        data: bytes = encoded.tobytes()
        return data

    def _bgr(self, port: str, plane: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR) if port == "matte" else as_bgr(plane, self._specs.get(port))


def beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures, uint8 [h, w, 3], in a row, all as high as the lowest of them."""
    height = min(picture.shape[0] for picture in pictures)
    row = []
    for picture in pictures:
        size = (round(picture.shape[1] * height / picture.shape[0]), height)
        same = picture.shape[0] == height
        row.append(picture if same else cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return np.concatenate(row, axis=1)
