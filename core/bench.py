"""`edge bench links`: what it costs to hand a 1920×1080×3 frame to another process, and what plain pyzmq takes for the same.

Our links are measured through their own Arena, Hub and Inlet; the far end is a process of its own. Every method rotates through
more than 200 MB, so that no cache flatters it, and stamps a frame when the send begins; the receiver reads the stamp out of the
array that it got. All methods are measured in turn within one run: only their ratios mean something on a busy machine.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import msgspec
import numpy as np
import zmq

from edge.core import spawn
from edge.core.arena import Arena, allocate
from edge.core.flow import Item, Lane
from edge.core.frame import Image, Spec
from edge.core.ledger import Ledger
from edge.core.link import Hub, Inlet
from edge.core.plan import EdgePlan, Plan, Pool, StagePlan, WorkerPlan

SHAPE = (1080, 1920, 3)
SIZE = int(np.prod(SHAPE))
SLOTS = 34  # times 6.2 MB: more than 200 MB
ROUNDS = 3
OURS = ("in_place", "one_copy", "latest")
THEIRS = ("pyzmq_copy", "pyzmq_nocopy")


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Method → p50 and p99 in seconds, of frames sent one at a time, and fps, as fast as it goes.

    `seconds`: of each measurement, spread over ROUNDS in which the methods take turns; the figures are medians of the rounds.
    """
    rounds = [{name: _method(name, seconds / ROUNDS) for name in (*OURS, *THEIRS)} for _ in range(ROUNDS)]
    return {name: {key: statistics.median(r[name][key] for r in rounds) for key in rounds[0][name]} for name in rounds[0]}


def _method(name: str, seconds: float) -> dict[str, float]:
    make = _Ours if name in OURS else _Theirs
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        sender = make(name, folder)
        try:
            sender.warm()
            ages = sender.one_by_one(seconds)
            fps = sender.flat_out(seconds)
        finally:
            sender.close()
    ages.sort()
    return {"p50": statistics.median(ages), "p99": ages[min(len(ages) - 1, int(0.99 * len(ages)))], "fps": fps}


class _Sender:
    """One method: a far process that answers, on a socket of its own, with the age of each frame that it read."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder
        self.context = zmq.Context()
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def start(self, fds: list[int]) -> None:
        fds = [self.far.fileno(), *fds]
        words = [self.name, self.folder, *map(str, fds)]
        self.process = subprocess.Popen([*spawn.command("edge.core.bench"), *words], pass_fds=fds, stdin=subprocess.DEVNULL)
        self.far.close()

    def age(self, wait: bool = True) -> float | None:
        """The age of the next frame that the far end has read, or None if there is none yet."""
        try:
            return float(msgspec.msgpack.decode(self.near.recv(64, 0 if wait else socket.MSG_DONTWAIT)))
        except BlockingIOError:
            return None

    def warm(self) -> None:
        """Once through all the memory, so that no page is touched for the first time while the clock runs."""
        for _ in range(SLOTS + 4):
            self.send(True)
            self.age()

    def one_by_one(self, seconds: float) -> list[float]:
        """Ages of frames sent one at a time, each when the one before has been read: the hop itself, nothing queues."""
        ages: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(ages) < 3:
            self.send(True)
            age = self.age()
            assert age is not None
            ages.append(age)
        return ages

    def flat_out(self, seconds: float) -> float:
        """Frames that arrive a second: lossless, or for `latest` those that were not skipped."""
        began = time.monotonic()
        sent = got = 0
        while time.monotonic() - began < seconds:
            sent += self.send(False)
            while self.age(wait=sent - got > 64) is not None:
                got += 1
        while got < sent:
            self.age()
            got += 1
        return got / (time.monotonic() - began)

    def send(self, wait: bool) -> bool:
        raise NotImplementedError  # abstract

    def close(self) -> None:
        self.near.close()
        self.process.kill()
        self.process.wait()
        self.context.destroy(linger=0)


class _Ours(_Sender):
    """Our own link, credits and releases included."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name, folder)
        plan = _plan(name)
        self.ledger = Ledger.fresh(plan)
        worker = plan.workers[0]
        fd = allocate("bench", worker.arena_bytes)
        self.start([fd])
        self.arena = Arena(fd, worker)
        self.hub = Hub(self.context, f"ipc://{folder}/camera.1", plan, self.ledger, self.arena)
        self.outlet = self.hub.add(plan.edges[0], "out")
        self.source = np.random.default_rng(1).integers(0, 255, (SLOTS, SIZE), np.uint8)
        self.n = 0
        while not self.outlet.up:
            self.hub.socket.poll(100)
            self.hub.receive()

    def send(self, wait: bool) -> bool:
        self.hub.receive()
        while self.name != "latest" and not (self.outlet.credit and self.arena.has_room("camera")):
            self.hub.socket.poll(1000)
            self.hub.receive()
        if self.name == "latest" and not (self.outlet.credit and self.arena.has_room("camera")):
            if wait:
                self.hub.socket.poll(1000)
                return self.send(wait)
            return False  # skipped, as a side branch does
        made = self.arena.new("camera", "image", SHAPE, np.uint8)
        if self.name == "in_place":  # the producer has rendered there; only the stamp is new
            _stamp(made.reshape(-1))
        else:
            picture = self.source[self.n % SLOTS]
            _stamp(picture)
            np.copyto(made.reshape(-1), picture)
        placed = self.arena.place("camera", "image", made)
        assert placed is not None
        now = time.monotonic()
        self.outlet.send("camera", Item(self.n, now, now, made, slot=placed[0]))
        self.n += 1
        return True


