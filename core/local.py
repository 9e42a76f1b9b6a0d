"""The one-process runner: the same graph, the same rules, no other process. `--workers none`, and what runs on the Kit.

Valid Python 3.7.
"""

from __future__ import annotations

import resource
import threading
import time
from typing import Any, Callable, Dict, Optional

from edge.core.crew import Crew
from edge.core.engine import Broken
from edge.core.errors import EdgeError, SourceError, StageError
from edge.core.insight.trace import Tracer
from edge.core.ledger import Ledger
from edge.core.memory import Memory, slots_of
from edge.core.outcome import Outcome
from edge.core.plan import Plan, StagePlan
from edge.core.report import status
from edge.core.stage import Stage

IDLE = 0.05
DRAIN = 7.0


class LocalRun(Outcome):
    """One run of a plan in this process. `make` and `device` say where classes come from, as in `Crew`."""

    def __init__(self, plan: Plan, make: Callable[[StagePlan], Stage], device: Callable[[StagePlan], Any], **more: Any) -> None:
        super().__init__(plan, **more)
        self.ledger = Ledger.fresh(plan)
        worker = plan.workers[0]
        self._changed = threading.Event()
        self._stopping = 0.0
        self._kill = False
        self._tracer: Optional[Tracer] = None
        self.crew = Crew(
            plan,
            worker,
            self.ledger,
            Memory(slots_of(plan, worker)),
            make,
            device,
            status=lambda: status(plan, self.ledger, self.began),
        )

    def run(self) -> Dict[str, Any]:
        """Run to the end and return the report."""
        try:
            self.places.update(self.crew.open())
            self.crew.start(self._changed.set, {}, self.most)
            self._loop()
        except EdgeError as error:
            self.fail(str(error), error.code)
        except Broken as error:
            self.fail(str(error), StageError.code)
        except KeyboardInterrupt:  # the second one: a stage may hang, so it is not asked to finish
            self.kill()
        finally:
            for problem in self.crew.close():
                self.fail(problem, SourceError.code)
            self._fetch()
        for feed in self.crew.feeds.values():
            self.source_ended(feed.name, feed.error, feed.source.trouble)
        return self.report([self._row()])

    def status(self) -> Dict[str, Any]:
        """What a page or a scrape shows. May be asked from another thread."""
        state = "ending" if self._stopping else "running"
        return dict(super().status(), state=state, workers=[dict(self._row(), state=state)])

    def _row(self) -> Dict[str, Any]:
        """This process, as the report's one worker."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        row: Dict[str, Any] = {"name": self.crew.worker.name, "stages": self.crew.worker.stages, "restarts": 0}
        return dict(row, peak_rss_bytes=used.ru_maxrss * 1024, cpu_seconds=round(used.ru_utime + used.ru_stime, 3))

    def _loop(self) -> None:
        going = time.monotonic()
        looked = 0.0
        while not self.crew.done and not self._kill:
            now = time.monotonic()
            if not self.crew.work():
                self._changed.wait(IDLE)
                self._changed.clear()
                self.crew.engine.tick()
            if self.seconds and now - going > self.seconds:
                self.drain("seconds")
            if self._stopping and now - self._stopping > DRAIN:
                return
            if now - looked > 2 * IDLE:
                looked = now
                self._fetch()
                self.watch(self)

    def trace(self, on: bool) -> None:
        """Begin or end to note what is done for which frame."""
        self._tracer = Tracer() if on else None
        self.crew.trace(self._tracer)

    def _fetch(self) -> None:
        """Hand over what was noted."""
        tracer = self._tracer
        if tracer is not None:
            while len(tracer):
                self.recorders.add(tracer.drain(), tracer.forgot())
            self.recorders.sample()

    def drain(self, reason: str) -> None:
        """Capture no more; what was admitted is finished."""
        if not self._stopping:
            self._stopping = time.monotonic()
            self.reason = reason
            self.crew.drain()

    def kill(self) -> None:
        """Stop now. May be called from a signal handler."""
        self._kill = True
        self.code, self.reason = 130, "interrupted twice"
