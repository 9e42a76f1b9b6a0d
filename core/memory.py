"""Memory that outlives a process: temporal state by camera and name, in a block that the supervisor holds.

Two banks each: a write goes into the idle one and then becomes the newest, so a crash in the middle of it is not seen.
Valid Python 3.7.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from edge.core.frame import Spec
from edge.core.plan import Plan, WorkerPlan

HEAD = 4  # float64 each: serial (0: empty bank), time, 1 if there is a value, rank; then the shape
SHAPE = 6
HEADER = (HEAD + SHAPE) * 8


Slots = Dict[Tuple[str, str], Spec]


def room(slots: Slots) -> int:
    """The bytes that these slots take."""
    return sum(2 * _bank(spec) for spec in slots.values())


class Memory:
    """A mapping (source, name) → array. `buffer` is None for memory of this process alone."""

    def __init__(self, slots: Slots, buffer: Any = None) -> None:
        self._slots: Dict[Tuple[str, str], Tuple[Any, ...]] = {}
        self.add(slots, buffer)

    def add(self, slots: Slots, buffer: Any = None) -> None:
        """Take these in as well. A buffer that a predecessor wrote to has what it wrote."""
        buffer = bytearray(room(slots)) if buffer is None else buffer
        offset = 0
        for key, spec in slots.items():
            banks = []
            for _ in range(2):
                head = np.frombuffer(buffer, np.float64, HEAD + SHAPE, offset)
                data = np.frombuffer(buffer, np.uint8, spec.nbytes, offset + HEADER)
                banks.append((head, data))
                offset += _bank(spec)
            self._slots[key] = (spec.dtype, banks)

    def drop(self, source: str) -> None:
        """Forget a camera, and let go of its buffer."""
        self._slots = {key: slot for key, slot in self._slots.items() if key[0] != source}

    def get(self, key: Tuple[str, str]) -> Optional[np.ndarray]:
        """The newest value, read-only and valid until the next `put` but one; None where there is none."""
        dtype, banks = self._slots[key]
        head, data = max(banks, key=_serial)
        if not head[0] or not head[2]:
            return None
        shape = tuple(int(side) for side in head[HEAD : HEAD + int(head[3])])
        size = int(np.prod(shape)) * dtype.itemsize
        value = data[:size].view(dtype).reshape(shape)
        value.flags.writeable = False
        return value  # type: ignore[no-any-return]

    def time(self, source: str, name: str) -> float:
        """When the newest value was made, on its source's clock."""
        return float(max(self._slots[source, name][1], key=_serial)[0][1])

    def put(self, key: Tuple[str, str], value: Optional[np.ndarray], time: float = 0.0) -> None:
        """Copy a value in; None forgets. Raises ValueError where it is larger than its spec."""
        dtype, banks = self._slots[key]
        (head, data), (newest, _) = sorted(banks, key=_serial)
        if value is not None:
            flat = np.ascontiguousarray(value, dtype).reshape(-1).view(np.uint8)
            if flat.size > data.size or value.ndim > SHAPE:
                raise ValueError("{}: {} is larger than its spec".format(".".join(key), value.shape))
            data[: flat.size] = flat
            head[3] = value.ndim
            head[HEAD : HEAD + value.ndim] = value.shape
        head[1], head[2] = time, value is not None
        head[0] = newest[0] + 1

    __setitem__ = put


def slots_of(plan: Plan, worker: WorkerPlan, source: str = "") -> Slots:
    """What a worker keeps, of one camera or of all: its stages' `keeps`, and the value of each loop that it closes."""
    slots: Slots = {}
    for stage in map(plan.stage, worker.stages):
        for camera in stage.sources:
            slots.update({(camera, stage.name + "/" + kept): spec for kept, spec in stage.keeps.items()})
    for edge in plan.edges:
        if edge.previous and edge.reader in worker.stages:
            slots.update({(name, f"{edge.maker}.{edge.value}"): edge.spec for name in edge.sources})
    return {key: spec for key, spec in slots.items() if source in ("", key[0])}


class Kept:
    """One stage's part of a memory, as its context sees it."""

    def __init__(self, memory: Memory, stage: str) -> None:
        self._memory = memory
        self._stage = stage

    def get(self, key: Tuple[str, str]) -> Optional[np.ndarray]:
        return self._memory.get((key[0], self._stage + "/" + key[1]))

    def __setitem__(self, key: Tuple[str, str], value: Optional[np.ndarray]) -> None:
        self._memory.put((key[0], self._stage + "/" + key[1]), value)


def _bank(spec: Spec) -> int:
    return HEADER + -(-spec.nbytes // 8) * 8


def _serial(bank: Tuple[Any, Any]) -> float:
    return float(bank[0][0])
