"""Settling for a dead worker: which frame it died on, what of its books nobody else can mend, where its successor begins."""

from __future__ import annotations

import collections
import logging

from edge.core.ledger import (
    ADMITTED,
    AT_N,
    AT_SOURCE,
    AT_STAGE,
    CAPTURED,
    DONE_N,
    GOT_N,
    LOST_BY_SUPERVISOR,
    SOURCE,
    SOURCE_LOST,
    Ledger,
)
from edge.core.plan import EdgePlan, Plan, WorkerPlan

log = logging.getLogger("edge")

Key = tuple[str, str, int]


class Settlement:
    """The living settle for themselves (`LinkOutlet.lost`, `flow.settle`); this is the supervisor's part."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.ledger = ledger
        self._kills: collections.Counter[Key] = collections.Counter()

    @property
    def poisoned(self) -> list[Key]:
        """(stage, camera, n) of the frames that killed a process twice: the next leaves them out."""
        return [key for key, count in self._kills.items() if count > 1]

    def forget(self, source: str) -> None:
        """A camera is gone, and what its frames did."""
        self._kills = collections.Counter({key: count for key, count in self._kills.items() if key[1] != source})

    def blame(self, worker: WorkerPlan) -> None:
        """Remember the frame that a process died on."""
        row, cells = self.ledger.row("worker", worker.name), self.ledger.cells
        if cells[row + AT_STAGE] < 0:
            return
        at, number = cells[row + AT_STAGE], cells[row + AT_SOURCE]
        cells[row + AT_STAGE] = -1
        stage = next((stage.name for stage in self.plan.stages if self.ledger.row("stage", stage.name) == at), "")
        source = next((name for name, given in self.plan.numbers.items() if given == number), "")
        if not stage or not source:
            return  # of a camera that is gone
        key = (stage, source, int(cells[row + AT_N]))
        self._kills[key] += 1
        if self._kills[key] == 2:
            about = {"stage": stage, "camera": source, "n": key[2]}
            log.error("%s: frame %d of %s killed it twice; it is left out", stage, key[2], source, extra=about)

    def within(self, worker: WorkerPlan) -> None:
        """What was under way inside a dead worker is gone; so is what had come to it and was not finished."""
        ledger = self.ledger
        for edge in self.plan.edges:
            for source in () if edge.previous or edge.reader not in worker.stages else edge.sources:
                book = ledger.row("edge", edge.index, source)
                ledger.cells[book + GOT_N] = ledger.cells[book + DONE_N]
                if edge.maker in worker.stages:
                    ledger.lost(book + LOST_BY_SUPERVISOR, "worker_died", ledger.in_flight(book))
        for name in worker.stages:
            if self.plan.stage(name).is_source and self.plan.stage(name).live:
                self._mailbox(name)

    def _mailbox(self, source: str) -> None:
        """A live camera's frame that waited to be admitted died with its process."""
        row, cells = self.ledger.row("source", source), self.ledger.cells
        waiting = cells[row + CAPTURED] - cells[row + ADMITTED] - sum(cells[row + SOURCE_LOST : row + SOURCE])
        self.ledger.lost(row + SOURCE_LOST, "worker_died", max(0, waiting))

    def between(self, one: WorkerPlan, other: WorkerPlan) -> None:
        """Both ends of these edges are dead: nobody else can mend their books."""
        stages = {*one.stages, *other.stages}
        for edge in self.plan.edges:
            if edge.kind != "call" and not edge.previous and edge.maker in stages and edge.reader in stages:
                for source in edge.sources:
                    book = self.ledger.row("edge", edge.index, source)
                    self.ledger.lost(book + LOST_BY_SUPERVISOR, "worker_died", max(0, self.ledger.in_flight(book)))

    def first(self, worker: WorkerPlan) -> dict[str, int]:
        """Where each source of a worker begins: at 0, or where its predecessor's frames stopped arriving."""
        return {name: self._resume(worker, name) for name in worker.stages if self.plan.stage(name).is_source}

    def _resume(self, worker: WorkerPlan, source: str) -> int:
        captured = int(self.ledger.cells[self.ledger.row("source", source) + CAPTURED])
        if self.plan.stage(source).live:
            return captured
        edges = [edge for edge in self.plan.edges if edge.maker in worker.stages and _whole(edge, source)]
        arrived = [n for edge in edges for n in self._arrived(edge, source)]
        return min(arrived) + 1 if arrived else captured

    def _arrived(self, edge: EdgePlan, source: str) -> list[int]:
        """The newest frame that is out of a worker's hands on this edge: at another, or through a sink of its own."""
        book = self.ledger.row("edge", edge.index, source)
        if edge.kind != "call":
            return [int(self.ledger.cells[book + GOT_N])]
        return [int(self.ledger.cells[book + DONE_N])] if self.plan.stage(edge.reader).is_sink else []


def _whole(edge: EdgePlan, source: str) -> bool:
    """Does every frame of this camera travel on this edge?"""
    return edge.every == 1 and not edge.side and not edge.previous and source in edge.sources
