"""A person that our own code draws and animates: a camera for whoever has none, with the true alpha of every frame.

Valid Python 3.7, numpy and cv2 only.
"""

# mypy: disable-error-code="assignment,no-any-return,untyped-decorator"
from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterator, Tuple

import cv2
import numpy as np

from edge import Alpha, Context, Image, Source, Spec, hookimpl
from edge.plugins.demo import script
from edge.plugins.demo.figure import Canvas, Figure
from edge.plugins.demo.light import LIGHTS, WRAP, Light
from edge.plugins.demo.room import Room

try:
    from typing import Literal
except ImportError:
    pass  # Python 3.7, on the Kit, where nothing resolves the annotations

GRAIN = 1.5  # deviation of the camera's noise, in steps of 0..255
MOST = 4  # the noise goes no further than this
ROOM_TO_MOVE = (61, 67)  # the noise of a frame is cut from a larger sheet, at another place each time


class Demo(Source):
    """Frame n of the same options is always the same picture, whatever was drawn before it."""

    width: int = 1280  # pixels, even
    height: int = 720  # pixels, even
    fps: float = 30.0  # frames a second
    frames: int = 0  # how many, 0 for endless
    pace: Literal["real", "fast"] = "real"  # real: as a camera would; fast: as quickly as they are taken
    seed: int = 1  # who is there, and what stands on the shelf
    scene: Literal["tour", "talk", "gesture", "lights", "empty"] = "tour"  # the tour has all of the others

    makes = {"image": Image, "truth": Alpha}
    looks = False
    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def check(self) -> Dict[str, str]:
        problems = {}
        for name in ("width", "height"):
            size = getattr(self, name)
            if not 64 <= size <= 7680 or size % 2:
                problems[name] = f"must be even, from 64 to 7680, not {size}"
        if not 1 <= self.fps <= 240:
            problems["fps"] = f"must be from 1 to 240, not {self.fps:g}"
        if self.frames < 0:
            problems["frames"] = f"must be 0 (endless) or more, not {self.frames}"
        if not 0 <= self.seed < 2**31:
            problems["seed"] = f"must be from 0 to 2147483647, not {self.seed}"
        return problems

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        self.rate = self.fps
        size = (self.height, self.width)
        return {"image": Spec(Image, size + (3,), "bgr"), "truth": Spec(Alpha, size)}

    @property
    def live(self) -> bool:
        return self.pace == "real"

    def open(self, context: Context) -> None:
        self.context = context
        room = Room(self.seed, self.height)
        self._rooms = {state: room.picture(state, self.width, self.height) for state in LIGHTS if self._lit(state)}
        self._figure = None if self.scene == "empty" else Figure(self.height, self.seed)
        self._light = Light()
        self._behind: Tuple[Any, np.ndarray] = (None, np.empty(0))
        grain = np.random.RandomState(self.seed + 17).randn(self.height + ROOM_TO_MOVE[0], self.width + ROOM_TO_MOVE[1], 3)
        self._grain = (np.clip(np.rint(grain * GRAIN), -MOST, MOST) + MOST).astype(np.uint8)

    def _lit(self, state: str) -> bool:
        """Whether a state of the light occurs in this scene."""
        start, end = script.SCENES[self.scene]
        return any(state in script.light("tour", t)[0] for t in np.arange(start, end, 0.1))

    def capture(self) -> Iterator[Dict[str, np.ndarray]]:
        """The generator that a source promises: the frames in order, each when it is due."""
        start, n = self.clock(), 0
        while not self.frames or n < self.frames:
            if self.live:
                # Counted from the start: a frame that came late does not put off those after it.
                self.sleep(max(0.0, start + n / self.fps - self.clock()))
            image, truth = self.picture(n)
            yield {"image": image, "truth": truth}
            n += 1

    def picture(self, n: int) -> Tuple[np.ndarray, np.ndarray]:
        """Frame n: the picture, uint8 [h, w, 3], and its true alpha, uint8 [h, w]."""
        image = self.new("image", (self.height, self.width, 3))
        truth = self.new("truth", (self.height, self.width))
        np.copyto(image, self._room(n))
        self._draw(n, image, truth)
        return self._noisy(n, image), truth

    def layers(self, n: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What frame n is made of: foreground and background, uint8 [h, w, 3], and alpha, uint8 [h, w]. The frame is
        foreground · alpha + background · (1 - alpha); where alpha is 0 the foreground is black."""
        front = np.zeros((self.height, self.width, 3), np.uint8)
        truth = np.empty((self.height, self.width), np.uint8)
        self._draw(n, front, truth)
        there = truth[..., None] > 0
        whole = np.divide(front * 255.0, truth[..., None], out=np.zeros(front.shape), where=there)
        front = self._noisy(n, np.clip(whole + 0.5, 0, 255).astype(np.uint8)) * there
        return front, self._noisy(n, self._room(n).copy()), truth

    def _draw(self, n: int, image: np.ndarray, truth: np.ndarray) -> None:
        truth[:] = 0
        pose = script.pose(self.scene, n / self.fps)
        if pose.present and self._figure is not None:
            weights, gain = script.light(self.scene, n / self.fps)
            spheres = {material: self._light.on(material, weights, gain) for material in WRAP}
            self._figure.draw(Canvas(image, truth), pose, spheres)

    def _room(self, n: int) -> np.ndarray:
        weights, gain = script.light(self.scene, n / self.fps)
        key = (tuple(sorted(weights.items())), gain)
        if self._behind[0] != key:
            mixed = sum(self._rooms[state].astype(np.float32) * w for state, w in weights.items() if w)
            self._behind = (key, np.rint(mixed * gain).astype(np.uint8))
        return self._behind[1]

    def _noisy(self, n: int, image: np.ndarray) -> np.ndarray:
        """Add the noise of frame n, in place."""
        y, x = (n * 37) % ROOM_TO_MOVE[0], (n * 41) % ROOM_TO_MOVE[1]
        grain = self._grain[y : y + image.shape[0], x : x + image.shape[1]]
        cv2.addWeighted(image, 1, grain, 1, -MOST, dst=image)
        return image


@hookimpl
def register_stages(register: Callable[..., None]) -> None:
    register("demo", Demo)
