"""Stage and Source: what a plugin writes, and what the framework promises it.

Runs on the HiLens Kit: valid Python 3.7, numpy only.
"""

from __future__ import annotations

import logging
import pathlib
import re
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple

import numpy as np

from edge.core.errors import EdgeError, SourceError
from edge.core.frame import Image, Spec
from edge.core.policy import Policy, made


class Asset(str):
    """An option of this type is a path, relative to the graph file, or else the name of a file in `assets/`."""


class ModelName(str):
    """An option of this type is a model: a path, relative to the graph file, or a name without suffix from `models/`."""


class Context:
    """What a stage may use, handed to `open` and kept as `self.context`.

    inputs: spec of each wired port (a port fed by several cameras: the largest). outputs: spec of each value made.
    live: True where frames come from a camera, so that waiting is worse than skipping.
    graph: the graph's name. sources: the cameras that reach this stage. rates: source → its nominal frames per second, 0 where
    it does not say.
    """

    def __init__(
        self,
        inputs: Optional[Mapping[str, Spec]] = None,
        outputs: Optional[Mapping[str, Spec]] = None,
        live: bool = False,
        sources: Sequence[str] = ("camera",),
        rates: Optional[Mapping[str, float]] = None,
        graph: str = "graph",
        load: Optional[Callable[[str], Any]] = None,
        status: Callable[[], Dict[str, Any]] = dict,
        ask: Optional[Callable[[Dict[str, Any]], Any]] = None,
        memory: Optional[Any] = None,
        new: Optional[Callable[[str, Tuple[int, ...], Any], np.ndarray]] = None,
        log: Optional[logging.Logger] = None,
    ) -> None:
        self.inputs: Dict[str, Spec] = dict(inputs or {})
        self.outputs: Dict[str, Spec] = dict(outputs or {})
        self.live = live
        self.sources = tuple(sources)
        self.rates: Dict[str, float] = dict(rates or {})
        self.graph = graph
        self.log = log or logging.getLogger("edge")
        self._load = load
        self._status = status
        self._ask = ask
        self._memory: Any = _Copies() if memory is None else memory
        self._new = new

    def load(self, model: str) -> Any:
        """The network of this name or path on this graph's device. Raises ModelError, DeviceError."""
        if self._load is None:
            raise RuntimeError("this stage was opened without a device; give run(..., device='onnx')")
        return self._load(model)

    def policy(self, name: Any) -> Policy:
        """A new policy, as an option of type PolicyName says it: one for each camera. Raises PluginError."""
        return made(name)

    def status(self) -> Dict[str, Any]:
        """The run so far, as in the report: `device`, `cameras`, `sinks`, `edges`, `seconds`. Cheap: ask once a second."""
        return self._status()

    def ask(self, request: Dict[str, Any]) -> Any:
        """Ask the run itself, as `edge ctl` does: `{"do": "set", "set": "blend.soft=2"}`. It may take seconds, so ask from a
        thread of your own, never from `process`. Raises EdgeError where the run says no."""
        if self._ask is None:
            raise EdgeError("this run takes no requests: it has no processes beside this one (--workers none)")
        return self._ask(request)

    def paths(self, path: pathlib.Path) -> Dict[str, pathlib.Path]:
        """Camera → the file or folder that is its own: `{source}` in `path` stands for its name, which cannot lead out of the
        folder. Raises SourceError where several cameras would share one."""
        if len(self.sources) > 1 and "{source}" not in str(path):
            raise SourceError(f"{path}: {len(self.sources)} cameras would write the same; put {{source}} into path")
        names = {source: re.sub(r"[^\w.-]", "_", source).strip(".") or "_" for source in self.sources}
        return {source: pathlib.Path(str(path).replace("{source}", name)) for source, name in names.items()}

    def recall(self, source: str, name: str) -> Optional[np.ndarray]:
        """What `remember` kept last for this camera, also by a process that has died since; None at the start."""
        value = self._memory.get((source, name))
        return None if value is None else np.array(value)

    def remember(self, source: str, name: str, value: Optional[np.ndarray]) -> None:
        """Keep a plane of `keeps` across a restart (None forgets it). It is copied."""
        self._memory[(source, name)] = value

    def new(self, name: str, shape: Tuple[int, ...], dtype: Any) -> np.ndarray:
        """A writable array for the value `name`, in shared memory where another process will read it."""
        return np.empty(shape, dtype) if self._new is None else self._new(name, shape, dtype)


class _Copies(Dict[Tuple[str, str], Optional[np.ndarray]]):
    """Memory of this process alone, for a stage that runs without a graph."""

    def __setitem__(self, key: Tuple[str, str], value: Optional[np.ndarray]) -> None:
        super().__setitem__(key, None if value is None else np.array(value))


