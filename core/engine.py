"""The engine: runs the stages of one process, frame by frame. Workers add links to it; the one-process runner adds nothing.

A stage runs for a frame when its inputs are there (or settled) and every edge that must have its output has credit. Stages
nearer to the sinks go first, so what has been started is finished before more is begun. Valid Python 3.7.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import numpy as np

from edge.core.errors import EdgeError, located
from edge.core.flow import CallOutlet, Item, Lane, Outlet, next_frame
from edge.core.frame import Drop, Frame
from edge.core.ledger import (
    AGES,
    AT_N,
    AT_SINCE_NS,
    AT_SOURCE,
    AT_STAGE,
    BRANCHES,
    COVERED,
    DONE,
    FIRST_NS,
    FRAMES,
    LAST_NS,
    ROUTES,
    SEEN_N,
    SPENT_NS,
    TIMES,
    Ledger,
)
from edge.core.plan import EdgePlan, Plan, StagePlan
from edge.core.stage import Stage

log = logging.getLogger("edge")

ERRORS_IN_A_ROW = 5
"""So many frames lost to exceptions, one after the other, and the stage is taken for broken."""

GAP = 0.5
"""Seconds on a source's clock after which a previous frame's value is no longer used."""


class Broken(Exception):
    """A stage raised on too many frames in a row: this process should be replaced."""


class Loop:
    """What a previous-port reads: the value made for the newest frame of each camera, kept in the run's memory."""

    def __init__(self, edge: EdgePlan, memory: Any) -> None:
        self.name = f"{edge.maker}.{edge.value}"
        self.memory = memory
        self.initial = np.zeros(edge.spec.shape or (), edge.spec.dtype)
        self.initial.flags.writeable = False

    def read(self, frame: Frame) -> np.ndarray:
        kept = self.memory.get((frame.source, self.name))
        if kept is None or not 0 <= frame.time - self.memory.time(frame.source, self.name) <= GAP:
            return self.initial
        return kept  # type: ignore[no-any-return]

    def write(self, frame: Frame, value: np.ndarray) -> None:
        self.memory.put((frame.source, self.name), value, frame.time)


class Node:
    """A stage at work: its lanes by camera and port, its outlets, its loops."""

    def __init__(self, plan: StagePlan, stage: Stage, ledger: Ledger) -> None:
        self.stage = stage
        self.ledger = ledger
        self.lanes: Dict[str, Dict[str, Lane]] = {}
        self.queues: List[Tuple[str, List[Lane]]] = []
        self.outlets: List[Outlet] = []
        self.loops_in: Dict[str, Loop] = {}
        self.loops_out: List[Tuple[str, Loop]] = []
        self.room: Callable[[], bool] = _always
        self.wants_frame = "frame" in names_of(stage.process)
        self.optional: Set[str] = {port.name for port in plan.ports if port.optional}
        self.visits: Dict[str, int] = {}
        self.row = ledger.row("stage", plan.name)
        self.errors = 0
        self.last: Dict[str, int] = {}
        self.ended: Set[str] = set()
        self.touched: Dict[str, float] = {}
        self.frames: Dict[str, Frame] = {}
        self.follow(plan)

    def follow(self, plan: StagePlan) -> None:
        """The same stage, with the cameras that it has now."""
        self.plan = plan
        for source in [name for name in self.lanes if name not in plan.sources]:
            for lane in self.lanes.pop(source).values():
                lane.abandon()
            self.ended.discard(source)
            for kept in (self.visits, self.last, self.touched, self.frames):
                kept.pop(source, None)
        for source in plan.sources:
            if source not in self.lanes:
                self.lanes[source] = {}
                self.visits[source] = self.ledger.row("visit", plan.name, source)
                self.last[source] = -1

    def next(self) -> Optional[Tuple[str, int]]:
        """The camera and frame to run now: of those that are ready and have room to go, the one whose turn is longest ago. By
        the age of their frames they would not have equal shares: whose picture comes just after its turn waits less."""
        best, longest = None, (float("inf"), float("inf"))
        for source, lanes in self.queues:
            n = next_frame(lanes)
            if n is not None and self.open_for(source):
                waits = self.touched.get(source, 0.0), min(lane.queue[0].born for lane in lanes if lane.queue)
                if waits < longest:
                    best, longest = (source, n), waits
        return best

    def open_for(self, source: str) -> bool:
        for outlet in self.outlets:
            if not outlet.open_for(source):
                return False
        return self.room()


def _always() -> bool:
    return True


