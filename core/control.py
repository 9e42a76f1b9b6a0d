"""The control socket of a run: one line of JSON asks, one line of JSON answers. `edge ctl` speaks to it, and so do stages.

It lies in the run directory, which only this user can enter. Nothing is read from it that is not checked as the graph is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import selectors
import socket
from collections.abc import Callable
from typing import Any

from edge.core import rundir
from edge.core.errors import EdgeError, SourceError, UsageError

log = logging.getLogger("edge")

NAME = "control"
LONGEST = 1 << 20
"""Bytes of a request."""
PATIENCE = 0.5
"""Seconds that one who asked has to take the answer."""
CONNECTING = 1.0
"""Seconds that a run has to let somebody in: one that is stopped lets nobody in for ever."""

Reply = Callable[[Any], None]
"""Takes the answer, or the EdgeError that says why there is none."""


def find(folder: str = "") -> pathlib.Path:
    """The run directory that is meant: a folder, the name of a run, or "" for the only one. Raises UsageError, SourceError."""
    if folder and answers(pathlib.Path(folder)):
        return pathlib.Path(folder)
    going = runs()
    names = ", ".join(run.name for run in going) or "none"
    if folder:
        going = [run for run in going if folder in (run.name, run.name.rpartition("-")[0])]
    if len(going) == 1:
        return going[0]
    if going:
        raise UsageError(f"several runs go on ({names}): say which with --run-dir")
    if folder:
        raise SourceError(f"no run goes on in '{folder}'; without a --run-dir of their own go on: {names}")
    raise SourceError("no run goes on here: start one with 'edge run GRAPH', or give the --run-dir that it has")


def runs() -> list[pathlib.Path]:
    """The folders of this user's runs that go on without a --run-dir of their own."""
    return [folder for folder in sorted(rundir.base().iterdir()) if answers(folder)]


def answers(folder: pathlib.Path) -> bool:
    """Does a run go on in this folder?"""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(CONNECTING)
        try:
            line.connect(str(folder / NAME))
        except OSError:  # also of a path that is too long for a socket
            return False
        return True


def ask(folder: pathlib.Path, request: dict[str, Any], timeout: float = 60.0) -> Any:
    """What a run answers. Raises SourceError where it is gone or silent, and the run's own EdgeError where it says no."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(timeout)
        try:
            line.connect(str(folder / NAME))
            line.sendall(json.dumps(request, default=str).encode() + b"\n")
            with line.makefile("rb") as file:
                answer = file.readline()
        except TimeoutError:
            raise SourceError(f"{folder}: the run did not answer within {timeout:.0f} s") from None
        except OSError as error:
            raise SourceError(f"{folder}: the run cannot be asked: {error.strerror or error}; has it ended?") from None
    if not answer:
        raise SourceError(f"{folder}: the run ended before it answered")
    said = json.loads(answer)
    if "error" in said:
        refusal = EdgeError(said["error"])
        refusal.code = said["code"]
        raise refusal
    return said["answer"]


class Desk:
    """The run's end. `handle(request, reply)` is called for each request; `reply` may be called later."""

    def __init__(
        self, folder: pathlib.Path, selector: selectors.BaseSelector, handle: Callable[[dict[str, Any], Reply], None]
    ) -> None:
        self._selector = selector
        self._handle = handle
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind(str(folder / NAME))
        self._socket.listen(16)
        self._callers: set[Caller] = set()
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        # Who came may be gone again, or no descriptor be free: neither is a reason to end the run.
        with contextlib.suppress(OSError):
            line, _ = self._socket.accept()
            self._callers.add(Caller(line, self))

    def take(self, caller: Caller, data: bytes) -> None:
        """One request, whole."""
        try:
            request = json.loads(data)
            if not isinstance(request, dict) or not isinstance(request.get("do"), str):
                raise ValueError("not a request")
        except (ValueError, RecursionError):
            caller.reply(UsageError('a request is one line of JSON, like {"do": "status"}'))
            return
        try:
            self._handle(request, caller.reply)
        except Exception as error:  # words of a wrong type, say: who asked is told, and the run goes on
            log.exception("a request failed")
            caller.reply(EdgeError(f"{type(error).__name__}: {error}"))

    def listen(self, caller: Caller, line: socket.socket, read: Callable[[], None]) -> None:
        self._selector.register(line, selectors.EVENT_READ, read)

    def forget(self, caller: Caller, line: socket.socket) -> None:
        self._callers.discard(caller)
        self._selector.unregister(line)

    def close(self) -> None:
        for caller in list(self._callers):
            caller.close()
        self._selector.unregister(self._socket)
        self._socket.close()


class Caller:
    """One who asks. Whoever does not take the answer is cut off: the run waits for nobody."""

    def __init__(self, line: socket.socket, desk: Desk) -> None:
        self._line = line
        self._desk = desk
        self._data = b""
        self._open = True
        line.setblocking(False)
        desk.listen(self, line, self._read)

    def _read(self) -> None:
        try:
            data = self._line.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._data += data
        head, newline, _ = self._data.partition(b"\n")
        if newline:
            self._data = b""
            self._desk.take(self, head)
        elif not data or len(self._data) > LONGEST:
            self.close()

    def reply(self, answer: Any) -> None:
        if not self._open:
            return
        said = {"error": str(answer), "code": answer.code} if isinstance(answer, EdgeError) else {"answer": answer}
        self._line.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            self._line.sendall(json.dumps(said, default=str).encode() + b"\n")
        self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._desk.forget(self, self._line)
            self._line.close()
