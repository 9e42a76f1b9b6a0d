"""Sample values for the ports and the options of a stage that is not known."""

from __future__ import annotations

import pathlib
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import cv2
import numpy as np

from edge.core import model
from edge.core.errors import EdgeError
from edge.core.frame import Alpha, Image, Plane, Raw, Spec, Tensor
from edge.core.options import Option, declared
from edge.core.port import PortType
from edge.core.stage import ModelName, Source
from edge.core.testing.pictures import alphas, pictures
from edge.core.testing.ready import ready
from edge.core.testing.take import Take

FACTS: dict[Any, Any] = {float: 0.5, int: 3, str: "text", bool: True, list: [], dict: {}}
OUTPUTS = ("{source}.mp4", "{source}.jsonl", "{source}.png", "{source}")
"""Paths that a sink is offered, until its `check` takes one."""
RATE = 25.0


class Unknown(Exception):
    """There is no sample for this: why, in words."""


class Samples:
    """Values for these ports; pictures are of this format."""

    def __init__(self, ports: Iterable[PortType], format: str = "bgr") -> None:
        self.format = format
        self.ports = [port for port in ports if port.wired or not port.previous]
        for port in self.ports:
            if port.type is None:
                raise Unknown(f"there is no sample for the port '{port.name}', which has no type")

    @property
    def by_name(self) -> dict[str, PortType]:
        return {port.name: port for port in self.ports}

    def specs(self, size: tuple[int, int]) -> dict[str, Spec]:
        """Port → spec for pictures of (height, width)."""
        return {port.name: self._spec(port, size) for port in self.ports}

    def _spec(self, port: PortType, size: tuple[int, int]) -> Spec:
        if not _is(port.type, Plane):
            return Spec(port.type)
        format = self.format if port.type is Image else ""
        return Spec(port.type, np.shape(self._values(port, 1, size)[0]), format)

    def takes(
        self, count: int, size: tuple[int, int], source: str = "camera", mirrored: bool = False, first: int = 0
    ) -> list[Take]:
        """So many frames from number `first` on. mirrored: other pictures, as another camera has them."""
        values = {port.name: self._values(port, count, size) for port in self.ports}
        if mirrored:
            values = {
                name: [np.ascontiguousarray(v[::-1]) if isinstance(v, np.ndarray) else v for v in row]
                for name, row in values.items()
            }
        frames = range(first, first + count)
        return [Take(source, n, n / RATE, {port: row[i] for port, row in values.items()}) for i, n in enumerate(frames)]

    def _values(self, port: PortType, count: int, size: tuple[int, int]) -> list[Any]:
        kind = port.type
        if _is(kind, Image):
            return list(pictures(count, size, self.format))
        if _is(kind, Alpha):
            return list(alphas(count, size))
        if _is(kind, Raw) or _is(kind, Tensor):
            half = (max(1, size[0] // 2), max(1, size[1] // 2))
            return [(alpha / np.float32(255)).astype(np.float32) for alpha in alphas(count, half)]
        return [_fact(port)] * count


def _is(kind: Any, wanted: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, wanted)


def _fact(port: PortType) -> Any:
    base = typing.get_origin(port.type) or port.type
    if base not in FACTS:
        raise Unknown(f"there is no sample for the port '{port.name}', whose type is {getattr(base, '__name__', base)}")
    return FACTS[base]


def guess(cls: Any, given: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The options given, with a value for each that must be given and was not. Raises Unknown where none can be guessed."""
    options = dict(given)
    for name, option in declared(cls).items():
        if option.required and name not in options:
            options[name] = _guessed(cls, option, options, folder)
    return options


def _guessed(cls: Any, option: Option, options: Mapping[str, Any], folder: pathlib.Path) -> Any:
    if option.type is ModelName:
        return next(name for name in model.known() if (model.SHIPPED / f"{name}.onnx").is_file())
    if typing.get_origin(option.type) is typing.Literal:
        return typing.get_args(option.type)[0]
    if option.type is pathlib.Path:
        offers = _media(folder) if issubclass(cls, Source) else [str(folder / name) for name in OUTPUTS]
        for offer in offers:
            if _takes(cls, {**options, option.name: offer}):
                return offer
    words = f" ({option.doc})" if option.doc else ""
    raise Unknown(f"'{option.name}' must be given{words}: --set {option.name}=...")


def _takes(cls: Any, options: Mapping[str, Any]) -> bool:
    """Whether a stage takes these options; a source, whether it finds a picture there."""
    try:
        stage = ready(cls, options)
        return not stage.check() and (not isinstance(stage, Source) or bool(stage.spec({})))
    except EdgeError:
        return False


def _media(folder: pathlib.Path) -> list[str]:
    """A short video and a folder of pictures, made when they are first asked for."""
    video, stills = folder / "sample.mp4", folder / "stills"
    if not stills.exists():
        stills.mkdir()
        writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (128, 72))
        for n, picture in enumerate(pictures(24)):
            cv2.imwrite(str(stills / f"{n}.png"), picture)
            writer.write(picture)
        writer.release()
    return [str(video), str(stills)]
