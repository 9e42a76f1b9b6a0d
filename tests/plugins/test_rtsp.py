"""Streams from the network without a network: addresses and credentials, lateness, pictures, and what goes wrong."""

from __future__ import annotations

import fractions
import itertools
import logging
import random
import types

import av
import numpy as np
import pytest

from edge import Context, Drop, Image, SourceError, Spec
from edge.plugins.rtmp import Rtmp, RtmpPush
from edge.plugins.rtsp import Rtsp, RtspPush, address, pull
from edge.plugins.rtsp.lag import Lag

SECRET = "S3CRET"


# -- addresses ----------------------------------------------------------------------------------------------------------------


def stage_of(cls, where, **options):
    stage = cls()
    stage.address = where
    for name, value in options.items():
        setattr(stage, name, value)
    return stage


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("rtsp://10.0.0.12/main", "rtsp://10.0.0.12/main"),
        ("rtsp://10.0.0.12:554/Streaming/Channels/101", "rtsp://10.0.0.12:554/Streaming/Channels/101"),
        (f"rtsp://admin:{SECRET}@10.0.0.12/main", "rtsp://10.0.0.12/main"),
        (f"rtsp://admin:{SECRET}/@x@10.0.0.12/main", "rtsp://10.0.0.12/main"),
        (f"rtsp://10.0.0.12/user=admin_password={SECRET}_channel=1.sdp", "rtsp://10.0.0.12/***"),
        (f"rtsp://10.0.0.12/live?token={SECRET}", "rtsp://10.0.0.12/live"),
        (f"rtsp://10.0.0.12?token={SECRET}", "rtsp://10.0.0.12"),
        (f"rtsp://10.0.0.12/key/{SECRET}", "rtsp://10.0.0.12/***"),
        (f"rtmp://a.example/live2/{SECRET}", "rtmp://a.example/live2/***"),
        ("http://[fe80::1]:8080/cam.mjpg", "http://[fe80::1]:8080/cam.mjpg"),
    ],
)
def test_of_an_address_only_what_is_no_secret_is_shown(given, told):
    assert address.shown(given) == told


