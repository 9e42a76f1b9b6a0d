"""An MP4 of what was shown."""

from __future__ import annotations

import contextlib
import os
import statistics
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

# FFmpeg reads this once, at its first use in a process: what goes wrong is told by us, in one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from edge import Context, Frame, Image, SourceError, Stage, hookimpl

FREE = 8 * 2**20
"""Bytes that are left free on the disk: enough to finish the file."""
USUAL_FPS = 25.0
HELD = 8
"""Frames of a camera that are held back to measure how fast they really come."""
DRIFT = 0.8
"""Frames that a recording may run ahead of the clock, or behind it, before one is left out or repeated."""
OUTAGE = 5.0
"""Seconds without a frame after which a recording goes on where it was, without a still picture for the time between."""
TO_BGR = {"rgb": cv2.COLOR_RGB2BGR, "nv21": cv2.COLOR_YUV2BGR_NV21, "nv12": cv2.COLOR_YUV2BGR_NV12}


class Record(Stage):
    """Of files, every frame is written once. Of cameras, the recording keeps the clock's time: a frame is repeated or left out
    where they come slower or faster than when it began.

    An MP4 can be played only once it is finished, so it grows as NAME.part.mp4 and takes its name when the run ends; what
    was there before is then replaced.
    """

    path: Path  # the MP4 to write, its folder made where it is missing; with several cameras it needs {source}: {source}.mp4
    fps: float = 0.0  # frames per second; 0: as the file says that is read, or as the camera's frames come

    def check(self) -> Dict[str, str]:
        wrong = {}
        if not 0 <= self.fps <= 1000:
            wrong["fps"] = f"{self.fps} is no rate; give frames per second, or 0 to take the source's"
        if self.path.suffix.lower() not in (".mp4", ".m4v", ".mov"):
            wrong["path"] = f"'{self.path.name}' does not end in .mp4"
        return wrong

    def open(self, context: Context) -> None:
        self.context = context
        spec = context.inputs.get("image")
        self._to_bgr = TO_BGR.get(spec.format if spec else "")
        self._tapes: Dict[str, Tape] = {}
        self._paths = context.paths(self.path)
        for source, path in self._paths.items():
            make_room(path)
            self._tapes[source] = Tape(path, self._rate(source), context.live)

    def _rate(self, source: str) -> float:
        """Frames per second; 0 to measure it: a camera seldom delivers what it is said to, and the graph may take fewer."""
        if self.fps or self.context.live:
            return self.fps
        return self.context.rates.get(source) or USUAL_FPS

    def where(self) -> str:
        return ", ".join(map(str, self._paths.values()))

    def process(self, frame: Frame, image: Image) -> None:
        tape = self._tapes[frame.source]
        picture = image if self._to_bgr is None else cv2.cvtColor(image, self._to_bgr)
        if tape.written and picture.shape[:2] != tape.size and not tape.warned:
            tape.warned = True
            self.context.log.warning(
                "%s: frames change from %s to %s; they are fitted in", tape.path, tape.size, picture.shape[:2]
            )
        tape.add(picture, frame.time)

    def close(self) -> None:
        """Finish every file, and only then say what went wrong with the first that did."""
        problems = []
        for source, tape in self._tapes.items():
            try:
                tape.finish()
            except SourceError as problem:
                problems.append(problem)
            if not tape.written and not tape.full:
                self.context.log.warning("%s: no frame of %s came, so nothing was recorded", tape.path, source)
        if problems:
            raise problems[0]


class Tape:
    """One file being written. `fps` 0: measured from the times of the first frames."""

    def __init__(self, path: Path, fps: float, live: bool) -> None:
        self.path = path
        self.part = part_of(path)
        self.fps = fps
        self.live = live
        self.written = 0
        self.size: Tuple[int, int] = (0, 0)
        self.warned = False
        self.full = False
        self._writer: Any = None
        self._held: List[Tuple[np.ndarray, float]] = []
        self._start = 0.0
        self._last = 0.0

    def add(self, picture: np.ndarray, time: float) -> None:
        if self.fps:
            self._keep_time(picture, time)
            return
        self._held.append((picture.copy(), time))
        if len(self._held) >= HELD:
            self._release()

    def finish(self) -> None:
        """Give the file its name. Raises SourceError where it cannot be played: a full disk is not told by OpenCV."""
        self._release()
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        if not plays(self.part):
            raise SourceError(f"{self.part}: the recording cannot be played back; see if the disk is full")
        os.replace(self.part, self.path)

    def _release(self) -> None:
        """Write what was held back, at the rate at which it came."""
        held, self._held = self._held, []
        if held:
            self.fps = self.fps or measured([time for _, time in held])
            for picture, time in held:
                self._keep_time(picture, time)

    def _keep_time(self, picture: np.ndarray, time: float) -> None:
        if not self.written or time - self._last > OUTAGE:
            self._start = time - self.written / self.fps
        self._last = time
        for _ in range(copies((time - self._start) * self.fps - self.written) if self.live else 1):
            self._write(picture)

    def _write(self, picture: np.ndarray) -> None:
        disk = os.statvfs(self.part.parent)
        self.full = disk.f_bavail * disk.f_frsize < FREE
        if not self.full:
            if self._writer is None:
                self.size = (picture.shape[0], picture.shape[1])
                self._writer = self._begin()
            # OpenCV 4 returns None, OpenCV 5 whether it could write.
            self.full = self._writer.write(evened(fitted(picture, self.size))) is False
        if self.full:
            raise SourceError(f"{self.path}: the disk is full; {self.written} frames are recorded. Make room or change path")
        self.written += 1

    def _begin(self) -> Any:
        height, width = (side + side % 2 for side in self.size)
        with quiet():
            writer = cv2.VideoWriter(str(self.part), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), self.fps, (width, height))
        if not writer.isOpened():
            raise SourceError(f"{self.path}: this build of OpenCV cannot write an MP4 of {width}x{height}; try another size")
        return writer


def copies(behind: float) -> int:
    """How often to write a frame when the recording is so many frames behind the clock: once, unless they drifted apart."""
    return 1 if abs(behind) < DRIFT else max(0, 1 + round(behind))


def measured(times: List[float]) -> float:
    """Frames per second of these capture times, in seconds: by the median gap, which one late frame does not change."""
    gaps = [b - a for a, b in zip(times, times[1:], strict=False) if b > a]
    return min(240.0, max(1.0, round(1 / statistics.median(gaps), 2))) if gaps else USUAL_FPS


def fitted(picture: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """uint8 BGR of this height and width: as it is, or scaled to fit, on black."""
    if picture.shape[:2] == size:
        return picture
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    canvas = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas[top : top + height, left : left + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return canvas


def evened(picture: np.ndarray) -> np.ndarray:
    """Video has half as many colours as pixels, so both sides must be even: an odd one gets its last line twice."""
    height, width = picture.shape[:2]
    if height % 2 == width % 2 == 0:
        return picture
    even: np.ndarray = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return even


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.part{path.suffix}")


def make_room(path: Path) -> None:
    """Make the folder and see that the file can be written. Raises SourceError before the first frame comes."""
    if path.is_dir():
        raise SourceError(f"{path}: is a folder; give the MP4 a name in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part_of(path), "wb"):
            pass
        part_of(path).unlink()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except (FileExistsError, NotADirectoryError):
        raise SourceError(f"{path}: {path.parent} is, or lies below, a file; give another path") from None
    except OSError as problem:
        raise SourceError(f"{path}: {problem.strerror}; give a path that may be written") from None


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


@hookimpl
def register_stages(register: Any) -> None:
    register("record", Record)
