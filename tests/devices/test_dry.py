"""dry: the shapes of the contract, and nothing else."""

from __future__ import annotations

import pathlib

import numpy as np
import tiny_networks

from edge.core.model import Model
from edge.devices.dry import RUNTIME


def test_it_gives_the_shapes_of_the_contract(tmp_path: pathlib.Path) -> None:
    network = RUNTIME().load(Model.find("portrait", tmp_path))
    made = network(image=np.full((640, 640, 3), 255, np.uint8))
    assert {name: (plane.shape, str(plane.dtype)) for name, plane in made.items()} == {
        "alpha": ((256, 256), "float32"),
        "lr_alpha": ((64, 64), "float32"),
    }
    assert not made["alpha"].any(), "all background"


def test_states_have_their_shapes(tmp_path: pathlib.Path) -> None:
    network = RUNTIME().load(Model.find(str(tiny_networks.counter(tmp_path)), tmp_path))
    made = network(image=np.zeros((8, 8, 3), np.uint8), before=np.zeros((1, 1, 8, 8), np.float32))
    assert made["before"].shape == (1, 1, 8, 8)


def test_each_call_gives_arrays_of_its_own(tmp_path: pathlib.Path) -> None:
    network = RUNTIME().load(Model.find("portrait", tmp_path))
    first = network(image=np.zeros((8, 8, 3), np.uint8))["alpha"]
    first[:] = 1
    assert not network(image=np.zeros((8, 8, 3), np.uint8))["alpha"].any()


def test_it_is_always_there() -> None:
    assert "nothing" in RUNTIME.probe()
