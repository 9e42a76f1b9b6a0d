"""Reading a picture without trusting it: its size is known before a single pixel is decoded."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Tuple

import cv2
import numpy as np

from edge import SourceError

PIXELS = 64 * 2**20
"""The largest picture or video frame that is decoded: 192 MiB. A PNG of 50 kB can hold two gigabytes."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a JPEG that carry its size."""


def is_picture(path: str) -> bool:
    """Does the file begin like a PNG, JPEG, WebP or BMP? Raises SourceError where it cannot be read."""
    head = _head(path)
    return head.startswith((PNG, JPEG, b"BM")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_text(path: str) -> bool:
    """Text is kept from FFmpeg, which takes some of it for playlists and opens what they name."""
    try:
        words = _head(path).decode("ascii")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in words)


def read_picture(path: str) -> np.ndarray:
    """The picture, uint8 BGR [h, w, 3], as its EXIF says which side is up. Raises SourceError."""
    with _opened(path) as file:
        try:
            width, height = _size(file)
        except (struct.error, IndexError):
            raise SourceError(f"{path}: the picture is cut off; save it again") from None
        check_size(path, width, height)
        file.seek(0)
        data = np.frombuffer(file.read(), np.uint8)
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise SourceError(f"{path}: the picture is damaged; save it again")
    return picture  # type: ignore[no-any-return,unused-ignore]


def check_size(path: str, width: int, height: int) -> None:
    """Raises SourceError where a picture or video frame is empty or larger than PIXELS."""
    if width < 1 or height < 1:
        raise SourceError(f"{path}: the picture is damaged; save it again")
    if width * height > PIXELS:
        limit = PIXELS >> 20
        raise SourceError(f"{path}: {width} × {height} pixels are more than {limit} million; make it smaller")


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise SourceError(f"{path}: {os.strerror(error.errno or 0)}") from None


def _head(path: str) -> bytes:
    with _opened(path) as file:
        return file.read(512)


def _size(file: BinaryIO) -> Tuple[int, int]:
    """Width and height from the header. Raises struct.error or IndexError where it ends too soon."""
    head = file.read(32)
    if head.startswith(PNG):
        return struct.unpack(">II", head[16:24])
    if head.startswith(b"BM"):
        width, height = struct.unpack("<ii", head[18:26])
        return width, abs(height)
    return _jpeg_size(file) if head.startswith(JPEG) else _webp_size(head)


def _jpeg_size(file: BinaryIO) -> Tuple[int, int]:
    """Walk from segment to segment until the one with the size."""
    file.seek(2)
    while True:
        marker = file.read(2)
        while marker[1] == 0xFF:  # any number of fill bytes may come before a marker
            marker = marker[1:] + file.read(1)
        (length,) = struct.unpack(">H", file.read(2))
        if marker[1] in FRAMES:
            height, width = struct.unpack(">xHH", file.read(5))
            return width, height
        file.seek(max(0, length - 2), os.SEEK_CUR)


def _webp_size(head: bytes) -> Tuple[int, int]:
    """The three kinds of WebP: extended, lossless, lossy."""
    if head[12:16] == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if head[12:16] == b"VP8L":
        return (_little(head[21:25]) & 0x3FFF) + 1, (_little(head[21:25]) >> 14 & 0x3FFF) + 1
    return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")
