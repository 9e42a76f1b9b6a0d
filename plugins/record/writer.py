"""Encoders: pictures in, an MP4 out. PyAV's where it is installed, else OpenCV's."""

from __future__ import annotations

import contextlib
import errno
import fractions
import importlib
import os
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

# FFmpeg reads this once, at its first use in a process: what goes wrong is told by us, in one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from edge import SourceError
from edge.plugins.record.sound import Sound

KEY_FRAME = 2.0
"""Seconds between two pictures that need no other: the finest step in which a player jumps."""
HYBRID = (61, 7, 100)
"""libavformat from FFmpeg 7.1 on makes an ordinary MP4 of the fragments when the file is closed."""
H264 = {"preset": "veryfast", "crf": "23", "tune": "zerolatency"}
"""zerolatency: each picture leaves the encoder at once, so that a process that is killed takes none with it."""


def pyav() -> Any:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module("av")
    except ImportError:
        return None


def resolved(codec: str) -> Tuple[str, str]:
    """(library, encoder) for h264, mpeg4 or auto. Raises SourceError where what is asked for is not here."""
    av = pyav()
    if av is None:
        if codec == "h264":
            raise SourceError("h264 needs PyAV: pip install 'edgeflow[av]', or give codec: mpeg4")
        return "cv2", "mp4v"
    if codec == "mpeg4":
        return "av", "mpeg4"
    if "libx264" in av.codecs_available:
        return "av", "libx264"
    if codec == "h264":
        raise SourceError("this build of PyAV has no H.264 encoder (libx264); give codec: mpeg4")
    return "av", "mpeg4"


def begin(path: Path, fps: float, size: Tuple[int, int], codec: str, sound: Optional[Sound]) -> Any:
    """A writer for pictures of this height and width, both even. Raises SourceError."""
    library, encoder = resolved(codec)
    try:
        return Fragments(path, fps, size, encoder, sound) if library == "av" else Plain(path, fps, size)
    except (OSError, ValueError) as problem:
        told = getattr(problem, "strerror", None) or str(problem)
        raise SourceError(f"{path}: an MP4 of {size[1]}x{size[0]} cannot be written: {told}; try another size") from None


class Plain:
    """OpenCV's: MPEG-4 in an MP4 that plays only once it is closed."""

    held = 2**18
    """Bytes that are written and not on the disk yet."""

    def __init__(self, path: Path, fps: float, size: Tuple[int, int]) -> None:
        with quiet():
            fourcc = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, (size[1], size[0]))
        if not self._writer.isOpened():
            raise SourceError(f"{path}: this build of OpenCV cannot write an MP4 of {size[1]}x{size[0]}; try another size")

    def isOpened(self) -> bool:
        return bool(self._writer.isOpened())

    def write(self, picture: np.ndarray) -> bool:
        """False where the disk is full. OpenCV 4 returns None, OpenCV 5 whether it could write."""
        return self._writer.write(picture) is not False

    def release(self) -> None:
        self._writer.release()


class Fragments:
    """PyAV's: an MP4 of fragments, which plays as far as it goes whenever it ends.

    The pictures become BT.601 in narrow range by OpenCV, which takes a tenth of what FFmpeg's converter takes.
    """

    held = 0

    def __init__(self, path: Path, fps: float, size: Tuple[int, int], encoder: str, sound: Optional[Sound]) -> None:
        av = pyav()
        self._av = av
        self._rate = fractions.Fraction(fps).limit_denominator(1001)
        self._file = av.open(str(path), "w", format="mp4", options=layout(av, sound is not None))
        self._video = self._file.add_stream(encoder, rate=self._rate, options=H264 if encoder == "libx264" else {})
        self._settings(size)
        self._sound = sound
        self._frame: Any = None
        self._n = -1
        if sound is not None:
            sound.begin(self._file)
        self._file.start_encoding()

    def _settings(self, size: Tuple[int, int]) -> None:
        context = self._video.codec_context
        context.height, context.width = size
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / self._rate
        context.thread_count = 1  # the graph is parallel already
        context.gop_size = max(1, round(KEY_FRAME * self._rate))
        context.colorspace, context.color_range = 6, 1  # BT.601, narrow: what cvtColor below makes
        if context.codec.name == "mpeg4":
            context.bit_rate = min(2**30, int(4 * self._rate * size[0] * size[1]))  # as much as OpenCV allows it

    def isOpened(self) -> bool:
        return self._file is not None

    def write(self, picture: np.ndarray, time: float = -1.0) -> bool:
        """False where the disk is full. `time`: seconds since the first picture, where sound is kept in step with it: for
        frames that were lost in between, the last picture stands still."""
        try:
            while time >= 0 and 0 <= self._n < round(time * self._rate) - 1:
                self._encode()
            yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            self._frame = self._av.VideoFrame.from_ndarray(yuv, format="yuv420p")
            self._encode()
        except OSError as problem:  # PyAV's errors are such
            if problem.errno == errno.ENOSPC:
                return False
            raise SourceError(
                f"{self._file.name}: {problem.strerror}; see if the disk and path are as they should be"
            ) from None
        return True

    def _encode(self) -> None:
        self._n += 1
        if self._sound is not None:
            self._file.mux(list(self._sound.until(float((self._n + 1) / self._rate))))
        self._frame.pts = self._n
        self._file.mux(self._video.encode(self._frame))

    def release(self) -> None:
        """Close the file. Where that fails, on a full disk, it plays all the same as far as it goes, and its maker looks."""
        file, self._file = self._file, None
        with contextlib.suppress(OSError):
            file.mux(self._video.encode(None))
        with contextlib.suppress(OSError):
            file.close()


def layout(av: Any, sound: bool) -> Dict[str, str]:
    """The muxer's options: a fragment for each picture. Together with sound the muxer gets the times of such short ones wrong;
    fragments of 0.2 s it gets right."""
    hybrid = "hybrid_fragmented" if av.library_versions["libavformat"] >= HYBRID else "empty_moov+default_base_moof"
    if sound:
        return {"movflags": hybrid, "frag_duration": "200000", "max_interleave_delta": "100000", "flush_packets": "1"}
    return {"movflags": f"{hybrid}+frag_every_frame", "flush_packets": "1"}


def plays(path: Path) -> bool:
    with quiet():
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        return bool(capture.isOpened() and capture.grab())
    finally:
        capture.release()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
