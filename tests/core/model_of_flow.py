"""A world in one process: the real supervisor, workers, engine, links, ledger and arenas, with sockets and processes replaced
by queues, so that a checker decides what happens next. Every message arrives, and every worker takes its next step, only when
the checker says so; a worker can die between any two of its writes.
"""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional

import numpy as np
import zmq

from edge.core.arena import Arena
from edge.core.crew import Crew
from edge.core.feed import Feed
from edge.core.flow import CallOutlet, Lane
from edge.core.frame import Alpha, Drop, Frame, Image, Spec
from edge.core.handle import Handle
from edge.core.ledger import ADMITTED, AT_N, BOOK, CAPTURED, DONE_N, LAST_N, SEEN_NS, SOURCE, SOURCE_LOST, Ledger
from edge.core.link import Hub, LinkOutlet
from edge.core.memory import Memory, slots_of
from edge.core.plan import EdgePlan, Plan, Port, StagePlan, WorkerPlan, place
from edge.core.roster import Roster
from edge.core.run import Run
from edge.core.settlement import Settlement
from edge.core.stage import Source, Stage
from edge.core.worker import Order, Worker, endpoint

Action = tuple[Any, ...]


TURNS = ("hear", "up", "down", "work")
"""What a worker does of its own accord, and may die in the middle of."""


SPARE = 1 << 17
"""Bytes of the ledger for cameras to come."""


def who(action: Action) -> str:
    """The worker that an action is a turn of."""
    return str(action[1]).partition("/")[0].partition(".")[0]


class Killed(BaseException):
    """The process is gone. Nothing after this point has happened."""


# -- plans ----------------------------------------------------------------------------------------------------------------


class Draft:
    """A plan, written down in few words."""

    def __init__(self, policy: str, windows: int = 0) -> None:
        self.plan = Plan("model", restart={"most": 1 << 30, "within": 1e9, "stall": 1e9})
        self.policy = policy
        self.windows = windows
        self.live = policy == "live"

    def stage(self, name: str, worker: str, reads: str = "", keep: Any = "all", makes: str = "", **more: Any) -> None:
        """`reads`: "port=maker.value ...", a port in brackets being optional; several makers of a port, one per camera, are
        joined by "+". `drops`: the frame that it loses. `only`: the camera that it reads of a maker of several."""
        specs = {value: SPECS[value] for value in makes.split()}
        base = name.partition(".")[0]
        plan = StagePlan(name, base, base, is_source=not reads, live=self.live, pin=worker, makes=specs)
        plan.options = {"drops": more.get("drops", -1)}
        plan.sources = [name] if not reads else []
        for word in reads.split():
            self._port(plan, word, keep, more.get("only", ""))
        self.plan.stages.append(plan)

    def _port(self, plan: StagePlan, word: str, keep: Any, only: str) -> None:
        name, _, feeds = word.partition("=")
        port = Port(name.strip("[]"), "", Image, name.startswith("["))
        for feed in feeds.split("+"):
            maker, _, port.value = feed.rpartition(".")
            sources = [only] if only else self.plan.stage(maker).sources
            plan.sources += [source for source in sources if source not in plan.sources]
            port.makers.update(dict.fromkeys(sources, maker))
            plan.inputs[port.name] = SPECS[port.value]
            policy = "latest" if keep == "latest" else self.policy
            edge = EdgePlan(len(self.plan.edges), maker, plan.name, port.name, port.value, spec=SPECS[port.value])
            edge.policy, edge.sources, edge.every = policy, list(sources), keep if isinstance(keep, int) else 1
            self.plan.edges.append(edge)
        plan.ports.append(port)

    def done(self) -> Plan:
        place(self.plan)
        for edge in self.plan.edges:
            edge.window = self.windows or edge.window
        return self.plan


SPECS = {"image": Spec(Image, (2, 2, 3), "bgr"), "alpha": Spec(Alpha, (2, 2)), "size": Spec(int)}


