"""The one-process runner: the same graph, the same rules, no other process. `--workers none`, and what runs on the Kit.

Valid Python 3.7.
"""

from __future__ import annotations

import resource
import threading
import time
from typing import Any, Callable, Dict, List

from edge.core.crew import Crew
from edge.core.engine import Broken
from edge.core.errors import EdgeError, SourceError, StageError
from edge.core.ledger import Ledger
from edge.core.memory import Memory, slots_of
from edge.core.plan import Plan, StagePlan
from edge.core.report import report, status
from edge.core.stage import Stage

IDLE = 0.05
DRAIN = 7.0
STOPPING = "stopping: what is under way is finished; a second signal ends it at once"


class LocalRun:
    """One run of a plan in this process. The same members as `Run`."""

    def __init__(
        self,
        plan: Plan,
        make: Callable[[StagePlan], Stage],
        device: Callable[[StagePlan], Any],
        most: int = 0,
        seconds: float = 0.0,
        **more: Any,
    ) -> None:
        self.plan = plan
        self.most = most
        self.seconds = seconds
        self.watch: Callable[[Any], None] = more.get("watch", lambda run: None)
        self.strict: bool = more.get("strict", False)
        self.places: Dict[str, str] = {}
        self.errors: List[str] = []
        self.code = 0
        self.reason = "end_of_stream"
        self.began = time.monotonic()
        self.ledger = Ledger.fresh(plan)
        worker = plan.workers[0]
        self._changed = threading.Event()
        self._stopping = 0.0
        self._kill = False
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
        self._verdict()
        return report(self.plan, self.ledger, self.began, self.code, self.reason, [self._row()])

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
                self.watch(self)

    def fail(self, error: str, code: int) -> None:
        if error not in self.errors:
            self.errors.append(error)
        self.code = self.code or code
        self.reason = self.errors[0]

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

    def _verdict(self) -> None:
        for feed in self.crew.feeds.values():
            if feed.error:
                self.plan.failed[feed.name] = feed.error
            elif feed.source.trouble:
                self.plan.troubles[feed.name] = feed.source.trouble
        judge(self)


def judge(run: Any) -> None:
    """The exit code of a run in which nothing failed so far: no camera left, or data that a strict run does not accept."""
    failed = run.plan.failed
    if run.code:
        return
    if failed and all(source in failed for source in run.plan.sources):
        for error in failed.values():
            run.fail(error, SourceError.code)
    elif run.strict:
        bad = [*failed.values(), *run.plan.troubles.values()]
        rows = report(run.plan, run.ledger, run.began, 0, "")["cameras"]
        bad += [
            "{}: {} bad frames".format(n, r["dropped"]["decode_error"])
            for n, r in rows.items()
            if "decode_error" in r["dropped"]
        ]
        for text in bad:
            run.fail("--strict: " + text, 7)
