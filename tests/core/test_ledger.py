"""The ledger's rows, counters and quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from model_of_flow import diamond, shared

from edge.core.frame import REASONS
from edge.core.ledger import (
    BOOK,
    DELIVERED,
    DONE_N,
    GOT_N,
    LOST_BY_MAKER,
    LOST_BY_READER,
    LOST_BY_SUPERVISOR,
    RECEIVED,
    SENT_N,
    TIMES,
    Ledger,
    R,
)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.fresh(shared())


def test_rows_do_not_overlap(ledger: Ledger) -> None:
    """Each row gets its own number in every cell; none is overwritten by another's."""
    rows = sorted(ledger.rows.values())
    ends = [*rows[1:], ledger.bytes // 8]
    for i, (start, end) in enumerate(zip(rows, ends, strict=True)):
        assert start < end
        for cell in range(start, end):
            ledger.cells[cell] = i
    assert [ledger.cells[start] for start in rows] == list(range(len(rows)))
    assert [ledger.cells[end - 1] for end in ends] == list(range(len(rows)))


def test_a_book_s_three_blocks_of_reasons_lie_within_it() -> None:
    assert (LOST_BY_READER - LOST_BY_MAKER, LOST_BY_SUPERVISOR - LOST_BY_READER, BOOK - LOST_BY_SUPERVISOR) == (R, R, R)
    assert len({RECEIVED, DELIVERED, SENT_N, GOT_N, DONE_N}) == 5 and max(SENT_N, GOT_N, DONE_N) < LOST_BY_MAKER


def test_every_camera_has_its_own_book_of_a_shared_edge(ledger: Ledger) -> None:
    door, yard = (ledger.row("edge", 4, f"camera.{place}") for place in ("door", "yard"))
    ledger.add(door + RECEIVED, 3)
    assert (ledger.in_flight(door), ledger.in_flight(yard)) == (3, 0)


def test_nothing_was_seen_at_the_start(ledger: Ledger) -> None:
    book = ledger.row("edge", 0, "camera.door")
    assert [ledger.cells[book + field] for field in (SENT_N, GOT_N, DONE_N)] == [-1, -1, -1]
    assert ledger.in_flight(book) == 0


def test_in_flight_counts_who_ever_settles(ledger: Ledger) -> None:
    book = ledger.row("edge", 0, "camera.door")
    ledger.add(book + RECEIVED, 10)
    ledger.add(book + DELIVERED, 4)
    ledger.lost(book + LOST_BY_MAKER, "oversize")
    ledger.lost(book + LOST_BY_READER, "too_old", 2)
    ledger.lost(book + LOST_BY_SUPERVISOR, "worker_died")
    ledger.lost(book + LOST_BY_SUPERVISOR, REASONS[-1])
    assert ledger.in_flight(book) == 1
    assert ledger.reasons(book + LOST_BY_MAKER, 3) == {"oversize": 1, "too_old": 2, "worker_died": 1, REASONS[-1]: 1}
    assert ledger.reasons(book + LOST_BY_READER) == {"too_old": 2}


def test_an_unknown_reason_is_refused(ledger: Ledger) -> None:
    with pytest.raises(KeyError, match="bad luck"):
        ledger.lost(0, "bad luck")


def test_two_ledgers_over_one_block_are_one() -> None:
    plan = diamond()
    block = bytearray(Ledger(plan).bytes + 100)  # a block may be larger than it need be
    one, other = Ledger(plan, block), Ledger(plan, block)
    one.cells[one.row("stage", "show")] = 7
    assert other.cells[other.row("stage", "show")] == 7


@pytest.mark.parametrize("low, high", [(2e-5, 5e-5), (0.001, 0.002), (0.01, 3.0), (5.0, 90.0)])
def test_quantiles_are_right_within_four_percent(ledger: Ledger, low: float, high: float) -> None:
    times = np.geomspace(low, high, 5000)
    cell = ledger.row("stage", "matte") + TIMES
    for seconds in times:
        ledger.time(cell, float(seconds))
    found = ledger.quantiles(cell)
    for q in (50, 95, 99):
        assert found[f"p{q}"] == pytest.approx(np.quantile(times, q / 100), rel=0.04, abs=1e-6)


def test_quantiles_of_nothing_are_zero_and_extremes_stay_in_the_histogram(ledger: Ledger) -> None:
    cell = ledger.row("stage", "matte") + TIMES
    assert ledger.quantiles(cell) == {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    for seconds in (0.0, -1.0, 1e9):
        ledger.time(cell, seconds)
    assert sum(ledger.cells[ledger.row("stage", "matte") : ledger.row("stage", "blend")]) == 3
    assert ledger.quantiles(cell)["p50"] < 2e-5 and ledger.quantiles(cell)["p99"] > 90
