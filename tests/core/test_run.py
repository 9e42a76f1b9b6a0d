"""Whole runs that meet with accidents: processes killed, the launcher killed, signals, a second run in the same folder.

Nothing here waits for a time: what a test waits for is a file, a process, a line.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time

import cv2
import numpy as np
import pytest
from commands import distribution, edge, start
from test_tiny import books_balance

PATIENCE = 60.0
ROOM = (255, 0, 255)

FILE = """
stages:
  camera: {use: file, path: clip.mp4}
  square: {use: portrait, from: camera}
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait, device: {use: desktop, threads: 1}}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory, background: "#00ff00"}
  out: {use: images, from: blend, path: made}
"""

LIVE = """
stages:
  camera: {use: images, path: room, pace: real, fps: 20, loop: true}
  square: {use: portrait, from: camera}
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait, device: {use: desktop, threads: 1}}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory, background: "#00ff00", view: result}
  out: {use: images, from: blend, path: made}
"""


def until(condition, what: str):
    """Wait for something to become true; the test fails, saying what, if it never does."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.01)
    return found


def workers(launcher: int) -> dict[str, int]:
    """Worker → process, of a run that is under way."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = status.read_text().partition(" (")
            name, _, fields = rest.rpartition(") ")
        except OSError:
            continue
        if name.startswith("edge:") and int(fields.split()[1]) == launcher:
            found[name[5:]] = int(pid)
    return found


def successor(launcher: int, first: int) -> int:
    """The process that takes the killed matting worker's place."""
    return until(lambda: {pid for name, pid in workers(launcher).items() if name == "matte"} - {first}, "a successor").pop()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def clip(folder: pathlib.Path, frames: int) -> None:
    """A clip whose frames tell their number by their grey."""
    writer = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (128, 96))
    for n in range(frames):
        writer.write(np.full((96, 128, 3), 40 + n % 150, np.uint8))
    writer.release()


def room(folder: pathlib.Path) -> None:
    (folder / "room").mkdir()
    cv2.imwrite(str(folder / "room" / "1.png"), np.full((96, 128, 3), ROOM, np.uint8))


def made(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / "made").glob("*.png"))


