"""Device: what runs networks here. A runtime is `devices/NAME.py`, a profile `devices/NAME.yaml`.

Runs on the HiLens Kit: valid Python 3.7, numpy only.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np


class Network:
    """A loaded model. Call it with named planes; it gives named planes.

    `network(image=picture, prior=raw, **states)`: `image` uint8 [h, w, 3] of any size in the order `format`; `prior` float32
    [h, w] 0..1 of the network's size, or None for none; one array per state of the contract, or absent for the initial
    value. Returns `{"alpha": float32 [h, w] 0..1 at the network's size, ...}`, other outputs of the contract by name, and
    the new states under their input names. The arrays are the caller's.
    """

    contract: Any

    def __call__(self, format: str = "bgr", **planes: Optional[np.ndarray]) -> Dict[str, np.ndarray]:
        raise NotImplementedError

    def close(self) -> None:
        """Free it. Optional; default: nothing."""


class Device:
    """A runtime. Options are annotated attributes, as in a stage; a profile sets them."""

    suffixes = (".onnx",)
    """File suffixes it can load, best first."""

    @classmethod
    def probe(cls) -> str:
        """What is here, in a few words ("onnxruntime 1.32, CPU"). Raises DeviceError with the reason where it cannot run."""
        raise NotImplementedError

    def open(self) -> None:
        """Take the device. Optional; default: nothing."""

    def load(self, model: Any) -> Network:
        """The network of a Model (its bytes already checked against the contract's hash). Raises ModelError, DeviceError."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the device back. Optional; default: nothing."""
