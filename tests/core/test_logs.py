"""What is said on stderr: every line of a run is JSON where that is asked for, whole, in one write, and without a secret."""

from __future__ import annotations

import json
import logging
import os
import pty
import select
import subprocess
import sys
import time

import pytest
from commands import COMMAND, ROOT, distribution, edge, environment

from edge.core import logs

SECRET = "rtsp://eve:S3CRET@10.0.0.9/main"
GRAPH = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, frames: 12, pace: fast}
  bad: {use: sorry, from: camera}
  out: {use: discard, from: bad}
  gone: {use: file, path: gone.mp4}
  nothing: {use: discard, from: gone}
"""
SORRY = f"""
import warnings
from edge import Frame, Image, Stage, hookimpl

class Sorry(Stage):
    makes = {{"image": Image}}

    def open(self, context):
        self.context = context
        context.log.info("opened %s", "{SECRET}")

    def process(self, frame: Frame, image: Image):
        self.context.log.debug("at %d", frame.n, extra={{"n": frame.n, "camera": frame.source}})
        if frame.n == 3:
            warnings.warn("an old word")
        if frame.n == 5:
            raise ValueError("cannot reach {SECRET}\\nand more " + "x" * 9000)
        return {{"image": image}}

@hookimpl
def register_stages(register):
    register("sorry", Sorry)
