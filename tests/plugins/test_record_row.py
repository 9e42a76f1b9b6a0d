"""A recording as a row of files: where they are cut, what they are called, how much they take, and what a kill costs."""

from __future__ import annotations

import logging
import os
import pathlib
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from test_record import levels

from edge import Context, Frame, GraphError
from edge.plugins.record import Record, tape, writer

ROOT = pathlib.Path(__file__).resolve().parents[2]
needs_av = pytest.mark.skipif(writer.pyav() is None, reason="needs PyAV: pip install 'edgeflow[av]'")


@pytest.fixture(params=["av", "cv2"])
def library(request, monkeypatch):
    if request.param == "cv2":
        monkeypatch.setattr(writer, "pyav", lambda: None)
    elif writer.pyav() is None:
        pytest.skip("needs PyAV: pip install 'edgeflow[av]'")
    return request.param


def recorder(path, live=False, sources=("camera",), rate=25.0, **options):
    stage = Record()
    stage.path = pathlib.Path(path)
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    stage.open(Context(sources=sources, live=live, rates=dict.fromkeys(sources, rate)))
    return stage


def grey(n):
    return np.full((48, 64, 3), 10 * n % 250, np.uint8)


def noise(n, height=240, width=320):
    """What no encoder makes small."""
    return np.random.default_rng(n).integers(0, 256, (height, width, 3), dtype=np.uint8)


def feed(stage, numbers, picture=grey, fps=25.0, source="camera"):
    for n in numbers:
        stage.process(Frame(source, n, n / fps), picture(n))


def row(folder, name="o"):
    """The files that the list names, in its order."""
    head, *names = (folder / f"{name}.m3u").read_text().splitlines()
    assert head == "#EXTM3U"
    return names


