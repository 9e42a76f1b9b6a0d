"""Planes as a graph lends them: read-only, and gone when `process` returns."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.core.frame import Drop

PATTERN = 0xA5, 0x5A
"""The bytes that a uint8 plane is overwritten with, in turn; a float plane is filled with NaN."""


class Loan:
    """Memory of ours with one array over it that is given away, as a slot of the arena is."""

    __slots__ = ("ours", "given", "_idle")

    def __init__(self, shape: Sequence[int], dtype: Any, writable: bool) -> None:
        kind, count = np.dtype(dtype), math.prod(shape)
        memory = memoryview(bytearray(max(1, count * kind.itemsize)))
        self.ours = np.frombuffer(memory, kind, count).reshape(tuple(shape))
        # Its base is no array, so that every view of it holds a reference to it, and it cannot be made writable again.
        self.given = np.frombuffer(memory if writable else memory.toreadonly(), kind, count)
        self._idle = sys.getrefcount(self.given)

    def view(self) -> np.ndarray:
        return self.given.reshape(self.ours.shape)

    @property
    def held(self) -> bool:
        """Whether anything still looks at it."""
        if sys.getrefcount(self.given) > self._idle:
            gc.collect()  # a cycle that nobody holds does not count
        return sys.getrefcount(self.given) > self._idle

    def poison(self, other: bool = False) -> None:
        """Overwrite it, as the next frame in its slot would. other: with the other pattern."""
        if self.ours.dtype.kind == "f":
            self.ours[...] = 0.5 if other else np.nan
        else:
            flat = self.ours.reshape(-1).view(np.uint8)
            flat[other::2], flat[not other :: 2] = PATTERN


def _same(plane: np.ndarray, other: np.ndarray) -> bool:
    """To the bit, so that NaN is NaN."""
    return np.array_equal(plane.reshape(-1).view(np.uint8), np.ascontiguousarray(other).reshape(-1).view(np.uint8))


class Lent:
    """What is given to one call of `process`."""

    def __init__(self) -> None:
        self._loans: dict[str, tuple[Loan, np.ndarray]] = {}

    def give(self, port: str, value: Any) -> Any:
        """The value as a stage gets it: a plane as a read-only view of memory of ours, a fact as it is, None for a lost one."""
        if isinstance(value, Drop):
            return None
        if not isinstance(value, np.ndarray):
            return value
        loan = Loan(value.shape, value.dtype, writable=False)
        np.copyto(loan.ours, value)
        self._loans[port] = loan, value
        return loan.view()

    def touched(self) -> list[str]:
        """Ports whose plane is not what it was, though it was read-only."""
        return [port for port, (loan, value) in self._loans.items() if not _same(loan.ours, value)]

    def held(self) -> list[str]:
        """Ports whose plane is still looked at."""
        return [port for port, (loan, _) in self._loans.items() if loan.held]

    def owns(self, value: np.ndarray) -> bool:
        return any(np.may_share_memory(value, loan.ours) for loan, _ in self._loans.values())

    def poison(self) -> None:
        for loan, _ in self._loans.values():
            loan.poison()
