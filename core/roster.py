"""What may be asked of a run while it goes on: cameras that come and go, options that change, pauses, figures.

One change at a time. Each is written down as it happens, step by step; `yield` is where it waits for workers, and the run goes
on meanwhile.
"""

from __future__ import annotations

import logging
import os
import pathlib
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from edge.core import describe, hooks
from edge.core.control import Reply
from edge.core.errors import EdgeError, SourceError, StageError, UsageError, hidden
from edge.core.graph import Set
from edge.core.growth import changed_options, without
from edge.core.handle import Handle
from edge.core.insight.recorder import ASKED, LONGEST_TRACE
from edge.core.memory import room, slots_of
from edge.core.options import nearest
from edge.core.plan import Plan, WorkerPlan
from edge.core.recipe import Recipe
from edge.core.report import cameras
from edge.core.worker import Change

if TYPE_CHECKING:
    from edge.core.run import Run

log = logging.getLogger("edge")

Steps = Generator[None, None, Any]

LEAVING, CLOSING = 6.0, 3.0
"""Seconds that a camera that goes has to finish its frames, then to close its stages; after that it is cut off."""

OPENING = 120.0
"""Seconds for workers to open their stages."""


class Roster:
    """`recipe`: how the plan was made; without one, nothing can be added or changed."""

    def __init__(self, run: Run, recipe: Recipe | None) -> None:
        self.run = run
        self.recipe = recipe
        self.paused: set[str] = set()
        self._number = 0
        self._leaving = ""
        """The camera of which everybody is to say that it has left."""
        self._owed: set[str] = set()
        self._errors: list[str] = []
        self._waiting: deque[tuple[Steps, Reply]] = deque()
        self._traces: list[tuple[Steps, Reply]] = []

    # -- requests -----------------------------------------------------------------------------------------------------------

    def request(self, request: dict[str, Any], reply: Reply) -> None:
        """Answer at once, or begin what it takes. Every request gets one answer."""
        do = request["do"]
        methods = {name[4:].replace("_", "-"): method for name, method in vars(Roster).items() if name.startswith("_do_")}
        try:
            if do not in methods:
                raise UsageError(f"a run knows nothing of '{do}'{nearest(do, methods)}")
            answer = methods[do](self, **{key: value for key, value in request.items() if key != "do"})
        except EdgeError as error:
            return reply(error)
        except TypeError as error:
            return reply(UsageError(f"'{do}' was asked with the wrong words: {str(error).partition('() ')[2]}"))
        if isinstance(answer, Generator):
            (self._traces if do == "trace" else self._waiting).append((answer, reply))
            return self.turn()
        reply(answer)

    def turn(self) -> None:
        """Take the next step of the change that is under way, if it can be taken. Traces change nothing, and wait for none."""
        self._traces = [entry for entry in self._traces if not self._step(*entry)]
        while self._waiting and self._step(*self._waiting[0]):
            self._waiting.popleft()

    def _step(self, steps: Steps, reply: Reply) -> bool:
        """One step; True, and it is answered, when that was the last."""
        try:
            next(steps)
            return False
        except StopIteration as end:
            reply(end.value)
        except EdgeError as error:
            reply(error)
        except Exception as error:  # ours: who asked is told, and the run goes on
            log.exception("a request failed")
            reply(EdgeError(f"{type(error).__name__}: {error}"))
        return True

    def close(self) -> None:
        """The run ends: nobody waits for an answer in vain."""
        for steps, reply in (*self._traces, *self._waiting):
            steps.close()
            reply(SourceError("the run ended first"))

    def _do_status(self) -> Any:
        return self.run.status()

    def _do_plan(self) -> Any:
        return describe.as_data(self.run.plan)

    def _do_trace(self, seconds: float = 3.0) -> Any:
        if not isinstance(seconds, (int, float)) or not 0 < seconds <= LONGEST_TRACE:
            raise UsageError(f"{seconds!r} seconds cannot be traced; give 0.1 to {LONGEST_TRACE:g}")
        return self._trace(float(seconds))

    def _trace(self, seconds: float) -> Steps:
        """A recording of the next seconds."""
        end = time.monotonic() + seconds
        collector = self.run.recorders.begin(ASKED)
        try:
            while time.monotonic() < end:
                yield
        finally:
            recording = self.run.recorders.end(collector)
        return recording

    def _do_drain(self) -> Any:
        self.run.drain("drained")
        return {"draining": True}

    def _do_pause(self, camera: str = "", paused: bool = True) -> Any:
        sources = [camera] if camera else self.run.plan.sources
        for source in sources:
            self._known(source)
            (self.paused.add if paused else self.paused.discard)(source)
            for handle in self.run.workers.values():
                handle.tell("pause", source=source, paused=paused)
        return {"paused": sorted(self.paused)}

    def _do_resume(self, camera: str = "") -> Any:
        return self._do_pause(camera, False)

    def _do_set(self, set: str, folder: str = "") -> Any:
        self._ready()
        return self._change(Set(set, pathlib.Path(folder or self._cwd())))

    def _do_add_camera(self, name: str, options: dict[str, Any] | None = None, folder: str = "") -> Any:
        self._ready()
        base, _, camera = name.partition(".")
        growing = {stage.base for stage in self.run.plan.stages if stage.is_source and stage.name != stage.base}
        if base not in growing or not camera:
            places = ", ".join(sorted(f"{stage}.NAME" for stage in growing)) or "none: no source of this graph has 'each'"
            raise UsageError(f"'{name}' is no name for a camera of this graph; what can be added: {places}")
        if name in self.run.plan.sources:
            raise UsageError(f"camera '{name}' is there already")
        where = pathlib.Path(folder or self._cwd())
        sets = [Set(f"{base}.each.{camera}={{}}", where)]
        sets += [Set(f"{name}.{option}={_text(value)}", where) for option, value in (options or {}).items()]
        return self._add(name, sets)

    def _do_remove_camera(self, name: str) -> Any:
        self._ready()
        self._known(name)
        if len(self.run.plan.sources) == 1:
            raise UsageError(f"'{name}' is the last camera: 'edge ctl drain' ends the run")
        return self._remove(name)

    def _ready(self) -> None:
        if self.recipe is None:
            raise UsageError("this run was not started from a graph file, so nothing of it can be changed")
        if self.run.state != "running":
            raise SourceError(f"the run is {self.run.state}: nothing of it can be changed now")

    def _known(self, source: str) -> None:
        if source not in self.run.plan.sources:
            raise UsageError(f"there is no camera '{source}'{nearest(source, self.run.plan.sources)}")

    def _cwd(self) -> str:
        return os.getcwd()

    # -- changes, step by step ----------------------------------------------------------------------------------------------

    def _add(self, name: str, sets: list[Set]) -> Steps:
        began = time.monotonic()
        plan = yield from self._made(sets, name)
        self._ready()  # making it took its time
        yield from self._follow(plan, undo=name)
        try:
            self._ready()
            yield from self._hire([worker for worker in plan.workers if worker.name not in self.run.workers])
        except (EdgeError, OSError) as error:
            yield from self._drop(name)
            raise error if isinstance(error, EdgeError) else SourceError(f"{name}: {error}") from error
        assert self.recipe is not None
        self.recipe.sets += sets
        self.run.removed.pop(name, None)
        self.run.plan.failed.pop(name, None)
        log.info("%s: added", name, extra={"camera": name, "event": "camera_added"})
        return {"added": name, "seconds": round(time.monotonic() - began, 3)}

    def _hire(self, workers: list[WorkerPlan]) -> Steps:
        """Start the processes of a camera that comes. Raises SourceError where one does not open."""
        new = [self.run.hire(worker) for worker in workers]
        for handle in new:
            self._keep(handle, handle.plan)
        self.run.start(new)
        end = time.monotonic() + OPENING
        while not all(handle.opened or handle.ended for handle in new):
            if time.monotonic() > end:
                raise SourceError(f"{new[0].plan.name}: it did not open within {OPENING:.0f} s")
            yield
        for handle in new:
            if handle.ended:
                raise SourceError(handle.last_words or f"{handle.plan.name}: its process ended at once")
        for handle in new:
            handle.apart = False

    def _remove(self, name: str) -> Steps:
        began = time.monotonic()
        assert self.recipe is not None
        there = {worker.name for worker in self.run.plan.workers if _carries(self.run.plan, worker, name)}
        for handle in self._alone(name):
            handle.apart = True
            if not handle.alive:
                self.run._end(handle)  # no successor comes for a camera that goes
        self._leaving = name
        self._owed = {worker for worker in there if self.run.workers[worker].alive}
        for worker in self._owed:
            self.run.workers[worker].tell("leave", source=name)
        while self._still_owed() and time.monotonic() - began < LEAVING:
            yield
        cut_off = bool(self._owed)
        self._leaving = ""
        yield from self._drop(name)
        self.recipe.forget(name)
        self.paused.discard(name)
        log.info("%s: removed", name, extra={"camera": name, "event": "camera_removed"})
        return {"removed": name, "cut_off": cut_off, "seconds": round(time.monotonic() - began, 3)}

    def _drop(self, name: str) -> Steps:
        """Take a camera out of the run: its own processes, then its part in all others."""
        run = self.run
        alone = self._alone(name)
        for handle in alone:
            handle.apart = True
            handle.tell("stop")
        end = time.monotonic() + CLOSING
        while any(handle.alive for handle in alone) and time.monotonic() < end:
            yield
        row = cameras(run.plan, run.ledger)[name]
        run.remember(name, dict(row, state="removed"))
        for handle in alone:
            run.dismiss(handle)
        run.forget(name)
        yield from self._follow(without(run.plan, name))

    def _change(self, words: Set) -> Steps:
        key = words.words.partition("=")[0]
        stages = {stage.base: stage for stage in self.run.plan.stages}
        base = key.partition(".")[0]
        if base not in stages or "." not in key:
            raise UsageError(f"{words.words}: write stage.option=value; stages are {', '.join(stages)}{nearest(base, stages)}")
        if stages[base].is_source:
            raise UsageError(f"{words.words}: a camera is not changed while it runs: remove it, and add it as it should be")
        plan = yield from self._made([words])
        changes = changed_options(self.run.plan, plan)
        for name, options in changes.items():
            _refuse_steady(plan, name, options)
        for name, options in changes.items():
            yield from self._tell_change(plan, name, options)
        assert self.recipe is not None
        self.recipe.sets.append(words)
        log.info("set %s", hidden(words.words), extra={"event": "set"})
        return {"set": sorted(changes)}

    def _tell_change(self, plan: Plan, name: str, options: dict[str, Any]) -> Steps:
        handle = self.run.workers[plan.stage(name).worker]
        self._number += 1
        self._owed, self._errors = {handle.plan.name}, []
        handle.tell("change", stage=name, options=options, number=self._number)
        while self._still_owed():
            yield
        if self._errors:
            raise StageError(self._errors[0])
        self.run.plan.stage(name).options = plan.stage(name).options

    def _follow(self, plan: Plan, undo: str = "") -> Steps:
        """Bring everybody over to another plan. Where a stage does not take the camera `undo`, all go back."""
        run = self.run
        if not run.ledger.change(plan):
            raise SourceError("there is no room for the figures of another camera: remove one, or start the run anew")
        run.plan = run.settlement.plan = plan
        self._number += 1
        self._owed, self._errors = set(), []
        for worker in plan.workers:
            handle = run.workers.get(worker.name)
            if handle is not None:
                try:
                    self._tell_follow(handle, worker)
                except EdgeError as error:  # no memory for what it keeps of the camera
                    self._errors.append(str(error))
        while self._still_owed():
            yield
        for handle in run.workers.values():
            handle.tell("over")
        if self._errors and undo:
            told = self._errors[0]
            yield from self._drop(undo)
            raise StageError(told)
        for told in self._errors:
            log.error("%s", told)

    def _tell_follow(self, handle: Handle, worker: WorkerPlan) -> None:
        run = self.run
        new = self._keep(handle, worker)
        handle.done = False
        if not handle.alive:
            return  # its successor begins with the new plan
        change = Change(run.plan.to_dict(), run.rows, new)
        fd = os.memfd_create("change", os.MFD_CLOEXEC)
        os.write(fd, msgspec.msgpack.encode(change))
        os.lseek(fd, 0, os.SEEK_SET)
        handle.tell("follow", [fd, *(handle.memory[source] for source in new)], number=self._number)
        os.close(fd)
        self._owed.add(worker.name)

    def _keep(self, handle: Handle, worker: WorkerPlan) -> list[str]:
        return handle.keep(worker, keeps_of(self.run.plan, worker))

    def _made(self, sets: list[Set], coming: str = "") -> Generator[None, None, Plan]:
        """The plan with these words, made in a thread: looking at a camera takes its time, and the run does not wait."""
        recipe, running = self.recipe, self.run.plan
        assert recipe is not None
        found: list[Any] = []

        def make() -> None:
            try:
                found.append(recipe.after(running, sets, coming))
            except EdgeError as error:
                found.append(error)

        thread = threading.Thread(target=make, name="change", daemon=True)
        thread.start()
        while thread.is_alive():
            yield
        if not found:
            raise EdgeError("the change could not be worked out; 'edge -v run' shows why")
        if isinstance(found[0], EdgeError):
            raise _plain_words(found[0])
        return found[0]  # type: ignore[no-any-return]

    def _alone(self, name: str) -> list[Handle]:
        """The processes that only this camera needs."""
        left = {worker.name for worker in without(self.run.plan, name).workers}
        return [handle for worker, handle in self.run.workers.items() if worker not in left]

    # -- what workers say ---------------------------------------------------------------------------------------------------

    def changed(self, handle: Handle, number: int, error: str) -> None:
        """A worker has gone over to the new plan, or has tried. What it said of being done before was by the old one."""
        handle.done = False
        if number == self._number:
            self._owed.discard(handle.plan.name)
            self._errors += [error] * bool(error)

    def left(self, handle: Handle, source: str) -> None:
        """Nothing of this camera is under way in a worker. One that was cut off may say so when nobody asks any more."""
        if source == self._leaving:
            self._owed.discard(handle.plan.name)

    def opened(self, handle: Handle) -> None:
        """Tell a worker that has just begun what its sources were to do before."""
        for source in self.paused:
            handle.tell("pause", source=source, paused=True)
        if self._leaving:
            handle.tell("leave", source=self._leaving)

    def _still_owed(self) -> bool:
        """Does anybody alive still owe an answer? A successor begins with the new plan, and owes none."""
        self._owed = {name for name in self._owed if name in self.run.workers and self.run.workers[name].alive}
        return bool(self._owed)


def keeps_of(plan: Plan, worker: WorkerPlan) -> dict[str, int]:
    """Camera → the bytes that a worker keeps of it; without those of which it keeps nothing."""
    sizes = {source: room(slots_of(plan, worker, source)) for source in plan.sources}
    return {source: size for source, size in sizes.items() if size}


def _carries(plan: Plan, worker: WorkerPlan, source: str) -> bool:
    return any(source in plan.stage(name).sources for name in worker.stages)


def _refuse_steady(plan: Plan, name: str, options: Iterable[str]) -> None:
    stage = plan.stage(name)
    steady = getattr(hooks.stage_class(stage.use, stage.reads), "steady", ())
    for option in options:
        if option in steady:
            raise UsageError(f"stage '{name}': '{option}' of {stage.use} cannot be changed while it runs")


def _plain_words(error: EdgeError) -> EdgeError:
    """The error as one who never wrote `--set` reads it."""
    told = EdgeError("\n".join(dict.fromkeys(str(error).replace("--set ", "").splitlines())))
    told.code = error.code
    return told


def _text(value: Any) -> str:
    """An option's value as it is written after `=`."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
