"""Takes: the frames that a test gives to a stage, numbered and timed as a camera's are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edge.core.frame import Drop, Plane
from edge.core.port import PortType


class Take:
    """One frame to be given: its camera, its number, its time in seconds, and the value of each port.

    A `Drop`, or None, stands for a value that was lost on the way. aside: its outcome is not asked for.
    """

    __slots__ = ("source", "n", "time", "values", "aside")

    def __init__(self, source: str, n: int, time: float, values: dict[str, Any], aside: bool = False) -> None:
        self.source = source
        self.n = n
        self.time = time
        self.values = {port: Drop("late") if value is None else value for port, value in values.items()}
        self.aside = aside

    def __repr__(self) -> str:
        return f"frame {self.n} of {self.source}"


def takes_of(frames: Iterable[Any], ports: Mapping[str, PortType], sources: Sequence[str], rate: float) -> list[Take]:
    """Frame after frame, dealt to the cameras in turn. Raises TypeError where a value does not say which port it is for."""
    takes = []
    for i, frame in enumerate(frames):
        n = i // len(sources)
        takes.append(Take(sources[i % len(sources)], n, n / rate, _by_port(frame, ports)))
    return takes


def _by_port(frame: Any, ports: Mapping[str, PortType]) -> dict[str, Any]:
    if isinstance(frame, dict) and set(frame) <= set(ports):
        return frame
    known = ", ".join(ports) or "nothing"
    must = [port for port in ports.values() if port.wired] or list(ports.values())
    if isinstance(frame, dict) and (len(must) != 1 or is_plane(must[0].type)):
        raise TypeError(f"a frame has values for {', '.join(map(str, frame))}; the stage reads {known}")
    if len(must) == 1:
        return {must[0].name: frame}
    raise TypeError(f"the stage reads {known}: give each frame as a dict of port → value")


def is_plane(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Plane)
