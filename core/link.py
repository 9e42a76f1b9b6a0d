"""Links: edges between workers. A ROUTER at the maker, a DEALER at each reader; descriptors one way, credits and releases back.

A message is a fixed header, and the value itself only where it is a small fact (msgpack). Planes stay in the maker's arena; the
header says where. Queues are bounded by credits, never by a high-water mark, which small messages slip past.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from typing import Any

import msgspec
import numpy as np
import zmq

from edge.core.arena import Arena, View
from edge.core.engine import read_only
from edge.core.flow import Item, Lane, Outlet, settle
from edge.core.frame import REASONS, Drop
from edge.core.ledger import COPIED, DONE_N, LOST_BY_MAKER, SENT_N, Ledger
from edge.core.plan import EdgePlan, Plan

# kind, reason, edge, source, n, time, born, offset, dtype, rank, shape
_HEADER = struct.Struct("<BBIIqddQBB4I")
_VALUE, _PLANE, _LOST, _OVER, _END = range(5)
_BACK = struct.Struct("<BIIq")  # kind, edge, source, n
_CREDIT, _RELEASE = range(2)
_HELLO, _HELLO_AGAIN = b"hello", b"hello again"  # from a reader that has nothing yet; from one that knew a predecessor
_DTYPES = [np.dtype(name) for name in ("uint8", "float32", "uint16", "int32", "float64", "int64", "float16", "bool", "int16")]
_DTYPE_CODES = {dtype: i for i, dtype in enumerate(_DTYPES)}


class LinkOutlet(Outlet):
    """The maker's end of an edge to another worker. It remembers what the reader has not finished, in order."""

    def __init__(self, edge: EdgePlan, ledger: Ledger, hub: Hub, reader: str, numbers: dict[str, int]) -> None:
        self.hub = hub
        self.reader = reader
        self.numbers = numbers
        self.unfinished: deque[tuple[str, Item]] = deque()
        self._again: deque[tuple[str, Item]] = deque()
        self._unsaid: list[str] = []
        self.begins: dict[str, int] = {}
        """Camera → the last frame that will not be made again, where this is the successor of a dead maker."""
        super().__init__(edge, ledger)
        self.up = False
        self.bereft = False
        self.credit = 0

    def follow(self, edge: EdgePlan) -> None:
        """What is under way of a camera that is gone is given up, once its reader knows as well; its credits come back from
        there."""
        super().follow(edge)
        for source, item in [*self.unfinished, *self._again]:
            if source not in self.books:
                self.hub.gone.append((self.edge.index, item))
        self.unfinished = deque(entry for entry in self.unfinished if entry[0] in self.books)
        self._again = deque(entry for entry in self._again if entry[0] in self.books)
        self._unsaid = [source for source in self._unsaid if source in self.books]
        self.begins = {source: n for source, n in self.begins.items() if source in self.books}

    def open_for(self, source: str) -> bool:
        if self.bereft and self.edge.policy == "live":
            return True  # frames go on without this reader, as tombstones: the picture must not freeze
        return super().open_for(source) and (self.edge.side or not self._again)

    def send(self, source: str, item: Item) -> None:
        if self.bereft and self.edge.policy == "live" and not item.reason:
            item = Item(item.n, item.time, item.born, reason="worker_died")
        super().send(source, item)

    def deliver(self, source: str, item: Item) -> None:
        if not self.up:
            return
        if item.slot is not None:
            item.slot.leases.add(self.edge.index)
        self.unfinished.append((source, item))
        self._post(source, item)

    def _post(self, source: str, item: Item) -> None:
        head, body = self._packed(source, item)
        self.hub.post(self.reader, [head, body] if body else [head])

    def _packed(self, source: str, item: Item) -> tuple[bytes, bytes]:
        place: tuple[Any, ...] = (0, 0, 0, 0, 0, 0, 0)
        kind, body = _LOST if item.reason else _VALUE, b""
        if item.slot is not None:
            array = item.value
            kind = _PLANE
            place = (item.slot.offset, _DTYPE_CODES[array.dtype], array.ndim, *array.shape, *(0,) * (4 - array.ndim))
        elif not item.reason:
            body = msgspec.msgpack.encode(item.value)
        reason = REASONS.index(item.reason) if item.reason else 0
        numbers = (kind, reason, self.edge.index, self.numbers[source], item.n, item.time, item.born)
        return _HEADER.pack(*numbers, *place), body

    def end(self, source: str) -> None:
        self.ended.append(source)
        self._unsaid.append(source)
        self._resume()

    def pass_over(self, source: str, n: int) -> None:
        if self.up:
            self._post_word(_OVER, source, n)

    def _post_word(self, kind: int, source: str, n: int = 0) -> None:
        head = (kind, 0, self.edge.index, self.numbers[source], n, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0)
        self.hub.post(self.reader, [_HEADER.pack(*head)])

    # -- what comes back ---------------------------------------------------------------------------------------------------

    def credited(self) -> None:
        self.credit += 1
        self._resume()

    def released(self, source: str, n: int) -> None:
        """The reader has finished with frame n of this camera."""
        for entry in self.unfinished:
            if entry[0] == source and entry[1].n == n:
                self.unfinished.remove(entry)
                self._free(entry[1])
                return

    def _free(self, item: Item) -> None:
        _free(self.edge.index, item)

    def hello(self) -> None:
        """A reader, or its successor, is there: what its predecessor had not finished is given once more, in order."""
        self.up, self.bereft = True, False
        self.credit = self.edge.window
        self._again, self.unfinished = self.unfinished, deque()
        if not self.edge.side:
            self._tell_of_the_lost()
        self._resume()

    def _tell_of_the_lost(self) -> None:
        """Frames that nobody took while the reader was dead, and those that were lost with this maker's predecessor, are
        settled by one tombstone per camera, the newest: it passes through the reader to all who wait for them further on."""
        for source, book in self.books.items():
            n = self.begins.get(source, -1)
            if self.edge.policy == "live":
                n = max(n, int(self.ledger.cells[book + SENT_N]))
            if n > self.ledger.cells[book + DONE_N] and self.edge.every > 1:
                self.pass_over(source, n)
            elif n > self.ledger.cells[book + DONE_N]:
                now = time.monotonic()
                self.credit -= 1
                self._post(source, Item(n, now, now, reason="worker_died"))

    def _resume(self) -> None:
        """Resend what a dead reader left, as credits come; then what ended."""
        while self._again and self.credit > 0:
            source, item = entry = self._again.popleft()
            self.credit -= 1
            self.unfinished.append(entry)
            self._post(source, item)
        if self.up and not self._again:
            for source in self._unsaid:
                self._post_word(_END, source)
            self._unsaid = []

    def lost(self) -> None:
        """The reader died. Mend the book: what it finished is finished; of the rest, a lossless edge keeps all for the
        successor, a live one gives it up."""
        self.bereft = self.bereft or self.up
        self.up = False
        self.credit = 0
        self._unsaid = list(self.ended)
        self.unfinished.extend(self._again)
        self._again = deque()
        kept: deque[tuple[str, Item]] = deque()
        for source, item in self.unfinished:
            finished = item.n <= self.ledger.cells[self.books[source] + DONE_N]
            if finished or self.edge.policy != "all":
                self._free(item)
            else:
                kept.append((source, item))
        self.unfinished = kept
        for source, book in self.books.items():
            mine = sum(1 for s, item in kept if s == source and not item.reason)
            gone = self.ledger.in_flight(book) - mine
            if gone > 0:
                self.ledger.lost(book + LOST_BY_MAKER, "worker_died", gone)

    @property
    def settled(self) -> bool:
        """True when nothing of this edge is under way."""
        return not self.unfinished and not self._again

    def carries(self, source: str) -> bool:
        return any(entry[0] == source for entry in [*self.unfinished, *self._again])


