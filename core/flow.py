"""How frames flow: lanes that queue and join them, outlets with credits. No sockets, no processes, no clock: the rules that
the model checker explores. Valid Python 3.7.

An **outlet** is the maker's end of an edge, a **lane** the reader's end for one camera. A frame is sent once on every edge, as
a value or as a tombstone, in order of n per camera. So a lane needs no timers: what arrives settles all that came before it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Tuple

from edge.core.ledger import (
    DELIVERED,
    DONE_N,
    GOT_N,
    LOST_BY_MAKER,
    LOST_BY_READER,
    RECEIVED,
    SENT_N,
    Ledger,
)


class Item:
    """A value of one frame under way on one edge, or its tombstone (`reason` set, `value` None).

    `slot`: where a plane lies for other processes. `lent`: it lies in another process's memory. `credit` and `release` are
    what its reader calls.
    """

    __slots__ = ("n", "time", "born", "value", "slot", "reason", "lent", "credit", "release")

    def __init__(self, n: int, time: float, born: float, value: Any = None, slot: Any = None, reason: str = "") -> None:
        self.n = n
        self.time = time
        self.born = born
        self.value = value
        self.slot = slot
        self.reason = reason
        self.lent = False
        self.credit: Callable[[], None] = _nothing
        self.release: Callable[[], None] = _nothing


def _nothing() -> None:
    pass


class Lane:
    """The reader's queue on one edge, for one camera. `settled`: no n up to this one will still come."""

    def __init__(self, ledger: Ledger, row: int) -> None:
        self.queue: Deque[Item] = deque()
        self.ended = False
        self.settled = -1
        self.ledger = ledger
        self.book = row
        # A successor of a dead reader begins where that one stopped: what it had finished is not taken twice.
        self.last = int(ledger.cells[row + DONE_N])

    def push(self, item: Item) -> bool:
        """Queue an item; False, and the item is given back, if its n is not newer than all before it."""
        if item.n <= self.last:
            if not item.reason:  # a tombstone was counted by its maker
                self.ledger.lost(self.book + LOST_BY_READER, "duplicate")
            item.credit()
            self._hold(item)
            return False
        self.last = item.n
        self.ledger.cells[self.book + GOT_N] = item.n
        self.queue.append(item)
        return True

    def _hold(self, again: Item) -> None:
        """Give back what came again: once it is finished, where the first is still queued. If this process dies before, the
        maker has it for the successor; who made the first may be dead."""
        first = next((item for item in self.queue if item.n == again.n), None)
        if first is None:
            return again.release()
        before = first.release

        def both() -> None:
            before()
            again.release()

        first.release = both

    def waits_for(self, n: int) -> bool:
        """True while frame n may still come."""
        return not self.queue and not self.ended and max(self.settled, self.last) < n

    def take(self, n: int) -> Optional[Item]:
        """The item of frame n, which is at the head or will never come. Taking it sends the credit for another."""
        if not self.queue or self.queue[0].n != n:
            return None
        item = self.queue.popleft()
        item.credit()
        return item

    def finish(self, item: Item, reason: str = "") -> None:
        """The reader is done with it: delivered, or lost for a reason. A tombstone was counted by its maker."""
        cells = self.ledger.cells
        cells[self.book + DONE_N] = item.n  # first: after a crash in between, n counts as finished and the book is mended
        if reason and not item.reason:
            self.ledger.lost(self.book + LOST_BY_READER, reason)
        elif not item.reason:
            cells[self.book + DELIVERED] += 1
        item.value = None
        item.release()

    def abandon(self) -> None:
        """Its camera is gone: what is queued is given back unread."""
        for item in self.queue:
            item.credit()
            item.release()
        self.queue.clear()

    @property
    def dry(self) -> bool:
        return self.ended and not self.queue


def next_frame(lanes: Iterable[Lane]) -> Optional[int]:
    """The frame that a reader of these lanes (one camera's) processes next, or None while it must wait.

    It is the oldest n at any head; lanes whose head is newer have lost that n, lanes that are empty may still get it.
    """
    oldest = None
    empty = False
    for lane in lanes:
        if not lane.queue:
            empty = True
        elif oldest is None or lane.queue[0].n < oldest:
            oldest = lane.queue[0].n
    if oldest is not None and empty and any(lane.waits_for(oldest) for lane in lanes):
        return None
    return oldest


