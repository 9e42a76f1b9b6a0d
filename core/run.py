"""The supervisor: makes the memory, starts the workers, watches them, replaces the dead, ends the run.

It touches no frame. What it must tell a worker goes over one socket each; what it must know of a dead one is in the ledger.
"""

from __future__ import annotations

import collections
import functools
import logging
import mmap
import os
import pathlib
import selectors
import signal
import socket
import time
from collections.abc import Iterable
from typing import Any

from edge.core.arena import allocate
from edge.core.control import Desk
from edge.core.errors import EdgeError, SourceError, StageError
from edge.core.handle import Handle
from edge.core.ledger import AT_SINCE_NS, AT_STAGE, BEAT_NS, Ledger
from edge.core.outcome import REMEMBERED, STOPPING, Outcome
from edge.core.plan import EdgePlan, Plan, WorkerPlan
from edge.core.recipe import Recipe
from edge.core.roster import OPENING, Roster, keeps_of
from edge.core.rundir import RunDir
from edge.core.settlement import Settlement
from edge.core.worker import Order

log = logging.getLogger("edge")

DRAIN, CLOSE = 6.0, 1.5
"""Seconds from a stop to the end: to finish what was admitted, then to close files; whoever is left is killed."""

SETTLING = 2.0
"""Seconds that a successor waits for the others to settle with the dead."""

TURN = 0.1

SPARE = 1 << 20
"""Bytes of the ledger that are left for the figures of cameras to come: some 15 kB each."""


