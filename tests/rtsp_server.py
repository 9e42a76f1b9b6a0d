"""A real RTSP server for the tests: GStreamer's, with a test picture that tells the time at which it was drawn.

Runs in the system's Python, where Debian puts GStreamer's bindings: `/usr/bin/python3 tests/rtsp_server.py`, options as JSON on
stdin (so that a password is in no argument list). Says `ready PORT` on stdout. Debian: gir1.2-gst-rtsp-server-1.0 python3-gi
gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly.
"""

from __future__ import annotations

import json
import sys
import time

BITS = 32
"""Blocks of the upper quarter, white for 1, that are milliseconds of the monotonic clock, the highest bit first."""


def picture(width: int, height: int, milliseconds: int) -> bytes:
    """I420: the time in blocks above, a white bar that walks to the right below."""
    side = width // BITS
    code = b"".join((b"\xeb" if milliseconds >> (BITS - 1 - bit) & 1 else b"\x10") * side for bit in range(BITS))
    code += b"\x10" * (width - len(code))
    at = milliseconds // 10 % (width - 16)
    bar = b"\x40" * at + b"\xeb" * 16 + b"\x40" * (width - 16 - at)
    return code * (height // 4) + bar * (height - height // 4) + b"\x80" * (width * height // 2)


def main() -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    told = {"port": 0, "width": 320, "height": 240, "fps": 25, "user": "", "password": "", "digest": False}
    told.update(json.loads(sys.stdin.readline()))
    Gst.init(None)

    class Factory(GstRtspServer.RTSPMediaFactory):
        def do_create_element(self, url):
            caps = f"video/x-raw,format=I420,width={told['width']},height={told['height']},framerate={told['fps']}/1"
            coder = f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={told['fps']} ! rtph264pay config-interval=1"
            return Gst.parse_launch(
                f"appsrc name=drawn is-live=true format=time do-timestamp=true caps={caps} ! {coder} name=pay0"
            )

        def do_configure(self, media):
            source = media.get_element().get_by_name_recurse_up("drawn")

            def draw() -> bool:
                data = picture(told["width"], told["height"], time.monotonic_ns() // 1_000_000)
                return source.emit("push-buffer", Gst.Buffer.new_wrapped(data)) == Gst.FlowReturn.OK

            timer = GLib.timeout_add(1000 // told["fps"], draw)
            media.connect("unprepared", lambda _: GLib.source_remove(timer))

    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(told["port"]))
    factory = Factory()
    factory.set_shared(True)
    if told["password"]:
        guard(GstRtsp, GstRtspServer, server, factory, told)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


def guard(GstRtsp, GstRtspServer, server, factory, told) -> None:
    """Let in only who knows the password."""
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if told["digest"]:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(told["user"], told["password"], token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(told["user"], told["password"]), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
