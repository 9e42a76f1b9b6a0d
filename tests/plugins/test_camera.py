"""The camera source, with a capture of our own in the place of OpenCV's."""

from __future__ import annotations

import itertools
import logging
import types

import cv2
import numpy as np
import pytest

from edge import Context, Drop, SourceError
from edge.plugins import camera as module
from edge.plugins.camera import Camera


class FakeCapture:
    """A camera whose reads follow a script: 'g' is a frame, 'b' fails; after its end it fails for ever."""

    def __init__(self, where, script):
        self.where, self.script, self.count, self.asked, self.released = where, iter(script), 0, {}, False
        self.opened = bool(script)

    def isOpened(self):
        return self.opened

    def set(self, what, value):
        self.asked[what] = value

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 30.0}.get(what, 0.0)

    def grab(self):
        good = next(self.script, "b") == "g"
        self.count += good
        return good

    def retrieve(self, slot=None):
        slot = np.empty((4, 6, 3), np.uint8) if slot is None else slot
        slot[:] = self.count
        return True, slot

    def read(self):
        return self.retrieve() if self.grab() else (False, None)

    def release(self):
        self.released = True


@pytest.fixture
def plugged(monkeypatch):
    """Camera(...) with these cameras plugged in: {path: script}."""

    def plug(scripts, **options):
        made = []

        def capture(where, *how):
            made.append(FakeCapture(where, scripts.get(where, "")))
            made[-1].how = how
            return made[-1]

        monkeypatch.setattr(module, "devices", lambda: [k for k in scripts if str(k).startswith("/dev")])
        monkeypatch.setattr(module.glob, "glob", lambda pattern: [])
        stage = Camera()
        stage.driver = capture
        for name, value in options.items():
            setattr(stage, name, value)
        stage.open(Context())
        stage.made = made
        return stage

    return plug


def test_auto_takes_the_first_that_delivers(plugged, caplog):
    stage = plugged({"/dev/video0": "", "/dev/video1": "b" * 50, "/dev/video2": "bg" + "g" * 9})
    with caplog.at_level(logging.INFO, "edge"):
        levels = [int(image[0, 0, 0]) for image in itertools.islice(stage.capture(), 3)]
    assert levels == [1, 2, 3]
    assert [c.where for c in stage.made] == ["/dev/video0", "/dev/video1", "/dev/video2"]
    assert [c.released for c in stage.made[:2]] == [True, True]
    assert caplog.messages == ["camera /dev/video2: 6x4"]
    assert stage.live


def test_spec_tells_size_and_rate_and_lets_go(plugged):
    stage = plugged({0: "g"}, path=0)
    spec = stage.spec({})["image"]
    assert (spec.shape, spec.format, stage.rate) == ((4, 6, 3), "bgr", 30.0)
    assert stage.made[0].released


def test_asks_for_codec_before_size(plugged):
    stage = plugged({0: "g"}, path=0, width=640, height=480, fps=15.0)
    stage.spec({})
    asked = stage.made[0].asked
    assert stage.made[0].how == (cv2.CAP_V4L2,)
    assert list(asked)[0] == cv2.CAP_PROP_FOURCC and asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter_fourcc(*"MJPG")
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT], asked[cv2.CAP_PROP_FPS]) == (640, 480, 15.0)
    assert asked[cv2.CAP_PROP_BUFFERSIZE] == 1


def test_leaves_to_the_camera_what_is_zero(plugged):
    stage = plugged({0: "g"}, path=0, width=0, height=0, fps=0.0, codec="")
    stage.spec({})
    assert list(stage.made[0].asked) == [cv2.CAP_PROP_BUFFERSIZE]


def test_bad_frames_between_good_ones_are_dropped(plugged):
    stage = plugged({0: "gbbgg"}, path=0)
    made = list(itertools.islice(stage.capture(), 5))
    assert [m.reason if isinstance(m, Drop) else int(m[0, 0, 0]) for m in made] == [1, "decode_error", "decode_error", 2, 3]


def test_a_lost_camera_raises_and_is_released(plugged):
    stage = plugged({"/dev/video0": "ggg"})
    frames = stage.capture()
    with pytest.raises(SourceError, match="camera /dev/video0 stopped giving frames"):
        for _ in frames:
            pass
    assert stage.made[0].count == 3 and stage.made[0].released


def test_a_lost_camera_can_be_opened_again(plugged):
    stage = plugged({0: "ggg"}, path=0)
    for _ in range(2):
        with pytest.raises(SourceError, match="camera 0 stopped"):
            list(stage.capture())
    assert len(stage.made) == 2


def test_a_slow_silence_is_a_lost_camera_too(plugged, monkeypatch):
    ticks = itertools.count(step=module.LOST_AFTER * 0.6)
    monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: next(ticks)))
    stage = plugged({0: "gbbg"}, path=0)  # the second failure comes too late
    with pytest.raises(SourceError, match="stopped giving frames"):
        list(stage.capture())
    assert stage.made[0].count == 1


def test_a_number_may_be_text(plugged):
    assert plugged({0: "g"}, path="0").spec({})["image"].shape == (4, 6, 3)


def message_of(stage):
    with pytest.raises(SourceError) as caught:
        stage.spec({})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_camera_here(plugged):
    assert message_of(plugged({})) == (
        "camera: no camera here (none: plug one in, or let this user read /dev/video* (group video))"
    )


def test_an_absent_camera_lists_those_here(plugged, monkeypatch):
    stage = plugged({"/dev/video0": "g"}, path="/dev/video7")
    monkeypatch.setattr(module, "named", lambda: ["/dev/v4l/by-id/usb-Logi_C920-video-index0"])
    message = message_of(stage)
    assert message.startswith("camera /dev/video7: does not open or gives no frame")
    assert message.endswith("Cameras here: /dev/v4l/by-id/usb-Logi_C920-video-index0")
    assert stage.made[0].released


def test_names_are_by_id_where_there_are_any(monkeypatch):
    here = {
        "/dev/v4l/by-id/*": ["/dev/v4l/by-id/b", "/dev/v4l/by-id/a"],
        "/dev/video[0-9]*": ["/dev/video10", "/dev/video2"],
    }
    monkeypatch.setattr(module.glob, "glob", lambda pattern: here[pattern])
    assert module.devices() == ["/dev/video2", "/dev/video10"]
    assert module.named() == ["/dev/v4l/by-id/a", "/dev/v4l/by-id/b"]


def test_a_network_camera_has_time_limits_and_keeps_its_secret(plugged):
    stage = plugged({}, path="rtsp://user:S3CRET@127.0.0.1:1/live?key=S3CRET")
    message = message_of(stage)
    assert message == "camera rtsp://***@127.0.0.1:1/live does not answer within 5 s; check address, user and network"
    backend, limits = stage.made[0].how
    assert backend == cv2.CAP_FFMPEG and limits == [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        5000,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        5000,
    ]


def test_the_real_capture_says_no_without_a_traceback(capfd):
    stage = Camera()
    stage.path = "/dev/video-that-is-not-here"
    assert "does not open" in message_of(stage)
    assert capfd.readouterr().err == ""


def test_options_are_checked():
    stage = Camera()
    stage.width, stage.codec = -1, "MJPEG"
    assert stage.check() == {"width": "must not be below 0", "codec": "'MJPEG' is not four letters, like MJPG"}
    assert Camera().check() == {}
