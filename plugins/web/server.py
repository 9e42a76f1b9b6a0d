"""The web server: a thread of the stage's process."""

from __future__ import annotations

import asyncio
import errno
import html
import json
import math
import pathlib
import socket
import threading
import time
from typing import Any, AsyncIterator, Dict, Optional

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge import Context, SourceError
from edge.plugins.web.board import Board, Picture
from edge.plugins.web.door import Door

HERE = pathlib.Path(__file__).parent
PORTS = range(8080, 8101)
"""Tried one after the other where none is named."""
WATCHERS = 16
"""Streams at once, and CONNECTIONS of any kind: a preview must not become the load."""
CONNECTIONS = 64
STALLED = 10.0
"""Seconds after which a browser that takes nothing, or asks nothing, is cut off."""
REPEAT = 2.0
"""Seconds after which a stream says its last picture again, which also finds out who has left."""
FRESH = 1.0
"""Seconds that a snapshot waits for a new picture before it takes the last one."""
BOUNDARY = b"edge"


class Server:
    """Listens when it is made. `guarded`: only requests that name this machine itself are answered, so that no page on the
    web can look in through a name that it points here (DNS rebinding)."""

    def __init__(self, board: Board, context: Context, host: str, port: int, token: str, guarded: bool) -> None:
        self._board = board
        self._log = context.log
        self._socket = bound(host, port)
        self.port = self._socket.getsockname()[1]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        app = Door(Pages(board, context).app, token, f"edge_{self.port}", guarded, context)
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


class Pages:
    """What can be asked for."""

    def __init__(self, board: Board, context: Context) -> None:
        self._board = board
        self._context = context
        self._status: Dict[str, Any] = {}
        self._asked = 0.0
        page = (HERE / "page.html").read_text("utf-8").replace("{graph}", html.escape(context.graph))
        self.app = Starlette(
            routes=[
                Route("/", still(page.encode(), "text/html")),
                Route("/page.css", still((HERE / "page.css").read_bytes(), "text/css")),
                Route("/page.js", still((HERE / "page.js").read_bytes(), "text/javascript")),
                Route("/status.json", self.status),
                Route("/snapshot/{source}.jpg", self.snapshot),
                Route("/stream/{source}.mjpg", self.stream),
            ]
        )

    async def status(self, request: Request) -> Response:
        """The run as in the report, asked for at most twice a second, and how pictures come in here."""
        now = time.monotonic()
        if not self._asked or now - self._asked > 0.5:
            self._status, self._asked = finite(self._context.status()), now
        told = {"graph": self._context.graph, "watching": self._board.watching, "sources": self._board.figures()}
        return Response(json.dumps({**told, "run": self._status}, default=str), media_type="application/json")

    async def snapshot(self, request: Request) -> Response:
        source = request.path_params["source"]
        if source not in self._board.newest:
            return unknown(source, self._board)
        last = self._board.newest[source]
        picture = await self._board.newer(source, last.number if last else 0, FRESH) or last
        if picture is None:
            return PlainTextResponse("There is no picture yet\n", 503, {"Retry-After": "1"})
        return Response(picture.jpeg, media_type="image/jpeg")

    async def stream(self, request: Request) -> Response:
        source = request.path_params["source"]
        if source not in self._board.newest:
            return unknown(source, self._board)
        if self._board.watching >= WATCHERS:
            return PlainTextResponse(f"{WATCHERS} are watching already\n", 503, {"Retry-After": "5"})
        return Stream(self._board, source)


class Stream(StreamingResponse):
    """One who watches one camera. Whoever is slow gets fewer pictures, never older ones."""

    def __init__(self, board: Board, source: str) -> None:
        super().__init__(parts(board, source), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}")
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._board.watching += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._board.watching -= 1


async def parts(board: Board, source: str) -> AsyncIterator[bytes]:
    """Each part ends with the next one's boundary: browsers show a picture only once they have seen it."""
    yield b"--" + BOUNDARY + b"\r\n"
    last: Optional[Picture] = None
    while not board.closed:
        last = await board.newer(source, last.number if last else 0, REPEAT) or last
        if last is not None and not board.closed:
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(last.jpeg)
            yield head + last.jpeg + b"\r\n--" + BOUNDARY + b"\r\n"


def still(body: bytes, kind: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return Response(body, media_type=kind)

    return endpoint


def unknown(source: str, board: Board) -> Response:
    return PlainTextResponse(f"There is no camera '{source}'; there are: {', '.join(board.newest)}\n", 404)


def finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {str(key): finite(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