def report(folder: pathlib.Path) -> dict:
    return json.loads((folder / "r.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["matte", "camera", "blend"])
def test_a_file_loses_no_frame_when_a_worker_is_killed(tmp_path, victim):
    frames = 200
    clip(tmp_path, frames)
    (tmp_path / "g.yaml").write_text(FILE)
    run = start("g.yaml", "--report", "r.json", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 20, "20 frames")
    os.kill(workers(run.pid)[victim], signal.SIGKILL)
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, told
    result = report(tmp_path)
    books_balance(result)
    assert {row["name"]: row["restarts"] for row in result["workers"]}[victim] == 1
    assert f"worker '{victim}' died (killed by SIGKILL)" in told
    camera = result["cameras"]["camera"]
    assert camera["captured"] == camera["admitted"] == camera["delivered"] == frames
    assert [int(path.stem) for path in made(tmp_path)] == list(range(frames))


@pytest.mark.slow
def test_a_live_camera_never_shows_the_room(tmp_path):
    room(tmp_path)
    (tmp_path / "g.yaml").write_text(LIVE)
    run = start("g.yaml", "--report", "r.json", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 10, "10 frames")
    first = workers(run.pid)["matte"]
    os.kill(first, signal.SIGKILL)
    successor(run.pid, first)
    before = len(made(tmp_path))
    until(lambda: len(made(tmp_path)) > before + 20, "20 frames more")
    run.send_signal(signal.SIGTERM)
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, told
    result = report(tmp_path)
    books_balance(result)
    camera = result["cameras"]["camera"]
    assert camera["covers"].get("worker_died", 0) > 0
    assert camera["captured"] == camera["admitted"] + sum(camera["dropped"].values())
    for path in made(tmp_path):
        picture = cv2.imread(str(path)).astype(int)
        shown = (picture[..., 0] > 20) | (picture[..., 2] > 20)  # the room is magenta, the background pure green
        assert not shown.any(), path.name


@pytest.mark.slow
def test_a_worker_that_keeps_dying_ends_the_run_with_6(tmp_path):
    clip(tmp_path, 400)
    (tmp_path / "g.yaml").write_text(FILE + "restart: {most: 1, within: 60}\n")
    run = start("g.yaml", "--report", "r.json", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 5, "5 frames")
    first = workers(run.pid)["matte"]
    os.kill(first, signal.SIGKILL)
    os.kill(successor(run.pid, first), signal.SIGKILL)
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 6
    assert "error: worker 'matte' died more than 1 times in 60 s; last: killed by SIGKILL" in told.splitlines()
    assert "Traceback" not in told
    assert report(tmp_path)["exit"]["code"] == 6


POISON = """
import os, signal
from edge import Image, Stage, hookimpl

class Poison(Stage):
    makes = {"image": Image}

    def process(self, frame, image: Image):
        if frame.n == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"image": image}

@hookimpl
def register_stages(register):
    register("poison", Poison)
"""


@pytest.mark.slow
def test_a_frame_that_kills_twice_is_left_out(tmp_path):
    clip(tmp_path, 40)
    site = distribution(tmp_path / "site", "edge_poison", POISON, "poison")
    (tmp_path / "g.yaml").write_text(
        "stages:\n  camera: {use: file, path: clip.mp4}\n  bad: {use: poison, from: camera, worker: bad}\n"
        "  out: {use: images, from: bad, path: made}\n"
    )
    done = edge("g.yaml", "--report", "r.json", cwd=tmp_path, PYTHONPATH=str(site))
    assert done.code == 0, done.err
    assert "bad: frame 20 of camera killed it twice; it is left out" in done.err
    result = report(tmp_path)
    books_balance(result)
    assert {row["name"]: row["restarts"] for row in result["workers"]} == {"camera": 0, "bad": 2, "out": 0}
    assert result["edges"]["bad->out:image"]["dropped"].get("quarantined") == 1
    assert 20 not in [int(path.stem) for path in made(tmp_path)]
    assert len(made(tmp_path)) >= 36  # a crash may cost its credits, no more


@pytest.mark.slow
def test_a_worker_that_stands_still_is_replaced(tmp_path):
    clip(tmp_path, 150)
    (tmp_path / "g.yaml").write_text(FILE + "restart: {stall: 2}\n")
    run = start("g.yaml", "--report", "r.json", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 10, "10 frames")
    os.kill(workers(run.pid)["matte"], signal.SIGSTOP)
    _, told = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, told
    assert "worker 'matte' died (no progress for" in told
    result = report(tmp_path)
    books_balance(result)
    assert [int(path.stem) for path in made(tmp_path)] == list(range(150))


@pytest.mark.slow
def test_nothing_is_left_when_the_launcher_is_killed(tmp_path):
    room(tmp_path)
    (tmp_path / "g.yaml").write_text(LIVE)
    run = start("g.yaml", "--run-dir", "rd", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 3, "3 frames")
    pids = workers(run.pid)
    assert set(pids) == {"camera", "matte", "blend"}
    run.kill()
    run.communicate()
    until(lambda: not any(alive(pid) for pid in pids.values()), "the workers to be gone")
    again = edge("g.yaml", "--run-dir", "rd", "--frames", "5", "--report", "r.json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert report(tmp_path)["cameras"]["camera"]["captured"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains(tmp_path, sig):
    room(tmp_path)
    (tmp_path / "g.yaml").write_text(LIVE)
    run = start("g.yaml", "--report", "r.json", cwd=tmp_path)
    until(lambda: len(made(tmp_path)) > 3, "3 frames")
    began = time.monotonic()
    run.send_signal(sig)
    _, told = run.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < 8.0  # P7
    assert run.returncode == 0, told
    result = report(tmp_path)
    books_balance(result)
    camera = result["cameras"]["camera"]
    assert camera["admitted"] == camera["delivered"] == len(made(tmp_path))


def test_the_same_folder_twice(tmp_path):
    room(tmp_path)
    (tmp_path / "g.yaml").write_text(LIVE)
    run = start("g.yaml", "--run-dir", "rd", cwd=tmp_path)
    try:
        until(lambda: (tmp_path / "rd" / "lock").exists() and (tmp_path / "rd" / "lock").read_text(), "the lock")
        second = edge("g.yaml", "--run-dir", "rd", "--frames", "3", cwd=tmp_path)
        assert second.code == 75
        assert second.errors and str(run.pid) in second.errors[0]
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=PATIENCE)


@pytest.mark.slow
def test_one_process_and_many_make_the_same_pictures(tmp_path):
    clip(tmp_path, 40)
    (tmp_path / "g.yaml").write_text(FILE)
    pictures = []
    for words in ([], ["--workers", "none"]):
        assert edge("g.yaml", *words, cwd=tmp_path).code == 0
        pictures.append([cv2.imread(str(path)) for path in made(tmp_path)])
        subprocess.run(["rm", "-r", str(tmp_path / "made")], check=True)
    assert len(pictures[0]) == len(pictures[1]) == 40
    assert all(np.array_equal(a, b) for a, b in zip(*pictures, strict=True))
