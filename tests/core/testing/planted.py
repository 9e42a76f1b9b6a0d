"""Stages, sources, devices and policies with one fault each, and one of each kind without."""

import collections
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Optional

import numpy as np

from edge import Alpha, Device, Drop, Image, Network, Policy, Source, SourceError, Spec, Stage


class Good(Stage):
    """Half the light, and how much of it there is: state by camera, given back."""

    by: float = 0.5  # share of the light that is left, 0..1
    most: int = 3  # pictures over which the mean goes, 1..100

    makes = {"image": Image, "mean": float}
    renders = ("image",)

    def check(self):
        return {} if 1 <= self.most <= 100 else {"most": f"must be 1 to 100, not {self.most}"}

    def open(self, context):
        self.context = context
        self.means = {}

    def process(self, frame, image: Image, alpha: Optional[Alpha]):
        row = self.means.setdefault(frame.source, collections.deque(maxlen=self.most))
        row.append(float(image.mean()))
        dimmed = self.new("image", image.shape)
        dimmed[:] = image * self.by
        return {"image": dimmed, "mean": sum(row) / len(row)}

    def leave(self, source):
        self.means.pop(source, None)

    def close(self):
        self.means = {}


class Same(Stage):
    """What most faults are planted in."""

    makes = {"image": Image}

    def process(self, image: Image):
        return {"image": image}


# -- planes -------------------------------------------------------------------------------------------------------------------


class KeepsAPlane(Same):
    def open(self, context):
        self.last = None

    def process(self, image: Image):
        last, self.last = self.last, image
        return {"image": image if last is None or last.shape != image.shape else image - last}


class KeepsItForNothing(Stage):
    """A sink: nothing that it makes would show it."""

    def open(self, context):
        self.last = []

    def process(self, image: Image):
        self.last = [image[::2, ::2]]


class WritesIntoOne(Same):
    def process(self, image: Image):
        image[:2] = 0
        return {"image": image}


class WritesBehindNumpy(Same):
    """As a C library may, which does not look at the flag."""

    def process(self, image: Image):
        ctypes.memset(image.__array_interface__["data"][0], 7, 2)
        return {"image": image}


class ReusesItsResult(Same):
    def open(self, context):
        self.canvas = np.zeros((0, 0, 3), np.uint8)

    def process(self, image: Image):
        if self.canvas.shape != image.shape:
            self.canvas = np.empty_like(image)
        np.copyto(self.canvas, image)
        return {"image": self.canvas}


class KeepsItsSlot(Same):
    def process(self, image: Image):
        self.slot = self.new("image", image.shape)
        self.slot[:] = image
        return {"image": self.slot}


class TrustsANewSlot(Same):
    """What stood in a slot before is not cleared."""

    renders = ("image",)

    def process(self, image: Image):
        made = self.new("image", image.shape)
        made[::2] = image[::2]
        return {"image": made}


# -- values -------------------------------------------------------------------------------------------------------------------


class WrongShape(Same):
    def process(self, image: Image):
        return {"image": np.repeat(image, 2, axis=0)}


