"""The file source: what it decodes, what it survives, and what it refuses in one line."""

from __future__ import annotations

import itertools
import logging
import pathlib
import types

import cv2
import numpy as np
import pytest

from edge import Context, Drop, SourceError
from edge.plugins import file as module
from edge.plugins.file import File

HEIGHT, WIDTH = 48, 64


def write_video(path, frames=20, fps=25.0, codec="mp4v", size=(WIDTH, HEIGHT)):
    """Frame n is plain grey of level 10 * n, so that a decoded frame tells its number; noise makes packets of some size."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), fps, size)
    assert writer.isOpened()
    for n in range(frames):
        writer.write(np.full((size[1], size[0], 3), 10 * n % 250, np.uint8))
    writer.release()
    return path


def noisy_video(path, frames=90):
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (WIDTH, HEIGHT))
    random = np.random.default_rng(1)
    for _ in range(frames):
        writer.write(random.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    writer.release()
    return path


def source(path, **options):
    stage = File()
    stage.path = pathlib.Path(path)
    for name, value in options.items():
        setattr(stage, name, value)
    stage.open(Context())
    return stage


def split(stage):
    made = list(stage.capture())
    return [m for m in made if not isinstance(m, Drop)], [m for m in made if isinstance(m, Drop)]


class FakeCapture:
    """Gives a picture for every 'g' of the script and fails at every 'b'; after its end it fails for ever."""

    def __init__(self, script, fps=10.0, count=0.0):
        self.script, self.fps, self.count, self.released = iter(script), fps, count, False

    def isOpened(self):
        return True

    def get(self, what):
        known = {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FRAME_WIDTH: 4, cv2.CAP_PROP_FRAME_HEIGHT: 2}
        return known.get(what, self.count)

    def grab(self):
        return next(self.script, "b") == "g"

    def retrieve(self, slot):
        slot[:] = 7
        return True, slot

    def read(self):
        return (True, np.zeros((2, 4, 3), np.uint8)) if self.grab() else (False, None)

    def release(self):
        self.released = True


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    """A file source whose captures follow these scripts, one for each opening."""

    def make(*scripts, **options):
        captures = iter([s if isinstance(s, FakeCapture) else FakeCapture(s) for s in scripts])
        monkeypatch.setattr(module, "open_video", lambda path, threads: next(captures))
        path = tmp_path / "x.avi"
        path.write_bytes(b"RIFF\0\0\0\0AVI ")
        return source(path, **options)

    return make


def test_gives_every_frame_in_order(tmp_path):
    stage = source(write_video(tmp_path / "a b.mp4"))
    pictures, drops = split(stage)
    assert not stage.live and not drops
    assert [round(float(p.mean()) / 10) for p in pictures] == list(range(20))
    assert all(p.shape == (HEIGHT, WIDTH, 3) and p.dtype == np.uint8 for p in pictures)


def test_decodes_in_place(tmp_path):
    slots = []

    def new(name, shape, dtype):
        slots.append(np.empty(shape, dtype))
        return slots[-1]

    stage = source(write_video(tmp_path / "a.mp4", 3))
    stage.open(Context(new=new))
    stage.context = Context(new=new)
    for picture, slot in zip(stage.capture(), slots, strict=False):
        assert picture is slot or np.shares_memory(picture, slot)
    assert len(slots) == 3


def test_spec_is_the_first_frame_and_tells_the_rate(tmp_path):
    stage = source(write_video(tmp_path / "a.mp4", 3, fps=12.5))
    spec = stage.spec({})["image"]
    assert (spec.shape, spec.format) == ((HEIGHT, WIDTH, 3), "bgr")
    assert stage.rate == 12.5


def test_a_rate_that_is_no_rate_becomes_25():
    assert [module.nominal(fps) for fps in (0.0, float("nan"), -1.0, 90000.0, float("inf"), 29.97)] == [25.0] * 5 + [29.97]


def test_flipped_bytes_cost_few_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", 90)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 200] = bytes(b ^ 0x55 for b in whole[middle : middle + 200])
    path.write_bytes(whole)
    pictures, drops = split(source(path))
    assert len(pictures) >= 85
    assert len(pictures) + len(drops) <= 90


def test_a_garbled_jpeg_is_one_drop(tmp_path):
    path = noisy_video(tmp_path / "a.avi", 40)
    whole = bytearray(path.read_bytes())
    start = [i for i in range(len(whole) - 2) if whole[i : i + 3] == b"\xff\xd8\xff"][10]
    whole[start : start + 600] = bytes(600)
    path.write_bytes(whole)
    pictures, drops = split(source(path))
    assert (len(pictures), [d.reason for d in drops]) == (39, ["decode_error"])


def test_bad_frames_are_dropped_where_they_were_and_those_at_the_end_are_the_end(scripted):
    stage = scripted("ggbbgbg")
    assert ["drop" if isinstance(m, Drop) else "ok" for m in stage.capture()] == [
        "ok",
        "ok",
        "drop",
        "drop",
        "ok",
        "drop",
        "ok",
    ]


def test_too_many_failures_in_a_row_end_it(scripted):
    pictures, drops = split(scripted("g" + "b" * module.PATIENCE + "g"))
    assert (len(pictures), len(drops)) == (1, 0)


def test_a_header_that_lies_about_the_count_is_told(scripted, caplog):
    with caplog.at_level(logging.WARNING, "edge"):
        split(scripted(FakeCapture("g" * 42, count=90.0)))
        split(scripted(FakeCapture("g" * 42, count=42.0)))
    assert [r.getMessage().split(": ", 1)[1] for r in caplog.records] == [
        "ended after 42 of 90 frames that its header promises; it is cut off"
    ]


def test_nothing_decodes(scripted):
    with pytest.raises(SourceError, match=r"x\.avi: not one frame of this video can be decoded"):
        scripted("bbb", loop=True).spec({})
    with pytest.raises(SourceError, match="not one frame"):
        split(scripted("bbb", loop=True))


def test_loop_starts_again(tmp_path):
    stage = source(write_video(tmp_path / "a.mp4", 3), loop=True)
    levels = [round(float(p.mean()) / 10) for p in itertools.islice(stage.capture(), 8)]
    assert levels == [0, 1, 2, 0, 1, 2, 0, 1]


def test_the_capture_is_released_when_the_reader_stops(scripted):
    capture = FakeCapture("ggg")
    frames = scripted(capture).capture()
    next(frames)
    frames.close()
    assert capture.released


class Clock:
    """A clock that only sleep moves."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


