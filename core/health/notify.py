"""What systemd is told of a run (sd_notify): that it is ready, that it gets on, that it stops, and a line about how it is.

A datagram each, to the socket that NOTIFY_SOCKET names; without that variable nothing is said.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import Any

from edge.core.health.readiness import Progress, settled

log = logging.getLogger("edge")

EVERY = 1.0
"""Seconds between two looks at the run."""
PATIENCE = 20.0
"""Seconds that a camera that neither delivers nor fails holds up READY=1: longer than a camera's own time-outs."""


class Notifier:
    """`watch` is called at every turn of the supervisor, `finish` at the end. READY=1 is said once, WATCHDOG=1 only while the
    run gets on: a supervisor that hangs does not come here, and frames that go nowhere are noticed."""

    def __init__(self) -> None:
        # Out of the environment, so that no worker and no tool of a plugin speaks for this process.
        self._where = os.environ.pop("NOTIFY_SOCKET", "")
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            os.environ.pop(name, None)
        self._began = self._next = time.monotonic()
        self._ready = self._stopping = self._warned = False
        self._progress = Progress()

    def watch(self, run: Any) -> None:
        now = time.monotonic()
        if not self._where or now < self._next:
            return
        self._next = now + EVERY
        status = run.status()
        if status["state"] == "ending":
            self.finish()
        said = [f"STATUS={_line(status)}"]
        if not self._ready and settled(status, now - self._began, PATIENCE):
            self._ready = True
            said.append("READY=1")
        stuck = self._progress.stuck(status)
        fed = stuck < run.ledger.plan.restart["stall"]
        if fed:
            said.append("WATCHDOG=1")
        elif not self._warned:  # once for each time that it is stuck, not once a second
            log.warning("no frame was finished for %.0f s, so the watchdog is not fed", stuck)
        self._warned = not fed
        self._say("\n".join(said))

    def finish(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._say("STOPPING=1")

    def _say(self, text: str) -> None:
        """Nobody waits for it: where systemd does not listen, the run goes on."""
        if not self._where:
            return
        address = "\0" + self._where[1:] if self._where.startswith("@") else self._where
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.setblocking(False)
                out.sendto(text.encode(), address)
            except OSError as problem:
                log.debug("NOTIFY_SOCKET: %s", problem.strerror)


def _line(status: dict[str, Any]) -> str:
    """As `systemctl status` shows it: `2 of 3 cameras give frames, 18234 delivered; camera.yard: reconnecting`."""
    cameras = {name: row for name, row in status["cameras"].items() if row["state"] != "removed"}
    up = [name for name, row in cameras.items() if row["state"] == "running"]
    text = f"{len(up)} of {len(cameras)} cameras give frames, {sum(row['delivered'] for row in cameras.values())} delivered"
    return "; ".join([text, *(f"{name}: {row['state']}" for name, row in cameras.items() if name not in up)])
