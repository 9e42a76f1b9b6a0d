"""What a monitor asks, who may ask it, and that its figures are those of the report."""

from __future__ import annotations

import json
import pathlib
import re
import signal
import socket
import threading
import time

import httpx
import pytest
from commands import ROOT, distribution, edge, start

pytest.importorskip("edge.core.health", reason="needs the extra: pip install 'edgeflow[web]'")

from prometheus_client.parser import text_string_to_metric_families as parse
from standing import standing

from edge.core.errors import SourceError, UsageError
from edge.core.health.server import Health, token_from

TINY = ROOT / "graphs" / "tiny.yaml"
SECRET = "S3CRET-S3CRET-S3CRET"
PATIENCE = 60.0

TWO = """
device: dry
stages:
  camera: {use: demo, width: 96, height: 96, pace: fast, each: {door: , yard: }}
  small: {use: resize, from: camera, width: 48}
  matte: {use: matting, from: {image: small, prior: memory}, model: portrait}
  memory: {use: temporal, from: matte}
  torn: {use: torn, from: memory}
  blend: {use: composite, from: torn, background: "#00ff00"}
  out: {use: discard, from: blend}
  third: {use: discard, from: small, keep: {every: 3}}
"""


@pytest.fixture
def run(tmp_path):
    return standing(tmp_path)


TORN = """
from edge import Alpha, Drop, Frame, Stage, hookimpl

class Torn(Stage):
    makes = {"alpha": Alpha}

    def process(self, frame: Frame, alpha: Alpha):
        if frame.n % 7 == 3:
            raise Drop("non_finite")
        return {"alpha": alpha}

@hookimpl
def register_stages(register):
    register("torn", Torn)
"""


@pytest.fixture
def two(tmp_path):
    """A folder with two.yaml, two cameras whose mattes are torn now and then, and the environment that it needs."""
    (tmp_path / "two.yaml").write_text(TWO)
    return {"cwd": tmp_path, "PYTHONPATH": str(distribution(tmp_path / "torn", "torn", TORN, "torn"))}


def get(address, path="", **more):
    return httpx.get(address + path, timeout=10, trust_env=False, **more)


@pytest.fixture
def serve():
    """Health servers that are closed at the end."""
    made = []

    def make(*words):
        made.append(Health(*words))
        return made[-1]

    yield make
    for health in made:
        health.close()


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return str(path)


# -- what it says -----------------------------------------------------------------------------------------------------------


def test_before_the_run_is_there(serve):
    address = serve("0").address
    assert get(address, "livez").status_code == 200
    assert get(address, "readyz").json() == {"status": "starting", "checks": []}
    assert [get(address, path).status_code for path in ("readyz", "metrics", "status.json")] == [503] * 3