def test_real_pace_follows_the_fps_and_bad_frames_take_their_time(scripted, clock):
    stage = scripted("ggbg", pace="real")
    times = [clock.now for m in stage.capture() if not isinstance(m, Drop)]
    assert stage.live
    assert times == pytest.approx([100.0, 100.1, 100.3])


def test_real_pace_after_a_stall_does_not_burst(scripted, clock):
    frames = scripted("g" * 10, pace="real").capture()
    next(frames)
    clock.now += 60
    next(frames), next(frames)
    assert clock.slept == [0.1]


def test_fast_pace_never_sleeps(scripted, clock):
    split(scripted("ggg"))
    assert clock.slept == []


def refusal(path):
    with pytest.raises(SourceError) as caught:
        source(path).spec({})
    with pytest.raises(SourceError) as again:
        list(source(path).capture())
    message = str(caught.value)
    assert str(again.value) == message and "\n" not in message and caught.value.code == 4
    return message


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"x")
    assert refusal(tmp_path / "holliday.mp4") == f"{tmp_path}/holliday.mp4: does not exist. Did you mean 'holiday.mp4'?"
    assert "relative paths start at the graph file's folder" in refusal(tmp_path / "no" / "such.mp4")


def test_folder_empty_and_pipe(tmp_path):
    import os

    (tmp_path / "zero.mp4").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "is a folder" in refusal(tmp_path)
    assert "is empty" in refusal(tmp_path / "zero.mp4")
    assert "is a device or a pipe" in refusal(tmp_path / "pipe.mp4")


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("film.txt", b"hello\n" * 200, "is text, not a video"),  # FFmpeg alone would show it as five frames
        ("film.mp4", b"hello\n" * 200, "is text, not a video"),
        ("umlaut.mp4", ("ä" * 4095).encode()[1:], "no video that this build"),
        ("german.mp4", ("ä" * 4095).encode(), "is text"),
        ("list.m3u8", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", "is text"),
        ("page.mp4", b"\n<!DOCTYPE html><html>404</html>", "is a web page (HTML)"),
        ("lfs.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("still.mp4", b"\x89PNG\r\n\x1a\n" + bytes(100), "use: images"),
        ("noise.mp4", bytes(range(256)) * 20, "no video that this build of OpenCV can decode"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}: ") and words in message


def test_truncated_mp4_is_named(tmp_path):
    path = write_video(tmp_path / "a.mp4", 90)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "index (moov) is missing" in refusal(path)


def test_no_permission(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", 2)

    def refuse(*_):  # the tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "open", refuse, raising=False)
    assert "no permission to read it" in refusal(path)


def test_an_address_is_not_repeated():
    message = refusal("/graphs/rtsp:/user:S3CRET@host/1")
    assert "use: camera" in message and "S3CRET" not in message


def test_frames_too_large_to_decode(scripted, monkeypatch):
    monkeypatch.setattr(module, "PIXELS", 7)
    with pytest.raises(SourceError, match="frames of 4x2 are too large"):
        scripted("ggg").spec({})


def test_threads_are_checked():
    stage = File()
    stage.threads = 0
    assert list(stage.check()) == ["threads"]


def test_real_clip(shared):
    stage = source(shared / "data/video/intel_asl_help.mkv")
    pictures, drops = split(stage)
    assert (len(pictures), drops) == (58, [])
    assert stage.spec({})["image"].shape == pictures[0].shape
