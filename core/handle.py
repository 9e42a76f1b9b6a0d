"""One worker as the supervisor sees it, across its generations: its process, its control socket, what it has used."""

from __future__ import annotations

import collections
import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from edge.core import spawn
from edge.core.arena import allocate
from edge.core.plan import WorkerPlan
from edge.core.worker import LARGEST, Order


class Handle:
    """`opened`: its stages are. `done`: it has nothing more to do. `ended`: it is gone for good. `failed`: it has said why.
    `apart`: it belongs to a camera that comes or goes, so its failure is nobody else's."""

    def __init__(self, plan: WorkerPlan) -> None:
        self.plan = plan
        self.memory: dict[str, int] = {}
        """Camera → the descriptor of what is kept of it here."""
        self.arena_fd = -1
        self.generation = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.opened = self.done = self.ended = self.failed = self.apart = False
        self.restart_at = 0.0
        self.waits_for: set[str] = set()
        self.deaths: collections.deque[float] = collections.deque()
        self.restarts = 0
        self.last_words = ""
        self._peak_rss = 0
        self._cpu = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None

    def spawn(self, order: Order, ledger_fd: int) -> None:
        """Start the process of the next generation."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order_fd = os.memfd_create("order", os.MFD_CLOEXEC)
        os.write(order_fd, msgspec.msgpack.encode(order))
        os.lseek(order_fd, 0, os.SEEK_SET)
        fds = [order_fd, theirs.fileno(), ledger_fd, self.arena_fd]
        command = [*spawn.command("edge.core.worker"), self.plan.name, *map(str, fds)]
        passed = [*fds, *self.memory.values()]
        self.process = subprocess.Popen(command, pass_fds=passed, stdin=subprocess.DEVNULL, start_new_session=True)
        os.close(order_fd)
        theirs.close()
        self.opened = self.done = False

    def tell(self, what: str, fds: Iterable[int] = (), **more: Any) -> None:
        if self.control is not None:
            try:
                socket.send_fds(self.control, [msgspec.msgpack.encode({"do": what, **more})], list(fds))
            except OSError:
                pass  # it died this moment; its exit is noticed next

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it has said and nobody has heard yet."""
        while self.control is not None:
            try:
                data = self.control.recv(LARGEST, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionResetError):
                return
            if not data:
                return
            yield msgspec.msgpack.decode(data)

    def reap(self, wait: bool = False) -> int | None:
        """The exit code, below 0 for a signal, once the process has ended; None while it runs."""
        if self.process is None:
            return None
        pid, status, usage = os.wait4(self.process.pid, 0 if wait else os.WNOHANG)
        if not pid:
            return None
        code = self.process.returncode = os.waitstatus_to_exitcode(status)
        self._peak_rss = max(self._peak_rss, usage.ru_maxrss * 1024)
        self._cpu += usage.ru_utime + usage.ru_stime
        self.process = None
        return code

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)  # Popen.kill would reap it on the way, and its figures would be lost

    def keep(self, plan: WorkerPlan, keeps: dict[str, int]) -> list[str]:
        """Go over to another plan of the same worker; `keeps`: camera → the bytes that are kept of it. Returns the cameras
        whose memory is new. Raises SourceError where there is not enough."""
        self.plan = plan
        for source in [name for name in self.memory if name not in keeps]:
            os.close(self.memory.pop(source))
        new = [source for source in keeps if source not in self.memory]
        for source in new:
            self.memory[source] = allocate(f"memory {plan.name}", keeps[source])
        return new

    def free(self) -> None:
        """Give back its descriptors."""
        for fd in (*self.memory.values(), self.arena_fd):
            if fd >= 0:
                os.close(fd)
        self.memory, self.arena_fd = {}, -1

    def status(self) -> dict[str, Any]:
        """As it is now. May be asked from another thread."""
        process = self.process
        state = "ended" if self.ended else "restarting" if process is None else "running" if self.opened else "opening"
        rss, cpu = spawn.used(process.pid) if process is not None else (0, 0.0)
        used = {"pid": process.pid if process else None, "rss_bytes": rss, "cpu_seconds": round(self._cpu + cpu, 3)}
        return {"name": self.plan.name, "stages": self.plan.stages, "state": state, "restarts": self.restarts, **used}

    def row(self) -> dict[str, Any]:
        """As the report has it."""
        used = {"peak_rss_bytes": self._peak_rss, "cpu_seconds": round(self._cpu, 3)}
        return {"name": self.plan.name, "stages": self.plan.stages, "restarts": self.restarts, **used}