"""
EVERY = {"time", "monotonic", "level", "message"}


@pytest.fixture
def sorry(tmp_path):
    """A folder with a graph whose stage logs, warns and raises, and what makes that plugin known."""
    (tmp_path / "sorry.yaml").write_text(GRAPH)
    return tmp_path, {"PYTHONPATH": str(distribution(tmp_path / "site", "edge_sorry", SORRY, "sorry"))}


def rows(err: str) -> list[dict]:
    """Every line of stderr, as the object that it is."""
    found = [json.loads(line) for line in err.splitlines()]
    assert all(set(row) >= EVERY for row in found)
    return found


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_every_line_of_a_run_is_json(sorry, workers):
    folder, variables = sorry
    done = edge("sorry.yaml", "--log-format", "json", "--workers", workers, cwd=folder, **variables)
    assert (done.code, done.out) == (0, ""), done.err
    found = rows(done.err)
    assert [row["event"] for row in found if "event" in row][0] == "device"
    assert {row["graph"] for row in found} == {"sorry"}
    (left_out,) = [row for row in found if row.get("event") == "left_out"]
    assert left_out["camera"] == "gone" and "does not exist" in left_out["message"]
    (opened,) = [row for row in found if row["message"].startswith("opened ")]
    assert opened["stage"] == "bad" and (workers == "none" or opened["worker"])
    (lost,) = [row for row in found if row["level"] == "ERROR"]
    assert (lost["stage"], lost["camera"], lost["n"]) == ("bad", "camera", 5)
    (camera,) = [row for row in found if row.get("event") == "camera" and row["camera"] == "camera"]
    assert (camera["captured"], camera["delivered"], camera["state"]) == (12, 11, "ended")
    (sink,) = [row for row in found if row.get("event") == "sink" and row["stage"] == "out"]
    assert sink["frames"] == 11 and set(sink["age_seconds"]) == {"p50", "p95", "p99"}
    (warning,) = [row for row in found if row.get("logger") == "py.warnings"]
    assert "an old word" in warning["message"] and warning["level"] == "WARNING"
    assert "S3CRET" not in done.err and "rtsp://***@10.0.0.9/main" in done.err
    assert all(len(line.encode()) < select.PIPE_BUF for line in done.err.splitlines())


def test_exceptions_are_fields_and_workers_know_the_verbosity(sorry):
    folder, variables = sorry
    done = edge("-v", "run", "sorry.yaml", cwd=folder, EDGE_LOG_FORMAT="json", **variables)
    found = rows(done.err)
    (where,) = [row for row in found if "traceback" in row]
    assert where["exception"].startswith("ValueError: cannot reach rtsp://***@10.0.0.9/main")
    assert where["level"] == "DEBUG" and where["n"] == 5 and "process" in where["traceback"]
    assert [row["n"] for row in found if row["message"].startswith("at ")] == list(range(12))


def test_quiet_and_errors(sorry):
    folder, variables = sorry
    done = edge("sorry.yaml", "--log-format", "json", "--quiet", cwd=folder, **variables)
    assert [row["level"] for row in rows(done.err)] == ["ERROR"], "of the frame that was lost"
    done = edge("sorry.yaml", "--log-format", "json", "--strict", "--quiet", cwd=folder, **variables)
    errors = [row for row in rows(done.err) if row.get("event") == "error"]
    assert done.code == 7 and errors[0]["message"].startswith("--strict: gone: ")
    done = edge("sorry.yaml", "--log-format", "json", "--set", "out.kep=3", "--set", "bad.x=1", cwd=folder, **variables)
    assert done.code == 3 and [row["event"] for row in rows(done.err)] == ["error", "error"]
    done = edge("sorry.yaml", "--log-format", "json", "--frames", "-1", cwd=folder, **variables)
    assert done.code == 2 and rows(done.err)[0]["message"].startswith("Invalid value for '--frames'")


def test_text_is_as_ever(sorry):
    folder, variables = sorry
    done = edge("sorry.yaml", "--log-format", "text", cwd=folder, EDGE_LOG_FORMAT="json", **variables)
    assert "opened rtsp://***@10.0.0.9/main\n" in done.err and "S3CRET" not in done.err
    assert "bad: frame 5 of camera lost: ValueError: cannot reach" in done.err and '{"time"' not in done.err


def test_progress_is_told_as_events(tmp_path):
    """The clock is set forward, so that one is due at every look."""
    (tmp_path / "g.yaml").write_text(GRAPH.partition("  bad:")[0] + "  out: {use: discard, from: camera}\n")
    code = "import sys; from edge.core import cli, console; console.EVERY = 0.0; sys.argv = ['edge', *sys.argv[1:]]; cli.main()"
    words = [sys.executable, "-c", code, "g.yaml", "--log-format", "json", "--workers", "none"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, timeout=60
    )
    progress = [row for row in rows(done.stderr) if row.get("event") == "progress"]
    assert progress and set(progress[-1]) >= {"captured", "delivered", "dropped", "covered", "fps", "age_seconds"}


def test_an_unexpected_end_is_json_too(tmp_path):
    code = "from edge.core import logs; logs.begin(); import threading\n"
    code += (
        "t = threading.Thread(target=lambda: 1 / 0, name='feed a'); t.start(); t.join(); raise KeyError('S3CRET', 'a://b:c@d')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(EDGE_LOG_FORMAT="json"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    thread, main = rows(done.stderr)
    assert thread["exception"] == "ZeroDivisionError: division by zero" and "feed a" in thread["message"]
    assert main["level"] == "CRITICAL" and "KeyError" in main["exception"] and "b:c" not in done.stderr and done.returncode == 1


@pytest.mark.parametrize("words", [{"EDGE_LOG": "loud"}, {"EDGE_LOG": "10"}])
def test_a_level_that_there_is_not(tmp_path, words):
    done = edge("plugins", cwd=tmp_path, **words)
    assert done.code == 2 and "there is no such level; there is: DEBUG, INFO" in done.errors[0]


def test_a_format_that_there_is_not(tmp_path):
    done = edge("run", "g.yaml", cwd=tmp_path, EDGE_LOG_FORMAT="jsno")
    assert done.code == 2 and "'jsno' is not one of 'text', 'json'" in done.errors[0]


# -- lines ------------------------------------------------------------------------------------------------------------------


def line_of(message: str, **extra: object) -> str:
    record = logging.LogRecord("edge", logging.INFO, "", 0, message, None, None)
    vars(record).update(extra)
    return logs.Json().format(record)


@pytest.mark.parametrize("message", ["x" * 10_000, "ä→" * 4000, "\x00" * 5000, '"' * 9000, "a\nb\r\n" * 3000, "\udc80" * 4000])
def test_a_line_fits_into_one_write_to_a_pipe(message):
    """And so it is whole whoever else writes: a pipe takes PIPE_BUF bytes in one piece."""
    line = line_of(message, stage="s" * 5000, camera="c" * 5000)
    assert len(line.encode(errors="backslashreplace")) < select.PIPE_BUF and "\n" not in line
    said = json.loads(line.encode(errors="backslashreplace"))
    assert said["message"][0] == message[0] and said["message"][-1] == message[-1] and " … " in said["message"]


def test_many_processes_do_not_mix_their_lines():
    """Three of them, each with a thousand lines of nearly the longest, into one pipe."""
    code = "import sys; from edge.core import logs; logs.begin(); logs.know(worker=sys.argv[1])\n"
    code += "for n in range(1000): logs.log.info('x' * 3000, extra={'n': n})"
    reads, writes = os.pipe()
    command = [sys.executable, "-c", code]
    env = environment(EDGE_LOG_FORMAT="json")
    going = [subprocess.Popen([*command, name], cwd=ROOT, env=env, stderr=writes) for name in "abc"]
    os.close(writes)
    with os.fdopen(reads) as file:
        found = rows(file.read())
    assert [process.wait(60) for process in going] == [0, 0, 0]
    for name in "abc":
        assert [row["n"] for row in found if row["worker"] == name] == list(range(1000))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_sleeps_stops_nothing(monkeypatch, blocking):
    """A full pipe loses lines and nothing else; only the first of them waits."""
    reads, writes = os.pipe()
    os.set_blocking(writes, blocking)
    monkeypatch.setattr(logs, "STDERR", writes)
    monkeypatch.setattr(logs, "PATIENCE", 0.2)
    began = time.monotonic()
    for _ in range(100):
        logs.write("x" * 4000)
    assert time.monotonic() - began < 2
    logs.write("y" * 300_000)  # longer than the whole pipe
    os.read(reads, 1 << 16)
    logs.write("again")
    assert os.read(reads, 1 << 16).endswith(b"again\n")
    for _ in range(100):
        logs.write("x" * 4000)
    os.close(writes)
    with os.fdopen(reads) as file:
        assert {len(line) for line in file.read().splitlines()[:-1]} == {4000}


# -- colours ----------------------------------------------------------------------------------------------------------------


def on_a_terminal(folder, *words: str, **variables: str) -> str:
    """What a command says on a terminal, of which it gets no more than 80 columns."""
    leader, follower = pty.openpty()
    env = environment(TERM="xterm-256color", **variables)
    with subprocess.Popen([*COMMAND, *words], cwd=folder, env=env, stdin=follower, stdout=follower, stderr=follower) as process:
        os.close(follower)
        said = b""
        while True:
            try:
                said += os.read(leader, 4096)
            except OSError:  # the last of them has closed it
                break
        process.wait(60)
    os.close(leader)
    return said.decode()


COLOUR = "\x1b[3"


def test_colours_only_where_they_are_wanted(tmp_path):
    assert COLOUR in on_a_terminal(tmp_path, "doctor")
    assert COLOUR not in on_a_terminal(tmp_path, "doctor", NO_COLOR="1")
    assert COLOUR not in on_a_terminal(tmp_path, "--no-color", "doctor")


def test_a_bar_only_on_a_terminal(tmp_path):
    (tmp_path / "g.yaml").write_text(GRAPH.partition("  bad:")[0] + "  out: {use: discard, from: camera}\n")
    bar = on_a_terminal(tmp_path, "g.yaml")
    assert "\x1b[?25l" in bar, "the cursor is hidden while a bar is drawn"
    assert COLOUR not in on_a_terminal(tmp_path, "--no-color", "g.yaml")
    found = rows(on_a_terminal(tmp_path, "g.yaml", "--log-format", "json").replace("\r\n", "\n"))
    assert found[-1]["event"] == "sink", "and none where programs read"
