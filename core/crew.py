"""The crew of one process: its stages, opened; its sources, running; its engine. Valid Python 3.7.

A worker adds links to other workers; the one-process runner adds nothing.
"""

from __future__ import annotations

import logging
import pathlib
from typing import Any, Callable, Dict, List, Optional

from edge.core.engine import Engine
from edge.core.errors import EdgeError, SourceError, StageError, located
from edge.core.feed import Feed
from edge.core.flow import Item
from edge.core.ledger import ADMITTED, LAST_N, Ledger
from edge.core.memory import Kept, Memory
from edge.core.plan import Plan, StagePlan, WorkerPlan
from edge.core.stage import Context, Source, Stage

log = logging.getLogger("edge")


class Crew:
    """`make(StagePlan) -> Stage` and `device(StagePlan) -> Device` say where classes come from: by plugin name, or packaged."""

    def __init__(
        self,
        plan: Plan,
        worker: WorkerPlan,
        ledger: Ledger,
        memory: Memory,
        make: Callable[[StagePlan], Stage],
        device: Callable[[StagePlan], Any],
        **more: Any,
    ) -> None:
        self.plan = plan
        self.worker = worker
        self.ledger = ledger
        self.memory = memory
        self._make = make
        self._device = device
        self._devices: List[Any] = []
        self._opened: List[Stage] = []
        self._missing: Dict[str, EdgeError] = {}
        self._new: Optional[Callable[..., Any]] = more.pop("new", None)
        self._status: Callable[[], Dict[str, Any]] = more.pop("status", dict)
        self._ask: Optional[Callable[[Dict[str, Any]], Any]] = more.pop("ask", None)
        self.stages = {name: make(plan.stage(name)) for name in worker.stages}
        self.engine = Engine(plan, worker.stages, self.stages, ledger, memory, worker=worker.name, **more)
        self.feeds: Dict[str, Feed] = {}

    def open(self) -> Dict[str, str]:
        """Open every stage. Returns stage → where to look at it. Whatever fails, what was opened is closed by `close`."""
        places = {}
        for name in self.worker.stages:
            try:
                place = self._open(name)
            except EdgeError as error:
                if not self.plan.stage(name).is_source:
                    raise
                self._missing[name] = error  # one camera that is not here does not stop the others
                continue
            if place:
                places[name] = place
        return places

    def _open(self, name: str) -> str:
        """Open one stage; where to look at it."""
        stage, plan = self.stages[name], self.plan.stage(name)
        stage.context = self._context(plan)
        _open(stage, plan)
        self._opened.append(stage)
        return stage.where()

    def _context(self, plan: StagePlan) -> Context:
        def load(model: Any) -> Any:
            device = self._device(plan)
            if device not in self._devices:
                self._devices.append(device)
            return device.load(model if not isinstance(model, str) else _model(self.stages[plan.name], model))

        def new(value: str, shape: Any, dtype: Any) -> Any:
            return self._new(plan.name, value, shape, dtype)  # type: ignore[misc]

        return Context(
            inputs=plan.inputs,
            outputs=plan.makes,
            live=plan.live,
            sources=plan.sources,
            rates=self.plan.rates,
            graph=self.plan.name,
            load=load,
            status=self._status,
            ask=self._ask,
            memory=Kept(self.memory, plan.name),
            new=new if self._new else None,
            log=logging.getLogger(("edge.camera." if plan.is_source else "edge.stage.") + plan.name),
        )

    def start(self, wake: Callable[[], None], first: Dict[str, int], most: int = 0) -> None:
        """Let the sources run."""
        for name, stage in self.stages.items():
            if isinstance(stage, Source):
                alone = len(self.plan.sources) == 1
                feed = self.feeds[name] = Feed(name, stage, self.ledger, wake, first.get(name, 0), most, alone)
                feed.trace = self.engine.trace
                feed.start(self._missing.get(name))

    def trace(self, tracer: Any) -> None:
        """Note from now on what is done for which frame; None: no more."""
        self.engine.trace = tracer
        for feed in self.feeds.values():
            feed.trace = tracer

    def work(self) -> bool:
        """Do the next piece of work: finish what is begun before admitting more. False when there is nothing to do."""
        return self.engine.step() or any([self._admit(feed) for feed in self.feeds.values()])

    def _admit(self, feed: Feed) -> bool:
        node = self.engine.nodes[feed.name]
        if not feed.done and node.open_for(feed.name):
            pulled = feed.waiting is None and feed.pull()
            frame = feed.take()
            if frame is not None:
                row = self.ledger.row("source", feed.name)
                if frame.n > self.ledger.cells[row + LAST_N]:  # else a predecessor had admitted it
                    self.ledger.cells[row + LAST_N] = frame.n
                    self.ledger.add(row + ADMITTED)
                self.engine.emit(node, feed.name, Item(frame.n, frame.time, frame.born), frame.values)
                return True
            if pulled:
                return True
        if feed.done and feed.name not in node.ended:
            self.engine.end(node, feed.name)
            return True
        return False

    def drain(self) -> None:
        """Capture no more, and finish what was admitted."""
        for feed in self.feeds.values():
            feed.stop()

    @property
    def done(self) -> bool:
        return self.engine.done

    # -- changes while it runs ----------------------------------------------------------------------------------------------

    def follow(self, plan: Plan, worker: WorkerPlan) -> Dict[str, str]:
        """Go over to a plan with other cameras, between two frames. Returns stage → where to look at it, of those that came.
        Raises an EdgeError where one cannot be opened, or does not take a camera; the rest has gone over all the same."""
        before = {name: self.plan.stage(name) for name in self.worker.stages}
        gone = [name for name in self.worker.stages if name not in worker.stages]
        came = [name for name in worker.stages if name not in self.worker.stages]
        self.plan, self.worker = plan, worker
        self.stages.update((name, self._make(plan.stage(name))) for name in came)
        self.engine.follow(plan, worker.stages, self.stages)
        for name in gone:
            self._leave(self.stages.pop(name), name)
        stay = [name for name in worker.stages if name in before]
        errors = [e for name in stay for e in self._reach(self.stages[name], before[name].sources, plan.stage(name).sources)]
        if errors:
            raise errors[0]
        return {name: place for name, place in ((name, self._open(name)) for name in came) if place}

    def _reach(self, stage: Stage, before: List[str], now: List[str]) -> List[Exception]:
        """Tell a stage of the cameras that do not reach it any more, and of those that do now. Returns what it raised: all
        stages are told, since all are told again when the camera is taken back."""
        stage.context.sources = tuple(now)
        stage.context.rates = dict(self.plan.rates)
        errors: List[Exception] = []
        calls = [(stage.leave, source) for source in before if source not in now]
        for tell, source in calls + [(stage.enter, source) for source in now if source not in before]:
            try:
                tell(source)
            except Exception as error:
                errors.append(error)
        return errors

    def _leave(self, stage: Stage, name: str) -> None:
        """Close a stage whose cameras are all gone."""
        feed = self.feeds.pop(name, None)
        if feed is not None:
            feed.stop()
        if feed is not None and not feed.join(1.0):
            log.warning("%s: the source does not stop reading; it is left behind", name, extra={"camera": name})
        if stage in self._opened:
            self._opened.remove(stage)
            for problem in self._closed([stage], {name: stage}):
                log.error("%s", problem, extra={"stage": name})

    def change(self, name: str, options: Dict[str, Any]) -> None:
        """Give a stage other values of these options, between two frames. None: what it has where the graph says nothing.
        Raises an EdgeError, and the old values are back, where the stage does not take them."""
        stage, plan = self.stages[name], self.plan.stage(name)
        before = {option: getattr(stage, option) for option in options}
        given = {option: getattr(type(stage), option) if value is None else value for option, value in options.items()}
        fill(stage, StagePlan(name, plan.use, options=given))
        try:
            stage.changed(list(options))
        except Exception as error:
            for option, value in before.items():
                setattr(stage, option, value)
            stage.changed(list(options))
            told = str(error) if isinstance(error, EdgeError) else f"{type(error).__name__}: {error}"
            raise located(name, StageError(told)) from error
        plan.options = dict(plan.options, **given)

    def has_left(self, source: str) -> bool:
        """True when nothing more of this camera will happen here."""
        return self.engine.has_left(source)

    def close(self) -> List[str]:
        """Close what was opened, in reverse. Returns what went wrong, a line each."""
        self.drain()
        for feed in self.feeds.values():
            if not feed.join(1.0):
                log.warning("%s: the source does not stop reading; it is left behind", feed.name, extra={"camera": feed.name})
        problems = self._closed([*reversed(self._opened), *self._devices], self.stages)
        self._opened, self._devices = [], []
        return problems

    def _closed(self, things: List[Any], stages: Dict[str, Stage]) -> List[str]:
        problems = []
        for thing in things:
            try:
                thing.close()
            except Exception as error:  # the others must be closed all the same
                name = next((n for n, stage in stages.items() if stage is thing), type(thing).__name__)
                told = str(error) if isinstance(error, EdgeError) else f"{type(error).__name__}: {error}"
                problems.append(f"{name}: {told}")
        return problems


