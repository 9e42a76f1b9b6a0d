"""The arena: the slots into which one worker puts the planes that other workers read.

A memfd, allocated and `fallocate`d before the start (too little memory is an error then, not a SIGBUS later) and sealed: it
cannot shrink under a reader, and once its owner has mapped it nobody else can map it for writing. It has no name to leave
behind: it is gone with the last process that holds it.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import sys
import threading
from typing import Any

import numpy as np

from edge.core.errors import SourceError
from edge.core.plan import Pool, WorkerPlan

_ADD_SEALS = 1033
_SHRINK, _GROW, _FUTURE_WRITE = 0x2, 0x4, 0x10


def allocate(name: str, size: int) -> int:
    """A descriptor of so many bytes of memory, really there. Raises SourceError where they are not to be had."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.posix_fallocate(fd, 0, max(size, mmap.PAGESIZE))
    except OSError as error:
        os.close(fd)
        raise SourceError(
            f"{name}: {size / 2**20:.0f} MiB of shared memory are not to be had ({error.strerror}): "
            "use smaller frames, fewer cameras, or give the container more memory ('edge plan' shows who needs how much)"
        ) from None
    fcntl.fcntl(fd, _ADD_SEALS, _SHRINK | _GROW)
    return fd


class Slot:
    """One frame's place. `leases`: the readers (edge indices) that have not given it back."""

    __slots__ = ("base", "offset", "leases", "_idle")

    def __init__(self, room: memoryview, offset: int) -> None:
        # Its base owns no memory but is an object of its own, so that its reference count tells who looks at it. It is made
        # and counted here, where nothing else holds it yet.
        self.base = np.frombuffer(room, np.uint8)
        self.offset = offset
        self.leases: set[int] = set()
        self._idle = sys.getrefcount(self.base)

    @property
    def free(self) -> bool:
        """No reader has it, and in this process nothing looks at it: every view of `base` holds a reference to it."""
        return not self.leases and sys.getrefcount(self.base) <= self._idle


class Arena:
    """The owner's side: writable. `new` may be called from a source's thread."""

    def __init__(self, fd: int, worker: WorkerPlan) -> None:
        self._map = mmap.mmap(fd, 0)
        fcntl.fcntl(fd, _ADD_SEALS, _FUTURE_WRITE)
        self._lock = threading.Lock()
        self._pools = {(pool.stage, pool.value): self._slots(pool) for pool in worker.pools}
        self._sizes = {(pool.stage, pool.value): pool.bytes for pool in worker.pools}
        self._by_address = {_address(slot.base): slot for slots in self._pools.values() for slot in slots}

    def _slots(self, pool: Pool) -> list[Slot]:
        everything = np.frombuffer(self._map, np.uint8)
        starts = [pool.offset + i * pool.bytes for i in range(pool.count)]
        return [Slot(everything.data[at : at + pool.bytes], at) for at in starts]

    def has_room(self, stage: str) -> bool:
        """True while each value of this stage that leaves the process has a free slot."""
        return all(any(slot.free for slot in slots) for (name, _), slots in self._pools.items() if name == stage)

    def new(self, stage: str, value: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """A writable array in a free slot; in ordinary memory where the value stays in this process, no slot is free, or the
        shape is larger than planned."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > self._sizes.get((stage, value), -1):
            return np.empty(shape, dtype)
        with self._lock:
            for slot in self._pools[stage, value]:
                if slot.free:
                    view: np.ndarray = slot.base[:size].view(dtype).reshape(shape)
                    return view
        return np.empty(shape, dtype)

    def place(self, stage: str, value: str, made: np.ndarray) -> tuple[Slot, int] | None:
        """The slot that holds this value, and the copies it took (0 or 1). None where it is larger than its slot."""
        slot = self._by_address.get(_address(made))
        if slot is not None and made.flags.c_contiguous:
            return slot, 0
        if made.nbytes > self._sizes[stage, value]:
            return None
        room = self.new(stage, value, made.shape, made.dtype)
        slot = self._by_address.get(_address(room))
        if slot is None:
            raise RuntimeError(f"{stage}.{value}: no free slot, though the window has room")
        np.copyto(room, made)
        return slot, 1


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


class View:
    """A reader's side: a read-only map of another worker's arena."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        os.close(fd)

    def at(self, offset: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.frombuffer(self._map, dtype, math.prod(shape), offset).reshape(shape)
