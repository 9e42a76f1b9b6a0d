"""Shared memory that cannot be pulled away, written by others, or handed out while somebody looks at it."""

from __future__ import annotations

import errno
import gc
import mmap
import os
from collections.abc import Iterator

import numpy as np
import pytest

from edge.core import arena as module
from edge.core.arena import Arena, View, allocate
from edge.core.errors import SourceError
from edge.core.plan import Pool, WorkerPlan

SLOT = 4096


@pytest.fixture
def fd() -> Iterator[int]:
    descriptor = allocate("arena test", 3 * SLOT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def arena(fd: int) -> Arena:
    pools = [Pool("square", "image", SLOT, 2, 0), Pool("square", "raw", SLOT, 1, 2 * SLOT)]
    return Arena(fd, WorkerPlan("camera", ["square"], pools))


def picture(arena: Arena, value: int = 0) -> np.ndarray:
    made = arena.new("square", "image", (4, 5, 3), np.uint8)
    made[:] = value
    return made


def in_slot(arena: Arena, array: np.ndarray) -> bool:
    return array.ctypes.data in arena._by_address


def test_nobody_else_can_map_it_for_writing(arena: Arena, fd: int) -> None:
    with pytest.raises(PermissionError):
        mmap.mmap(fd, 0)
    with pytest.raises(OSError):
        os.write(fd, b"x")


def test_it_can_neither_shrink_nor_grow(fd: int) -> None:
    for size in (0, SLOT, 4 * SLOT):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    assert os.fstat(fd).st_size == 3 * SLOT


def test_a_reader_sees_what_the_owner_writes_and_cannot_write(arena: Arena, fd: int) -> None:
    made = picture(arena, 7)
    placed = arena.place("square", "image", made)
    assert placed is not None
    view = View(os.dup(fd))
    seen = view.at(placed[0].offset, (4, 5, 3), np.dtype(np.uint8))
    assert (seen == 7).all()
    made[:] = 8
    assert (seen == 8).all()
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1


def test_a_reader_s_view_outlives_the_owner_s_descriptor(arena: Arena) -> None:
    descriptor = allocate("short-lived", SLOT)
    owner = Arena(descriptor, WorkerPlan("w", ["s"], [Pool("s", "image", SLOT, 1, 0)]))
    owner.new("s", "image", (3,), np.uint8)[:] = 9
    view = View(os.dup(descriptor))
    os.close(descriptor)
    del owner
    gc.collect()
    assert view.at(0, (3,), np.dtype(np.uint8)).tolist() == [9, 9, 9]


def test_what_was_rendered_in_a_slot_is_placed_without_a_copy(arena: Arena) -> None:
    made = picture(arena, 3)
    placed = arena.place("square", "image", made)
    assert placed is not None and placed[1] == 0
    assert placed[0].base[0] == 3


def test_what_was_made_elsewhere_is_copied_once(arena: Arena) -> None:
    made = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    for foreign in (made, made[:, ::-1], made.transpose(1, 0, 2)):
        placed = arena.place("square", "image", foreign)
        assert placed is not None and placed[1] == 1
        assert placed[0].base[:60].reshape(foreign.shape).tolist() == foreign.tolist()


def test_a_turned_view_of_a_slot_is_copied(arena: Arena) -> None:
    made = picture(arena)
    made[:] = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    placed = arena.place("square", "image", made.transpose(1, 0, 2))
    assert placed is not None and placed[1] == 1
    assert placed[0].base[:60].reshape(5, 4, 3).tolist() == made.transpose(1, 0, 2).tolist()


def test_what_is_larger_than_planned_has_no_place(arena: Arena) -> None:
    assert arena.place("square", "image", np.zeros(SLOT + 1, np.uint8)) is None
    assert arena.place("square", "raw", np.zeros(SLOT // 4, np.float32)) is not None
    assert not in_slot(arena, arena.new("square", "image", (SLOT + 1,), np.uint8))


def test_a_value_that_stays_in_the_process_gets_ordinary_memory(arena: Arena) -> None:
    assert not in_slot(arena, arena.new("square", "boxes", (4,), np.uint8))


def test_a_slot_is_not_handed_out_while_anybody_looks_at_it(arena: Arena) -> None:
    first = picture(arena, 1)
    part = first[1:2, :, 0]
    del first
    second = picture(arena, 2)
    assert in_slot(arena, part.base) and in_slot(arena, second)
    assert not arena.has_room("square")
    assert not in_slot(arena, picture(arena, 3))
    assert (part == 1).all() and (second == 2).all()
    del part
    assert arena.has_room("square")
    assert in_slot(arena, picture(arena, 4)) and (second == 2).all()


def test_a_slot_is_not_handed_out_while_a_reader_has_it(arena: Arena) -> None:
    slots = []
    for n in range(2):
        placed = arena.place("square", "image", picture(arena, n))
        assert placed is not None
        placed[0].leases.add(5)
        slots.append(placed[0])
    assert not arena.has_room("square")
    assert not in_slot(arena, picture(arena, 9))
    slots[1].leases.add(6)
    slots[1].leases.discard(5)
    assert not slots[1].free
    slots[1].leases.discard(6)
    assert in_slot(arena, picture(arena, 9))
    assert (slots[0].base[0], slots[1].base[0]) == (0, 9)


def test_to_place_where_no_slot_is_free_is_our_mistake(arena: Arena) -> None:
    held = [picture(arena), picture(arena)]
    with pytest.raises(RuntimeError, match=r"square\.image: no free slot"):
        arena.place("square", "image", np.zeros((4, 5, 3), np.uint8))
    del held


def test_slots_do_not_overlap(arena: Arena) -> None:
    slots = [slot for slots in arena._pools.values() for slot in slots]
    for i, slot in enumerate(slots):
        assert slot.base.size == SLOT
        slot.base[:] = i
    assert [(slot.base == i).all() for i, slot in enumerate(slots)] == [True] * 3


def test_memory_that_is_not_to_be_had_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    create = os.memfd_create

    def full(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def remember(name: str, flags: int) -> int:
        opened.append(create(name, flags))
        return opened[-1]

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    monkeypatch.setattr(module.os, "memfd_create", remember)
    with pytest.raises(SourceError) as caught:
        allocate("arena matte", 512 << 20)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("arena matte: 512 MiB of shared memory are not to be had (No space left on device): ")
    with pytest.raises(OSError):
        os.fstat(opened[0])  # it was given back


def test_an_empty_arena_is_a_page() -> None:
    descriptor = allocate("empty", 0)
    assert os.fstat(descriptor).st_size == mmap.PAGESIZE
    os.close(descriptor)
