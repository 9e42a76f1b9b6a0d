"""What stands behind the person: a colour, a picture, a video, or a checkerboard."""

from __future__ import annotations

import difflib
import functools
import os
import pathlib
import re
from typing import Callable, Dict, Optional, Tuple, Union

import cv2
import numpy as np

import edge
from edge import EdgeError, Frame, GraphError, SourceError
from edge.plugins.composite.picture import check_size, is_picture, is_text, read_picture

# What is wrong with a file is said in one line, by us. FFmpeg reads this at the first capture.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

COLOURS = {
    "black": "#000000",
    "white": "#ffffff",
    "grey": "#808080",
    "gray": "#808080",
    "silver": "#c0c0c0",
    "red": "#ff0000",
    "green": "#00b140",  # the green of a green screen
    "blue": "#0047bb",  # and its blue
    "navy": "#001f3f",
    "teal": "#008080",
    "yellow": "#ffdc00",
    "orange": "#ff851b",
    "purple": "#800080",
    "pink": "#ffc0cb",
    "brown": "#8b4513",
    "beige": "#f5f5dc",
}
SIZES = 4
"""So many canvas sizes are remembered; cameras have one each, and more would be memory without bound."""

UNREADABLE = "neither a picture (PNG, JPEG, WebP, BMP) nor a video that can be read"

Size = Tuple[int, int]


class Still:
    """A background that does not move: drawn once per size."""

    def __init__(self, draw: Callable[[Size], np.ndarray]) -> None:
        self._draw = draw
        self._drawn: Dict[Size, np.ndarray] = {}

    def at(self, size: Size, frame: Optional[Frame] = None) -> np.ndarray:
        """uint8 [h, w, 3] for a size (h, w). Read-only, and the same array every time."""
        if size not in self._drawn:
            if len(self._drawn) == SIZES:
                self._drawn.clear()
            self._drawn[size] = self._draw(size)
            self._drawn[size].flags.writeable = False
        return self._drawn[size]

    def close(self) -> None:
        """There is nothing to give back."""


class Video:
    """A background that moves at its own pace, by the clock of the frames it stands behind, and begins again at its end."""

    def __init__(self, path: str, rgb: bool = False) -> None:
        self._rgb = rgb
        self._starts: Dict[str, float] = {}
        self._n = 0
        self._capture = open_video(path)
        self._fps = min(max(self._capture.get(cv2.CAP_PROP_FPS), 1.0), 240.0)
        ok, picture = self._capture.read()
        if not ok:
            raise SourceError(f"{path}: {UNREADABLE}")
        self._show(picture)

    def at(self, size: Size, frame: Frame) -> np.ndarray:
        """uint8 [h, w, 3] for a size (h, w), as far as the video is at this frame's time."""
        elapsed = frame.time - self._starts.setdefault(frame.source, frame.time)
        steps = int(elapsed * self._fps + 0.5) - self._n
        if steps > 0:
            self._n += steps
            self._go_on(steps if steps <= self._fps else 1)  # after a pause of over a second it goes on from where it was
        return self._still.at(size)

    def _go_on(self, steps: int) -> None:
        for _ in range(steps):
            if not self._capture.grab():
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                self._capture.grab()
        ok, picture = self._capture.retrieve()
        if ok:  # else the file went bad meanwhile, and its last good frame stays
            self._show(picture)

    def _show(self, picture: np.ndarray) -> None:
        self._still = Still(functools.partial(fitted, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if self._rgb else picture))

    def close(self) -> None:
        self._capture.release()


Background = Union[Still, Video]


def open_background(name: str, rgb: bool = False, largest: Optional[Size] = None) -> Background:
    """The background of this name. `largest`: the size of the largest frame, beyond which no pixels are kept.

    Raises SourceError; GraphError for what is no colour.
    """
    colour = colour_of(name)
    if colour:
        return Still(lambda size: np.full(size + (3,), colour[::-1] if rgb else colour, np.uint8))
    path = find(name)
    if not is_picture(path):
        return Video(path, rgb)
    picture = read_picture(path)
    if largest and largest[0] < picture.shape[0] and largest[1] < picture.shape[1]:
        picture = _shrunk(picture, largest)
    return Still(functools.partial(fitted, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) if rgb else picture))


