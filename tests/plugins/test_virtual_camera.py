"""The virtual camera, with a backend of our own in the place of v4l2loopback's."""

from __future__ import annotations

import types

import numpy as np
import pytest

from edge import Context, Drop, Frame, Image, SourceError, Spec
from edge.plugins import virtual_camera as module
from edge.plugins.virtual_camera import VirtualCamera

pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed: pip install 'edgeflow[vcam]'")


BGR = Spec(Image, (4, 6, 3), "bgr")


class Loopback:
    """A virtual camera that keeps what it is sent; `/dev/video7` is the only one."""

    made: list[Loopback] = []

    def __init__(self, *, width, height, fps, fourcc, device, **more):
        if device not in (None, "/dev/video7"):
            raise RuntimeError(f"Device {device} {'does not exist' if 'video' in device else 'is not an output'}.")
        self.told = (width, height, fps)
        self.pictures = []
        self.closed = 0
        self.made.append(self)

    def send(self, frame):
        width, height, _ = self.told
        self.pictures.append(frame.reshape(height, width, 3).copy())

    def close(self):
        self.closed += 1

    def device(self):
        return "/dev/video7"

    def native_fourcc(self):
        return None


@pytest.fixture
def opened(monkeypatch):
    """VirtualCamera(...) opened on a picture of this spec, beside the camera that other programs see."""
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {})
    monkeypatch.setattr(Loopback, "made", [])
    pyvirtualcam.register_backend("loopback", Loopback)

    def open_(spec=BGR, rates=None, sources=("camera",), **options):
        stage = VirtualCamera()
        for name, value in options.items():
            setattr(stage, name, value)
        stage.context = Context(inputs={"image": spec}, rates=rates or {}, sources=sources, live=True)
        stage.open(stage.context)
        return stage, Loopback.made[-1]

    return open_


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only where a test says so."""
    now = types.SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def frame(n):
    return Frame("camera", n, float(n))


def test_each_picture_is_sent_as_it_is(opened, clock):
    stage, loopback = opened(rates={"camera": 20.0})
    assert (loopback.told, stage.where()) == ((6, 4, 20.0), "/dev/video7")
    made = [np.random.default_rng(n).integers(0, 256, (4, 6, 3), np.uint8) for n in range(3)]
    for n, picture in enumerate(made):
        stage.process(frame(n), picture)
        clock.seconds += 0.05
    assert all((sent == picture).all() for sent, picture in zip(loopback.pictures, made, strict=True))
    stage.close()
    assert loopback.closed == 1 and stage.where() == ""


def test_a_camera_that_does_not_say_its_rate_has_thirty_and_the_option_wins(opened):
    assert opened()[1].told[2] == 30.0
    assert opened(rates={"camera": 20.0}, fps=12.5)[1].told[2] == 12.5


def test_no_more_are_sent_than_fps_says(opened, clock):
    stage, loopback = opened(fps=10.0)
    picture = np.zeros((4, 6, 3), np.uint8)
    left_out = 0
    for n in range(60):  # two seconds of thirty a second
        try:
            stage.process(frame(n), picture)
        except Drop as drop:
            left_out += drop.reason == "skipped"
        clock.seconds += 1 / 30
    assert (len(loopback.pictures), left_out) == (20, 40)


def test_an_uneven_camera_at_its_own_rate_loses_nothing(opened, clock):
    stage, loopback = opened(rates={"camera": 20.0})
    for n in range(40):
        clock.seconds = 100 + n * 0.05 + (0.01 if n % 2 else 0)
        stage.process(frame(n), np.zeros((4, 6, 3), np.uint8))
    assert len(loopback.pictures) == 40


def test_after_a_silence_there_is_no_burst(opened, clock):
    stage, loopback = opened(fps=10.0)
    picture = np.zeros((4, 6, 3), np.uint8)
    stage.process(frame(0), picture)
    clock.seconds += 5
    for n in range(1, 4):
        try:
            stage.process(frame(n), picture)
        except Drop:
            pass
        clock.seconds += 0.01
    assert len(loopback.pictures) == 2


def test_a_picture_of_another_size_is_fitted_in(opened):
    stage, loopback = opened(Spec(Image, (4, 8, 3), "bgr"))
    stage.process(frame(0), np.full((8, 4, 3), 200, np.uint8))  # half as wide as high: 2 x 4, in the middle
    assert (loopback.pictures[0][:, 3:5] == 200).all()
    assert not loopback.pictures[0][:, :3].any() and not loopback.pictures[0][:, 5:].any()


@pytest.mark.parametrize("order", ["rgb", "nv12", "nv21", "i420"])
def test_other_orders_of_colour_are_converted(opened, order):
    if order == "rgb":
        picture = np.zeros((4, 6, 3), np.uint8)
        picture[..., 0] = 255
        want = (0, 0, 255)
    else:
        picture = np.full((6, 6), 128, np.uint8)  # no colour
        picture[:4] = 235
        want = (255, 255, 255)
    stage, loopback = opened(Spec(Image, picture.shape, order))
    stage.process(frame(0), picture)
    assert loopback.told[:2] == (6, 4)
    assert np.abs(loopback.pictures[0].astype(int) - want).max() <= 2


def test_it_says_how_to_load_one_that_is_missing(opened, monkeypatch):
    with pytest.raises(SourceError, match=r"^/dev/video9: there is no such device; load one: sudo modprobe v4l2loopback"):
        opened(path="/dev/video9")
    with pytest.raises(SourceError, match=r"^/dev/null: Device /dev/null is not an output; give a virtual camera"):
        opened(path="/dev/null")


def test_the_real_backend_without_the_module_is_one_clear_error():
    stage = VirtualCamera()
    stage.path = "/dev/video-that-is-not-here"
    with pytest.raises(SourceError, match="load one: sudo modprobe v4l2loopback") as caught:
        stage.open(Context(inputs={"image": BGR}))
    assert "\n" not in str(caught.value)
    stage.close()


def test_one_virtual_camera_shows_one_camera(opened):
    with pytest.raises(SourceError, match="one virtual camera shows one camera, not 2"):
        opened(sources=("camera.a", "camera.b"))


def test_a_second_camera_that_comes_is_refused(opened):
    stage, _ = opened()
    stage.context.sources = ("camera", "yard")
    with pytest.raises(SourceError, match="one virtual camera shows one camera, not 2"):
        stage.enter("yard")
    stage.leave("yard")
    stage.close()


def test_without_the_library_it_says_what_to_install(opened, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", None)
    with pytest.raises(SourceError, match=r"virtual_camera needs pyvirtualcam: pip install 'edgeflow\[vcam\]'"):
        opened()


def test_the_rate_is_checked():
    stage = VirtualCamera()
    stage.fps = 999.0
    assert stage.check() == {"fps": "999 is no rate; give frames per second, or 0 for the camera's"}
    assert VirtualCamera().check() == {}
