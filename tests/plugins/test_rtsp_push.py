"""Pushing streams: the courier with senders of our own, and real pushes to FFmpeg."""

from __future__ import annotations

import itertools
import json
import logging
import pathlib
import signal
import struct
import threading

import av
import numpy as np
import pytest
from commands import edge, start
from streaming import free_port, silence, taker, until

from edge import Context, Drop, Frame, Image, SourceError, Spec
from edge.plugins.rtmp import RtmpPush
from edge.plugins.rtsp import RtspPush, courier, sender

ORDER = {"address": "rtsp://u:S3CRET@server/door", "timeout": 5.0}
LOG = logging.getLogger("edge")
PICTURE = np.full((4, 6, 3), 9, np.uint8)

TAKES = """
import json, sys
pipe = sys.stdin.buffer
told = json.loads(pipe.readline())
print("on", flush=True)
with open(TO, "ab") as file:
    while True:
        data = pipe.read(8 + told["width"] * told["height"] * 3)
        if not data:
            break
        file.write(json.dumps([told["width"], told["height"], data[8]]).encode() + b"\\n")
        file.flush()
        if ONCE:
            break
"""
REFUSES = """
import json, sys
sys.stdin.buffer.readline()
print(json.dumps(["ConnectionRefusedError", "Connection refused"]))
"""
HANGS = """
import signal, sys
sys.stdin.buffer.readline()
print("on", flush=True)
signal.pause()
"""


@pytest.fixture
def send(tmp_path, monkeypatch):
    """Make senders of this code; returns the file to which they write."""
    file = tmp_path / "came"

    def make(code, once=False):
        script = tmp_path / "sender.py"
        script.write_text(f"TO, ONCE = {str(file)!r}, {once}\n{code}")
        monkeypatch.setattr(courier, "SENDER", script)
        return file

    return make


@pytest.fixture
def pushing():
    """A courier, closed at the end."""
    made = []

    def make(retry=0.1):
        made.append(courier.Courier("rtsp://server/door", ORDER, retry, LOG))
        return made[-1]

    yield make
    for one in made:
        one.close()


def rows(file: pathlib.Path):
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_pictures_arrive_and_those_before_the_server_are_left_out(send, pushing):
    file = send(TAKES)
    one = pushing()
    assert not one.offer(PICTURE, 1.0), "nobody is there yet"
    until(lambda: one.offer(PICTURE, 2.0), 10, "the server takes one")
    until(lambda: rows(file), 10, "it arrives")
    assert rows(file)[0] == [6, 4, 9]


def test_a_picture_of_another_size_makes_another_stream(send, pushing):
    file = send(TAKES)
    one = pushing()
    until(lambda: one.offer(PICTURE, 1.0), 10, "the server takes one")
    until(lambda: one.offer(np.full((2, 2, 3), 5, np.uint8), 2.0), 10, "and one of another size")
    until(lambda: one.offer(np.full((2, 2, 3), 6, np.uint8), 3.0) and [2, 2, 6] in rows(file), 10, "it arrives")


def test_a_server_that_is_away_is_said_once_and_tried_again(send, pushing, caplog):
    file = send(REFUSES)
    with caplog.at_level(logging.INFO, "edge"):
        one = pushing()
        one.offer(PICTURE, 1.0)
        until(lambda: caplog.messages, 10, "it says so")
        ends = itertools.count()
        watched = threading.Event()
        serve = one._serve
        one._serve = lambda: (next(ends) == 3 and watched.set()) or serve()
        assert watched.wait(20), "and tries again"
        assert not one.offer(PICTURE, 1.0)
        send(TAKES)
        until(lambda: one.offer(PICTURE, 2.0), 10, "the server is back")
        until(lambda: rows(file), 10, "it arrives")
    assert caplog.messages == [
        "rtsp://server/door: nothing listens there; see if it is on, and check the port; "
        "its pictures are left out until it is back",
        "pushing to rtsp://server/door",
    ]


def test_a_sender_that_ends_is_started_again(send, pushing):
    file = send(TAKES, once=True)
    one = pushing()
    until(lambda: one.offer(PICTURE, 1.0) and len(rows(file)) >= 2, 20, "two connections")


