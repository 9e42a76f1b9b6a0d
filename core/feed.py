"""A source at work: its generator runs in a thread of its own, and a mailbox of one stands between it and the graph.

A live source's newest frame replaces the one that waits (`superseded`); a file waits until its frame is taken.

Valid Python 3.7.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import Any, Callable, Dict, Iterator, Optional

from edge.core.errors import EdgeError, SourceError
from edge.core.frame import Drop
from edge.core.ledger import (
    CAPTURED,
    FRAMES,
    GAP_NS,
    RECONNECTS,
    SEEN_NS,
    SOURCE_LOST,
    SPENT_NS,
    STATE,
    STATES,
    TIMES,
    Ledger,
)
from edge.core.stage import Source

log = logging.getLogger("edge")

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts to reopen a live source: doubled each time, up to its `patience`, with jitter, until it has run for
LONGEST_WAIT."""

AT_ONCE = 16
"""Frames of a file that are read in one go where they are not wanted: what a predecessor has done already."""

USUAL_RATE = 25.0
"""Frames per second of a file that does not say."""


class Captured:
    """A frame in the mailbox."""

    __slots__ = ("n", "time", "born", "values")

    def __init__(self, n: int, time: float, born: float, values: Dict[str, Any]) -> None:
        self.n = n
        self.time = time
        self.born = born
        self.values = values