def test_a_run_that_is_well(serve, run):
    health = serve("0")
    health.watch(run)
    assert get(health.address, "livez").text == get(health.address, "healthz").text == "ok\n"
    ready = get(health.address, "readyz")
    assert ready.status_code == 503 and ready.json()["status"] == "failing", "no camera has delivered"
    sink = run.ledger.row("visit", "out", "camera.door")
    run.ledger.cells[sink] = 4
    run.ledger.cells[run.ledger.row("source", "camera.door") + 4] = time.monotonic_ns()
    ready = get(health.address, "readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded"), ready.text
    assert len(ready.text.splitlines()) == 2 + len(ready.json()["checks"]), "a line each"
    assert get(health.address, "metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    assert get(health.address, "status.json").json()["cameras"]["camera.door"]["captured"] == 9
    assert "/metrics" in get(health.address).text


def test_a_supervisor_that_does_not_turn(serve, run, monkeypatch):
    health = serve("0")
    health.watch(run)
    health._turned -= 31
    answer = get(health.address, "livez")
    assert (answer.status_code, answer.text) == (503, "the supervisor has not turned for 31 s\n")
    assert get(health.address, "readyz").json()["checks"][0]["ok"] is False
    health.finish(run, {**run.status(), "exit": {"code": 0, "reason": "end_of_stream"}})
    health._turned -= 31
    assert get(health.address, "livez").status_code == 200, "after the end nothing has to turn"
    assert get(health.address, "readyz").json()["status"] == "ended"


# -- to whom ----------------------------------------------------------------------------------------------------------------


def test_a_name_that_leads_here_is_refused(serve):
    address = serve("0").address
    for host in ("evil.example", "127.0.0.1.evil.example:80", "[::2]", ""):
        assert get(address, "livez", headers={"Host": host}).status_code == 403, host
    for host in ("localhost", "127.0.0.1:1", "[::1]:9464"):
        assert get(address, "livez", headers={"Host": host}).status_code == 200, host


def test_a_token_is_asked_for(serve, token):
    address = serve("0", token).address
    for path in ("", "metrics", "readyz", "status.json"):
        assert get(address, path).status_code == 401
        assert get(address, path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert get(address, "livez").text == "ok\n", "who keeps the process alive carries no secret"
    assert get(address, "readyz", headers={"Authorization": f"Bearer {SECRET}"}).json()["status"] == "starting"
    assert get(address, f"readyz?token={SECRET}").json()["status"] == "starting"


def test_beyond_this_machine_only_with_a_token(serve, token):
    for address in ("0.0.0.0:0", "[::]:0"):
        with pytest.raises(UsageError, match="others can reach .*; give --token-file FILE"):
            serve(address)
    health = serve("0.0.0.0:0", token)
    here = health.address.replace("0.0.0.0", "127.0.0.1")
    assert get(here, "readyz", headers={"Host": "edge.example"}).status_code == 401
    shown = {"Host": "edge.example", "Authorization": f"Bearer {SECRET}"}
    assert get(here, "readyz", headers=shown).status_code == 503, "asked by any name: it is the token that counts"


@pytest.mark.parametrize("address", ["", "nine", "99999", "127.0.0.1", "-1", "::", "1:2:x", "9464.5", "²"])
def test_an_address_that_is_none(address):
    with pytest.raises(UsageError, match=f"--listen {re.escape(address)}: give a port"):
        Health(address)


def test_an_address_of_another_machine():
    with pytest.raises(SourceError, match="--listen nowhere.invalid:80: 'nowhere.invalid' is no address"):
        Health("nowhere.invalid:80")


def test_a_token_file_that_is_no_secret(tmp_path):
    path = tmp_path / "token"
    with pytest.raises(SourceError, match="No such file"):
        token_from(path)
    with pytest.raises(SourceError, match="Is a directory"):
        token_from(tmp_path)
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(SourceError, match=f"everybody on this machine may read or change it; chmod 600 {path}"):
        token_from(path)
    path.chmod(0o640)
    assert token_from(path) == SECRET
    path.write_text("short\n")
    with pytest.raises(SourceError, match="fewer than 16 letters"):
        token_from(path)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(SourceError, match="is not text"):
        token_from(path)


def test_who_connects_and_asks_nothing_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr("edge.core.health.serving.STALLED", 0.1)
    health = serve("0")
    with socket.create_connection(("127.0.0.1", int(health.address.rsplit(":")[-1][:-1])), 10) as silent:
        assert silent.recv(1) == b""


def test_who_was_answered_and_asks_half_of_something_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr("edge.core.health.serving.STALLED", 0.2)
    health = serve("0")
    with socket.create_connection(("127.0.0.1", int(health.address.rsplit(":")[-1][:-1])), 10) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while b"ok\n" not in slow.recv(4096):
            pass
        slow.sendall(b"GET /livez HTTP/1.1\r\nHo")  # uvicorn's own limit is for those who send nothing at all
        assert slow.recv(1) == b""


# -- the command ------------------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_told_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = edge("run", TINY, "--frames", "3", "--listen", port, "--report", "r.json", cwd=tmp_path)
    assert done.code == 4
    assert done.err == f"error: --listen {port}: Address already in use; give another port or address\n"
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--listen", "0.0.0.0:0"],
            "--listen 0.0.0.0:0: others can reach 0.0.0.0; give --token-file FILE, or listen at 127.0.0.1",
        ),
        (["--token-file", "x"], "--token-file is of use with --listen [HOST:]PORT only"),
        (["--linger", "3"], "--linger is of use with --listen [HOST:]PORT only"),
    ],
)
def test_flags_that_do_not_fit(tmp_path, words, told):
    done = edge("run", TINY, *words, cwd=tmp_path)
    assert (done.code, done.err) == (2, f"error: {told}\n")


