"""`edge ctl` on runs that go on: cameras come and go, options change, pauses, and what must not happen to the others."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import pytest
from commands import Done, distribution, edge, start

from edge.core import control
from edge.core.errors import SourceError

pytestmark = pytest.mark.slow

PATIENCE = 60.0

GRAPH = """
device: dry
stages:
  camera:
    {use: demo, width: 64, height: 64, fps: 3, each: {door: {}, yard: {}, hall: {}}}
  square: {use: portrait, from: camera, size: 64}
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory, background: "#00ff00"}
  out: {use: images, from: blend, path: "made/{source}", per: source}
"""

STUCK = """
import time
from edge import Image, Source, Spec, hookimpl
import numpy as np

class Stuck(Source):
    hangs: bool = False  # give no frame and do not come back
    looks = False

    @property
    def live(self):
        return True

    def spec(self, inputs):
        return {"image": Spec(Image, (64, 64, 3), "bgr")}

    def capture(self):
        while True:
            time.sleep(1e6 if self.hangs else 0.3)
            yield np.zeros((64, 64, 3), np.uint8)

@hookimpl
def register_stages(register):
    register("stuck", Stuck)
"""


class Going:
    """A run under way."""

    def __init__(self, folder: pathlib.Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        self.until(lambda: self.status().get("state") == "running", "the run")

    def ctl(self, *words: str) -> Done:
        return edge("ctl", *words, "--run-dir", "run", cwd=self.folder)

    def done(self, *words: str) -> Any:
        """What it answers; it must not fail."""
        said = self.ctl(*words, "--json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def status(self) -> dict[str, Any]:
        try:
            return control.ask(self.folder / "run", {"do": "status"})  # type: ignore[no-any-return]
        except SourceError:  # it has not begun yet
            return {}

    def camera(self, name: str) -> dict[str, Any]:
        return self.status()["cameras"][name]

    def until(self, condition: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
            time.sleep(0.02)

    def delivers(self, name: str, more: int = 1) -> None:
        """Wait until so many more frames of a camera have come out."""
        before = self.camera(name)["delivered"]
        self.until(lambda: self.camera(name)["delivered"] >= before + more, f"frames of {name}")

    def finish(self) -> dict[str, Any]:
        self.done("drain")
        self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0
        return json.loads((self.folder / "report.json").read_text())


@contextlib.contextmanager
def going(folder: pathlib.Path, text: str = GRAPH, **variables: str) -> Iterator[Going]:
    (folder / "g.yaml").write_text(text)
    process = start("g.yaml", "--run-dir", "run", "--report", "report.json", cwd=folder, **variables)
    try:
        yield Going(folder, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def used(run: Going) -> dict[str, tuple[int, int]]:
    """Process → its descriptors, and what it has in memory, in MiB."""
    found = {row["name"]: row["pid"] for row in run.status()["workers"]}
    found["launcher"] = run.process.pid
    return {name: (len(os.listdir(f"/proc/{pid}/fd")), resident(pid)) for name, pid in found.items()}


def descriptors(run: Going) -> dict[str, int]:
    """As they settle: whoever has just been answered is still at the door."""
    return {name: fds for name, (fds, _) in used(run).items()}


def resident(pid: int) -> int:
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def balanced(report: dict[str, Any]) -> bool:
    rows = report["edges"].values()
    return all(row["received"] == row["delivered"] + sum(row["dropped"].values()) and not row["in_flight"] for row in rows)


@pytest.mark.timeout(300)
def test_a_camera_comes_and_goes_ten_times_and_the_others_lose_nothing(tmp_path: pathlib.Path) -> None:
    with going(tmp_path) as run:
        names = [row["name"] for row in run.status()["workers"]]
        for turn in range(10):
            run.done("add-camera", "camera.gate", "fps=4", "seed=7")
            run.delivers("camera.gate")
            if turn == 0:
                assert "camera.gate" in [row["name"] for row in run.status()["workers"]]
            assert run.done("remove-camera", "camera.gate")["cut_off"] is False
            if turn == 0:
                first = used(run)
        run.until(lambda: descriptors(run) == {name: fds for name, (fds, _) in first.items()}, "the descriptors")
        last = used(run)
        assert [row["name"] for row in run.status()["workers"]] == names
        assert all(last[name][1] <= first[name][1] + 4 for name in last), (first, last)
        report = run.finish()
    assert balanced(report)
    for name in ("door", "yard", "hall"):
        row = report["cameras"][f"camera.{name}"]
        assert row["dropped"] == {} and row["captured"] == row["delivered"] > 10, row
        made = sorted((tmp_path / "made" / f"camera.{name}").iterdir())
        assert len(made) == row["delivered"]
    gate = report["cameras"]["camera.gate"]
    assert gate["state"] == "removed" and gate["captured"] == gate["delivered"] >= 1


def test_a_camera_of_the_graph_itself_goes_and_comes_back(tmp_path: pathlib.Path) -> None:
    with going(tmp_path) as run:
        run.done("remove-camera", "camera.door")
        assert run.camera("camera.door")["state"] == "removed"
        run.delivers("camera.yard", 2)
        run.done("add-camera", "camera.door")
        run.delivers("camera.door", 2)
        assert run.camera("camera.door")["state"] == "running"
        assert balanced(run.finish())


def test_an_option_changes_between_two_frames(tmp_path: pathlib.Path) -> None:
    """The dry device finds nobody, so each picture is the background alone, the old or the new one."""
    with going(tmp_path) as run:
        run.delivers("camera.door", 2)
        assert run.done("set", "blend.background=#ff0000")["set"] == ["blend"]
        run.delivers("camera.door", 2)
        assert run.done("set", "blend.background=#ff0000")["set"] == []
        report = run.finish()
    colours = []
    for path in sorted((tmp_path / "made" / "camera.door").iterdir()):
        picture = cv2.imread(str(path))
        assert (picture == picture[0, 0]).all(), path
        colours.append(tuple(int(value) for value in picture[0, 0]))
    changes = [colour for i, colour in enumerate(colours) if not i or colour != colours[i - 1]]
    assert changes == [(0, 255, 0), (0, 0, 255)]
    assert all(not row["dropped"] for row in report["cameras"].values())


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("set blend.background=nothing.jpg", 4, "no such picture or video"),
        ("set blend.sotf=3", 3, "Did you mean 'soft'?"),
        ("set blend.soft=wide", 3, "option 'soft'"),
        ("set square.size=80", 3, "that needs a new start"),
        ("set camera.fps=9", 2, "remove it, and add it as it should be"),
        ("set bland.soft=3", 2, "Did you mean 'blend'?"),
        ("set max_age=1", 2, "write stage.option=value"),
        ("set out.path=elsewhere/{source}", 2, "'path' of images cannot be changed while it runs"),
        ("add-camera camera.door", 2, "camera 'camera.door' is there already"),
        ("add-camera gate", 2, "what can be added: camera.NAME"),
        ("add-camera square.gate", 2, "what can be added: camera.NAME"),
        ("add-camera camera.gate fsp=3", 3, "Did you mean 'fps'?"),
        ("add-camera camera.gate width=128", 3, "that needs a new start"),
        ("add-camera camera.gate fps", 2, "write option=value"),
        ("remove-camera camera.dor", 2, "Did you mean 'camera.door'?"),
        ("pause camera.dor", 2, "Did you mean 'camera.door'?"),
        ("puase", 2, "puase"),
    ],
)
def test_a_slip_is_told_and_changes_nothing(shared_run: Going, words: str, code: int, told: str) -> None:
    before = shared_run.done("status")
    said = shared_run.ctl(*words.split())
    assert said.code == code and told in said.err and "Traceback" not in said.err, said.err
    assert len(said.errors) >= 1 or "Usage" in said.err
    after = shared_run.done("status")
    assert after["cameras"].keys() == before["cameras"].keys() and after["edges"].keys() == before["edges"].keys()


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Going]:
    with going(tmp_path_factory.mktemp("slips")) as run:
        yield run


def test_a_pause_stops_one_camera_and_resuming_goes_on(tmp_path: pathlib.Path) -> None:
    with going(tmp_path) as run:
        assert run.done("pause", "camera.door")["paused"] == ["camera.door"]
        run.until(lambda: run.camera("camera.door")["state"] == "paused", "the pause")
        still = run.camera("camera.door")["captured"]
        run.delivers("camera.yard", 3)
        assert run.camera("camera.door")["captured"] == still
        assert run.done("resume")["paused"] == []
        run.delivers("camera.door", 2)
        report = run.finish()
    assert balanced(report) and report["exit"] == {"code": 0, "reason": "drained"}
    assert report["cameras"]["camera.door"]["captured"] == report["cameras"]["camera.door"]["delivered"]


def test_the_last_camera_cannot_go(tmp_path: pathlib.Path) -> None:
    with going(tmp_path, GRAPH.replace("door: {}, yard: {}, hall: {}", "door: {}")) as run:
        said = run.ctl("remove-camera", "camera.door")
        assert said.code == 2 and "'edge ctl drain' ends the run" in said.err


def test_a_camera_whose_sink_cannot_open_is_taken_back(tmp_path: pathlib.Path) -> None:
    with going(tmp_path) as run:
        (tmp_path / "made" / "camera.gate").write_text("in the way")
        said = run.ctl("add-camera", "camera.gate")
        assert said.code in (4, 6) and "out.gate: " in said.err and "camera.gate" in said.err, said.err
        (tmp_path / "made" / "camera.gate").unlink()
        run.delivers("camera.door", 2)
        run.done("add-camera", "camera.gate")
        run.delivers("camera.gate")
        report = run.finish()
    assert balanced(report) and all(row["restarts"] == 0 for row in report["workers"])


def test_a_camera_that_hangs_is_cut_off_and_the_others_go_on(tmp_path: pathlib.Path) -> None:
    site = distribution(tmp_path / "site", "edge_test_stuck", STUCK, "stuck")
    text = GRAPH.replace("demo, width: 64, height: 64, fps: 3", "stuck")
    with going(tmp_path, text, PYTHONPATH=str(site)) as run:
        run.done("add-camera", "camera.gate", "hangs=true")
        assert run.done("remove-camera", "camera.gate")["cut_off"] is True
        run.delivers("camera.door", 2)
        report = run.finish()
    assert balanced(report) and report["cameras"]["camera.gate"]["captured"] == 0
    assert all(row["dropped"] == {} for row in report["cameras"].values())


def test_a_worker_that_dies_meanwhile_comes_back_with_the_new_camera(tmp_path: pathlib.Path) -> None:
    with going(tmp_path) as run:
        pids = {row["name"]: row["pid"] for row in run.status()["workers"]}
        adding = threading.Thread(target=lambda: run.done("add-camera", "camera.gate"))
        adding.start()
        os.kill(pids["blend"], signal.SIGKILL)
        adding.join()
        run.delivers("camera.gate", 2)
        run.delivers("camera.door", 2)
        os.kill(pids["matte"], signal.SIGKILL)
        run.done("remove-camera", "camera.gate")
        run.delivers("camera.door", 2)
        report = run.finish()
    assert balanced(report)
    assert sorted(row["restarts"] for row in report["workers"]) == [0] * (len(report["workers"]) - 2) + [1, 1]


def test_without_processes_there_is_nobody_to_ask(tmp_path: pathlib.Path) -> None:
    said = edge("ctl", "status", "--run-dir", "run", cwd=tmp_path)
    assert said.code == 4 and "no run goes on in 'run'" in said.err
