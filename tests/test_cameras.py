"""Many cameras and one stage that cannot take all of their frames: each gets its share. By counts; no time is measured."""

from __future__ import annotations

import json

import pytest
from commands import distribution, edge
from test_tiny import books_balance

SLOW = """
import time
from edge import Image, Stage, hookimpl

class Slow(Stage):
    takes: float = 0.04  # seconds for a frame; it sleeps, so that other work on this machine does not matter
    makes = {"image": Image}

    def process(self, image: Image):
        time.sleep(self.takes)
        return {"image": image}

@hookimpl
def register_stages(register):
    register("slow", Slow)
"""
GRAPH = """
device: dry
stages:
  camera:
    use: demo
    width: 64
    height: 64
    scene: empty
    each:
{cameras}
  slow: {{use: slow, from: camera}}
  out: {{use: discard, from: slow}}
"""


def shares(folder, rates, seconds=12):
    """Camera → how many of its frames came through, of so many frames a second each."""
    site = distribution(folder / "site", "edge_slow", SLOW, "slow")
    lines = "\n".join(f"      c{n}: {{fps: {rate}}}" for n, rate in enumerate(rates))
    (folder / "g.yaml").write_text(GRAPH.format(cameras=lines))
    done = edge("g.yaml", "--seconds", seconds, "--report", "r.json", "--quiet", cwd=folder, PYTHONPATH=str(site))
    assert done.code == 0, done.err
    report = json.loads((folder / "r.json").read_text())
    books_balance(report)
    for camera in report["cameras"].values():
        assert camera["captured"] == camera["admitted"] + sum(camera["dropped"].values())
    return [camera["delivered"] for camera in report["cameras"].values()]


@pytest.mark.slow
@pytest.mark.parametrize("rates", [[4] * 8, [5, 20] * 4], ids=["even", "uneven"])
def test_eight_cameras_have_equal_shares(tmp_path, rates):
    found = shares(tmp_path, rates)
    assert min(found) / max(found) >= 0.8, found


@pytest.mark.slow
def test_a_slow_camera_among_quick_ones_loses_nothing(tmp_path):
    found = shares(tmp_path, [1, 20, 20, 20])
    assert found[0] >= 8 and min(found[1:]) / max(found[1:]) >= 0.8, found