def diamond(policy: str = "all", windows: int = 0, drops: int = -1) -> Plan:
    """The flagship: the picture goes straight to the blend, its alpha through a network and its smoothing."""
    draft = Draft(policy, windows)
    draft.stage("camera", "camera", makes="image")
    draft.stage("square", "camera", "image=camera.image", makes="image size")
    draft.stage("matte", "matte", "image=square.image", makes="alpha", drops=drops)
    draft.stage("smooth", "matte", "alpha=matte.alpha", makes="alpha")
    draft.stage("blend", "blend", "image=square.image [alpha]=smooth.alpha size=square.size", makes="image")
    draft.stage("show", "blend", "image=blend.image")
    return draft.done()


def plain(policy: str = "all", windows: int = 0) -> Plan:
    """The diamond without its small stages, for a search that takes every turning."""
    draft = Draft(policy, windows)
    draft.stage("square", "camera", makes="image")
    draft.stage("matte", "matte", "image=square.image", makes="alpha")
    draft.stage("blend", "blend", "image=square.image [alpha]=matte.alpha")
    return draft.done()


def branched(policy: str = "all", windows: int = 0, sides: int = 1) -> Plan:
    """A line with branches that nothing waits for."""
    draft = Draft(policy, windows)
    draft.stage("camera", "camera", makes="image")
    draft.stage("square", "work", "image=camera.image", makes="image")
    draft.stage("show", "show", "image=square.image")
    for i in range(sides):
        draft.stage(f"view.{i}", f"view{i}", "image=square.image", keep="latest")
    return draft.done()


def thinned(policy: str = "all", windows: int = 0, drops: int = -1) -> Plan:
    """The diamond again, and a sink that joins every third picture with its alpha."""
    draft = Draft(policy, windows)
    draft.stage("camera", "camera", makes="image")
    draft.stage("matte", "matte", "image=camera.image", makes="alpha", drops=drops)
    draft.stage("show", "show", "image=camera.image [alpha]=matte.alpha")
    draft.stage("third", "third", "image=camera.image [alpha]=matte.alpha", keep=3)
    return draft.done()


def shared(policy: str = "all", windows: int = 0) -> Plan:
    """Two cameras, one network."""
    draft = Draft(policy, windows)
    for where in ("door", "yard"):
        draft.stage(f"camera.{where}", where, makes="image")
    draft.stage("matte", "matte", "image=camera.door.image+camera.yard.image", makes="alpha")
    draft.stage("blend", "blend", "image=camera.door.image+camera.yard.image [alpha]=matte.alpha")
    return draft.done()


# -- stages ---------------------------------------------------------------------------------------------------------------


class Step(Stage):
    """Makes planes that are full of n, and checks that those it gets are: a torn or mismatched frame shows at once."""

    world: World
    plan: StagePlan

    def open(self, _context: Any) -> None:
        self._seen = dict.fromkeys(self.context.sources, -1)

    def enter(self, source: str) -> None:
        assert source not in self._seen, f"{self.plan.name} is told twice that {source} comes"
        self._seen[source] = -1
        self.world.entered(self.plan.name, source)

    def leave(self, source: str) -> None:
        del self._seen[source]

    def process(self, frame: Frame, **values: Any) -> Optional[dict[str, Any]]:
        self.world.event()
        assert frame.n > self._seen[frame.source], f"{self.plan.name} got {frame} after {self._seen}"
        self._seen[frame.source] = frame.n
        for port, value in values.items():
            assert value is None or (np.asarray(value) == frame.n).all(), f"{self.plan.name} {frame}: {port} is torn: {value}"
        if frame.n == self.plan.options["drops"]:
            raise Drop("non_finite")
        if self.plan.is_sink:
            self.world.shown[self.plan.name, frame.source].append((frame.n, values.get("alpha", 0) is not None))
        return {name: self._make(name, frame.n) for name in self.plan.makes}

    def _make(self, name: str, n: int) -> Any:
        if name == "size":
            return n
        if n % 2:  # in place every other time, so that both ways are seen
            made = self.new(name, SPECS[name].shape or ())
            made[:] = n
            return made
        return np.full(SPECS[name].shape or (), n, np.uint8)


class Camera(Source, Step):
    """A file, or a camera that the checker turns by hand."""

    @property
    def live(self) -> bool:
        return self.plan.live

    def capture(self) -> Iterator[Any]:
        for n in range(self.world.frames):
            yield {name: self._make(name, n) for name in self.plan.makes}


