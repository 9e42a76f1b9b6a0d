"""What systemd is told: the words of sd_notify, on a socket of the test's own."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import types

import pytest
from commands import ROOT, start

from edge.core.health import notify
from edge.core.health.notify import Notifier

TINY = ROOT / "graphs" / "tiny.yaml"


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """The service manager's end, and NOTIFY_SOCKET set to it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"edge-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    made.bind("\0" + name if request.param == "abstract" else name)
    made.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if request.param == "abstract" else name)
    with made:
        yield made


def run_with(state="running", cameras=None, finished=0, in_flight=1):
    cameras = cameras or {"camera": {"state": "running", "delivered": 5}}
    edges = {"a->b:c": {"delivered": finished, "dropped": {}, "in_flight": in_flight}}
    workers = [{"state": "running"}]
    plan = types.SimpleNamespace(restart={"stall": 30.0})
    return types.SimpleNamespace(
        ledger=types.SimpleNamespace(plan=plan),
        status=lambda: {"state": state, "cameras": cameras, "workers": workers, "edges": edges},
    )


def heard(manager):
    """All that was said, in order."""
    lines = []
    manager.setblocking(False)
    while True:
        try:
            lines += manager.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test lets pass."""
    clock = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(notify.time, "monotonic", lambda: clock.now)
    return clock


def test_ready_is_said_once_and_the_watchdog_is_fed_every_second(manager, clock):
    notifier = Notifier()
    for step in range(4):
        clock.now += 0.5
        notifier.watch(run_with(finished=step))
    notifier.finish()
    notifier.finish()
    words = heard(manager)
    assert words.count("READY=1") == words.count("STOPPING=1") == 1
    assert words.count("WATCHDOG=1") == 2
    assert words[0] == "STATUS=1 of 1 cameras give frames, 5 delivered"
    assert words[-1] == "STOPPING=1"


def test_a_run_that_gets_nowhere_does_not_feed_it(manager, clock, caplog):
    notifier = Notifier()
    for _ in range(2):
        clock.now += 31
        notifier.watch(run_with(finished=7))
    assert heard(manager).count("WATCHDOG=1") == 1
    assert "no frame was finished for 31 s" in caplog.text
    clock.now += 1
    notifier.watch(run_with(finished=7))
    assert caplog.text.count("the watchdog is not fed") == 1
    clock.now += 1
    notifier.watch(run_with(finished=8))
    assert "WATCHDOG=1" in heard(manager), "it goes on by itself"


def test_a_camera_that_is_away_is_named_and_does_not_hold_up_the_start(manager, clock):
    cameras = {"camera.door": {"state": "running", "delivered": 2}, "camera.yard": {"state": "reconnecting", "delivered": 0}}
    notifier = Notifier()
    notifier.watch(run_with(cameras=cameras))
    words = heard(manager)
    assert "STATUS=1 of 2 cameras give frames, 2 delivered; camera.yard: reconnecting" in words
    assert "READY=1" in words


def test_not_ready_before_the_first_frame(manager, clock):
    notifier = Notifier()
    notifier.watch(run_with(cameras={"camera": {"state": "waiting", "delivered": 0}}))
    assert "READY=1" not in heard(manager)
    clock.now += notify.PATIENCE + 1
    notifier.watch(run_with(cameras={"camera": {"state": "waiting", "delivered": 0}}))
    assert "READY=1" in heard(manager)


def test_a_run_that_ends_says_so_at_once(manager, clock):
    Notifier().watch(run_with(state="ending"))
    assert heard(manager)[0] == "STOPPING=1"


def test_no_worker_can_speak_for_the_supervisor(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "15000000")
    Notifier()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(os.environ)


def test_nothing_is_asked_of_a_run_that_no_manager_started(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.watch(None)
    notifier.finish()


def test_a_manager_that_is_gone_stops_nothing(manager, clock):
    notifier = Notifier()
    manager.close()
    notifier.watch(run_with())


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["auto", "none"])
def test_a_service_from_its_start_to_its_end(tmp_path, workers):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        words = ["run", TINY, "--set", "camera.pace=real", "--workers", workers, "--quiet"]
        run = start(*words, cwd=tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
        said: list[str] = []
        while "READY=1" not in said or said.count("WATCHDOG=1") < 2:
            said += manager.recv(4096).decode().splitlines()
        assert any(line.startswith("STATUS=1 of 1 cameras give frames, ") for line in said)
        for pid in pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
            assert b"NOTIFY_SOCKET" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        run.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in said:
            said += manager.recv(4096).decode().splitlines()
        _, told = run.communicate(timeout=60)
    assert run.returncode == 0, told
    assert said.count("READY=1") == 1