def test_without_the_extra_it_says_what_to_install(tmp_path):
    (tmp_path / "prometheus_client.py").write_text("raise ImportError('no', name='prometheus_client')")
    done = edge("run", TINY, "--frames", "3", "--listen", "0", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.code, done.err) == (4, "error: --listen needs prometheus_client: pip install 'edgeflow[web]'\n")


class Watched:
    """A command under way that listens: its address is in what it says."""

    def __init__(self, *words, **how):
        self.process = start(*words, **how)
        self.said = []
        self.address = ""
        self._there = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self._there.wait(PATIENCE) and self.address, self.said

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line)
            found = re.match(r"health: (http://\S+)metrics", line)
            if found:
                self.address = found[1]
                self._there.set()
        self._there.set()

    def end(self):
        """Exit code."""
        code = self.process.wait(PATIENCE)
        self._thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.02)


def figures(text):
    """(name, labels without the graph) → value."""
    return {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if k != "graph")): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def expected(report):
    """Every number of a report that a metric says, as `figures` has it."""
    made = {}

    def put(name, value, **labels):
        made[f"edge_{name}", frozenset(labels.items())] = value

    for camera, row in report["cameras"].items():
        for what in ("captured", "admitted", "delivered"):
            put(f"camera_frames_{what}_total", row[what], camera=camera)
        for reason, count in row["dropped"].items():
            put("camera_frames_dropped_total", count, camera=camera, reason=reason)
        for reason, count in row["covers"].items():
            put("camera_frames_covered_total", count, camera=camera, reason=reason)
        put("camera_state", 1, camera=camera, state=row["state"])
    for stage, row in report["stages"].items():
        put("stage_frames_total", row["frames"], stage=stage)
        put("stage_duration_seconds_count", row["frames"], stage=stage)
    for stage, row in report["sinks"].items():
        put("frame_age_seconds_count", row["frames"], stage=stage)
    for stage, branches in report["routes"].items():
        for branch, count in branches.items():
            put("route_frames_total", count, stage=stage, branch=branch)
    for row in report["workers"]:
        put("worker_restarts_total", row["restarts"], worker=row["name"])
        put("worker_cpu_seconds_total", row["cpu_seconds"], worker=row["name"])
        put("worker_resident_memory_bytes", row["peak_rss_bytes"], worker=row["name"])
        put("worker_up", 0, worker=row["name"])
    return made


def summed(scraped, name, **labels):
    """Over the cameras."""
    return sum(
        value for (which, given), value in scraped.items() if which == "edge_" + name and labels.items() <= dict(given).items()
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["auto", "none"])
def test_the_last_scrape_is_the_report_to_the_frame(tmp_path, two, workers):
    words = ["run", "two.yaml", "--frames", "50", "--workers", workers, "--report", "r.json"]
    run = Watched(*words, "--listen", "0", "--linger", "60", **two)
    until(lambda: (tmp_path / "r.json").exists() and (tmp_path / "r.json").read_text().endswith("}\n"), "the report")
    report = json.loads((tmp_path / "r.json").read_text())
    scraped = figures(get(run.address, "metrics").text)
    told = get(run.address, "status.json").json()
    assert get(run.address, "metrics").text == get(run.address, "metrics").text, "nothing moves any more"
    run.process.send_signal(signal.SIGINT)  # ends the lingering, not the run, which was a success
    assert run.end() == 0, run.said

    assert told == report
    for key, value in expected(report).items():
        assert scraped[key] == value, key
    for name, book in report["edges"].items():
        for what in ("received_total", "delivered_total", "in_flight"):
            assert summed(scraped, f"flow_frames_{what}", edge=name) == book[what.removesuffix("_total")], (name, what)
        for reason, count in book["dropped"].items():
            assert summed(scraped, "flow_frames_dropped_total", edge=name, reason=reason) == count
    for name, row in report["sinks"].items():
        assert summed(scraped, "sink_frames_total", stage=name) == row["frames"]
    lost = {reason for book in report["edges"].values() for reason in book["dropped"]}
    covers = {reason for row in report["cameras"].values() for reason in row["covers"]}
    assert lost == {"non_finite", "unkept"} and covers == {"non_finite"}, "there was something to count"
    for (name, labels), value in scraped.items():  # nor does it say more than the report has
        if name in ("edge_camera_frames_dropped_total", "edge_camera_frames_covered_total") and value:
            row = report["cameras"][dict(labels)["camera"]]
            assert row["dropped" if "dropped" in name else "covers"][dict(labels)["reason"]] == value


