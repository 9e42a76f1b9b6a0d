"""The recipe of a plan: a graph file's text and what the command line said, kept so that a plan like it can be made again."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from edge.core.document import Document
from edge.core.graph import HINT, Graph, Set
from edge.core.growth import grown
from edge.core.plan import Plan, place
from edge.core.wire import Wiring


class Recipe:
    """The file is read once: what is written into it while the graph runs does not matter to the run."""

    def __init__(
        self, path: pathlib.Path, sets: Iterable[str] = (), device: str = "", workers: str = "auto", finite: bool = False
    ) -> None:
        """Raises UsageError where there is no such file, GraphError where it is no YAML that we accept."""
        self.document = Document.read(path, HINT)
        self.folder = path.resolve().parent
        self.sets: list[Set] = [Set(words, pathlib.Path.cwd()) for words in sets]
        self.device = device
        self.workers = workers
        self.finite = finite

    def forget(self, camera: str) -> None:
        """A camera is gone: what was said of it is not said any more."""
        base, _, name = camera.partition(".")
        self.sets = [
            s for s in self.sets if not s.words.startswith((f"{camera}.", f"{base}.each.{name}=", f"{base}.each.{name}."))
        ]

    def _graph(self, sets: Iterable[Set]) -> Graph:
        return Graph(Document(self.document.name, self.document.text, HINT), self.folder, sets, self.device)

    def plan(self) -> Plan:
        """The plan, placed. Raises GraphError with every problem; SourceError where no source is left."""
        plan = Wiring(self._graph(self.sets), finite=self.finite).run()
        place(plan, self.workers)
        return plan

    def after(self, running: Plan, sets: Iterable[Set], coming: str = "") -> Plan:
        """The plan that a running one becomes by these words, with the camera `coming` where that is named.

        Raises GraphError where the words are wrong, or where what is running would have to be made anew; SourceError where
        the camera is not here.
        """
        graph = self._graph([*self.sets, *sets])
        return grown(running, Wiring(graph, finite=self.finite, running=running, coming=coming).run())
