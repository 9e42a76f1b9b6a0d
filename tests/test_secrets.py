"""A password in a camera's address appears nowhere: in no word that a run says, writes, serves, or shows to `ps`."""

from __future__ import annotations

import json
import pathlib
import socket
import time
import urllib.request

import pytest
from commands import edge, start

pytestmark = pytest.mark.slow
pytest.importorskip("av", reason="rtsp needs PyAV")

CANARY = "kanarienvogel-9c1f"
ADDRESS = f"rtsp://keeper:{CANARY}@127.0.0.1:1/door"

GRAPH = """
device: dry
stages:
  camera:
    use: rtsp
    width: 64
    height: 64
    each: {door: {address: "${DOOR}"}, yard: {address: "rtsp://127.0.0.1:1/yard"}}
  still: {use: demo, width: 64, height: 64, fps: 5}
  small: {use: resize, from: camera, width: 64, height: 64}
  page: {use: web, from: still, port: 0}
  out: {use: discard, from: small}
"""

PATIENCE = 60.0


def fetched(address: str, lines: int = 0) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return "".join(answer.readline().decode() for _ in range(lines)) if lines else answer.read().decode(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def arguments(pid: int) -> str:
    """The command lines of a process and of all that it started."""
    said = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(") ")[2].split()[1]) == pid:
                said += arguments(int(stat.parent.name))
        except OSError:
            pass  # it has ended
    return said


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_password_appears_nowhere(tmp_path: pathlib.Path, format: str) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    flags = ["--run-dir", "run", "--report", "report.json", "--trace", "trace.json", "--log-format", format]
    flags += ["--listen", str(port := free_port())]
    process = start("-v", "run", "g.yaml", *flags, cwd=tmp_path, DOOR=ADDRESS)
    said: dict[str, str] = {}
    try:
        end = time.monotonic() + PATIENCE
        while True:  # until the camera with the password has been tried, and has failed
            now = edge("ctl", "status", "--json", "--run-dir", "run", cwd=tmp_path)
            cameras = json.loads(now.out)["cameras"] if now.code == 0 else {}
            if cameras.get("camera.door", {}).get("state") == "reconnecting" and cameras["still"]["delivered"]:
                break
            assert process.poll() is None and time.monotonic() < end, process.communicate()
        said["ps"] = arguments(process.pid)
        said["status"] = now.out + now.err
        places = json.loads(now.out)["places"]
        page = places["page"].partition(" ")[0].rstrip("/")
        for path in ("/", "/status.json", "/snapshot/still.jpg"):
            said["page " + path] = fetched(page + path)
        for path in ("/metrics", "/status.json"):
            said["health " + path] = fetched(f"http://127.0.0.1:{port}{path}")
        said["events"] = fetched(page + "/events", lines=6)
        for words in ("ctl plan", "top --once --json", "explain run --seconds 1 --json", "ctl set small.width=9"):
            words_ = [*words.split(), *(["--run-dir", "run"] if words.startswith(("ctl", "top")) else [])]
            done = edge(*words_, cwd=tmp_path)
            said[words] = done.out + done.err
        edge("ctl", "drain", "--run-dir", "run", cwd=tmp_path)
    finally:
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    said["run"] = out + err
    for name in ("report.json", "trace.json"):
        said[name] = (tmp_path / name).read_text()
    for words in ("plan g.yaml --json", "validate g.yaml", "doctor g.yaml --json"):
        done = edge(*words.split(), cwd=tmp_path, DOOR=ADDRESS)
        said[words] = done.out + done.err
    assert "127.0.0.1" in said["run"], "the camera's failure was told"
    assert [name for name, text in said.items() if CANARY in text] == []
    assert all(said.values()), "each of them was really asked"


def test_a_wrong_graph_does_not_tell_it_either(tmp_path: pathlib.Path) -> None:
    """What is wrong with an address, or beside one, is told without its password."""
    for wrong in (GRAPH.replace("width: 64\n    h", "widht: 64\n    h"), GRAPH.replace('"${DOOR}"', '"${DOOR} x"')):
        (tmp_path / "g.yaml").write_text(wrong)
        for words in ("run", "validate", "plan"):
            done = edge(words, "g.yaml", cwd=tmp_path, DOOR=ADDRESS)
            assert CANARY not in done.out + done.err, (words, done.err)
