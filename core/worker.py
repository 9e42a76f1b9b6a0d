"""A worker: one process of a graph. It opens its stages, takes frames from its links, runs the engine, passes on.

The supervisor started it and speaks to it on one socket; everything else it needs lies in memory that the supervisor made.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import logging
import mmap
import os
import signal
import socket
import sys
import time
from typing import Any

import msgspec
import zmq

from edge.core import hooks, spawn
from edge.core.arena import Arena
from edge.core.crew import Crew, fill
from edge.core.engine import Broken
from edge.core.errors import EdgeError
from edge.core.ledger import BEAT_NS, DONE_N, Ledger
from edge.core.link import Hub, Inlet, LinkOutlet
from edge.core.memory import Memory, slots_of
from edge.core.model import Model
from edge.core.plan import Plan, StagePlan
from edge.core.report import status
from edge.core.stage import Stage

log = logging.getLogger("edge")

CRASHED = 70
"""Exit code of a worker that should be replaced; any other code but 0 ends the run."""

IDLE = 0.1
"""Seconds between two looks at the clock while nothing arrives."""

LARGEST = 1 << 16


class Order(msgspec.Struct):
    """What the supervisor hands to a new process, beside its descriptors."""

    plan: dict[str, Any]
    worker: str
    generation: int
    folder: str
    first: dict[str, int]
    most: int
    poisoned: list[tuple[str, str, int]]
    began: float


class Worker:
    """`control`: the socket to the supervisor. The other descriptors: ledger, memory, arena."""

    def __init__(self, order: Order, control: socket.socket, ledger_fd: int, memory_fd: int, arena_fd: int) -> None:
        self.order = order
        self.plan = Plan.from_dict(order.plan)
        self.me = next(worker for worker in self.plan.workers if worker.name == order.worker)
        self.control = control
        self.ledger = Ledger(self.plan, mmap.mmap(ledger_fd, 0))
        self.arena = Arena(arena_fd, self.me)
        self.context = zmq.Context(io_threads=1)
        self.hub = Hub(self.context, endpoint(order.folder, order.worker, order.generation), self.plan, self.ledger, self.arena)
        self.inlets: dict[str, Inlet] = {}
        self.crew = self._crew(memory_fd)
        self._wire()
        self.poller = zmq.Poller()
        self.poller.register(self.control, zmq.POLLIN)
        self.poller.register(self.hub.socket, zmq.POLLIN)
        self._wakes, self._waker = os.pipe()
        os.set_blocking(self._wakes, False)
        os.set_blocking(self._waker, False)
        self.poller.register(self._wakes, zmq.POLLIN)
        self.row = self.ledger.row("worker", self.me.name)
        self._parting = False
        self._told_done = False

    def _crew(self, memory_fd: int) -> Crew:
        memory = Memory(slots_of(self.plan, self.me), mmap.mmap(memory_fd, 0))
        crew = Crew(
            self.plan,
            self.me,
            self.ledger,
            memory,
            make_stage,
            Devices(self.plan).get,
            new=self.arena.new,
            status=lambda: status(self.plan, self.ledger, self.order.began),
            prepare=self.hub.prepare,
            flush=self._flush,
            poisoned={tuple(entry) for entry in self.order.poisoned},
        )
        return crew

    def _wire(self) -> None:
        """Give each edge that leaves or enters this process its end of the link."""
        nodes = self.crew.engine.nodes
        lanes: dict[str, dict[tuple[int, str], Any]] = {}
        for edge in self.plan.edges:
            if edge.kind == "call" or edge.previous:
                continue
            if edge.maker in nodes:
                outlet = self.hub.add(edge, self.plan.stage(edge.reader).worker)
                outlet.begins = {source: self._begins(edge.maker, source) for source in edge.sources}
                nodes[edge.maker].outlets.append(outlet)
            elif edge.reader in nodes:
                worker = self.plan.stage(edge.maker).worker
                lane = self.crew.engine.lane
                lanes.setdefault(worker, {}).update({(edge.index, source): lane(edge, source) for source in edge.sources})
        for name, node in nodes.items():
            if any(isinstance(outlet, LinkOutlet) for outlet in node.outlets):
                node.room = functools.partial(self.arena.has_room, name)
        me = f"{self.me.name}/{self.order.generation}"
        self.inlets = {worker: Inlet(self.context, me, which, self.plan) for worker, which in lanes.items()}

    def _begins(self, stage: str, source: str) -> int:
        """The last frame of this camera that will not come out of this stage again: a predecessor had finished with it."""
        if stage == source:
            return self.order.first[source] - 1
        entering = [e for e in self.plan.edges if e.reader == stage and source in e.sources and not e.previous]
        return min(
            self._begins(edge.maker, source)
            if edge.kind == "call"
            else int(self.ledger.cells[self.ledger.row("edge", edge.index, source) + DONE_N])
            for edge in entering
        )

    # -- life ---------------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """The exit code."""
        try:
            self.say("open", places=self.crew.open())
            self._go()
            while not self._parting:
                self._round()
                self._tell_done()
        except EdgeError as error:
            self.say("failed", error=str(error), code=error.code)
            return error.code
        except Broken as broken:
            self.say("broken", error=str(broken))
            return CRASHED
        except Exception as error:  # ours: it counts as a crash, and `-v` shows where
            self.say("broken", error=f"{type(error).__name__}: {error}")
            log.debug("worker %s", self.me.name, exc_info=True)
            return CRASHED
        finally:
            for feed in self.crew.feeds.values():
                if feed.error or feed.source.trouble:
                    self.say("source", name=feed.name, error=feed.error, trouble=feed.source.trouble)
            problems = self.crew.close()
            for problem in problems:
                self.say("problem", error=problem)
            self._part()
        return 0

    def _go(self) -> None:
        """Wait until every worker is open, then let the sources run. Links may come up meanwhile."""
        self._gone = False
        while not self._gone and not self._parting:
            self._poll(IDLE)
        if self._gone:
            # What was loaded so far stays for good: without this the collector walks all of it again and again between frames.
            gc.collect()
            gc.freeze()
            self.crew.start(self._wake, self.order.first, self.order.most)

    def _round(self) -> None:
        """One turn: what has come, what can be done, what goes back."""
        idle = False
        for _ in range(8):
            idle = not self.crew.work()
            if idle:
                break
        self._flush()
        if not self._poll(IDLE if idle else 0.0) and idle:
            self._flush(all=True)
        self.crew.engine.tick()

    def _tell_done(self) -> None:
        """Say that all is finished here. The process stays until everybody's is: the successor of a reader that dies now
        has to be told, too, that nothing more will come."""
        if not self._told_done and self.crew.done and self.hub.settled:
            self._told_done = True
            self.say("done")

    def _poll(self, seconds: float) -> bool:
        """Wait for something and take it; False where nothing came."""
        self.ledger.cells[self.row + BEAT_NS] = time.monotonic_ns()
        ready = dict(self.poller.poll(int(seconds * 1000)))
        if not ready:
            return False
        if self.control.fileno() in ready:
            self._hear()
        if self._wakes in ready:
            os.read(self._wakes, 4096)
        if self.hub.socket in ready:
            self.hub.receive()
        for inlet in self.inlets.values():
            if inlet.socket in ready:
                inlet.receive()
        return True

    def _flush(self, all: bool = False) -> None:
        for inlet in self.inlets.values():
            inlet.flush(all)

    def _wake(self) -> None:
        """Called from a source's thread. A full pipe means that the main thread is about to look anyway."""
        try:
            os.write(self._waker, b"!")
        except BlockingIOError:
            pass

    # -- the supervisor -----------------------------------------------------------------------------------------------------

    def say(self, what: str, **more: Any) -> None:
        try:
            self.control.send(msgspec.msgpack.encode({"say": what, **more}))
        except OSError:
            pass  # the supervisor is gone, and this process will be in a moment

    def _hear(self) -> None:
        data, fds, _, _ = socket.recv_fds(self.control, LARGEST, 1)
        if not data:
            os._exit(1)  # the supervisor is gone
        message = msgspec.msgpack.decode(data)
        getattr(self, "_do_" + message.pop("do"))(*fds, **message)

    def _do_go(self) -> None:
        self._gone = True

    def _do_drain(self) -> None:
        self.crew.drain()

    def _do_stop(self) -> None:
        self._parting = True

    def _do_peer(self, fd: int, worker: str, generation: int) -> None:
        """A maker's worker is there, or its successor, with a new arena."""
        inlet = self.inlets[worker]
        if inlet.socket is not None:
            self.poller.unregister(inlet.socket)
        inlet.connect(endpoint(self.order.folder, worker, generation), fd)
        self.poller.register(inlet.socket, zmq.POLLIN)

    def _do_closed(self, worker: str, generation: int) -> None:
        """A worker that this one reads from, or that reads from this one, is dead."""
        inlet = self.inlets.get(worker)
        if inlet is not None and inlet.socket is not None:
            self.poller.unregister(inlet.socket)
            inlet.closed()
        self.hub.receive()
        self.hub.closed(worker, generation)
        self.say("settled", worker=worker, generation=generation)

    def _part(self) -> None:
        """Leave. Who was told to stop does not wait for readers that may be gone as well."""
        for inlet in self.inlets.values():
            inlet.close()
        self.hub.socket.close()
        if self._parting:
            self.context.destroy(linger=0)
        else:
            self.context.term()


