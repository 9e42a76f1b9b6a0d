"""Faults that a test plants: in the frames on their way to a stage, and in the device that runs its network."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edge.core.device import Network
from edge.core.errors import DeviceError
from edge.core.frame import Drop
from edge.core.port import PortType
from edge.core.testing.take import Take, takes_of


class Faults:
    """Each method plants one kind and returns the same Faults, so that they chain: `Faults().lose("alpha", 3).gap(5)`.

    Frames are counted from 0, as they are given to `run`.
    """

    def __init__(self) -> None:
        self._lost: dict[tuple[str, int], str] = {}
        self._gaps: dict[int, int] = {}
        self._spoilt: dict[tuple[str, int], Any] = {}
        self._others: tuple[str, list[Any]] = ("", [])
        self._errors: dict[int, Exception] = {}
        self._slow: dict[int, float] = {}
        self._always_slow = 0.0

    # -- frames -----------------------------------------------------------------------------------------------------------

    def lose(self, port: str, *at: int, reason: str = "worker_died") -> Faults:
        """The port's value does not come; `frame.lost` says the reason, one of REASONS."""
        self._lost.update({(port, i): reason for i in at})
        return self

    def gap(self, at: int, frames: int = 5) -> Faults:
        """So many frames are missing before this one: n and the time jump."""
        self._gaps[at] = frames
        return self

    def nan(self, port: str, *at: int) -> Faults:
        """Every other value of a float plane is NaN."""
        self._spoilt.update({(port, i): _with_nan for i in at})
        return self

    def empty(self, port: str, *at: int) -> Faults:
        """The plane has no rows."""
        self._spoilt.update({(port, i): _without_rows for i in at})
        return self

    def shrink(self, port: str, *at: int) -> Faults:
        """The plane is half as large: a camera that changes its size."""
        self._spoilt.update({(port, i): _half for i in at})
        return self

    def interleave(self, source: str, frames: Iterable[Any]) -> Faults:
        """Another camera's frames come in between, one after each. Their outcomes are left out of what `run` returns."""
        self._others = (source, list(frames))
        return self

    # -- the device -------------------------------------------------------------------------------------------------------

    def fail(self, *at: int, error: Exception | None = None) -> Faults:
        """The network raises at these of its calls; a DeviceError unless another is given."""
        self._errors.update({i: error or DeviceError("the device does not answer (a planted fault)") for i in at})
        return self

    def slow(self, seconds: float, *at: int) -> Faults:
        """The network takes so much longer at these of its calls, or at all of them. A Clock given to `run` moves instead."""
        self._always_slow = self._always_slow if at else seconds
        self._slow.update(dict.fromkeys(at, seconds))
        return self

    # -- at work ----------------------------------------------------------------------------------------------------------

    @property
    def sources(self) -> tuple[str, ...]:
        """The cameras that come in between."""
        return (self._others[0],) if self._others[0] else ()

    def spoil(self, takes: Sequence[Take], ports: Mapping[str, PortType], rate: float) -> list[Take]:
        """The takes with the faults of frames in them. Raises ValueError for a port that the stage does not have."""
        for port in {port for port, _ in [*self._lost, *self._spoilt]}:
            if port not in ports:
                raise ValueError(f"no port '{port}' to plant a fault in; the stage reads {', '.join(ports)}")
        jump, spoilt = 0, []
        for i, take in enumerate(takes):
            jump += self._gaps.get(i, 0)
            spoilt.append(Take(take.source, take.n + jump, take.time + jump / rate, self._values(i, take.values)))
        return _between(spoilt, [Take(t.source, t.n, t.time, t.values, aside=True) for t in self._visitors(ports, rate)])

    def _visitors(self, ports: Mapping[str, PortType], rate: float) -> list[Take]:
        source, frames = self._others
        return takes_of(frames, ports, (source,), rate)

    def _values(self, i: int, values: dict[str, Any]) -> dict[str, Any]:
        made = {}
        for port, value in values.items():
            if (port, i) in self._lost:
                value = Drop(self._lost[port, i])
            elif (port, i) in self._spoilt:
                value = self._spoilt[port, i](port, value)
            made[port] = value
        return made

    def network(self, network: Network) -> Network:
        """The network with the faults of the device in it."""
        return _Faulty(network, self) if self._errors or self._slow or self._always_slow else network

    def at_call(self, i: int) -> None:
        """What happens at call i of a network. Raises the planted error."""
        seconds = self._slow.get(i, self._always_slow)
        if seconds:
            time.sleep(seconds)
        if i in self._errors:
            raise self._errors[i]


class _Faulty(Network):
    def __init__(self, network: Network, faults: Faults) -> None:
        self.contract = network.contract
        self._network = network
        self._faults = faults
        self._calls = 0

    def __call__(self, format: str = "bgr", **planes: np.ndarray | None) -> dict[str, np.ndarray]:
        self._calls += 1
        self._faults.at_call(self._calls - 1)
        return self._network(format=format, **planes)

    def close(self) -> None:
        self._network.close()


def _between(takes: list[Take], others: list[Take]) -> list[Take]:
    """One of the others after each take, as long as there are any."""
    mixed: list[Take] = []
    for i, take in enumerate(takes):
        mixed += [take, *others[i : i + 1]]
    return mixed


def _with_nan(port: str, value: Any) -> Any:
    plane = np.array(value)
    if plane.dtype.kind != "f":
        raise ValueError(f"'{port}' holds {plane.dtype}, which has no NaN: plant it in a float plane")
    plane.reshape(-1)[::2] = np.nan
    return plane


def _without_rows(port: str, value: Any) -> Any:
    return np.asarray(value)[:0]


def _half(port: str, value: Any) -> Any:
    plane = np.asarray(value)
    return plane[: max(1, plane.shape[0] // 2), : max(1, plane.shape[1] // 2)]
