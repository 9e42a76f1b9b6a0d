"""A rig: one stage, made ready as in a graph, which takes frames by hand, one at a time, without processes."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edge.core.engine import names_of
from edge.core.frame import Drop, Frame, Spec
from edge.core.memory import Memory
from edge.core.stage import Context, Stage
from edge.core.testing.faults import Faults
from edge.core.testing.lent import Lent, Loan
from edge.core.testing.place import place_of
from edge.core.testing.promise import Breach, check_made, check_specs
from edge.core.testing.ready import approve, find_models, open_device, profile_of, wired
from edge.core.testing.take import Take

REMEMBERED = 3
"""So many earlier outcomes are looked at again after each frame: they must not change."""


class Rig:
    """Use it `with`: entering opens the stage (and the device), leaving closes them, whatever happened between.

    inputs: the spec of each value that is given. poison: overwrite planes when `process` has returned. other_slots: what
    `self.new` gives has another content, which a stage must not rely on. beat: told what is about to be called. held: ports
    whose plane was still looked at after `process`, and values whose slot was. spent: seconds that the last `process` took.
    """

    def __init__(
        self,
        stage: Stage,
        inputs: Mapping[str, Spec],
        sources: Sequence[str] = ("camera",),
        live: bool = False,
        rate: float = 25.0,
        device: str = "",
        device_options: Mapping[str, Any] | None = None,
        faults: Faults | None = None,
        poison: bool = True,
        other_slots: bool = False,
        beat: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.stage = stage
        self.who = type(stage).__name__
        self.live = live
        self.beat = beat
        self.held: set[str] = set()
        self.spent = 0.0
        self._poison = poison
        self._other_slots = other_slots
        self._faults = faults or Faults()
        self._profile = profile_of(device)
        self._device_options = device_options
        self._device: Any = None
        self._new: list[tuple[str, Loan]] = []
        self._earlier: deque[tuple[str, str, np.ndarray, np.ndarray]] = deque(maxlen=REMEMBERED)
        approve(stage)
        self.ports = wired(stage, inputs)
        find_models(stage, self._profile, "prior" in inputs)
        self.inputs = {port: spec for port, spec in inputs.items() if port in self.ports}
        self.outputs = check_specs(self.who, stage.makes, stage.spec(dict(self.inputs)))
        self.memory = Memory({})
        stage.context = self._context(sources, rate)
        for source in sources:
            self.keep(source)

    def _context(self, sources: Sequence[str], rate: float) -> Context:
        return Context(
            inputs=self.inputs,
            outputs=self.outputs,
            live=self.live,
            sources=sources,
            rates=dict.fromkeys(sources, rate),
            load=self._load if self._profile else None,
            memory=self.memory,
            new=self._slot,
        )

    def keep(self, source: str) -> None:
        """Make room for what `keeps` says of a camera."""
        self.memory.add({(source, name): spec for name, spec in self.stage.keeps(self.inputs).items()})

    def _load(self, name: Any) -> Any:
        if self._device is None:
            assert self._profile is not None
            self._device = open_device(self._profile, self._device_options)
        models = self.stage.models  # type: ignore[attr-defined]
        model = next((models[option] for option in models if getattr(self.stage, option) == name), name)
        return self._faults.network(self._device.load(model))

    def _slot(self, name: str, shape: Sequence[int], dtype: Any) -> np.ndarray:
        """A writable array, as a slot of the arena: what stood in it before is not cleared."""
        loan = Loan(shape, dtype, writable=True)
        loan.poison(self._other_slots)
        self._new.append((name, loan))
        return loan.view()

    # -- open and close ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Rig:
        self.beat("open")
        try:
            self.stage.open(self.stage.context)
        except BaseException:
            self._close_device()
            raise
        if not isinstance(self.stage.where(), str):
            raise Breach("works", f"{self.who}: where returned {self.stage.where()!r}; return text, empty for nowhere")
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.beat("close")
        try:
            self.stage.close()
        except Exception as second:
            if error is None:
                raise
            self.stage.context.log.error("%s: close raised as well, %r", self.who, second)
        finally:
            self._close_device()

    def _close_device(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None

    # -- frames -----------------------------------------------------------------------------------------------------------

    def shoot(self, take: Take) -> dict[str, Any] | Drop:
        """Give one frame. Returns a copy of what the stage made, or the Drop. Raises Breach, and what `process` raises."""
        born = time.monotonic()
        frame = Frame(take.source, take.n, born if self.live else take.time, born)
        for port, value in take.values.items():
            if isinstance(value, Drop):
                frame.lost[port] = value.reason
                if port in self.ports and not self.ports[port].optional:
                    return Drop(value.reason, f"'{port}' is lost, and not optional")
        when = f"frame {take.n}" + ("" if len(self.stage.context.sources) == 1 else f" of {take.source}")
        self.beat(f"process ({when}{_sizes(take)})")
        lent = Lent()
        try:
            made = self._process(frame, lent, take, when)
        finally:
            touched = lent.touched()
            self.held.update(lent.held())
            self.held.update(name for name, loan in self._new if loan.held)
            if self._poison:
                lent.poison()
            self._new = []
        if touched:
            raise Breach(
                "planes", f"{self.who}: process changed '{touched[0]}' of {when}, which others read too: copy it first"
            )
        self._look_again(when)
        return made

    def tick(self, source: str) -> dict[str, Any] | None:
        """What the stage shows of a camera that is quiet. Raises Breach where that is not within its spec."""
        self.beat("tick")
        made = self.stage.tick(source)
        self._new = []
        if made is not None:
            specs = {name: spec for name, spec in self.outputs.items() if name in made}
            check_made(self.who, self.stage.makes, specs, made, "a tick")
        return made

    def _process(self, frame: Frame, lent: Lent, take: Take, when: str) -> dict[str, Any] | Drop:
        values = {port: lent.give(port, take.values[port]) for port in self.ports if port in take.values}
        if "frame" in names_of(self.stage.process):
            values["frame"] = frame
        folder = os.getcwd()
        began = time.perf_counter()
        try:
            made = self.stage.process(**values)
            self.spent = time.perf_counter() - began
        except Drop as drop:
            self.spent = time.perf_counter() - began
            return Drop(drop.reason, str(drop))
        except SystemExit:
            raise Breach("exit", f"{self.who}: process called sys.exit for {when}: raise StageError to end a run") from None
        except Exception as error:
            if _is_of_read_only(error):
                place = place_of(error)
                told = f"{self.who}: process writes into a plane that it was given for {when}{place and f' ({place})'}"
                raise Breach("planes", f"{told}: planes are read-only, so copy it first") from error
            raise
        finally:
            if os.getcwd() != folder:
                os.chdir(folder)
                raise Breach(
                    "folder", f"{self.who}: process changed the current folder: other stages have paths relative to it"
                )
        made = check_made(self.who, self.stage.makes, self.outputs, made, when)
        return self._copied(made, lent, when)

    def _copied(self, made: dict[str, Any], lent: Lent, when: str) -> dict[str, Any]:
        """Planes copied; what is the stage's own is remembered, to see whether it stays as it is."""
        copies = {}
        for name, value in made.items():
            copies[name] = np.array(value) if isinstance(value, np.ndarray) else value
            if isinstance(value, np.ndarray) and not lent.owns(value) and not self._is_slot(value):
                self._earlier.append((name, when, value, copies[name]))
        return copies

    def _is_slot(self, value: np.ndarray) -> bool:
        return any(np.may_share_memory(value, loan.ours) for _, loan in self._new)

    def _look_again(self, when: str) -> None:
        for name, earlier, value, copy in self._earlier:
            if earlier != when and value.tobytes() != copy.tobytes():
                told = f"{self.who}: '{name}' of {earlier} changed while {when} was worked on"
                raise Breach("kept", f"{told}: readers may still look at it, so return another array each time")


def _is_of_read_only(error: Exception) -> bool:
    """numpy and OpenCV say it in words only."""
    return any(word in str(error) for word in ("read-only", "marked as readonly", "WRITEABLE"))


def _sizes(take: Take) -> str:
    sizes = {"×".join(map(str, value.shape[:2])) for value in take.values.values() if isinstance(value, np.ndarray)}
    return "".join(f", {size}" for size in sorted(sizes))
