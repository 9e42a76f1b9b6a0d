"""What is known of each frame, a line of JSON each."""

from __future__ import annotations

import datetime
import json
import math
import os
import stat
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import numpy as np

from edge import Context, Frame, GraphError, Image, SourceError, Spec, Stage, hookimpl

OURS = ("source", "n", "time", "age", "at", "lost")
"""What each line has beside the values, so that no value may be called that."""
PLANES = ("image", "alpha", "truth", "raw", "prior", "tensor")
MB = 10**6


class Jsonl(Stage):
    """A line: source, n, time (seconds on the source's clock), age (seconds since capture), at (the date, UTC), and the values;
    `null` for one that was lost, with the reason in `lost`, and for what JSON does not know (NaN).

    Each line is written at once, so that a process that is killed loses none. A file that is there is continued.
    """

    path: Path  # the file; cameras share it, or have one each: {source}.jsonl; "-" is standard output
    values: List[str] = []  # the small facts in a line, by name: [presence, cover]; none: only the frames themselves
    most: float = 100.0  # MB; a file that would be larger becomes NAME.1, that one NAME.2, and so on; 0: no limit
    older: int = 4  # how many of those are kept

    steady = ("path", "values")

    def check(self) -> Dict[str, str]:
        wrong = {}
        for name in self.values:
            if name in PLANES or name in OURS or not name.isidentifier():
                why = "is in every line anyway" if name in OURS else "is no small fact; write pictures with record or images"
                wrong["values"] = f"'{name}' {why}"
        if len(set(self.values)) < len(self.values):
            wrong["values"] = "a value is named twice"
        if not 0 <= self.most <= 1e6:
            wrong["most"] = f"{self.most:g} MB is no size; give megabytes, or 0 for no limit"
        if not 0 <= self.older <= 1000:
            wrong["older"] = f"must be 0 to 1000, not {self.older}"
        return wrong

    def ports(self) -> Dict[str, Any]:
        """What is read: the values, or the picture for its frame's sake, which costs no copy."""
        return {name: Optional[float] for name in self.values} or {"image": Optional[Image]}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        for name, spec in inputs.items():
            if name in self.values and spec.is_plane:
                raise GraphError(f"jsonl writes small facts; '{name}' is a plane ({spec!r})")
        return {}

    def open(self, context: Context) -> None:
        self.context = context
        self._logs: Dict[str, Log] = {}
        for source in context.sources:
            self.enter(source)

    def enter(self, source: str) -> None:
        own = self.path.name != "-" and "{source}" in str(self.path)
        path = str(self.context.paths(self.path)[source] if own else self.path)
        shared = [log for log in self._logs.values() if log.path == path]
        self._logs[source] = shared[0] if shared else Log(path)

    def leave(self, source: str) -> None:
        log = self._logs.pop(source, None)  # none where `enter` raised
        if log is not None and log not in self._logs.values():
            log.close()

    def where(self) -> str:
        return ", ".join(dict.fromkeys("standard output" if log.fd == 1 else log.path for log in self._logs.values()))

    def process(self, frame: Frame, **values: Any) -> None:
        line = told(frame, {name: values[name] for name in self.values}, time.monotonic(), time.time())
        self._logs[frame.source].write(line, int(self.most * MB), self.older)

    def close(self) -> None:
        for log in set(self._logs.values()):
            log.close()


def told(frame: Frame, values: Mapping[str, Any], now: float, clock: float) -> bytes:
    """The line of a frame. `now`: monotonic seconds. `clock`: seconds since 1970."""
    at = datetime.datetime.fromtimestamp(clock, datetime.timezone.utc).isoformat(timespec="milliseconds")
    line: Dict[str, Any] = {
        "source": frame.source,
        "n": frame.n,
        "time": round(frame.time, 6),
        "age": round(now - frame.born, 6),
    }
    line["at"] = at.replace("+00:00", "Z")
    line.update((name, plain(value)) for name, value in values.items())
    if frame.lost:
        line["lost"] = dict(frame.lost)
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n"


def plain(value: Any) -> Any:
    """As JSON has it: numpy's numbers are numbers, and what is none (NaN, infinity) is null."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Log:
    """A file that only grows, and makes room for the next one when it is large enough."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines = 0
        self.fd = 1 if Path(path).name == "-" else self._open()

    def _open(self) -> int:
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except (FileExistsError, NotADirectoryError):
            raise SourceError(f"{self.path}: lies below a file; give another path") from None
        except OSError as problem:
            raise SourceError(f"{self.path}: {problem.strerror}; give a file as path that may be written") from None
        about = os.fstat(fd)
        self.size, self._grows = about.st_size, stat.S_ISREG(about.st_mode)  # a pipe or a device is not renamed
        if self.size and os.pread(fd, 1, self.size - 1) != b"\n":
            self.size += os.write(fd, b"\n")  # the last line was cut off by a power failure: it must not spoil the next
        return fd

    def write(self, line: bytes, most: int, older: int) -> None:
        """All of the line or an error: half of one is not left behind."""
        if self.fd == 1:
            return self._say(line)
        if most and self._grows and self.size and self.size + len(line) > most:
            self._rotate(older)
        try:
            if os.write(self.fd, line) < len(line):
                os.ftruncate(self.fd, self.size)
                raise OSError(28, "No space left on device")
        except OSError as problem:
            raise SourceError(
                f"{self.path}: {problem.strerror}; {self.lines} lines are written. Make room or change path"
            ) from None
        self.size += len(line)
        self.lines += 1

    def _say(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self.fd, line) :]
        except OSError as problem:
            raise SourceError(f"standard output: {problem.strerror}; nobody reads what path '-' writes") from None

    def _rotate(self, older: int) -> None:
        """NAME becomes NAME.1, NAME.1 becomes NAME.2; the oldest goes."""
        self.close()  # also where none can be opened then: another's file may get the number
        names = [self.path, *(f"{self.path}.{number}" for number in range(1, older + 1))]
        try:
            for newer, old in reversed(list(zip(names, names[1:], strict=False))):
                if os.path.exists(newer):
                    os.replace(newer, old)
            if older == 0:
                os.unlink(self.path)
        except OSError as problem:
            raise SourceError(f"{self.path}: {problem.strerror}; its folder must be writable to begin a new file") from None
        finally:
            self.fd = self._open()

    def close(self) -> None:
        if self.fd > 2:
            os.close(self.fd)
            self.fd = -1


@hookimpl
def register_stages(register: Any) -> None:
    register("jsonl", Jsonl)