def fill(stage: Stage, plan: StagePlan) -> Stage:
    """Set a stage's options from its plan. Paths arrive as text and become paths again."""
    hints: Dict[str, Any] = {}
    for base in reversed(type(stage).__mro__):
        hints.update(vars(base).get("__annotations__", {}))
    for name, value in plan.options.items():
        wants_path = isinstance(value, str) and "Path" in str(hints.get(name, ""))
        setattr(stage, name, pathlib.Path(value) if wants_path else value)
    return stage


def _open(stage: Stage, plan: StagePlan) -> None:
    """Raises an EdgeError in one line that begins with the stage's name."""
    try:
        stage.open(stage.context)
    except EdgeError as error:
        raise located(plan.name, error) from None
    except Exception as error:  # a plugin's mistake is reported like any other; its author wants to see where
        log.debug("%s", plan.name, exc_info=True, extra={"stage": plan.name})
        kind = SourceError if plan.is_source else StageError
        raise kind(f"{plan.name}: {plan.use} failed to open: {type(error).__name__}: {error}") from error


def _model(stage: Stage, name: str) -> Any:
    """The resolved model of the option that says `name`."""
    models = getattr(stage, "models", {})
    for option, model in models.items():
        if getattr(stage, option) == name:
            return model
    raise EdgeError(f"no option of this stage names the model '{name}'")
