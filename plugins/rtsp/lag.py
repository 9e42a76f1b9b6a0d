"""Is what we decode late? A stream that is decoded too slowly waits in the network's buffers, seconds of it, and stays late."""

from __future__ import annotations

LATE = 0.5
"""Seconds behind the stream's own clock."""
PATIENCE = 1.0
"""Seconds for which it may stay late: a burst after a hiccup of the network is decoded sooner."""
DRIFT = 0.001
"""By how much the camera's clock may be slower than ours, in seconds per second, without being taken for lateness."""
JITTER = 0.005
"""Seconds between two packets' delays that mean nothing. In a backlog each has waited a whole frame less than the last."""


class Lag:
    """Asked for every packet, in order. Times in seconds: `stamp` on the stream's own clock, `now` on ours (monotonic)."""

    def __init__(self) -> None:
        self._least = float("inf")
        self._now = 0.0
        self._late_since = float("inf")
        self._skipping = False
        self._delay = 0.0

    def skips(self, stamp: float, now: float, key: bool) -> bool:
        """True for a packet to throw away undecoded. Once that has begun it goes on until the backlog is gone, and then to
        the next key frame: between key frames a packet means nothing without those before it."""
        before, self._delay = self._delay, now - stamp
        if self._skipping and not (key and self._delay > before - JITTER):
            return True
        if self._skipping or self._least == float("inf"):  # what is on time is measured anew
            self._skipping, self._least = False, self._delay
        self._least = min(self._delay, self._least + DRIFT * (now - self._now))
        self._now = now
        late = self._delay - self._least > LATE
        self._late_since = min(self._late_since, now) if late else float("inf")
        self._skipping = now - self._late_since > PATIENCE
        return self._skipping