@pytest.mark.parametrize(
    ("given", "credentials", "option", "told"),
    [
        ("10.0.0.12/main", "", "address", "must begin with rtsp://host or rtsps://host or http://host or https://host"),
        ("file:///etc/passwd", "", "address", "must begin with"),
        ("rtsp://", "", "address", "must begin with"),
        (f"rtsp://u:{SECRET}@", "", "address", "must begin with"),
        (f"rtsp://u:{SECRET}@h@10.0.0.12/main", "", "address", "has an @ too many, or a / ? # before it"),
        (f"rtsp://u:{SECRET}/x@10.0.0.12/main", "", "address", "has an @ too many, or a / ? # before it"),
        (f"rtsp://u:{SECRET}@10.0.0.12/ma in", "", "address", "has a blank or a line break"),
        ("rtsp://10.0.0.12/a\r\nX: y", "", "address", "has a blank or a line break"),
        (f"rtsp://u:{SECRET}@10.0.0.12/main", "env:CAM", "credentials", "the address has a user already"),
        ("rtsp://10.0.0.12/main", f"admin:{SECRET}", "credentials", "must be env:NAME, or file:/path"),
        ("rtsp://10.0.0.12/main", "file:cam.txt", "credentials", "must be env:NAME, or file:/path"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_without_repeating_it(given, credentials, option, told):
    wrong = stage_of(Rtsp, given, credentials=credentials).check()
    assert list(wrong) == [option] and told in wrong[option] and SECRET not in str(wrong)


def test_a_right_address_is_right():
    for cls, where in ((Rtsp, "rtsp://u:p%40ss@cam/main"), (Rtsp, "https://cam/x.m3u8"), (Rtmp, "rtmp://server/live/key")):
        assert stage_of(cls, where).check() == {}
    assert stage_of(RtspPush, "rtsp://server/{source}", credentials="env:CAM").check() == {}
    assert stage_of(RtmpPush, "rtmp://server/live/{source}").check() == {}


def test_numbers_are_checked():
    wrong = stage_of(Rtsp, "rtsp://cam/x", open_timeout=0.0, read_timeout=-1.0, width=640).check()
    assert set(wrong) == {"open_timeout", "read_timeout", "width"}
    wrong = stage_of(RtspPush, "rtsp://cam/x", bitrate=0, fps=-1.0, timeout=0.0).check()
    assert set(wrong) == {"bitrate", "fps", "timeout"}


# -- credentials --------------------------------------------------------------------------------------------------------------


def test_credentials_are_read_from_the_environment_and_written_as_an_address_wants_them(monkeypatch):
    monkeypatch.setenv("CAM", "ad min:p@ss/w:rd?#\n")
    assert address.complete("rtsp://cam:554/x", "env:CAM") == "rtsp://ad%20min:p%40ss%2Fw%3Ard%3F%23@cam:554/x"


def test_credentials_are_read_from_a_file_that_only_its_owner_reads(tmp_path):
    file = tmp_path / "cam"
    file.write_text(f"admin:{SECRET}\n")
    file.chmod(0o640)
    assert address.read(f"file:{file}") == ("admin", SECRET)


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (f"admin:{SECRET}", 0o644, "everybody on this machine may read or change it; chmod 600"),
        (SECRET, 0o600, "must hold one line, user:password"),
        (f"admin:{SECRET}\nmore", 0o600, "must hold one line, user:password"),
        (None, 0o600, "No such file or directory"),
        (b"\xff\xfe", 0o600, "is not text"),
    ],
)
def test_a_file_that_will_not_do_is_named_and_its_content_is_not(tmp_path, content, mode, told):
    file = tmp_path / "cam"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
    with pytest.raises(SourceError) as caught:
        address.read(f"file:{file}")
    assert told in str(caught.value) and str(file) in str(caught.value) and SECRET not in str(caught.value)


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("NO_CAM", raising=False)
    with pytest.raises(SourceError, match="credentials: env:NO_CAM is not set; export NO_CAM=user:password before the run"):
        address.read("env:NO_CAM")


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(SourceError, match=r"rtsp needs PyAV: pip install 'edgeflow\[av\]'"):
        stage_of(Rtsp, "rtsp://cam/x").spec({})


# -- lateness -----------------------------------------------------------------------------------------------------------------


class Stream:
    """A camera of 25 frames a second with a key frame each second, read through a buffer; time passes as we work."""

    def __init__(self, work, jitter=0.0, drift=0.0):
        self.now, self.n, self.lag = 0.0, 0, Lag()
        self.work, self.jitter, self.drift = work, jitter, drift
        self.decoded, self.late = [], []

    def packet(self):
        """Wait for the next packet, and decode it or not."""
        stamp = self.n / 25
        arrived = stamp * (1 + self.drift) + random.Random(self.n).uniform(0, self.jitter)
        self.now = max(self.now, arrived)
        key = self.n % 25 == 0
        if not self.lag.skips(stamp, self.now, key):
            self.now += self.work
            self.decoded.append((self.n, key))
            self.late.append(self.now - arrived)
        self.n += 1


def test_a_stream_that_is_decoded_in_time_loses_nothing():
    stream = Stream(work=0.02, jitter=0.03)
    for _ in range(2000):
        stream.packet()
    assert len(stream.decoded) == 2000


def test_a_camera_whose_clock_is_slow_is_not_late():
    stream = Stream(work=0.005, drift=0.0005)
    for _ in range(25 * 3600):
        stream.packet()
    assert len(stream.decoded) == 25 * 3600


def test_what_cannot_be_decoded_in_time_is_thrown_away_up_to_a_key_frame():
    stream = Stream(work=0.06)  # two thirds of what comes
    for _ in range(3000):
        stream.packet()
    assert max(stream.late) < 1.6, "half a second late, for a second, and no more"
    assert 0.4 < len(stream.decoded) / 3000 < 0.67
    for (before, _), (n, key) in itertools.pairwise(stream.decoded):
        assert n == before + 1 or key, "after a gap comes a key frame"


def test_a_hiccup_of_the_network_is_caught_up_with():
    stream = Stream(work=0.005)
    for _ in range(100):
        stream.packet()
    stream.now += 3.0
    for _ in range(500):
        stream.packet()
    assert len(stream.decoded) == 600 and stream.late[-1] < 0.1


def test_a_network_that_has_become_slower_is_soon_taken_as_it_is():
    stream = Stream(work=0.005)
    for n in range(2000):
        stream.n += 0
        stream.now = max(stream.now, (n / 25) + (0.8 if n > 500 else 0.0))
        stream.packet()
    assert 2000 - len(stream.decoded) < 60


# -- pictures -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Thirty pictures of 64x48, each of one grey, the key frames ten apart."""
    path = tmp_path_factory.mktemp("clips") / "grey.ts"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 60 + 5 * n, np.uint8), format="bgr24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def source_of(path, planned=(48, 64, 3), **options):
    """An `rtsp` that reads this file in the place of a stream."""
    stage = stage_of(Rtsp, f"file:{path}", **options)
    stage.open(Context(outputs={"image": Spec(Image, planned, "bgr")}, live=True))
    return stage