class Outlet:
    """The maker's end of one edge: the book, the credits, and `deliver`, which a call edge and a link fill in."""

    def __init__(self, edge: Any, ledger: Ledger) -> None:
        self.ledger = ledger
        self.credit: int = edge.window
        self.ended: List[str] = []
        self.follow(edge)

    def follow(self, edge: Any) -> None:
        """The same edge, with the cameras that it has now."""
        self.edge = edge
        self.books: Dict[str, int] = {source: self.ledger.row("edge", edge.index, source) for source in edge.sources}
        self.ended = [source for source in self.ended if source in self.books]

    def open_for(self, source: str) -> bool:
        """May a frame of this camera be sent now? A side branch and a kept-out camera never hold anything up."""
        return self.edge.side or self.credit > 0 or source not in self.books

    def send(self, source: str, item: Item) -> None:
        """Account for the frame, then deliver it, or its tombstone, or skip it."""
        book = self.books.get(source)
        if book is None or item.n <= self.ledger.cells[book + SENT_N]:
            return self._resend(source, item)
        kept = item.n - item.n % self.edge.every
        if item.reason and self.ledger.cells[book + SENT_N] < kept < item.n:
            self.pass_over(source, kept)  # a successor's tombstone speaks for all frames before it, also for one kept here
        self.ledger.cells[book + RECEIVED] += 1
        self.ledger.cells[book + SENT_N] = item.n
        reason = "unkept" if item.n % self.edge.every else item.reason or self._skip(item)
        if reason:
            self.ledger.lost(book + LOST_BY_MAKER, reason)
        if reason == "unkept" or (reason and self.edge.side):
            if item.reason and self.edge.side and self.credit > 0:  # a viewer of several values need not wait for this one
                self.pass_over(source, item.n)
            return None  # nothing joins a thinned branch with a whole one, so nobody else waits for this n
        if reason and not item.reason:
            item = Item(item.n, item.time, item.born, reason=reason)
        self.credit -= 1
        self.deliver(source, item)

    def _resend(self, source: str, item: Item) -> None:
        """A successor makes again what its predecessor had sent: the reader sorts out what it has."""
        book = self.books.get(source)
        if book is None or self.edge.side or item.n % self.edge.every:
            return
        self.ledger.cells[book + RECEIVED] += 1
        if item.reason:
            self.ledger.lost(book + LOST_BY_MAKER, item.reason)
        self.credit -= 1
        self.deliver(source, item)

    def _skip(self, item: Item) -> str:
        return "skipped" if self.edge.side and self.credit <= 0 else ""

    def deliver(self, source: str, item: Item) -> None:
        raise NotImplementedError("CallOutlet and LinkOutlet say how")  # abstract

    def pass_over(self, source: str, n: int) -> None:
        """No frame up to n will come any more. On a thinned edge: on others, a tombstone says so."""
        raise NotImplementedError("CallOutlet and LinkOutlet say how")  # abstract

    def end(self, source: str) -> None:
        """Nothing more of this camera will come on this edge."""
        raise NotImplementedError("CallOutlet and LinkOutlet say how")  # abstract


class CallOutlet(Outlet):
    """An edge inside a worker: delivering is putting into the reader's lane."""

    def __init__(self, edge: Any, ledger: Ledger, lanes: Dict[str, Lane]) -> None:
        super().__init__(edge, ledger)
        self.lanes = lanes

    def deliver(self, source: str, item: Item) -> None:
        mine = Item(item.n, item.time, item.born, item.value, reason=item.reason)
        mine.credit = self._credited
        self.lanes[source].push(mine)

    def _credited(self) -> None:
        self.credit += 1

    def pass_over(self, source: str, n: int) -> None:
        self.lanes[source].settled = max(self.lanes[source].settled, n)

    def end(self, source: str) -> None:
        if source in self.lanes:
            self.lanes[source].ended = True


def settle(lanes: Dict[Tuple[str, str], Lane], policy: str) -> None:
    """The maker of these lanes (port, camera) died and no message of it is under way any more: mend the books.

    What is neither finished nor queued here was lost on the way. A live reader gives up what it waits for; a lossless one waits
    for the successor, whose first frame, or end, settles the rest.
    """
    for lane in lanes.values():
        queued = sum(1 for item in lane.queue if not item.reason)
        lost = lane.ledger.in_flight(lane.book) - queued
        if lost > 0:
            lane.ledger.lost(lane.book + LOST_BY_READER, "worker_died", lost)
        if policy != "all":
            lane.settled = max(lane.settled, 1 << 62)
