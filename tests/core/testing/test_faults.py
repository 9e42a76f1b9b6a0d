"""Planted faults reach the stage, and nothing else changes."""

from __future__ import annotations

import numpy as np
import planted
import pytest

from edge import Alpha, DeviceError, Image, Raw, Stage
from edge.core.hooks import stage_class
from edge.testing import Clock, Faults, pictures, run


class Told(Stage):
    makes = {"n": int, "time": float, "size": list, "lost": dict}

    def process(self, frame, image: Image, alpha: Alpha = None):
        return {"n": frame.n, "time": frame.time, "size": list(image.shape), "lost": frame.lost}


class Mean(Stage):
    makes = {"mean": float, "bad": int}

    def process(self, raw: Raw):
        return {"mean": float(np.nanmean(raw)), "bad": int(np.isnan(raw).sum())}


FRAMES = [{"image": np.full((8, 6, 3), n, np.uint8), "alpha": np.zeros((8, 6), np.uint8)} for n in range(4)]


def test_a_lost_value():
    made = run(Told, FRAMES, faults=Faults().lose("alpha", 1, 3, reason="non_finite"))
    assert [row["lost"] for row in made] == [{}, {"alpha": "non_finite"}, {}, {"alpha": "non_finite"}]
    made = run(Told, FRAMES, faults=Faults().lose("image", 2))
    assert [getattr(row, "reason", "") for row in made] == ["", "", "worker_died", ""]


def test_a_gap_in_n_and_time():
    made = run(Told, FRAMES, rate=10.0, faults=Faults().gap(2, frames=5))
    assert [(row["n"], row["time"]) for row in made] == [(0, 0.0), (1, 0.1), (7, 0.7), (8, 0.8)]


def test_planes_of_another_size():
    made = run(Told, FRAMES, faults=Faults().shrink("image", 1).empty("image", 3))
    assert [row["size"] for row in made] == [[8, 6, 3], [4, 3, 3], [8, 6, 3], [0, 6, 3]]


def test_nan():
    frames = [np.ones((2, 4), np.float32)] * 3
    assert [row["bad"] for row in run(Mean, frames, faults=Faults().nan("raw", 1))] == [0, 4, 0]
    assert np.isfinite(frames[1]).all(), "the caller's plane is the caller's"
    with pytest.raises(ValueError, match="'image' holds uint8, which has no NaN"):
        run(Told, FRAMES, faults=Faults().nan("image", 1))


def test_another_camera_between_leaves_a_good_stage_as_it_is_and_shows_a_bad_one():
    frames = [{"image": image, "alpha": None} for image in pictures(5)]
    others = [{"image": image[::-1].copy(), "alpha": None} for image in pictures(5)]
    for cls, same in ((planted.Good, True), (planted.SharesState, False)):
        mine = frames if cls is planted.Good else [frame["image"] for frame in frames]
        theirs = others if cls is planted.Good else [frame["image"] for frame in others]
        alone = run(cls, mine)
        mixed = run(cls, mine, faults=Faults().interleave("yard", theirs))
        assert len(mixed) == 5
        assert all(np.array_equal(a["image"], b["image"]) for a, b in zip(alone, mixed, strict=True)) is same


def test_a_port_that_is_not_there():
    with pytest.raises(ValueError, match="no port 'picture' to plant a fault in; the stage reads image, alpha"):
        run(Told, FRAMES, faults=Faults().lose("picture", 1))


def test_a_device_that_fails_or_is_slow():
    matting = stage_class("matting", True)
    frames = [{"image": image} for image in pictures(3)]
    more = {"device": "dry", "options": {"model": "portrait"}}
    with pytest.raises(DeviceError, match="a planted fault"):
        run(matting, frames, faults=Faults().fail(1), **more)
    with pytest.raises(OSError, match="cable"):
        run(matting, frames, faults=Faults().fail(0, error=OSError("cable")), **more)
    clock = Clock(start=0.0)
    run(matting, frames, rate=10.0, clock=clock, faults=Faults().slow(5.0, 1), **more)
    assert clock.monotonic() == pytest.approx(5.2)
    clock = Clock(start=0.0)
    run(matting, frames, rate=10.0, clock=clock, faults=Faults().slow(5.0), **more)
    assert clock.monotonic() == pytest.approx(15.2)
