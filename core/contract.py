"""Contract: what a network's file cannot say about itself: colour, range, size, states, licence, which file is which."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.core.document import Document
from edge.core.errors import EdgeError, ModelError

Layout = Literal["nchw", "nhwc"]


class ImageInput(msgspec.Struct, forbid_unknown_fields=True):
    """The picture's tensor. A pixel 0..255 becomes `range`, then `(value - mean) / std` per channel, in the order of `colour`.

    size: [h, w], for a network that takes this size only; without it `multiple_of` says which sizes it takes, and each
    file says at which it is run. The picture is squeezed to the size: its aspect is not kept.
    """

    name: str
    layout: Layout = "nchw"
    colour: Literal["rgb", "bgr"] = "rgb"
    range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    multiple_of: int = 1

    def __post_init__(self) -> None:
        if 0.0 in self.std:
            raise ValueError("std must not be 0")
        if self.multiple_of < 1 or (self.size and min(self.size) < 1):
            raise ValueError("size and multiple_of must be 1 or more")


class PriorInput(msgspec.Struct, forbid_unknown_fields=True):
    """The alpha of an earlier frame: 0..1 becomes `range`. Without a name it is the picture's 4th channel, in the files that
    have `channels: 4`; with one it is an input of its own, [1, 1, h, w]."""

    name: str = ""
    range: tuple[float, float] = (0.0, 1.0)


class State(msgspec.Struct, forbid_unknown_fields=True):
    """What a recurrent network hands itself: `output` of one frame is `input` of the next, zeros at the start.

    shape: numbers, or `h/2` and `w/2` for a fraction (rounded up) of the network's size.
    """

    input: str
    output: str
    shape: tuple[int | str, ...]

    def __post_init__(self) -> None:
        for side in self.shape:
            if isinstance(side, str) and not re.fullmatch(r"[hw]/[1-9]\d*", side):
                raise ValueError(f"shape has '{side}': give a number, or a fraction like h/2")

    def at(self, size: tuple[int, int]) -> tuple[int, ...]:
        """The shape in numbers, for a network of this (h, w)."""
        return tuple(side if isinstance(side, int) else _fraction(side, size) for side in self.shape)


class Output(msgspec.Struct, forbid_unknown_fields=True):
    """A plane that the network makes. stride: the network's size over the plane's."""

    name: str
    layout: Layout = "nchw"
    channel: int = 0
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    stride: int = 1


class File(msgspec.Struct, forbid_unknown_fields=True):
    """One of the files that keep this contract. sha256: in hex; "" only in a contract that is not shipped with Edgeflow."""

    path: str
    branch: Literal["full", "lr"] = "full"
    channels: Literal[3, 4] = 3
    size: tuple[int, int] | None = None
    precision: Literal["float32", "float16", "int8"] = "float32"
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.sha256 and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError("sha256 must be 64 hexadecimal digits, in lower case")


class Contract(msgspec.Struct, forbid_unknown_fields=True):
    """What one network promises. `outputs` has at least `alpha`.

    constants: inputs that always get the same numbers, in files that ask for them.
    """

    name: str
    licence: str
    source: str
    image: ImageInput
    outputs: dict[Literal["alpha", "lr_alpha"], Output]
    prior: PriorInput | None = None
    states: list[State] = []
    constants: dict[str, list[float]] = {}
    files: list[File] = []
    note: str = ""

    def __post_init__(self) -> None:
        if "alpha" not in self.outputs:
            raise ValueError("outputs must have 'alpha'")
        for file in self.files:
            self._check_size(file)

    def _check_size(self, file: File) -> None:
        fixed, size = self.image.size, file.size or self.image.size
        if size is None:
            raise ValueError(f"file {file.path} needs a size: [h, w]")
        if fixed and size != fixed:
            raise ValueError(f"file {file.path} has size {list(size)}, the image {list(fixed)}")
        if any(side < 1 or side % self.image.multiple_of for side in size):
            raise ValueError(f"file {file.path} has size {list(size)}, which is no multiple of {self.image.multiple_of}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON and msgpack."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Contract:
        return msgspec.convert(values, cls)

    @classmethod
    def load(cls, path: Path) -> Contract:
        """The contract in a YAML file. Raises ModelError with the file, the line and the field."""
        try:
            document = Document.read(path)
        except EdgeError as error:
            raise ModelError(str(error).splitlines()[0]) from None
        try:
            return cls.from_dict(document.value)
        except msgspec.ValidationError as error:
            raise ModelError(_told(document, str(error))) from None


def is_contract(path: Path) -> bool:
    """Whether this file is meant as a contract: the YAML beside a model may as well be the graph that uses it."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return not re.search(rb"^stages:", file.read(65536), re.MULTILINE)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None


def _fraction(side: str, size: tuple[int, int]) -> int:
    whole = size["hw".index(side[0])]
    return -(-whole // int(side[2:]))


def _told(document: Document, error: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.image.size[0]`" with its place, and the nearest field for an unknown one."""
    problem, _, place = error.partition(" - at ")
    field = place.rpartition("`$")[2].strip("`.")
    steps = (int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", field))
    told = problem.replace("`", "'")
    unknown = re.search(r"unknown field '(.*)'", told)
    near = difflib.get_close_matches(unknown[1], _FIELDS, 1) if unknown else []
    hint = f". Did you mean '{near[0]}'?" if near else ""
    return f"{document.where(tuple(steps))}: contract{' field ' + field if field else ''}: {told}{hint}"


_STRUCTS: tuple[type[msgspec.Struct], ...] = (Contract, ImageInput, PriorInput, State, Output, File)
_FIELDS = sorted({field for struct in _STRUCTS for field in struct.__struct_fields__})
