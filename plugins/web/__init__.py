"""A page that shows the newest picture and how the run is going."""

from __future__ import annotations

import ipaddress
import pathlib
import time
from typing import Any, Dict, Optional

from edge import Alpha, Context, EdgeError, Frame, Image, SourceError, Stage, hookimpl, secret_in
from edge.plugins.web.board import Board
from edge.plugins.web.views import Views

SHORTEST_TOKEN = 16


class Web(Stage):
    """Shows the newest frame only. A view is encoded only while somebody watches it, and nothing waits for a slow browser.

    `/` the page, `/camera/CAMERA` one camera, `/events` the numbers, `/stream/CAMERA.mjpg` and `/snapshot/CAMERA.jpg` pictures,
    each with `?view=alpha` and the like, `/status.json` the run as in its report. With `matte` wired there is a view of the
    alpha, with `room` and `show_room` one of the camera's own picture.
    """

    port: int = 0  # 0: 8080, or the next free one up to 8100; a port that is named must be free
    host: str = "127.0.0.1"  # the address to listen at; another than this machine's own needs a token
    token: str = ""  # a secret that a browser must show: ADDRESS/?token=...; take it from the environment: ${WEB_TOKEN}
    token_file: Optional[pathlib.Path] = None  # a file with the token, readable by you alone, instead of `token`
    show_room: bool = False  # offer the view of `room`, which shows who and what is really there; needs a token
    knobs: bool = False  # let whoever sees the page change background and edge of `composite` stages while it runs
    quality: int = 80  # of the JPEG pictures, 1..100
    fps: float = 15.0  # the most pictures per second that are sent of each view
    size: int = 1280  # the longest side of a picture sent, in pixels; larger ones are scaled down

    keep = "latest"
    takes_ticks = True
    steady = ("port", "host", "token", "token_file", "show_room", "knobs")

    def check(self) -> Dict[str, object]:
        wrong: Dict[str, object] = {}
        if not 0 <= self.port <= 65535:
            wrong["port"] = f"{self.port} is no port; give 1024..65535, or 0 for a free one"
        if not 1 <= self.quality <= 100:
            wrong["quality"] = f"{self.quality} is not within 1..100"
        if not 0 < self.fps <= 120:
            wrong["fps"] = f"{self.fps} is not within 0..120"
        if self.size < 16:
            wrong["size"] = f"{self.size} pixels show nothing; give 16 or more"
        return {**wrong, **self._check_token()}

    def _check_token(self) -> Dict[str, object]:
        named = "token_file" if self.token_file else "token"
        if self.token_file and self.token:
            return {"token_file": "there is a `token` as well; give one of them"}
        try:
            token = self._secret()
        except EdgeError as error:
            return {"token_file": error}
        if not is_loopback(self.host) and len(token) < SHORTEST_TOKEN:
            return {
                named: f"others can reach {self.host}: give a secret of {SHORTEST_TOKEN} or more letters, or host 127.0.0.1"
            }
        if self.show_room and len(token) < SHORTEST_TOKEN:
            return {named: f"show_room shows the room itself: give a secret of {SHORTEST_TOKEN} or more letters"}
        return {}

    def _secret(self) -> str:
        """The token, "" for none. Raises SourceError where its file cannot be used."""
        return read_secret(self.token_file) if self.token_file else self.token

    def open(self, context: Context) -> None:
        self.context = context
        try:
            from edge.plugins.web.server import Server
        except ImportError as problem:
            raise SourceError(f"web needs {problem.name}: pip install 'edgeflow[web]'") from None
        token = self._secret()
        self._views = self._make_views(context, bool(token))
        self._board = Board(context.sources, self.fps, self._views.names)
        self._server = Server(self._board, context, self.host, self.port, token, is_loopback(self.host), self.knobs)

    def _make_views(self, context: Context, safe: bool) -> Views:
        return Views(context.inputs, self.show_room and safe, self.size, self.quality)

    def where(self) -> str:
        return self._server.address

    def process(
        self,
        frame: Frame,
        image: Optional[Image],
        matte: Optional[Alpha] = None,
        room: Optional[Image] = None,
    ) -> None:
        now = time.monotonic()
        if image is not None:
            self._board.arrived(frame.source, frame.n, now, now - frame.born)
        parts = {"image": image, "matte": matte, "room": room}
        for view in self._views.names:
            if self._views.there(view, parts) and self._board.due(frame.source, view, now):
                self._board.show(frame.source, view, self._views.jpeg(view, parts))

    def enter(self, source: str) -> None:
        self._board.enter(source)

    def leave(self, source: str) -> None:
        self._board.leave(source)

    def changed(self, options: Any) -> None:
        """Quality, rate and size: the next picture has them, and nobody's stream ends."""
        self._views = self._make_views(self.context, "room" in self._views.names)
        self._board.every = 1.0 / self.fps

    def close(self) -> None:
        self._server.close()


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_secret(path: pathlib.Path) -> str:
    """The token in a file. Raises SourceError."""
    token = secret_in(path, "token_file", "the token").strip()
    if not token:
        raise SourceError(f"token_file {path}: the file is empty; write the token into it")
    return token


@hookimpl
def register_stages(register: Any) -> None:
    register("web", Web)
