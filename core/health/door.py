"""Who may ask a web server of ours: this machine, or whoever shows the token."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Any, Optional

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Door:
    """Lets in who may look, and sends the headers that keep other sites out. An ASGI app around `app`.

    `token`: what must be shown, "" for nothing; `cookie`: the name under which a browser keeps it. `guarded`: only requests
    that name this machine itself are answered, so that no page on the web can look in through a name that it points here
    (DNS rebinding). `context`: whose `log` is told of errors. `public`: paths that need no token.
    """

    def __init__(
        self, app: ASGIApp, token: str, cookie: str, guarded: bool, context: Any, public: Collection[str] = ()
    ) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie
        self._guarded = guarded
        self._log = context.log
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.lower().encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        try:
            await (self._refusal(Request(scope)) or self._app)(scope, receive, answer)
        except Exception as problem:  # of one request: the others go on
            self._log.error("web: %r: %s: %s", scope["path"], type(problem).__name__, problem)

    def _refusal(self, request: Request) -> Optional[Response]:
        if self._guarded and not names_this_machine(request.headers.get("host", "")):
            return PlainTextResponse("This page is shown to this machine only; ask for it as http://127.0.0.1\n", 403)
        if not self._token or request.url.path in self._public:
            return None
        asked = request.query_params.get("token", "")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        shown = asked or request.cookies.get(self._cookie, "") or bearer
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            return PlainTextResponse("A token is needed: add ?token=... to the address\n", 401)
        page = request.url.path
        if asked and (page == "/" or page.startswith("/camera/")):  # out of the address bar, into a cookie
            response = RedirectResponse(page)
            response.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
            return response
        return None


def names_this_machine(host: str) -> bool:
    """Is this the Host of a request to the machine itself?"""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower() in ("127.0.0.1", "localhost", "[::1]")
