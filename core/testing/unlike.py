"""Where two rows of outcomes differ, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.core.frame import Drop


def unlike(one: Sequence[Any], other: Sequence[Any]) -> str:
    """The first difference, as "'alpha' of frame 3 differs"; "" where there is none."""
    for n, (a, b) in enumerate(zip(one, other, strict=True)):
        if isinstance(a, Drop) or isinstance(b, Drop):
            if not (isinstance(a, Drop) and isinstance(b, Drop) and a.reason == b.reason):
                return f"frame {n} is dropped, or not,"
            continue
        for name in a:
            if not _same(a[name], b.get(name)):
                return f"'{name}' of frame {n} differs"
    return ""


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, np.ndarray):
        return bool(a == b)
    if not isinstance(b, np.ndarray) or a.shape != b.shape:
        return False
    if a.dtype.kind == "f":  # sums in another order are alike but for the last digits
        return np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
    return np.array_equal(a, b)
