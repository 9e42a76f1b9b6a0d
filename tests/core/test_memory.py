"""What outlives a process: two banks, and a crash in the middle of a write."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from model_of_flow import Killed, diamond

from edge.core.frame import Alpha, Prior, Raw, Spec
from edge.core.memory import Kept, Memory, room, slots_of
from edge.core.plan import EdgePlan

KEY = ("camera", "smooth/last")
OTHER = ("camera", "smooth/first")
SLOTS = {OTHER: Spec(Alpha, (3, 5)), KEY: Spec(Raw, (4, 6))}


@pytest.fixture
def memory() -> Memory:
    return Memory(SLOTS)


def full(value: float, *shape: int) -> np.ndarray:
    return np.full(shape or (4, 6), value, np.float32)


def test_there_is_nothing_at_the_start(memory: Memory) -> None:
    assert memory.get(KEY) is None
    with pytest.raises(KeyError):
        memory.get(("camera", "unknown"))


def test_the_newest_value_is_read_with_its_time_and_shape(memory: Memory) -> None:
    for i in range(5):
        memory.put(KEY, full(i / 10, 2, 3 + i % 2), time=i / 25)
        kept = memory.get(KEY)
        assert kept is not None and kept.shape == (2, 3 + i % 2) and kept.dtype == np.float32
        assert (kept == np.float32(i / 10)).all()
        assert memory.time(*KEY) == i / 25
    assert memory.get(OTHER) is None


def test_what_is_read_cannot_be_written_and_survives_the_next_write(memory: Memory) -> None:
    memory.put(KEY, full(0.25))
    kept = memory.get(KEY)
    assert kept is not None
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0] = 1
    memory.put(KEY, full(0.5))
    assert (kept == 0.25).all()


def test_a_process_that_comes_later_reads_what_was_put() -> None:
    block = bytearray(room(SLOTS))
    Memory(SLOTS, block).put(KEY, full(0.75), 1.5)
    later = Memory(SLOTS, block)
    kept = later.get(KEY)
    assert kept is not None and (kept == 0.75).all() and later.time(*KEY) == 1.5


def dying_at(line: int) -> Any:
    """A tracer that kills `put` before its line of this number, counted from 1 as they are run."""
    left = [line]

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        if frame.f_code is not Memory.put.__code__:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise Killed
        return trace

    return trace


def test_a_crash_in_the_middle_of_a_write_is_not_seen(memory: Memory) -> None:
    """Before each line of the write in turn: a process that comes later reads the old value, whole, with its time."""
    memory.put(KEY, full(0.25), 1.0)
    memory.put(KEY, full(0.5), 2.0)
    before, deaths = sys.gettrace(), 0
    while True:
        sys.settrace(dying_at(deaths + 1))
        try:
            memory.put(KEY, full(0.75, 2, 2), 3.0)
            break
        except Killed:
            deaths += 1
        finally:
            sys.settrace(before)
        kept = memory.get(KEY)
        assert kept is not None and kept.shape == (4, 6) and (kept == 0.5).all()
        assert memory.time(*KEY) == 2.0
    assert deaths > 7
    kept = memory.get(KEY)
    assert kept is not None and kept.shape == (2, 2) and (kept == 0.75).all()


def test_forgetting_is_a_write_too(memory: Memory) -> None:
    memory.put(KEY, full(0.5))
    memory[KEY] = None
    assert memory.get(KEY) is None
    memory[KEY] = full(0.25)
    kept = memory.get(KEY)
    assert kept is not None and (kept == 0.25).all()


@pytest.mark.parametrize("shape", [(4, 7), (25,), (1, 1, 1, 1, 1, 1, 1)])
def test_a_value_larger_than_its_spec_is_refused_and_the_old_one_stays(memory: Memory, shape: tuple[int, ...]) -> None:
    memory.put(KEY, full(0.5))
    with pytest.raises(ValueError, match=r"camera\.smooth/last: \(.*\) is larger than its spec"):
        memory.put(KEY, full(1.0, *shape))
    kept = memory.get(KEY)
    assert kept is not None and (kept == 0.5).all()


def test_another_type_is_converted(memory: Memory) -> None:
    memory.put(KEY, np.ones((4, 6), np.float64)[::-1])
    kept = memory.get(KEY)
    assert kept is not None and kept.dtype == np.float32 and (kept == 1).all()


def test_a_worker_keeps_its_stages_planes_and_the_loops_it_closes() -> None:
    plan = diamond()
    plan.stage("smooth").keeps = {"last": Spec(Raw, (4, 6))}
    loop: dict[str, Any] = {"spec": Spec(Prior, (4, 6)), "sources": ["camera"], "previous": True}
    plan.edges.append(EdgePlan(len(plan.edges), "smooth", "matte", "prior", "prior", **loop))
    workers = {worker.name: worker for worker in plan.workers}
    assert set(slots_of(plan, workers["matte"])) == {("camera", "smooth/last"), ("camera", "smooth.prior")}
    assert slots_of(plan, workers["blend"]) == {}


def test_a_stage_sees_its_own_part(memory: Memory) -> None:
    kept = Kept(memory, "smooth")
    kept["camera", "last"] = full(0.5)
    value = memory.get(KEY)
    assert value is not None and (value == 0.5).all()
    own = kept.get(("camera", "last"))
    assert own is not None and (own == 0.5).all() and kept.get(("camera", "first")) is None
