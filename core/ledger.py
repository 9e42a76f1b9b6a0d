"""The ledger: every counter of a run, in one block of memory that the supervisor holds and every worker writes.

Each field has one writer, so no lock is needed: the maker's worker writes what it sent, the reader's what it finished, the
supervisor what it settled for the dead. Counters outlive the process that wrote them. Valid Python 3.7.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Tuple

from edge.core.frame import REASONS

Key = Tuple[Any, ...]
Rows = Dict[Key, int]

R = len(REASONS)
REASON = {name: i for i, name in enumerate(REASONS)}

# An edge's book, one per camera that it carries.
RECEIVED, DELIVERED, SENT_N, GOT_N, DONE_N, COPIED = range(6)
LOST_BY_MAKER = 6
LOST_BY_READER = LOST_BY_MAKER + R
LOST_BY_SUPERVISOR = LOST_BY_READER + R
BOOK = LOST_BY_SUPERVISOR + R

# A source's row.
CAPTURED, ADMITTED, LAST_N, STATE, SEEN_NS, RECONNECTS, GAP_NS = range(7)
SOURCE_LOST = 7
SOURCE = SOURCE_LOST + R
STATES = ("waiting", "running", "reconnecting", "ended", "failed", "paused", "removed")

# A stage's row, one per camera; then one for all of them.
DONE, SEEN_N = range(2)
COVERED = 2
VISIT = COVERED + R
FRAMES, SPENT_NS, FIRST_NS, LAST_NS = range(4)
ROUTES = 4
BRANCHES = ("reuse", "lr", "full")  # what a network stage may say in `route`, cheapest first
BINS = 240
TIMES = ROUTES + len(BRANCHES)
AGES = TIMES + BINS
STAGE = AGES + BINS

# A worker's row: what it is at, so that a frame which kills twice can be named.
AT_STAGE, AT_SOURCE, AT_N, AT_SINCE_NS, BEAT_NS = range(5)
WORKER = 5

_SHORTEST = 1e-5  # seconds: the lower end of a histogram, whose bins grow by 7 % each up to 100 s
_STEP = math.log(1.07)


class Ledger:
    """Rows by name over a flat array of int64. `memory` is a writable buffer of `bytes` or more, zeroed at the start.

    `rows` says where the rows lie that are there already: cameras come and go, and what stays keeps its place.
    """

    def __init__(self, plan: Any, memory: Any = None, rows: Optional[Rows] = None) -> None:
        self.plan = plan
        self.rows = layout(plan, rows or {})
        self.bytes = 8 * max(self.rows[key] + width for key, width in _rows(plan))
        whole = None if memory is None else memoryview(memory).cast("B")
        self.cells: Any = None if whole is None else whole[: len(whole) // 8 * 8].cast("q")
        self._known = self.rows

    @classmethod
    def fresh(cls, plan: Any) -> Ledger:
        """A ledger in this process's own memory."""
        ledger = cls(plan, bytearray(cls(plan).bytes))
        ledger.begin()
        return ledger

    def begin(self) -> None:
        """Say that nothing has been seen."""
        self._clear(dict(_rows(self.plan)))

    def _clear(self, widths: Dict[Key, int]) -> None:
        """Frame numbers start at -1, not at 0."""
        for key, width in widths.items():
            row = self.rows[key]
            for i in range(width):
                self.cells[row + i] = 0
            fields = {"edge": (SENT_N, GOT_N, DONE_N), "source": (LAST_N,), "visit": (SEEN_N,), "worker": (AT_STAGE,)}
            for field in fields.get(key[0], ()):
                self.cells[row + field] = -1

    def follow(self, plan: Any, rows: Rows) -> None:
        """Go over to another plan. Who reads from another thread by the old one still finds its rows: they are forgotten only
        with the next change."""
        self._known = {**self.rows, **rows}
        self.rows = dict(rows)
        self.plan = plan

    def change(self, plan: Any) -> bool:
        """The supervisor's part of it: find room for what is new, and begin it. False where there is none."""
        rows, widths = layout(plan, self.rows), dict(_rows(plan))
        if max(at + widths[key] for key, at in rows.items()) > len(self.cells):
            return False
        fresh = {key: width for key, width in widths.items() if key not in self.rows}
        self.follow(plan, rows)
        self._clear(fresh)
        return True

    def row(self, *key: Any) -> int:
        """Where a row begins: ("edge", index, source), ("source", name), ("visit", stage, source), ("stage", name),
        ("worker", name)."""
        return self._known[key]

    def add(self, cell: int, amount: int = 1) -> None:
        self.cells[cell] += amount

    def lost(self, cell: int, reason: str, amount: int = 1) -> None:
        """Count under one of REASONS in the block of reasons that begins at `cell`."""
        self.cells[cell + REASON[reason]] += amount

    def in_flight(self, row: int) -> int:
        """What an edge's book says is under way for one camera."""
        cells = self.cells
        return int(cells[row + RECEIVED] - cells[row + DELIVERED] - sum(cells[row + LOST_BY_MAKER : row + BOOK]))

    def reasons(self, cell: int, blocks: int = 1) -> Dict[str, int]:
        """Reason → count, without the zeros, over so many blocks of reasons."""
        counts = [sum(self.cells[cell + i + k * R] for k in range(blocks)) for i in range(R)]
        return {REASONS[i]: count for i, count in enumerate(counts) if count}

    def time(self, cell: int, seconds: float) -> None:
        """Put a duration into the histogram that begins at `cell`."""
        self.cells[cell + _bin(seconds)] += 1

    def quantiles(self, cell: int) -> Dict[str, float]:
        """p50, p95 and p99 in seconds, each right within 4 %."""
        counts = list(self.cells[cell : cell + BINS])
        return {f"p{q}": _quantile(counts, q / 100) for q in (50, 95, 99)}


def layout(plan: Any, before: Rows) -> Rows:
    """Where each row of a plan lies: where it was, or in the first gap that is large enough. In the order of `_rows`."""
    wanted = _rows(plan)
    gaps, end = [], 0
    for at, width in sorted((before[key], width) for key, width in wanted if key in before):
        gaps.append([end, at])
        end = at + width
    gaps.append([end, 1 << 62])
    rows: Rows = {}
    for key, width in wanted:
        if key in before:
            rows[key] = before[key]
            continue
        gap = next(gap for gap in gaps if gap[1] - gap[0] >= width)
        rows[key] = gap[0]
        gap[0] += width
    return rows


def _rows(plan: Any) -> List[Tuple[Key, int]]:
    rows: List[Tuple[Key, int]] = [(("source", source), SOURCE) for source in plan.sources]
    rows += [(("edge", e.index, s), BOOK) for e in plan.edges for s in e.sources]
    rows += [(("visit", stage.name, s), VISIT) for stage in plan.stages for s in stage.sources]
    rows += [(("stage", stage.name), STAGE) for stage in plan.stages]
    return rows + [(("worker", worker.name), WORKER) for worker in plan.workers]


def _bin(seconds: float) -> int:
    return 0 if seconds <= _SHORTEST else min(BINS - 1, int(math.log(seconds / _SHORTEST) / _STEP))


def begins(place: float) -> float:
    """Seconds at which a histogram's bin begins; at half a bin more, its middle."""
    return _SHORTEST * math.exp(place * _STEP)


def _quantile(counts: List[int], q: float) -> float:
    rest = q * sum(counts)
    if not rest:
        return 0.0
    i = 0
    while rest > counts[i]:
        rest -= counts[i]
        i += 1
    return round(begins(i + 0.5), 8)
