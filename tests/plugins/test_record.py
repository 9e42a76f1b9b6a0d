"""The recorder: counts, rates, sizes, names, and disks that are full."""

from __future__ import annotations

import logging
import os
import pathlib
import types

import cv2
import numpy as np
import pytest

from edge import Context, Frame, Image, SourceError, Spec
from edge.plugins import record as module
from edge.plugins.record import Record, writer


@pytest.fixture(autouse=True, params=["av", "cv2"])
def library(request, monkeypatch):
    """Everything here holds with PyAV and without."""
    if request.param == "cv2":
        monkeypatch.setattr(writer, "pyav", lambda: None)
    elif writer.pyav() is None:
        pytest.skip("needs PyAV: pip install 'edgeflow[av]'")
    return request.param


def recorder(path, sources=("camera",), fps=0.0, codec="auto", **context):
    stage = Record()
    stage.path, stage.fps, stage.codec = pathlib.Path(path), fps, codec
    assert stage.check() == {}
    stage.open(Context(sources=sources, **context))
    return stage


def grey(level, height=48, width=64):
    picture = np.full((height, width, 3), level, np.uint8)
    picture.flags.writeable = False
    return picture


def feed(stage, times, source="camera", start=0):
    for n, time in enumerate(times, start):
        stage.process(Frame(source, n, time), grey(10 * n % 250))


