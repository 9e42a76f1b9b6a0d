"""A wall of cameras: their pictures side by side, as one picture."""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, Sequence

import numpy as np

from edge import Context, Frame, Image, Source, Spec, Stage, StageError, as_bgr, hookimpl
from edge.plugins.mosaic.wall import Wall

WALLS: Dict[str, Wall] = {}
"""The walls of this process, by name: where the stage that takes pictures and the source that shows them meet."""
QUIET = 0.5
"""Seconds after which the wall is shown again though nothing has changed."""
OVER = {"ended", "failed", "removed"}


class Mosaic(Source):
    """The wall as a camera of its own: what follows it, a page or a recording, sees one picture. The tiles are given to it by a
    `mosaic` with `from`, in the same worker.

    A camera of which nothing came for `stale` seconds is dimmed, and its tile says since when. A new picture of the wall is
    made when a tile has changed, at most `fps` a second and at least two. It ends when all of its cameras have.
    """

    width: int = 1280  # pixels, even
    height: int = 720  # pixels, even
    columns: int = 0  # tiles side by side; 0: as many as show the pictures largest
    fps: float = 10.0  # the most pictures of the wall a second
    stale: float = 2.0  # seconds without a picture after which a tile says so

    looks = False
    renders = ("image",)
    steady = ("width", "height")

    @property
    def live(self) -> bool:
        return True

    def check(self) -> Dict[str, str]:
        wrong = {}
        for name in ("width", "height"):
            size = getattr(self, name)
            if not 64 <= size <= 7680 or size % 2:
                wrong[name] = f"must be even, from 64 to 7680, not {size}"
        if not 0 <= self.columns <= 64:
            wrong["columns"] = f"must be 0 (as they fit best) to 64, not {self.columns}"
        if not 1 <= self.fps <= 120:
            wrong["fps"] = f"must be from 1 to 120, not {self.fps:g}"
        if not 0.1 <= self.stale <= 3600:
            wrong["stale"] = f"must be from 0.1 to 3600 seconds, not {self.stale:g}"
        return wrong

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        self.rate = self.fps
        return {"image": Spec(Image, (self.height, self.width, 3), "bgr")}

    def open(self, context: Context) -> None:
        self.context = context
        self._wall = WALLS.setdefault(context.sources[0], Wall())
        self._wall.hang(self.width, self.height, self.columns, self.stale)

    def changed(self, options: Sequence[str]) -> None:
        self._wall.hang(self.width, self.height, self.columns, self.stale)

    def capture(self) -> Iterator[np.ndarray]:
        seen, asked, due = -1, time.monotonic(), 0.0
        while True:
            self._wall.wait(seen, QUIET)
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            due = max(due + 1 / self.fps, now + 0.5 / self.fps)  # in step with the clock
            image = self.new("image", (self.height, self.width, 3))
            seen = self._wall.look(image)
            yield image
            if now - asked > 1.0:
                asked = now
                if self._is_over():
                    return

    def _is_over(self) -> bool:
        """Whether every camera on the wall has ended, and one has not just been taken off."""
        cameras = self.context.status().get("cameras", {})
        states = {cameras.get(source, {}).get("state") for source in self._wall.sources}
        return bool(states) and states <= OVER and states != {"removed"}

    def close(self) -> None:
        WALLS.pop(self.context.sources[0], None)


class Tiles(Stage):
    """Puts each camera's newest picture onto the wall, under the camera's name. The wall shows what is put there: give it what
    `composite` makes, and it never shows a room."""

    wall: str = "wall"  # the name of the `mosaic` without `from` that shows it; both need the same `worker`

    keep = "latest"
    steady = ("wall",)

    def open(self, context: Context) -> None:
        self.context = context
        self._spec = context.inputs.get("image")
        self._wall = WALLS.setdefault(self.wall, Wall())
        for source in context.sources:
            self._wall.add(source)

    def enter(self, source: str) -> None:
        self._wall.add(source)

    def leave(self, source: str) -> None:
        self._wall.remove(source)

    def process(self, frame: Frame, image: Image) -> None:
        if not self._wall.shown:
            name = self.wall
            raise StageError(f"no '{name}: {{use: mosaic}}' in this worker shows it; give both the same, as in worker: {name}")
        self._wall.show(frame.source, as_bgr(image, self._spec))

    def close(self) -> None:
        for source in self.context.sources:
            self._wall.remove(source)
        WALLS.pop(self.wall, None)


@hookimpl
def register_stages(register: Any) -> None:
    register("mosaic", Mosaic, sink=Tiles)
