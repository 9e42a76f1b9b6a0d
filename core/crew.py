"""The crew of one process: its stages, opened; its sources, running; its engine. Valid Python 3.7.

A worker adds links to other workers; the one-process runner adds nothing.
"""

from __future__ import annotations

import logging
import pathlib
from typing import Any, Callable, Dict, List, Optional

from edge.core.engine import Engine, names_of
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
        self._device = device
        self._devices: List[Any] = []
        self._opened: List[Stage] = []
        self._missing: Dict[str, EdgeError] = {}
        self._new: Optional[Callable[..., Any]] = more.pop("new", None)
        self._status: Callable[[], Dict[str, Any]] = more.pop("status", dict)
        self.stages = {name: make(plan.stage(name)) for name in worker.stages}
        self.engine = Engine(plan, worker.stages, self.stages, ledger, memory, worker=worker.name, **more)
        for name, node in self.engine.nodes.items():
            node.wants_frame = "frame" in names_of(self.stages[name].process)
        self.feeds: Dict[str, Feed] = {}

    def open(self) -> Dict[str, str]:
        """Open every stage. Returns stage → where to look at it. Whatever fails, what was opened is closed by `close`."""
        places = {}
        for name in self.worker.stages:
            stage, plan = self.stages[name], self.plan.stage(name)
            stage.context = self._context(plan)
            try:
                _open(stage, plan)
            except EdgeError as error:
                if not plan.is_source:
                    raise
                self._missing[name] = error  # one camera that is not here does not stop the others
                continue
            self._opened.append(stage)
            if stage.where():
                places[name] = stage.where()
        return places

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
            memory=Kept(self.memory, plan.name),
            new=new if self._new else None,
            log=log,
        )

    def start(self, wake: Callable[[], None], first: Dict[str, int], most: int = 0) -> None:
        """Let the sources run."""
        for name, stage in self.stages.items():
            if isinstance(stage, Source):
                alone = len(self.plan.sources) == 1
                feed = self.feeds[name] = Feed(name, stage, self.ledger, wake, first.get(name, 0), most, alone)
                feed.start(self._missing.get(name))

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

    def close(self) -> List[str]:
        """Close what was opened, in reverse. Returns what went wrong, a line each."""
        self.drain()
        problems = []
        for feed in self.feeds.values():
            if not feed.join(1.0):
                log.warning("%s: the source does not stop reading; it is left behind", feed.name)
        for thing in list(reversed(self._opened)) + self._devices:
            try:
                thing.close()
            except Exception as error:  # the others must be closed all the same
                name = next((n for n, stage in self.stages.items() if stage is thing), type(thing).__name__)
                told = str(error) if isinstance(error, EdgeError) else f"{type(error).__name__}: {error}"
                problems.append(f"{name}: {told}")
        self._opened, self._devices = [], []
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
        log.debug("%s", plan.name, exc_info=True)
        kind = SourceError if plan.is_source else StageError
        raise kind(f"{plan.name}: {plan.use} failed to open: {type(error).__name__}: {error}") from error


def _model(stage: Stage, name: str) -> Any:
    """The resolved model of the option that says `name`."""
    models = getattr(stage, "models", {})
    for option, model in models.items():
        if getattr(stage, option) == name:
            return model
    raise EdgeError(f"no option of this stage names the model '{name}'")
