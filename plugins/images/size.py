"""The size that a picture's header gives, read without decoding: a file of 49 kB may decode to gigabytes."""

from __future__ import annotations

import struct
from typing import BinaryIO, Dict, Optional, Tuple

Size = Tuple[int, int]
"""Height and width, in pixels, as the decoded picture has them."""

WIDTH, HEIGHT, ORIENTATION = 256, 257, 274
"""Tags of TIFF, which EXIF shares."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that carry the size; the three others in this range are tables."""


def size_of(file: BinaryIO) -> Optional[Size]:
    """None for what is not a PNG, JPEG, BMP, WebP, TIFF or PNM, or is cut off within its header."""
    start = file.read(32)
    for magic, read in READERS:
        if start.startswith(magic):
            try:
                size = read(file, start)
            except (struct.error, ValueError, LookupError):
                return None
            return size if size and min(size) > 0 else None
    return None


def is_jpeg(start: bytes) -> bool:
    return start.startswith(b"\xff\xd8")


def _png(file: BinaryIO, start: bytes) -> Size:
    width, height = struct.unpack_from(">II", start, 16)
    return height, width


def _bmp(file: BinaryIO, start: bytes) -> Size:
    if struct.unpack_from("<I", start, 14)[0] == 12:  # the oldest header, with 16-bit sizes
        width, height = struct.unpack_from("<HH", start, 18)
    else:
        width, height = struct.unpack_from("<ii", start, 18)
    return abs(height), abs(width)  # below 0: stored from the top


def _webp(file: BinaryIO, start: bytes) -> Optional[Size]:
    """Three chunks begin a WebP: lossy, lossless, extended."""
    kind = start[12:16] if start[8:12] == b"WEBP" else b""
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", start, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", start, 21)[0]
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(start[27:30], "little") + 1, int.from_bytes(start[24:27], "little") + 1
    return None


def _pnm(file: BinaryIO, start: bytes) -> Size:
    """P5 or P6, width, height and the largest value, between white space and comments."""
    file.seek(0)
    lines = file.read(4096).split(b"\n")
    words = b" ".join(line.partition(b"#")[0] for line in lines).split()
    width, height, _ = map(int, words[1:4])
    return height, width


def _tiff(file: BinaryIO, start: bytes) -> Size:
    tags = _tags(file, 0)
    return tags.get(HEIGHT, 0), tags.get(WIDTH, 0)


def _jpeg(file: BinaryIO, start: bytes) -> Optional[Size]:
    """From segment to segment to the first frame header. A camera held upright says so in EXIF; then OpenCV turns it."""
    place, turned = 2, False
    while True:
        file.seek(place)
        mark, kind, length = struct.unpack(">BBH", file.read(4))
        if mark != 0xFF or length < 2:
            return None
        if kind in FRAMES:
            height, width = struct.unpack(">xHH", file.read(5))
            return (width, height) if turned else (height, width)
        if kind == 0xE1 and file.read(6) == b"Exif\0\0":
            turned = 5 <= _tags(file, place + 10).get(ORIENTATION, 1) <= 8
        place += 2 + length


def _tags(file: BinaryIO, base: int) -> Dict[int, int]:
    """The first directory of a TIFF that begins at `base`: tag → its number, of those with one short or long number."""
    file.seek(base)
    order = {b"II": "<", b"MM": ">"}[file.read(4)[:2]]
    file.seek(base + struct.unpack(order + "I", file.read(4))[0])
    tags = {}
    for _ in range(struct.unpack(order + "H", file.read(2))[0]):
        tag, kind, count, short, long = _entry(order, file.read(12))
        if count == 1 and kind in (3, 4):
            tags[tag] = short if kind == 3 else long
    return tags


def _entry(order: str, entry: bytes) -> Tuple[int, int, int, int, int]:
    tag, kind, count, long = struct.unpack(order + "HHII", entry)
    return tag, kind, count, struct.unpack_from(order + "H", entry, 8)[0], long


READERS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"P5", _pnm),
    (b"P6", _pnm),
)
