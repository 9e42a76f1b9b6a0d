"""The control socket: who asks gets one answer, and nobody who misbehaves holds up the run."""

from __future__ import annotations

import json
import pathlib
import selectors
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from edge.core import control
from edge.core.control import NAME, Desk, ask, find
from edge.core.errors import EdgeError, GraphError, SourceError, UsageError


class Run:
    """A run that only answers."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {"status": {"state": "running"}, "fail": GraphError(["one", "two"])}
        self._selector = selectors.DefaultSelector()
        self._wakes, self._waker = socket.socketpair()
        self._selector.register(self._wakes, selectors.EVENT_READ, None)
        self._desk = Desk(folder, self._selector, self._handle)
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def _handle(self, request: dict[str, Any], reply: control.Reply) -> None:
        self.asked.append(request)
        reply(self.answers[request["do"]])

    def _loop(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return self._desk.close()
                key.data()

    def close(self) -> None:
        self._waker.send(b"!")
        self._thread.join()
        self._wakes.close()
        self._waker.close()
        self._selector.close()


@pytest.fixture
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path)) if len(str(tmp_path)) < 40 else None
    folder = tmp_path / "door-17"
    folder.mkdir()
    made = Run(folder)
    yield made
    made.close()


def line(run: Run) -> socket.socket:
    return line_to(run.folder)


def line_to(folder: pathlib.Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(10)
    made.connect(str(folder / NAME))
    return made


def test_an_answer_comes_back(run: Run) -> None:
    assert ask(run.folder, {"do": "status", "n": 1}) == {"state": "running"}
    assert run.asked == [{"do": "status", "n": 1}]


def test_an_error_keeps_its_words_and_its_exit_code(run: Run) -> None:
    with pytest.raises(EdgeError, match="^one\ntwo$") as caught:
        ask(run.folder, {"do": "fail"})
    assert caught.value.code == 3


def test_a_slip_of_ours_is_told_and_ends_no_run(run: Run) -> None:
    with pytest.raises(EdgeError, match="^KeyError: 'dance'$"):
        ask(run.folder, {"do": "dance"})
    assert ask(run.folder, {"do": "status"}) == {"state": "running"}


def test_where_no_descriptor_is_free_the_run_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = threading.Event()
    accept = socket.socket.accept

    def refuse(made: socket.socket) -> Any:
        if refused.is_set():
            return accept(made)
        refused.set()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", refuse)
    assert ask(run.folder, {"do": "status"}) == {"state": "running"} and refused.is_set()


@pytest.mark.parametrize("words", [b"hello\n", b"[1]\n", b'{"do": 3}\n', b"\xff\xfe\n", b"\n", b"[" * 100_000 + b"\n"])
def test_what_is_no_request_is_told_so(run: Run, words: bytes) -> None:
    with line(run) as caller:
        caller.sendall(words)
        said = json.loads(caller.makefile().readline())
    assert said["code"] == 2 and "one line of JSON" in said["error"] and run.asked == []


def test_who_hangs_up_or_says_too_much_is_forgotten(run: Run) -> None:
    line(run).close()
    with line(run) as caller:
        caller.sendall(b'{"do": ')
    with line(run) as caller:
        with pytest.raises(OSError):  # it is cut off in mid-sentence
            for _ in range(100):
                caller.sendall(b"x" * (1 << 16))
    assert ask(run.folder, {"do": "status"}) == {"state": "running"}


def test_who_does_not_listen_is_cut_off(run: Run) -> None:
    run.answers["status"] = "x" * (1 << 24)
    with line(run) as silent:
        silent.sendall(b'{"do": "status"}\n')
        run.answers["status"] = "short"
        assert ask(run.folder, {"do": "status"}) == "short"


def test_a_run_that_has_ended_cannot_be_asked(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceError, match="cannot be asked: No such file or directory; has it ended"):
        ask(tmp_path, {"do": "status"})
    made = Run(tmp_path)
    made.close()
    with pytest.raises(SourceError, match="cannot be asked: Connection refused; has it ended"):
        ask(tmp_path, {"do": "status"})


def test_a_run_that_is_silent_is_given_up(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(tmp_path / NAME))
        deaf.listen()
        with pytest.raises(SourceError, match="did not answer within 0 s"):
            ask(tmp_path, {"do": "status"}, timeout=0.1)


def test_runs_are_found_by_folder_by_name_and_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.rundir, "base", lambda: run.folder.parent)
    assert find() == find("door") == find("door-17") == find(str(run.folder)) == run.folder
    with pytest.raises(SourceError, match="no run goes on in 'yard'.*: door-17$"):
        find("yard")
    (run.folder.parent / "door-18").mkdir()  # of a run that was killed: nobody answers there
    assert find() == run.folder
    other = run.folder.parent / "yard-19"
    other.mkdir()
    second = Run(other)
    try:
        with pytest.raises(UsageError, match=r"several runs go on \(door-17, yard-19\): say which with --run-dir"):
            find()
        assert find("yard") == other
    finally:
        second.close()


def test_a_run_that_is_stopped_and_a_path_that_is_too_long_are_no_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not control.answers(tmp_path / ("x" * 200))
    monkeypatch.setattr(control, "CONNECTING", 0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stopped:
        stopped.bind(str(tmp_path / NAME))
        stopped.listen(0)
        with line_to(tmp_path):  # nobody else finds room in the line
            assert not control.answers(tmp_path)


def test_without_a_run_it_says_how_to_start_one(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.rundir, "base", lambda: tmp_path)
    with pytest.raises(SourceError, match="no run goes on here: start one with 'edge run GRAPH'"):
        find()