def still(name: str, rgb: bool = False, largest: Optional[Size] = None) -> Still:
    """A background that can be shown without a frame. Raises SourceError; GraphError for what can be no cover."""
    behind = None if name == "blur" else open_background(name, rgb, largest)
    if isinstance(behind, Still):
        return behind
    if behind:
        behind.close()
    raise GraphError(f"'{name}' cannot be a cover; give a colour or a picture")


def trouble(opener: Callable[[str], Background], name: str) -> Optional[EdgeError]:
    """What is wrong with a background; None for nothing. It is opened to find out."""
    try:
        opener(name).close()
    except EdgeError as error:
        return error
    return None


def colour_of(name: str) -> Tuple[int, ...]:
    """Blue, green, red of "#rrggbb", "#rgb" or a name; () for what is no colour."""
    digits = COLOURS.get(name.lower(), name)
    if not re.fullmatch("#([0-9a-fA-F]{3}){1,2}", digits):
        return ()
    if len(digits) == 4:
        digits = "#" + "".join(2 * digit for digit in digits[1:])
    return tuple(int(digits[i : i + 2], 16) for i in (5, 3, 1))


def find(name: str) -> str:
    """The file of this absolute path, or of this name in `assets/`. Raises SourceError, with the nearest name."""
    assets = pathlib.Path(edge.__path__[0]) / "assets"
    path = assets / name  # an absolute path stays what it is
    if name and path.is_file():
        return str(path)
    if name.startswith("#"):
        raise GraphError(f"'{name}' is no colour; write it like #20a040")
    known = sorted(file.name for file in assets.glob("*.*")) + sorted(COLOURS) + ["blur"]
    near = difflib.get_close_matches(pathlib.Path(name).name, known, 1, 0.5)
    hint = f"Did you mean '{near[0]}'?" if near else "Give a file, a colour like #20a040, or blur"
    raise SourceError(f"no such picture or video: '{name}'. {hint}")


def open_video(path: str) -> cv2.VideoCapture:
    """An open capture of a video whose frames are of a sane size. Raises SourceError."""
    if is_text(path):
        raise SourceError(f"{path}: this is text, neither a picture nor a video")
    # FFmpeg by name: asked for any, OpenCV tries a series of pictures with similar names, or a GStreamer pipeline.
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if not (width > 0 and height > 0):  # so, too, where it is not open
        raise SourceError(f"{path}: {UNREADABLE}")
    check_size(path, width, height)
    return capture


def fitted(picture: np.ndarray, size: Size) -> np.ndarray:
    """The picture's middle, filling (h, w), its aspect kept."""
    height, width = size
    scale = min(picture.shape[0] / height, picture.shape[1] / width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (picture.shape[0] - tall) // 2, (picture.shape[1] - wide) // 2
    middle = picture[top : top + tall, left : left + wide]
    way = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    return cv2.resize(middle, (width, height), interpolation=way)  # type: ignore[no-any-return,unused-ignore]


def _shrunk(picture: np.ndarray, largest: Size) -> np.ndarray:
    """The whole picture, no larger than is needed to fill the largest frame."""
    scale = max(largest[0] / picture.shape[0], largest[1] / picture.shape[1])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return,unused-ignore]


def checkerboard(size: Size) -> np.ndarray:
    """Two greys in squares of a sixteenth of the height, on which every edge shows."""
    side = max(1, size[0] // 16)
    row, column = np.arange(size[0]) // side, np.arange(size[1]) // side
    grey = np.where((row[:, None] + column) % 2, 192, 128).astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)  # type: ignore[no-any-return,unused-ignore]
