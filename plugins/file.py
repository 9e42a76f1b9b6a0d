"""A video file as a camera."""

from __future__ import annotations

import contextlib
import difflib
import logging
import math
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Literal

# Bad frames are counted, not printed one by one on stderr. FFmpeg reads this at the first capture.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from edge import Context, Drop, Image, Source, SourceError, Spec, hookimpl

PATIENCE = 30
"""Failed reads in a row after which the file has ended: OpenCV says the same for a bad frame and for the end."""
SECONDS = 5
"""The longest that opening or reading may take, for files on a network drive that went away."""
PIXELS = 64 * 2**20
"""The largest frame that is decoded."""
USUAL_FPS = 25.0


class File(Source):
    """A frame that cannot be decoded is dropped and the next one comes; the frame count in the header is never believed."""

    path: Path  # the video: any container and codec that OpenCV's FFmpeg reads
    pace: Literal["fast", "real"] = "fast"  # fast: every frame, as quickly as the graph goes; real: live, by its own fps
    loop: bool = False  # start again at the end, for ever
    threads: int = 1  # threads of the decoder: more is quicker for large videos, and costs more altogether

    renders = ("image",)
    log = logging.getLogger("edge")
    _start = 0.0
    _n = 0

    @property
    def live(self) -> bool:
        return self.pace == "real"

    def check(self) -> Dict[str, str]:
        return {} if self.threads >= 1 else {"threads": f"{self.threads} threads cannot decode; give 1 or more"}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """The size of the first frame that decodes, which headers sometimes get wrong."""
        with self._capture() as capture:
            for _ in range(PATIENCE):
                ok, image = capture.read()
                if ok:
                    return {"image": Spec(Image, image.shape, "bgr")}
        raise self._nothing()

    def open(self, context: Context) -> None:
        self.context = context
        self.log = context.log

    def capture(self) -> Iterator[Any]:
        self._start, self._n = time.monotonic(), 0
        while True:
            before = self._n
            with self._capture() as capture:
                yield from self._decode(capture)
            if self._n == before:
                raise self._nothing()
            if not self.loop:
                return

    def _decode(self, capture: Any) -> Iterator[Any]:
        """Frames and drops to the end. Failures count once a good frame follows: those at the very end are the end."""
        first, bad = self._n, 0
        while bad < PATIENCE:
            if not capture.grab():
                bad += 1
                continue
            for _ in range(bad):
                self._n += 1
                yield Drop("decode_error", f"{self.path}: frame {self._n - first - 1}")
            bad = 0
            self._wait()
            self._n += 1
            yield self._picture(capture)
        self._complain_if_short(capture, self._n - first)

    def _picture(self, capture: Any) -> Any:
        """The grabbed frame, decoded in place where it has the size that the header gave."""
        slot = self.new("image", (int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), 3))
        ok, image = capture.retrieve(slot)
        return image if ok else Drop("decode_error", f"{self.path}: a frame that cannot be converted")

    def _wait(self) -> None:
        """Until the next frame is due. After a stall the clock is set anew, so that no burst follows."""
        if self.pace != "real":
            return
        late = time.monotonic() - (self._start + self._n / self.rate)
        if late > 1.0:
            self._start += late
        elif late < 0:
            time.sleep(-late)

    @contextlib.contextmanager
    def _capture(self) -> Iterator[Any]:
        refuse(self.path)
        capture = open_video(self.path, self.threads)
        try:
            if not capture.isOpened():
                raise SourceError(f"{self.path}: no video that this build of OpenCV can decode{looks_cut(head(self.path))}")
            self.rate = nominal(capture.get(cv2.CAP_PROP_FPS))
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            if width * height > PIXELS:
                raise SourceError(
                    f"{self.path}: frames of {width:.0f}x{height:.0f} are too large; scale it to {PIXELS >> 20} Mpixel"
                )
            yield capture
        finally:
            capture.release()

    def _complain_if_short(self, capture: Any, seen: int) -> None:
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if 0 < seen < promised * 0.98 - 1 and promised < 1e9:
            self.trouble = f"{self.path}: ended after {seen} of {promised:.0f} frames that its header promises; it is cut off"
            self.log.warning("%s", self.trouble)

    def _nothing(self) -> SourceError:
        return SourceError(f"{self.path}: not one frame of this video can be decoded; copy or record it again")


def open_video(path: Path, threads: int) -> Any:
    """A capture, opened or not. OpenCV's own lines about a failure say less than ours."""
    options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, SECONDS * 1000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, SECONDS * 1000]
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [*options, cv2.CAP_PROP_N_THREADS, threads])
    finally:
        cv2.utils.logging.setLogLevel(level)


def nominal(fps: float) -> float:
    """Frames per second from a header, which may say 0, NaN or 90000."""
    return fps if math.isfinite(fps) and 0 < fps <= 1000 else USUAL_FPS


def refuse(path: Path) -> None:
    """Raise SourceError for what is no video, before FFmpeg sees it: its text decoder takes a .txt for a film."""
    if ":/" in str(path):  # an address may hold a password: it is not repeated
        raise SourceError("file: path is a network address, and file reads from the disk; give it to 'use: camera'")
    why = unreadable(path) or looks_like(head(path))
    if why:
        raise SourceError(f"{path}: {why}")


def unreadable(path: Path) -> str:
    """Why there is nothing to read at this path, and what to do; "" for a regular file with something in it."""
    try:
        if path.is_dir():
            return "is a folder; name a video in it, or read a folder of pictures with 'use: images'"
        if not path.exists():
            return f"does not exist{nearest(path)}"
        if not path.is_file():
            return "is a device or a pipe, not a file; a camera is read with 'use: camera'"
        if not path.stat().st_size:
            return "is empty; copy or record it again"
        with open(path, "rb"):
            return ""
    except PermissionError:
        return "no permission to read it; ask its owner, or run as a user who may"
    except (OSError, ValueError) as problem:
        return f"cannot be read: {problem}"


def nearest(path: Path) -> str:
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 1)
    return f". Did you mean '{close[0]}'?" if close else "; relative paths start at the graph file's folder"


def head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(4096)


def looks_like(start: bytes) -> str:
    """What a file is that is surely no video, and what to do; "" for one that may be."""
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the video; run 'git lfs pull'"
    if start.startswith((b"\x89PNG", b"BM")) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP"):
        return "is a picture, not a video; read it with 'use: images'"
    if start.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page (HTML), not a video; download the video itself"
    return "is text, not a video; name a video" if is_text(start) else ""


def is_text(start: bytes) -> bool:
    """Also true of playlists, which FFmpeg would follow to other files and hosts."""
    if start.startswith(b"YUV4MPEG2") or np.frombuffer(start, np.uint8).min() < 9:
        return False
    try:
        start[:4000].decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start > len(start) - 4  # a letter of several bytes, cut in two
    return True


def looks_cut(start: bytes) -> str:
    if start[4:8] == b"ftyp":
        return ": an MP4 whose index (moov) is missing, so it was cut off; copy or record it again"
    return "; convert it to H.264 in MP4 or MKV, or check that it is a video"


@hookimpl
def register_stages(register: Any) -> None:
    register("file", File)
