"""Servers for the tests of streams: GStreamer's RTSP server, FFmpeg as one that takes streams, and one that never answers."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from commands import distribution

PYTHON = "/usr/bin/python3"
SCRIPT = pathlib.Path(__file__).with_name("rtsp_server.py")
BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0')"

WITNESS = '''
import time
from pathlib import Path
from edge import Frame, Image, Stage, hookimpl

class Witness(Stage):
    """Writes down of each picture its camera, its number, and how old it is, as it tells itself: milliseconds."""
    path: Path  # where to

    def open(self, context):
        self.file = open(self.path, "a", buffering=1)

    def process(self, frame: Frame, image: Image):
        side = image.shape[1] // 32
        bits = image[image.shape[0] // 8, side // 2 : side * 32 : side, 1] > 128
        drawn = int("".join("01"[bit] for bit in bits.astype(int)), 2)
        age = (time.monotonic_ns() // 1_000_000 - drawn) % 2**32
        self.file.write(f"{frame.source} {frame.n} {age}\\n")

@hookimpl
def register_stages(register):
    register("witness", Witness)
'''


def witness(folder: pathlib.Path) -> str:
    """A PYTHONPATH on which there is a sink `witness`."""
    return str(distribution(folder / "witness", "edge_witness", WITNESS, "witness"))


def seen(path: pathlib.Path) -> list[tuple[str, int, int]]:
    """(camera, n, milliseconds of age) of each picture that a witness has written down."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(source, int(n), int(age)) for source, n, age in (line.split() for line in lines if line.count(" ") == 2)]


def until(true: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for it; seconds that it took. Fails the test where it does not come."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


class RtspServer:
    """`/live` shows the time. `options`: as tests/rtsp_server.py takes them."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._process: Any = None
        self.start()

    def start(self) -> None:
        """Returns when it answers; the same port as before."""
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._process.stdin.write(json.dumps(self.options) + "\n")
        self._process.stdin.flush()
        self.options["port"] = int(self._process.stdout.readline().split()[1])

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.options['port']}/live"

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def rtsp_server(**options: Any) -> Iterator[RtspServer]:
    """Skips the test where GStreamer's server is not installed."""
    found = subprocess.run([PYTHON, "-c", BINDINGS], capture_output=True) if os.path.exists(PYTHON) else None
    if found is None or found.returncode:
        pytest.skip("no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good -ugly")
    server = RtspServer(**options)
    try:
        yield server
    finally:
        server.signal(signal.SIGCONT)
        server.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def silence() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield int(listening.getsockname()[1])


class Taker:
    """FFmpeg, which takes one stream that is pushed to it, and writes what came."""

    def __init__(self, scheme: str, port: int, file: pathlib.Path) -> None:
        how = ["-rtsp_flags", "listen"] if scheme == "rtsp" else ["-listen", "1"]
        self.file = file
        self.address = f"{scheme}://127.0.0.1:{port}/live/door"
        command = [
            "ffmpeg",
            "-v",
            "error",
            *how,
            "-analyzeduration",
            "300000",
            "-i",
            self.address,
            "-c",
            "copy",
            "-flush_packets",
            "1",
            "-y",
            str(file),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: _listening(port), 10, "ffmpeg listens")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def end(self) -> None:
        """When the stream ends, so does it."""
        self._process.wait(20)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _listening(port: int) -> bool:
    """Without connecting: FFmpeg takes one connection only."""
    wanted = f"0100007F:{port:04X}"
    rows = (line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1] == wanted and row[3] == "0A" for row in rows)


@contextlib.contextmanager
def taker(scheme: str, port: int, file: pathlib.Path) -> Iterator[Taker]:
    if not shutil.which("ffmpeg"):
        pytest.skip("no server that takes streams: apt-get install ffmpeg")
    server = Taker(scheme, port, file)
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def rtmp_giver(port: int) -> Iterator[str]:
    """FFmpeg, which gives a test picture to the first who asks: its address."""
    if not shutil.which("ffmpeg"):
        pytest.skip("no RTMP server: apt-get install ffmpeg")
    address = f"rtmp://127.0.0.1:{port}/live/door"
    shown = ["-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-c:v", "libx264", "-g", "25", "-tune", "zerolatency"]
    command = ["ffmpeg", "-v", "error", *shown, "-f", "flv", "-listen", "1", address]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listening(port), 20, "ffmpeg listens")
        yield address
    finally:
        process.kill()
        process.wait()
