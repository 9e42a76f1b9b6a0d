"""The conformance run: does a plugin keep what it promises? Behind `edge plugins test NAME`, and a test of your own."""

from __future__ import annotations

import os
import pathlib
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO

import msgspec

from edge.core import hooks, spawn
from edge.core.errors import EdgeError, UsageError
from edge.core.options import nearest
from edge.core.testing.finding import Finding
from edge.core.testing.place import is_plugins

PATIENCE = 30.0
"""Seconds that one call of a plugin's method may take: as long as a graph waits, unless its `restart.stall` says otherwise."""
AT_START = 30.0
"""Seconds until the plugin is imported."""
WORST = {"PASS": 0, "SKIP": 1, "FAIL": 2}


def conform(
    plugin: str | type,
    options: Mapping[str, Any] | None = None,
    *,
    device: str = "",
    only: Collection[str] = (),
    patience: float = PATIENCE,
    watch: Callable[[str], None] = lambda what: None,
) -> list[Finding]:
    """What the checks find of a plugin, by its name, or of one Stage, Source, Device or Policy, which a module has.

    options: of its stages; "model" also says which network a device is tried with. device: the profile that runs a stage's
    network. only: the checks to make, and the one that they rely on; else all. patience: seconds that one call may take,
    before it counts as hanging. watch: told each check as it begins.

    It runs in a process of its own, in an empty folder that is removed. Raises UsageError for a name or an option that is not.
    """
    if "edge.core.testing.examiner" in sys.modules:  # else a module that calls it when imported would start itself for ever
        raise UsageError("conform is called while a module is imported: call it in a test function")
    request = _request(plugin, options or {}, device=device, only=list(only))
    with tempfile.TemporaryDirectory(prefix="edge-test-") as folder:
        return _Exchange(request, pathlib.Path(folder), patience, watch).run()


def _request(plugin: str | type, options: Mapping[str, Any], **more: Any) -> bytes:
    words: dict[str, Any] = {
        "options": dict(options),
        "folder": os.getcwd(),
        "path": [entry for entry in sys.path if entry],
        **more,
    }
    if isinstance(plugin, str):
        if plugin not in hooks.known() and not (hooks.ROOT / "devices" / f"{plugin}.py").is_file():
            raise UsageError(f"there is no plugin '{plugin}'{nearest(plugin, hooks.known()) or '.'} See 'edge plugins'")
        words["plugin"] = plugin
    else:
        if "<locals>" in plugin.__qualname__:
            raise UsageError(
                f"{plugin.__name__} is defined in a function: define it in a module, where another process finds it"
            )
        file = getattr(sys.modules.get(plugin.__module__), "__file__", "") or ""
        words.update(module=plugin.__module__, file=file, cls=plugin.__qualname__)
    return msgspec.json.encode(words, enc_hook=str)