class _Theirs(_Sender):
    """PUSH and PULL, as a program without shared memory would do it: `copy=True`, or `copy=False`."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name, folder)
        self.copy = name == "pyzmq_copy"
        self.source = np.random.default_rng(1).integers(0, 255, (SLOTS, SIZE), np.uint8)
        self.socket = self.context.socket(zmq.PUSH)
        self.socket.sndhwm = 2
        self.socket.bind(f"ipc://{folder}/push")
        self.start([])
        self.n = 0

    def send(self, wait: bool) -> bool:
        picture = self.source[self.n % SLOTS]
        _stamp(picture)
        self.socket.send(picture, copy=self.copy)
        self.n += 1
        return True


def _stamp(picture: np.ndarray) -> None:
    picture[:8].view(np.int64)[0] = time.monotonic_ns()


def _plan(name: str) -> Plan:
    """A camera in one worker, a sink in another, and slots enough to rotate through them all."""
    spec = Spec(Image, SHAPE, "bgr")
    policy = "latest" if name == "latest" else "all"
    edge = EdgePlan(0, "camera", "out", "image", "image", spec=spec, sources=["camera"], policy=policy, kind="shm", window=2)
    stages = [
        StagePlan("camera", "", is_source=True, sources=["camera"], makes={"image": spec}),
        StagePlan("out", "", sources=["camera"]),
    ]
    bytes_ = -(-SIZE // 4096) * 4096
    workers = [WorkerPlan("camera", ["camera"], [Pool("camera", "image", bytes_, SLOTS, 0)]), WorkerPlan("out", ["out"])]
    return Plan("bench", stages=stages, edges=[edge], workers=workers)


def main() -> None:
    """The far end: read each frame's stamp, tell its age."""
    name, folder, *fds = sys.argv[1:]
    answers = socket.socket(fileno=int(fds[0]))
    context = zmq.Context()
    receive = _our_frames(name, folder, context, int(fds[1])) if name in OURS else _their_frames(name, folder, context)
    for picture in receive:
        age = (time.monotonic_ns() - int(picture[:8].view(np.int64)[0])) / 1e9
        answers.send(msgspec.msgpack.encode(age))


def _our_frames(name: str, folder: str, context: Any, fd: int) -> Any:
    plan = _plan(name)
    ledger = Ledger.fresh(plan)
    lane = Lane(ledger, ledger.row("edge", 0, "camera"))
    inlet = Inlet(context, "out/1", {(0, "camera"): lane}, plan)
    inlet.connect(f"ipc://{folder}/camera.1", os.dup(fd))
    while True:
        if not lane.queue:
            inlet.flush()
            inlet.socket.poll()
            inlet.receive()
            continue
        item = lane.take(lane.queue[0].n)
        assert item is not None
        inlet.flush()
        yield item.value.reshape(-1)
        lane.finish(item)


def _their_frames(name: str, folder: str, context: Any) -> Any:
    pull = context.socket(zmq.PULL)
    pull.rcvhwm = 2
    pull.connect(f"ipc://{folder}/push")
    while True:
        message = pull.recv(copy=name == "pyzmq_copy")
        yield np.frombuffer(message if isinstance(message, bytes) else message.buffer, np.uint8)
