"""onnx: ONNX Runtime. CPU, and whatever other providers the installed onnxruntime has."""

from __future__ import annotations

import logging
import os
import statistics
import time
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np

from edge import Device, DeviceError, Model, ModelError, Network

LOG = logging.getLogger("edge")
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Threads:
    """Finds out how many threads are faster here, on the network's first real calls, while the other workers run.

    On busy cores one thread often beats two; an idle machine, where a guess or an early measurement is made, says otherwise.
    """

    WARM, TIMED = 3, 8
    """Calls of each candidate: not counted, then counted."""
    TIE = 1.05
    """More threads must be faster by this much: equal ones only take time from the other workers."""

    def __init__(self, candidates: List[int]) -> None:
        self.seconds: Dict[int, List[float]] = {n: [] for n in candidates}

    def next(self) -> int:
        """The candidates take turns, so that what else the machine does falls on both."""
        return min(self.seconds, key=lambda n: len(self.seconds[n]))

    def took(self, threads: int, seconds: float) -> None:
        self.seconds[threads].append(seconds)

    @property
    def done(self) -> bool:
        return all(len(taken) >= self.WARM + self.TIMED for taken in self.seconds.values())

    @property
    def best(self) -> int:
        one, *more = sorted(self.seconds)
        return min([one, *(n for n in more if self.median(n) * self.TIE < self.median(one))], key=self.median)

    def median(self, threads: int) -> float:
        return statistics.median(self.seconds[threads][self.WARM :])

    def __str__(self) -> str:
        return ", ".join(f"{_count(n)}: {self.median(n) * 1000:.1f} ms" for n in sorted(self.seconds))


class OnnxNetwork(Network):
    """threads: how many run it; 0 while that is being measured. chosen: why so many, in words."""

    def __init__(self, model: Model, sessions: Dict[int, Any], why: str) -> None:
        """sessions: one by thread count; where there are several, the fastest stays."""
        self.contract = model.contract
        self.chosen = why
        self.threads = 0 if len(sessions) > 1 else next(iter(sessions))
        self._model = model
        self._sessions = sessions
        self._trial = Threads(list(sessions))
        types: Dict[str, Any] = {i.name: _TYPES.get(i.type, np.float32) for i in next(iter(sessions.values())).get_inputs()}
        self._preprocess = model.preprocess(types)
        self._outputs = [o.name for o in model.contract.outputs.values()] + [s.output for s in model.contract.states]
        self._states = {name: np.zeros(shape, types[name]) for name, shape in model.states.items()}
        constants = model.contract.constants.items()
        self._constants = {name: np.array(numbers, types[name]) for name, numbers in constants if name in types}

    def __call__(self, format: str = "bgr", **planes: Optional[np.ndarray]) -> Dict[str, np.ndarray]:
        feeds = dict(self._constants)
        for name, zeros in self._states.items():
            state = planes.get(name)
            feeds[name] = zeros if state is None else np.asarray(state, zeros.dtype)
        image = planes["image"]
        assert image is not None
        feeds.update(self._preprocess(image, format, planes.get("prior") if self._model.takes_prior else None))
        run = self._run if self.threads else self._timed
        return self._model.planes(dict(zip(self._outputs, run(feeds), strict=True)))

    def _run(self, feeds: Dict[str, np.ndarray]) -> List[np.ndarray]:
        return list(self._sessions[self.threads].run(self._outputs, feeds))

    def _timed(self, feeds: Dict[str, np.ndarray]) -> List[np.ndarray]:
        """One call of the trial; after the last of them only the fastest session is kept."""
        threads = self._trial.next()
        start = time.perf_counter()
        made = list(self._sessions[threads].run(self._outputs, feeds))
        self._trial.took(threads, time.perf_counter() - start)
        if self._trial.done:
            self.threads = self._trial.best
            self.chosen = str(self._trial)
            self._sessions = {self.threads: self._sessions[self.threads]}
            LOG.info("model %s runs with %s here (%s)", self._model.name, _count(self.threads), self.chosen)
        return made

    def close(self) -> None:
        self._sessions = {}


