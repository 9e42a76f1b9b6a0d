"""Places: the disks that are written to, the run directory and what killed runs left there, the ports that a graph wants."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import socket
from collections.abc import Iterator

from edge.core import control, rundir
from edge.core.doctor import machine
from edge.core.doctor.finding import FAIL, OK, WARN, Finding
from edge.core.errors import SourceError
from edge.core.plan import Plan

LITTLE, ENOUGH = 64 << 20, 1 << 30
"""Bytes on a disk: below the first nothing should begin, below the second it will not last."""
PAGE = 1 << 16
"""Bytes that a run directory takes: a lock file and the names of sockets."""
_LISTENING = "0A"


def disks(plan: Plan | None) -> Iterator[Finding]:
    """Where this graph writes; without a graph, the current folder."""
    folders = {_existing(path): name for name, path in _written(plan)} if plan else {pathlib.Path.cwd(): ""}
    for folder, name in folders.items():
        free = free_bytes(folder)
        detail, mend = f"{folder} has {free / 2**30:.1f} GiB free", ""
        status = OK
        if not os.access(folder, os.W_OK):
            status, detail, mend = FAIL, f"{folder} may not be written", "give another path, or the folder to this user"
        elif free < ENOUGH:
            status, mend = FAIL if free < LITTLE else WARN, "make room, or give another path"
        yield Finding(f"disk of {name}" if name else "disk", status, detail, mend)


def _written(plan: Plan) -> Iterator[tuple[str, pathlib.Path]]:
    """(sink, what it writes)."""
    for stage in plan.stages:
        if stage.is_sink and stage.options.get("path"):
            yield stage.name, pathlib.Path(str(stage.options["path"]))


def _existing(path: pathlib.Path) -> pathlib.Path:
    """The folder that a file is, or would be made, in."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def free_bytes(folder: pathlib.Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def run_directory(_plan: Plan | None) -> Iterator[Finding]:
    """Where runs have their sockets. Nobody else may enter it."""
    try:
        base = rundir.base()
    except (SourceError, OSError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error).partition(":")[0]
        yield Finding("run directory", FAIL, told or str(error), "give a folder of your own with --run-dir")
        return
    mode, free = base.stat().st_mode & 0o777, free_bytes(base)
    if not os.access(base, os.W_OK) or free < PAGE:
        told = "may not be written" if free >= PAGE else "is on a full disk"
        yield Finding("run directory", FAIL, f"{base} {told}", "make room there, or give another with --run-dir")
    elif mode & 0o077:
        yield Finding("run directory", WARN, f"{base}: others may enter it (mode {mode:o})", f"chmod 700 {base}")
    else:
        yield Finding("run directory", OK, f"{base}, for this user alone")


def runs(_plan: Plan | None) -> Iterator[Finding]:
    """Those that go on, and what killed ones left."""
    with contextlib.suppress(SourceError, OSError):
        going = [folder.name for folder in control.runs()]
        folders = [folder.name for folder in sorted(rundir.base().iterdir()) if (folder / "lock").is_file()]
        stale = [name for name in folders if name not in going]
        yield Finding("runs", OK, f"{len(going)} under way{': ' if going else ''}{', '.join(going)}")
        if stale:
            told = f"{len(stale)} killed run{'s' * (len(stale) > 1)} left a folder: {', '.join(stale)}"
            yield Finding("stale runs", WARN, told, "nothing: the next run sweeps them")


def ports(plan: Plan | None) -> Iterator[Finding]:
    """Those that the graph names. Where it names none, a free one is taken."""
    for stage in plan.stages if plan else []:
        port, host = stage.options.get("port"), str(stage.options.get("host") or "127.0.0.1")
        if not isinstance(port, int) or not port:
            continue
        problem = _in_the_way(host, port)
        name = f"port {port} ({stage.name})"
        if not problem:
            yield Finding(name, OK, f"{host}:{port} is free")
        else:
            holders = ", ".join(_listeners(port))
            detail = f"{host}:{port}: {problem}" + f", by {holders}" * bool(holders)
            yield Finding(name, FAIL, detail, f"end that program, or --set {stage.name}.port=0 for a free one")


def _in_the_way(host: str, port: int) -> str:
    """Why nobody could listen there; "" where one could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError as error:
            return "in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
    return ""


def _listeners(port: int) -> list[str]:
    """The processes that listen there, as far as this user may see."""
    rows = [line.split() for kind in ("tcp", "tcp6") for line in machine.text(f"proc/net/{kind}").splitlines()[1:]]
    inodes = [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]
    return [holder for inode in inodes for holder in machine.holders(f"socket:[{inode}]")]
