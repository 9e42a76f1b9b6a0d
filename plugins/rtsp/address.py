"""Addresses on the network, and the credentials that belong to them but are never shown."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple
from urllib.parse import quote

from edge import SourceError, secret_in

REFUSED = 60.0
"""Seconds before a user or password that was refused is tried again: cameras lock out who fails too often."""

WHY = {
    "HTTPUnauthorizedError": "refuses the user or the password (401); give credentials: env:NAME or file:PATH",
    "HTTPForbiddenError": "does not let this user in (403); check credentials and the user's rights",
    "HTTPNotFoundError": "has no such stream (404); check the path of the address",
    "ConnectionRefusedError": "nothing listens there; see if it is on, and check the port",
    "InvalidDataError": "answers with something that is no video; check port and path",
    "StreamNotFoundError": "has no video; check the path of the address",
}
"""What FFmpeg's errors mean to who set up the address, and what to do."""
SILENT = ("ExitError", "TimeoutError", "BlockingIOError")
"""How FFmpeg says that the time is up."""


class Unreachable(SourceError):
    """A stream cannot be had now. `wait`: seconds before it makes sense to try again, 0 for as usual."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


def unreachable(where: str, kind: str, told: str, seconds: float) -> Unreachable:
    """The error for an exception of FFmpeg's class `kind`. Never its own text: that holds the address, password and all."""
    wait = REFUSED if kind in ("HTTPUnauthorizedError", "HTTPForbiddenError") else 0.0
    if kind in SILENT:
        return Unreachable(f"{where}: does not answer within {seconds:g} s; check address, network and power")
    return Unreachable(f"{where}: {WHY.get(kind) or 'cannot be reached: ' + told.lower()}", wait)


def pyav(use: str) -> Any:
    """The library. Raises SourceError where it is not installed."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise SourceError(f"{use} needs PyAV: pip install 'edgeflow[av]'") from None


def problems(address: str, schemes: Sequence[str], credentials: str) -> Dict[str, str]:
    """What is wrong with the two options, without repeating either."""
    wrong = {}
    scheme, _, rest = address.partition("://")
    user, at, place = rest.rpartition("@")
    if scheme not in schemes or not re.match(r"[^/?#]", place):
        wrong["address"] = f"must begin with {' or '.join(f'{name}://host' for name in schemes)}"
    elif re.search(r"[\s\x00-\x1f\x7f]", address):
        wrong["address"] = "has a blank or a line break in it; write a blank as %20"
    elif re.search(r"[@/?#]", user):
        wrong["address"] = (
            "has an @ too many, or a / ? # before it; write @ / ? # as %40 %2F %3F %23 in user, password and path"
        )
    elif credentials and at:
        wrong["credentials"] = "the address has a user already; leave one of them out"
    if credentials and not re.match(r"env:[A-Za-z_]\w*$|file:[/~]", credentials):
        wrong["credentials"] = "must be env:NAME, or file:/path from the root or ~; never the password itself"
    return wrong


def shown(address: str) -> str:
    """As it may be shown: no user, no password, no query, and no path that looks as if it held a secret. The last part of an
    RTMP address is a stream key, so it is one."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.rpartition("@")[2].partition("?")[0].partition("/")
    if scheme.startswith("rtmp"):
        path = path.partition("/")[0] + "/***"
    elif re.search(r"=|&|pass|pwd|token|key|secret", path, re.I):
        path = "***"
    return f"{scheme}://{host}{slash}{path}"


def complete(address: str, credentials: str) -> str:
    """The address with its user and password, as FFmpeg wants it. It is a secret: it goes into no text."""
    if not credentials:
        return address
    user, password = (quote(part, safe="") for part in read(credentials))
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{user}:{password}@{rest}"


def read(credentials: str) -> Tuple[str, str]:
    """User and password from where `env:NAME` or `file:PATH` says. Raises SourceError that names the place, not the content."""
    kind, _, name = credentials.partition(":")
    path = Path(name).expanduser()
    text = os.environ.get(name) if kind == "env" else secret_in(path, "credentials:", "user:password")
    if text is None:
        raise SourceError(f"credentials: {credentials} is not set; export {name}=user:password before the run")
    user, colon, password = text.rstrip("\r\n").partition(":")
    if not colon or not user or re.search(r"[\r\n\x00]", password):
        raise SourceError(f"credentials: {credentials} must hold one line, user:password")
    return user, password
