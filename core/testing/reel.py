"""A reel: one source at work, its generator pulled by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edge.core.frame import Drop
from edge.core.stage import Context, Source, Stage
from edge.core.testing.lent import Loan
from edge.core.testing.promise import Breach, check_made, check_specs
from edge.core.testing.ready import approve


class Reel:
    """Use it `with`: entering opens the source, leaving closes its generator, then the source. beat: as in a Rig."""

    def __init__(self, source: Stage, name: str = "camera", beat: Callable[[str], None] = lambda what: None) -> None:
        if not isinstance(source, Source):
            raise TypeError(f"{type(source).__name__} is no source: run(...) runs it")
        self.source = source
        self.who = type(source).__name__
        self.beat = beat
        approve(source)
        beat("spec")
        self.outputs = check_specs(self.who, source.makes, source.spec({}))
        if set(self.outputs) != set(source.makes):
            raise Breach("spec", f"{self.who}: spec does not tell of every value of `makes`: {', '.join(source.makes)}")
        if not source.rate >= 0:
            raise Breach("spec", f"{self.who}: rate is {source.rate} after spec; frames per second, or 0 where it is not known")
        self._frames: Iterator[Any] = iter(())
        self._earlier: tuple[str, list[tuple[str, np.ndarray, np.ndarray]]] = ("", [])
        source.context = Context(
            outputs=self.outputs, live=source.live, sources=(name,), rates={name: source.rate}, new=self._slot
        )

    def _slot(self, name: str, shape: Any, dtype: Any) -> np.ndarray:
        loan = Loan(shape, dtype, writable=True)
        loan.poison()
        return loan.view()

    def __enter__(self) -> Reel:
        self.beat("open")
        self.source.open(self.source.context)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self.beat("the generator's close")
            getattr(self._frames, "close", lambda: None)()
        finally:
            self.beat("close")
            self.source.close()

    def shots(self, most: int) -> Iterator[dict[str, Any] | Drop]:
        """The first frames, planes copied. Raises Breach, and what `capture` raises."""
        folder = os.getcwd()
        made: Any = self.source.capture()
        if not isinstance(made, Iterator):
            raise Breach(
                "capture", f"{self.who}: capture returned a {type(made).__name__}; write it as a generator: yield each frame"
            )
        self._frames = made
        for n in range(most):
            when = f"frame {n}"
            self.beat(f"capture ({when})")
            try:
                made = next(self._frames)
            except StopIteration:
                return
            except SystemExit:
                raise Breach("exit", f"{self.who}: capture called sys.exit at {when}: return to end the stream") from None
            self._look_again(when)
            if os.getcwd() != folder:
                os.chdir(folder)
                raise Breach("folder", f"{self.who}: capture changed the current folder: others have paths relative to it")
            yield self._shot(made, when)
            del made

    def _shot(self, made: Any, when: str) -> dict[str, Any] | Drop:
        if isinstance(made, Drop):
            return Drop(made.reason, str(made))
        if made is None:
            raise Breach("values", f"{self.who}: capture yielded None as {when}: yield an array, a dict, or a Drop")
        values = made if isinstance(made, dict) else {next(iter(self.source.makes)): made}
        check_made(self.who, self.source.makes, self.outputs, values, when)
        planes = [(name, value, value.copy()) for name, value in values.items() if isinstance(value, np.ndarray)]
        self._earlier = when, planes
        return {**values, **{name: copy for name, _, copy in planes}}

    def _look_again(self, when: str) -> None:
        """The frame before must be as it was: it may still wait for its turn."""
        earlier, planes = self._earlier
        for name, value, copy in planes:
            if value.tobytes() != copy.tobytes():
                told = f"{self.who}: '{name}' of {earlier} changed while {when} was made"
                raise Breach("kept", f"{told}: it may still wait for its turn, so yield another array each time")
