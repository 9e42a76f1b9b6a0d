"""Checks of a stage for what happens in a graph now and then: lost values, cameras that come and go, options set anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.core.frame import Drop
from edge.core.options import declared
from edge.core.testing.exam import joined, kind_of, told_as
from edge.core.testing.faults import Faults
from edge.core.testing.holdings import Growth
from edge.core.testing.leaks import in_bytes
from edge.core.testing.promise import Breach
from edge.core.testing.rig import Rig
from edge.core.testing.samples import RATE

if TYPE_CHECKING:
    from edge.core.testing.stage_exam import StageExam

SIZE = (72, 128)
VISITORS, PER_VISITOR = 8, 4096
"""Cameras that come and go, and the bytes that may stay behind of each."""


class Mishaps:
    """Belongs to the exam of one stage."""

    def __init__(self, exam: StageExam) -> None:
        self.exam = exam

    def lost(self) -> str:
        """Ports that may be lost are None now and then."""
        ports = [port.name for port in self.exam.samples().ports if port.optional]
        if not ports:
            return "no port is optional: it is not called where a value is lost"
        for lost in (*([port] for port in ports), ports):
            faults = Faults()
            for port in lost:
                faults.lose(port, 1)
            takes = faults.spoil(self.exam.samples().takes(3, SIZE), self.exam.samples().by_name, RATE)
            self.exam.shoot(self.exam.rig(), takes)
        return f"goes on where {joined(ports)} {'is' if len(ports) == 1 else 'are'} lost"

    def visitors(self) -> str:
        """Cameras that come and go leave nothing behind."""
        exam, samples = self.exam, self.exam.samples()
        rig = exam.rig()
        with rig, Growth() as growth:
            kept = [self._visit(rig, samples, f"visitor{i}", growth) for i in range(VISITORS)]
        each = (kept[-1] - kept[2]) / (VISITORS - 3)
        if each > PER_VISITOR:
            raise Breach(
                "visitors", f"{rig.who}: keeps {in_bytes(each)} of each camera that has gone: give it back in leave(source)"
            )
        return f"{VISITORS} cameras came and went"

    def _visit(self, rig: Rig, samples: Any, source: str, growth: Growth) -> int:
        context = rig.stage.context
        context.sources = (*context.sources, source)
        rig.keep(source)
        self.exam.beat("enter")
        rig.stage.enter(source)
        with told_as("visitors", f"{rig.who}: process raises for a camera that has come, {source}:"):
            for take in samples.takes(3, SIZE, source):
                rig.shoot(take)
        self.exam.beat("leave")
        rig.stage.leave(source)
        context.sources = context.sources[:-1]
        rig.memory.drop(source)
        return growth.now()

    def changed(self) -> str:
        """`changed` between two frames, for every option that may."""
        names = tuple(name for name in declared(self.exam.cls) if name not in self.exam.cls.steady)
        takes = self.exam.samples().takes(4, SIZE)
        rig = self.exam.rig()
        with rig:
            self.exam.shot(rig, takes[0])
            with told_as("changed", f"{rig.who}: after changed it raises"):
                self.exam.beat("changed")
                rig.stage.changed(names)
                for take in takes[1:]:
                    rig.shoot(take)
        return "goes on after its options are set anew" if names else "has no option that could be set while it runs"

    def tick(self) -> str:
        """What is shown where a live camera has gone quiet."""
        if self.exam.cls.tick_after is None:
            return "asks for no tick"
        with self.exam.rig(live=True) as rig:
            for take in self.exam.samples().takes(2, SIZE):
                self.exam.shot(rig, take)
            with told_as("tick", f"{rig.who}: tick raises"):
                return (
                    "says nothing while a camera is quiet"
                    if rig.tick("camera") is None
                    else "shows something while a camera is quiet"
                )

    def errors(self) -> str:
        """What no graph should give, and it may: planes without rows, with NaN. Told, whatever it does."""
        told = []
        for name, plant in (("no rows", Faults.empty), ("NaN", Faults.nan)):
            for port, spec in self.exam.samples().specs(SIZE).items():
                if spec.is_plane and (name == "no rows" or spec.dtype.kind == "f"):
                    told.append(f"'{port}' with {name}: {self._at_fault(plant, port)}")
        return "; ".join(told) or "no planes to spoil"

    def _at_fault(self, plant: Callable[[Faults, str, int], Faults], port: str) -> str:
        takes = plant(Faults(), port, 1).spoil(self.exam.samples().takes(2, SIZE), self.exam.samples().by_name, RATE)
        rig = self.exam.rig()
        with rig:
            rig.shoot(takes[0])
            try:
                outcome = rig.shoot(takes[1])
            except Breach as breach:
                return str(breach)
            except Exception as error:
                return kind_of(error)
        return f"dropped as {outcome.reason}" if isinstance(outcome, Drop) else "no error"
