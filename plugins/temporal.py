"""A calm matte: the memory of a matting loop."""

from __future__ import annotations

from typing import Any, Dict, Optional

import cv2
import numpy as np

from edge import Alpha, Context, CutDetector, Frame, Image, Prior, Raw, Spec, Stage, hookimpl

NOISE = 6.0
"""Difference of two thumbnails' pixels, 0..255, that a camera's noise makes."""
MOTION = 14.0
"""Difference from which on a place counts as moving, and its alpha follows at once."""


class Temporal(Stage):
    """Makes the alpha that is shown, steady where the picture is still, and the prior that the network gets next.

    The prior is the network's own output for this frame, never smoothed and never thresholded: fed back, either would grow.
    """

    # Measured on two clips of 360 × 360 with exact alpha and a 256 × 256 segmenter, for smooth = 0 / 0.5 / 0.9:
    # flicker (mean |second difference| of alpha where nothing moves)  0.26 / 0.15 / 0.11  and  1.15 / 1.08 / 1.04
    # mean error where the true alpha moves fast: lag would show here  63.5 / 64.0 / 64.5  and  54.5 / 54.9 / 55.3
    # A plain average that moves by 0.3 of its way has less flicker, 0.06 and 0.55, and lags: 71 and 134.
    smooth: float = 0.0  # 0 shows the network's alpha, bit for bit; up to 1: the calmer, where nothing moves

    makes = {"alpha": Alpha, "prior": Prior}

    def check(self) -> Dict[str, str]:
        return {} if 0 <= self.smooth <= 1 else {"smooth": f"must be 0 to 1, not {self.smooth:g}"}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        return {"alpha": Spec(Alpha, inputs["alpha"].shape), "prior": Spec(Prior, inputs["raw"].shape)}

    def open(self, context: Context) -> None:
        self._steady: Dict[str, Steady] = {}

    def ports(self) -> Dict[str, Any]:
        """The picture tells where it moves: it is read only where that is asked."""
        ports: Dict[str, Any] = {"raw": Raw, "alpha": Alpha}
        return dict(ports, image=Image) if self.smooth else ports

    def process(
        self, frame: Frame, raw: np.ndarray, alpha: np.ndarray, image: Optional[np.ndarray] = None
    ) -> Dict[str, np.ndarray]:
        shown = self._calm(frame, image, alpha) if self.smooth and image is not None else alpha
        return {"alpha": shown, "prior": raw}

    def _calm(self, frame: Frame, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        steady = self._steady.setdefault(frame.source, Steady(self.smooth))
        mean = steady.follow(image, alpha, frame.time)
        if mean is None:
            return alpha
        return cv2.convertScaleAbs(mean, dst=self.new("alpha", alpha.shape))  # type: ignore[no-any-return,unused-ignore]


class Steady:
    """The running mean of one camera's alpha, which hurries where the picture moves.

    A pixel's mean moves by β of its way: β = clip(|picture − reference| − noise, least, 1). The reference follows with the
    same β, so that slow motion adds up and is seen, which a comparison with just the last frame would miss.
    """

    def __init__(self, smooth: float) -> None:
        self._least = 1.0 - 0.9 * smooth
        self._cut = CutDetector()
        self._mean: Optional[np.ndarray] = None
        self._reference: np.ndarray = np.zeros(0)

    def follow(self, image: np.ndarray, alpha: np.ndarray, time: float) -> Optional[np.ndarray]:
        """The mean with this frame in it, float32 [h, w] 0..255, ours; None where this frame starts it anew."""
        jumped = self._cut.jumped(image, time)
        if jumped or self._mean is None or self._mean.shape != alpha.shape:
            self._mean, self._reference = alpha.astype(np.float32), _thumbnail(image)
            return None
        speed = self._speed(_thumbnail(image))
        step = np.subtract(alpha, self._mean, dtype=np.float32)
        step *= cv2.resize(speed, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_LINEAR)
        self._mean += step
        return self._mean

    def _speed(self, thumbnail: np.ndarray) -> np.ndarray:
        """β of every thumbnail's pixel and its neighbours, float32."""
        change = thumbnail - self._reference
        moved = (np.abs(change).max(axis=2) - NOISE) / (MOTION - NOISE)
        moved = cv2.dilate(np.clip(moved, 0, 1), np.ones((3, 3), np.uint8))
        speed: np.ndarray = (self._least + (1 - self._least) * moved).astype(np.float32)
        self._reference += speed[..., None] * change
        return speed


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """The picture at a quarter of its size, float32. Smaller ones have less noise, but miss an edge that moves by a pixel."""
    size = (max(1, image.shape[1] // 4), max(1, image.shape[0] // 4))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)  # type: ignore[no-any-return]


@hookimpl
def register_stages(register: Any) -> None:
    register("temporal", Temporal)
