"""Pictures in a folder as a camera."""

from __future__ import annotations

import glob
import os
import re
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Literal, Tuple, Union

import cv2
import numpy as np

from edge import Drop, Image, Source, SourceError, Spec
from edge.plugins.images.size import Size, is_jpeg, size_of

PIXELS = 64 * 2**20
"""The largest picture that is decoded."""
BYTES = 8 * PIXELS + 2**20
"""The largest file that is read: such a picture with 16 bits and four channels, uncompressed."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm"}


class Images(Source):
    """In natural order (2 before 10). Grey, transparent, 16-bit and CMYK pictures become uint8 BGR, of any mix of sizes; one
    that cannot be read is dropped and the next one comes."""

    path: Path  # a folder, a pattern like shots/*.png, or one picture
    fps: float = 25.0  # pictures per second: of `pace: real`, and of a recording of them
    pace: Literal["fast", "real"] = "fast"  # fast: as quickly as the graph goes; real: live, one every 1 / fps seconds
    loop: bool = False  # start again at the end, for ever

    @property
    def live(self) -> bool:
        return self.pace == "real"

    def check(self) -> Dict[str, str]:
        return {} if 0 < self.fps <= 1000 else {"fps": f"{self.fps} is no rate; give pictures per second, above 0"}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """Large enough for each picture. Headers only: nothing is decoded."""
        self.rate = self.fps
        paths = listed(self.path)
        found = [header(path) for path in paths]
        sizes = [size for size in found if not isinstance(size, Drop)]
        if not sizes:
            raise SourceError(f"{self.path}: none of {len(paths)} pictures can be read; the first: {found[0]}")
        return {"image": Spec(Image, (max(h for h, _ in sizes), max(w for _, w in sizes), 3), "bgr")}

    def capture(self) -> Iterator[Any]:
        start, n = time.monotonic(), 0
        while True:
            good = 0
            for path in listed(self.path):
                made = picture(path)
                if self.pace == "real":
                    start = waited(start, n / self.fps)
                good += not isinstance(made, Drop)
                n += 1
                yield made
            if not self.loop:
                return
            if not good:
                raise SourceError(f"{self.path}: none of the pictures can be read any more")


def waited(start: float, due: float) -> float:
    """Sleep until `due` seconds after `start`. Returns the start, set anew after a stall, so that no burst follows."""
    late = time.monotonic() - (start + due)
    if late < 0:
        time.sleep(-late)
    return start + late if late > 1.0 else start


def listed(path: Path) -> List[Path]:
    """The pictures meant, in natural order. Raises SourceError where there are none."""
    try:
        found = _found(path)
    except OSError as problem:
        raise SourceError(f"{path}: cannot be read: {problem.strerror}; ask its owner, or run as a user who may") from None
    if not found:
        raise SourceError(f"{path}: {_why_none(path)}")
    return sorted(found, key=natural)


def _found(path: Path) -> List[Path]:
    if path.is_dir():
        return [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if path.is_file():
        return [path]
    return [Path(name) for name in glob.glob(str(path)) if os.path.isfile(name)]


def _why_none(path: Path) -> str:
    if path.is_dir():
        return f"no picture in this folder; known are {' '.join(sorted(SUFFIXES))}"
    if glob.has_magic(str(path)):
        return "no file has such a name; quote the pattern, and see where relative paths start: the graph file's folder"
    return "does not exist; relative paths start at the graph file's folder"


def natural(path: Path) -> Tuple[List[Tuple[bool, int, str]], str]:
    """A key that puts shot2 before shot10."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [(bool(i % 2), int(part) if i % 2 else 0, part) for i, part in enumerate(parts)], path.name


def header(path: Path) -> Union[Size, Drop]:
    """The picture's size, or why it will not be decoded. Nothing larger than PIXELS is."""
    try:
        with open(path, "rb") as file:
            size = size_of(file)
            length = file.seek(0, os.SEEK_END)
    except OSError as problem:
        return Drop("decode_error", f"{path.name} cannot be read: {problem.strerror}")
    if size is None:
        return Drop("decode_error", f"{path.name} is no picture, or none of a known kind")
    if size[0] * size[1] > PIXELS or length > BYTES:
        mega = size[0] * size[1] / 1e6
        return Drop(
            "oversize", f"{path.name} would decode to {mega:.0f} Mpixel; the most is {PIXELS / 1e6:.0f}: make it smaller"
        )
    return size


def picture(path: Path) -> Union[np.ndarray, Drop]:
    """uint8 BGR, turned upright as EXIF says (of JPEG only, because only there the header's size follows)."""
    known = header(path)
    if isinstance(known, Drop):
        return known
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as problem:
        return Drop("decode_error", f"{path.name} cannot be read: {problem.strerror}")
    upright = 0 if is_jpeg(encoded[:2].tobytes()) else cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR | upright)
    except cv2.error:
        image = None
    return Drop("decode_error", f"{path.name} cannot be decoded") if image is None else image
