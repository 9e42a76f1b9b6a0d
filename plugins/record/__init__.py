"""An MP4 of what was shown, or a row of them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Dict, Literal, Mapping, Optional, Sequence

from edge import Context, Frame, GraphError, Image, SourceError, Stage, as_bgr, hookimpl
from edge.plugins.record import writer
from edge.plugins.record.shelf import Shelf, part_of
from edge.plugins.record.sound import Sound
from edge.plugins.record.tape import USUAL_FPS, Limits, Tape

MB = 10**6
SMALLEST = 1.0
"""MB of a file: the encoders hold back up to a quarter of that."""


class Record(Stage):
    """Of files, every frame is written once. Of cameras, the recording keeps the clock's time: a frame is repeated or left out
    where they come slower or faster than when it began.

    A file grows as NAME.part.mp4 and takes its name when it is finished; what was there before is then replaced. With PyAV it
    plays as far as it goes whenever its process is killed, and the next one keeps it; without, it plays only once finished.
    With `every` or `most` it is a row of files, each of which plays by itself: of cameras named by the time (UTC), of files
    by the first frame's number. NAME.m3u lists them, oldest first; nothing that is not in that list is ever deleted.
    """

    path: Path  # the MP4 to write, its folder made where it is missing; with several cameras it needs {source}: {source}.mp4
    fps: float = 0.0  # frames per second; 0: as the file says that is read, or as the camera's frames come
    codec: Literal["auto", "h264", "mpeg4"] = "auto"  # auto: h264 where PyAV is installed and has it, else mpeg4
    every: float = 0.0  # seconds; then the next file begins: NAME-20261122T174501Z.mp4; 0: one file
    most: float = 0.0  # MB; the next file begins before one is larger; 0: no limit
    budget: float = 0.0  # MB that a camera's files may take together: the oldest are deleted; 0: no limit
    audio: Optional[Path] = None  # the file that the source reads: its sound is kept in step with the frames; needs PyAV

    steady = ("path", "fps", "codec", "audio")

    def check(self) -> Mapping[str, object]:
        wrong: Dict[str, object] = {}
        if not 0 <= self.fps <= 1000:
            wrong["fps"] = f"{self.fps} is no rate; give frames per second, or 0 to take the source's"
        if self.fps and self.audio:
            wrong["fps"] = "leave it out: the sound keeps the time of the file"
        if self.path.suffix.lower() not in (".mp4", ".m4v", ".mov"):
            wrong["path"] = f"'{self.path.name}' does not end in .mp4"
        try:
            library, _ = writer.resolved(self.codec)
            if self.audio and library != "av":
                wrong["audio"] = SourceError("audio needs PyAV: pip install 'edgeflow[av]'")
        except SourceError as missing:
            wrong["codec"] = missing
        return {**wrong, **self._check_limits()}

    def _check_limits(self) -> Dict[str, str]:
        wrong = {}
        if self.every and not 1 <= self.every <= 1e6:
            wrong["every"] = f"must be 1 second or more, or 0 for one file, not {self.every:g}"
        for name in ("most", "budget"):
            size = getattr(self, name)
            if size and not SMALLEST <= size <= 1e9:
                wrong[name] = f"must be {SMALLEST:g} MB or more, or 0 for no limit, not {size:g}"
        if self.budget and not (self.every or self.most):
            wrong["budget"] = "give every or most as well: only whole files can be deleted"
        elif self.budget and self.budget < 2 * max(self.most, SMALLEST):
            wrong["budget"] = "must be twice 'most' or more, so that one file is there while the next is written"
        return wrong

    def open(self, context: Context) -> None:
        self.context = context
        self._spec = context.inputs.get("image")
        self._tapes: Dict[str, Tape] = {}
        if self.audio and context.live:
            raise GraphError("audio is kept of files that are read with pace: fast; a camera's frames have no place in it")
        context.paths(self.path)
        for source in context.sources:
            self.enter(source)

    def enter(self, source: str) -> None:
        """Begin a recording of this camera."""
        shelf = Shelf(self.context.paths(self.path)[source], self.context.live, self.context.log)
        limits = self._limits()
        make_room(shelf.path)
        if limits.split:
            shelf.recall()
        else:
            shelf.single(self._began())
        sound = Sound(self.context.paths(self.audio)[source]) if self.audio else None
        self._tapes[source] = Tape(shelf, self._rate(source), self.codec, limits, sound)

    def leave(self, source: str) -> None:
        """Finish it: this camera is gone."""
        tape = self._tapes.pop(source, None)
        if tape is not None:
            self._finish(source, tape)

    def changed(self, options: Sequence[str]) -> None:
        """A file that is being written goes on, with the new limits."""
        limits = self._limits()
        for tape in self._tapes.values():
            if tape.limits.split != limits.split:
                raise GraphError("a recording that is one file stays one, and a row a row, until the run is started anew")
            tape.limits = limits

    def _limits(self) -> Limits:
        return Limits(self.every, self.most * MB, self.budget * MB)

    def _began(self) -> float:
        """When this run began, in seconds since 1970."""
        return time.time() - float(self.context.status().get("seconds", -1e12))

    def _rate(self, source: str) -> float:
        """Frames per second; 0 to measure it: a camera seldom delivers what it is said to, and the graph may take fewer."""
        if self.fps or self.context.live:
            return self.fps
        return self.context.rates.get(source) or USUAL_FPS

    def where(self) -> str:
        return ", ".join(tape.where for tape in self._tapes.values())

    def process(self, frame: Frame, image: Image) -> None:
        tape = self._tapes[frame.source]
        picture = as_bgr(image, self._spec)
        if tape.written and picture.shape[:2] != tape.size and not tape.warned:
            tape.warned = True
            self.context.log.warning(
                "%s: frames change from %s to %s; they are fitted in", tape.path, tape.size, picture.shape[:2]
            )
        tape.add(picture, frame.time, frame.n)

    def close(self) -> None:
        """Finish every file, and only then say what went wrong with the first that did."""
        problems = []
        for source, tape in self._tapes.items():
            try:
                self._finish(source, tape)
            except SourceError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _finish(self, source: str, tape: Tape) -> None:
        try:
            tape.finish()
        finally:
            if not tape.written and not tape.full:
                self.context.log.warning("%s: no frame of %s came, so nothing was recorded", tape.path, source)


def make_room(path: Path) -> None:
    """Make the folder and see that the file can be written. Raises SourceError before the first frame comes."""
    if path.is_dir():
        raise SourceError(f"{path}: is a folder; give the MP4 a name in it")
    probe = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not probe.exists()
        with open(probe, "ab"):  # what a recorder that was killed has left there stays
            pass
        if fresh:
            probe.unlink()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except (FileExistsError, NotADirectoryError):
        raise SourceError(f"{path}: {path.parent} is, or lies below, a file; give another path") from None
    except OSError as problem:
        raise SourceError(f"{path}: {problem.strerror}; give a path that may be written") from None


@hookimpl
def register_stages(register: Any) -> None:
    register("record", Record)
