"""A small web server in a thread of this process: uvicorn around an app, on a socket that listens already."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Callable, Tuple

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("edge")

STALLED = 10.0
"""Seconds after which somebody who connects and asks nothing, or only half of something, is cut off."""


class Serving:
    """Answers from when it is made until `close`. `connections`: so many at once, of any kind; who comes then is told 503.
    `begin` is called in the server's loop, before the first request."""

    def __init__(
        self, app: ASGIApp, listening: socket.socket, name: str, connections: int, begin: Callable[[], None] = lambda: None
    ) -> None:
        self._name = name
        self._socket = listening
        self._begin = begin
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_Impatient,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # errors of the app are told by Door, in one line
                access_log=False,  # it would show the token of an address
                server_header=False,
                limit_concurrency=connections,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._begin()
        await self._server.serve(sockets=[self._socket])

    def close(self) -> None:
        """Within two seconds, whoever is asking."""
        self._server.should_exit = True
        self._thread.join(2.0)
        if self._thread.is_alive():
            log.warning("%s: the server does not stop; it is left behind", self._name)
        self._socket.close()


class _Impatient(H11Protocol):
    """Cuts off who connects and then asks nothing; also who was answered, and then asks only half of something, for which
    uvicorn waits for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(STALLED, self._look, (None,))

    def _look(self, before: Tuple[object, ...]) -> None:
        """`before`: the request after which nothing was asked when it was looked at last; () where one was being answered."""
        if self.transport.is_closing():
            return
        rests = (self.cycle,) if self.cycle is None or self.cycle.response_complete else ()
        if rests and rests == before:
            self.transport.abort()
        else:
            self.loop.call_later(STALLED, self._look, rests)
