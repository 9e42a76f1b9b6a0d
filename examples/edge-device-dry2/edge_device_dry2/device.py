"""The runtime: what a profile names, and what gives a graph its networks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from edge import Device, Network


class OvalNetwork(Network):
    """The same oval for every picture. States, where the model has any, stay zero."""

    def __init__(self, alpha: np.ndarray, model: Any, pause: float) -> None:
        self.contract = model.contract
        self._alpha = alpha
        self._pause = pause
        self._others = {name: model.shape(name) for name in model.contract.outputs if name != "alpha"}
        self._others.update(model.states)

    def __call__(self, format: str = "bgr", **planes: np.ndarray | None) -> dict[str, np.ndarray]:
        """The arrays are the caller's, so each call makes new ones."""
        time.sleep(self._pause)
        made: dict[str, np.ndarray] = {name: np.zeros(shape, np.float32) for name, shape in self._others.items()}
        made["alpha"] = self._alpha.copy()
        return made


class Dry2(Device):
    """Runs everywhere. A real one would take its hardware in `open` and give it back in `close`."""

    pause: float = 0.0  # seconds that a network takes over each picture

    @classmethod
    def probe(cls) -> str:
        return "always here; computes nothing"

    def load(self, model: Any) -> Network:
        return OvalNetwork(oval(*model.raw_shape), model, self.pause)


def oval(height: int, width: int) -> np.ndarray:
    """float32 [height, width]: 1 inside an oval of half the picture's height and a third of its width, else 0."""
    y, x = np.mgrid[0:height, 0:width]
    away = ((y + 0.5) / height - 0.5) ** 2 / 0.25**2 + ((x + 0.5) / width - 0.5) ** 2 / (1 / 6) ** 2
    inside: np.ndarray = (away <= 1).astype(np.float32)
    return inside