@pytest.mark.slow
def test_the_books_balance_at_every_scrape_and_counters_only_grow(two):
    run = Watched("run", "two.yaml", "--listen", "0", EDGE_LISTEN="1", **two)  # the flag wins
    until(lambda: get(run.address, "readyz").status_code == 200, "a run that is ready")
    last = {}
    for _ in range(20):
        scraped = figures(get(run.address, "metrics").text)
        for (name, labels), value in scraped.items():
            if name.endswith(("_total", "_bucket", "_count")):
                assert value >= last.get((name, labels), 0), name
            if name == "edge_flow_frames_in_flight":
                about = dict(labels)
                lost = summed(scraped, "flow_frames_dropped_total", **about)
                received, delivered = (
                    summed(scraped, f"flow_frames_{what}_total", **about) for what in ("received", "delivered")
                )
                assert received == delivered + lost + value and value >= 0
        last = scraped
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 0, run.said


@pytest.mark.slow
def test_cameras_come_and_go_with_their_series(tmp_path, two):
    words = ["run", "two.yaml", "--set", "camera.pace=real", "--run-dir", tmp_path / "run"]
    run = Watched(*words, "--listen", "0", **two)
    until(lambda: get(run.address, "readyz").status_code == 200, "a run that is ready")

    def ctl(*asked):
        done = edge("ctl", *asked, "--run-dir", tmp_path / "run", **two)
        assert done.code == 0, done.err

    def cameras(metric="edge_camera_up"):
        return {dict(labels).get("camera") for name, labels in figures(get(run.address, "metrics").text) if name == metric}

    ctl("add-camera", "camera.roof")
    assert cameras() == cameras("edge_flow_frames_received_total") == {"camera.door", "camera.yard", "camera.roof"}
    until(lambda: get(run.address, "readyz").json()["status"] == "ready", "the new camera's first frame")
    delivered = figures(get(run.address, "metrics").text)
    ctl("remove-camera", "camera.yard")
    text = get(run.address, "metrics").text
    assert "camera.yard" not in text
    assert "camera.yard" not in get(run.address, "readyz").text
    now = figures(text)
    assert all(now[key] >= value for key, value in delivered.items() if key in now and key[0].endswith("_total")), (
        "none went back"
    )
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 0, run.said


@pytest.mark.slow
def test_who_stops_a_run_does_not_wait_for_its_lingering(tmp_path, token):
    began = time.monotonic()
    run = Watched("run", TINY, "--listen", "0", "--linger", "60", cwd=tmp_path, EDGE_TOKEN_FILE=token)
    assert get(run.address, "metrics").status_code == 401
    shown = {"Authorization": f"Bearer {SECRET}"}
    until(lambda: get(run.address, "readyz", headers=shown).status_code == 200, "a run that is ready")
    assert get(run.address, "readyz", headers=shown).json()["status"] == "ready"
    children = pathlib.Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()
    for pid in (run.process.pid, *children):
        assert SECRET.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 0, run.said
    assert time.monotonic() - began < 50
    assert SECRET not in "".join(run.said)