class Roll(Feed):
    """A live feed without its thread: `turn` does what one turn of the thread does. A file is read as it always is."""

    def __init__(self, world: World, crew: Crew, name: str, first: int) -> None:
        stage = crew.stages[name]
        assert isinstance(stage, Camera)
        super().__init__(name, stage, crew.ledger, lambda: None, first, world.frames)

    def turn(self) -> None:
        """Capture the next frame, if there is one."""
        if self._finished:
            return
        if self._enough:
            return self._finish()
        self.state("running")
        stage = self.source
        assert isinstance(stage, Camera)
        self._took({name: stage._make(name, self._n) for name in stage.plan.makes}, time.monotonic())


# -- sockets --------------------------------------------------------------------------------------------------------------


class Router:
    """A maker's end. `inbox`: what has arrived."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.inbox: collections.deque[list[bytes]] = collections.deque()
        self.peers: dict[bytes, Dealer] = {}

    def bind(self, place: str) -> None:
        place = place[7:]
        world = self.member.world
        here = [(reader, dealer) for (reader, maker), dealer in world.dealers.items() if maker == place]
        waiting = [reader for reader, dealer in here if dealer.going and dealer.member in world.members.values()]
        assert not waiting, f"what {waiting} said to the dead would reach who comes in their place"
        self.member.world.routers[place] = self

    def send_multipart(self, parts: list[bytes], _flags: int, copy: bool) -> None:
        self.member.world.event()
        self.peers[parts[0]].coming.append(parts[1:])

    def get(self, _option: int) -> int:
        return int(zmq.POLLIN) if self.inbox else 0

    def recv_multipart(self, _flags: int) -> list[bytes]:
        if not self.inbox:
            raise zmq.Again
        return self.inbox.popleft()


class Dealer:
    """A reader's end. `going`, `coming`: what is under way; `inbox`: what has arrived."""

    identity = b""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.inbox: collections.deque[list[bytes]] = collections.deque()
        self.coming: collections.deque[list[bytes]] = collections.deque()
        self.going: collections.deque[bytes] = collections.deque()
        self.router: Optional[Router] = None

    def connect(self, place: str) -> None:
        self.router = self.member.world.routers.get(place[7:])
        self.member.world.dealers[self.identity.decode(), place[7:]] = self

    def send(self, data: bytes) -> None:
        self.going.append(data)

    def get(self, _option: int) -> int:
        return int(zmq.POLLIN) if self.inbox else 0

    def recv_multipart(self, _flags: int) -> list[bytes]:
        if not self.inbox:
            raise zmq.Again
        return self.inbox.popleft()

    def close(self, linger: Optional[int] = None) -> None:
        self.coming.clear()
        self.inbox.clear()
        if linger == 0:
            self.going.clear()
        self.router = None if not self.going else self.router


class Context:
    """What hands out sockets."""

    def __init__(self, member: Member) -> None:
        self.member = member

    def socket(self, kind: int) -> Any:
        return Router(self.member) if kind == zmq.ROUTER else Dealer(self.member)


class Poller:
    def register(self, *_: Any) -> None:
        pass

    unregister = register


# -- workers --------------------------------------------------------------------------------------------------------------


class Fused:
    """The cells of a ledger, as a process sees them that dies at its k-th event: a write here, a message sent, a frame
    processed."""

    def __init__(self, cells: Any, world: World) -> None:
        self.cells = cells
        self.world = world

    def __getitem__(self, at: Any) -> Any:
        return self.cells[at]

    def __setitem__(self, at: Any, value: int) -> None:
        self.world.event()
        self.cells[at] = value


