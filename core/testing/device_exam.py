"""The exam of a device: a small network is loaded and run."""

from __future__ import annotations

import pathlib
import statistics
import time
from typing import Any

import numpy as np

from edge.core.device import Network
from edge.core.errors import DeviceError, EdgeError, ModelError
from edge.core.graph import ASSETS
from edge.core.model import SHIPPED, Model
from edge.core.options import declared
from edge.core.testing.exam import Check, told_as
from edge.core.testing.holdings import forget_peak, peak, rss
from edge.core.testing.leaks import check_close, in_bytes
from edge.core.testing.pictures import pictures
from edge.core.testing.promise import Breach
from edge.core.testing.samples import Unknown
from edge.core.testing.static import StaticExam

MODEL = "model"
"""An option of the exam, not of the device: the network to run, a name or a path."""
FRAMES = 20


class DeviceExam(StaticExam):
    of = "device"
    gate = "probe"

    def checks(self) -> list[Check]:
        return [
            *self.static(),
            ("probe", self.probe),
            ("works", self.works),
            ("own", self.own),
            ("errors", self.errors),
            ("close", self.close),
            ("latency", self.latency),
            ("quiet", self.quiet),
            ("folder", self.stays),
        ]

    def probe(self) -> str:
        """Words, or a DeviceError with the reason."""
        who = self.cls.__name__
        self.beat("probe")
        with told_as("probe", f"{who}: probe raises"):
            try:
                words = self.cls.probe()
            except DeviceError as error:
                raise Unknown(f"it says that it cannot run here: {error}") from None
        if not isinstance(words, str) or not words or "\n" in words:
            raise Breach("probe", f"{who}: probe returned {words!r}; say in a line what is here")
        return words

    # -- what the checks share ----------------------------------------------------------------------------------------------

    def model(self) -> Model:
        """The network asked for, else the smallest that ships in a file that this device loads. Raises Unknown."""
        suffixes = tuple(self.cls.suffixes)
        asked = self.options.get(MODEL)
        if asked:
            return Model.find(str(asked), pathlib.Path.cwd(), suffixes=suffixes)
        files = sorted((path for path in SHIPPED.iterdir() if path.suffix in suffixes), key=lambda path: path.stat().st_size)
        if not files:
            raise Unknown(f"no network ships as {' or '.join(suffixes)}: --set {MODEL}=PATH")
        return Model.find(files[0].stem, SHIPPED, suffixes=suffixes)

    def device(self) -> Any:
        device = self.cls()
        known = declared(self.cls)
        for name, value in self.options.items():
            if name in known:
                setattr(device, name, known[name].convert(value, pathlib.Path.cwd(), ASSETS))
            elif name != MODEL:
                raise EdgeError(f"{self.cls.__name__} has no option '{name}'")
        self.beat("open")
        device.open()
        return device

    def called(self, network: Network, image: np.ndarray, **planes: Any) -> dict[str, np.ndarray]:
        self.beat(f"the network's call, {image.shape[1]}x{image.shape[0]}")
        image.flags.writeable = False
        return network(format="bgr", image=image, **planes)

    # -- checks -------------------------------------------------------------------------------------------------------------

    def works(self) -> str:
        """Any size of picture in; planes and states of the contract out."""
        model, device = self.model(), self.device()
        try:
            with told_as("works", f"{self.cls.__name__}: raises"):
                self.beat("load")
                network = device.load(model)
                made: dict[str, Any] = {}
                for size in ((72, 128), (71, 127), (1, 1), (359, 641)):
                    states = {name: made[name] for name in model.states if name in made}
                    made = self.called(network, pictures(1, size)[0], **states)
                    self._check(model, made)
                self.called(network, pictures(1)[0], prior=np.zeros(model.raw_shape, np.float32), **states)
                self.beat("the network's close")
                network.close()
        finally:
            self.beat("close")
            device.close()
        return f"runs {model.name} at four sizes; alpha {model.raw_shape[1]}x{model.raw_shape[0]}"

    def _check(self, model: Model, made: Any) -> None:
        who = f"{self.cls.__name__}: the network"
        if not isinstance(made, dict) or "alpha" not in made:
            raise Breach("works", f"{who} returned no 'alpha': return a dict with it")
        alpha = made["alpha"]
        if getattr(alpha, "dtype", None) != np.float32 or alpha.shape != model.raw_shape:
            what = f"{getattr(alpha, 'dtype', type(alpha).__name__)} {getattr(alpha, 'shape', '')}"
            raise Breach("works", f"{who} gave 'alpha' as {what}; it is float32 {model.raw_shape}")
        if not (np.isfinite(alpha).all() and -0.01 <= alpha.min() and alpha.max() <= 1.01):
            raise Breach("works", f"{who} gave an 'alpha' from {alpha.min():g} to {alpha.max():g}; it is 0 to 1")
        for name, shape in model.states.items():
            if name not in made or made[name].shape != shape:
                raise Breach("works", f"{who} gave no new state '{name}' of {shape}, which the contract has")

    def own(self) -> str:
        """What a call returned is the caller's: the next call does not change it, and the same picture gives the same."""
        device = self.device()
        try:
            network = device.load(self.model())
            one, other = pictures(2)
            first = self.called(network, one)
            kept = {name: np.array(value) for name, value in first.items()}
            self.called(network, other)
            for name, value in kept.items():
                if not np.array_equal(value, first[name], equal_nan=True):
                    told = f"{self.cls.__name__}: '{name}' of a call changed with the next call"
                    raise Breach("own", f"{told}: the arrays are the caller's, so return new ones")
            again = self.called(network, one)["alpha"]
            if not np.allclose(again, kept["alpha"], atol=1e-4):
                raise Breach("own", f"{self.cls.__name__}: the same picture gives another alpha: a network remembers nothing")
            network.close()
        finally:
            device.close()
        return "what it returns is the caller's, and the same picture gives the same"

    def errors(self) -> str:
        """A file that is no model."""
        model, device = self.model(), self.device()
        try:
            self.beat("load of a broken file")
            device.load(_Broken(model)).close()
        except (ModelError, DeviceError) as error:
            return f"says of a broken file: {str(error).splitlines()[0]}"
        except Exception as error:
            told = f"{self.cls.__name__}: load raises {type(error).__name__} for a broken file"
            raise Breach("errors", f"{told}: raise ModelError that says what to do") from error
        finally:
            device.close()
        return "does not read the file's content"

    def close(self) -> str:
        def cycle() -> Any:
            device = self.device()
            network = device.load(self.model())
            self.called(network, pictures(1)[0])
            network.close()
            device.close()
            return device, network

        return check_close(self.cls.__name__, cycle)

    def latency(self) -> str:
        forget_peak()
        before = rss()
        device = self.device()
        try:
            network = device.load(self.model())
            shots = pictures(4, (720, 1280))
            seconds = []
            for n in range(FRAMES + 2):
                began = time.perf_counter()
                self.called(network, shots[n % 4])
                seconds.append(time.perf_counter() - began)
            network.close()
        finally:
            device.close()
        used = float(max(0, peak() - before))
        seconds = sorted(seconds[2:])
        p50, p95 = statistics.median(seconds), seconds[int(0.95 * len(seconds))]
        self.figures = {"p50_seconds": p50, "p95_seconds": p95, "frames": FRAMES, "peak_bytes": used}
        return f"p50 {1e3 * p50:.2f} ms, p95 {1e3 * p95:.2f} ms a picture of 1280x720; {in_bytes(used)} more at most"


class _Broken(Model):
    """A model whose file holds no network."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.name, model.path, model.contract, model.sha256, model.size, model.channels, model.branch)

    def read(self) -> bytes:
        return b"this is no network"
