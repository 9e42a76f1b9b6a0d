"""Frames, the kinds of values that stages make for them, and the specs that describe a value before it exists.

Runs on the HiLens Kit: valid Python 3.7, numpy only.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

REASONS = (
    "superseded",  # a live source had a newer frame before this one was admitted
    "skipped",  # a side branch (keep: latest) was busy
    "unkept",  # keep: {every: k} leaves it out
    "decode_error",  # the source could not decode it
    "oversize",  # larger than the slot that the plan gave it
    "too_old",  # older than max_age
    "worker_died",  # the process that had it died
    "quarantined",  # it killed a stage twice
    "stage_error",  # a stage raised
    "non_finite",  # a network gave NaN or infinity
    "implausible",  # a matte that is no matte: everything, or haze everywhere
    "late",  # nothing arrived in time, so the cover was shown
    "format",  # not the type, shape or size that the spec promises
    "duplicate",  # sent again after a crash, and already here
    "stopped",  # the run ended first
)
"""Why a frame, or its matte, was lost. Closed: the ledger has one counter each."""


class Plane(np.ndarray):
    """A picture-like value, passed between processes in shared memory. The classes below are names for annotations only:
    what a stage gets is a plain, read-only numpy array."""

    dtype_name = "uint8"
    previous = False


class Image(Plane):
    """uint8 [h, w, 3] in the spec's colour order (`bgr`, `rgb`), or [h * 3 / 2, w] for `nv21`, `nv12`, `i420`."""


class Alpha(Plane):
    """uint8 [h, w], 0 (background) to 255 (person), of the size of the picture it belongs to."""


class Raw(Plane):
    """float32 [h, w], 0..1: the alpha that a network gave, at the network's own size."""

    dtype_name = "float32"


class Prior(Raw):
    """A raw alpha of an earlier frame. A port of this type is a previous-port: it closes a loop and never waits."""

    previous = True


class Tensor(Plane):
    """float32 of any shape."""

    dtype_name = "float32"


class Spec:
    """What a value will be: its type, its largest shape and, for pictures, its colour order.

    `shape` is None for small facts (numbers, text, boxes), which travel in the message.
    """

    __slots__ = ("type", "shape", "format")

    def __init__(self, type: Any, shape: Optional[Sequence[int]] = None, format: str = "") -> None:
        self.type = type
        self.shape: Optional[Tuple[int, ...]] = None if shape is None else tuple(int(s) for s in shape)
        self.format = format

    @property
    def is_plane(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, Plane)

    @property
    def dtype(self) -> Any:
        return np.dtype(self.type.dtype_name if self.is_plane else "O")

    @property
    def nbytes(self) -> int:
        """Bytes of the largest plane; 0 for a fact."""
        if not self.is_plane or self.shape is None:
            return 0
        return int(np.prod(self.shape, dtype=np.int64)) * int(self.dtype.itemsize)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> Tuple[Any, ...]:
        return (self.type, self.shape, self.format)

    def __repr__(self) -> str:
        size = "×".join(map(str, self.shape)) if self.shape else ""
        return " ".join(filter(None, (getattr(self.type, "__name__", str(self.type)), size, self.format)))


class Frame:
    """One moment of one camera. A stage that names a parameter `frame` gets it.

    source: the camera's stage name. n: its number, increasing per source, with gaps where frames were lost.
    time: seconds on the source's own clock: of a camera, when it was captured (monotonic); of a file, the position in it, so
    that results do not depend on how fast it is read. born: when it was captured or decoded (monotonic), for its age.
    lost: optional port → reason, for values that will not come.
    """

    __slots__ = ("source", "n", "time", "born", "lost")

    def __init__(
        self, source: str, n: int, time: float, born: Optional[float] = None, lost: Optional[Dict[str, str]] = None
    ) -> None:
        self.source = source
        self.n = n
        self.time = time
        self.born = time if born is None else born
        self.lost = {} if lost is None else lost

    def __repr__(self) -> str:
        return f"<frame {self.source} {self.n}>"


class Drop(Exception):
    """Raise it from `process` (or yield it from a source's `capture`) to lose this frame for one of REASONS."""

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is not a reason; known: {', '.join(REASONS)}")
        super().__init__(detail or reason)
        self.reason = reason
