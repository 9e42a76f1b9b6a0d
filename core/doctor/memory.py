"""Memory and descriptors: is there enough of them for the arenas and the workers?"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

from edge.core.arena import allocate
from edge.core.doctor import machine
from edge.core.doctor.finding import FAIL, OK, WARN, Finding
from edge.core.errors import SourceError
from edge.core.plan import Plan

PROBE = 1 << 20
"""Bytes that are asked for to see that shared memory can be had at all; what a graph needs is only reckoned with."""
PROCESS = 100 << 20
"""Bytes of a worker beside its arena: Python, OpenCV and perhaps a network."""
FEW = 512 << 20
"""Bytes with which a small graph just gets by."""
OWN, EACH = 48, 4
"""Descriptors of a process of ours, and more for each worker or camera that it has to do with."""


def shared_memory(_plan: Plan | None) -> Iterator[Finding]:
    """A memfd, allocated and sealed as the arenas are. The size of /dev/shm does not matter."""
    name = "shared memory"
    try:
        os.close(allocate("doctor", PROBE))
        yield Finding(name, OK, "can be had and sealed (memfd)")
    except SourceError as error:
        mend = "raise the limit on the size of files (ulimit -f unlimited), or give this container more memory"
        yield Finding(name, FAIL, str(error).partition(":")[2].strip().partition(": use")[0], mend)
    except OSError as error:
        mend = "this kernel or container forbids memfd_create and file seals: Linux 4.14 or later, default seccomp profile"
        yield Finding(name, FAIL, f"memfd: {error.strerror}", mend)


def free_memory(plan: Plan | None) -> Iterator[Finding]:
    """What is free here, and within the control group's limit, and what the plan takes."""
    free = machine.memory().get("MemAvailable", 0)
    limits = list(_limits())
    room = min([free, *(limit - used for limit, used in limits)])
    detail = f"{_size(free)} free"
    if limits:
        limit, used = min(limits, key=lambda pair: pair[0] - pair[1])
        detail += f"; the control group may have {_size(limit)} and uses {_size(used)}"
    if plan is None:
        status = OK if room >= FEW else WARN
    else:
        arenas = sum(worker.arena_bytes for worker in plan.workers)
        all_of_it = arenas + PROCESS * len(plan.workers)
        detail += f"; the graph takes {_size(arenas)} of arenas and about {_size(all_of_it)} altogether"
        status = FAIL if arenas > room else WARN if all_of_it > room else OK
    mend = "smaller frames, fewer cameras or workers ('edge plan' shows who takes how much), or more memory"
    yield Finding("memory", status, detail, mend if status != OK else "")


def _limits() -> Iterator[tuple[int, int]]:
    """(limit, use) of each control group that has a limit; pages of files, which the kernel gives back, are not counted."""
    for folder, old in machine.groups("memory"):
        limit = machine.number(f"{folder}/{'memory.limit_in_bytes' if old else 'memory.max'}")
        used = machine.number(f"{folder}/{'memory.usage_in_bytes' if old else 'memory.current'}") or 0
        rows = [line.split() for line in machine.text(f"{folder}/memory.stat").splitlines()]
        pages = next((int(row[1]) for row in rows if row[0] == ("total_inactive_file" if old else "inactive_file")), 0)
        if limit is not None and limit < machine.ENDLESS:
            yield limit, max(0, used - pages)


def descriptors(plan: Plan | None) -> Iterator[Finding]:
    """The limit on open files, which the supervisor and each worker has for itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = OWN + EACH * (len(plan.workers) + len(plan.sources) if plan else 8)
    endless = resource.RLIM_INFINITY
    detail = f"a process may open {'any number of' if soft == endless else soft} files"
    detail += f"; {'this graph' if plan else 'a small graph'} takes up to {need}"
    status = OK if soft == endless or soft >= 2 * need else WARN if soft >= need else FAIL
    higher = "as root, " if hard != endless and hard < 2 * need else ""
    mend = f"{higher}ulimit -n {max(1024, 2 * need)}, or LimitNOFILE= in the systemd unit"
    yield Finding("descriptors", status, detail, mend if status != OK else "")


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