class Member(Worker):
    """The real worker, given its pieces by hand and its turns by the checker."""

    def __init__(self, world: World, order: Order, arena_fd: int) -> None:
        self.world = world
        self.order = order
        self.plan = world.plan
        self.me = next(worker for worker in self.plan.workers if worker.name == order.worker)
        self.ledger = Ledger(self.plan, world.block, world.office.ledger.rows)
        self.arena = Arena(arena_fd, self.me)
        self.context: Any = Context(self)
        self.hub = Hub(self.context, endpoint("", order.worker, order.generation), self.plan, self.ledger, self.arena)
        self.poller: Any = Poller()
        self.row = self.ledger.row("worker", self.me.name)
        self._parting = False
        self._gone = self.going = False
        self._told_done = False
        self._leaving: set[str] = set()
        self._tracer = None
        self.inlets = {}
        self.crew = Crew(
            self.plan,
            self.me,
            self.ledger,
            Memory(slots_of(self.plan, self.me)),
            self._stage,
            lambda stage: None,
            new=self.arena.new,
            prepare=self.hub.prepare,
            flush=self._flush,
            poisoned={tuple(entry) for entry in order.poisoned},
        )
        self.crew.open()
        self._wire()

    def _stage(self, plan: StagePlan) -> Stage:
        stage = Camera() if plan.is_source else Step()
        stage.world, stage.plan, stage.makes = self.world, plan, {name: spec.type for name, spec in plan.makes.items()}
        return stage

    def say(self, what: str, **more: Any) -> None:
        self.world.say(self.me.name, what, more)

    def hear(self) -> None:
        fds, message = self.world.controls[self.me.name].popleft()
        getattr(self, "_do_" + message.pop("do"))(*fds, **message)
        if self._gone and not self.going:
            self.going = True
            self.crew.feeds = {n: Roll(self.world, self.crew, n, first) for n, first in self.order.first.items()}
            self.turn()

    def turn(self) -> None:
        """A camera has its next frame ready."""
        for feed in self.crew.feeds.values():
            while feed.live and feed.waiting is None and not feed.done:
                feed.turn()

    @property
    def ready(self) -> bool:
        """Has it anything to do, other than to listen?"""
        nodes = self.crew.engine.nodes.values()
        return self.going and (
            any(node.next() is not None or self._ends(node) for node in nodes if not node.plan.is_source)
            or any(
                (feed.done and name not in self.crew.engine.nodes[name].ended)
                or ((feed.waiting or not (feed.live or feed.done)) and self.crew.engine.nodes[name].open_for(name))
                for name, feed in self.crew.feeds.items()
            )
        )

    def _ends(self, node: Any) -> bool:
        return any(s not in node.ended and all(lane.dry for lane in lanes.values()) for s, lanes in node.lanes.items())

    def work(self) -> None:
        worked = self.crew.work()
        assert worked, f"{self.me.name} was ready, and did nothing"
        self._flush()
        self.turn()


class Desk(Handle):
    """The supervisor's end of a worker that is none: what it tells waits until the checker lets it be heard."""

    def __init__(self, plan: Any, world: World) -> None:
        super().__init__(plan)
        self.world = world

    def tell(self, what: str, fds: Any = (), **more: Any) -> None:
        if self.control is not None:
            self.world.controls[self.plan.name].append(([os.dup(fd) for fd in fds], {"do": what, **more}))

    def kill(self) -> None:
        if self.process is not None:
            self.world.bury(self.plan.name)

    def reap(self, wait: bool = False) -> None:
        self.process = None


class Office(Run):
    """The real supervisor, without processes. `patient`: a successor waits until the others have settled with the dead, as it
    nearly always does."""

    def __init__(self, world: World, patient: bool) -> None:
        self.world = world
        self.plan = world.plan
        self.most = world.frames
        self.patient = patient
        self.ledger = Ledger(self.plan, world.block)
        self.ledger.begin()
        self.workers: dict[str, Any] = {}
        for worker in self.plan.workers:
            self.hire(worker).apart = False
        self.places: dict[str, str] = {}
        self.errors: list[str] = []
        self.code = 0
        self.reason = ""
        self.began = 0.0
        self.settlement = Settlement(self.plan, self.ledger)
        self.roster = Roster(self, None)
        self._signals = 0
        self._stopping = self._going = 0.0
        self._closing = False

    def hire(self, worker: WorkerPlan) -> Any:
        handle = self.workers[worker.name] = Desk(worker, self.world)
        self.world.controls[worker.name] = collections.deque()
        handle.apart = True
        return handle

    def _spawn(self, handle: Any) -> None:
        handle.generation += 1
        first, poisoned = self.settlement.first(handle.plan), self.settlement.poisoned
        order = Order({}, handle.plan.name, handle.generation, "", first, self.most, poisoned, 0.0)
        handle.process, handle.control, handle.opened, handle.done = True, True, False, False
        self.world.spawn(order, handle.arena_fd)

    def hear(self, name: str, what: str, more: dict[str, Any]) -> None:
        getattr(self, "_said_" + what)(self.workers[name], **more)

    def _disconnect(self, handle: Any) -> None:
        handle.control = None
        self.world.unplug(handle.plan.name)

    def reap(self, name: str) -> None:
        handle = self.workers[name]
        handle.process = None
        if self._closing:
            return self.leave(name)
        self._died(handle, -9)
        handle.restart_at = time.monotonic() if self.patient else 1e-9

    def leave(self, name: str) -> None:
        """A worker has come to its end and is gone."""
        handle = self.workers[name]
        handle.process = None
        handle.ended = True
        self._disconnect(handle)


