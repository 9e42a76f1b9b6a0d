"""The exam of a stage or a sink: frames go through it, and its promises are looked at from every side."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from edge.core.errors import EdgeError
from edge.core.frame import Drop, Image
from edge.core.hooks import device_class
from edge.core.options import declared
from edge.core.port import ports_of
from edge.core.stage import ModelName, Stage
from edge.core.testing.clock import Clock
from edge.core.testing.exam import Check, joined, told_as
from edge.core.testing.measure import Measured
from edge.core.testing.mishaps import Mishaps
from edge.core.testing.pictures import FLAT, FORMATS
from edge.core.testing.promise import Breach
from edge.core.testing.ready import options_of, profile_of
from edge.core.testing.rig import Rig
from edge.core.testing.samples import RATE, Samples, Unknown
from edge.core.testing.static import StaticExam
from edge.core.testing.take import Take
from edge.core.testing.unlike import unlike

SIZE = (72, 128)
"""Height and width of the pictures where nothing else is asked."""
ODD = ((71, 127), (359, 641), (2, 2), (1, 1))
LARGE = (360, 640)
"""What the changing sizes begin with, and the spec is of."""

Outcome = dict[str, Any] | Drop


class StageExam(StaticExam):
    of = "stage"
    gate = "works"

    def __init__(self, *args: Any, device: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self.of = "stage" if self.cls.makes else "sink"
        self._device_name = device
        self._format = "bgr"

    def checks(self) -> list[Check]:
        measured, mishaps = Measured(self), Mishaps(self)
        return [
            *self.static(),
            ("works", self.works),
            ("spec", self.spec),
            ("formats", self.formats),
            ("lost", mishaps.lost),
            ("planes", self.planes),
            ("kept", self.kept),
            ("slots", self.slots),
            ("again", self.again),
            ("cameras", self.cameras),
            ("visitors", mishaps.visitors),
            ("changed", mishaps.changed),
            ("tick", mishaps.tick),
            ("errors", mishaps.errors),
            ("close", measured.close),
            ("latency", measured.latency),
            ("memory", measured.memory),
            ("quiet", self.quiet),
            ("folder", self.stays),
        ]

    # -- what the checks share ----------------------------------------------------------------------------------------------

    def samples(self, format: str = "") -> Samples:
        return Samples(ports_of(self.make()).values(), format or self._format)

    def rig(self, size: tuple[int, int] = SIZE, sources: Sequence[str] = ("camera",), format: str = "", **more: Any) -> Rig:
        stage = more.pop("stage", None) or self.make()
        device, options = self._device(stage)
        inputs = self.samples(format).specs(size)
        return Rig(stage, inputs, sources, rate=RATE, device=device, device_options=options, beat=self.beat, **more)

    def _device(self, stage: Stage) -> tuple[str, Mapping[str, Any]]:
        """Where a network runs: as asked, else this machine's usual device, with one thread, whose results are always alike."""
        if not any(isinstance(getattr(stage, name, None), ModelName) for name in options_of(stage)):
            return self._device_name, {}
        name = self._device_name or "desktop"
        try:
            chosen = profile_of(name)
        except EdgeError:
            if self._device_name:
                raise
            name, chosen = "dry", None
        has_threads = chosen is not None and "threads" in declared(device_class(chosen.runtime))
        return name, {"threads": 1} if has_threads else {}

    def shoot(self, rig: Rig, takes: Sequence[Take], real_time: bool = False) -> list[Outcome]:
        """The outcomes. What a stage raises that is no word of ours is a breach of 'errors'. A fake clock makes results that
        depend on the time alike; a sink, which may have threads that wait, keeps the machine's. So does what looks for threads
        that are left: those that sleep would wake with the end of the fake one, and be gone."""
        clock = Clock() if self.cls.makes and not real_time else None
        with clock or contextlib.nullcontext(), told_as("close", f"{rig.who}: open or close raises"), rig:
            outcomes = []
            for take in takes:
                if clock is not None:
                    clock.advance(1 / RATE)
                outcomes.append(self.shot(rig, take))
            return outcomes

    def shot(self, rig: Rig, take: Take) -> Outcome:
        with told_as("errors", f"{rig.who}: process raises for {take}:"):
            return rig.shoot(take)

    # -- checks -------------------------------------------------------------------------------------------------------------

    def works(self) -> str:
        """Three frames, in the first format that it takes."""
        format = self._first_format()
        rig = self.rig()
        outcomes = self.shoot(rig, self.samples().takes(3, SIZE))
        drops = sorted({outcome.reason for outcome in outcomes if isinstance(outcome, Drop)})
        if len(drops) and all(isinstance(outcome, Drop) for outcome in outcomes):
            return f"three frames, each dropped as {joined(drops)}: the samples may not suit it"
        made = ", ".join(f"{name} {rig.outputs[name]!r}" for name in rig.outputs)
        return f"three frames of {SIZE[1]}x{SIZE[0]}{format and ' ' + format} give {made or 'no error'}"

    def _first_format(self) -> str:
        if not any(port.type is Image for port in self.samples().ports):
            return ""
        refusals = []
        for format in FORMATS:
            try:
                self.rig(format=format)
            except EdgeError as error:
                refusals.append(error)
                continue
            self._format = format
            return format
        raise refusals[0]

    def spec(self) -> str:
        """Every value within what `spec` said, at odd sizes and at sizes that change from frame to frame."""
        true, refused = [], []
        for size in ODD:
            words = f"{size[1]}x{size[0]}"
            if self._format in FLAT:
                size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
            try:
                self._at(size, words)
                true.append(words)
            except EdgeError as error:
                refused.append(f"{words} ({error})")
        changing = [(LARGE if n % 2 else SIZE if n % 4 else (36, 96)) for n in range(6)]
        takes = [self.samples().takes(1, size, first=n)[0] for n, size in enumerate(changing)]
        with told_as("spec", f"{self.cls.__name__}: where sizes change from frame to frame, process raises"):
            try:
                self._plain(self.rig(LARGE), takes)
                true.append("sizes that change")
            except EdgeError as error:
                refused.append(f"sizes that change ({error})")
        return f"true at {joined(true)}" + (f"; refuses {joined(refused)}" if refused else "")

    def _at(self, size: tuple[int, int], words: str) -> None:
        with told_as("spec", f"{self.cls.__name__}: at {words}, process raises"):
            self._plain(self.rig(size), self.samples().takes(2, size))

    def _plain(self, rig: Rig, takes: Sequence[Take]) -> list[Outcome]:
        with rig:
            return [rig.shoot(take) for take in takes]

    def formats(self) -> str:
        """Colour orders: taken and done right, or refused by `spec` in words."""
        if not any(port.type is Image for port in self.samples().ports):
            raise Unknown("it reads no picture")
        taken, refused = [], []
        for format in FORMATS:
            start = f"{self.cls.__name__}: spec takes {format} pictures, but process raises"
            with told_as("formats", start):
                try:
                    rig = self.rig(format=format)
                except EdgeError:
                    refused.append(format)
                    continue
                self._plain(rig, self.samples(format).takes(2, SIZE))
                taken.append(format)
        return f"takes {joined(taken)}" + (f"; refuses {joined(refused)} before the start" if refused else "")

    def planes(self) -> str:
        self.shoot(self.rig(), self.samples().takes(4, SIZE))
        return "writes into nothing that it is given"

    def kept(self) -> str:
        """Overwriting planes after `process` must change nothing, and nothing may look at them any more."""
        takes = self.samples().takes(6, SIZE)
        rig = self.rig()
        poisoned = self.shoot(rig, takes)
        if rig.held:
            words = joined([f"'{name}'" for name in sorted(rig.held)])
            raise Breach(
                "kept", f"{rig.who}: still refers to {words} when process has returned: keep a copy, the plane is overwritten"
            )
        plain = [self.shoot(self.rig(poison=False), takes) for _ in range(2)]
        if unlike(*plain):
            raise Unknown("its results differ from run to run, so that nothing can be said")
        where = unlike(plain[0], poisoned)
        if where:
            raise Breach(
                "kept", f"{rig.who}: {where} when the planes of earlier frames are overwritten: one was kept, keep a copy"
            )
        return "keeps no plane that it was given"

    def slots(self) -> str:
        """What `self.new` gives is filled before it is returned."""
        if not self.cls.renders:
            return "renders into no slot"
        takes = self.samples().takes(3, SIZE)
        where = unlike(self.shoot(self.rig(), takes), self.shoot(self.rig(other_slots=True), takes))
        if where:
            told = f"{self.cls.__name__}: {where} with what self.new happens to hold"
            raise Breach("slots", f"{told}: its content is undefined, so fill all of it")
        return "fills what self.new gives"

    def again(self) -> str:
        """The same frames give the same, in a new instance and in one that was closed and opened again."""
        takes = self.samples().takes(5, SIZE)
        stage = self.make()
        first, reopened = (self.shoot(self.rig(stage=stage), takes) for _ in range(2))
        where = unlike(first, self.shoot(self.rig(), takes))
        if where:
            raise Breach(
                "again", f"{self.cls.__name__}: {where} from one instance to the next: the same frames must give the same"
            )
        where = unlike(first, reopened)
        if where:
            raise Breach("again", f"{self.cls.__name__}: {where} after close and open: begin anew in open")
        return "the same frames give the same, also after close and open"

    def cameras(self) -> str:
        """Two cameras in turn give the same as each alone."""
        samples = self.samples()
        door, yard = samples.takes(5, SIZE, "door"), samples.takes(5, SIZE, "yard", mirrored=True)
        both = [take for pair in zip(door, yard, strict=True) for take in pair]
        mixed = self.shoot(self.rig(sources=("door", "yard")), both)
        for takes, got in ((door, mixed[::2]), (yard, mixed[1::2])):
            where = unlike(self.shoot(self.rig(sources=("door", "yard")), takes), got)
            if where:
                told = f"{where} of {takes[0].source} when another camera's frames come between"
                raise Breach("cameras", f"{self.cls.__name__}: {told}: keep state by frame.source")
        return "two cameras in turn give the same as each alone" if self.cls.makes else "serves two cameras in turn"
