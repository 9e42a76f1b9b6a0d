"""Brings pictures to a server: starts the process that encodes and pushes them, hands it the newest, starts it again."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np

from edge.plugins.rtsp.address import Unreachable, unreachable

SENDER = Path(__file__).with_name("sender.py")
FIRST_WAIT = 0.5
"""Seconds before the second attempt, doubled each time up to `retry`, with jitter."""
PARTING = 1.0
"""Seconds that the sender gets to say goodbye to the server."""
ALARM = -signal.SIGALRM
"""How a sender ends that its alarm has killed."""


class Courier:
    """`where`: the server, as it may be shown. `order`: what the sender is told, secrets included, on its stdin. The thread
    begins with the first picture, whose size is that of the stream."""

    def __init__(self, where: str, order: Dict[str, Any], retry: float, log: logging.Logger) -> None:
        self.where = where
        self._order = order
        self._retry = retry
        self._log = log
        self._changed = threading.Condition()
        self._box: Optional[Tuple[float, np.ndarray]] = None
        self._taking = False
        self._stopping = False
        self._size = (0, 0)
        self._pushed = 0
        self._sender: Optional[subprocess.Popen[bytes]] = None
        self._thread = threading.Thread(target=self._run, name=f"push {where}", daemon=True)

    def offer(self, picture: np.ndarray, time: float) -> bool:
        """Take a copy of this picture; False where the server is away, or still has the last."""
        with self._changed:
            if not self._thread.ident and not self._stopping:
                self._size = picture.shape[:2]
                self._thread.start()
            if not self._taking or self._box is not None:
                return False
            self._box = (time, picture.copy())
            self._changed.notify_all()
            return True

    def stop(self) -> None:
        """Push what was taken, and no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        self.stop()
        if self._thread.ident:
            self._thread.join(PARTING)
            if self._thread.is_alive() and self._sender is not None:
                self._sender.kill()
            self._thread.join(PARTING)

    # -- in the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        wait, last = FIRST_WAIT, ""
        while not self._stopping:
            try:
                problem = self._serve()
            except (OSError, ValueError) as error:  # no process can be started, or what it said is no JSON
                problem = Unreachable(f"{self.where}: the sender does not work: {error}")
            if self._stopping:
                return
            if self._pushed:
                wait, last = FIRST_WAIT, ""
            if str(problem) != last:  # once for each outage, not for each attempt
                last = str(problem)
                self._log.warning("%s; its pictures are left out until it is back", problem)
            with self._changed:
                pause = max(wait * random.uniform(0.7, 1.0), problem.wait)
                self._changed.wait_for(lambda: self._stopping, pause)
            wait = min(self._retry, 2 * wait)

    def _serve(self) -> Unreachable:
        """One connection, from its beginning to its end: why it ended."""
        self._pushed = 0
        command = [sys.executable, str(SENDER)]
        with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL) as sender:
            self._sender = sender
            assert sender.stdin and sender.stdout
            height, width = self._size
            with contextlib.suppress(BrokenPipeError):
                order = json.dumps({**self._order, "width": width, "height": height})
                sender.stdin.write(order.encode() + b"\n")
                sender.stdin.flush()
            words = sender.stdout.readline()
            with contextlib.suppress(BrokenPipeError):
                if words == b"on\n":
                    self._log.info("pushing to %s", self.where)
                    self._feed(sender.stdin)
            with contextlib.suppress(BrokenPipeError):
                sender.stdin.close()
            words = sender.stdout.readline() if words == b"on\n" else words
        return self._why(words, sender.returncode)

    def _feed(self, pipe: Any) -> None:
        """Hand over pictures until the sender is gone, there is to be an end, or the pictures have another size."""
        for time, picture in self._taken():
            if picture.shape[:2] != self._size:
                self._size = picture.shape[:2]
                return
            pipe.write(struct.pack("<d", time))
            pipe.write(np.ascontiguousarray(picture).data)
            pipe.flush()
            self._pushed += 1

    def _taken(self) -> Iterator[Tuple[float, np.ndarray]]:
        """Each picture that was offered. The box is empty again only when the picture is on its way."""
        try:
            self._taking = True
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._box is not None or self._stopping)
                    if self._box is None:
                        return
                yield self._box
                self._box = None
        finally:
            self._taking = False
            self._box = None

    def _why(self, words: bytes, code: int) -> Unreachable:
        if code == ALARM:
            return unreachable(self.where, "TimeoutError", "", self._order["timeout"])
        if not words and code == 0:
            return Unreachable(f"{self.where}: pictures of another size follow")
        kind, told = json.loads(words) if words else ("", f"the sender ended with code {code}")
        return unreachable(self.where, kind, told, self._order["timeout"])
