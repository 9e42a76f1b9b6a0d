"""`plugins.allow`: which third-party distributions may be loaded here. For a kiosk, where only what was looked at may run.

One distribution a line, and as much of it as is to be held to: its name; its name and version; its name, version and the hash
of its RECORD, the list that its installer wrote of its files and their hashes.

    edge-presence
    edge-presence 0.1
    edge-presence 0.1 sha256:5f6e...

Where there is no such file, everything that is installed may be loaded. Where it is empty, nothing but the built-ins may.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import re
from typing import NamedTuple

from edge.core.errors import EdgeError

VARIABLE = "EDGE_PLUGINS_ALLOW"
_LINE = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\s+(\d[\w.+!-]*))?(?:\s+sha256:([0-9a-f]{64}))?")


class AllowError(EdgeError):
    """The list is named but not there, or cannot be read: nothing is loaded on a guess."""

    code = 3


class Line(NamedTuple):
    """What a line allows; "" for what it does not hold to."""

    name: str
    version: str
    digest: str


class Allowed:
    """The lines of one file, by their numbers."""

    def __init__(self, path: pathlib.Path, text: str) -> None:
        """Raises AllowError at the first line that says something else."""
        self.path = path
        self.lines: dict[int, Line] = {}
        for number, words in enumerate(text.splitlines(), 1):
            words = words.partition("#")[0].strip()
            found = _LINE.fullmatch(words)
            if words and not found:
                told = f"'{words}' is no line of it; write NAME, NAME VERSION, or NAME VERSION sha256:DIGITS"
                raise AllowError(f"{path}:{number}: {told}")
            if found:
                self.lines[number] = Line(*(found.groups(default="")))

    def refusal(self, package: importlib.metadata.Distribution) -> str:
        """Why this distribution may not be loaded, and the line that would allow it; "" where it may."""
        named = {number: line for number, line in self.lines.items() if _plain(line.name) == _plain(package.name)}
        if not named:
            return f"is not in {self.path}; to allow it, add the line: {line_for(package)}"
        told = ""
        for number, line in named.items():
            told = self._refusal(package, line, f"{self.path}:{number}")
            if not told:
                return ""
        return told

    def _refusal(self, package: importlib.metadata.Distribution, line: Line, where: str) -> str:
        if line.version and line.version != package.version:
            return f"is not the version {line.version} that {where} allows; to allow this one, write: {line_for(package)}"
        if line.digest and line.digest != _digest(package):
            return f"is not installed from the files that {where} allows; to allow these, write: {line_for(package)}"
        strange = _changed(package) if line.digest else ""
        return f"has a file that is not as it was installed ({strange}); install it again" if strange else ""


@functools.cache
def allowed() -> Allowed | None:
    """The list that holds here: that of EDGE_PLUGINS_ALLOW, else `edge/plugins.allow` among the user's configuration, else
    None. Raises AllowError where it cannot be read."""
    named = os.environ.get(VARIABLE, "")
    path = pathlib.Path(named).expanduser() if named else _usual()
    try:
        return Allowed(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise AllowError(
                f"{VARIABLE}: {path}: there is no such file, so nothing is allowed; make it, or unset it"
            ) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AllowError(f"{path}: cannot be read: {why}; the plugins that may be loaded are in it") from None


def _usual() -> pathlib.Path:
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return pathlib.Path(home).expanduser() / "edge" / "plugins.allow"


def line_for(package: importlib.metadata.Distribution) -> str:
    """The line that allows this distribution as it is installed now, and no other."""
    digest = _digest(package)
    return " ".join([package.name, package.version, *([f"sha256:{digest}"] if digest else [])])


def _plain(name: str) -> str:
    """As installers compare names: case and the kind of dash do not matter."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _digest(package: importlib.metadata.Distribution) -> str:
    """sha256 of the RECORD, in hex; "" where the installer wrote none."""
    records = [pathlib.Path(str(file.locate())) for file in package.files or () if file.name == "RECORD"]
    return hashlib.sha256(records[0].read_bytes()).hexdigest() if records and records[0].is_file() else ""


def _changed(package: importlib.metadata.Distribution) -> str:
    """The first file that differs from its hash in the RECORD, or is gone; "" where none does. What has no hash there (the
    bytecode that Python writes) is not looked at."""
    for file in package.files or ():
        if file.hash is None:
            continue
        path = pathlib.Path(str(file.locate()))
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest() if path.is_file() else b""
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            return str(file)
    return ""
