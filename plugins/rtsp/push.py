"""Pushing what was made to a server on the network, as H.264."""

from __future__ import annotations

from typing import ClassVar, Dict, Literal, Tuple

from edge import Context, Drop, Frame, Image, SourceError, Stage, as_bgr
from edge.plugins.rtsp.address import complete, problems, pyav, shown
from edge.plugins.rtsp.courier import Courier

USUAL_FPS = 25.0


class Push(Stage):
    """One stream for each camera, encoded in a process of its own, which a server may hang without harm."""

    address: str  # where to push to
    credentials: str = ""  # where user:password is to be found: env:NAME, or file:/run/secrets/server
    fps: float = 0.0  # frames per second that the encoder is told; 0: as the camera says. Pictures keep their own times
    bitrate: int = 2000  # kilobits per second
    timeout: float = 5.0  # seconds that the server may take to answer, or to take a picture
    retry: float = 5.0  # seconds: the longest wait before it is tried again

    keep = "latest"
    takes_ticks = True
    steady = ("address", "credentials")
    schemes: ClassVar[Tuple[str, ...]] = ()
    format: ClassVar[str] = ""

    def check(self) -> Dict[str, str]:
        wrong = problems(self.address.replace("{source}", "x"), self.schemes, self.credentials)
        for name in ("timeout", "retry", "bitrate"):
            if not 0 < getattr(self, name) <= 1e6:
                wrong[name] = f"must be above 0, not {getattr(self, name):g}"
        if not 0 <= self.fps <= 1000:
            wrong["fps"] = f"{self.fps:g} is no rate; give frames per second, or 0 for the camera's"
        return wrong

    def open(self, context: Context) -> None:
        self.context = context
        pyav(self.schemes[0])
        self._address = complete(self.address, self.credentials)
        self._spec = context.inputs.get("image")
        self._couriers: Dict[str, Courier] = {}
        for source in context.sources:
            self.enter(source)

    def enter(self, source: str) -> None:
        cameras = len(self.context.sources)
        if cameras > 1 and "{source}" not in self.address:
            raise SourceError(f"{shown(self.address)}: {cameras} cameras would be one stream; put {{source}} into address")
        where = shown(self.address).replace("{source}", source)
        order = {
            "address": self._address.replace("{source}", source),
            "format": self.format,
            "fps": self.fps or self.context.rates.get(source) or USUAL_FPS,
            "bitrate": self.bitrate * 1000,
            "options": self.options(),
            "timeout": self.timeout,
        }
        self._couriers[source] = Courier(where, order, self.retry, self.context.log)

    def leave(self, source: str) -> None:
        courier = self._couriers.pop(source, None)  # none where `enter` refused it
        if courier is not None:
            courier.close()

    def options(self) -> Dict[str, str]:
        """FFmpeg's, for this kind of stream."""
        return {}

    def where(self) -> str:
        return ", ".join(courier.where for courier in self._couriers.values())

    def process(self, frame: Frame, image: Image) -> None:
        if not self._couriers[frame.source].offer(as_bgr(image, self._spec), frame.time):
            raise Drop("skipped")

    def close(self) -> None:
        for courier in self._couriers.values():
            courier.stop()
        for courier in self._couriers.values():
            courier.close()


class RtspPush(Push):
    """Pushes to an RTSP server, which others watch. Nothing waits for it: while the server is away, or slow, pictures are left
    out and counted as `skipped`, and it is tried again."""

    address: str  # rtsp://host:8554/name of a server that takes streams (MediaMTX, go2rtc); with several cameras, with {source}
    transport: Literal["tcp", "udp"] = "tcp"  # tcp loses nothing
    schemes = ("rtsp", "rtsps")
    format = "rtsp"

    def options(self) -> Dict[str, str]:
        return {"rtsp_transport": self.transport}
