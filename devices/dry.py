"""dry: computes nothing but shapes. Every alpha is 0, so what is shown is the background alone. The device to copy.

Runs on the HiLens Kit: valid Python 3.7, numpy only.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from edge import Device, Network


class DryNetwork(Network):
    """Gives planes and states of the right shapes, all zeros."""

    def __init__(self, model: Any) -> None:
        self.contract = model.contract
        self._shapes = {name: model.shape(name) for name in model.contract.outputs}
        self._shapes.update(model.states)

    def __call__(self, format: str = "bgr", **planes: Optional[np.ndarray]) -> Dict[str, np.ndarray]:
        return {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}


class Dry(Device):
    @classmethod
    def probe(cls) -> str:
        return "always here; computes nothing"

    def load(self, model: Any) -> Network:
        return DryNetwork(model)


RUNTIME = Dry
