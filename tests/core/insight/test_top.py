"""`edge top`: figures from two statuses, tables that fit a narrow terminal, and a run that is watched."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import termios
import time

import pytest
from commands import COMMAND, ROOT, edge, environment, start
from rich.console import Console

from edge.core import control
from edge.core.insight.top import figures, tables

TIMES = {"p50": 0.011, "p95": 0.0305, "p99": 0.04}
GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 160, height: 90, fps: 10}
  small: {use: resize, from: camera, width: 80}
  out: {use: discard, from: small}
"""


def status(seconds: float, frames: int, **more) -> dict:
    camera = {"state": "running", "seen_seconds": 0.04, "captured": frames + 3, "delivered": frames, "covered": 0, "covers": {}}
    return {
        "graph": "door",
        "device": {"requested": "kit", "resolved": "desktop", "reason": ""},
        "seconds": seconds,
        "cameras": {"camera": {**camera, "dropped": {"superseded": 3}}},
        "stages": {
            "camera": {"frames": frames + 3, "busy_seconds": seconds, "seconds": TIMES},
            "matte": {"frames": frames, "busy_seconds": 0.03 * frames, "seconds": TIMES},
        },
        "sinks": {"out": {"frames": frames, "fps": 9.9, "age_seconds": TIMES}},
        "edges": {
            "camera->matte:image": {"kind": "shm", "received": frames + 1, "delivered": frames, "in_flight": 1, "dropped": {}}
        },
        "workers": [
            {"name": "matte", "pid": 7, "state": "running", "restarts": 1, "rss_bytes": 64 << 20, "cpu_seconds": 0.02 * frames}
        ],
        **more,
    }


