"""dry2: its oval, how long it takes, and the profile that comes with it."""

from __future__ import annotations

import pathlib
import time

import numpy as np
import pytest
from edge import Model
from edge.testing import conform, pictures

from edge_device_dry2 import PROFILE
from edge_device_dry2.device import Dry2, oval


@pytest.fixture
def model() -> Model:
    """The network that ships with Edgeflow."""
    return Model.find("portrait", pathlib.Path())


def test_the_oval_is_in_the_middle() -> None:
    alpha = oval(60, 90)
    assert alpha.dtype == np.float32 and set(np.unique(alpha)) == {0.0, 1.0}
    assert np.array_equal(alpha, alpha[::-1]) and np.array_equal(alpha, alpha[:, ::-1])
    assert alpha.mean() == pytest.approx(np.pi / 4 * 0.5 / 3, rel=0.02)


def test_the_network_gives_what_the_contract_says(model: Model) -> None:
    network = Dry2().load(model)
    made = network(image=pictures(1)[0])
    assert made["alpha"].shape == model.raw_shape and set(made) == {*model.contract.outputs, *model.states}


def test_its_arrays_are_the_callers(model: Model) -> None:
    network = Dry2().load(model)
    network(image=pictures(1)[0])["alpha"][:] = 7
    assert network(image=pictures(1)[0])["alpha"].max() == 1


def test_it_takes_its_time(model: Model) -> None:
    device = Dry2()
    device.pause = 0.05
    network = device.load(model)
    began = time.monotonic()
    network(image=pictures(1)[0])
    assert time.monotonic() - began >= 0.05


def test_the_profile_is_beside_the_code() -> None:
    assert "runtime: dry2" in PROFILE.read_text(encoding="utf-8")


def test_it_keeps_the_promises_of_a_device() -> None:
    assert [finding.told for finding in conform(Dry2) if finding.verdict == "FAIL"] == []
