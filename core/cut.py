"""Does this frame continue the last one? Valid Python 3.7, numpy only."""

from __future__ import annotations

from typing import Optional

import numpy as np


class CutDetector:
    """Says when a camera jumped: a cut, a new size, or a gap in time. One instance per camera.

    The signal is the mean absolute difference of two thumbnails after their mean brightness is removed, so that a light
    switched on is not taken for another scene.
    """

    def __init__(self, threshold: float = 0.14, gap: float = 0.5) -> None:
        self.threshold = threshold
        self.gap = gap
        self._shape: Optional[tuple] = None
        self._thumb: Optional[np.ndarray] = None
        self._time = 0.0
        self.change = 1.0
        """How much the last picture differed from the one before, 0..1, its brightness left out; 1 where nothing compares."""

    def jumped(self, image: np.ndarray, time: float) -> str:
        """ "" for a continuation, else why not: "start", "size", "gap" or "cut". Remembers this frame as the last one.

        image: uint8 [h, w] or [h, w, 3]; time: seconds of the frame's capture.
        """
        step = max(1, min(image.shape[:2]) // 32)
        thumb = image[step // 2 :: step, step // 2 :: step].astype(np.int16)
        last, shape, before = self._thumb, self._shape, self._time
        self._thumb, self._shape, self._time = thumb, image.shape, time
        self.change = 1.0
        if last is None:
            return "start"
        if shape != image.shape:
            return "size"
        if not 0 <= time - before <= self.gap:
            return "gap"
        change = thumb - last
        change -= np.int16(change.sum() / change.size)
        self.change = float(np.abs(change).sum() / (255.0 * change.size))
        return "cut" if self.change > self.threshold else ""
