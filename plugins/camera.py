"""A camera: the first one that works, a V4L2 device, or a network address."""

from __future__ import annotations

import glob
import logging
import os
import re
import time
from typing import Any, Callable, ClassVar, Dict, Iterator, List, Mapping, Tuple, Union

# Read once, at the first capture: FFmpeg's own lines may hold a password, and ten seconds are long for a camera that is gone.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

import cv2

from edge import Context, Drop, Image, Source, SourceError, Spec, hookimpl

SECONDS = 5.0
"""The longest that a camera may take to answer."""
LOST_AFTER = 2.0
"""Seconds without a frame after which the camera is lost."""
FAILURES = 30
"""Failed reads in a row after which the camera is lost: one that was unplugged fails at once, again and again."""
WARM_UP = 10
"""Reads that a camera gets to deliver its first frame, within SECONDS; some fail the first few."""


class Camera(Source):
    """A camera that stops giving frames raises, and is opened again by the framework."""

    path: Union[int, str] = "auto"  # auto: the first that works; 0; /dev/video0; /dev/v4l/by-id/...; rtsp:// or http:// address
    width: int = 1280  # pixels asked for; the camera gives the nearest it has; 0: its own choice
    height: int = 720  # pixels asked for
    fps: float = 30.0  # frames per second asked for; 0: its own choice
    codec: str = "MJPG"  # four letters asked for: most USB cameras reach 30 fps at 720p with MJPG only; "": its own choice

    renders = ("image",)
    log = logging.getLogger("edge")
    driver: ClassVar[Callable[..., Any]] = staticmethod(cv2.VideoCapture)

    @property
    def live(self) -> bool:
        return True

    def check(self) -> Dict[str, str]:
        wrong = {name: "must not be below 0" for name in ("width", "height", "fps") if getattr(self, name) < 0}
        if len(self.codec) not in (0, 4):
            wrong["codec"] = f"'{self.codec}' is not four letters, like MJPG"
        return wrong

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        capture, _, image = self._open()
        try:
            fps = capture.get(cv2.CAP_PROP_FPS)
        finally:
            capture.release()
        self.rate = fps if 0 < fps <= 1000 else 0.0
        return {"image": Spec(Image, image.shape, "bgr")}

    def open(self, context: Context) -> None:
        self.context = context
        self.log = context.log

    def capture(self) -> Iterator[Any]:
        capture, name, image = self._open()
        self.log.info("camera %s: %dx%d", name, image.shape[1], image.shape[0])
        try:
            yield image
            yield from self._stream(capture, name, image.shape)
        finally:
            capture.release()

    def _stream(self, capture: Any, name: str, shape: Tuple[int, ...]) -> Iterator[Any]:
        """Frames, and a drop for each bad one, until the camera is lost."""
        bad, last = 0, time.monotonic()
        while True:
            if not capture.grab():
                bad += 1
                if bad >= FAILURES or time.monotonic() - last > LOST_AFTER:
                    raise SourceError(f"camera {name} stopped giving frames; check its plug, cable and power")
                continue
            for _ in range(bad):
                yield Drop("decode_error", f"camera {name}")
            bad, last = 0, time.monotonic()
            ok, image = capture.retrieve(self.new("image", shape))
            yield image if ok else Drop("decode_error", f"camera {name}")

    def _open(self) -> Tuple[Any, str, Any]:
        """The first camera of those meant that delivers a frame: its capture, its name, and that frame."""
        tried = []
        for where in self._meant():
            capture = self._attempt(where)
            image = first_frame(capture)
            if image is not None:
                return capture, masked(where), image
            capture.release()
            tried.append(masked(where))
        raise SourceError(self._absent(tried))

    def _meant(self) -> List[Union[int, str]]:
        if self.path == "auto":
            return list(devices())
        return [int(self.path) if str(self.path).isdigit() else self.path]

    def _attempt(self, where: Union[int, str]) -> Any:
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its lines name the address, with the password
        try:
            if is_address(where):
                milliseconds = int(SECONDS * 1000)
                limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
                return self.driver(where, cv2.CAP_FFMPEG, limits)
            capture = self.driver(where, cv2.CAP_V4L2)
            for what, value in self._wishes().items():
                capture.set(what, value)
            return capture
        finally:
            cv2.utils.logging.setLogLevel(level)

    def _wishes(self) -> Mapping[int, float]:
        """In this order: the codec decides which sizes and rates there are."""
        wishes: Dict[int, float] = {}
        if self.codec:
            wishes[cv2.CAP_PROP_FOURCC] = cv2.VideoWriter.fourcc(*self.codec)
        if self.width and self.height:
            wishes[cv2.CAP_PROP_FRAME_WIDTH], wishes[cv2.CAP_PROP_FRAME_HEIGHT] = self.width, self.height
        if self.fps:
            wishes[cv2.CAP_PROP_FPS] = self.fps
        wishes[cv2.CAP_PROP_BUFFERSIZE] = 1  # the newest frame, not one that waited in the driver
        return wishes

    def _absent(self, tried: List[str]) -> str:
        if tried and is_address(self.path):
            return f"camera {tried[0]} does not answer within {SECONDS:g} s; check address, user and network"
        here = ", ".join(named()) or "none: plug one in, or let this user read /dev/video* (group video)"
        if not tried:
            return f"camera: no camera here ({here})"
        return f"camera {', '.join(tried)}: does not open or gives no frame; it is absent or in use. Cameras here: {here}"


def first_frame(capture: Any) -> Any:
    """A frame, or None. A capture that opens may still give nothing: many cameras have a second device for metadata."""
    if capture.isOpened():
        start = time.monotonic()
        for _ in range(WARM_UP):
            ok, image = capture.read()
            if ok:
                return image
            if time.monotonic() - start > SECONDS:
                break
    return None


def devices() -> List[str]:
    """/dev/video0, /dev/video1, ... in the order of their numbers."""
    found = glob.glob("/dev/video[0-9]*")
    return sorted(found, key=lambda path: int(re.sub(r"\D", "", path) or 0))


def named() -> List[str]:
    """What a person can tell apart: the stable names of USB cameras, else the bare devices."""
    return sorted(glob.glob("/dev/v4l/by-id/*")) or devices()


def is_address(where: Union[int, str]) -> bool:
    return isinstance(where, str) and "://" in where


def masked(where: Union[int, str]) -> str:
    """As it may be shown: without user and password, and without a query, which may hold a key."""
    return re.sub(r"://\S*@", "://***@", str(where)).partition("?")[0]


@hookimpl
def register_stages(register: Any) -> None:
    register("camera", Camera)