def levels(path):
    """The mean grey of each frame, in tens, and the frames per second of the header."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while capture.grab():
        found.append(round(float(capture.retrieve()[1].mean()) / 10))
    return found, round(capture.get(cv2.CAP_PROP_FPS), 2)


def test_every_frame_of_a_file_once_at_its_rate(tmp_path):
    stage = recorder(tmp_path / "new" / "o.mp4", rates={"camera": 12.5})
    feed(stage, [n / 12.5 for n in range(20)])
    assert os.listdir(tmp_path / "new") == ["o.part.mp4"]
    stage.close()
    assert os.listdir(tmp_path / "new") == ["o.mp4"]
    assert levels(tmp_path / "new" / "o.mp4") == (list(range(20)), 12.5)
    assert stage.where() == str(tmp_path / "new" / "o.mp4") and stage.makes == {}


def test_a_lossy_file_is_recorded_frame_by_frame_too(tmp_path):
    stage = recorder(tmp_path / "o.mp4", rates={"camera": 0.0})
    feed(stage, [0.0, 0.04, 9.0, 9.04])  # frames between were lost
    stage.close()
    assert levels(tmp_path / "o.mp4") == ([0, 1, 2, 3], 25.0)


def test_the_option_fps_wins(tmp_path):
    stage = recorder(tmp_path / "o.mp4", fps=50.0, rates={"camera": 12.5})
    feed(stage, range(3))
    stage.close()
    assert levels(tmp_path / "o.mp4") == ([0, 1, 2], 50.0)


def test_a_camera_is_recorded_as_fast_as_it_comes(tmp_path):
    stage = recorder(tmp_path / "o.mp4", live=True, rates={"camera": 30.0})
    feed(stage, [1000 + n / 10 + 0.004 * (n % 3) for n in range(20)])
    stage.close()
    found, fps = levels(tmp_path / "o.mp4")
    assert 9.5 <= fps <= 10.5
    assert found == list(range(20))


def test_fewer_frames_than_it_takes_to_measure(tmp_path):
    stage = recorder(tmp_path / "o.mp4", live=True)
    feed(stage, [5.0, 5.1, 5.2])
    stage.close()
    assert levels(tmp_path / "o.mp4") == ([0, 1, 2], 10.0)
    stage = recorder(tmp_path / "one.mp4", live=True)
    feed(stage, [5.0])
    stage.close()
    assert levels(tmp_path / "one.mp4") == ([0], 25.0)


def test_a_camera_that_slows_down_keeps_the_clock(tmp_path):
    stage = recorder(tmp_path / "o.mp4", fps=10.0, live=True)
    feed(stage, [0.0, 0.1, 0.2, 0.5, 0.6, 0.65, 0.7])
    stage.close()
    found, _ = levels(tmp_path / "o.mp4")
    assert found == [0, 1, 2, 3, 3, 3, 4, 5]  # eight frames for 0.7 s


def test_a_camera_that_speeds_up_keeps_the_clock(tmp_path):
    stage = recorder(tmp_path / "o.mp4", fps=10.0, live=True)
    feed(stage, [n / 40 for n in range(81)])
    stage.close()
    assert abs(len(levels(tmp_path / "o.mp4")[0]) - 20) <= 2


def test_an_outage_is_not_filled(tmp_path):
    stage = recorder(tmp_path / "o.mp4", fps=10.0, live=True)
    feed(stage, [0.0, 0.1, 3600.0, 3600.1])
    stage.close()
    assert levels(tmp_path / "o.mp4")[0] == [0, 1, 2, 3]


def test_planes_held_back_are_copied(tmp_path):
    stage = recorder(tmp_path / "o.mp4", live=True)
    slot = np.zeros((48, 64, 3), np.uint8)
    for n in range(4):
        slot[:] = 10 * n
        stage.process(Frame("camera", n, n / 10), slot)
    slot[:] = 255
    stage.close()
    assert levels(tmp_path / "o.mp4")[0] == [0, 1, 2, 3]


@pytest.mark.parametrize("height, width", [(47, 63), (48, 63), (47, 64), (1, 1)])
def test_odd_sizes_are_made_even(tmp_path, height, width):
    stage = recorder(tmp_path / "o.mp4")
    picture = np.full((height, width, 3), 120, np.uint8)
    stage.process(Frame("camera", 0, 0.0), picture)
    stage.close()
    ok, back = cv2.VideoCapture(str(tmp_path / "o.mp4"), cv2.CAP_FFMPEG).read()
    assert back.shape == (height + height % 2, width + width % 2, 3)
    assert abs(float(back[-1, -1].mean()) - 120) < 4  # the last line again, not black


def test_another_size_is_fitted_in(tmp_path, caplog):
    stage = recorder(tmp_path / "o.mp4")
    stage.process(Frame("camera", 0, 0.0), grey(100))
    with caplog.at_level(logging.WARNING, "edge"):
        for n in (1, 2):
            stage.process(Frame("camera", n, 0.0), grey(200, 100, 50))
    stage.close()
    assert [m.split(": ")[1] for m in caplog.messages] == ["frames change from (48, 64) to (100, 50); they are fitted in"]
    capture = cv2.VideoCapture(str(tmp_path / "o.mp4"), cv2.CAP_FFMPEG)
    first, second = capture.read()[1], capture.read()[1]
    assert first.shape == second.shape == (48, 64, 3)
    assert second[24, 32, 0] > 190 and second[24, 4, 0] < 20


def test_colours(tmp_path):
    for format in ("bgr", "rgb"):
        stage = recorder(tmp_path / f"{format}.mp4", inputs={"image": Spec(Image, (48, 64, 3), format)})
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[..., 0] = 200
        stage.process(Frame("camera", 0, 0.0), picture)
        stage.close()
    blue = cv2.VideoCapture(str(tmp_path / "bgr.mp4"), cv2.CAP_FFMPEG).read()[1][24, 32]
    red = cv2.VideoCapture(str(tmp_path / "rgb.mp4"), cv2.CAP_FFMPEG).read()[1][24, 32]
    assert blue[0] > 150 and blue[2] < 40 and red[2] > 150 and red[0] < 40


def test_a_file_per_camera(tmp_path):
    stage = recorder(tmp_path / "{source}.mp4", sources=("camera.a", "../b"))
    feed(stage, range(3), "camera.a")
    feed(stage, range(2), "../b")
    stage.close()
    assert sorted(os.listdir(tmp_path)) == ["_b.mp4", "camera.a.mp4"]
    assert [len(levels(tmp_path / name)[0]) for name in ("camera.a.mp4", "_b.mp4")] == [3, 2]


def test_two_cameras_cannot_share_a_file(tmp_path):
    with pytest.raises(SourceError, match="2 cameras would write the same; put {source} into path"):
        recorder(tmp_path / "o.mp4", sources=("a", "b"))


def test_no_frame_is_no_file_and_keeps_the_old_one(tmp_path, caplog):
    (tmp_path / "o.mp4").write_bytes(b"an older recording")
    with caplog.at_level(logging.WARNING, "edge"):
        recorder(tmp_path / "o.mp4").close()
    assert (tmp_path / "o.mp4").read_bytes() == b"an older recording"
    assert caplog.messages == [f"{tmp_path}/o.mp4: no frame of camera came, so nothing was recorded"]


def test_paths_that_cannot_be_written_are_told_before_the_first_frame(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("x")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(SourceError, match=r"folder\.mp4: is a folder; give the MP4 a name in it"):
        recorder(tmp_path / "folder.mp4")
    with pytest.raises(SourceError, match="taken is, or lies below, a file"):
        recorder(tmp_path / "taken" / "o.mp4")

    def refuse(*_):  # the tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "open", refuse, raising=False)
    with pytest.raises(SourceError, match=r"o\.mp4: Permission denied; give a path that may be written"):
        recorder(tmp_path / "o.mp4")


def test_an_old_file_that_may_not_be_replaced(tmp_path, monkeypatch):
    (tmp_path / "o.mp4").write_bytes(b"x")
    monkeypatch.setattr(module.os, "access", lambda path, mode: False)
    with pytest.raises(SourceError, match="Permission denied"):
        recorder(tmp_path / "o.mp4")
    assert os.listdir(tmp_path) == ["o.mp4"]


def test_full_disk_is_told_and_keeps_what_there_is(tmp_path, monkeypatch):
    stage = recorder(tmp_path / "o.mp4")
    feed(stage, range(3))
    full = types.SimpleNamespace(f_bavail=100, f_frsize=4096)
    monkeypatch.setattr(module.os, "statvfs", lambda path: full)
    with pytest.raises(SourceError, match=r"o\.mp4: the disk is full; 3 frames are recorded\. Make room or change path"):
        feed(stage, [3], start=3)
    stage.close()
    assert levels(tmp_path / "o.mp4")[0] == [0, 1, 2]


def test_a_write_that_fails_is_a_full_disk(tmp_path):
    stage = recorder(tmp_path / "o.mp4")
    feed(stage, range(2))
    tape = stage._tapes["camera"]
    tape._writer, real = types.SimpleNamespace(write=lambda picture: False, release=tape._writer.release), tape._writer
    with pytest.raises(SourceError, match="the disk is full; 2 frames"):
        feed(stage, [2], start=2)
    assert real.isOpened()
    stage.close()


def test_a_file_that_does_not_play_is_told(tmp_path, capfd):
    stage = recorder(tmp_path / "{source}.mp4", sources=("a", "b"))
    feed(stage, range(2), "a")
    feed(stage, range(2), "b")
    tape = stage._tapes["a"]
    release = tape._writer.release
    tape._writer = types.SimpleNamespace(release=lambda: (release(), tape.part.write_bytes(b"cut off")))
    with pytest.raises(SourceError, match=r"a\.part\.mp4: the recording cannot be played back; see if the disk is full"):
        stage.close()
    assert sorted(os.listdir(tmp_path)) == ["a.part.mp4", "b.mp4"]  # the other one is finished all the same
    assert capfd.readouterr().err == ""


def test_options_are_checked():
    stage = Record()
    stage.path, stage.fps = pathlib.Path("/x/o.avi"), -1.0
    assert stage.check() == {
        "fps": "-1.0 is no rate; give frames per second, or 0 to take the source's",
        "path": "'o.avi' does not end in .mp4",
    }


def test_the_codec_is_what_is_asked_for(tmp_path, library):
    made = {}
    for codec in ("auto", "mpeg4"):
        stage = recorder(tmp_path / f"{codec}.mp4", codec=codec)
        feed(stage, range(3))
        stage.close()
        capture = cv2.VideoCapture(str(tmp_path / f"{codec}.mp4"), cv2.CAP_FFMPEG)
        made[codec] = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode()
    h264 = library == "av" and "libx264" in writer.pyav().codecs_available
    assert made == {"auto": "h264" if h264 else "FMP4", "mpeg4": "FMP4"}  # OpenCV's names


def test_what_needs_pyav_says_so(library):
    stage = Record()
    stage.path, stage.codec, stage.audio = pathlib.Path("/x/o.mp4"), "h264", pathlib.Path("/x/clip.mp4")
    told = {} if library == "av" else {"codec": "h264 needs PyAV: pip install 'edgeflow[av]', or give codec: mpeg4"}
    assert {name: str(problem) for name, problem in stage.check().items()} == told
    stage.codec = "auto"
    told = {} if library == "av" else {"audio": "audio needs PyAV: pip install 'edgeflow[av]'"}
    assert {name: str(problem) for name, problem in stage.check().items()} == told


def test_a_camera_that_comes_back_does_not_write_over_what_was_recorded(tmp_path):
    stage = recorder(tmp_path / "{source}.mp4", sources=("a",), status=lambda: {"seconds": 60.0})
    feed(stage, range(3), "a")
    stage.leave("a")
    assert os.listdir(tmp_path) == ["a.mp4"]
    stage.enter("a")
    feed(stage, range(2), "a")
    stage.close()
    assert sorted(os.listdir(tmp_path)) == ["a.2.mp4", "a.mp4"]
    assert [len(levels(tmp_path / name)[0]) for name in ("a.mp4", "a.2.mp4")] == [3, 2]


def test_cameras_that_come_and_go_leave_nothing_open(tmp_path):
    stage = recorder(tmp_path / "{source}.mp4", sources=("a", "b"))
    feed(stage, range(3), "a")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        stage.enter("b")
        feed(stage, range(2), "b")
        stage.leave("b")
    assert len(os.listdir("/proc/self/fd")) == before
    feed(stage, range(3, 5), "a", start=3)
    stage.close()
    assert levels(tmp_path / "a.mp4")[0] == list(range(5))
