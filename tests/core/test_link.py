"""Links over real sockets: descriptors one way, credits and releases back, and a successor on either side."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import zmq
from model_of_flow import Draft

from edge.core.arena import Arena, allocate
from edge.core.engine import Engine, Node
from edge.core.flow import Item, Lane
from edge.core.frame import Drop
from edge.core.ledger import COPIED, LOST_BY_MAKER, LOST_BY_READER, Ledger
from edge.core.link import Hub, Inlet, LinkOutlet
from edge.core.plan import Plan
from edge.core.stage import Stage

PATIENCE = 10_000
"""Milliseconds to wait for a message that must come."""


def crossing(policy: str = "all") -> Plan:
    """camera (makes an image and a size) → show, in two processes. Two edges, window 2."""
    draft = Draft(policy, windows=2)
    draft.stage("camera", "maker", makes="image size")
    draft.stage("show", "reader", "image=camera.image size=camera.size")
    return draft.done()


class Maker:
    """The maker's process, one generation of it."""

    def __init__(self, ends: Ends, generation: int) -> None:
        plan = ends.plan
        worker = plan.workers[0]
        self.fd = allocate("arena maker", worker.arena_bytes)
        self.arena = Arena(self.fd, worker)
        self.place = f"ipc://{ends.folder}/m.{generation}"
        self.hub = Hub(ends.context, self.place, plan, ends.ledger, self.arena)
        self.node = Node(plan.stage("camera"), Stage(), ends.ledger)
        self.outlets: list[LinkOutlet] = [self.hub.add(edge, "reader") for edge in plan.edges]
        self.node.outlets.extend(self.outlets)

    def send(self, n: int) -> np.ndarray:
        """Render a picture that is full of n, and send it with its size."""
        made = self.arena.new("camera", "image", (2, 2, 3), np.dtype(np.uint8))
        made[:] = n
        for outlet, value in zip(self.outlets, (made, n), strict=True):
            placed = self.hub.prepare(self.node, outlet.edge.value, value)
            item = Item(n, n / 25, n / 10, placed[0])
            item.slot = placed[1]
            outlet.send("camera", item)
        return made

    def close(self) -> None:
        self.hub.socket.close(linger=0)
        os.close(self.fd)


class Reader:
    """The reader's process, one generation of it."""

    def __init__(self, ends: Ends, generation: int) -> None:
        self.lanes = {
            (e.index, "camera"): Lane(ends.ledger, ends.ledger.row("edge", e.index, "camera")) for e in ends.plan.edges
        }
        self.inlet = Inlet(ends.context, f"reader/{generation}", self.lanes, ends.plan)

    @property
    def image(self) -> Lane:
        return self.lanes[0, "camera"]

    @property
    def size(self) -> Lane:
        return self.lanes[1, "camera"]

    def take(self, n: int) -> list[Item]:
        items = [lane.take(n) for lane in self.lanes.values()]
        assert None not in items, f"frame {n} is not here: {[[i.n for i in lane.queue] for lane in self.lanes.values()]}"
        return [item for item in items if item is not None]

    def finish(self, n: int) -> None:
        for lane, item in zip(self.lanes.values(), self.take(n), strict=True):
            lane.finish(item)
        self.inlet.flush()

    def die(self) -> None:
        """Without a word."""
        self.inlet.socket.close(linger=0)
        self.inlet.socket = None