def drain(stage):
    """Everything until the stream is lost, and the words with which it is."""
    made = []
    frames = stage.capture()
    with pytest.raises(SourceError) as caught:
        while True:
            made.append(next(frames))
    return made, str(caught.value)


def test_pictures_come_in_their_order_and_the_end_is_an_error(clip):
    made, told = drain(source_of(clip))
    assert [float(picture.mean()) - 60 for picture in made] == pytest.approx([5 * n for n in range(30)], abs=5)
    assert made[0].shape == (48, 64, 3) and told.endswith(": the stream ended")


def test_spec_tells_size_and_rate(clip):
    stage = source_of(clip)
    assert stage.spec({})["image"] == Spec(Image, (48, 64, 3), "bgr")
    assert stage.rate == 25.0


def test_with_width_and_height_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(av, "open", None)
    stage = stage_of(Rtsp, "rtsp://cam/x", width=1280, height=720)
    assert stage.spec({})["image"] == Spec(Image, (720, 1280, 3), "bgr")


def test_corrupt_data_is_counted_and_what_follows_is_decoded(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    for at in random.Random(3).sample(range(188 * 20, len(data) - 188 * 10), 60):
        data[at] ^= 0xFF
    broken = tmp_path / "broken.ts"
    broken.write_bytes(data)
    made, told = drain(source_of(broken))
    assert {item.reason for item in made if isinstance(item, Drop)} <= {"decode_error"}
    assert any(isinstance(item, Drop) for item in made) and sum(not isinstance(item, Drop) for item in made) > 10


def test_a_larger_picture_than_was_planned_is_dropped_and_said_once(clip, caplog):
    with caplog.at_level(logging.WARNING, "edge"):
        made, _ = drain(source_of(clip, planned=(24, 64, 3)))
    assert [item.reason for item in made] == ["oversize"] * 30
    assert len(caplog.messages) == 1 and "sends 64x48, and the run was planned for 64x24" in caplog.messages[0]


class Packet:
    """What a demuxer gives: `made` is decoded from it, or raised."""

    time_base = fractions.Fraction(1, 1000)
    size = 1000

    def __init__(self, pts, *made, key=True):
        self.pts, self.made, self.is_keyframe = pts, made, key

    def decode(self):
        if self.made and isinstance(self.made[0], Exception):
            raise self.made[0]
        return self.made


class Container:
    """A stream of these packets; time passes by their stamps."""

    def __init__(self, packets, clock):
        self.packets, self.clock, self.closed = packets, clock, 0
        coder = types.SimpleNamespace(thread_count=0, flags=0)
        self.streams = types.SimpleNamespace(video=[types.SimpleNamespace(codec_context=coder, average_rate=25)])

    def demux(self, stream):
        for packet in self.packets:
            if isinstance(packet, Exception):
                raise packet
            self.clock.now = max(self.clock.now, packet.pts / 1000)
            yield packet

    def close(self):
        self.closed += 1


def picture(value=7):
    image = np.full((4, 6, 3), value, np.uint8)
    return types.SimpleNamespace(width=6, height=4, is_corrupt=value == 0, to_ndarray=lambda **how: image)


@pytest.fixture
def streamed(monkeypatch):
    """An Rtsp whose stream has these packets."""

    def stream(*packets, **options):
        clock = types.SimpleNamespace(now=0.0)
        container = Container(packets, clock)
        monkeypatch.setattr(pull, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
        monkeypatch.setattr(av, "open", lambda *given, **more: container)
        stage = stage_of(Rtsp, f"rtsp://admin:{SECRET}@cam/main", **options)
        stage.open(Context())
        stage.container = container
        return stage

    return stream


def test_one_thread_decodes_and_holds_nothing_back(streamed):
    stage = streamed(Packet(0, picture()))
    drain(stage)
    coder = stage.container.streams.video[0].codec_context
    assert coder.thread_count == 1 and coder.flags == av.codec.context.Flags.low_delay
    assert stage.container.closed == 1


def test_who_joins_in_the_middle_waits_for_a_whole_picture(streamed):
    stage = streamed(Packet(0, picture(1), key=False), Packet(40, picture(2), key=False), Packet(80, picture(3)))
    made, _ = drain(stage)
    assert [int(item[0, 0, 0]) for item in made] == [3]


def test_a_packet_that_does_not_decode_is_a_drop(streamed):
    error = av.error.InvalidDataError(1, "Invalid data", f"rtsp://admin:{SECRET}@cam/main")
    stage = streamed(Packet(0, picture(1)), Packet(40, error), Packet(80, picture(0)), Packet(120, picture(2)))
    made, told = drain(stage)
    assert [item.reason if isinstance(item, Drop) else int(item[0, 0, 0]) for item in made] == [
        1,
        "decode_error",
        "decode_error",
        2,
    ]
    assert SECRET not in told + "".join(str(item) for item in made)


def test_data_without_a_picture_is_a_lost_camera(streamed):
    stage = streamed(*(Packet(1000 * n) for n in range(9)), read_timeout=3.0)
    made, told = drain(stage)
    assert made == [] and told == "rtsp://cam/main: sends data, but no picture for 3 s; check the camera"


@pytest.mark.parametrize(
    ("error", "told", "wait"),
    [
        (av.error.ExitError, "does not answer within 5 s; check address, network and power", 0),
        (av.error.TimeoutError, "does not answer within 5 s; check address, network and power", 0),
        (av.error.ConnectionRefusedError, "nothing listens there; see if it is on, and check the port", 0),
        (av.error.HTTPUnauthorizedError, "refuses the user or the password (401); give credentials: env:NAME or file:PATH", 60),
        (av.error.HTTPNotFoundError, "has no such stream (404); check the path of the address", 0),
        (av.error.InvalidDataError, "answers with something that is no video; check port and path", 0),
        (av.error.OSError, "cannot be reached: input/output error", 0),
    ],
)
def test_what_ffmpeg_raises_is_one_line_with_what_to_do(streamed, error, told, wait):
    raised = error(5, "Input/output error", f"rtsp://admin:{SECRET}@cam/main")
    stage = streamed(Packet(0, picture()), raised)
    frames = stage.capture()
    next(frames)
    with pytest.raises(SourceError) as caught:
        next(frames)
    assert str(caught.value) == f"rtsp://cam/main: {told}"
    assert caught.value.wait == wait and stage.container.closed == 1


def test_limits_and_transport_reach_ffmpeg(streamed, monkeypatch):
    asked = []
    stage = streamed(transport="udp", open_timeout=1.5, read_timeout=2.5)
    monkeypatch.setattr(av, "open", lambda *given, **more: asked.append((given, more)) or stage.container)
    drain(stage)
    ((where,), more) = asked[0]
    assert where == f"rtsp://admin:{SECRET}@cam/main" and more["timeout"] == (1.5, 2.5)
    assert more["options"]["rtsp_transport"] == "udp" and more["options"]["timeout"] == "3500000"


def test_a_lost_camera_is_tried_again_within_retry(streamed):
    assert streamed(retry=1.5).patience == 1.5
