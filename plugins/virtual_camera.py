"""A camera for other programs: what was made here is what a video call, OBS or a browser sees."""

from __future__ import annotations

import importlib
import time
from typing import Any, Dict, Optional

from edge import Context, Drop, Frame, Image, SourceError, Stage, as_bgr, hookimpl, letterboxed

USUAL_FPS = 30.0
LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=Edgeflow (Debian: v4l2loopback-dkms)"


class VirtualCamera(Stage):
    """Sends each picture on as it comes, but no more of them than `fps` says. Its size is that of what it reads; pictures of
    another size are fitted in, on black."""

    path: str = ""  # /dev/video10; empty: the first virtual camera that is free
    fps: float = 0.0  # frames per second that other programs are told, and the most that are sent; 0: as the camera says

    keep = "latest"
    takes_ticks = True
    steady = ("path",)

    def check(self) -> Dict[str, Any]:
        wrong: Dict[str, Any] = {}
        if not 0 <= self.fps <= 240:
            wrong["fps"] = f"{self.fps:g} is no rate; give frames per second, or 0 for the camera's"
        return wrong

    def open(self, context: Context) -> None:
        self.context = context
        self._check_alone()
        library = pyvirtualcam()
        self._spec = context.inputs["image"]
        shape = self._spec.shape or (0, 0)
        self._size = (shape[0] if len(shape) == 3 else shape[0] * 2 // 3, shape[1])  # YUV has its colours below
        fps = self.fps or next(iter(context.rates.values()), 0.0) or USUAL_FPS
        self._gap = 1 / fps
        self._due = float("-inf")
        self._camera: Optional[Any] = None
        try:
            bgr = library.PixelFormat.BGR
            self._camera = library.Camera(self._size[1], self._size[0], fps, fmt=bgr, device=self.path or None)
        except RuntimeError as problem:
            raise SourceError(absent(self.path, str(problem))) from None

    def enter(self, source: str) -> None:
        self._check_alone()

    def _check_alone(self) -> None:
        cameras = len(self.context.sources)
        if cameras > 1:
            raise SourceError(f"one virtual camera shows one camera, not {cameras}: read from camera.NAME, or a mosaic")

    def where(self) -> str:
        return str(self._camera.device) if self._camera is not None else ""

    def process(self, frame: Frame, image: Image) -> None:
        now = time.monotonic()
        if now < self._due - self._gap / 4:  # a little early is in time: no camera's pace is that even
            raise Drop("skipped")
        self._due = max(self._due, now) + self._gap
        assert self._camera is not None
        self._camera.send(letterboxed(as_bgr(image, self._spec), self._size))

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def pyvirtualcam() -> Any:
    """The library. Raises SourceError where it is not installed."""
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError:
        raise SourceError("virtual_camera needs pyvirtualcam: pip install 'edgeflow[vcam]'") from None


def absent(device: str, told: str) -> str:
    """What to do, from pyvirtualcam's own words: "'backend' backend: reason"."""
    reason = told.splitlines()[0].partition("backend: ")[2] or told
    if device and "does not exist" not in reason:
        return f"{device}: {reason.rstrip('.')}; give a virtual camera that no other program writes to"
    return f"{device + ': there is no such device' if device else 'no virtual camera is here'}; load one: {LOAD}"


@hookimpl
def register_stages(register: Any) -> None:
    register("virtual_camera", VirtualCamera)
