"""What is said on stderr: lines for people, or, with `--log-format json`, one JSON object a line for programs.

Every line is one `write`, and no JSON line is longer than a pipe takes in one piece: the lines of several processes never mix.
What a library of others prints by itself (a driver, FFmpeg) stays as it is.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import select
import sys
import threading
import time
import traceback
from typing import Any

from edge.core.errors import UsageError, hidden

FORMATS = ("text", "json")
FORMAT, LEVEL = "EDGE_LOG_FORMAT", "EDGE_LOG"
"""Variables of the environment, by which a run tells its workers."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STAGE, CAMERA = "edge.stage.", "edge.camera."
"""The logger of a stage is named like this and after the stage; that of a source says which camera, too."""
FIELDS = ("stage", "camera", "n", "worker", "event")
"""What a record may say by `extra={...}` beside its message; and `fields`, a map, the figures of an event."""
STDERR = 2
PATIENCE = 2.0
"""Seconds that a line waits for a reader that has fallen behind."""

log = logging.getLogger("edge")
_around: dict[str, str] = {}
_deaf = False
"""Whether the last line was given up."""


def begin(level: str = "") -> None:
    """Log from now on. Without words the environment decides, as in a worker. Raises UsageError for an unknown level."""
    asked = os.environ.get(LEVEL, "").upper() or "INFO"
    if asked not in LEVELS:
        raise UsageError(f"{LEVEL}={asked}: there is no such level; there is: {', '.join(LEVELS)}")
    logging.basicConfig(level=level or asked, handlers=[Line()], force=True)
    use(os.environ.get(FORMAT) or FORMATS[0])


def use(format: str) -> None:
    """Write like this from now on, here and in the processes that this one starts."""
    os.environ[FORMAT] = format
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Line):
            handler.setFormatter(_formatter())
    logging.captureWarnings(is_json())
    sys.excepthook = _unexpected if is_json() else sys.__excepthook__
    threading.excepthook = _died if is_json() else threading.__excepthook__


def is_json() -> bool:
    return os.environ.get(FORMAT) == "json"


def _formatter() -> logging.Formatter:
    return Json() if is_json() else Text()


def know(**around: str) -> None:
    """What every line of this process says from now on: `graph`, `worker`."""
    _around.update(around)


def error(text: str) -> None:
    """An error that the user is told, a line each problem, whatever else is to be said or not."""
    for line in text.splitlines():
        record = logging.LogRecord("edge", logging.ERROR, "", 0, line if is_json() else f"error: {line}", None, None)
        record.event = "error"
        write(_formatter().format(record))


def event(name: str, text: str, **fields: Any) -> None:
    """Something of the run that a program may want: `name` says what, `fields` its figures."""
    log.info("%s", text, extra={"event": name, "fields": fields})


class Line(logging.Handler):
    """Writes each record at once and whole. A reader that is gone or asleep stops no run."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write(self.format(record))
        except Exception:
            self.handleError(record)


class Text(logging.Formatter):
    """The message alone, as a person reads it."""

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


class Json(logging.Formatter):
    """One JSON object, at most PIPE_BUF bytes with its line's end."""

    def format(self, record: logging.LogRecord) -> str:
        said = self.fields(record)
        most = select.PIPE_BUF
        while len(_bytes(line := _encoded(said))) >= select.PIPE_BUF and most > 16:
            most //= 2
            said = {name: _cut(value, most) for name, value in said.items()}
        return line

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """In the order in which a person would look for them."""
        said: dict[str, Any] = {
            "time": _utc(record.created),
            "monotonic": round(time.monotonic(), 3),
            "level": record.levelname,
            "message": hidden(record.getMessage()),
            **_around,
        }
        said.update(_of_logger(record.name))
        said.update({name: getattr(record, name) for name in FIELDS if getattr(record, name, None) not in (None, "")})
        said.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            problem = record.exc_info[1]
            said["exception"] = hidden(f"{type(problem).__name__}: {problem}")
            said["traceback"] = hidden("".join(traceback.format_exception(problem)))
        return said


def _of_logger(name: str) -> dict[str, str]:
    if name.startswith(CAMERA):
        return {"stage": name[len(CAMERA) :], "camera": name[len(CAMERA) :]}
    if name.startswith(STAGE):
        return {"stage": name[len(STAGE) :]}
    return {} if name == "edge" else {"logger": name}


def write(line: str) -> None:
    """All of a line on stderr. It is lost where nobody reads any more, or not for PATIENCE seconds; those that follow wait for
    nobody, until somebody reads again."""
    global _deaf
    data, end = _bytes(line + "\n"), time.monotonic() + (0.0 if _deaf else PATIENCE)
    with contextlib.suppress(OSError):
        while data:
            _deaf = not select.select([], [STDERR], [], max(0.0, end - time.monotonic()))[1]
            if _deaf:
                return
            with contextlib.suppress(BlockingIOError):  # another process took the room
                # A pipe that has room takes so much at once; a larger piece would wait for the reader where stderr blocks.
                data = data[os.write(STDERR, data[: select.PIPE_BUF]) :]


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")  # of file names that are no UTF-8; JSON writes them the same way


def _encoded(said: dict[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, default=str)


def _cut(value: Any, most: int) -> Any:
    """The beginning and the end of what is too long: an error's kind and its last line stand there."""
    if not isinstance(value, str) or len(value) <= most:
        return value
    return value[: most // 3] + " … " + value[-most // 2 :]


def _utc(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


def _unexpected(kind: type[BaseException], problem: BaseException, trace: Any) -> None:
    log.critical("unexpected: %s", problem, exc_info=(kind, problem, trace), extra={"event": "error"})


def _died(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    if args.exc_value is not None:
        log.critical("thread %s: %s", name, args.exc_value, exc_info=args.exc_value, extra={"event": "error"})