def frames(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while capture.grab():
        count += 1
    return count


@pytest.fixture
def clock(monkeypatch):
    """The time of day, which a test moves."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(tape.clock, "time", lambda: now[0])
    return now


def test_a_file_is_cut_by_time_and_loses_no_frame(tmp_path, library):
    stage = recorder(tmp_path / "o.mp4", every=1.0, rate=10.0)
    feed(stage, range(24), fps=10.0)
    assert stage.where() == str(tmp_path / "o-*.mp4")
    stage.close()
    names = ["o-000000.mp4", "o-000010.mp4", "o-000020.mp4"]
    assert sorted(os.listdir(tmp_path)) == [*names, "o.m3u"] and row(tmp_path) == names
    assert [levels(tmp_path / name) for name in names] == [
        (list(range(10)), 10.0),
        (list(range(10, 20)), 10.0),
        (list(range(20, 24)), 10.0),
    ]


def test_a_camera_is_cut_by_the_clock_and_named_by_the_time(tmp_path, library, clock):
    stage = recorder(tmp_path / "{source}.mp4", live=True, sources=("camera.a",), every=2.0, fps=10.0)
    for n in range(45):
        clock[0] = 1_800_000_000.0 + n / 10
        stage.process(Frame("camera.a", n, 500 + n / 10), grey(n))
    stage.close()
    names = [f"camera.a-20270115T0800{second}Z.mp4" for second in ("00", "02", "04")]
    assert row(tmp_path, "camera.a") == names and [frames(tmp_path / name) for name in names] == [20, 20, 5]


def test_two_files_of_one_second_have_two_names(tmp_path, library, clock):
    stage = recorder(tmp_path / "o.mp4", live=True, every=1.0, fps=10.0)
    for n in range(25):
        stage.process(Frame("camera", n, n / 10), grey(n))
    stage.close()
    assert row(tmp_path) == [f"o-20270115T080000Z{more}.mp4" for more in ("", "_2", "_3")]


def test_after_an_outage_the_next_file_begins(tmp_path, library, clock):
    stage = recorder(tmp_path / "o.mp4", live=True, every=60.0, fps=10.0)
    for n, time in enumerate((0.0, 0.1, 0.2, 100.0, 100.1)):
        clock[0] = 1_800_000_000.0 + time
        stage.process(Frame("camera", n, time), grey(n))
    stage.close()
    names = ["o-20270115T080000Z.mp4", "o-20270115T080140Z.mp4"]
    assert row(tmp_path) == names and [frames(tmp_path / name) for name in names] == [3, 2]


def test_a_file_is_cut_before_it_is_larger(tmp_path, library):
    stage = recorder(tmp_path / "o.mp4", most=1.0)
    feed(stage, range(60), noise)
    stage.close()
    sizes = [(tmp_path / name).stat().st_size for name in row(tmp_path)]
    assert len(sizes) > 2 and max(sizes) <= 1_000_000
    assert sum(frames(tmp_path / name) for name in row(tmp_path)) == 60


def test_the_oldest_files_make_room_and_nothing_else_does(tmp_path, library):
    others = ["o-999999.mp4", "p-000000.mp4", "o.mp4", "notes.txt"]
    for name in others:
        (tmp_path / name).write_bytes(b"x" * 200_000)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "o-000000.mp4").write_bytes(b"x")
    (tmp_path / "o.m3u").write_text("#EXTM3U\n../precious.mp4\ndeeper/o-000000.mp4\nnotes.txt\no.mp4\n")
    (tmp_path.parent / "precious.mp4").write_bytes(b"x")
    stage = recorder(tmp_path / "o.mp4", most=1.0, budget=3.0)
    taken = []
    for n in range(120):
        feed(stage, [n], noise)
        ours = [path for path in tmp_path.glob("o-*.mp4") if path.name not in others]
        taken.append(sum(path.stat().st_size for path in ours))
    stage.close()
    names = row(tmp_path)
    assert max(taken) <= 3_000_000 and max(taken) > 1_500_000
    assert names == sorted(names) and names[0] != "o-000000.mp4"  # what came first went first
    assert sum((tmp_path / name).stat().st_size for name in names) <= 3_000_000
    assert sorted(os.listdir(tmp_path)) == sorted([*others, *names, "o.m3u", "deeper"])
    assert (tmp_path / "deeper" / "o-000000.mp4").exists() and (tmp_path.parent / "precious.mp4").exists()


def test_the_next_run_knows_what_the_last_one_made(tmp_path, library, clock):
    for _run in range(3):
        clock[0] += 3600
        stage = recorder(tmp_path / "o.mp4", live=True, fps=25.0, most=1.0, budget=3.0)
        feed(stage, range(30), noise)
        stage.close()
    names = row(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("o-*.mp4")) == names
    assert sum((tmp_path / name).stat().st_size for name in names) <= 3_000_000
    (tmp_path / names[0]).unlink()  # by its owner
    stage = recorder(tmp_path / "o.mp4", live=True, fps=25.0, most=1.0, budget=3.0)
    feed(stage, range(2), noise)
    stage.close()
    assert names[0] not in row(tmp_path)


def test_what_cannot_be_deleted_is_told(tmp_path, library, monkeypatch, caplog):
    stage = recorder(tmp_path / "o.mp4", most=1.0, budget=2.0)

    def refuse(self, missing_ok=False):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(pathlib.Path, "unlink", refuse)
    with caplog.at_level(logging.WARNING, "edge"):
        feed(stage, range(120), noise)
    stage.close()
    assert "o-000000.mp4: cannot be deleted: Operation not permitted; it no longer counts" in caplog.messages[0]


def test_another_size_begins_with_the_next_file(tmp_path, library):
    stage = recorder(tmp_path / "o.mp4", every=1.0, rate=5.0)
    feed(stage, range(5), fps=5.0)
    feed(stage, range(5, 10), lambda n: noise(n, 60, 80), fps=5.0)
    stage.close()
    sizes = [cv2.VideoCapture(str(tmp_path / name), cv2.CAP_FFMPEG).read()[1].shape[:2] for name in row(tmp_path)]
    assert sizes == [(48, 64), (60, 80)]


def test_limits_change_while_it_runs_but_a_row_stays_a_row(tmp_path, library):
    stage = recorder(tmp_path / "o.mp4", every=100.0, rate=10.0)
    feed(stage, range(5), fps=10.0)
    stage.every = 1.0
    stage.changed(["every"])
    feed(stage, range(5, 25), fps=10.0)
    stage.every = 0.0
    with pytest.raises(
        GraphError, match="a recording that is one file stays one, and a row a row, until the run is started anew"
    ):
        stage.changed(["every"])
    stage.every = 1.0
    stage.changed(["every"])
    stage.close()
    assert [frames(tmp_path / name) for name in row(tmp_path)] == [10, 10, 5]
    assert set(Record.steady) == {"path", "fps", "codec", "audio"}


def test_limits_are_checked():
    stage = Record()
    stage.path = pathlib.Path("/x/o.mp4")
    for options, told in (
        ({"every": 0.2}, {"every": "must be 1 second or more, or 0 for one file, not 0.2"}),
        ({"most": 0.01}, {"most": "must be 1 MB or more, or 0 for no limit, not 0.01"}),
        ({"budget": 100.0}, {"budget": "give every or most as well: only whole files can be deleted"}),
        (
            {"most": 100.0, "budget": 150.0},
            {"budget": "must be twice 'most' or more, so that one file is there while the next is written"},
        ),
        ({"every": 60.0, "most": 10.0, "budget": 20.0}, {}),
    ):
        stage.every, stage.most, stage.budget = (options.get(name, 0.0) for name in ("every", "most", "budget"))
        assert stage.check() == told


KILLED = """
import os, pathlib, signal, sys
import numpy as np
from edge import Context, Frame
from edge.plugins.record import Record
stage = Record()
stage.path, stage.every = pathlib.Path("o.mp4"), float(sys.argv[1])
stage.open(Context(rates={"camera": 10.0}))
for n in range(25):
    stage.process(Frame("camera", n, n / 10), np.full((48, 64, 3), 10 * n % 250, np.uint8))
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill(folder, every):
    command = [sys.executable, "-c", KILLED, str(every)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == -9, done.stderr


def times(path):
    """Where each picture stands, in seconds."""
    with writer.pyav().open(str(path)) as file:
        return [float(packet.pts * packet.time_base) for packet in file.demux(video=0) if packet.pts is not None]


@needs_av
def test_pictures_are_in_step(tmp_path):
    for fps in (7.5, 10.0, 29.97, 12.34):
        stage = recorder(tmp_path / f"{fps}.mp4", rate=fps)
        feed(stage, range(40), fps=fps)
        stage.close()
        assert times(tmp_path / f"{fps}.mp4") == pytest.approx([n / fps for n in range(40)], abs=0.002)


@needs_av
def test_a_recorder_that_is_killed_keeps_all_but_the_last_frame(tmp_path, caplog):
    kill(tmp_path, 0.0)
    assert os.listdir(tmp_path) == ["o.part.mp4"]
    assert levels(tmp_path / "o.part.mp4") == (list(range(24)), 10.0)
    assert times(tmp_path / "o.part.mp4") == pytest.approx([n / 10 for n in range(24)])
    with caplog.at_level(logging.WARNING, "edge"):
        stage = recorder(tmp_path / "o.mp4", rate=10.0)
    assert re.fullmatch(r".*o\.part\.mp4: left by a recording that was killed; kept as o\.cut\.mp4", caplog.messages[0])
    feed(stage, range(25, 30), fps=10.0)
    stage.close()
    assert sorted(os.listdir(tmp_path)) == ["o.cut.mp4", "o.mp4"]
    assert levels(tmp_path / "o.cut.mp4")[0] + levels(tmp_path / "o.mp4")[0] == [n % 25 for n in (*range(24), *range(25, 30))]


@needs_av
def test_a_row_that_is_killed_goes_on(tmp_path):
    kill(tmp_path, 1.0)
    assert sorted(os.listdir(tmp_path)) == ["o-000000.mp4", "o-000010.mp4", "o-000020.part.mp4", "o.m3u"]
    stage = recorder(tmp_path / "o.mp4", every=1.0, rate=10.0)
    feed(stage, range(25, 30), fps=10.0)
    stage.close()
    assert row(tmp_path) == ["o-000000.mp4", "o-000010.mp4", "o-000020.mp4", "o-000025.mp4"]
    assert [frames(tmp_path / name) for name in row(tmp_path)] == [10, 10, 4, 5]