def _free(edge: int, item: Item) -> None:
    if item.slot is not None:
        item.slot.leases.discard(edge)
    item.value = None


class Hub:
    """All outgoing links of a worker: one ROUTER."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, plan: Plan, ledger: Ledger, arena: Arena) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 2000
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self.socket.router_mandatory = True
        self.socket.bind(endpoint)
        self.arena = arena
        self.ledger = ledger
        self._numbers = plan.numbers
        self._names = {number: source for source, number in plan.numbers.items()}
        self.outlets: dict[int, LinkOutlet] = {}
        self._readers: dict[str, bytes] = {}
        self.gone: list[tuple[int, Item]] = []
        """What was under way of cameras that are gone, by edge, while a reader may still look at it."""

    def add(self, edge: EdgePlan, reader: str) -> LinkOutlet:
        outlet = self.outlets[edge.index] = LinkOutlet(edge, self.ledger, self, reader, self._numbers)
        if reader in self._readers:
            outlet.hello()  # it is there for other edges, and does not say so again
        return outlet

    def follow(self, plan: Plan) -> None:
        """Go over to a plan with other cameras: edges that are gone give up what is under way on them."""
        edges = {edge.index: edge for edge in plan.edges}
        self._numbers.clear()
        self._numbers.update(plan.numbers)
        self._names = {number: source for source, number in plan.numbers.items()}
        for index, outlet in list(self.outlets.items()):
            outlet.follow(edges.get(index) or _empty(outlet.edge))
            if index not in edges:
                del self.outlets[index]

    def give_up(self) -> None:
        """Everybody knows which cameras are gone: what was under way of them can be written over."""
        for edge, item in self.gone:
            _free(edge, item)
        self.gone = []

    def post(self, reader: str, parts: list[bytes]) -> None:
        try:
            self.socket.send_multipart([self._readers[reader], *parts], zmq.NOBLOCK, copy=True)
        except zmq.ZMQError:
            pass  # it has just died: the supervisor will say so, and everything unfinished is sent to its successor

    def receive(self) -> bool:
        """Handle all that has come back; True if there was anything."""
        any_ = False
        while self.socket.get(zmq.EVENTS) & zmq.POLLIN:
            identity, *parts = self.socket.recv_multipart(zmq.NOBLOCK)
            any_ = True
            if parts[0] in (_HELLO, _HELLO_AGAIN):
                self._hello(identity, parts[0] == _HELLO)
            elif identity in self._readers.values():
                self._back(parts[0])
        return any_

    def _back(self, data: bytes) -> None:
        """Credits and releases; those of an edge or a camera that is gone come too late to matter."""
        for kind, edge, number, n in _BACK.iter_unpack(data):
            outlet = self.outlets.get(edge)
            if outlet is not None and kind == _CREDIT:
                outlet.credited()
            elif outlet is not None:
                outlet.released(self._names.get(number, ""), n)

    def _hello(self, identity: bytes, fresh: bool) -> None:
        """A fresh reader has nothing: what the books say is under way was lost with its predecessor, though this process
        may never have met that one."""
        reader = identity.decode().rpartition("/")[0]
        if fresh or reader in self._readers:
            self._forget(reader)
        self._readers[reader] = identity
        for outlet in self.outlets.values():
            if outlet.reader == reader:
                outlet.hello()

    def closed(self, reader: str, generation: int) -> None:
        """A reader's process is dead, unless its successor has already said hello."""
        if self._readers.get(reader) == f"{reader}/{generation}".encode():
            self._forget(reader)

    def _forget(self, reader: str) -> None:
        self._readers.pop(reader, None)
        for outlet in self.outlets.values():
            if outlet.reader == reader:
                outlet.lost()

    @property
    def settled(self) -> bool:
        return all(outlet.settled for outlet in self.outlets.values())

    def has_left(self, source: str) -> bool:
        """True when nothing of this camera is under way from here."""
        return not any(outlet.carries(source) for outlet in self.outlets.values())

    def prepare(self, node: Any, name: str, value: Any) -> Any:
        """Put a plane that leaves this process into the arena, once, whoever reads it."""
        edges = [o for o in node.outlets if o.edge.value == name and isinstance(o, LinkOutlet)]
        if not edges:
            return read_only(value), None
        if not edges[0].edge.spec.is_plane:
            return _fact(value)
        if not isinstance(value, np.ndarray) or value.dtype not in _DTYPE_CODES or value.ndim > 4:
            return Drop("format")
        placed = self.arena.place(node.plan.name, name, value)
        if placed is None:
            return Drop("oversize")
        slot, copies = placed
        if copies:
            size, dtype = value.nbytes, value.dtype
            value = slot.base[:size].view(dtype).reshape(value.shape)
            for outlet in edges:
                self.ledger.add(next(iter(outlet.books.values())) + COPIED)
        return read_only(value), slot