def test_a_sender_that_talks_nonsense_is_tried_again(send, pushing, caplog):
    file = send("print('Traceback')")
    one = pushing()
    one.offer(PICTURE, 1.0)
    until(lambda: caplog.messages, 10, "it says so")
    assert caplog.messages[0].startswith("rtsp://server/door: the sender does not work: ")
    send(TAKES)
    until(lambda: one.offer(PICTURE, 2.0), 10, "another is started")
    until(lambda: rows(file), 10, "it arrives")


def test_a_sender_that_hangs_holds_up_nothing_and_is_killed_at_the_end(send):
    send(HANGS)
    one = courier.Courier("rtsp://server/door", ORDER, 0.1, LOG)
    large = np.zeros((1080, 1920, 3), np.uint8)  # more than a pipe holds
    until(lambda: one.offer(large, 1.0), 10, "it takes one")
    assert [one.offer(large, 2.0) for _ in range(5)] == [False] * 5
    one.close()
    assert not one._thread.is_alive() and one._sender.returncode == -signal.SIGKILL


def test_a_courier_that_nobody_gave_a_picture_has_started_nothing(send):
    one = courier.Courier("rtsp://server/door", ORDER, 0.1, LOG)
    one.close()
    assert one._sender is None


# -- the stage ----------------------------------------------------------------------------------------------------------------


class Desk:
    """In the place of a courier."""

    made: list[Desk] = []

    def __init__(self, where, order, retry, log):
        self.where, self.order, self.offered, self.takes, self.closed = where, order, [], True, 0
        self.made.append(self)

    def offer(self, picture, time):
        self.offered.append(picture)
        return self.takes

    def stop(self):
        pass

    def close(self):
        self.closed += 1


@pytest.fixture
def opened(monkeypatch):
    """A push, opened, beside its desks."""
    from edge.plugins.rtsp import push

    monkeypatch.setattr(push, "Courier", Desk)
    monkeypatch.setattr(Desk, "made", [])

    def open_(cls, where, sources=("camera",), spec=None, rates=None, **options):
        stage = cls()
        stage.address = where
        for name, value in options.items():
            setattr(stage, name, value)
        spec = spec or Spec(Image, (4, 6, 3), "bgr")
        stage.context = Context(inputs={"image": spec}, sources=sources, rates=rates or {}, live=True)
        stage.open(stage.context)
        return stage, Desk.made

    return open_


def test_a_camera_that_would_share_a_stream_is_refused_when_it_comes(opened):
    stage, desks = opened(RtspPush, "rtsp://server/door")
    stage.context.sources = ("camera", "yard")
    with pytest.raises(SourceError, match="2 cameras would be one stream; put {source} into address"):
        stage.enter("yard")
    stage.leave("yard")  # all are told that it goes again
    assert len(desks) == 1 and not desks[0].closed


def test_what_the_server_does_not_take_is_counted_as_skipped(opened):
    stage, (desk,) = opened(RtspPush, "rtsp://server/door")
    stage.process(Frame("camera", 0, 0.0), PICTURE)
    desk.takes = False
    with pytest.raises(Drop) as caught:
        stage.process(Frame("camera", 1, 0.1), PICTURE)
    assert caught.value.reason == "skipped" and stage.keep == "latest"
    stage.close()
    assert desk.closed == 1


def test_each_camera_has_a_stream_of_its_own(opened):
    stage, desks = opened(RtmpPush, "rtmp://server/live/{source}", sources=("door", "yard"), rates={"door": 15.0})
    assert [desk.order["address"] for desk in desks] == ["rtmp://server/live/door", "rtmp://server/live/yard"]
    assert [desk.order["fps"] for desk in desks] == [15.0, 25.0]
    stage.enter("gate")
    stage.process(Frame("gate", 0, 0.0), PICTURE)
    stage.leave("gate")
    assert len(desks[2].offered) == 1 and desks[2].closed == 1


def test_cameras_that_would_share_a_stream_are_refused(opened):
    with pytest.raises(SourceError, match="2 cameras would be one stream; put {source} into address"):
        opened(RtspPush, "rtsp://server/x", sources=("door", "yard"))


def test_credentials_are_for_the_sender_and_for_nobody_else(opened, monkeypatch):
    monkeypatch.setenv("PUSH", "me:S3CRET")
    stage, (desk,) = opened(RtspPush, "rtsp://server/door", credentials="env:PUSH")
    assert desk.order["address"] == "rtsp://me:S3CRET@server/door"
    assert stage.where() == desk.where == "rtsp://server/door"


