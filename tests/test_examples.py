"""The small examples to copy, each run as its header says. The packages beside them are in test_packages.py."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture
def package(tmp_path):
    """Make a folder an installed distribution: `package(name, module, text)` copies a plugin there with its entry point."""

    def install(name: str, module: str, text: str) -> None:
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[edge]\n{name} = {module}\n")

    return install


def run(folder: pathlib.Path, graph: pathlib.Path, *more: str) -> dict:
    """The report of a run that must succeed, with the packages of `folder` installed."""
    report = folder / "report.json"
    command = [sys.executable, str(ROOT / "edge.py"), str(graph), "--quiet", "--report", str(report), *more]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text())


def written(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "graph.yaml"
    path.write_text(text)
    return path


def test_the_graph(tmp_path):
    report = run(tmp_path, EXAMPLES / "graph.yaml", "--frames", "10")
    assert report["cameras"]["camera"]["delivered"] == 10


@pytest.mark.parametrize("workers", ["none", "auto"])
def test_the_stage_and_the_source(tmp_path, package, workers):
    package("flip", "edge_flip", (EXAMPLES / "stage.py").read_text())
    package("grey", "edge_grey", (EXAMPLES / "source.py").read_text())
    stages = (
        "stages: {camera: {use: grey, frames: 5}, over: {use: flip, from: camera}, out: {use: images, from: over, path: made}}"
    )
    report = run(tmp_path, written(tmp_path, stages), "--workers", workers)
    assert report["sinks"]["out"]["frames"] == 5
    import cv2

    assert [int(cv2.imread(str(tmp_path / "made" / f"{n:06d}.png")).mean()) for n in range(5)] == [0, 1, 2, 3, 4]


def test_the_device(tmp_path, package):
    package("half", "edge_half", (EXAMPLES / "device.py").read_text())
    text = """
device: half
stages:
  camera: {use: demo, width: 128, height: 72, pace: fast}
  matte: {use: matting, from: camera, model: portrait}
  out: {use: images, from: matte, path: alpha, plane: alpha}
"""
    report = run(tmp_path, written(tmp_path, text), "--frames", "2", "--workers", "none")
    assert report["device"]["resolved"] == "half" and report["sinks"]["out"]["frames"] == 2
    import cv2

    alpha = cv2.imread(str(tmp_path / "alpha" / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert alpha.shape == (72, 128) and set(alpha.ravel()) == {128}


def test_the_device_runs_on_a_model_by_hand():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import device
    finally:
        sys.path.remove(str(EXAMPLES))
    from edge import Model

    network = device.RUNTIME().load(Model.find("portrait", EXAMPLES))
    assert network(image=None)["alpha"].shape == (256, 256) and device.RUNTIME.probe() == "always here"


@pytest.mark.parametrize("workers", ["none", "auto"])
def test_the_policy(tmp_path, package, workers):
    """A still picture: the network runs for the first frame, and for no other."""
    package("quiet", "edge_quiet", (EXAMPLES / "policy.py").read_text())
    package("grey", "edge_grey", (EXAMPLES / "source.py").read_text())
    text = """
device: dry
stages:
  camera: {use: grey, frames: 30}
  matte: {use: matting, from: camera, model: portrait, route: {use: quiet, most: %d}}
  out: {use: discard, from: matte}
"""
    for most, full in ((100, 1), (9, 3)):
        report = run(tmp_path, written(tmp_path, text % most), "--workers", workers)
        assert report["routes"] == {"matte": {"reuse": 30 - full, "lr": 0, "full": full}}


def test_the_policy_sums_up_what_changes():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import policy
    finally:
        sys.path.remove(str(EXAMPLES))
    from edge import Frame

    quiet, since, found = policy.Quiet(), 0.0, []
    for n, change in enumerate([1.0, 0.01, 0.015, 0.01, 0.0]):
        found.append(quiet.pick(Frame("camera", n, n / 25), ("reuse", "full"), {"change": change, "since": since}))
        since = 0.0 if found[-1] == "full" else since + 1
    assert found == ["full", "reuse", "full", "reuse", "reuse"]


def edge(folder: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "edge.py"), *words]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_the_command(tmp_path, package):
    package("card", "edge_card", (EXAMPLES / "command.py").read_text())
    done = edge(tmp_path, "card", "portrait")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("portrait: 256 × 256, ")
    done = edge(tmp_path, "card", "portrat")
    assert done.returncode == 5 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert "\n  card " in edge(tmp_path, "--help").stdout
