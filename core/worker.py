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
import pathlib
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import zmq

from edge.core import control, hooks, logs, spawn
from edge.core.arena import Arena
from edge.core.crew import Crew, fill
from edge.core.engine import Broken
from edge.core.errors import EdgeError
from edge.core.insight.trace import Tracer
from edge.core.ledger import BEAT_NS, DONE_N, Ledger, Rows
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
    rows: list[tuple[list[Any], int]] = []
    memory: dict[str, int] = {}


class Change(msgspec.Struct):
    """What the supervisor hands to a process that goes over to another plan: which descriptors hold the cameras' memory."""

    plan: dict[str, Any]
    rows: list[tuple[list[Any], int]]
    memory: list[str]


class Worker:
    """`control`: the socket to the supervisor. The other descriptors: ledger, arena."""

    def __init__(self, order: Order, control: socket.socket, ledger_fd: int, arena_fd: int) -> None:
        self.order = order
        self.plan = Plan.from_dict(order.plan)
        self.me = next(worker for worker in self.plan.workers if worker.name == order.worker)
        self.control = control
        self.ledger = Ledger(self.plan, mmap.mmap(ledger_fd, 0), rows_of(order.rows))
        self.arena = Arena(arena_fd, self.me)
        self.context = zmq.Context(io_threads=1)
        self.hub = Hub(self.context, endpoint(order.folder, order.worker, order.generation), self.plan, self.ledger, self.arena)
        self.inlets: dict[str, Inlet] = {}
        self.crew = self._crew()
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
        self._tracer: Tracer | None = None
        self._leaving: set[str] = set()

    def _crew(self) -> Crew:
        memory = Memory({})
        for source, fd in self.order.memory.items():
            memory.add(slots_of(self.plan, self.me, source), _mapped(fd))
        crew = Crew(
            self.plan,
            self.me,
            self.ledger,
            memory,
            make_stage,
            Devices(self.plan).get,
            new=self.arena.new,
            status=lambda: status(self.ledger.plan, self.ledger, self.order.began),
            ask=lambda request: control.ask(pathlib.Path(self.order.folder), request),
            prepare=self.hub.prepare,
            flush=self._flush,
            poisoned={tuple(entry) for entry in self.order.poisoned},
        )
        return crew

    def _wire(self) -> None:
        """Give each edge that leaves or enters this process its end of the link; those that are there already keep theirs."""
        nodes, lane = self.crew.engine.nodes, self.crew.engine.lane
        lanes: dict[str, dict[tuple[int, str], Any]] = {}
        for edge in self.plan.edges:
            if edge.kind == "call" or edge.previous:
                continue
            if edge.maker in nodes and edge.index not in self.hub.outlets:
                outlet = self.hub.add(edge, self.plan.stage(edge.reader).worker)
                outlet.begins = {source: self._begins(edge.maker, source) for source in edge.sources}
                nodes[edge.maker].outlets.append(outlet)
            elif edge.reader in nodes:
                worker = self.plan.stage(edge.maker).worker
                lanes.setdefault(worker, {}).update({(edge.index, source): lane(edge, source) for source in edge.sources})
        for name, node in nodes.items():
            if any(isinstance(outlet, LinkOutlet) for outlet in node.outlets):
                node.room = functools.partial(self.arena.has_room, name)
        self._connect(lanes)

    def _connect(self, lanes: dict[str, dict[tuple[int, str], Any]]) -> None:
        """One inlet for each worker that this one reads from."""
        me = f"{self.me.name}/{self.order.generation}"
        for worker in [name for name in self.inlets if name not in lanes]:
            self._unplug(self.inlets[worker])
            self.inlets.pop(worker).close()
        for worker, which in lanes.items():
            if worker in self.inlets:
                self.inlets[worker].follow(which, self.plan)
            else:
                self.inlets[worker] = Inlet(self.context, me, which, self.plan)

    def _unplug(self, inlet: Inlet) -> None:
        if inlet.socket is not None:
            self.poller.unregister(inlet.socket)

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
                self._tell_left()
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
            self._hand_over()
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
        if self._tracer is not None and self._tracer.due:
            self._hand_over()

    def _tell_done(self) -> None:
        """Say that all is finished here. The process stays until everybody's is: the successor of a reader that dies now
        has to be told, too, that nothing more will come."""
        if not self._told_done and self.crew.done and self.hub.settled:
            self._told_done = True
            self._hand_over()
            self.say("done")

    def _tell_left(self) -> None:
        """Say of each camera that is to go when nothing of it is under way here any more."""
        for source in list(self._leaving):
            if self.crew.has_left(source) and self.hub.has_left(source):
                self._leaving.discard(source)
                self.say("left", source=source)

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

    def _hand_over(self) -> None:
        """Give the supervisor what was traced. Where it is slow to listen, that waits here, and this process for nothing: the
        socket counts as writable while three quarters of it are free, so there is room left for what `say` has to say."""
        if self._tracer is None:
            return
        room = select.poll()
        room.register(self.control, select.POLLOUT)
        while len(self._tracer) and room.poll(0):
            self.say("spans", spans=self._tracer.drain(), cut=self._tracer.forgot())

    def _hear(self) -> None:
        data, fds, _, _ = socket.recv_fds(self.control, LARGEST, 2)
        if not data:
            os._exit(1)  # the supervisor is gone
        message = msgspec.msgpack.decode(data)
        getattr(self, "_do_" + message.pop("do"))(*fds, **message)

    def _do_go(self) -> None:
        self._gone = True

    def _do_trace(self, on: bool) -> None:
        self._tracer = Tracer() if on else None
        self.crew.trace(self._tracer)

    def _do_drain(self) -> None:
        self.crew.drain()

    def _do_stop(self) -> None:
        self._parting = True

    def _do_pause(self, source: str, paused: bool) -> None:
        for name, feed in self.crew.feeds.items():
            if source in ("", name):
                feed.pause(paused)

    def _do_leave(self, source: str) -> None:
        """This camera is to go: capture no more of it, and say when what was admitted is finished."""
        self._leaving.add(source)
        if source in self.crew.feeds:
            self.crew.feeds[source].stop()

    def _do_change(self, stage: str, options: dict[str, Any], number: int) -> None:
        error = self._tried(self.crew.change, stage, options)
        self._told_done = False
        self.say("changed", number=number, error=error)

    def _do_follow(self, fd: int, *memory: int, number: int) -> None:
        """Go over to another plan: cameras have gone, or one comes."""
        with open(fd, "rb") as file:
            change = msgspec.msgpack.decode(file.read(), type=Change)
        before, self.plan = self.plan, Plan.from_dict(change.plan)
        self.me = next(worker for worker in self.plan.workers if worker.name == self.me.name)
        self.ledger.follow(self.plan, rows_of(change.rows))
        for source in before.sources:
            if source not in self.plan.sources:
                self._leaving.discard(source)
                self.crew.memory.drop(source)
        for source, block in zip(change.memory, memory, strict=True):
            self.crew.memory.add(slots_of(self.plan, self.me, source), _mapped(block))
        error = self._tried(self.crew.follow, self.plan, self.me)
        self.hub.follow(self.plan)
        self._wire()
        self._told_done = False
        self.say("changed", number=number, error=error)

    def _do_over(self) -> None:
        """Everybody has gone over to the plan: nobody looks at what was under way of the cameras that have gone."""
        self.hub.give_up()

    def _tried(self, method: Callable[..., Any], *values: Any) -> str:
        """What went wrong, in one line; "" where nothing did. Only what leaves this process unfit goes further."""
        try:
            method(*values)
        except EdgeError as error:
            return str(error)
        except Exception as error:  # a plugin's mistake
            log.debug("worker %s", self.me.name, exc_info=True)
            return f"{type(error).__name__}: {error}"
        return ""

    def _do_peer(self, fd: int, worker: str, generation: int) -> None:
        """A maker's worker is there, or its successor, with a new arena."""
        inlet = self.inlets[worker]
        self._unplug(inlet)
        inlet.connect(endpoint(self.order.folder, worker, generation), fd)
        self.poller.register(inlet.socket, zmq.POLLIN)

    def _do_closed(self, worker: str, generation: int) -> None:
        """A worker that this one reads from, or that reads from this one, is dead."""
        inlet = self.inlets.get(worker)
        if inlet is not None and inlet.socket is not None:
            self._unplug(inlet)
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


def rows_of(pairs: list[tuple[list[Any], int]]) -> Rows:
    """The ledger's rows as they travel."""
    return {tuple(key): at for key, at in pairs}


def _mapped(fd: int) -> mmap.mmap:
    """Memory of this descriptor, which the map holds from now on."""
    try:
        return mmap.mmap(fd, 0)
    finally:
        os.close(fd)


def main() -> None:
    """`... NAME ORDER CONTROL LEDGER ARENA`, in a new process: its name, for who looks at `ps`, and descriptors."""
    logs.begin()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1)  # kill -USR1 shows where every thread of a worker is
    import cv2

    cv2.setNumThreads(1)  # the graph is parallel already; more threads would fight over the same cores
    order_fd, control_fd, *fds = map(int, sys.argv[2:])
    with open(order_fd, "rb") as file:
        order = msgspec.msgpack.decode(file.read(), type=Order)
    spawn.title("edge:" + order.worker)
    logs.know(graph=order.plan["name"], worker=order.worker)
    code = Worker(order, socket.socket(fileno=control_fd), *fds).run()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # a source's thread that hangs in a driver must not keep the process
