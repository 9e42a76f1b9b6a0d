"""Preprocess: from a picture to a network's tensor, and from the network's tensor to a plane.

Valid Python 3.7, numpy and cv2 only; `spec` is the part of a contract that describes one input or output.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

_TO_BGR = {"nv12": cv2.COLOR_YUV2BGR_NV12, "nv21": cv2.COLOR_YUV2BGR_NV21, "i420": cv2.COLOR_YUV2BGR_I420}
_LARGEST = 80.0
"""exp of more overflows float32; exp(-80) is 0 to any alpha."""


class Preprocess:
    """Fills a network's tensors, always the same ones, with one picture after another.

    tensors: by the network's input names: the picture [1, c, h, w] or [1, h, w, c] as the contract says, and the previous
    alpha [1, 1, h, w] where that is an input of its own. Valid until the next call. 256×256 with its normalisation
    takes 0.1 ms, the shrinking before it 0.1 ms (from 360p) to 1.3 ms (from 640×640) and 7 ms (from 1080p): shrink early.
    """

    def __init__(
        self, image: Any, size: Sequence[int], channels: int = 3, prior: Any = None, types: Optional[Dict[str, Any]] = None
    ) -> None:
        """image, prior: the contract's; size: (h, w); types: dtype by input name where that is not float32."""
        h, w = size
        self._size = (int(w), int(h))
        self._colour = image.colour
        self._tables = _tables(image)
        self._small = np.empty((h, w, 3), np.uint8)
        self._double = np.empty((2 * h, 2 * w, 3), np.uint8)
        self._channels = np.empty((3, h, w), np.uint8)
        nchw = image.layout == "nchw"
        self.tensors = {image.name: np.zeros((1, channels, h, w) if nchw else (1, h, w, channels), np.float32)}
        # Views of the tensor: [h, w] of each channel, whatever the layout.
        views = list(np.moveaxis(self.tensors[image.name][0], 0 if nchw else -1, 0))
        if prior is not None and prior.name:
            self.tensors[prior.name] = np.zeros((1, 1, h, w), np.float32)
            views.append(self.tensors[prior.name][0, 0])
        self._views = views
        low, high = (0.0, 1.0) if prior is None else prior.range
        self._low, self._high = float(low), float(high)
        self._types = types or {}
        self._interleaved = self.tensors[image.name][0] if not nchw and channels == 3 else None
        self._table = np.stack([table[0] for table in self._tables], axis=-1)[None]

    def __call__(self, image: np.ndarray, format: str = "bgr", prior: Optional[np.ndarray] = None) -> Dict[str, np.ndarray]:
        """image: uint8 in the order `format`: bgr or rgb [h, w, 3], nv12, nv21 or i420 [h * 3 / 2, w]; prior: float32 [h, w]
        0..1 of the network's size, or None for none (all background)."""
        if format in _TO_BGR:
            image, format = cv2.cvtColor(image, _TO_BGR[format]), "bgr"
        self._shrink(image)
        self._normalise(swap=format != self._colour)
        if len(self._views) == 4:
            self._views[3][...] = self._low if prior is None else prior * np.float32(self._high - self._low) + self._low
        return {name: np.asarray(tensor, self._types.get(name, np.float32)) for name, tensor in self.tensors.items()}

    def _shrink(self, image: np.ndarray) -> None:
        """To the network's size, every pixel of the picture counted.

        Down to half, linear's two taps still reach every pixel. Below that it would skip some, so: linear to twice the size,
        then the mean of each 2 × 2. Mean change of alpha against an exact average (INTER_AREA), of 255, pictures of 360 to 720
        lines to 256: 0.14 to 0.23 and 0.13 to 0.15; it takes a tenth and a quarter of its time.
        """
        (width, height), (rows, columns) = self._size, image.shape[:2]
        ratio = max(rows / height, columns / width)
        if ratio < 2:
            cv2.resize(image, self._size, dst=self._small, interpolation=cv2.INTER_LINEAR)
        elif ratio > 4 or (rows, columns) == (2 * height, 2 * width):
            cv2.resize(image, self._size, dst=self._small, interpolation=cv2.INTER_AREA)
        else:
            cv2.resize(image, (2 * width, 2 * height), dst=self._double, interpolation=cv2.INTER_LINEAR)
            cv2.resize(self._double, self._size, dst=self._small, interpolation=cv2.INTER_AREA)

    def _normalise(self, swap: bool) -> None:
        """A table per channel: there are only 256 values, and a table is exact where a multiply-add rounds twice."""
        if self._interleaved is not None:
            if swap:
                cv2.cvtColor(self._small, cv2.COLOR_BGR2RGB, dst=self._small)
            cv2.LUT(self._small, self._table, dst=self._interleaved)
            return
        order = [0, 2, 1, 1, 2, 0] if swap else [0, 0, 1, 1, 2, 2]
        cv2.mixChannels([self._small], list(self._channels), order)
        for channel, table in enumerate(self._tables):
            view = self._views[channel]
            if view.flags.c_contiguous:
                cv2.LUT(self._channels[channel], table, dst=view)
            else:  # interleaved, with a fourth channel
                view[...] = cv2.LUT(self._channels[channel], table)


def _tables(spec: Any) -> List[np.ndarray]:
    """float32 [1, 256] per channel: what each value of a pixel becomes."""
    low, high = spec.range
    value = low + np.arange(256, dtype=np.float64) / 255.0 * (high - low)
    return [((value - spec.mean[c]) / spec.std[c]).astype(np.float32)[None] for c in range(3)]


def plane(tensor: np.ndarray, spec: Any) -> np.ndarray:
    """float32 [h, w] 0..1, the caller's own, from a network's output.

    A tensor with NaN or infinity anywhere gives a plane that has NaN in every pixel: whoever runs the network decides.
    Never stretched by its own minimum and maximum: that turns an empty picture into a full matte.
    """
    values, axis = _unbatched(tensor, spec.layout)
    if not np.isfinite(values.sum(dtype=np.float64)):  # one NaN or infinity anywhere makes the sum one
        return np.full(np.delete(values.shape, axis), np.nan, np.float32)
    own = values[spec.channel] if axis == 0 else values[..., spec.channel]
    if spec.activation == "softmax":
        others = np.exp(np.minimum(values - np.expand_dims(own, axis), _LARGEST))
        return np.asarray(1.0 / others.sum(axis), np.float32)
    if spec.activation == "sigmoid":
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum(-own, _LARGEST))), np.float32)
    return np.asarray(np.clip(own, 0.0, 1.0, dtype=np.float32))


def _unbatched(tensor: np.ndarray, layout: str) -> Tuple[np.ndarray, int]:
    """The first of the batch as float32 [c, h, w] or [h, w, c], and which axis is the channels'."""
    values = np.asarray(tensor, np.float32)
    if values.ndim == 4:
        values = values[0]
    if values.ndim == 2:
        values = values[None] if layout == "nchw" else values[..., None]
    return values, 0 if layout == "nchw" else 2