class Ends:
    """Both ends of a link, on a socket in a folder."""

    def __init__(self, folder: pathlib.Path, policy: str = "all") -> None:
        self.folder = folder
        self.plan = crossing(policy)
        self.ledger = Ledger.fresh(self.plan)
        self.context: zmq.Context[Any] = zmq.Context()
        self.makers: list[Maker] = []
        self.readers: list[Reader] = []

    def maker(self) -> Maker:
        self.makers.append(Maker(self, len(self.makers) + 1))
        return self.makers[-1]

    def reader(self, maker: Maker) -> Reader:
        self.readers.append(Reader(self, len(self.readers) + 1))
        self.connect(self.readers[-1], maker)
        return self.readers[-1]

    def connect(self, reader: Reader, maker: Maker) -> None:
        reader.inlet.connect(maker.place, os.dup(maker.fd))
        self.hears(maker, lambda: f"reader/{len(self.readers)}".encode() in maker.hub._readers.values())

    def hears(self, maker: Maker, condition: Callable[[], bool]) -> None:
        while not condition():
            assert maker.hub.socket.poll(PATIENCE), "nothing came back"
            maker.hub.receive()

    def gets(self, reader: Reader, condition: Callable[[], bool]) -> None:
        while not condition():
            assert reader.inlet.socket.poll(PATIENCE), "nothing came"
            reader.inlet.receive()

    def in_flight(self) -> list[int]:
        return [self.ledger.in_flight(self.ledger.row("edge", i, "camera")) for i in range(2)]

    def lost(self, block: int) -> list[dict[str, int]]:
        return [self.ledger.reasons(self.ledger.row("edge", i, "camera") + block) for i in range(2)]

    def close(self) -> None:
        for reader in self.readers:
            if reader.inlet.socket is not None:
                reader.inlet.socket.close(linger=0)
        for maker in self.makers:
            if not maker.hub.socket.closed:
                maker.close()
        self.context.term()