# -- the world ------------------------------------------------------------------------------------------------------------


class World:
    """Everything there is, and what may happen next."""

    OFFICE = Office

    def __init__(self, plan: Plan, frames: int = 3, patient: bool = True, hurried: bool = False) -> None:
        self.plan = plan
        self.frames = frames
        self.hurried = hurried
        self.prompt = False
        self.block = bytearray(Ledger(plan).bytes + SPARE)
        self.routers: dict[str, Router] = {}
        self.dealers: dict[tuple[str, str], Dealer] = {}
        self.controls: dict[str, collections.deque[Any]] = {}
        self.members: dict[str, Member] = {}
        self._all: list[Member] = []
        self.dead: set[str] = set()
        self.shown: collections.defaultdict[tuple[str, str], list[tuple[int, bool]]] = collections.defaultdict(list)
        self.trace: list[Action] = []
        self.safe: set[tuple[str, int]] = set()
        self.kills = 0
        self._fuse = -1
        self.fired = False
        self.office = self.OFFICE(self, patient)
        self.office.start(self.office.workers.values())
        for name in self.office.workers:
            self.office.hear(name, "open", {"places": {}})

    def close(self) -> None:
        """Give back the memory. It hangs in circles, and the next world needs its descriptors now."""
        for name, handle in self.office.workers.items():
            self.unplug(name)
            os.close(handle.arena_fd)
        for member in self._all:
            for thing in (*member.crew.engine.nodes.values(), *member.inlets.values(), *member.hub.outlets.values()):
                vars(thing).clear()
            for thing in (member.arena, member.hub, member.crew, member):
                vars(thing).clear()

    def meet(self) -> World:
        """Let everybody meet, in order, so that a search need not take every turning of the start."""
        while not self.whole or any(self.controls.values()):
            self.do(next(action for action in self.enabled() if action[0] in ("hear", "up")))
        return self

    # -- what the pieces call ---------------------------------------------------------------------------------------------

    def say(self, name: str, what: str, more: dict[str, Any]) -> None:
        self.office.hear(name, what, more)

    def entered(self, stage: str, source: str) -> None:
        """A stage is told of a camera."""

    def spawn(self, order: Order, arena_fd: int) -> None:
        self.forget(f"{order.worker}/{order.generation - 1}")
        self.members[order.worker] = Member(self, order, arena_fd)
        self._all.append(self.members[order.worker])
        if self.office._going:
            self.opens(order.worker)

    def forget(self, reader: str) -> None:
        """A connection that the dead one never completed will never be."""
        for dealer in self.dealers.values():
            if dealer.identity == reader.encode() and b"hello" in b"".join(dealer.going):
                dealer.going.clear()

    def opens(self, name: str) -> None:
        """A process that came while the run was on has opened its stages."""
        self.office.hear(name, "open", {"places": {}})

    def bury(self, name: str) -> None:
        """A process is no more."""
        self.dead.discard(name)
        self.members.pop(name, None)

    def unplug(self, name: str) -> None:
        for fds, _ in self.controls[name]:
            for fd in fds:
                os.close(fd)
        self.controls[name].clear()

    def event(self) -> None:
        """Something that a death may come before: it raises Killed when the fuse has burned down, and ever after."""
        if self._fuse >= 0:
            self._fuse -= 1
            if self._fuse <= 0:
                self._fuse = 0
                raise Killed

    # -- what may happen --------------------------------------------------------------------------------------------------

    def enabled(self) -> list[Action]:
        found: list[Action] = []
        for name, member in self.members.items():
            if name in self.dead:
                found.append(("reap", name))
            elif not self.office.workers[name].ended:
                found += self._of(name, member)
        for name, handle in self.office.workers.items():
            if not handle.ended and not handle.alive and self.office._may_restart(handle):
                found.append(("restart", name))
        return found

    def _of(self, name: str, member: Member) -> list[Action]:
        found: list[Action] = []
        if self.controls[name]:
            found.append(("hear", name))
        for (reader, maker), dealer in sorted(self.dealers.items()):
            if dealer.coming and dealer.member is member:
                found.append(("down", reader, maker))
            if dealer.going and dealer.router is not None and dealer.router.member is member:
                found.append(("up", maker, reader))
        if member.ready:
            found.append(("work", name))
        elif any(inlet._back for inlet in member.inlets.values()):
            found.append(("idle", name))
        elif not member._told_done and member.crew.done and member.hub.settled:
            found.append(("done", name))
        if self.hurried and any(f.live and f.waiting and f._n < self.frames for f in member.crew.feeds.values()):
            found.append(("capture", name))
        return found

    def do(self, action: Action, check: bool = True) -> None:
        """Let it happen, then look at everything."""
        self.trace.append(action)
        getattr(self, "_" + action[0])(*action[1:])
        if self.prompt and action[0] in TURNS and who(action) in self.members:
            self._promptly(self.members[who(action)])
        if check:
            self.check()

    def _promptly(self, member: Member) -> None:
        """Take at once the turns that change nothing but when a message sets out."""
        if not member.ready:
            member._flush(all=True)
        if not member._told_done and not member.ready and member.crew.done and member.hub.settled:
            member._tell_done()

    def _hear(self, name: str) -> None:
        member = self.members[name]
        member.hear()
        if member._parting:
            self.office.leave(name)

    def _down(self, reader: str, maker: str) -> None:
        dealer = self.dealers[reader, maker]
        dealer.inbox.append(dealer.coming.popleft())
        for inlet in dealer.member.inlets.values():
            inlet.receive()
        dealer.member._flush()

    def _up(self, maker: str, reader: str) -> None:
        dealer = self.dealers[reader, maker]
        router = dealer.router
        assert router is not None
        router.peers[dealer.identity] = dealer
        router.inbox.append([dealer.identity, dealer.going.popleft()])
        router.member.hub.receive()

    def _work(self, name: str) -> None:
        whole = self.whole
        before = [self._admitted(source) for source in self.plan.sources]
        self.members[name].work()
        after = [self._admitted(source) for source in self.plan.sources]
        if whole:
            self.safe |= {pair for pair, old in zip(after, before, strict=True) if pair != old}

    def _admitted(self, source: str) -> tuple[str, int]:
        return source, self.office.ledger.cells[self.office.ledger.row("source", source) + LAST_N]

    def _finished(self, source: str) -> int:
        """The last frame that every sink that must have it has finished."""
        cells, row = self.office.ledger.cells, self.office.ledger.row
        edges = [edge for sink in self.main_sinks for edge in self.plan.edges if edge.reader == sink and source in edge.sources]
        return int(min(cells[row("edge", edge.index, source) + DONE_N] for edge in edges))

    @property
    def main_sinks(self) -> list[str]:
        """Those that leave nothing out."""
        thin = {edge.reader for edge in self.plan.edges if edge.every > 1 or edge.side}
        return [sink for sink in self.plan.sinks if sink not in thin]

    @property
    def whole(self) -> bool:
        """Is everybody there, and has met everybody?"""
        names = {f"{name}/{handle.generation}".encode() for name, handle in self.office.workers.items()}
        met = all(
            member.hub._readers.get(outlet.reader) in names
            for member in self.members.values()
            for outlet in member.hub.outlets.values()
        )
        return len(self.members) == len(self.plan.workers) and not self.dead and met

    def _idle(self, name: str) -> None:
        self.members[name]._flush(all=True)

    def _done(self, name: str) -> None:
        self.members[name]._tell_done()

    def _capture(self, name: str) -> None:
        for feed in self.members[name].crew.feeds.values():
            if feed.live and feed.waiting:
                feed.turn()

    def _drain(self) -> None:
        self.office.drain("terminated")

    def _reap(self, name: str) -> None:
        self.bury(name)
        self.office.reap(name)

    def _restart(self, name: str) -> None:
        self.office._restart(self.office.workers[name])

    def _kill(self, name: str, k: int = 0, then: Action = ()) -> None:
        """Kill a worker: now, or at the k-th event of what it does next."""
        member = self.members[name]
        self.kills += 1
        self.fired = False
        if k:
            member.ledger.cells = Fused(member.ledger.cells, self)
            self._fuse = k
            try:
                getattr(self, "_" + then[0])(*then[1:])
            except Killed:
                pass
            finally:
                self.fired = self._fuse == 0
                self._fuse = -1
        self.dead.add(name)
        self.safe = {(source, n) for source, n in self.safe if self._finished(source) >= n}

    @property
    def over(self) -> bool:
        return all(handle.ended for handle in self.office.workers.values())

    # -- what must hold ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        ledger = self.office.ledger
        for edge in self.plan.edges:
            for source in edge.sources:
                left = ledger.in_flight(ledger.row("edge", edge.index, source))
                assert left >= 0, f"{edge.key} of {source}: {-left} more came out than went in"
        for name, member in self.members.items():
            if name not in self.dead:
                self._check_member(member)

    def _check_member(self, member: Member) -> None:
        for node in member.crew.engine.nodes.values():
            for outlet in node.outlets:
                # What tells of the lost takes a credit for each camera; what a dead live reader does not get takes any number.
                most = outlet.edge.window
                least = -self.plan.born * (1 if outlet.edge.policy == "all" else self.frames + 1)
                assert least <= outlet.credit <= most, f"{outlet.edge.key} has {outlet.credit} credits of {most}"
                if isinstance(outlet, LinkOutlet):
                    for _, item in (*outlet.unfinished, *outlet._again):
                        if item.slot is not None:
                            assert item.slot.base[0] == item.n, f"{outlet.edge.key}: the slot of {item.n} was written again"
                            assert outlet.edge.index in item.slot.leases
            for lanes in node.lanes.values():
                for port, lane in lanes.items():
                    self._check_lane(f"{node.plan.name}.{port}", lane)

    def _check_lane(self, name: str, lane: Lane) -> None:
        numbers = [item.n for item in lane.queue]
        assert numbers == sorted(set(numbers)), f"{name} holds {numbers}"
        for item in lane.queue:
            assert item.reason or (np.asarray(item.value) == item.n).all(), f"{name}: frame {item.n} is torn: {item.value}"

    def check_end(self) -> None:
        """What must hold when everything has drained."""
        ledger = self.office.ledger
        assert self.office.code == 0, self.office.reason
        for edge in self.plan.edges:
            for source in edge.sources:
                left = ledger.in_flight(ledger.row("edge", edge.index, source))
                assert left == 0, f"{edge.key} of {source}: {left} are in flight at the end"
        if not self.kills:
            for source in self.plan.sources:
                self._check_source(ledger, source)
        for member in self.members.values():
            assert self.finished(member) and member.hub.settled
            for node in member.crew.engine.nodes.values():
                assert not any(lane.queue for lanes in node.lanes.values() for lane in lanes.values())
                assert not any(o.unfinished or o._again for o in node.outlets if isinstance(o, LinkOutlet))
                assert all(o.credit == o.edge.window for o in node.outlets if isinstance(o, CallOutlet))
        for stage in self.main_sinks:
            for source, n in self.safe:
                if source not in self.plan.stage(stage).sources:
                    continue
                times = [m for m, _ in self.shown[stage, source]].count(n)
                assert times == 1, f"{stage} showed frame {n} of {source} {times} times, though nobody died while it was on"
        for member in self.members.values():
            for slots in member.arena._pools.values():
                assert all(slot.free for slot in slots), f"{member.me.name} ends with slots in use"

    def finished(self, member: Member) -> bool:
        return member.crew.done

    def _check_source(self, ledger: Ledger, source: str) -> None:
        row = ledger.row("source", source)
        captured, admitted = ledger.cells[row + CAPTURED], ledger.cells[row + ADMITTED]
        lost = sum(ledger.cells[row + SOURCE_LOST : row + SOURCE])
        assert captured == admitted + lost, f"{source}: {captured} captured, {admitted} admitted, {lost} dropped"

    # -- running ----------------------------------------------------------------------------------------------------------

    def run(self, choose: Callable[[list[Action]], Action], most: int = 4000) -> None:
        """Go on until all has ended. Raises AssertionError with the schedule in its trace where nothing can happen."""
        for _ in range(most):
            if self.over:
                return self.check_end()
            enabled = self.enabled()
            if not enabled:
                break
            self.do(choose(enabled))
        raise AssertionError(f"stuck after {len(self.trace)} steps:\n{self.describe()}")

    def describe(self) -> str:
        """Where everything is, for whoever reads a failure."""
        lines = []
        for name, member in self.members.items():
            for node in member.crew.engine.nodes.values():
                ends = [
                    f"{s}.{p}:{[i.n for i in q.queue]}{q.settled if q.settled >= 0 else ''}{'.' * q.ended}"
                    for s, ls in node.lanes.items()
                    for p, q in ls.items()
                ]
                outs = [
                    f"{o.edge.key} credit {o.credit} {[i.n for _, i in o.unfinished] if isinstance(o, LinkOutlet) else ''}"
                    for o in node.outlets
                ]
                lines.append(f"  {name}/{member.order.generation} {node.plan.name} ended {sorted(node.ended)} {ends} -> {outs}")
        return "\n".join(lines)

    def signature(self) -> Any:
        """What tells this state from others: two worlds of equal signature have the same future."""
        office = self.office
        books = tuple(office.ledger.cells[row + i] for key, row in office.ledger.rows.items() for i in _FIELDS.get(key[0], ()))
        wires = tuple(
            (key, tuple(_untimed(message) for message in dealer.coming), tuple(dealer.going), dealer.router is not None)
            for key, dealer in sorted(self.dealers.items())
            if dealer.coming or dealer.going
        )
        controls = tuple((name, tuple(str(message) for _, message in queue)) for name, queue in self.controls.items())
        handles = tuple((h.generation, h.ended, h.done, h.alive, tuple(sorted(h.waits_for))) for h in office.workers.values())
        members = tuple(_of_member(member) for _, member in sorted(self.members.items()))
        return books, wires, controls, handles, members, tuple(sorted(self.dead)), tuple(map(tuple, self.shown.values()))