class _Exchange:
    """One request to one examiner, and its answers as they come."""

    def __init__(self, request: bytes, folder: pathlib.Path, patience: float, watch: Callable[[str], None]) -> None:
        self._request = request
        self._folder = folder
        self._patience = patience
        self._watch = watch
        self._planned: list[tuple[str, str]] = []
        self._found: dict[tuple[str, str], Finding] = {}
        self._at: tuple[str, str] = ("plugin", "loads")
        self._doing = "the import"
        self._done = False

    def run(self) -> list[Finding]:
        work = self._folder / "work"
        work.mkdir()
        near, far = os.pipe()
        with open(self._folder / "said", "w+b") as said, open(self._folder / "errors", "w+b") as errors:
            command = [*spawn.command("edge.core.testing.examiner"), str(far)]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=said, stderr=errors, cwd=work, pass_fds=[far], start_new_session=True
            )
            os.close(far)
            try:
                self._exchange(process, near, errors)
            finally:
                os.close(near)
                _end(process)
        return self._in_order()

    def _exchange(self, process: subprocess.Popen[bytes], near: int, errors: BinaryIO) -> None:
        assert process.stdin is not None
        with process.stdin as request:
            request.write(self._request)
        for message in _messages(near, lambda: self._patience if self._planned else AT_START):
            if message is None:
                return self._hangs(process, errors)
            if "error" in message:
                error = EdgeError(message["error"])
                error.code = message["code"]
                raise error
            if "done" in message or message.get("plan") == []:
                self._done = True
            self._take(message)
        if not self._done:
            self._crashed(process, errors)

    def _take(self, message: dict[str, Any]) -> None:
        if "plan" in message:
            self._planned = [(of, check) for of, check in message["plan"]]
        elif "begin" in message:
            self._at = (message["begin"][0], message["begin"][1])
            self._doing = "it"
            self._watch(" ".join(self._at))
        elif "doing" in message:
            self._doing = message["doing"]
        elif "finding" in message:
            self._add(msgspec.convert(message["finding"], Finding))

    def _add(self, finding: Finding) -> None:
        """The worst is kept, where a check is told twice."""
        key = (finding.of, finding.check)
        before = self._found.get(key)
        if before is None or WORST[finding.verdict] >= WORST[before.verdict]:
            self._found[key] = finding

    def _hangs(self, process: subprocess.Popen[bytes], errors: BinaryIO) -> None:
        """Find out where, then end it."""
        before = errors.seek(0, os.SEEK_END)
        process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + 1.0
        while os.fstat(errors.fileno()).st_size == before and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        time.sleep(0.05)
        errors.seek(before)
        place = _place(errors.read().decode(errors="replace"))
        told = f"{self._doing} has not returned after {self._patience:g} s{place and f', it is at {place}'}"
        self._stopped("hang", f"{told}: it would be killed, and its worker replaced")

    def _crashed(self, process: subprocess.Popen[bytes], errors: BinaryIO) -> None:
        code = process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        errors.seek(0)
        text = errors.read().decode(errors="replace")
        place = _place(text) if code < 0 else ""
        last = "" if code < 0 else next((line for line in reversed(text.splitlines()) if line.strip()), "")
        more = "".join([place and f", at {place}", last and f": {last}"])
        self._stopped("crash", f"{self._doing} ended the whole process ({how}{more})")

    def _stopped(self, check: str, told: str) -> None:
        self._add(Finding(self._at[0], check, "FAIL", told))
        for of, name in self._planned:
            if (of, name) not in self._found:
                words = f"not to be told: see '{check}'" if (of, name) == self._at else f"not tried, because of '{check}'"
                self._add(Finding(of, name, "SKIP", words))

    def _in_order(self) -> list[Finding]:
        """As planned; what was not, behind the checks of its own kind."""
        places = {key: i for i, key in enumerate(self._planned)}
        last = {of: i for i, (of, _) in enumerate(self._planned)}
        return sorted(self._found.values(), key=lambda f: places.get((f.of, f.check), last.get(f.of, -1) + 0.5))


def _messages(fd: int, patience: Callable[[], float]) -> Iterator[dict[str, Any] | None]:
    """What comes, line by line; None where nothing has come for too long. Ends with the other side."""
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while True:
            if not selector.select(patience()):
                yield None
                return
            more = os.read(fd, 1 << 16)
            if not more:
                return
            *lines, text = (text + more).split(b"\n")
            yield from (msgspec.json.decode(line) for line in lines)


def _place(text: str) -> str:
    """The innermost line of a plugin in what faulthandler wrote, as "edge_x.py:12"; of the main thread, which comes last."""
    main = re.split(r"^(?:Current )?[Tt]hread ", text, flags=re.M)[-1]
    for file, line in re.findall(r'File "(.+?)", line (\d+)', main):
        if is_plugins(file):
            return f"{pathlib.Path(file).name}:{line}"
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """The examiner, and whatever a plugin has started in it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