class Onnx(Device):
    providers: List[str] = ["CPUExecutionProvider"]  # ONNX Runtime's execution providers, the preferred one first
    provider_options: Dict[str, Dict[str, str]] = {}  # options of each provider, by its name
    threads: Union[int, str] = "auto"  # of one network on the CPU; auto measures 1 against all while the graph runs

    @classmethod
    def probe(cls) -> str:
        runtime = _runtime()
        there = (name.replace("ExecutionProvider", "") for name in runtime.get_available_providers())
        return f"onnxruntime {runtime.__version__}: {', '.join(there)}"

    def open(self) -> None:
        there = _runtime().get_available_providers()
        for name in self.providers:
            if name not in there:
                raise DeviceError(f"onnxruntime has no {name} here; it has {', '.join(there)}: install the build that has it")
        if self.threads != "auto" and not (isinstance(self.threads, int) and self.threads >= 1):
            raise DeviceError(f"threads is {self.threads!r}: give a number from 1 on, or auto")

    def load(self, model: Model) -> Network:
        counts, why = self._candidates()
        data = model.read()
        sessions = {n: self._session(model, data, n) for n in counts}
        _agree(model, sessions[counts[0]])
        return OnnxNetwork(model, sessions, why)

    def _candidates(self) -> Tuple[List[int], str]:
        """How many threads to try, and why, in words."""
        cores = len(os.sched_getaffinity(0))
        if isinstance(self.threads, int):
            return [self.threads], f"{_count(self.threads)}, as asked"
        if self.providers[0] != "CPUExecutionProvider":
            return [1], "1 thread: the CPU is not what runs it"
        if cores == 1:
            return [1], "1 thread: there is one core"
        return [1, cores], "measuring"

    def _session(self, model: Model, data: bytes, threads: int) -> Any:
        """A session of these very bytes, whose hash was checked: a path could hold others by now."""
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # its warnings are about how the file was exported
        for pool in ("intra_op", "inter_op"):  # a waiting thread that spins takes the core of another worker
            options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
        providers = [(name, self.provider_options.get(name, {})) for name in self.providers]
        try:
            session = runtime.InferenceSession(data, options, providers=providers)
        except Exception as error:  # a class per status, with no base but Exception
            raise ModelError(f"{model.path}: onnxruntime cannot load it: {_one_line(error)}") from None
        missing = [name for name in self.providers if name not in session.get_providers()]
        if missing:  # onnxruntime itself goes on with the CPU
            raise DeviceError(f"{missing[0]} is installed but does not work here: see what it printed, and its drivers")
        return session


def _runtime() -> Any:
    # From 1.29 on its builds for Linux report to their maker what is run, unless this is set before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(f"onnxruntime cannot be imported ({error}): pip install onnxruntime") from None
    return onnxruntime


def _agree(model: Model, session: Any) -> None:
    """Raise ModelError where the file's inputs and outputs are not those of the contract."""
    contract, tensors = model.contract, model.preprocess().tensors
    inputs, outputs = {i.name: i.shape for i in session.get_inputs()}, [o.name for o in session.get_outputs()]
    shapes = {**{name: tensor.shape for name, tensor in tensors.items()}, **model.states}
    made = [*(o.name for o in contract.outputs.values()), *(s.output for s in contract.states)]
    problems = [f"it has no input '{name}', only {list(inputs)}" for name in shapes if name not in inputs]
    problems += [f"it has no output '{name}', only {outputs}" for name in made if name not in outputs]
    problems += [f"it needs input '{name}' too" for name in inputs if name not in shapes and name not in contract.constants]
    for name, shape in shapes.items():
        if name in inputs and not _fits(shape, inputs[name]):
            problems.append(f"its input '{name}' is {inputs[name]}, not {list(shape)}")
    if problems:
        raise ModelError(f"{model.path} does not keep contract '{contract.name}': {problems[0]}")


def _fits(shape: Tuple[int, ...], declared: List[Any]) -> bool:
    """Whether a tensor of this shape may be given where the file declares that one; names and None take any size."""
    pairs = zip(declared, shape, strict=False)
    return len(shape) == len(declared) and all(side == given or not isinstance(side, int) for side, given in pairs)


def _count(threads: int) -> str:
    return f"{threads} thread" if threads == 1 else f"{threads} threads"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


RUNTIME = Onnx