class Stage:
    """A step of a graph. Subclass it, annotate options, name ports, say what it makes.

    - **Options** are annotated class attributes; one without a default must be given. They are checked and set before `open`.
      The comment behind an option is its documentation.
    - **Ports** are the parameters of `process`, named like the values they read and annotated with their types. A port
      annotated `Optional[...]` is `None` where its value was lost for this frame (`frame.lost` says why); without that the
      stage is not called for such a frame. A port with the default `None` need not be wired at all. A parameter `frame` is
      the Frame.
    - **makes** maps each value that `process` returns (a dict) to its type. A stage that makes nothing is a sink.

    The framework promises: one thread calls an instance; `open` comes first; `process` gets frames of one source in order, n
    increasing; after a successful `open`, `close` is called whatever happens, once. Planes are read-only and valid
    **until `process` returns**: to keep one is to copy it. With several cameras an instance serves them all, unless the graph
    says `per: source`: keep state in a dict by `frame.source`.
    The stage promises: to return every value of `makes`, or to raise `Drop(reason)`; shapes within `spec`; not to call
    `sys.exit`, change the folder, or print to stdout.

    `Drop(reason)` loses this frame. An EdgeError ends the run with its exit code. Any other exception loses this frame, is
    counted as `stage_error`, and after several in a row the worker is restarted.
    """

    makes: Dict[str, Any] = {}
    network = False
    """True for a stage that runs a network: it gets a process of its own, together with its loop."""
    tick_after: Optional[float] = None
    """Seconds: where nothing has arrived from a live source for so long, `tick` is called, again and again."""
    takes_ticks = False
    """True for a sink that shows what `tick` made (a display does; a recording keeps count of frames and does not)."""
    keep: Any = "all"
    """What a graph's `keep` is where it says nothing: "latest" for a viewer that nothing should wait for."""
    steady: Tuple[str, ...] = ()
    """Options that cannot be changed while the graph runs: the file that is written, the port that is open."""
    renders: Tuple[str, ...] = ()
    """The values that are made by `self.new`, so that they reach another process without a copy. For the plan's arithmetic."""

    context: Context

    def check(self) -> Mapping[str, object]:
        """What is wrong with the options, by option name: called before anything starts. For what types cannot say.
        An EdgeError instead of text where it has an exit code of its own: a file that is not here is no wrong option."""
        return {}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """The spec of each value made. By default a plane has the shape and format of the input of the same type, else of the
        first plane. Called before anything starts, so: arithmetic only, no device, no decoding."""
        made = {}
        planes = [s for s in inputs.values() if s.is_plane]
        for name, kind in self.makes.items():
            spec = Spec(kind)
            if spec.is_plane:
                like = [s for s in planes if s.type is kind] or planes
                if like:
                    shape = like[0].shape if like[0].type is kind or kind is Image else (like[0].shape or ())[:2]
                    spec = Spec(kind, shape, like[0].format if like[0].type is kind else "")
            made[name] = spec
        return made

    def ports(self) -> Optional[Dict[str, Any]]:
        """Port → type, where they depend on the options; None: they are the parameters of `process`. All are passed by name.
        One of type `Optional[...]` is `None` where its value was lost."""
        return None

    def keeps(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """Planes that outlive this process, one of each name per camera, for `context.recall` and `context.remember`."""
        return {}

    def open(self, context: Context) -> None:
        """Take what is needed to work: files, networks, state. Raise an EdgeError that says what to do."""

    def process(self, *args: Any, **values: Any) -> Optional[Dict[str, Any]]:
        """One frame's values in, a dict of what `makes` names out (None from a sink)."""
        raise NotImplementedError(f"{type(self).__name__} needs a method process(self, ...)")  # the contract, not a stub

    def where(self) -> str:
        """Where to look at what a sink shows or writes: an address, a path; "" for nowhere. Asked after `open`."""
        return ""

    def tick(self, source: str) -> Optional[Dict[str, Any]]:
        """What to show for this source while nothing arrives; None for nothing. Passed to sinks that take ticks."""
        return None

    def changed(self, options: Sequence[str]) -> None:
        """These options have new values, checked as those of the graph are. Called between two frames. By default the stage is
        closed and opened again; say how it goes faster. After an EdgeError the old values come back, with another call."""
        self.close()
        self.open(self.context)

    def enter(self, source: str) -> None:
        """A camera has come while the graph runs: `context.sources` has it, and its first frame follows."""

    def leave(self, source: str) -> None:
        """A camera is gone, after its last frame: give back what was kept for it. Also called where `enter` raised for it."""

    def close(self) -> None:
        """Give back what `open` took. An error here is reported, never lost."""

    def new(self, name: str, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        """A writable array to render the value `name` into, so that returning it costs no copy. Its content is undefined."""
        kind = dtype or Spec(self.makes[name]).dtype
        context = getattr(self, "context", None)
        return np.empty(tuple(shape), kind) if context is None else context.new(name, tuple(shape), kind)


class Source(Stage):
    """Where frames come from: a generator. Returning ends the stream; raising asks for a reopen (live sources) or ends the
    camera with that error (files). The framework adds source, number and time.

    `spec({})` gives the largest frame and sets `rate`. It may look at the medium: it is called in a process of its own that
    can be killed, unless `looks` is False.
    """

    makes: Dict[str, Any] = {"image": Image}
    looks = True
    """False where `spec` is arithmetic on the options, so that no process is needed for it."""
    trouble = ""
    """What was wrong with the medium though it was read to its end (a file that is cut off): told in the report, and no success
    for `--strict`."""
    patience = 30.0
    """Seconds: the longest wait before a live source that was lost is opened again. An error's own `wait` may be longer."""
    rate = 0.0
    """Nominal frames per second, known after `spec`; 0 where the medium does not say."""

    @property
    def live(self) -> bool:
        """True where a frame not taken in time is replaced by a newer one; False where every frame counts (files)."""
        return False

    def capture(self) -> Iterator[Any]:
        """Yield an array (for the one value of `makes`), a dict of values, or a `Drop` for a frame that cannot be had."""
        raise NotImplementedError(f"{type(self).__name__} needs a generator capture(self)")  # the contract, not a stub
