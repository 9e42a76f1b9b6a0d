"""A line of JSON for each frame: what is in it, where it goes, and that none is lost."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import subprocess
import sys
from typing import Optional

import numpy as np
import pytest

from edge import Context, Frame, GraphError, Image, SourceError, Spec
from edge.core.port import ports_of
from edge.plugins import jsonl as module
from edge.plugins.jsonl import Jsonl


def log(path, values=(), sources=("camera",), **options):
    stage = Jsonl()
    stage.path, stage.values = pathlib.Path(path), list(values)
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    stage.open(Context(sources=sources))
    return stage


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def test_a_line_for_each_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.5)
    monkeypatch.setattr(module.time, "time", lambda: 86400.0)
    stage = log(tmp_path / "new" / "o.jsonl", ["presence", "cover"])
    stage.process(Frame("camera", 7, 0.28, born=100.25), presence=0.5, cover="")
    assert lines(tmp_path / "new" / "o.jsonl") == [  # at once, not when it is closed
        {"source": "camera", "n": 7, "time": 0.28, "age": 0.25, "at": "1970-01-02T00:00:00.000Z", "presence": 0.5, "cover": ""}
    ]
    stage.close()
    assert stage.where() == str(tmp_path / "new" / "o.jsonl") and stage.makes == {}


def test_a_lost_value_is_null_and_says_why(tmp_path):
    stage = log(tmp_path / "o.jsonl", ["presence", "cover"])
    stage.process(Frame("camera", 0, 0.0, lost={"presence": "worker_died"}), presence=None, cover="late")
    (line,) = lines(tmp_path / "o.jsonl")
    assert line["presence"] is None and line["cover"] == "late" and line["lost"] == {"presence": "worker_died"}
    stage.close()


def test_what_json_does_not_know(tmp_path):
    stage = log(tmp_path / "o.jsonl", ["fact"])
    facts = [float("nan"), np.float32("inf"), np.float32(0.5), np.int64(3), {"a": [1.0, float("nan")], 2: (np.True_,)}, "ü\n"]
    for n, fact in enumerate([*facts, np.array([1.0, np.nan])]):
        stage.process(Frame("camera", n, 0.0), fact=fact)
    stage.close()
    found = [line["fact"] for line in lines(tmp_path / "o.jsonl")]
    assert found == [None, None, 0.5, 3, {"a": [1.0, None], "2": [True]}, "ü\n", [1.0, None]]


def test_reads_the_facts_alone_or_the_picture_where_there_are_none():
    stage = Jsonl()
    assert stage.ports() == {"image": Optional[Image]}
    stage.values = ["presence", "route"]
    ports = ports_of(stage)
    assert list(ports) == ["presence", "route"]
    assert all(port.optional and port.wired for port in ports.values())


def test_cameras_share_a_file_or_have_one_each(tmp_path):
    both = log(tmp_path / "o.jsonl", sources=("camera.a", "../b"))
    each = log(tmp_path / "{source}.jsonl", sources=("camera.a", "../b"))
    for stage in (both, each):
        stage.process(Frame("camera.a", 0, 0.0))
        stage.process(Frame("../b", 5, 0.0))
        stage.close()
    assert [line["source"] for line in lines(tmp_path / "o.jsonl")] == ["camera.a", "../b"]
    assert sorted(os.listdir(tmp_path)) == ["_b.jsonl", "camera.a.jsonl", "o.jsonl"]


def test_cameras_come_and_go(tmp_path):
    stage = log(tmp_path / "{source}.jsonl", sources=("a",))
    stage.context.sources = ("a", "b")
    stage.enter("b")
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "b.jsonl"]
    stage.process(Frame("b", 0, 0.0))
    before = len(os.listdir("/proc/self/fd"))
    stage.context.sources = ("a",)  # as the framework has it when it says so
    stage.leave("b")
    assert len(os.listdir("/proc/self/fd")) == before - 1
    stage.process(Frame("a", 0, 0.0))
    stage.close()
    shared = log(tmp_path / "o.jsonl", sources=("a", "b"))
    shared.leave("b")
    shared.process(Frame("a", 0, 0.0))
    shared.close()
    assert len(lines(tmp_path / "o.jsonl")) == 1


def test_goes_on_where_the_last_run_stopped(tmp_path):
    (tmp_path / "o.jsonl").write_text('{"n":0}\n{"n":1,"ti')  # the machine lost its power here
    stage = log(tmp_path / "o.jsonl")
    stage.process(Frame("camera", 2, 0.0))
    stage.close()
    first, cut, last = (tmp_path / "o.jsonl").read_text().splitlines()
    assert (first, cut) == ('{"n":0}', '{"n":1,"ti') and json.loads(last)["n"] == 2


def test_a_large_file_makes_room_for_the_next(tmp_path):
    stage = log(tmp_path / "o.jsonl", most=0.0005, older=2)
    for n in range(30):
        stage.process(Frame("camera", n, 0.0))
    stage.close()
    assert sorted(os.listdir(tmp_path)) == ["o.jsonl", "o.jsonl.1", "o.jsonl.2"]
    kept = [line["n"] for name in ("o.jsonl.2", "o.jsonl.1", "o.jsonl") for line in lines(tmp_path / name)]
    assert kept == list(range(kept[0], 30)) and len(kept) > 6  # none lost in between, the oldest gone
    assert all(path.stat().st_size <= 500 for path in tmp_path.iterdir())


def test_where_no_next_file_can_be_begun_it_says_so_and_gives_back_no_descriptor_of_others(tmp_path, monkeypatch):
    stage = log(tmp_path / "o.jsonl", most=0.0005)
    monkeypatch.setattr(module.Log, "_open", lambda _: (_ for _ in ()).throw(SourceError("no descriptor is free")))
    with pytest.raises(SourceError, match="no descriptor is free"):
        for n in range(9):
            stage.process(Frame("camera", n, 0.0))
    with open(os.devnull) as other:  # it gets the number that the log had
        stage.close()
        os.fstat(other.fileno())


def test_a_camera_that_could_not_enter_may_leave(tmp_path):
    stage = log(tmp_path / "o.jsonl")
    stage.leave("camera.away")
    stage.close()


def test_no_older_files(tmp_path):
    stage = log(tmp_path / "o.jsonl", most=0.0005, older=0)
    for n in range(9):
        stage.process(Frame("camera", n, 0.0))
    stage.close()
    assert os.listdir(tmp_path) == ["o.jsonl"] and lines(tmp_path / "o.jsonl")[-1]["n"] == 8


def test_a_full_disk_is_one_line_and_no_half_one(tmp_path, monkeypatch):
    stage = log(tmp_path / "o.jsonl")
    stage.process(Frame("camera", 0, 0.0))
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(SourceError, match=r"o\.jsonl: No space left on device; 1 lines are written\. Make room or change path"):
        stage.process(Frame("camera", 1, 0.0))
    monkeypatch.undo()
    assert [line["n"] for line in lines(tmp_path / "o.jsonl")] == [0]
    stage.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_disk_that_is_full_from_the_start():
    stage = log("/dev/full")
    with pytest.raises(SourceError, match="/dev/full: No space left on device; 0 lines are written"):
        stage.process(Frame("camera", 0, 0.0))
    stage.close()


def test_a_pipe_is_not_renamed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    stage = log(tmp_path / "pipe", most=0.0002)
    for n in range(9):
        stage.process(Frame("camera", n, 0.0))
    stage.close()
    assert [json.loads(line)["n"] for line in os.read(reader, 65536).splitlines()] == list(range(9))
    os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_place_that_cannot_be_written_is_told_before_the_first_frame(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(SourceError, match=r"o\.jsonl: lies below a file; give another path"):
        log(tmp_path / "taken" / "o.jsonl")
    with pytest.raises(SourceError, match="Is a directory"):
        log(tmp_path)


def test_options_are_checked():
    for values, told in (
        (["image"], "'image' is no small fact; write pictures with record or images"),
        (["time"], "'time' is in every line anyway"),
        (["a b"], "'a b' is no small fact; write pictures with record or images"),
        (["cover", "cover"], "a value is named twice"),
    ):
        stage = Jsonl()
        stage.path, stage.values = pathlib.Path("o.jsonl"), values
        assert stage.check() == {"values": told}
    stage.values, stage.most, stage.older = [], -1.0, -1
    assert stage.check() == {
        "most": "-1 MB is no size; give megabytes, or 0 for no limit",
        "older": "must be 0 to 1000, not -1",
    }
    stage.values = ["matte"]
    with pytest.raises(GraphError, match="jsonl writes small facts; 'matte' is a plane"):
        stage.spec({"matte": Spec(Image, (4, 4, 3), "bgr")})


WRITER = """
import os, pathlib, signal
from edge import Context, Frame
from edge.plugins.jsonl import Jsonl
stage = Jsonl()
stage.path = pathlib.Path("{path}")
stage.open(Context())
for n in range(50):
    stage.process(Frame("camera", n, n / 25))
{end}
"""


def run(path, end, cwd):
    code = WRITER.format(path=path, end=end)
    root = pathlib.Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, env={**os.environ, "PYTHONPATH": str(root)}
    )


def test_a_process_that_is_killed_loses_no_line(tmp_path):
    assert run("o.jsonl", "os.kill(os.getpid(), signal.SIGKILL)", tmp_path).returncode == -9
    assert [line["n"] for line in lines(tmp_path / "o.jsonl")] == list(range(50))


def test_standard_output(tmp_path):
    done = run("-", "stage.close(); print(stage.where())", tmp_path)
    *found, where = done.stdout.decode().splitlines()
    assert [json.loads(line)["n"] for line in found] == list(range(50)) and where == "standard output"
    assert not list(tmp_path.iterdir())
    at = datetime.datetime.fromisoformat(json.loads(found[0])["at"].replace("Z", "+00:00"))
    assert at.tzinfo == datetime.timezone.utc


def test_nobody_reads_standard_output(monkeypatch):
    stage = log("-")
    reader, writer = os.pipe()
    os.close(reader)
    stage._logs["camera"].fd, before = 1, os.dup(1)
    os.dup2(writer, 1)
    try:
        with pytest.raises(SourceError, match="standard output: Broken pipe; nobody reads what path '-' writes"):
            stage.process(Frame("camera", 0, 0.0))
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(writer)
    stage.close()