class Devices:
    """The devices of one process: one for each distinct choice, opened when first used."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open: dict[bytes, Any] = {}

    def get(self, stage: StagePlan) -> Any:
        chosen = stage.device or self._plan.runtime
        key = msgspec.json.encode(chosen)
        if key not in self._open:
            device = hooks.device_class(chosen["runtime"])()
            for name, value in chosen["options"].items():
                setattr(device, name, value)
            device.open()
            self._open[key] = device
        return self._open[key]


def make_stage(plan: StagePlan) -> Stage:
    """A stage of this plan, by its plugin's name, with options and models set."""
    stage = hooks.stage_class(plan.use, plan.reads)()
    stage.models = {name: Model.from_dict(model) for name, model in plan.models.items()}
    return fill(stage, plan)


def endpoint(folder: str, worker: str, generation: int) -> str:
    return f"ipc://{folder}/{worker}.{generation}"


def main() -> None:
    """`... NAME ORDER CONTROL LEDGER MEMORY ARENA`, in a new process: its name, for who looks at `ps`, and descriptors."""
    logging.basicConfig(level=os.environ.get("EDGE_LOG", "INFO"), format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1)  # kill -USR1 shows where every thread of a worker is
    import cv2

    cv2.setNumThreads(1)  # the graph is parallel already; more threads would fight over the same cores
    order_fd, control_fd, *fds = map(int, sys.argv[2:])
    with open(order_fd, "rb") as file:
        order = msgspec.msgpack.decode(file.read(), type=Order)
    spawn.title("edge:" + order.worker)
    control = socket.socket(fileno=control_fd)
    code = Worker(order, control, *fds).run()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # a source's thread that hangs in a driver must not keep the process