def _empty(edge: EdgePlan) -> EdgePlan:
    return EdgePlan(edge.index, edge.maker, edge.reader, edge.port, edge.value, spec=edge.spec)


def _fact(value: Any) -> Any:
    """A small fact as its readers get it: what a message can carry, with numpy's numbers made plain."""
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value, enc_hook=_plain)), None
    except TypeError:
        return Drop("format")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no small fact")


class Inlet:
    """One incoming link: a DEALER to one generation of a maker's worker."""

    def __init__(self, context: zmq.Context[Any], me: str, lanes: dict[tuple[int, str], Lane], plan: Plan) -> None:
        self._context = context
        self._identity = me.encode()
        self.follow(lanes, plan)
        self._back: list[bytes] = []
        self._urgent = False
        self._fresh = True
        self._view: View | None = None
        self.socket: Any = None

    def follow(self, lanes: dict[tuple[int, str], Lane], plan: Plan) -> None:
        """The lanes that it fills, with the cameras that there are now."""
        self._lanes = lanes
        self._policy = {edge.index: edge.policy for edge in plan.edges}
        self._names = {number: source for source, number in plan.numbers.items()}

    def connect(self, endpoint: str, fd: int) -> None:
        """Meet the maker's worker, or its successor: another arena, another socket."""
        self.close()
        self._view = View(fd)
        self._back = []
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.identity = self._identity
        self.socket.linger = 2000
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self.socket.reconnect_ivl = 20
        self.socket.connect(endpoint)
        self.socket.send(_HELLO if self._fresh else _HELLO_AGAIN)
        for lane in self._lanes.values():
            lane.settled = -1

    def receive(self) -> bool:
        """Put all that has come into the lanes; True if there was anything."""
        any_ = False
        while self.socket is not None and self.socket.get(zmq.EVENTS) & zmq.POLLIN:
            any_ = True
            self._fresh = False
            self._took(*self.socket.recv_multipart(zmq.NOBLOCK))
        return any_

    def _took(self, head: bytes, body: bytes = b"") -> None:
        kind, reason, edge, number, n, time, born, offset, dtype, rank, *shape = _HEADER.unpack(head)
        lane = self._lanes.get((edge, self._names.get(number, "")))
        if lane is None:  # of a camera that is gone: the maker gets its credit and its slot back, unread
            if kind not in (_END, _OVER):
                self._say(self.socket, _CREDIT, edge, number, n)
                self._say(self.socket, _RELEASE, edge, number, n)
            return
        if kind == _END:
            lane.ended = True
            self._urgent = True  # the maker waits for the last releases before it goes
            return
        if kind == _OVER:
            lane.settled = max(lane.settled, n)
            return
        item = Item(n, time, born)
        if kind == _LOST:
            item.reason = REASONS[reason]
        elif kind == _PLANE:
            assert self._view is not None
            item.value = self._view.at(offset, tuple(shape[:rank]), _DTYPES[dtype])
            item.lent = True
        else:
            item.value = msgspec.msgpack.decode(body)
        socket = self.socket
        item.credit = lambda: self._say(socket, _CREDIT, edge, number, n)
        item.release = lambda: self._say(socket, _RELEASE, edge, number, n)
        lane.push(item)

    def _say(self, socket: Any, kind: int, edge: int, number: int, n: int) -> None:
        """Note a credit or release; one for a generation that is gone is of no use to anybody."""
        if socket is self.socket:
            self._back.append(_BACK.pack(kind, edge, number, n))
            lane = self._lanes.get((edge, self._names.get(number, "")))
            self._urgent = self._urgent or kind == _CREDIT or lane is None or lane.ended

    def flush(self, all: bool = True) -> None:
        """Send the noted credits and releases in one message. `all=False`: only if there is a credit, on which the maker may
        wait; a release alone can go with the next credit, since a slot is kept in reserve for it."""
        if self._back and (all or self._urgent) and self.socket is not None:
            self.socket.send(b"".join(self._back))
            self._back, self._urgent = [], False

    def closed(self) -> None:
        """The maker's worker is dead: take what still arrived, then settle what did not. What is said to the dead must not
        wait for somebody who comes by the same name."""
        self.receive()
        self.close(linger=0)
        for edge in {edge for edge, _ in self._lanes}:
            lanes = {(str(e), source): lane for (e, source), lane in self._lanes.items() if e == edge}
            settle(lanes, self._policy[edge])

    def close(self, linger: int | None = None) -> None:
        """`linger`: milliseconds to wait for what was said to be sent."""
        if self.socket is not None:
            self.flush()
            self.socket.close(linger)
            self.socket = None
