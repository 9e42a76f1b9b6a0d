"""A clock that is moved by hand."""

from __future__ import annotations

import threading
import time

import pytest

from edge.testing import Clock

REAL = {name: getattr(time, name) for name in ("monotonic", "monotonic_ns", "perf_counter", "time", "time_ns", "sleep")}


def test_the_module_time_tells_its_time_while_it_is_entered():
    with Clock(start=10.0, date=1000.0) as clock:
        assert (time.monotonic(), time.perf_counter(), time.time()) == (10.0, 10.0, 1000.0)
        clock.advance(2.5)
        assert (time.monotonic(), time.monotonic_ns(), time.time_ns()) == (12.5, 12_500_000_000, 1_002_500_000_000)
        time.sleep(0.5)
        assert time.time() == 1003.0
    assert {name: getattr(time, name) for name in REAL} == REAL


def test_it_is_given_back_whatever_happens_and_may_be_entered_twice():
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock:
        with clock:
            pass
        assert time.monotonic() == clock.monotonic()
        raise ZeroDivisionError
    assert time.monotonic is REAL["monotonic"]


def test_it_does_not_go_back():
    with pytest.raises(ValueError, match="does not go back"):
        Clock().advance(-1)


def test_another_threads_sleep_ends_when_the_clock_was_moved_far_enough():
    woken = threading.Event()
    asleep = threading.Event()

    def other():
        asleep.set()
        time.sleep(3)
        woken.set()

    with Clock() as clock:
        thread = threading.Thread(target=other)
        thread.start()
        asleep.wait(10)
        while not clock.waiting:
            pass
        clock.advance(2)
        assert not woken.is_set()
        clock.advance(1)
        assert woken.wait(10)
        thread.join()


def test_a_thread_that_still_sleeps_at_the_end_is_let_go():
    with Clock() as clock:
        thread = threading.Thread(target=time.sleep, args=(1000,))
        thread.start()
        while not clock.waiting:
            pass
    thread.join(10)
    assert not thread.is_alive()
