"""What this process holds: threads, descriptors, processes, memory. Before and after, it shows what was not given back."""

from __future__ import annotations

import gc
import os
import pathlib
import re
import threading
import time
import tracemalloc
from collections import Counter
from typing import Any

from edge.core.testing.place import is_plugins

GRACE = 1.0
"""Seconds that a thread may take to end after `close`."""


class Holdings:
    """A count of each thing, by its name."""

    def __init__(self) -> None:
        gc.collect()
        self.threads = Counter(thread.name for thread in threading.enumerate())
        self.native = len(os.listdir("/proc/self/task")) - threading.active_count()
        self.descriptors = Counter(_descriptors())
        self.processes = Counter(_children())

    def left(self, before: Holdings, least: int) -> list[str]:
        """What there is more of than before, at least so many, in words."""
        told = [f"{n} thread{'s' * (n > 1)} ({name})" for name, n in self._alike("threads", before) if n >= least]
        told += [f"{n} descriptor{'s' * (n > 1)} ({name})" for name, n in self._alike("descriptors", before) if n >= least]
        told += [f"{n} process{'es' * (n > 1)} ({name})" for name, n in self._alike("processes", before) if n >= least]
        native = self.native - before.native
        return [*told, *([f"{native} threads outside Python"] * (native >= least))]

    def _alike(self, kind: str, before: Holdings) -> list[tuple[str, int]]:
        """What there is more of, those of one kind together, by the name where all have the same. What nobody has named has
        another name each time: Thread-1 (run) and Thread-2 (run), /tmp/tmpk3x9 and /tmp/tmpa71q, pipe:[12] and pipe:[14]."""
        alike: dict[str, Counter[str]] = {}
        for name, count in (getattr(self, kind) - getattr(before, kind)).items():
            alike.setdefault(_kind(name), Counter())[_without_inode(name)] += count
        return sorted((next(iter(names)) if len(names) == 1 else of, sum(names.values())) for of, names in alike.items())


def settled(before: Holdings, least: int) -> list[str]:
    """What is left, after the time that threads may take to end."""
    until = time.monotonic() + GRACE
    while True:
        left = Holdings().left(before, least)
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.05)


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:  # the listing's own
            continue
    return found


def _children() -> list[str]:
    """The names of the processes that this one has started and that still run, or wait to be asked how they ended."""
    found = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            found += [pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in (task / "children").read_text().split()]
        except OSError:  # gone meanwhile, or a kernel that does not tell
            continue
    return found


def _without_inode(name: str) -> str:
    return name.partition(":[")[0] if name.startswith(("pipe:", "socket:")) else name


def _kind(name: str) -> str:
    """What names of one kind have in common: of a file its folder, else all but the numbers."""
    if name.startswith("/"):
        return f"{name.rpartition('/')[0]}/*"
    return re.sub(r"[-_ ]?\d+", "", _without_inode(name))


def forget_peak() -> None:
    """From here on `peak` counts anew."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The most bytes of memory that this process had since `forget_peak`."""
    line = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def rss() -> int:
    """Bytes of memory that this process has now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Growth:
    """Python's memory, numpy's planes included, while it is entered."""

    def __enter__(self) -> Growth:
        tracemalloc.start(8)
        return self

    def __exit__(self, *_: Any) -> None:
        tracemalloc.stop()

    def now(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    def picture(self) -> tracemalloc.Snapshot:
        return tracemalloc.take_snapshot()

    def where(self, earlier: tracemalloc.Snapshot) -> str:
        """The line that holds most of what came since, as "edge_x.py:14"; of a plugin's files."""
        found = [row for row in self.picture().compare_to(earlier, "traceback") if row.size_diff > 0]
        for row in found[:3]:
            for step in reversed(row.traceback):
                if is_plugins(step.filename):
                    return f"{pathlib.Path(step.filename).name}:{step.lineno}"
        return ""
