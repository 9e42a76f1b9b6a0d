"""A stream from the network as a source, through PyAV."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any, ClassVar, Dict, Iterator, Literal, Tuple

from edge import Context, Drop, Image, Source, SourceError, Spec
from edge.plugins.rtsp.address import complete, problems, pyav, shown, unreachable
from edge.plugins.rtsp.lag import Lag

ANALYSE = 0.5
"""Seconds of the stream that FFmpeg may look at before it hands over the first packet; left alone it takes five."""


class Pull(Source):
    """The newest picture, always: what cannot be decoded in time is thrown away up to the next key frame. A camera that stops
    sending pictures raises, and is opened again by the framework."""

    address: str  # where the stream is
    credentials: str = ""  # where user:password is to be found: env:NAME, or file:/run/secrets/door
    open_timeout: float = 5.0  # seconds to connect
    read_timeout: float = 5.0  # seconds without a picture after which the camera is lost
    retry: float = 2.0  # seconds: the longest wait before it is opened again
    width: int = 0  # of the largest picture; with width and height the camera need not be there at the start; 0: as it comes
    height: int = 0  # as above

    renders = ("image",)
    schemes: ClassVar[Tuple[str, ...]] = ()
    log = logging.getLogger("edge")
    _told_size = False
    _heard = 0.0

    @property
    def live(self) -> bool:
        return True

    def check(self) -> Dict[str, str]:
        wrong = problems(self.address, self.schemes, self.credentials)
        for name in ("open_timeout", "read_timeout", "retry"):
            if not 0 < getattr(self, name) <= 3600:
                wrong[name] = f"must be seconds above 0, not {getattr(self, name):g}"
        if min(self.width, self.height) < 0 or bool(self.width) != bool(self.height):
            wrong["width"] = "give width and height, or neither"
        return wrong

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        pyav(self.schemes[0])
        if self.width:
            return {"image": Spec(Image, (self.height, self.width, 3), "bgr")}
        with self._opened() as container:
            self.rate = float(container.streams.video[0].average_rate or 0)
            shape = next(made.shape for made in self._pictures(container) if not isinstance(made, Drop))
        return {"image": Spec(Image, shape, "bgr")}

    def open(self, context: Context) -> None:
        self.context = context
        self.log = context.log
        self.patience = self.retry

    def capture(self) -> Iterator[Any]:
        with self._opened() as container:
            yield from self._pictures(container)

    @property
    def where_from(self) -> str:
        """The address as it may be shown."""
        return shown(self.address)

    def options(self) -> Dict[str, str]:
        """FFmpeg's, for this kind of stream."""
        return {"analyzeduration": str(int(ANALYSE * 1e6)), "fpsprobesize": "0"}

    @property
    def timed(self) -> bool:
        """True where the stream tells when each picture was taken; of MJPEG over HTTP, FFmpeg invents it."""
        return not self.address.startswith("http")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """The stream's container. Whatever FFmpeg raises, then or later, becomes one line without the password."""
        av = pyav(self.schemes[0])
        address, seconds, container = complete(self.address, self.credentials), self.open_timeout, None
        self._heard = time.monotonic()
        try:
            container = av.open(address, timeout=(self.open_timeout, self.read_timeout), options=self.options())
            seconds = self.read_timeout
            if not container.streams.video:
                raise unreachable(self.where_from, "StreamNotFoundError", "", seconds)
            yield container
        except av.error.FFmpegError as error:
            kind = "TimeoutError" if self._silent(seconds) else type(error).__name__
            raise unreachable(self.where_from, kind, error.strerror or "", seconds) from None
        finally:
            if container is not None:
                container.close()

    def _silent(self, seconds: float) -> bool:
        """True where nothing has come for so long: that is what it was, whatever FFmpeg calls it when we end its waiting."""
        return time.monotonic() - self._heard > 0.9 * seconds

    def _pictures(self, container: Any) -> Iterator[Any]:
        """Pictures, and a drop for each that is broken or late, until the stream ends, which is an error."""
        coder = container.streams.video[0].codec_context
        if coder is None:
            raise SourceError(f"{self.where_from}: sends video that FFmpeg cannot decode; set the camera to H.264 or H.265")
        coder.thread_count = 1  # more threads would hold back a frame each
        coder.flags |= pyav(self.schemes[0]).codec.context.Flags.low_delay
        self._heard = last = time.monotonic()
        lag, keyed = Lag(), False
        for packet in container.demux(container.streams.video[0]):
            if self._silent(self.read_timeout):
                raise unreachable(self.where_from, "TimeoutError", "", self.read_timeout)
            self._heard = now = time.monotonic()
            keyed = keyed or packet.is_keyframe  # who joins in the middle of a stream waits for a whole picture
            stamp = float(packet.pts * packet.time_base) if self.timed and packet.pts is not None else now
            if keyed and lag.skips(stamp, now, packet.is_keyframe):
                last = now
                yield Drop("superseded", self.where_from)
            elif keyed:
                for made in self._decoded(packet):
                    broken = isinstance(made, Drop) and made.reason == "decode_error"
                    last = last if broken else now
                    yield made
            if now - last > self.read_timeout:
                raise SourceError(
                    f"{self.where_from}: sends data, but no picture for {self.read_timeout:g} s; check the camera"
                )
        raise SourceError(f"{self.where_from}: the stream ended")

    def _decoded(self, packet: Any) -> Iterator[Any]:
        try:
            frames = packet.decode()
        except pyav(self.schemes[0]).error.FFmpegError:
            yield Drop("decode_error", self.where_from)
            return
        for frame in frames:
            yield Drop("decode_error", self.where_from) if frame.is_corrupt else self._picture(frame)

    def _picture(self, frame: Any) -> Any:
        """uint8 BGR in shared memory; or a drop, where the camera now sends larger pictures than were planned for."""
        planned = self.context.outputs.get("image") if hasattr(self, "context") else None
        shape = (frame.height, frame.width, 3)
        if planned and planned.shape and (shape[0] > planned.shape[0] or shape[1] > planned.shape[1]):
            if not self._told_size:
                self._told_size = True
                now, then = f"{shape[1]}x{shape[0]}", f"{planned.shape[1]}x{planned.shape[0]}"
                self.log.warning("%s: sends %s, and the run was planned for %s; start it again", self.where_from, now, then)
            return Drop("oversize", self.where_from)
        slot = self.new("image", shape)
        slot[:] = frame.to_ndarray(format="bgr24", interpolation="POINT")  # nothing is scaled: the quickest filter will do
        return slot


class Rtsp(Pull):
    """A camera on the network. The newest picture, always: what cannot be decoded in time is thrown away up to the next key
    frame. A camera that stops sending pictures is opened again. Passwords are in `credentials`, and never shown."""

    address: str  # rtsp://host:554/path or rtsps://...; also http:// and https:// (MJPEG, HLS)
    transport: Literal["tcp", "udp"] = "tcp"  # of RTSP: udp is quicker to recover on a bad network, and loses packets

    schemes = ("rtsp", "rtsps", "http", "https")

    def options(self) -> Dict[str, str]:
        if not self.address.startswith("rtsp"):
            return {}
        return {
            "rtsp_transport": self.transport,
            "allowed_media_types": "video",
            # Microseconds, of each read and write: for what PyAV sets no limit to, like saying goodbye.
            "timeout": str(int((max(self.open_timeout, self.read_timeout) + 1) * 1e6)),
            **super().options(),
        }
