"""What a monitor asks a run: `/metrics`, `/livez`, `/readyz`, `/status.json`, answered by a thread of the supervisor's process.

It needs no worker, and reads only what the supervisor has at hand.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import pathlib
import signal
import socket
import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.core.errors import SourceError, UsageError
from edge.core.health.door import Door
from edge.core.health.metrics import Collector, exposition
from edge.core.health.readiness import checks, verdict
from edge.core.health.serving import Serving
from edge.core.secret import secret_in

log = logging.getLogger("edge")

CONNECTIONS = 32
"""At once: a monitor needs one."""
SHORTEST_TOKEN = 16
PAGES = "/metrics, /livez, /readyz, /status.json\n"


class Health:
    """Listens when it is made, so that a port in use is told before anything starts. `address`: [HOST:]PORT. `token_file`:
    holds the secret that must be shown; "" for none, which is for this machine's own addresses only.

    `watch` is the run's: it is called at every turn of the supervisor. `finish` is told the report, whose figures stay.
    """

    def __init__(self, address: str, token_file: str = "") -> None:
        self.log = log
        token = token_from(pathlib.Path(token_file)) if token_file else ""
        listening, alone = _bound(address, bool(token))
        host, port = listening.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        self._run: Any = None
        self._collector: Collector | None = None
        self._report: dict[str, Any] | None = None
        self._turned = time.monotonic()
        # A probe of whoever keeps the process alive carries no secret, and learns one word.
        door = Door(self._app(), token, f"edge_{port}", alone, self, public=("/livez", "/healthz"))
        self._serving = Serving(door, listening, "health", CONNECTIONS)
        log.info("health: %smetrics", self.address, extra={"event": "listening"})

    def _app(self) -> Starlette:
        pages = {"/": self._index, "/livez": self._livez, "/healthz": self._livez, "/readyz": self._readyz}
        pages.update({"/metrics": self._metrics, "/status.json": self._status})
        return Starlette(routes=[Route(path, page) for path, page in pages.items()])

    # -- in the supervisor's thread -------------------------------------------------------------------------------------------

    def watch(self, run: Any) -> None:
        self._turned = time.monotonic()
        if self._run is None:
            self._collector = Collector(run)
            self._run = run

    def finish(self, run: Any, report: dict[str, Any]) -> None:
        """The run has ended: from now on its figures are those of the report."""
        self.watch(run)
        assert self._collector is not None
        self._collector.freeze(report)
        self._report = report

    def linger(self, seconds: float) -> None:
        """Stay for a last scrape; a signal ends it."""
        before = {number: signal.signal(number, _enough) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            time.sleep(seconds)
        except _Enough:
            pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        self._serving.close()

    # -- in the server's ------------------------------------------------------------------------------------------------------

    async def _index(self, request: Request) -> Response:
        return PlainTextResponse(PAGES)

    async def _livez(self, request: Request) -> Response:
        """Does the supervisor turn? Before the run is there, and after it, nothing has to."""
        late = time.monotonic() - self._turned
        if self._run is not None and self._report is None and late > self._run.ledger.plan.restart["stall"]:
            return PlainTextResponse(f"the supervisor has not turned for {late:.0f} s\n", 503)
        return PlainTextResponse("ok\n")

    async def _readyz(self, request: Request) -> Response:
        if self._run is None or self._report is not None:
            return _answer("starting" if self._run is None else "ended", [])
        status = self._run.status()
        found = checks(self._run.ledger.plan, status, time.monotonic() - self._turned)
        return _answer({"opening": "starting", "ending": "ending"}.get(status["state"]) or verdict(found), found)

    async def _metrics(self, request: Request) -> Response:
        if self._collector is None:
            return PlainTextResponse("the run is starting\n", 503)
        body, kind = exposition(self._collector, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    async def _status(self, request: Request) -> Response:
        if self._run is None:
            return PlainTextResponse("the run is starting\n", 503)
        told = self._run.status() if self._report is None else self._report
        return Response(json.dumps(told, default=str), media_type="application/json")


def _answer(word: str, found: list[dict[str, Any]]) -> Response:
    """JSON that a person can read as well: a line for each check."""
    lines = ",\n".join("  " + json.dumps(check) for check in found)
    body = f'{{"status": "{word}", "checks": [\n{lines}\n]}}\n'
    return Response(body, 200 if word in ("ready", "degraded") else 503, media_type="application/json")


class _Enough(Exception):
    """A signal while it lingers."""


def _enough(number: int, frame: Any) -> None:
    raise _Enough


# -- the address and the secret -----------------------------------------------------------------------------------------------


def _bound(address: str, secret: bool) -> tuple[socket.socket, bool]:
    """A listening socket, and whether only this machine can reach it. `secret`: is there a token?"""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--listen {address}: give a port, 0 to 65535, or HOST:PORT")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError:
        raise SourceError(f"--listen {address}: '{host}' is no address of this machine") from None
    alone = ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback
    if not alone and not secret:
        raise UsageError(f"--listen {address}: others can reach {host}; give --token-file FILE, or listen at 127.0.0.1")
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
        made.listen(CONNECTIONS)
    except OSError as problem:
        made.close()
        raise SourceError(f"--listen {address}: {problem.strerror}; give another port or address") from None
    return made, alone


def token_from(path: pathlib.Path) -> str:
    """The token in a file. Raises SourceError."""
    token = secret_in(path, "--token-file", "the token").strip()
    if len(token) < SHORTEST_TOKEN:
        raise SourceError(
            f"--token-file {path}: fewer than {SHORTEST_TOKEN} letters; head -c 24 /dev/urandom | base64 makes one"
        )
    return token