def text(data: dict, width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(tables(data))
    return capture.get()


def row(told: str, *words: str) -> list[str]:
    """The line that begins with these words."""
    return next(line.split() for line in told.splitlines() if line.split()[: len(words)] == list(words))


def test_figures_are_of_the_time_between_two_statuses():
    now = figures(status(10.0, 200), status(12.0, 250))
    assert now["schema_version"] == 1 and (now["graph"], now["device"], now["seconds"]) == ("door", "desktop", 12.0)
    camera, matte = now["cameras"]["camera"], now["stages"]["matte"]
    assert (camera["fps"], camera["delivered"], camera["dropped"], camera["seen_seconds"]) == (
        25.0,
        250,
        {"superseded": 3},
        0.04,
    )
    assert (matte["fps"], matte["busy"], matte["seconds"]) == (25.0, 0.75, TIMES)
    assert now["stages"]["camera"]["busy"] is None, "a camera's stage waits for the camera"
    assert now["edges"]["camera->matte:image"] == {"fps": 25.0, "kind": "shm", "in_flight": 1, "dropped": {}}
    assert now["sinks"]["out"]["fps"] == 25.0
    assert now["workers"]["matte"]["cpu"] == 0.5 and now["workers"]["matte"]["restarts"] == 1


def test_what_came_in_between_counts_from_its_start():
    before = status(10.0, 200, cameras={}, stages={}, edges={}, sinks={}, workers=[])
    now = figures(before, status(12.0, 20))
    assert now["cameras"]["camera"]["fps"] == 10.0 and now["workers"]["matte"]["cpu"] == 0.2
    successor = figures(status(10.0, 500), status(12.0, 510, workers=[dict(status(0, 0)["workers"][0], cpu_seconds=1.0)]))
    assert successor["workers"]["matte"]["cpu"] == 0.5, "a successor's CPU time begins anew"


def test_the_tables_say_it_all():
    told = text(figures(status(10.0, 200), status(12.0, 250)))
    assert told.splitlines()[0] == "door on desktop, for 12 s"
    assert row(told, "camera", "running") == ["camera", "running", "25.0", "0.0", "s", "250", "3", "0"]
    assert "\ncamera: dropped 3 superseded\n" in told
    assert row(told, "matte", "25.0") == ["matte", "25.0", "75", "%", "11.0", "ms", "30.5", "ms"]
    assert row(told, "camera->matte:image") == ["camera->matte:image", "shm", "25.0", "1", "0"]
    assert row(told, "matte", "running") == ["matte", "running", "7", "50", "%", "64", "MiB", "1"]
    assert row(told, "out") == ["out", "25.0", "11.0", "ms", "30.5", "ms"]


def test_eight_cameras_with_long_names_fit_80_columns():
    names = [f"camera.the-door-of-the-{i}th-floor" for i in range(8)]
    one = dict(status(12.0, 250)["cameras"]["camera"], state="reconnecting", dropped={"superseded": 123456, "decode_error": 17})
    edges = {f"{name}->resize.{name}:image": status(12.0, 250)["edges"]["camera->matte:image"] for name in names}
    data = figures(status(10.0, 200), status(12.0, 250, cameras=dict.fromkeys(names, one), edges=edges))
    lines = text(data).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("reconnecting" in line and " 123473 " in line for line in lines) == 8
    assert sum("123456 superseded, 17" in line for line in lines) == 8
    assert sum(line.startswith("camera.the-door-of-the-") and "…" in line and " shm " in line for line in lines) == 8


def test_a_camera_that_was_not_there_has_no_figures():
    failed = {"state": "failed", "error": "camera: not here", "seen_seconds": None, "captured": 0, "delivered": 0, "covered": 0}
    data = figures(status(10.0, 0), status(12.0, 0, cameras={"yard": {**failed, "covers": {}, "dropped": {}}}))
    assert data["cameras"]["yard"]["error"] == "camera: not here"
    told = text(data)
    assert row(told, "yard")[:4] == ["yard", "failed", "0.0", "-"] and "\ncamera: not here\n" in told


# -- a run ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """One that goes on until it is told otherwise, in the folder `rd`."""
    (tmp_path / "g.yaml").write_text(GRAPH)
    process = start("run", "g.yaml", "--run-dir", "rd", "--quiet", cwd=tmp_path)
    try:
        end = time.monotonic() + 60
        while not control.answers(tmp_path / "rd") or not delivered(tmp_path):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def delivered(folder) -> int:
    return control.ask(folder / "rd", {"do": "status"})["cameras"]["camera"]["delivered"]


def watching(folder):
    """`edge top` on a terminal of its own: the process, and the terminal's other end."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 80))
    command = [*COMMAND, "top", "--run-dir", "rd"]
    env = environment(TERM="xterm")
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    return process, ours


def until(terminal: int, words: str) -> str:
    """What it says up to these words."""
    told, end = "", time.monotonic() + 60
    while words not in told:
        assert time.monotonic() < end, f"'{words}' was not drawn: {told[-2000:]!r}"
        if select.select([terminal], [], [], 1.0)[0]:
            told += os.read(terminal, 1 << 16).decode(errors="replace")
    return told


@pytest.mark.slow
def test_top_of_a_run(tmp_path, run):
    done = edge("top", "--run-dir", "rd", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["schema_version"] == 1 and data["cameras"]["camera"]["state"] == "running"
    assert 0 < data["cameras"]["camera"]["fps"] < 20 and set(data["workers"]) == {"camera", "out"}
    assert all(row["rss_bytes"] > 1 << 20 and row["pid"] > 1 for row in data["workers"].values())
    done = edge("top", "--run-dir", "rd", "--once", cwd=tmp_path, COLUMNS="80")
    assert done.code == 0 and "small->out:image" in done.out and max(map(len, done.out.splitlines())) <= 80
    done = edge("top", "--run-dir", "rd", cwd=tmp_path)
    assert done.code == 2 and done.errors == ["edge top draws on a terminal: here give --once, or --json"]


@pytest.mark.slow
def test_q_leaves_and_the_run_goes_on(tmp_path, run):
    process, terminal = watching(tmp_path)
    until(terminal, "small->out:image")
    os.write(terminal, b"xq")
    until(terminal, "\x1b[?1049l")  # the screen as it was before
    assert process.wait(timeout=30) == 0 and run.poll() is None
    os.close(terminal)


@pytest.mark.slow
def test_the_end_of_the_run_is_the_end_of_top(tmp_path, run):
    process, terminal = watching(tmp_path)
    until(terminal, "small->out:image")
    control.ask(tmp_path / "rd", {"do": "drain"})
    until(terminal, "the run has ended")
    assert process.wait(timeout=30) == 0 and run.wait(timeout=30) == 0
    os.close(terminal)


def test_where_no_run_is(tmp_path):
    done = edge("top", "--run-dir", "nowhere", "--once", cwd=tmp_path)
    assert done.code == 4 and "no run goes on in 'nowhere'" in done.errors[0]
    assert done.out == ""


def test_a_misspelt_flag_is_told(tmp_path):
    done = edge("top", "--onse", cwd=tmp_path)
    assert done.code == 2 and "--once" in done.errors[0]


def test_the_page_says_what_there_is():
    assert "edge top" in (ROOT / "docs" / "insight.md").read_text(encoding="utf-8")
