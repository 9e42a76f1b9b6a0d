"""The web server: a thread of the stage's process."""

from __future__ import annotations

import errno
import socket

from edge import Context, Door, Serving, SourceError
from edge.plugins.web.board import Board
from edge.plugins.web.pages import Pages

PORTS = range(8080, 8101)
"""Tried one after the other where none is named."""
CONNECTIONS = 64
"""Connections of any kind at once: a preview must not become the load."""
STALLED = 10.0
"""Seconds after which a browser that takes nothing is cut off."""


class Server:
    """Listens when it is made. `guarded`: only requests that name this machine itself are answered, so that no page on the
    web can look in through a name that it points here (DNS rebinding). `knobs`: options may be changed."""

    def __init__(
        self, board: Board, context: Context, host: str, port: int, token: str, guarded: bool, knobs: bool = False
    ) -> None:
        self._board = board
        listening = bound(host, port)
        self.port = listening.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        app = Door(Pages(board, context, knobs).app, token, f"edge_{self.port}", guarded, context)
        self._serving = Serving(app, listening, "web", CONNECTIONS, board.attach)

    def close(self) -> None:
        """Within two seconds, whoever is watching."""
        self._board.close()
        self._serving.close()


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