class Feed:
    """Runs `source.capture()`. `first`: the number of the first frame wanted; a file decodes what is before it and drops it.
    `most`: frames to capture, 0 for all. `wake` is called from the thread whenever there is news. `alone`: the only camera."""

    def __init__(
        self,
        name: str,
        source: Source,
        ledger: Ledger,
        wake: Callable[[], None],
        first: int = 0,
        most: int = 0,
        alone: bool = False,
    ) -> None:
        self.name = name
        self.source = source
        self.live = source.live
        self.error = ""
        self.code = 0
        self._ledger = ledger
        self._row = ledger.row("source", name)
        self._stage_row = ledger.row("stage", name)
        self._wake = wake
        self._first = first
        self._most = most
        self._alone = alone
        self._box: Optional[Captured] = None
        self._changed = threading.Condition()
        self._stop = False
        self._paused = False
        self._finished = False
        self._away = ""
        self._n = first if self.live else 0
        self.trace: Any = None
        """A Tracer while the run is traced."""
        self._frames: Optional[Iterator[Any]] = None
        self._thread = threading.Thread(target=self._run, name="feed " + name, daemon=True)

    def start(self, error: Optional[EdgeError] = None) -> None:
        """Run; or, where the source could not be opened, end at once with that error."""
        if error is not None:
            self._fail(error)
            self._finish()
        elif self.live:
            self._thread.start()

    def pull(self) -> bool:
        """Read on in a file until a frame waits, but no more than a few at once; True if that was anything to do."""
        if self.live or self._finished or self._box is not None or (self._paused and not self._stop):
            return False
        for _ in range(AT_ONCE):
            self._pull_one()
            if self._finished or self._box is not None:
                break
        return True

    def _pull_one(self) -> None:
        try:
            if self._frames is None:
                self._frames = iter(self.source.capture())
            if self.trace is not None:
                self.trace.begin()
            began = time.monotonic()
            made = None if self._enough else next(self._frames, None)
            if made is not None:
                self.state("running")
                return self._took(made, began)
            getattr(self._frames, "close", _nothing)()
        except Exception as error:  # a file that fails ends its camera, not the others
            self._fail(error)
        self._finish()

    @property
    def _enough(self) -> bool:
        return self._stop or bool(self._most and self._n >= self._most)

    def _finish(self) -> None:
        self.state("failed" if self.error else "ended")
        self._finished = True
        self._wake()

    @property
    def waiting(self) -> Optional[Captured]:
        """The frame in the mailbox, which stays there until `take`."""
        return self._box

    def take(self) -> Optional[Captured]:
        with self._changed:
            frame, self._box = self._box, None
        return frame

    @property
    def done(self) -> bool:
        """True when the stream has ended and its last frame was taken."""
        return self._finished and self._box is None

    def pause(self, paused: bool) -> None:
        """Capture nothing for a while: a camera is let go of, a file stays where it is."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()
        if paused and not self._finished and not self.live:
            self.state("paused")  # of a camera its thread says so, when it has let go of it
        self._wake()

    def stop(self) -> None:
        """Capture no more; what waits in the mailbox is still admitted."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """True when the thread has ended. One that hangs in a driver does not end, and must not hold up the others."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def state(self, name: str) -> None:
        self._ledger.cells[self._row + STATE] = STATES.index(name)

    # -- in the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._attempts()
        except Exception as error:  # nobody else would ever see what a thread dies of
            self._fail(error)
        finally:
            self._finish()

    def _attempts(self) -> None:
        wait = FIRST_WAIT
        while not self._enough:
            began = time.monotonic()
            try:
                if self._capture():
                    return
                self._rest()
                continue
            except Exception as error:  # a driver's own: whatever it is, the camera may come back
                wait = FIRST_WAIT if time.monotonic() - began > LONGEST_WAIT else wait
                pause = max(wait, getattr(error, "wait", 0.0))
                self._gone(_line(error), pause)
            self.state("reconnecting")
            with self._changed:
                self._changed.wait_for(lambda: self._stop, pause * random.uniform(0.7, 1.0))
            wait = min(self.source.patience, 2 * wait)

    def _capture(self) -> bool:
        """Capture until the stream ends, or until there is a pause: then False."""
        frames: Iterator[Any] = iter(self.source.capture())
        try:
            while not self._enough and not self._paused:
                began = time.monotonic()
                made = next(frames, None)
                if made is None:
                    return True
                self.state("running")
                self._took(made, began)
        finally:
            getattr(frames, "close", _nothing)()
        return self._enough

    def _rest(self) -> None:
        self.state("paused")
        with self._changed:
            self._changed.wait_for(lambda: self._stop or not self._paused)

    def _gone(self, why: str, pause: float) -> None:
        """Say so once for each outage and reason, not for each attempt."""
        if why != self._away:
            log.warning("%s: %s; trying again in %.1f s", self.name, why, pause, extra={"camera": self.name})
        self._away = why

    def _back(self, now: float) -> None:
        """Count that the camera is here again, and how long it was gone."""
        self._away = ""
        cells = self._ledger.cells
        seen = cells[self._row + SEEN_NS]
        if not seen:
            log.info("%s: here", self.name, extra={"camera": self.name})
            return
        cells[self._row + RECONNECTS] += 1
        cells[self._row + GAP_NS] += int(now * 1e9) - seen
        log.info("%s: here again after %.1f s", self.name, now - seen / 1e9, extra={"camera": self.name})

    def _took(self, made: Any, began: float) -> None:
        n, now = self._n, time.monotonic()
        self._n += 1
        if n < self._first:
            return
        cells = self._ledger.cells
        again = n < cells[self._row + CAPTURED]  # a predecessor had it, and died before it was through
        cells[self._row + CAPTURED] = max(n + 1, cells[self._row + CAPTURED])
        if self._away:
            self._back(now)
        cells[self._row + SEEN_NS] = int(now * 1e9)
        cells[self._stage_row + FRAMES] += 1
        cells[self._stage_row + SPENT_NS] += int((now - began) * 1e9)
        self._ledger.time(self._stage_row + TIMES, now - began)
        if self.trace is not None and self.live:
            self.trace.span("capture", self.name, self.name, n, began, now)
        elif self.trace is not None:
            self.trace.processed(self.name, self.name, n, began, now, kind="capture")
        if isinstance(made, Drop):
            self._ledger.lost(self._row + SOURCE_LOST, made.reason, int(not again))
            self._lost(n, made.reason)
            return
        values = made if isinstance(made, dict) else {next(iter(self.source.makes)): made}
        when = now if self.live else n / (self.source.rate or USUAL_RATE)
        self._put(Captured(n, when, now, values))

    def _put(self, frame: Captured) -> None:
        with self._changed:
            if self._box is not None:
                self._ledger.lost(self._row + SOURCE_LOST, "superseded")
                self._lost(self._box.n, "superseded")
            self._box = frame
        if self.live:
            self._wake()

    def _lost(self, n: int, reason: str) -> None:
        if self.trace is not None:
            self.trace.mark("lost", self.name, self.name, n, reason)

    def _fail(self, error: Exception) -> None:
        told = _line(error)
        self.error = told if told.startswith(self.name + ":") else f"{self.name}: {told}"
        self.code = error.code if isinstance(error, EdgeError) else SourceError.code
        if not self._alone:  # else it is the run's own error, said at its end
            log.error("%s", self.error, extra={"camera": self.name})


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    told = text[0] if text else "no more is known"
    return told if isinstance(error, EdgeError) else f"{type(error).__name__}: {told}"


def _nothing() -> None:
    pass
