"""Run one stage, or one source, in this process: what it makes of a few frames, and whether it keeps its promises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edge.core.frame import Drop, Image, Spec
from edge.core.port import PortType, ports_of
from edge.core.stage import Source, Stage
from edge.core.testing.clock import Clock
from edge.core.testing.faults import Faults
from edge.core.testing.ready import ready
from edge.core.testing.reel import Reel
from edge.core.testing.rig import Rig
from edge.core.testing.take import Take, takes_of

USUAL_RATE = 25.0
"""Frames per second of a file that does not say."""


def run(
    stage: Stage | type[Stage],
    frames: Iterable[Any],
    *,
    device: str = "",
    source: str = "camera",
    sources: Sequence[str] | None = None,
    live: bool = False,
    rate: float = 25.0,
    specs: Mapping[str, Spec] | None = None,
    options: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    faults: Faults | None = None,
) -> list[dict[str, Any] | Drop]:
    """What the stage makes of each frame: its values, planes copied, or the Drop that it raised.

    frames: values for the only port that must be wired, or dicts of port → value; a `Drop` or None is a value that was lost.
    device: a profile or a runtime, for a stage that loads a network. sources: several cameras, dealt the frames in turn.
    live: frames come from a camera. rate: frames per second. specs: port → Spec; else the largest of the frames' own, where
    pictures are bgr, or nv12 where they are flat. options: as in a graph, checked. clock: told the time by it, and moved by
    1/rate each frame. faults: planted in the frames and the device.

    The stage is checked, wired and opened as a graph does it, and closed whatever happens. Planes are read-only, and
    overwritten when `process` has returned. Raises AssertionError in one sentence where the stage breaks a promise, GraphError
    where a graph would refuse it, and what the stage raises.
    """
    if isinstance(stage, Source) or (isinstance(stage, type) and issubclass(stage, Source)):
        raise TypeError(f"{getattr(stage, '__name__', type(stage).__name__)} is a source: capture(...) runs it")
    made = ready(stage, options)
    plan = faults or Faults()
    cameras = tuple(sources or (source,))
    ports = ports_of(made)
    takes = plan.spoil(takes_of(frames, ports, cameras, rate), ports, rate)
    inputs = {**largest(takes, ports), **(specs or {})}
    with clock or contextlib.nullcontext():
        rig = Rig(made, inputs, (*cameras, *plan.sources), live, rate, device, faults=plan)
        with rig:
            return _shot(rig, takes, clock)


def _shot(rig: Rig, takes: list[Take], clock: Clock | None) -> list[dict[str, Any] | Drop]:
    outcomes, at = [], takes[0].time if takes else 0.0
    for take in takes:
        if clock is not None:
            clock.advance(max(0.0, take.time - at))
            at = max(at, take.time)
        outcome = rig.shoot(take)
        if not take.aside:
            outcomes.append(outcome)
    return outcomes


def largest(takes: Iterable[Take], ports: Mapping[str, PortType]) -> dict[str, Spec]:
    """Port → the largest of its values, as a source would have told it. Values that are lost everywhere have no spec."""
    found: dict[str, Spec] = {}
    for take in takes:
        for port, value in take.values.items():
            if not isinstance(value, Drop):
                found[port] = _larger(found.get(port), ports[port].type, value)
            elif port not in found:
                found[port] = Spec(ports[port].type)
    return found


def _larger(spec: Spec | None, kind: Any, value: Any) -> Spec:
    if not isinstance(value, np.ndarray):
        return spec or Spec(kind)
    shape = value.shape
    if spec is not None and spec.shape is not None and len(spec.shape) == len(shape):
        shape = tuple(map(max, shape, spec.shape))
    return Spec(kind, shape, ("bgr" if len(shape) == 3 else "nv12") if kind is Image else "")


def capture(
    source: Source | type[Source],
    most: int = 10,
    *,
    name: str = "camera",
    options: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> list[dict[str, Any] | Drop]:
    """The first frames of a source: their values, planes copied, or the Drop that it yielded. Fewer where it ends before.

    It is checked and opened as a graph does it, its generator is closed, then it. Raises as `run` does.
    """
    with clock or contextlib.nullcontext():
        with Reel(ready(source, options), name) as reel:
            shots = []
            for n, shot in enumerate(reel.shots(most)):
                shots.append(shot)
                if clock is not None and n + 1 < most and not reel.source.live:
                    clock.advance(1 / (reel.source.rate or USUAL_RATE))
            return shots
