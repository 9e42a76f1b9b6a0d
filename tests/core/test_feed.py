"""Sources at work: what is taken, what is replaced, what is tried again. No test waits: clock, chance and waiting are fakes."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from model_of_flow import plain

from edge.core import feed as module
from edge.core.errors import SourceError
from edge.core.feed import FIRST_WAIT, LONGEST_WAIT, Feed
from edge.core.frame import Drop
from edge.core.ledger import CAPTURED, FRAMES, GAP_NS, RECONNECTS, SOURCE_LOST, STATE, STATES, Ledger
from edge.core.stage import Source


class Film(Source):
    """Yields what it is told; what is callable is called first, and an exception is raised."""

    rate = 10.0

    def __init__(self, *made: Any, live: bool = False) -> None:
        self.made = [made]
        self.is_live = live
        self.closed = 0

    @property
    def live(self) -> bool:
        return self.is_live

    def capture(self) -> Iterator[Any]:
        try:
            for item in self.made.pop(0):
                if callable(item):
                    item()
                elif isinstance(item, Exception) and not isinstance(item, Drop):
                    raise item
                else:
                    yield item
        finally:
            self.closed += 1


class Told:
    """A feed and what it left in the ledger."""

    def __init__(self, film: Film, **more: Any) -> None:
        self.ledger = Ledger.fresh(plain("live" if film.live else "all"))
        self.row = self.ledger.row("source", "square")
        self.wakes = 0
        self.feed = Feed("square", film, self.ledger, self._wake, **more)

    def _wake(self) -> None:
        self.wakes += 1

    def take_all(self) -> list[int]:
        """Read a file to its end, as a worker does."""
        numbers = []
        while not self.feed.done:
            self.feed.pull()
            frame = self.feed.take()
            if frame is not None:
                numbers.append(frame.n)
        return numbers

    @property
    def captured(self) -> int:
        return int(self.ledger.cells[self.row + CAPTURED])

    @property
    def lost(self) -> dict[str, int]:
        return self.ledger.reasons(self.row + SOURCE_LOST)

    @property
    def state(self) -> str:
        return STATES[self.ledger.cells[self.row + STATE]]


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((2, 2, 3), n, np.uint8) for n in range(count)]


# -- files ----------------------------------------------------------------------------------------------------------------


def test_every_frame_of_a_file_is_taken_in_order_with_its_place_in_time() -> None:
    told = Told(Film(*pictures(5)))
    times = []
    while not told.feed.done:
        told.feed.pull()
        frame = told.feed.take()
        if frame is not None:
            assert (frame.values["image"] == frame.n).all()
            times.append(frame.time)
    assert times == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert (told.captured, told.lost, told.state) == (5, {}, "ended")


def test_a_file_is_not_read_while_a_frame_waits() -> None:
    film = Film(*pictures(3))
    told = Told(film)
    assert told.feed.pull() and not told.feed.pull() and not told.feed.pull()
    assert told.captured == 1 and told.feed.waiting is not None
    assert told.take_all() == [0, 1, 2]
    assert film.closed == 1


def test_a_bad_frame_of_a_file_is_counted_and_keeps_its_number() -> None:
    a, b = pictures(2)
    told = Told(Film(a, Drop("decode_error"), b))
    assert told.take_all() == [0, 2]
    assert (told.captured, told.lost) == (3, {"decode_error": 1})


def test_a_file_that_fails_ends_its_camera_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(Film(*pictures(2), ValueError("the index is broken\nand more")))
    assert told.take_all() == [0, 1]
    assert told.state == "failed"
    assert (told.feed.error, told.feed.code) == ("square: ValueError: the index is broken", SourceError.code)
    assert caplog.messages == ["square: ValueError: the index is broken"]


def test_the_only_camera_s_error_is_left_to_the_run(caplog: pytest.LogCaptureFixture) -> None:
    told = Told(Film(SourceError("square: gone")), alone=True)
    assert told.take_all() == []
    assert told.feed.error == "square: gone" and caplog.messages == []


def test_a_source_that_could_not_be_opened_ends_at_once() -> None:
    told = Told(Film())
    told.feed.start(SourceError("square: no such file: clip.mp4"))
    assert told.feed.done and told.state == "failed" and told.feed.error == "square: no such file: clip.mp4"
    assert told.feed.join(0.0)


@pytest.mark.parametrize("live", [False, True])
def test_no_more_than_asked_are_captured(live: bool) -> None:
    told = Told(Film(*pictures(9), live=live), most=4)
    if live:
        told.feed._run()
    else:
        told.take_all()
    assert (told.captured, told.state) == (4, "ended")


def test_a_successor_of_a_file_s_reader_drops_what_came_before() -> None:
    told = Told(Film(*pictures(30)), first=25)
    assert told.take_all() == [25, 26, 27, 28, 29]
    assert told.captured == 30


def test_what_a_predecessor_counted_is_not_counted_again() -> None:
    made = [*pictures(2), Drop("decode_error"), *pictures(1)]
    told = Told(Film(*made))
    told.take_all()
    again = Feed("square", Film(*made), told.ledger, told._wake, first=1)
    told.feed = again
    assert told.take_all() == [1, 3]
    assert (told.captured, told.lost) == (4, {"decode_error": 1})


def test_a_stopped_file_gives_what_waits_and_ends() -> None:
    told = Told(Film(*pictures(5)))
    told.feed.pull()
    told.feed.stop()
    assert told.take_all() == [0]
    assert (told.captured, told.state) == (1, "ended")


# -- cameras --------------------------------------------------------------------------------------------------------------


def test_a_newer_frame_replaces_one_that_waits() -> None:
    told = Told(Film(*pictures(5), live=True))
    told.feed._run()
    frame = told.feed.take()
    assert frame is not None and frame.n == 4 and (frame.values["image"] == 4).all()
    assert frame.time == frame.born
    assert (told.captured, told.lost) == (5, {"superseded": 4})
    assert told.feed.done and told.wakes == 6  # once per frame, once for the end


def test_what_is_taken_in_time_is_not_superseded() -> None:
    taken: list[int] = []
    film = Film(live=True)
    told = Told(film)

    def take() -> None:
        frame = told.feed.take()
        assert frame is not None
        taken.append(frame.n)

    film.made = [[part for picture in pictures(3) for part in (picture, take)]]
    told.feed._run()
    assert taken == [0, 1, 2] and told.lost == {}


def test_a_camera_s_numbers_go_on_where_its_predecessor_stopped() -> None:
    told = Told(Film(*pictures(2), live=True), first=40)
    told.feed._run()
    frame = told.feed.take()
    assert frame is not None and frame.n == 41 and told.captured == 42


def test_a_camera_runs_in_a_thread_of_its_own() -> None:
    threads: list[str] = []
    told = Told(Film(lambda: threads.append(threading.current_thread().name), *pictures(1), live=True))
    told.feed.start()
    assert told.feed.join(10.0)
    assert threads == ["feed square"] and told.captured == 1
    assert not told.feed.pull()


class Clock:
    """Time that passes only where something waits."""

    def __init__(self, feed: Feed, monkeypatch: pytest.MonkeyPatch, lot: Callable[[float, float], float]) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.feed = feed
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(module, "random", types.SimpleNamespace(uniform=lot))
        monkeypatch.setattr(feed._changed, "wait_for", self.wait_for)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return condition()


def test_a_camera_is_reopened_after_waits_that_double(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    film = Film(live=True)
    told = Told(film)
    clock = Clock(told.feed, monkeypatch, lambda low, high: high)
    film.made = [[OSError("no signal")] for _ in range(8)] + [[*pictures(2)]]
    told.feed._run()
    assert clock.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT, LONGEST_WAIT]
    assert (told.captured, told.state, told.feed.error) == (2, "ended", "")
    assert caplog.messages[0] == f"square: OSError: no signal; trying again in {FIRST_WAIT:.1f} s"
    assert film.closed == 9


def test_waits_are_shortened_by_chance_so_that_cameras_do_not_come_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(live=True)
    told = Told(film)
    bounds: list[tuple[float, float]] = []

    def lot(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    clock = Clock(told.feed, monkeypatch, lot)
    film.made = [[OSError("no signal")], []]
    told.feed._run()
    assert bounds == [(0.7, 1.0)] and clock.waits == [pytest.approx(0.35)]


def test_a_camera_that_ran_for_long_is_tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(live=True)
    told = Told(film)
    clock = Clock(told.feed, monkeypatch, lambda low, high: high)

    def run_for_long() -> None:
        clock.now += LONGEST_WAIT + 1

    film.made = [[OSError("no signal")], [OSError("no signal")], [run_for_long, OSError("no signal")], []]
    told.feed._run()
    assert clock.waits == [0.5, 1.0, FIRST_WAIT]


def test_a_source_says_how_long_it_waits_at_most_and_an_error_how_long_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(live=True)
    film.patience = 2.0
    told = Told(film)
    clock = Clock(told.feed, monkeypatch, lambda low, high: high)
    locked = SourceError("wrong password")
    locked.wait = 60.0  # type: ignore[attr-defined]
    film.made = [[OSError("no signal")] for _ in range(5)] + [[locked], []]
    told.feed._run()
    assert clock.waits == [0.5, 1.0, 2.0, 2.0, 2.0, 60.0]


def test_an_outage_is_said_once_and_counted_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    film = Film(live=True)
    told = Told(film)
    clock = Clock(told.feed, monkeypatch, lambda low, high: high)
    gone = [OSError("no signal")]
    film.made = [[*pictures(1), *gone], gone, gone, [SourceError("no power")], [*pictures(2), *gone], [*pictures(1)]]
    with caplog.at_level("INFO", "edge"):
        told.feed._run()
    assert caplog.messages == [
        "square: OSError: no signal; trying again in 0.5 s",
        "square: no power; trying again in 4.0 s",
        "square: here again after 7.5 s",
        "square: OSError: no signal; trying again in 8.0 s",
        "square: here again after 8.0 s",
    ]
    cells = told.ledger.cells
    assert (cells[told.row + RECONNECTS], cells[told.row + GAP_NS]) == (2, 15_500_000_000)
    assert sum(clock.waits) == 15.5


def test_a_camera_that_comes_late_has_not_reconnected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    film = Film(live=True)
    told = Told(film)
    Clock(told.feed, monkeypatch, lambda low, high: high)
    film.made = [[OSError("no signal")], [*pictures(1)]]
    with caplog.at_level("INFO", "edge"):
        told.feed._run()
    assert caplog.messages[-1] == "square: here"
    assert told.ledger.cells[told.row + RECONNECTS] == 0 and told.ledger.cells[told.row + GAP_NS] == 0


def test_a_stopped_camera_is_not_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(live=True)
    told = Told(film)
    Clock(told.feed, monkeypatch, lambda low, high: high)
    film.made = [[told.feed.stop, OSError("no signal")]]
    told.feed._run()
    assert told.feed.done and told.state == "ended"


def test_a_camera_is_reconnecting_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Film(live=True)
    told = Told(film)
    states: list[str] = []
    Clock(told.feed, monkeypatch, lambda low, high: states.append(told.state) or high)  # type: ignore[func-returns-value]
    film.made = [[*pictures(1), OSError("no signal")], [lambda: states.append(told.state), *pictures(1)]]
    told.feed._run()
    assert states == ["reconnecting", "reconnecting"] and told.state == "ended" and told.captured == 2


def test_a_dict_is_passed_on_and_timing_is_noted() -> None:
    told = Told(Film({"image": pictures(1)[0], "size": 4}))
    told.feed.pull()
    frame = told.feed.take()
    assert frame is not None and frame.values["size"] == 4
    assert told.ledger.cells[told.ledger.row("stage", "square") + FRAMES] == 1
