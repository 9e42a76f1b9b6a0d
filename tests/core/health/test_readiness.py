"""Ready, degraded or failing: what follows from the state of cameras and workers."""

from __future__ import annotations

import time

import pytest

from edge.core.health.readiness import STALE, Progress, checks, settled, verdict
from edge.core.wire import compile_graph

GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, pace: real, each: {door: , yard: }}
  matte: {use: matting, from: camera, model: portrait}
  blend: {use: composite, from: matte, background: "#00ff00"}
  out: {use: discard, from: blend}
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "g.yaml").write_text(GRAPH)
    plan = compile_graph(tmp_path / "g.yaml")
    plan.rates["camera.yard"] = 0.1
    return plan


def status(plan, closed="", **cameras):
    """`door="failed"` or `door=("running", 0.1, 7)`: state, seconds since the last frame, frames delivered."""
    rows = {}
    for name in ("door", "yard"):
        told = cameras.get(name, ("running", 0.1, 7))
        state, seen, delivered = (told, 0.1, 7) if isinstance(told, str) else told
        rows[f"camera.{name}"] = {"state": state, "seen_seconds": seen, "delivered": delivered}
    workers = [
        {"name": w.name, "stages": w.stages, "state": "restarting" if w.name == closed else "running", "restarts": 0}
        for w in plan.workers
    ]
    return {"state": "running", "cameras": rows, "workers": workers}


def word(plan, turned=0.1, **how):
    return verdict(checks(plan, status(plan, **how), turned))


@pytest.mark.parametrize(
    ("expected", "how"),
    [
        ("ready", {}),
        ("ready", {"door": "paused"}),
        ("ready", {"door": "ended"}),
        ("ready", {"door": "removed"}),
        ("degraded", {"door": "failed"}),
        ("degraded", {"door": "reconnecting"}),
        ("degraded", {"door": "waiting"}),
        ("degraded", {"door": ("running", 0.1, 0)}),  # no frame has come through
        ("degraded", {"door": ("running", STALE + 0.1, 7)}),  # it hangs
        ("ready", {"yard": ("running", 29.0, 7)}),  # a frame every ten seconds: not silent before the third is missing
        ("degraded", {"yard": ("running", 31.0, 7)}),
        ("degraded", {"closed": "camera.door"}),  # its own worker
        ("failing", {"closed": "matte"}),  # everybody's
        ("failing", {"door": "failed", "yard": "failed"}),
        ("failing", {"turned": 31.0}),
    ],
)
def test_the_verdict(plan, expected, how):
    assert word(plan, **how) == expected


def test_a_file_is_never_silent(plan):
    for stage in plan.stages:
        stage.live = False
    assert word(plan, door=("running", 3600.0, 7)) == "ready"


def test_a_line_says_what_is_wrong(plan):
    now = status(plan, door="failed")
    now["cameras"]["camera.door"]["error"] = "camera.door: no such device"
    rows = {row.pop("check"): row for row in checks(plan, now, 0.1)}
    assert rows["camera camera.door"] == {
        "ok": False,
        "state": "failed",
        "seen_seconds": 0.1,
        "error": "camera.door: no such device",
    }
    assert rows["worker matte"] == {"ok": True, "state": "running", "stages": ["matte"], "restarts": 0}
    assert rows["supervisor"] == {"ok": True, "turned_seconds": 0.1}


@pytest.mark.parametrize("away", ["reconnecting", "failed", "ended", "paused", "removed"])
def test_a_run_has_settled_when_each_camera_delivers_or_is_known_to_be_away(plan, away):
    assert settled(status(plan, door=(away, None, 0)), 0.0, 20.0)
    assert not settled(status(plan, door=("waiting", None, 0)), 19.0, 20.0)
    assert settled(status(plan, door=("waiting", None, 0)), 21.0, 20.0), "a camera that hangs does not hold up the others"
    assert not settled(status(plan, closed="matte"), 21.0, 20.0)


def test_frames_that_are_under_way_and_get_nowhere(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Progress()

    def stuck(delivered, in_flight, dropped=0):
        return progress.stuck(
            {"edges": {"a->b:c": {"delivered": delivered, "dropped": {"late": dropped}, "in_flight": in_flight}}}
        )

    assert stuck(3, 1) == 0.0
    now += 40
    assert stuck(3, 1) == 40.0
    assert stuck(4, 1) == 0.0
    now += 40
    assert stuck(4, 1, dropped=1) == 0.0, "a frame that is lost has been dealt with"
    now += 40
    assert stuck(4, 0, dropped=1) == 0.0, "nothing is under way: the camera is silent"
