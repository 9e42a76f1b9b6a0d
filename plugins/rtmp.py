"""An RTMP server: a stream of it as a source, and pushing to it as a sink."""

from __future__ import annotations

from typing import Any

from edge import hookimpl
from edge.plugins.rtsp import Pull, Push


class Rtmp(Pull):
    """A stream of an RTMP server. The newest picture, always; a stream that stops is opened again."""

    address: str  # rtmp://host/app/stream, or rtmps://
    schemes = ("rtmp", "rtmps")


class RtmpPush(Push):
    """Pushes to an RTMP server, which others watch. Nothing waits for it: while the server is away, or slow, pictures are left
    out and counted as `skipped`, and it is tried again."""

    address: str  # rtmp://host/app/key, or rtmps://; the last part is a secret; with several cameras, with {source}
    schemes = ("rtmp", "rtmps")
    format = "flv"


@hookimpl
def register_stages(register: Any) -> None:
    register("rtmp", Rtmp, sink=RtmpPush)