_FIELDS = {"edge": range(BOOK), "source": [i for i in range(SOURCE) if i != SEEN_NS], "worker": range(AT_N + 1)}


def _untimed(message: list[bytes]) -> tuple[bytes, ...]:
    """A message without its two times."""
    return (message[0][:18], message[0][34:], *message[1:])


def _of_member(member: Member) -> Any:
    nodes = member.crew.engine.nodes.values()
    lanes = tuple(_of_lane(lane) for node in nodes for ports in node.lanes.values() for lane in ports.values())
    outlets = tuple(_of_outlet(outlet) for node in nodes for outlet in node.outlets)
    inlets = tuple((inlet._fresh, inlet._urgent, tuple(inlet._back)) for inlet in member.inlets.values())
    feeds = tuple((feed._n, feed._box.n if feed._box else -1, feed.done) for feed in member.crew.feeds.values())
    past = tuple((tuple(sorted(node.ended)), tuple(node.last.items())) for node in nodes)
    return member.order.generation, member.going, member._told_done, lanes, outlets, inlets, feeds, past


def _of_lane(lane: Lane) -> Any:
    return tuple((item.n, item.reason) for item in lane.queue), lane.ended, lane.settled, lane.last


def _of_outlet(outlet: Any) -> Any:
    if not isinstance(outlet, LinkOutlet):
        return outlet.credit
    unfinished, again = (
        tuple((source, item.n, item.reason, item.slot.offset if item.slot else -1) for source, item in items)
        for items in (outlet.unfinished, outlet._again)
    )
    return outlet.credit, outlet.up, outlet.bereft, tuple(outlet.ended), tuple(outlet._unsaid), unfinished, again
