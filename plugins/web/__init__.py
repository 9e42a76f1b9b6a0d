"""A page that shows the newest picture and how the run is going."""

from __future__ import annotations

import ipaddress
import time
from typing import Any, Dict

import cv2
import numpy as np

from edge import Context, Frame, Image, SourceError, Stage, hookimpl
from edge.plugins.web.board import Board

TO_BGR = {"rgb": cv2.COLOR_RGB2BGR, "nv21": cv2.COLOR_YUV2BGR_NV21, "nv12": cv2.COLOR_YUV2BGR_NV12}
SHORTEST_TOKEN = 16


class Web(Stage):
    """MJPEG, the newest frame only. A picture is encoded only while somebody watches, and nothing waits for a slow browser.

    `/` the page, `/stream/CAMERA.mjpg`, `/snapshot/CAMERA.jpg`, `/status.json`.
    """

    port: int = 0  # 0: 8080, or the next free one up to 8100; a port that is named must be free
    host: str = "127.0.0.1"  # the address to listen at; another than this machine's own needs a token
    token: str = ""  # a secret that a browser must show: ADDRESS/?token=...; take it from the environment: ${WEB_TOKEN}
    quality: int = 80  # of the JPEG pictures, 1..100
    fps: float = 15.0  # the most pictures per second that are sent of each camera
    size: int = 1280  # the longest side of a picture sent, in pixels; larger ones are scaled down

    keep = "latest"
    takes_ticks = True

    def check(self) -> Dict[str, str]:
        wrong = {}
        if not 0 <= self.port <= 65535:
            wrong["port"] = f"{self.port} is no port; give 1024..65535, or 0 for a free one"
        if not is_loopback(self.host) and len(self.token) < SHORTEST_TOKEN:
            wrong["token"] = (
                f"others can reach {self.host}: give a secret of {SHORTEST_TOKEN} or more letters, or host 127.0.0.1"
            )
        if not 1 <= self.quality <= 100:
            wrong["quality"] = f"{self.quality} is not within 1..100"
        if not 0 < self.fps <= 120:
            wrong["fps"] = f"{self.fps} is not within 0..120"
        if self.size < 16:
            wrong["size"] = f"{self.size} pixels show nothing; give 16 or more"
        return wrong

    def open(self, context: Context) -> None:
        self.context = context
        try:
            from edge.plugins.web.server import Server
        except ImportError as problem:
            raise SourceError(f"web needs {problem.name}: pip install 'edgeflow[web]'") from None
        spec = context.inputs.get("image")
        self._to_bgr = TO_BGR.get(spec.format if spec else "")
        self._board = Board(context.sources, self.fps)
        self._server = Server(self._board, context, self.host, self.port, self.token, guarded=is_loopback(self.host))

    def where(self) -> str:
        return self._server.address

    def process(self, frame: Frame, image: Image) -> None:
        now = time.monotonic()
        self._board.arrived(frame.source, frame.n, now, now - frame.born)
        if self._board.due(frame.source, now):
            self._board.show(frame.source, self._jpeg(image))

    def _jpeg(self, image: np.ndarray) -> bytes:
        picture = image if self._to_bgr is None else cv2.cvtColor(image, self._to_bgr)
        scale = self.size / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        data: bytes = encoded.tobytes()
        return data

    def close(self) -> None:
        self._server.close()


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@hookimpl
def register_stages(register: Any) -> None:
    register("web", Web)