def test_other_orders_of_colour_are_converted(opened):
    stage, (desk,) = opened(RtspPush, "rtsp://server/door", spec=Spec(Image, (4, 6, 3), "rgb"))
    stage.process(Frame("camera", 0, 0.0), np.dstack([np.full((4, 6), value, np.uint8) for value in (1, 2, 3)]))
    assert desk.offered[0][0, 0].tolist() == [3, 2, 1]


# -- the sender ---------------------------------------------------------------------------------------------------------------


def test_odd_sides_lose_a_line_and_times_increase():
    picture_of = struct.Struct("<d").pack
    rows_of = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    data = b"".join(picture_of(time) + rows_of.tobytes() for time in (7.0, 7.04, 7.04, 6.0, 9.0)) + b"cut off"
    import io

    made = list(sender.pictures(io.BytesIO(data), {"width": 7, "height": 5}))
    assert [milliseconds for milliseconds, _ in made] == [0, 40, 41, 42, 2000]
    assert all((image == rows_of[:4, :6]).all() for _, image in made)


# -- real ---------------------------------------------------------------------------------------------------------------------

GRAPH = """
version: 1
stages:
  camera: {use: demo, width: 320, height: 240, fps: 15}
  out: {use: SCHEME, from: camera, address: "${OUT}", timeout: 2, retry: 1}
  nothing: {use: discard, from: camera}
"""


def graph(folder, scheme):
    (folder / "push.yaml").write_text(GRAPH.replace("SCHEME", scheme))


def decoded(file):
    with av.open(str(file)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_what_is_pushed_arrives_and_decodes(tmp_path, scheme):
    graph(tmp_path, scheme)
    with taker(scheme, free_port(), tmp_path / "came.mkv") as server:
        words = ("run", "push.yaml", "--seconds", "4", "--report", "report.json")
        done = edge(*words, cwd=tmp_path, OUT=server.address)
        server.end()
    assert done.code == 0, done.err
    edges = json.loads((tmp_path / "report.json").read_text())["edges"]
    pushed = edges["camera->out:image"]["delivered"]
    made = decoded(tmp_path / "came.mkv")
    assert made[0].shape == (240, 320, 3) and len(made) == pushed > 20
    assert made[0].std() > 20, "a picture, and not one grey"
    assert edges["camera->nothing:image"]["dropped"] == {}
    assert ("/live/door" in done.err) == (scheme == "rtsp"), "the last part of an RTMP address is a secret"


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_costs_only_what_is_pushed_to_it(tmp_path):
    graph(tmp_path, "rtsp")
    port = free_port()
    with taker("rtsp", port, tmp_path / "first.mkv") as server:
        run = start("run", "push.yaml", "--report", "report.json", cwd=tmp_path, OUT=server.address)
        until(lambda: server.size > 3000, 60, "pictures")
        server.kill()
    for line in run.stderr:
        if "left out until it is back" in line:
            break
    with taker("rtsp", port, tmp_path / "second.mkv") as server:
        until(lambda: server.size > 3000, 30, "pictures again")
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=30)
        server.end()
    assert run.returncode == 0 and len(decoded(tmp_path / "second.mkv")) > 0
    assert sum("left out until" in line for line in err.splitlines()) == 0, "said once"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["edges"]["camera->nothing:image"]["dropped"] == {}
    assert report["edges"]["camera->out:image"]["dropped"]["skipped"] > 0
    assert report["cameras"]["camera"]["dropped"] == {}


@pytest.mark.slow
def test_a_server_that_never_answers_holds_up_nothing(tmp_path):
    graph(tmp_path, "rtmp")
    with silence() as port:
        words = ("run", "push.yaml", "--seconds", "5", "--report", "report.json")
        done = edge(*words, cwd=tmp_path, OUT=f"rtmp://u:S3CRET@127.0.0.1:{port}/live/S3CRET")
    assert done.code == 0 and "does not answer within 2 s" in done.err and "S3CRET" not in done.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["cameras"]["camera"]["dropped"] == {} and report["cameras"]["camera"]["delivered"] > 50
    assert report["edges"]["camera->out:image"]["delivered"] == 0
