"""The sound of a file, copied into recordings of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

from edge import SourceError

COPIED = ("aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus")
"""What an MP4 holds as it is. Nothing is decoded, so nothing is lost."""


class Sound:
    """Its packets in order, each with its place in the file's picture. Raises SourceError where there is nothing to copy."""

    def __init__(self, path: Path) -> None:
        try:
            import av
        except ImportError:
            raise SourceError("audio needs PyAV: pip install 'edgeflow[av]'") from None
        try:
            self._file = av.open(str(path))
        except (OSError, ValueError) as problem:
            told = getattr(problem, "strerror", None) or "not a file with sound"
            raise SourceError(f"{path}: {told}; give the file that the source reads as audio, or leave it out") from None
        if not self._file.streams.audio:
            raise SourceError(f"{path}: has no sound; leave audio out")
        self._stream = self._file.streams.audio[0]
        if self._stream.codec_context.name not in COPIED:
            made = f"ffmpeg -i {path.name} -c:v copy -c:a aac NEW.mp4"
            raise SourceError(f"{path}: an MP4 cannot hold its sound ({self._stream.codec_context.name}); convert it: {made}")
        self._first = self._beginning()
        self._packets = (packet for packet in self._file.demux(self._stream) if packet.pts is not None)
        self._next: Any = next(self._packets, None)
        self._out: Any = None
        self.start = 0.0
        """Seconds into the file's picture at which the recording begins."""

    def _beginning(self) -> float:
        """Seconds, on the clock of the file's packets, of its first picture."""
        for video in self._file.streams.video:
            if video.start_time is not None and video.time_base is not None:
                return float(video.start_time * video.time_base)
        return 0.0

    def begin(self, recording: Any) -> None:
        """What follows goes into this one, a container of PyAV that is being written."""
        self._out = recording.add_stream_from_template(self._stream)

    def until(self, time: float) -> Iterator[Any]:
        """The packets that begin before `time`, in seconds since the recording began. Those before it did are left out."""
        while self._next is not None and self._place(self._next) < time:
            packet, self._next = self._next, next(self._packets, None)
            if self._place(packet) >= 0:
                shift = round((self._first + self.start) / packet.time_base)
                packet.pts -= shift
                packet.dts = packet.pts
                packet.stream = self._out
                yield packet

    def _place(self, packet: Any) -> float:
        return float(packet.pts * packet.time_base) - self._first - self.start

    def close(self) -> None:
        self._file.close()