class Engine:
    """The stages of one worker. `step` does the next piece of work, if there is any."""

    def __init__(
        self, plan: Plan, names: List[str], stages: Dict[str, Stage], ledger: Ledger, memory: Any, **more: Any
    ) -> None:
        self.ledger = ledger
        self.memory = memory
        self.poisoned: Set[Tuple[str, str, int]] = more.get("poisoned", set())
        self.row: int = ledger.row("worker", more["worker"])
        self.prepare: Callable[[Node, str, Any], Any] = more.get("prepare", _stays)
        self.flush: Callable[[], None] = more.get("flush", _nothing)
        self.trace: Any = None
        """A Tracer while the run is traced."""
        self.nodes: Dict[str, Node] = {}
        self.follow(plan, names, stages)

    def follow(self, plan: Plan, names: List[str], stages: Dict[str, Stage]) -> None:
        """Run these stages by this plan; those that are at work already go on, with the cameras that they have now."""
        self.plan = plan
        self._numbers = plan.numbers
        self.poisoned = {(stage, source, n) for stage, source, n in self.poisoned if source in self._numbers}
        nodes, self.nodes = self.nodes, {}
        for name in names:
            node = nodes.get(name)
            if node is None:
                node = Node(plan.stage(name), stages[name], self.ledger)
            else:
                node.follow(plan.stage(name))
            self.nodes[name] = node
        self.order = [self.nodes[name] for name in reversed(names)]
        for edge in plan.edges:
            if edge.reader in self.nodes:
                self._enter(edge)
        there = {edge.index for edge in plan.edges}
        for node in self.order:
            node.outlets = [outlet for outlet in node.outlets if outlet.edge.index in there]
            node.queues = [(source, list(lanes.values())) for source, lanes in node.lanes.items() if lanes]
        self._at_work = [node for node in self.order if not node.plan.is_source]

    def _enter(self, edge: EdgePlan) -> None:
        """Wire the reader's end of an edge, and the maker's where it is in this process too."""
        reader, maker = self.nodes[edge.reader], self.nodes.get(edge.maker)
        if edge.previous:
            self._close_loop(edge, reader)
            return
        lanes = {source: self._lane(edge, reader, source, maker is not None) for source in edge.sources}
        if maker is None:
            return
        for outlet in maker.outlets:
            if outlet.edge.index == edge.index and isinstance(outlet, CallOutlet):
                outlet.lanes = lanes
                outlet.follow(edge)
                return
        maker.outlets.append(CallOutlet(edge, self.ledger, lanes))

    def _close_loop(self, edge: EdgePlan, reader: Node) -> None:
        if edge.port not in reader.loops_in:
            loop = reader.loops_in[edge.port] = Loop(edge, self.memory)
            self.nodes[edge.maker].loops_out.append((edge.value, loop))

    def _lane(self, edge: EdgePlan, reader: Node, source: str, here: bool) -> Lane:
        lanes = reader.lanes[source]
        if edge.port not in lanes:
            lane = lanes[edge.port] = Lane(self.ledger, self.ledger.row("edge", edge.index, source))
            if here and not reader.plan.is_sink:
                lane.last = -1  # a frame that a source makes again, for a reader further on, passes here again
        return lanes[edge.port]

    def lane(self, edge: EdgePlan, source: str) -> Lane:
        return self.nodes[edge.reader].lanes[source][edge.port]

    # -- frames ---------------------------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Run one stage on one frame, or pass on one end; False when there is nothing to do."""
        for node in self._at_work:
            ready = node.next()
            if ready is not None:
                self._visit(node, *ready)
                return True
        return any(self._pass_end(node) for node in self._at_work)

    def emit(self, node: Node, source: str, item: Item, values: Optional[Dict[str, Any]]) -> None:
        """Send what a stage made for a frame (None: the tombstone `item`) on all its edges."""
        planes: Dict[str, Any] = {}
        began = 0.0 if self.trace is None else time.monotonic()
        for outlet in node.outlets:
            value = outlet.edge.value
            out = Item(item.n, item.time, item.born, reason=item.reason)
            if values is not None and not item.reason:
                if value not in planes:
                    planes[value] = self._placed(node, source, item.n, value, values[value])
                made = planes[value]
                if isinstance(made, Drop):
                    out.reason = made.reason
                else:
                    out.value, out.slot = made
            outlet.send(source, out)
        if self.trace is not None and node.outlets:
            self.trace.span("send", node.plan.name, source, item.n, began, time.monotonic())

    def _placed(self, node: Node, source: str, n: int, name: str, value: Any) -> Any:
        """What `prepare` makes of a value; a trace tells how long it took where it was copied."""
        if self.trace is None:
            return self.prepare(node, name, value)
        began = time.monotonic()
        made = self.prepare(node, name, value)
        if isinstance(made, Drop):
            self.trace.mark("lost", node.plan.name, source, n, made.reason)
        elif made[1] is not None and not np.may_share_memory(made[0], value):
            self.trace.span("copy", node.plan.name, source, n, began, time.monotonic())
        return made

    def _visit(self, node: Node, source: str, n: int) -> None:
        lanes = node.lanes[source]
        items = {port: lane.take(n) for port, lane in lanes.items()}
        if n <= node.last[source]:
            return self._too_late(lanes, items)
        node.last[source] = n
        self.flush()  # the credits go out before the work begins, so that the next frame comes meanwhile
        there = [item for item in items.values() if item is not None]
        first = next((item for item in there if not item.reason), there[0])  # a successor's tombstone knows no time
        frame = Frame(source, n, first.time, first.born)
        node.touched[source] = time.monotonic()
        node.frames[source] = frame
        for port, item in items.items():
            if item is None or item.reason:
                frame.lost[port] = item.reason if item else "worker_died"
        reason, made = self._run(node, frame, {port: item.value for port, item in items.items() if item is not None})
        self.emit(node, source, Item(n, first.time, first.born, reason=reason), made and _own(made, items))
        for port, item in items.items():
            if item is not None:
                lanes[port].finish(item, reason)
        self._account(node, frame, reason, made)

    def _too_late(self, lanes: Dict[str, Lane], items: Dict[str, Optional[Item]]) -> None:
        """What a dead maker's successor gives for a frame that has gone on without it."""
        for port, item in items.items():
            if item is not None:
                lanes[port].finish(item, "late")

    def _run(self, node: Node, frame: Frame, values: Dict[str, Any]) -> Tuple[str, Optional[Dict[str, Any]]]:
        """(reason, None) where the frame is lost at this stage, else ("", what it made)."""
        for port, reason in frame.lost.items():
            if port not in node.optional:
                return reason, None
            values[port] = None
        if (node.plan.name, frame.source, frame.n) in self.poisoned:
            return "quarantined", None
        if self.plan.max_age and node.plan.live and time.monotonic() - frame.born > self.plan.max_age:
            return "too_old", None
        for port, loop in node.loops_in.items():
            values[port] = loop.read(frame)
        if node.wants_frame:
            values["frame"] = frame
        return self._process(node, frame, values)

    def _process(self, node: Node, frame: Frame, values: Dict[str, Any]) -> Tuple[str, Optional[Dict[str, Any]]]:
        began = time.monotonic()
        if self.trace is not None:
            self.trace.begin()
        self._mark(node, frame, began)
        try:
            made = node.stage.process(**values) or {}
            missing = [name for name in node.plan.makes if name not in made]
            if missing:
                raise TypeError("process returned no '{}'".format("', '".join(missing)))
        except Drop as drop:
            return drop.reason, None
        except EdgeError as error:
            raise located(node.plan.name, error) from None
        except Exception as error:
            self._failed(node, frame, error)
            return "stage_error", None
        finally:
            self._spent(node, frame, began)
        node.errors = 0
        for name, loop in node.loops_out:
            loop.write(frame, made[name])
        return "", made

    def _failed(self, node: Node, frame: Frame, error: Exception) -> None:
        node.errors += 1
        if node.errors == 1:
            name, what = node.plan.name, type(error).__name__
            about = {"stage": name, "camera": frame.source, "n": frame.n}
            log.error("%s: frame %s of %s lost: %s: %s", name, frame.n, frame.source, what, error, extra=about)
            log.debug("%s", name, exc_info=True, extra=about)
        if node.errors >= ERRORS_IN_A_ROW:
            raise Broken(
                f"stage '{node.plan.name}' failed on {node.errors} frames in a row, last with {type(error).__name__}: {error}"
            ) from error

    def _mark(self, node: Node, frame: Frame, now: float) -> None:
        """Note what this process is at, where the supervisor finds it if the process dies of it."""
        cells = self.ledger.cells
        cells[self.row + AT_SOURCE] = self._numbers[frame.source]
        cells[self.row + AT_N] = frame.n
        cells[self.row + AT_SINCE_NS] = int(now * 1e9)
        cells[self.row + AT_STAGE] = node.row

    def _spent(self, node: Node, frame: Frame, began: float) -> None:
        ended = time.monotonic()
        cells, seconds = self.ledger.cells, ended - began
        cells[self.row + AT_STAGE] = -1
        cells[node.row + FRAMES] += 1
        cells[node.row + SPENT_NS] += int(seconds * 1e9)
        self.ledger.time(node.row + TIMES, seconds)
        if self.trace is not None:
            self.trace.processed(node.plan.name, frame.source, frame.n, began, ended)

    def _account(self, node: Node, frame: Frame, reason: str, made: Optional[Dict[str, Any]]) -> None:
        cells, visit = self.ledger.cells, node.visits[frame.source]
        cells[visit + SEEN_N] = frame.n
        if reason:
            if self.trace is not None and reason not in frame.lost.values():
                self.trace.mark("lost", node.plan.name, frame.source, frame.n, reason)
            return
        cells[visit + DONE] += 1
        cover = made.get("cover") if made else ""
        if cover:
            self.ledger.lost(visit + COVERED, cover)
            if self.trace is not None:
                self.trace.mark("cover", node.plan.name, frame.source, frame.n, cover)
        route = (made or {}).get("route", "full") if node.plan.network else ""
        if route in BRANCHES:
            cells[node.row + ROUTES + BRANCHES.index(route)] += 1
        if node.plan.is_sink:
            now = time.monotonic()
            self.ledger.time(node.row + AGES, now - frame.born)
            cells[node.row + FIRST_NS] = cells[node.row + FIRST_NS] or int(now * 1e9)
            cells[node.row + LAST_NS] = int(now * 1e9)

    # -- ends and ticks -------------------------------------------------------------------------------------------------

    def _pass_end(self, node: Node) -> bool:
        for source, lanes in node.queues:
            if lanes[0].ended and source not in node.ended and all(lane.dry for lane in lanes):
                self.end(node, source)
                return True
        return False

    def end(self, node: Node, source: str) -> None:
        """No more frames of this camera come out of this stage."""
        node.ended.add(source)
        for outlet in node.outlets:
            if source in outlet.books:
                outlet.end(source)

    def has_left(self, source: str) -> bool:
        """True when nothing more of this camera will happen here."""
        return all(source in node.ended for node in self.order if source in node.plan.sources)

    @property
    def done(self) -> bool:
        return all(len(node.ended) == len(node.plan.sources) for node in self.order)

    def tick(self) -> None:
        """Let stages that declare it speak up for the live cameras that have gone quiet."""
        now = time.monotonic()
        for node in self.order:
            patience = node.stage.tick_after
            if patience is None or not node.plan.live:
                continue
            for source in node.plan.sources:
                if source not in node.ended and now - node.touched.setdefault(source, now) > patience:
                    node.touched[source] = now
                    self._show(node, source, node.stage.tick(source))

    def _show(self, node: Node, source: str, made: Optional[Dict[str, Any]]) -> None:
        """Hand what `tick` made to the displays in this process. It is no frame: no book counts it."""
        if made is None:
            return
        now = time.monotonic()
        last = node.frames.get(source)
        frame = Frame(source, last.n if last else -1, now, now)
        for outlet in node.outlets:
            if isinstance(outlet, CallOutlet) and source in outlet.books and outlet.edge.value in made:
                reader = self.nodes[outlet.edge.reader]
                others = set(reader.lanes[source]) - {outlet.edge.port}
                if reader.stage.takes_ticks and others <= reader.optional:
                    values = {**dict.fromkeys(others), outlet.edge.port: made[outlet.edge.value]}
                    with contextlib.suppress(Drop):  # a sink that is busy need not show it
                        reader.stage.process(**dict(values, frame=frame) if reader.wants_frame else values)


def _nothing() -> None:
    pass


def _stays(node: Node, name: str, value: Any) -> Tuple[Any, None]:
    return read_only(value), None


def read_only(value: Any) -> Any:
    """A plane as its readers get it; a fact as it is."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value = value.view()
        value.flags.writeable = False
    return value


def _own(made: Dict[str, Any], items: Dict[str, Optional[Item]]) -> Dict[str, Any]:
    """What a stage passes on of memory that is only lent to it is copied: it is given back when the stage has returned."""
    lent = [item.value for item in items.values() if item is not None and item.lent and isinstance(item.value, np.ndarray)]
    for name, value in made.items():
        if isinstance(value, np.ndarray) and any(np.may_share_memory(value, other) for other in lent):
            made = dict(made, **{name: np.array(value)})
    return made


def names_of(process: Any) -> Set[str]:
    """The parameters of a bound `process`."""
    code = process.__func__.__code__
    return set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
