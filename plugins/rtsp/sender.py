"""Encodes pictures and pushes them to a server, in a process of its own, started by the courier.

A process, because FFmpeg holds Python's lock while it connects, so that a server that never answers would hold up everything;
here an alarm ends it. stdin: a line of JSON (address, format, width, height, fps, bitrate, options, timeout), then for each
picture its time (double, seconds) and its rows (uint8 BGR). stdout: `on` once the server takes the stream; at the end
[error's class, its text] as JSON where it was one.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from fractions import Fraction
from typing import Any, BinaryIO, Iterator, Tuple

KEY = 2.0
"""Seconds between key frames: so long may a viewer wait who joins."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which then says goodbye
    told = json.loads(sys.stdin.buffer.readline())
    import av  # it takes a while, and Ctrl-C may come meanwhile

    try:
        push(av, told, sys.stdin.buffer)
    except (OSError, ValueError) as error:  # FFmpeg's are both; their own text would hold the address
        say(json.dumps([type(error).__name__, getattr(error, "strerror", None) or "it cannot be encoded"]))


def push(av: Any, told: Any, pipe: BinaryIO) -> None:
    """Until the pipe ends. Raises what FFmpeg raises."""
    alarm(told["timeout"])
    container = av.open(told["address"], "w", format=told["format"], options=told["options"])
    stream = encoder(av, container, told)
    container.start_encoding()
    alarm(0)
    say("on")
    for milliseconds, pixels in pictures(pipe, told):
        alarm(told["timeout"])
        frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
        frame.pts = milliseconds
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        alarm(0)
    alarm(told["timeout"])
    container.mux(stream.encode(None))
    container.close()


def encoder(av: Any, container: Any, told: Any) -> Any:
    """H.264 that goes out with the picture it came from: no picture waits for the next."""
    fps = Fraction(told["fps"]).limit_denominator(1000)
    stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "tune": "zerolatency"})
    stream.width, stream.height = told["width"] // 2 * 2, told["height"] // 2 * 2  # half as many colours as pixels
    stream.pix_fmt = "yuv420p"
    stream.bit_rate = told["bitrate"]
    coder = stream.codec_context
    coder.gop_size = max(1, round(fps * KEY))
    coder.time_base = Fraction(1, 1000)  # of RTMP, and fine enough
    coder.thread_count = 1
    return stream


def pictures(pipe: BinaryIO, told: Any) -> Iterator[Tuple[int, Any]]:
    """(milliseconds since the first, increasing; uint8 [height, width, 3] with even sides)."""
    import numpy as np

    height, width = told["height"], told["width"]
    first, last = None, -1
    while True:
        head = pipe.read(8)
        rows = pipe.read(height * width * 3)
        if len(rows) < height * width * 3:
            return
        (time,) = struct.unpack("<d", head)
        first = time if first is None else first
        last = max(last + 1, round((time - first) * 1000))
        image = np.frombuffer(rows, np.uint8).reshape(height, width, 3)
        yield last, np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])


def alarm(seconds: float) -> None:
    """Be killed by the kernel after so many seconds, whatever holds Python's lock; 0: no longer."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