class WrongAtOddSizes(Same):
    def spec(self, inputs):
        height, width = inputs["image"].shape[:2]
        return {"image": Spec(Image, (height // 2 * 2, width // 2 * 2, 3), "bgr")}


class WrongDtype(Same):
    def process(self, image: Image):
        return {"image": image / 2}


class MissingValue(Same):
    makes = {"image": Image, "score": float}

    def process(self, image: Image):
        return {"image": image}


class NoDict(Same):
    def process(self, image: Image):
        return image


class FactOfItsOwn(Same):
    makes = {"box": list}

    def process(self, image: Image):
        return {"box": object()}


class FactTooLarge(Same):
    makes = {"boxes": list}

    def process(self, image: Image):
        return {"boxes": [[0.5] * 4] * 400}


class FactOfAnotherType(Same):
    makes = {"score": float}

    def process(self, image: Image):
        return {"score": "high"}


# -- what is held -------------------------------------------------------------------------------------------------------------


class LeaksAThread(Same):
    def open(self, context):
        self.end = threading.Event()
        threading.Thread(target=self.end.wait, name="watcher", daemon=True).start()


class LeaksAThreadWithoutAName(Same):
    def open(self, context):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


class LeaksAFile(Same):
    def open(self, context):
        self.scratch = tempfile.mkstemp(dir=os.getcwd())


class LeaksADescriptor(Same):
    def open(self, context):
        self.pipe = os.pipe()


class ForgetsClose(Same):
    def open(self, context):
        self.log = open("log.txt", "a")


class LeavesAProcess(Same):
    def open(self, context):
        self.child = subprocess.Popen(["sleep", "100"])


class LeaksMemory(Same):
    def open(self, context):
        self.seen = []

    def process(self, image: Image):
        self.seen.append(image.copy())
        return {"image": image}


class LeaksNumbers(Same):
    def open(self, context):
        self.scores = []

    def process(self, image: Image):
        self.scores.append(float(image[0, 0, 0]) + len(self.scores))
        return {"image": image}


class LeaksOutsidePython(Same):
    def process(self, image: Image):
        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        ctypes.memset(malloc(ctypes.c_size_t(65536)), 1, 65536)
        return {"image": image}


class LeaksAtClose(Same):
    everything = []

    def close(self):
        self.everything.append(np.zeros(200_000, np.uint8))


class KeepsThoseWhoWent(Same):
    def open(self, context):
        self.last = {}

    def process(self, frame, image: Image):
        self.last[frame.source] = image.copy()
        return {"image": image}


# -- how it behaves -----------------------------------------------------------------------------------------------------------


class Raises(Same):
    def process(self, image: Image):
        return {"image": {}["picture"]}


class RaisesWhereItIsLost(Same):
    def process(self, image: Image, alpha: Optional[Alpha]):
        return {"image": image + alpha[0, 0] * 0}


class TakesNoOtherFormat(Same):
    def process(self, image: Image):
        return {"image": image[..., ::-1].copy() if image.shape[2] == 3 else image}


class Hangs(Same):
    def process(self, image: Image):
        while True:
            time.sleep(0.01)


class HangsInClose(Same):
    def close(self):
        threading.Event().wait()


class Crashes(Same):
    def process(self, image: Image):
        os.abort()


class Exits(Same):
    def process(self, image: Image):
        sys.exit(3)


class Prints(Same):
    def process(self, image: Image):
        print("hello")
        return {"image": image}


class PrintsOutsidePython(Same):
    def process(self, image: Image):
        os.write(1, b"frame\n")
        return {"image": image}


class ChangesFolder(Same):
    def process(self, image: Image):
        os.chdir("/")
        return {"image": image}


class SharesState(Same):
    """One mean for all cameras."""

    def open(self, context):
        self.mean = 0.0

    def process(self, image: Image):
        self.mean = (
            0.5 * self.mean + 0.5 * image.mean(axis=(1, 2))
            if np.shape(self.mean) == image.shape[:1]
            else image.mean(axis=(1, 2))
        )
        made = self.new("image", image.shape)
        made[:] = self.mean[:, None, None]
        return {"image": made}


class GoesOnWhereItWas(Same):
    """What it counted is still there when it is opened again."""

    makes = {"count": int}
    count = 0

    def process(self, image: Image):
        self.count += 1
        return {"count": self.count}


class KnowsNoNewCamera(Same):
    def open(self, context):
        self.names = {source: i for i, source in enumerate(context.sources)}

    def process(self, frame, image: Image):
        self.names[frame.source] += 1
        return {"image": image}


class TicksTooLarge(Same):
    tick_after = 0.5

    def tick(self, source):
        return {"image": np.zeros((2000, 2000, 3), np.uint8)}


class CannotChange(Same):
    by: int = 1  # times

    def changed(self, options):
        raise ValueError("not now")


# -- what it says of itself ---------------------------------------------------------------------------------------------------


class Undocumented(Same):
    level: int = 3
    depth: int = 4  # how deep


class WrongDefault(Same):
    level: int = "three"  # how high


class PathAsText(Same):
    path: Path = "out.txt"  # where to


class CheckRaises(Same):
    every: int = 1  # frames

    def check(self):
        return {} if 100 / self.every > 1 else {"every": "too many"}


class NoTypes(Same):
    def process(self, image):
        return {"image": image}


class AsksForMore(Same):
    address: str  # of the server


class NotHere(Same):
    def open(self, context):
        raise SourceError("there is no such card; plug one in")


# -- sources ------------------------------------------------------------------------------------------------------------------


class GoodSource(Source):
    frames: int = 60  # how many
    looks = False
    renders = ("image",)

    def spec(self, inputs):
        self.rate = 25.0
        return {"image": Spec(Image, (36, 64, 3), "bgr")}

    def capture(self):
        for n in range(self.frames):
            if n == 5:
                yield Drop("decode_error")
                continue
            image = self.new("image", (36, 64, 3))
            image[:] = n
            yield image


class SameArrayAgain(GoodSource):
    def capture(self):
        image = np.zeros((36, 64, 3), np.uint8)
        for n in range(self.frames):
            image[:] = n
            yield image


class LargerThanItSaid(GoodSource):
    def capture(self):
        for _ in range(self.frames):
            yield np.zeros((72, 128, 3), np.uint8)


class NoGenerator(GoodSource):
    def capture(self):
        return [np.zeros((36, 64, 3), np.uint8)]


class AnotherEachTime(GoodSource):
    times = 0

    def capture(self):
        AnotherEachTime.times += 1
        for _ in range(self.frames):
            yield np.full((36, 64, 3), AnotherEachTime.times, np.uint8)


class LeavesAThread(GoodSource):
    def capture(self):
        threading.Thread(target=threading.Event().wait, name="reader", daemon=True).start()
        yield from super().capture()


class NothingComes(GoodSource):
    def capture(self):
        time.sleep(1000)
        yield


# -- devices ------------------------------------------------------------------------------------------------------------------


class HalfNetwork(Network):
    def __init__(self, model):
        self.contract = model.contract
        self.shape = model.raw_shape

    def __call__(self, format="bgr", **planes):
        return {"alpha": np.full(self.shape, 0.5, np.float32)}


class GoodDevice(Device):
    network = HalfNetwork

    @classmethod
    def probe(cls):
        return "always here"

    def load(self, model):
        return self.network(model)


class NaiveProbe(GoodDevice):
    @classmethod
    def probe(cls):
        return {}["card"]


class WrongSizeNetwork(HalfNetwork):
    def __call__(self, format="bgr", **planes):
        return {"alpha": np.full((8, 8), 0.5, np.float32)}


class WrongSizeDevice(GoodDevice):
    network = WrongSizeNetwork


class ReusingNetwork(HalfNetwork):
    def __init__(self, model):
        super().__init__(model)
        self.made = np.zeros(self.shape, np.float32)

    def __call__(self, format="bgr", **planes):
        self.made[:] = planes["image"].mean() / 255
        return {"alpha": self.made}


class ReusingDevice(GoodDevice):
    network = ReusingNetwork


class FallsOverABrokenFile(GoodDevice):
    def load(self, model):
        if not model.read().startswith(b"\x08"):
            raise IndexError("no layers")
        return super().load(model)


# -- policies -----------------------------------------------------------------------------------------------------------------


class GoodPolicy(Policy):
    above: float = 0.5  # change from which on the whole network runs, 0..1

    def choose(self, frame, branches, signals):
        return branches[-1] if signals["change"] > self.above else branches[0]


class ChoosesWhatIsNot(Policy):
    def choose(self, frame, branches, signals):
        return "reuse"