class Run(Outcome):
    """One run of a plan, in processes. `folder`: the run directory, a private one where it is empty."""

    def __init__(self, plan: Plan, folder: str = "", recipe: Recipe | None = None, **more: Any) -> None:
        super().__init__(plan, **more)
        self._signals = 0
        self._stopping = 0.0
        self._closing = False
        self._at_work: list[str] = []
        self._going = 0.0
        self._dismissed: collections.deque[dict[str, Any]] = collections.deque(maxlen=REMEMBERED)
        self._folder = RunDir(folder, plan.name)
        self._selector = selectors.DefaultSelector()
        self.roster = Roster(self, recipe)
        try:
            self._desk = Desk(self._folder.path, self._selector, self.roster.request)
            self._memory()
        except BaseException:
            self._folder.close()
            raise

    def _memory(self) -> None:
        """Everything that outlives a worker: the ledger, and what each keeps."""
        size = Ledger(self.plan).bytes + SPARE
        self._ledger_fd = allocate("ledger", size)
        self._ledger_map = mmap.mmap(self._ledger_fd, 0)
        self.ledger = Ledger(self.plan, self._ledger_map)
        self.ledger.begin()
        self.settlement = Settlement(self.plan, self.ledger)
        self.workers: dict[str, Handle] = {}
        for worker in self.plan.workers:
            self.hire(worker).keep(worker, keeps_of(self.plan, worker))
            self.workers[worker.name].apart = False

    # -- the run ------------------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Run to the end and return the report. What fails is in it, and in `errors`."""
        before = {sig: signal.signal(sig, self._signal) for sig in (signal.SIGINT, signal.SIGTERM)}
        wakes, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._selector.register(wakes, selectors.EVENT_READ, functools.partial(wakes.recv, 4096))
        try:
            self.start(self.workers.values())
            while any(not handle.ended for handle in self.workers.values()) and self._signals < 2:
                self._turn()
        except EdgeError as error:
            self.fail(str(error), error.code)
        finally:
            self._kill_all()
            self.roster.close()
            signal.set_wakeup_fd(-1)
            for sig, handler in before.items():
                signal.signal(sig, handler)
            wakes.close()
            waker.close()
        result = self.report([*self._dismissed, *(handle.row() for handle in self.workers.values())])
        self._free()
        return result

    def drain(self, reason: str) -> None:
        """Capture no more; what was admitted is finished."""
        if not self._stopping:
            self._stopping = time.monotonic()
            self.reason = reason
            for handle in self.workers.values():
                handle.tell("drain")

    def trace(self, on: bool) -> None:
        """Have the workers begin or end to note what they do for which frame."""
        for handle in self.workers.values():
            handle.tell("trace", on=on)

    def _signal(self, number: int, _frame: Any) -> None:
        self._signals += 1
        if self._signals == 1:
            log.info(STOPPING, extra={"event": "stopping"})
            self.drain("interrupted" if number == signal.SIGINT else "terminated")
        else:
            self.code, self.reason = 130, "interrupted twice"

    @property
    def state(self) -> str:
        """`opening`, `running` or `ending`."""
        return "ending" if self._stopping or self._closing or self.code else "running" if self._going else "opening"

    def status(self) -> dict[str, Any]:
        """What `edge ctl status` shows. May be asked from another thread."""
        rows = [handle.status() for handle in list(self.workers.values())]
        return {**super().status(), "state": self.state, "folder": str(self._folder.path), "workers": rows}

    @property
    def rows(self) -> list[tuple[list[Any], int]]:
        """Where the ledger's rows lie, as it travels."""
        return [(list(key), at) for key, at in self.ledger.rows.items()]

    def hire(self, worker: WorkerPlan) -> Handle:
        """A place for a worker that is not there yet."""
        handle = self.workers[worker.name] = Handle(worker)
        handle.apart = True
        return handle

    def start(self, handles: Iterable[Handle]) -> None:
        """Start these workers, and make them known to those who read from them."""
        new = list(handles)
        for handle in new:
            handle.arena_fd = allocate(f"arena {handle.plan.name}", handle.plan.arena_bytes)
        for handle in new:
            self._spawn(handle)
        for handle in new:
            self._introduce_makers(handle)
        for handle in new:
            for reader in self._readers(handle) - {other.plan.name for other in new}:
                self._introduce(handle, self.workers[reader])

    def dismiss(self, handle: Handle) -> None:
        """A worker is needed no more, and its neighbours need not know it."""
        if not handle.ended:
            self._end(handle)
        for name in self._neighbours(handle):
            self.workers[name].tell("closed", worker=handle.plan.name, generation=handle.generation)
        self._dismissed.append(handle.row())
        for generation in range(1, handle.generation + 1):
            pathlib.Path(self._folder.path, f"{handle.plan.name}.{generation}").unlink(missing_ok=True)
        handle.free()
        del self.workers[handle.plan.name]

    def forget(self, camera: str) -> None:
        """A camera is gone: one that comes by the same name begins anew."""
        self.plan.failed.pop(camera, None)
        self.plan.troubles.pop(camera, None)
        self.settlement.forget(camera)

    def _turn(self) -> None:
        for key, _ in self._selector.select(TURN):
            key.data()
        for handle in list(self.workers.values()):
            if handle.alive:
                self._reap(handle)
                self._check_progress(handle)
            elif not handle.ended and self._may_restart(handle):
                self._restart(handle)
        self._check_time()
        self.roster.turn()
        self.recorders.sample()
        self.watch(self)

    def _check_time(self) -> None:
        now = time.monotonic()
        if self.seconds and self._going and now - self._going > self.seconds:
            self.drain("seconds")
        if self._stopping and now - self._stopping > DRAIN and not self._closing:
            self._close()
        if self._stopping and now - self._stopping > DRAIN + CLOSE:
            unended = [handle for handle in self.workers.values() if not handle.ended]
            for handle in unended:
                self._end(handle)
            names = ", ".join(handle.plan.name for handle in unended if handle.plan.name in self._at_work)
            if names:  # who was still opening its stages when it was told has nothing to lose
                self.fail(f"killed: {names} did not stop within {DRAIN + CLOSE} s", 1)
        if not self._going and now - self.began > OPENING:
            late = [name for name, handle in self.workers.items() if not handle.opened]
            raise SourceError(f"{', '.join(late)} did not open within {OPENING:.0f} s")

    def _close(self) -> None:
        self._closing = True
        self._at_work = [handle.plan.name for handle in self.workers.values() if handle.opened]
        for handle in self.workers.values():
            handle.tell("stop")

    # -- processes ----------------------------------------------------------------------------------------------------------

    def _spawn(self, handle: Handle) -> None:
        handle.generation += 1
        order = Order(
            plan=self.plan.to_dict(),
            worker=handle.plan.name,
            generation=handle.generation,
            folder=str(self._folder.path),
            first=self.settlement.first(handle.plan),
            most=self.most,
            poisoned=self.settlement.poisoned,
            began=self.began,
            rows=self.rows,
            memory=handle.memory,
        )
        handle.spawn(order, self._ledger_fd)
        if self.recorders.on:
            handle.tell("trace", on=True)
        assert handle.control is not None
        self._selector.register(handle.control, selectors.EVENT_READ, functools.partial(self._hear, handle))

    def _neighbours(self, handle: Handle) -> set[str]:
        """Workers that share an edge with this one."""
        home = {stage.name: stage.worker for stage in self.plan.stages}
        pairs = {(home[edge.maker], home[edge.reader]) for edge in self.plan.edges if edge.kind != "call"}
        me = handle.plan.name
        return {b if a == me else a for a, b in pairs if me in (a, b)} & set(self.workers)

    def _readers(self, handle: Handle) -> set[str]:
        return {self.plan.stage(edge.reader).worker for edge in self._crossing() if edge.maker in handle.plan.stages}

    def _crossing(self) -> list[EdgePlan]:
        return [edge for edge in self.plan.edges if edge.kind != "call" and not edge.previous]

    def _introduce_makers(self, handle: Handle) -> None:
        """Tell a worker of all that it reads from."""
        for edge_maker in {self.plan.stage(e.maker).worker for e in self._crossing() if e.reader in handle.plan.stages}:
            maker = self.workers.get(edge_maker)
            if maker is not None and maker.generation:
                self._introduce(maker, handle)

    def _introduce(self, maker: Handle, reader: Handle) -> None:
        reader.tell("peer", [maker.arena_fd], worker=maker.plan.name, generation=maker.generation)

    def _reap(self, handle: Handle) -> None:
        code = handle.reap()
        if code is None:
            return
        self._hear(handle)
        if code == 0 or self._closing or handle.failed:
            self._end(handle)
            if handle.apart:
                return
            if handle.failed:
                self._give_up()
            elif code and not self._stopping:
                self.fail(f"worker '{handle.plan.name}' ended with code {code} while it closed its stages", StageError.code)
        else:
            self._died(handle, code)

    def _give_up(self) -> None:
        """The run has failed: everybody closes what is open and goes."""
        if not self._stopping:
            self._stopping = time.monotonic() - DRAIN

    def _died(self, handle: Handle, code: int) -> None:
        now = time.monotonic()
        how = handle.last_words or (f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
        handle.last_words = ""
        handle.done = False
        self.settlement.blame(handle.plan)
        self._disconnect(handle)
        if handle.apart:
            handle.last_words = f"worker '{handle.plan.name}' died: {how}"
            return self._end(handle)
        if not handle.opened and handle.generation == 1:
            self._end(handle)
            self.fail(f"worker '{handle.plan.name}' did not open: {how}", StageError.code)
            return self._give_up()
        handle.deaths.append(now)
        while handle.deaths and now - handle.deaths[0] > self.plan.restart["within"]:
            handle.deaths.popleft()
        if len(handle.deaths) > self.plan.restart["most"]:
            self._end(handle)
            most, within = int(self.plan.restart["most"]), self.plan.restart["within"]
            self.fail(f"worker '{handle.plan.name}' died more than {most} times in {within:g} s; last: {how}", StageError.code)
            return self._give_up()
        wait = 0.2 * 2 ** (len(handle.deaths) - 1)
        about = {"worker": handle.plan.name, "event": "worker_died"}
        log.warning("worker '%s' died (%s); another starts in %.1f s", about["worker"], how, wait, extra=about)
        handle.restart_at = now + wait
        handle.waits_for = {name for name in self._neighbours(handle) if self.workers[name].alive}
        self.settlement.within(handle.plan)
        for name in self._neighbours(handle):
            if not self.workers[name].alive:
                self.settlement.between(handle.plan, self.workers[name].plan)
            self.workers[name].tell("closed", worker=handle.plan.name, generation=handle.generation)

    def _may_restart(self, handle: Handle) -> bool:
        now = time.monotonic()
        if not handle.restart_at or now < handle.restart_at:
            return False
        handle.waits_for = {name for name in handle.waits_for if name in self.workers and self.workers[name].alive}
        return not handle.waits_for or now > handle.restart_at + SETTLING

    def _restart(self, handle: Handle) -> None:
        handle.restart_at = 0.0
        handle.restarts += 1
        os.close(handle.arena_fd)
        handle.arena_fd = allocate(f"arena {handle.plan.name}", handle.plan.arena_bytes)
        self.ledger.cells[self.ledger.row("worker", handle.plan.name) + BEAT_NS] = 0  # its predecessor's last
        self._spawn(handle)
        self._introduce_makers(handle)
        for reader in self._readers(handle) & set(self.workers):  # those of a camera that comes may not be there yet
            self._introduce(handle, self.workers[reader])

    def _check_progress(self, handle: Handle) -> None:
        """A worker that is stopped, or hangs in one frame, is dead and does not know it."""
        row, cells = self.ledger.row("worker", handle.plan.name), self.ledger.cells
        if not handle.alive or not handle.opened or not self._going:
            return
        since = cells[row + AT_SINCE_NS] if cells[row + AT_STAGE] >= 0 else cells[row + BEAT_NS]
        stalled = time.monotonic() - since / 1e9
        if since and stalled > self.plan.restart["stall"]:
            handle.last_words = f"no progress for {stalled:.0f} s"
            handle.kill()

    def _end(self, handle: Handle) -> None:
        """A worker is gone for good, or goes now."""
        handle.ended = True
        handle.restart_at = 0.0
        self._disconnect(handle)
        handle.kill()
        handle.reap(wait=True)

    def _disconnect(self, handle: Handle) -> None:
        if handle.control is not None:
            self._selector.unregister(handle.control)
            handle.control.close()
            handle.control = None

    def _kill_all(self) -> None:
        for handle in self.workers.values():
            self._end(handle)

    # -- what workers say ---------------------------------------------------------------------------------------------------

    def _hear(self, handle: Handle) -> None:
        for message in handle.messages():
            getattr(self, "_said_" + message.pop("say"))(handle, **message)

    def _said_open(self, handle: Handle, places: dict[str, str]) -> None:
        handle.opened = True
        self.places.update(places)
        ready = [handle] if self._going else list(self.workers.values())
        if all(other.opened for other in ready):
            self._going = self._going or time.monotonic()
            for other in ready:
                other.tell("go")
                self.roster.opened(other)
                if self._stopping:
                    other.tell("drain")

    def _said_settled(self, handle: Handle, worker: str, generation: int) -> None:
        settled = self.workers.get(worker)
        if settled is not None and settled.generation == generation:
            settled.waits_for.discard(handle.plan.name)

    def _said_changed(self, handle: Handle, number: int, error: str) -> None:
        self.roster.changed(handle, number, error)

    def _said_left(self, handle: Handle, source: str) -> None:
        self.roster.left(handle, source)

    def _said_spans(self, handle: Handle, spans: list[Any], cut: int) -> None:
        self.recorders.add(spans, cut)

    def _said_done(self, handle: Handle) -> None:
        """A worker has finished. When all have, all go; before that, one that dies is still replaced."""
        handle.done = True
        if all(other.done or other.ended for other in self.workers.values()):
            self._close()

    def _said_failed(self, handle: Handle, error: str, code: int) -> None:
        handle.failed = True
        if handle.apart:
            handle.last_words = error
        else:
            self.fail(error, code)

    def _said_broken(self, handle: Handle, error: str) -> None:
        handle.last_words = error

    def _said_problem(self, handle: Handle, error: str) -> None:
        self.fail(error, SourceError.code)

    def _said_source(self, handle: Handle, name: str, error: str, trouble: str) -> None:
        self.source_ended(name, error, trouble)

    # -- the end ------------------------------------------------------------------------------------------------------------

    def _free(self) -> None:
        self._desk.close()
        self._selector.close()
        for handle in self.workers.values():
            handle.free()
        os.close(self._ledger_fd)
        self._folder.close()
