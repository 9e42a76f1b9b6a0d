"""What the kernel says of this machine, in /proc, /sys and /dev. It is read below ROOT, where a test can plant another."""

from __future__ import annotations

import glob
import os
import pathlib
from collections.abc import Iterator

ROOT = pathlib.Path("/")
ENDLESS = 1 << 60
"""Bytes from which a limit is none: cgroup v1 writes a number near 2**63."""


def text(path: str) -> str:
    """A file of the kernel's without the line's end; "" where it is not there or not for us."""
    try:
        return (ROOT / path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def number(path: str) -> int | None:
    """A file that holds one number; None where there is none, or it says `max`."""
    words = text(path).split()
    return int(words[0]) if words and words[0].lstrip("-").isdigit() else None


def paths(pattern: str) -> list[str]:
    """What there is of such a name, without ROOT, in order."""
    return sorted(os.path.relpath(path, ROOT) for path in glob.glob(str(ROOT / pattern)))


def memory() -> dict[str, int]:
    """/proc/meminfo, in bytes."""
    rows = [line.split() for line in text("proc/meminfo").splitlines()]
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3}


def groups(controller: str) -> Iterator[tuple[str, bool]]:
    """The folders of this process's control group and of those around it, the innermost first; True for the old hierarchy."""
    for line in text("proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            folder, group = pathlib.PurePosixPath("sys/fs/cgroup", controllers), pathlib.PurePosixPath(path.lstrip("/"))
            yield from ((str(folder / inner), bool(controllers)) for inner in dict.fromkeys((group, *group.parents)))


def holders(target: str) -> list[str]:
    """The processes that have this open, as "NAME (PID)": a path, or `socket:[INODE]`. Those of other users only root sees."""
    found = []
    for folder in paths("proc/[0-9]*"):
        links = [_target(link) for link in paths(f"{folder}/fd/*")]
        if target in links:
            found.append(f"{text(f'{folder}/comm') or '?'} ({folder.rpartition('/')[2]})")
    return found


def _target(link: str) -> str:
    try:
        return os.readlink(ROOT / link)
    except OSError:  # closed meanwhile
        return ""
