"""A plane of each frame as a picture file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Literal

import cv2
import numpy as np

from edge import Alpha, Context, Frame, Image, Raw, SourceError, Stage, as_bgr

KINDS = {"image": Image, "alpha": Alpha, "truth": Alpha, "raw": Raw}
FREE = 8 * 2**20
"""Bytes that are left free on the disk."""


class ImageFiles(Stage):
    """Files are named by the frame's number, 000000.png, 000001.png, ..., so a lost frame leaves a gap."""

    path: Path  # the folder, made where it is missing; with several cameras it needs {source}: cut/{source}
    plane: str = "image"  # which value: image, alpha, truth, or raw (float 0..1, written as 16 bit, 0..65535)
    format: Literal["png", "jpg"] = "png"  # png keeps every value; jpg is smaller
    quality: int = 95  # of jpg, 1..100

    steady = ("path", "plane")

    def check(self) -> Dict[str, str]:
        wrong = {}
        if self.plane not in KINDS:
            wrong["plane"] = f"no plane is called '{self.plane}'; known are {', '.join(KINDS)}"
        if self.plane == "raw" and self.format == "jpg":
            wrong["format"] = "jpg has 8 bits; raw needs png"
        if not 1 <= self.quality <= 100:
            wrong["quality"] = f"{self.quality} is not within 1..100"
        return wrong

    def ports(self) -> Dict[str, Any]:
        return {self.plane: KINDS[self.plane]}

    def open(self, context: Context) -> None:
        self.context = context
        self._folders = context.paths(self.path)
        for folder in self._folders.values():
            make_folder(folder)
        self._spec = context.inputs.get(self.plane)
        self._how = [cv2.IMWRITE_JPEG_QUALITY, self.quality] if self.format == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]

    def enter(self, source: str) -> None:
        self._folders = self.context.paths(self.path)
        make_folder(self._folders[source])

    def leave(self, source: str) -> None:
        self._folders.pop(source, None)

    def where(self) -> str:
        return ", ".join(map(str, self._folders.values()))

    def process(self, frame: Frame, **values: np.ndarray) -> None:
        plane = values[self.plane]
        if plane.dtype == np.float32:
            plane = sixteen_bit(plane)
        elif self.plane == "image":
            plane = as_bgr(plane, self._spec)
        ok, encoded = cv2.imencode("." + self.format, plane, self._how)
        if not ok:
            raise SourceError(f"{self.path}: a picture of {plane.shape} cannot be written as {self.format}; take png")
        write(self._folders[frame.source] / f"{frame.n:06d}.{self.format}", encoded)


def sixteen_bit(raw: np.ndarray) -> np.ndarray:
    """0..1 as 0..65535; what is no number as 0."""
    whole: np.ndarray = np.rint(np.clip(np.nan_to_num(raw, nan=0.0), 0.0, 1.0) * 65535.0).astype(np.uint16)
    return whole


def make_folder(folder: Path) -> None:
    """Raises SourceError where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".edge-may-write"
        probe.touch()
        probe.unlink()
    except (FileExistsError, NotADirectoryError):
        raise SourceError(f"{folder}: is a file, or lies below one; give another folder as path") from None
    except OSError as problem:
        raise SourceError(f"{folder}: {problem.strerror}; give a folder as path that may be written") from None


def write(path: Path, encoded: np.ndarray) -> None:
    """All of it or an error: a picture cut off by a full disk is not left behind."""
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < FREE + encoded.nbytes:
        raise SourceError(f"{path}: the disk is full (less than {FREE >> 20} MiB free); make room or give another path")
    try:
        with open(path, "wb") as file:
            file.write(encoded.data)
    except OSError as problem:
        path.unlink(missing_ok=True)
        raise SourceError(f"{path}: {problem.strerror}; make room or give another path") from None
