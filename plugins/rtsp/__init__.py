"""Cameras on the network: RTSP as a source, and pushing to a server as a sink."""

from __future__ import annotations

from typing import Any

from edge import hookimpl
from edge.plugins.rtsp.pull import Pull, Rtsp
from edge.plugins.rtsp.push import Push, RtspPush

__all__ = ["Pull", "Push", "Rtsp", "RtspPush"]


@hookimpl
def register_stages(register: Any) -> None:
    register("rtsp", Rtsp, sink=RtspPush)