@pytest.fixture
def ends(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[Ends]:
    made = Ends(tmp_path, getattr(request, "param", "all"))
    yield made
    made.close()


live = pytest.mark.parametrize("ends", ["live"], indirect=True)


def test_a_frame_arrives_without_a_copy_and_cannot_be_written(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    made = maker.send(7)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    image, size = reader.take(7)
    assert (image.n, image.time, image.born, image.lent) == (7, 7 / 25, 0.7, True)
    assert image.value.tolist() == made.tolist() and size.value == 7
    assert ends.ledger.cells[ends.ledger.row("edge", 0, "camera") + COPIED] == 0
    with pytest.raises(ValueError, match="read-only"):
        image.value[0] = 1
    made[:] = 8
    assert (image.value == 8).all()  # the very same memory


def test_credits_come_back_when_a_frame_is_taken_and_its_slot_when_it_is_finished(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    image = maker.outlets[0]
    assert image.credit == 2 and image.open_for("camera")
    for n in range(2):
        maker.send(n)
    assert image.credit == 0 and not image.open_for("camera")
    ends.gets(reader, lambda: len(reader.image.queue) == 2 and len(reader.size.queue) == 2)
    items = reader.take(0)
    reader.inlet.flush()
    ends.hears(maker, lambda: image.credit == 1)
    assert [item.n for _, item in image.unfinished] == [0, 1]
    slot = image.unfinished[0][1].slot
    assert slot.leases == {0}
    for lane, item in zip(reader.lanes.values(), items, strict=True):
        lane.finish(item)
    reader.inlet.flush()
    ends.hears(maker, lambda: not slot.leases)
    assert [item.n for _, item in image.unfinished] == [1] and ends.in_flight() == [1, 1]


def test_tombstones_and_ends_arrive_in_order(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    maker.send(0)
    for outlet in maker.outlets:
        outlet.send("camera", Item(1, 0.04, 0.1, reason="decode_error"))
        outlet.end("camera")
    ends.gets(reader, lambda: reader.image.ended and reader.size.ended)
    assert [(item.n, item.reason, item.value is None) for item in reader.image.queue] == [
        (0, "", False),
        (1, "decode_error", True),
    ]
    reader.finish(0)
    reader.finish(1)
    assert reader.image.dry and ends.in_flight() == [0, 0]
    ends.hears(maker, lambda: maker.hub.settled)
    assert ends.lost(LOST_BY_MAKER) == [{"decode_error": 1}] * 2 and ends.lost(LOST_BY_READER) == [{}, {}]


def test_nothing_is_sent_before_the_reader_is_there(ends: Ends) -> None:
    maker = ends.maker()
    assert not any(outlet.open_for("camera") for outlet in maker.outlets)
    ends.reader(maker)
    assert all(outlet.open_for("camera") for outlet in maker.outlets)


def test_a_successor_gets_what_a_dead_reader_had_not_finished(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    for n in range(2):
        maker.send(n)
    ends.gets(reader, lambda: len(reader.image.queue) == 2 and len(reader.size.queue) == 2)
    reader.finish(0)
    reader.die()
    maker.hub.receive()
    maker.hub.closed("reader", 1)
    assert not maker.outlets[0].open_for("camera") and [i.n for _, i in maker.outlets[0].unfinished] == [1]
    second = ends.reader(maker)
    ends.gets(second, lambda: bool(second.image.queue and second.size.queue))
    assert [item.n for item in second.image.queue] == [1] and (second.image.queue[0].value == 1).all()
    second.finish(1)
    ends.hears(maker, lambda: maker.hub.settled)
    assert ends.in_flight() == [0, 0] and ends.lost(LOST_BY_MAKER) == [{}, {}]


@live
def test_a_live_maker_goes_on_without_its_reader_and_tells_its_successor_once(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    maker.send(0)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    reader.die()
    maker.hub.closed("reader", 1)
    assert maker.hub.settled and all(outlet.open_for("camera") for outlet in maker.outlets)
    for n in (1, 2, 5):
        maker.send(n)
    assert ends.lost(LOST_BY_MAKER) == [{"worker_died": 4}] * 2 and ends.in_flight() == [0, 0]
    second = ends.reader(maker)
    ends.gets(second, lambda: bool(second.image.queue and second.size.queue))
    assert [(item.n, item.reason) for item in second.image.queue] == [(5, "worker_died")]
    second.finish(5)
    maker.send(6)
    ends.gets(second, lambda: bool(second.image.queue and second.size.queue))
    second.finish(6)
    ends.hears(maker, lambda: maker.hub.settled and maker.outlets[0].credit == 2)
    assert ends.in_flight() == [0, 0]


def test_a_hello_of_the_successor_that_comes_before_the_news_of_the_death(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    maker.send(0)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    reader.die()
    second = ends.reader(maker)
    maker.hub.closed("reader", 1)  # too late to matter
    assert maker.outlets[0].up
    ends.gets(second, lambda: bool(second.image.queue and second.size.queue))
    second.finish(0)
    ends.hears(maker, lambda: maker.hub.settled)
    assert ends.in_flight() == [0, 0]


@pytest.mark.parametrize("ends, waits", [("all", True), ("live", False)], indirect=["ends"])
def test_a_reader_settles_with_a_dead_maker(ends: Ends, waits: bool) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    for n in range(2):
        maker.send(n)
    ends.gets(reader, lambda: len(reader.image.queue) == 2 and len(reader.size.queue) == 2)
    row = ends.ledger.row("edge", 0, "camera")
    ends.ledger.cells[row] += 1  # one more was sent, and never arrived
    maker.close()
    reader.inlet.closed()
    assert ends.lost(LOST_BY_READER) == [{"worker_died": 1}, {}] and ends.in_flight() == [2, 2]
    assert (reader.image.queue[1].value == 1).all()  # the memory is still there
    reader.finish(0)
    reader.finish(1)
    assert ends.in_flight() == [0, 0] and reader.image.waits_for(2) is waits


def test_a_successor_of_the_maker_gets_no_credits_meant_for_the_dead(ends: Ends) -> None:
    first = ends.maker()
    reader = ends.reader(first)
    first.send(0)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    first.close()
    reader.inlet.closed()
    second = ends.maker()
    ends.connect(reader, second)
    reader.finish(0)
    second.send(1)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    reader.finish(1)
    ends.hears(second, lambda: second.hub.settled)
    assert [outlet.credit for outlet in second.outlets] == [2, 2] and ends.in_flight() == [0, 0]


def test_a_fresh_reader_mends_the_books_of_one_that_its_maker_never_met(ends: Ends) -> None:
    first = ends.maker()
    reader = ends.reader(first)
    first.send(0)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    first.close()
    reader.inlet.closed()
    second = ends.maker()
    assert ends.in_flight() == [1, 1]  # still queued, at a reader that now dies
    ends.reader(second)
    assert ends.in_flight() == [0, 0] and ends.lost(LOST_BY_MAKER) == [{"worker_died": 1}] * 2


def test_a_maker_s_successor_speaks_for_what_will_not_come_again(ends: Ends) -> None:
    maker = ends.maker()
    for outlet in maker.outlets:
        outlet.begins = {"camera": 4}
    reader = ends.reader(maker)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    assert [(item.n, item.reason) for item in reader.image.queue] == [(4, "worker_died")]
    assert not reader.image.waits_for(4) and ends.in_flight() == [0, 0]


def test_releases_alone_may_wait_for_the_next_credit(ends: Ends) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    maker.send(0)
    ends.gets(reader, lambda: bool(reader.image.queue and reader.size.queue))
    items = reader.take(0)
    reader.inlet.flush(all=False)
    assert reader.inlet._back == []
    for lane, item in zip(reader.lanes.values(), items, strict=True):
        lane.finish(item)
    reader.inlet.flush(all=False)
    assert len(reader.inlet._back) == 2
    reader.inlet.flush()
    ends.hears(maker, lambda: maker.hub.settled)


def test_a_foreign_plane_is_copied_once_and_one_that_is_too_large_is_dropped(ends: Ends) -> None:
    maker = ends.maker()
    foreign = np.full((2, 2, 3), 3, np.uint8)
    value, slot = maker.hub.prepare(maker.node, "image", foreign)
    assert (value == 3).all() and not value.flags.writeable and not np.may_share_memory(value, foreign)
    assert slot is not None and ends.ledger.cells[ends.ledger.row("edge", 0, "camera") + COPIED] == 1
    dropped = maker.hub.prepare(maker.node, "image", np.zeros((64, 64, 3), np.uint8))
    assert isinstance(dropped, Drop) and dropped.reason == "oversize"


@pytest.mark.parametrize("value", [0.5, 3, "full", [[1, 2], [3, 4]], {"a": None}, np.float32(0.5), np.int64(3), np.arange(3)])
def test_small_facts_travel_in_the_message(ends: Ends, value: Any) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    plain, slot = maker.hub.prepare(maker.node, "size", value)
    assert slot is None
    maker.outlets[1].send("camera", Item(0, 0.0, 0.0, plain))
    ends.gets(reader, lambda: bool(reader.size.queue))
    assert reader.size.queue[0].value == (value.tolist() if isinstance(value, np.ndarray) else value)


def test_what_is_no_small_fact_is_lost_for_its_format(ends: Ends) -> None:
    maker = ends.maker()
    dropped = maker.hub.prepare(maker.node, "size", object())
    assert isinstance(dropped, Drop) and dropped.reason == "format"


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16", "int64", "bool"])
def test_planes_keep_their_type_and_shape(ends: Ends, dtype: str) -> None:
    maker = ends.maker()
    reader = ends.reader(maker)
    made = np.arange(6).reshape(1, 2, 3, 1).astype(dtype)
    value, slot = maker.hub.prepare(maker.node, "image", made)
    item = Item(0, 0.0, 0.0, value)
    item.slot = slot
    maker.outlets[0].send("camera", item)
    ends.gets(reader, lambda: bool(reader.image.queue))
    got = reader.image.queue[0].value
    assert got.dtype == np.dtype(dtype) and got.shape == (1, 2, 3, 1) and got.tolist() == made.tolist()


@pytest.mark.parametrize("made", [np.zeros(3, np.uint32), np.zeros(3, np.complex64), np.zeros((1,) * 5, np.uint8)])
def test_a_plane_that_no_message_can_describe_is_lost_for_its_format(ends: Ends, made: np.ndarray) -> None:
    maker = ends.maker()
    dropped = maker.hub.prepare(maker.node, "image", made)
    assert isinstance(dropped, Drop) and dropped.reason == "format"


def test_engines_and_links_fit_together(ends: Ends) -> None:
    """The lanes of an engine are the lanes of a link."""
    engine = Engine(ends.plan, ["show"], {"show": Stage()}, ends.ledger, None, worker="reader")
    lanes = {(edge.index, "camera"): engine.lane(edge, "camera") for edge in ends.plan.edges}
    maker = ends.maker()
    inlet = Inlet(ends.context, "reader/1", lanes, ends.plan)
    inlet.connect(maker.place, os.dup(maker.fd))
    ends.hears(maker, lambda: bool(maker.hub._readers))
    maker.send(0)
    while not all(lane.queue for lane in lanes.values()):
        assert inlet.socket.poll(PATIENCE)
        inlet.receive()
    seen: list[tuple[int, int]] = []
    engine.nodes["show"].stage.process = lambda image, size: seen.append((int(image.max()), size))  # type: ignore[method-assign]
    assert engine.step() and seen == [(0, 0)]
    inlet.close()
