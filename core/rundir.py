"""The run directory: the sockets of one run, in a folder that only this user can enter, held by a lock.

A lock is gone with its process, however it died. So a folder whose lock is free is rubbish, and the next run sweeps it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

from edge.core.errors import BusyError, SourceError

LONGEST = 80
"""Bytes of the folder's path: a socket's path may have 107, and the workers' names come behind it."""


class RunDir:
    """`path` is the folder; `close` removes it. Raises BusyError where another run holds it, SourceError where it cannot be."""

    def __init__(self, wanted: str = "", name: str = "run") -> None:
        self._ours = not wanted
        self.path = pathlib.Path(wanted).absolute() if wanted else base() / f"{name[:24]}-{os.getpid()}"
        if len(os.fsencode(self.path)) > LONGEST:
            raise SourceError(f"run directory {self.path}: the path is longer than {LONGEST} bytes; give a shorter --run-dir")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chmod(self.path, 0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SourceError(f"run directory {self.path}: {error.strerror}; choose another with --run-dir") from None
        if not _held(self._lock):
            holder = os.pread(self._lock, 20, 0).decode() or "?"
            os.close(self._lock)
            raise BusyError(
                f"run directory {self.path} is in use by process {holder}: stop that run, or give another --run-dir"
            )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self._sweep()

    def _sweep(self) -> None:
        """Remove sockets that a killed run left here, and whole folders of killed runs beside it."""
        for socket in self.path.iterdir():
            if socket.is_socket():
                socket.unlink()
        if not self._ours:
            return
        for folder in self.path.parent.iterdir():
            if folder != self.path:
                with contextlib.suppress(OSError):
                    _remove_if_free(folder)

    def close(self) -> None:
        if self._ours:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            for socket in self.path.iterdir():
                if socket.is_socket():
                    socket.unlink()
        os.close(self._lock)


def base() -> pathlib.Path:
    """Where runs without --run-dir live: the user's own runtime folder, or a private one among temporary files."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK) and len(runtime) < 40:
        home = pathlib.Path(runtime) / "edge"
    else:
        home = pathlib.Path(_temporary()) / f"edge-{os.getuid()}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{home}: {error.strerror}; give a folder that may be written with --run-dir") from None
    if home.stat().st_uid != os.getuid():
        raise SourceError(f"{home} belongs to somebody else: give a folder of your own with --run-dir")
    return home


def _temporary() -> str:
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        raise SourceError("no folder for the run's sockets may be written: give one with --run-dir") from None
    return folder if len(folder) < 40 else "/tmp"


def _held(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _remove_if_free(folder: pathlib.Path) -> None:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    try:
        if _held(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
