"""A model's file: read it once, and name what is wrong with it before a runtime sees it.

Valid Python 3.7.
"""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Dict, Iterator, Tuple, Union

from edge.core.errors import ModelError

_AGAIN = "download it again"

# Where tensors are in an ONNX file: message -> field number -> message (onnx.proto).
_INSIDE: Dict[str, Dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def read_file(path: Path) -> bytes:
    """All of a model's file, which is looked at only as far as needed to say that it is no model at all."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path} is not a file: give the path of the model itself")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist: check the path, or give the name of a known model") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    head = data[:512].lstrip().lower()
    if not head:
        raise ModelError(f"{path} is empty: {_AGAIN}")
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a git-lfs pointer, not the model: run `git lfs pull`, or download the file itself")
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelError(f"{path} is a web page, not a model: the link was not to the file itself; {_AGAIN}")
    return data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_onnx(path: Path, data: bytes) -> None:
    """Raise ModelError where an ONNX file is cut off, is something else, or keeps its weights in other files.

    For a file whose hash nobody knows. Walks the protobuf by hand: this runs before any worker, in milliseconds.
    """
    try:
        fields = [field for field, _ in _fields(memoryview(data))]
    except _Cut as cut:
        if cut.graph:
            raise ModelError(f"{path} is truncated: its graph has {cut.needed} bytes, {cut.left} are there; {_AGAIN}") from None
        fields = []
    if 7 not in fields:
        raise ModelError(f"{path} is not an ONNX model: no graph in it; give the .onnx file itself")
    try:
        external = _is_external(memoryview(data), "model")
    except (_Cut, RecursionError):
        raise ModelError(f"{path} is damaged: its graph does not hold together; {_AGAIN}") from None
    if external:
        raise ModelError(
            f"{path} keeps its weights in other files, which its hash does not cover: "
            "save it as one file (onnx.load, then onnx.save)"
        )


class _Cut(Exception):
    """A field is longer than the message that holds it, or is no field at all."""

    def __init__(self, field: int = 0, needed: int = 0, left: int = 0) -> None:
        super().__init__(field)
        self.graph = field == 7
        self.needed = needed
        self.left = left


def _is_external(message: memoryview, kind: str) -> bool:
    if kind == "tensor":
        return any(f == _EXTERNAL_DATA or (f == _DATA_LOCATION and value == 1) for f, value in _fields(message))
    inside = _INSIDE[kind]
    parts = ((inside[field], value) for field, value in _fields(message) if field in inside)
    return any(_is_external(part, kind) for kind, part in parts if isinstance(part, memoryview))


def _fields(message: memoryview) -> Iterator[Tuple[int, Union[int, memoryview]]]:
    """Each field of a protobuf message: its number, and its number or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _Cut()
        if field == 0 or length > len(message) - at:
            raise _Cut(field, length, len(message) - at)
        yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> Tuple[int, int]:
    """A number of 7 bits per byte, low bits first, and where the next field begins."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise _Cut()
