"""Starting our own processes: a fresh interpreter that finds this same `edge` and dies with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from edge.core.hooks import ROOT

# `-c` puts the current folder first on the path, where a user's own core/ or numpy.py may lie: ours takes its place.
_BOOT = (
    "import sys; sys.path[0] = {root!r}; from edge.core import spawn; spawn.tie({parent}); from {module} import main; main()"
)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def command(module: str) -> list[str]:
    """The argument list of a process that runs `main()` of a module of ours. It sees no secret: what it needs comes later,
    on a descriptor."""
    root = ROOT.parent if (ROOT / "__init__.py").is_file() else ROOT
    return [sys.executable, "-c", _BOOT.format(root=str(root), module=module, parent=os.getpid())]


def tie(parent: int) -> None:
    """Die when the parent dies, however it dies. The check closes the moment before the kernel was told."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def used(pid: int) -> tuple[int, float]:
    """Resident bytes and CPU seconds of a process; zeros where it has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
    except OSError:
        return 0, 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), (int(fields[11]) + int(fields[12])) / ticks


def title(name: str) -> None:
    """What `ps -o comm` and `top` call this process; the kernel keeps 15 bytes."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode()[:15])
