"""The web server: a thread of the stage's process."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge import Context, Door, SourceError
from edge.plugins.web.board import Board
from edge.plugins.web.pages import Pages

PORTS = range(8080, 8101)
"""Tried one after the other where none is named."""
CONNECTIONS = 64
"""Connections of any kind at once: a preview must not become the load."""
STALLED = 10.0
"""Seconds after which a browser that takes nothing, or asks nothing, is cut off."""


class Server:
    """Listens when it is made. `guarded`: only requests that name this machine itself are answered, so that no page on the
    web can look in through a name that it points here (DNS rebinding). `knobs`: options may be changed."""

    def __init__(
        self, board: Board, context: Context, host: str, port: int, token: str, guarded: bool, knobs: bool = False
    ) -> None:
        self._board = board
        self._log = context.log
        self._socket = bound(host, port)
        self.port = self._socket.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        app = Door(Pages(board, context, knobs).app, token, f"edge_{self.port}", guarded, context)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Impatient,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # errors of the app are told by Door, in one line
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=1,
            )
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        self._started.wait(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._board.attach()
        self._started.set()
        await self._server.serve(sockets=[self._socket])

    def close(self) -> None:
        """Within two seconds, whoever is watching."""
        self._board.close()
        self._server.should_exit = True
        self._thread.join(2.0)
        if self._thread.is_alive():
            self._log.warning("web: the server does not stop; it is left behind")


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SourceError where the port that was named, or every usual one, is taken."""
    for candidate in [port] if port else PORTS:
        try:
            return listening(host, candidate)
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise SourceError(f"web: cannot listen at {host}:{candidate}: {_reason(problem)}") from None
    if port:
        raise SourceError(f"web: port {port} is in use; give another `port`, or leave it out to take the next free one")
    raise SourceError(f"web: ports {PORTS[0]} to {PORTS[-1]} are all in use; give a free one as `port`")


def _reason(problem: OSError) -> str:
    if problem.errno == errno.EACCES:
        return "no permission; ports below 1024 are the system's, take a higher `port`"
    return f"{problem.strerror or problem}; `host` must be an address of this machine"


def listening(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is buffered for a slow browser is old by the time it is shown: keep it small.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**18)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED * 1000))
        made.bind((host, port))
        made.listen(CONNECTIONS)
        return made
    except OSError:
        made.close()
        raise


class Impatient(H11Protocol):
    """Cuts off who connects and then asks nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(STALLED, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None:
            self.transport.abort()
