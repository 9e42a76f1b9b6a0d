"""What can be asked for: the page and its parts, pictures, numbers, and changes where they are allowed."""

from __future__ import annotations

import asyncio
import html
import json
import pathlib
from typing import Any, AsyncIterator, Dict, Optional

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge import Context, EdgeError
from edge.plugins.web.board import Board, Picture
from edge.plugins.web.knobs import Knobs, Refused
from edge.plugins.web.numbers import Numbers, aside

PAGE = pathlib.Path(__file__).parent / "page"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
WATCHERS = 16
"""Streams of pictures at once, and as many pages: a preview must not become the load."""
REPEAT = 2.0
"""Seconds after which a stream says its last picture again, which also finds out who has left."""
FRESH = 1.0
"""Seconds that a snapshot waits for a new picture before it takes the last one."""
BOUNDARY = b"edge"
LARGEST = 1000
"""Bytes of a request to change something."""
SENDING = 5.0
"""Seconds that such a request may take to come."""


class Pages:
    """The routes, as an ASGI app. Who may ask is settled before it, by the door."""

    def __init__(self, board: Board, context: Context, knobs: bool) -> None:
        self._board = board
        self._context = context
        self._knobs = Knobs() if knobs else None
        self._numbers = Numbers(board, context, self._knobs)
        self._one_change = asyncio.Lock()
        self._page = (PAGE / "page.html").read_text("utf-8").replace("{graph}", html.escape(context.graph))
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/camera/{source}", self.camera),
                *(Route(f"/page/{part.name}", still(part.read_bytes(), KINDS[part.suffix])) for part in parts_of_the_page()),
                Route("/status.json", self.status),
                Route("/events", self.events),
                Route("/snapshot/{source}.jpg", self.snapshot),
                Route("/stream/{source}.mjpg", self.stream),
                Route("/background/{name}", self.background),
                Route("/set", self.change, methods=["POST"]),
            ]
        )

    # -- the page and its numbers -------------------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        return Response(self._page.replace("{root}", "."), media_type="text/html")

    async def camera(self, request: Request) -> Response:
        """The same page, which looks at its own address; it also says when there is no such camera."""
        code = 200 if request.path_params["source"] in self._board.shots else 404
        return Response(self._page.replace("{root}", ".."), code, media_type="text/html")

    async def status(self, request: Request) -> Response:
        told = {"graph": self._context.graph, "watching": self._board.watching, "sources": self._board.figures()}
        run = self._numbers.status()
        return Response(json.dumps({**told, "run": run}, default=str), media_type="application/json")

    async def events(self, request: Request) -> Response:
        if self._numbers.viewers >= WATCHERS:
            return PlainTextResponse(f"{WATCHERS} are watching already\n", 503, {"Retry-After": "5"})
        return Counted(self._numbers.stream(), "text/event-stream", self._numbers, "viewers")

    # -- pictures -----------------------------------------------------------------------------------------------------------

    async def snapshot(self, request: Request) -> Response:
        """The next picture, or after FRESH the last one. With `?after=NUMBER`, who has the last one gets 204 instead."""
        source, view = request.path_params["source"], request.query_params.get("view", "result")
        wrong = self._wrong(source, view)
        if wrong is not None:
            return wrong
        last = self._board.newest(source, view)
        after = request.query_params.get("after", "")
        has = int(after) if after.isdecimal() else None
        picture = await self._board.newer(source, view, (last.number if last else 0) if has is None else has, FRESH)
        if picture is None and has is not None:
            return Response(status_code=204)
        picture = picture or last
        if picture is None:
            return PlainTextResponse("There is no picture yet\n", 503, {"Retry-After": "1"})
        return Response(picture.jpeg, media_type="image/jpeg", headers={"Edge-Number": str(picture.number)})

    async def stream(self, request: Request) -> Response:
        source, view = request.path_params["source"], request.query_params.get("view", "result")
        wrong = self._wrong(source, view)
        if wrong is not None:
            return wrong
        if self._board.watching >= WATCHERS:
            return PlainTextResponse(f"{WATCHERS} are watching already\n", 503, {"Retry-After": "5"})
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        return Counted(parts(self._board, source, view), kind, self._board, "watching")

    def _wrong(self, source: str, view: str) -> Optional[Response]:
        """What to answer where there is no such camera or view; None where there is."""
        known = self._board.shots
        if source not in known:
            return PlainTextResponse(f"There is no camera '{source}'; there are: {', '.join(known)}\n", 404)
        if view not in self._board.views:
            return PlainTextResponse(f"There is no view '{view}'; there are: {', '.join(self._board.views)}\n", 404)
        return None

    # -- knobs --------------------------------------------------------------------------------------------------------------

    async def background(self, request: Request) -> Response:
        """A small picture of a background that can be chosen."""
        picture = self._knobs.thumbnail(request.path_params["name"]) if self._knobs else None
        return Response(picture, media_type="image/jpeg") if picture else PlainTextResponse("There is none\n", 404)

    async def change(self, request: Request) -> Response:
        """Turn a knob: {"stage": "blend", "option": "soft", "value": 2}. One at a time, and the answer is the run's own."""
        if self._knobs is None:
            return JSONResponse({"error": "knobs are off: start the graph with knobs: true"}, 404)
        try:
            self._knobs.check_sender(request.headers)
            words = self._knobs.words(await body(request), await self._numbers.known())
            async with self._one_change:
                await aside(self._context.ask, {"do": "set", "set": words})
        except Refused as problem:
            return JSONResponse({"error": str(problem)}, problem.code)
        except EdgeError as problem:
            return JSONResponse({"error": str(problem)}, 409)
        self._numbers.ask_again()
        return JSONResponse({"set": words})


class Counted(StreamingResponse):
    """One who watches, counted as `owner.name`. Whoever is slow gets less, never what is old."""

    def __init__(self, content: AsyncIterator[bytes], kind: str, owner: Any, name: str) -> None:
        super().__init__(content, media_type=kind)
        self._owner, self._name = owner, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._count(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        setattr(self._owner, self._name, getattr(self._owner, self._name) + more)


async def parts(board: Board, source: str, view: str) -> AsyncIterator[bytes]:
    """Each part ends with the next one's boundary: browsers show a picture only once they have seen it."""
    yield b"--" + BOUNDARY + b"\r\n"
    last: Optional[Picture] = None
    while not board.closed and source in board.shots:
        last = await board.newer(source, view, last.number if last else 0, REPEAT) or last
        if last is not None and not board.closed:
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(last.jpeg)
            yield head + last.jpeg + b"\r\n--" + BOUNDARY + b"\r\n"


async def body(request: Request) -> Dict[str, Any]:
    """The JSON object that was sent. Raises Refused."""
    try:
        told = json.loads(await asyncio.wait_for(sent(request), SENDING))
    except asyncio.TimeoutError:
        raise Refused(408, f"it did not come within {SENDING:g} s") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Refused(400, 'send an object like {"stage": "blend", "option": "soft", "value": 2}')
    return told


async def sent(request: Request) -> bytes:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise Refused(413, f"more than {LARGEST} bytes")
    return data


def parts_of_the_page() -> Any:
    return [part for part in sorted(PAGE.iterdir()) if part.suffix in KINDS]


def still(content: bytes, kind: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=kind)

    return endpoint
