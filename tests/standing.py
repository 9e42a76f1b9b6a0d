"""A run that stands still, for what looks at runs: two cameras, and a ledger that the test writes."""

from __future__ import annotations

import pathlib

from edge.core import ledger as books
from edge.core.ledger import Ledger
from edge.core.outcome import Outcome
from edge.core.wire import compile_graph

GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, each: {door: , yard: }}
  matte: {use: matting, from: camera, model: portrait}
  blend: {use: composite, from: matte, background: "#00ff00"}
  out: {use: discard, from: blend}
"""


class Standing(Outcome):
    """A run that never moves by itself: the test writes its ledger."""

    def __init__(self, plan):
        super().__init__(plan)
        self.ledger = Ledger.fresh(plan)
        self.workers = [self.row(worker) for worker in plan.workers]

    @staticmethod
    def row(worker):
        used = {"rss_bytes": 5_000_000, "cpu_seconds": 1.25}
        return {"name": worker.name, "stages": worker.stages, "state": "running", "restarts": 0, **used}

    def status(self):
        return {**super().status(), "state": "running", "workers": self.workers}

    def add(self, cell, amount, *row):
        self.ledger.add(self.ledger.row(*row) + cell, amount)


def standing(folder: pathlib.Path) -> Standing:
    """camera.door has given nine frames, of which some were lost, in each of the ways that a ledger knows."""
    (folder / "two cameras.yaml").write_text(GRAPH)
    run = Standing(compile_graph(folder / "two cameras.yaml"))
    edge = next(edge for edge in run.plan.edges if edge.key == "camera.door->matte:image")
    run.add(books.STATE, books.STATES.index("running"), "source", "camera.door")
    run.add(books.CAPTURED, 9, "source", "camera.door")
    run.add(books.SEEN_NS, 1, "source", "camera.door")
    run.ledger.lost(run.ledger.row("source", "camera.door") + books.SOURCE_LOST, "superseded", 2)
    run.add(books.RECEIVED, 7, "edge", edge.index, "camera.door")
    run.add(books.DELIVERED, 4, "edge", edge.index, "camera.door")
    for part in (books.LOST_BY_MAKER, books.LOST_BY_READER, books.LOST_BY_SUPERVISOR):  # each keeps a book of its own
        run.ledger.lost(run.ledger.row("edge", edge.index, "camera.door") + part, "worker_died", 1 if part else 0)
    run.ledger.lost(run.ledger.row("visit", "blend", "camera.door") + books.COVERED, "implausible", 3)
    for seconds in (0.001, 0.02, 0.02, 0.3):
        run.ledger.time(run.ledger.row("stage", "out") + books.AGES, seconds)
    return run
