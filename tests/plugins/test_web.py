"""The preview page: what it serves, to whom, how little it costs, and that it goes away."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import sys
import time

import httpx
import numpy as np
import pytest
from web_stage import decoded, until

from edge import Context, Frame, Image, SourceError, Spec
from edge.plugins import web as module
from edge.plugins.web import Web, board
from edge.plugins.web.board import Board

server = pytest.importorskip("edge.plugins.web.server", reason="needs the extra: pip install 'edgeflow[web]'")
pages = pytest.importorskip("edge.plugins.web.pages")
numbers = pytest.importorskip("edge.plugins.web.numbers")

SECRET = "S3CRET-S3CRET-S3CRET"


def read_parts(lines, count):
    """Reads multipart by its own headers: [picture, ...]."""
    buffer, found = b"", []
    for chunk in lines:
        buffer += chunk
        while (match := re.search(rb"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n", buffer)) and (
            len(buffer) >= match.end() + int(match[1]) + 2
        ):
            found.append(buffer[match.end() : match.end() + int(match[1])])
            buffer = buffer[match.end() + int(match[1]) + 2 :]
            if len(found) == count:
                return found
    return found


# -- what it serves -------------------------------------------------------------------------------------------------------


def test_the_page_and_its_parts(show):
    shown = show(Context(graph="<b>my graph</b>"))
    page = shown.get()
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "<title>&lt;b&gt;my graph&lt;/b&gt; · Edgeflow</title>" in page.text and "<b>" not in page.text
    assert 'src="./page/main.js"' in page.text
    assert shown.get("page/main.js").headers["content-type"].startswith("text/javascript")
    assert shown.get("page/page.css").headers["content-type"].startswith("text/css")
    assert shown.get("page/icon.svg").headers["content-type"].startswith("image/svg+xml")
    assert shown.get("page/page.html").status_code == shown.get("page/../__init__.py").status_code == 404
    assert shown.get("nothing").status_code == 404
    assert httpx.post(shown.address, timeout=5, trust_env=False).status_code == 405
    assert shown.address == f"http://127.0.0.1:{shown.stage._server.port}/"


def test_the_page_loads_nothing_from_elsewhere_and_sets_text_only(show):
    shown = show()
    texts = [shown.get().text, *(part.read_text("utf-8") for part in pages.parts_of_the_page())]
    for text in texts:
        own = re.sub(r"http://www\.w3\.org/2000/svg", "", text)  # the name of a language, not an address that is asked
        assert not re.search(r"https?://|@import|innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\(", own)
    headers = shown.get().headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cross-origin-resource-policy"] == "same-origin" and headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_snapshot_is_the_newest_picture(show, feeding):
    shown = show()
    assert shown.get("snapshot/camera.jpg").status_code == 503
    shown.feed(50)
    still = shown.get("snapshot/camera.jpg")
    assert still.headers["content-type"] == "image/jpeg" and abs(float(decoded(still.content).mean()) - 50) < 3
    feeding(shown)
    first = shown.get("snapshot/camera.jpg").content
    until(lambda: shown.get("snapshot/camera.jpg").content != first)


def test_stream_sends_pictures_in_order(show, feeding):
    shown = show(fps=120.0)
    feeding(shown)
    with httpx.stream("GET", shown.address + "stream/camera.mjpg", timeout=5, trust_env=False) as answer:
        assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=edge"
        assert answer.headers["cache-control"] == "no-store"
        chunks = answer.iter_raw()
        pictures = read_parts(chunks, 5)
        assert shown.stage._board.watching == 1
    assert [decoded(p).shape for p in pictures] == [(48, 64, 3)] * 5
    assert len({p for p in pictures}) == 5
    until(lambda: shown.stage._board.watching == 0)


def test_unknown_cameras_are_named(show):
    answer = show(Context(sources=("camera.a", "camera.b"))).get("stream/camera.c.mjpg")
    assert (answer.status_code, answer.text) == (404, "There is no camera 'camera.c'; there are: camera.a, camera.b\n")


def test_several_cameras_have_a_stream_each(show):
    shown = show(Context(sources=("camera.a", "camera.b")))
    shown.feed(40, "camera.a"), shown.feed(160, "camera.b")
    levels = [float(decoded(shown.get(f"snapshot/camera.{x}.jpg").content).mean()) for x in "ab"]
    assert abs(levels[0] - 40) < 3 and abs(levels[1] - 160) < 3
    assert list(shown.get("status.json").json()["sources"]) == ["camera.a", "camera.b"]


def test_status_is_the_report_and_how_pictures_come(show):
    report = {
        "device": {"requested": "hilens_kit", "resolved": "desktop", "reason": "module 'hilens' is not installed"},
        "cameras": {"camera": {"delivered": 7, "covered": 1, "dropped": {"superseded": 2}}},
        "seconds": 1.5,
        "sinks": {"out": {"age_seconds": {"p50": float("nan")}}},
    }
    shown = show(Context(graph="g", status=lambda: report))
    before = shown.get("status.json").json()
    assert before["sources"] == {"camera": {"n": -1, "fps": 0.0, "age": 0.0, "idle": None}}
    for _ in range(3):
        shown.feed(age=0.25)
    told = shown.get("status.json").json()
    assert told["graph"] == "g" and told["watching"] == 0
    assert told["run"]["device"] == report["device"] and told["run"]["cameras"] == report["cameras"]
    assert told["run"]["sinks"]["out"]["age_seconds"]["p50"] is None
    camera = told["sources"]["camera"]
    assert camera["n"] == 2 and 0.25 <= camera["age"] < 0.5 and camera["idle"] >= 0 and camera["fps"] > 0


def test_a_status_that_fails_is_one_line_in_the_log(show, caplog):
    def fail():
        raise RuntimeError("the supervisor is gone")

    shown = show(Context(status=fail))
    with caplog.at_level(logging.ERROR):
        assert shown.get("status.json").status_code == 500
        until(lambda: caplog.messages)
    assert caplog.messages == ["web: '/status.json': RuntimeError: the supervisor is gone"]


def test_colours_and_size(show):
    shown = show(Context(inputs={"image": Spec(Image, (100, 400, 3), "rgb")}), size=200)
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[..., 0] = 200
    shown.stage.process(Frame("camera", 0, 0.0), picture)
    back = decoded(shown.get("snapshot/camera.jpg").content)
    assert back.shape == (50, 200, 3) and back[25, 100, 2] > 180 and back[25, 100, 0] < 30


# -- what it costs --------------------------------------------------------------------------------------------------------


def test_nothing_is_encoded_while_nobody_watches(show, monkeypatch):
    shown = show()
    encoded = []
    plain = shown.stage._views.jpeg
    monkeypatch.setattr(shown.stage._views, "jpeg", lambda *what: encoded.append(1) or plain(*what))
    for _ in range(50):
        shown.feed()
    assert len(encoded) == 1  # the first, so that there is something to see at once


def test_encoded_at_most_so_often_while_somebody_watches():
    made = Board(["camera"], fps=15.0)
    made.shots["camera"]["result"].wanted = 1e9
    due = 0
    for n in range(300):  # 10 s at 30 fps, each frame up to 5 ms early or late
        now = 1000 + n / 30 + (n * 7919 % 11 - 5) / 1000
        if made.due("camera", "result", now):
            made.show("camera", "result", b"x")
            due += 1
    assert 148 <= due <= 152


def test_the_rate_is_counted_over_the_last_seconds():
    pulse = board.Pulse()
    for n in range(100):
        pulse.beat(n, 10 + n / 20, 0.1)
    assert pulse.figures(15.0)["fps"] == pytest.approx(20, abs=0.1)
    assert len(pulse.times) <= 62
    assert pulse.figures(15.0 + board.RECENT)["fps"] == 0.0


def test_watchers_are_capped(show, feeding, monkeypatch):
    monkeypatch.setattr(pages, "WATCHERS", 1)
    shown = show()
    feeding(shown)
    with httpx.stream("GET", shown.address + "stream/camera.mjpg", timeout=5, trust_env=False) as answer:
        chunks = answer.iter_raw()
        assert len(read_parts(chunks, 1)) == 1
        with httpx.stream("GET", shown.address + "stream/camera.mjpg", timeout=5, trust_env=False) as second:
            assert (second.status_code, second.read()) == (503, b"1 are watching already\n")
    until(lambda: shown.stage._board.watching == 0)


def raw_request(shown, path, window=0):
    """A browser of our own, that may have a tiny window and never read."""
    made = socket.socket()
    if window:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    made.settimeout(5)
    made.connect(("127.0.0.1", shown.stage._server.port))
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return made


def test_one_who_takes_nothing_is_cut_off_and_holds_up_nobody(show, feeding, monkeypatch):
    monkeypatch.setattr(server, "STALLED", 0.5)
    shown = show(fps=120.0)
    feeding(shown, shape=(480, 640, 3))
    with raw_request(shown, "/stream/camera.mjpg", window=2048):
        until(lambda: shown.stage._board.watching == 1)
        assert shown.get("snapshot/camera.jpg").status_code == 200
        until(lambda: shown.stage._board.watching == 0, seconds=15)


def test_one_who_asks_nothing_is_cut_off(show, monkeypatch):
    monkeypatch.setattr("edge.core.health.serving.STALLED", 0.1)
    shown = show()
    with socket.create_connection(("127.0.0.1", shown.stage._server.port), timeout=5) as silent:
        silent.sendall(b"GET / HT")
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(100) == b""  # else it would time out


# -- to whom --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host, code", [("127.0.0.1", 200), ("localhost:9999", 200), ("[::1]:80", 200), ("evil.example", 403), ("", 403)]
)
def test_only_names_of_this_machine(show, host, code):
    assert show().get(headers={"Host": host}).status_code == code


def test_a_token_opens_the_door(show):
    shown = show(token=SECRET)
    assert [shown.get(path).status_code for path in ("", "status.json", "stream/camera.mjpg", "?token=wrong")] == [401] * 4
    assert shown.get("status.json", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
    assert shown.get(f"status.json?token={SECRET}").status_code == 200
    with httpx.Client(follow_redirects=True, timeout=5, trust_env=False) as browser:
        page = browser.get(f"{shown.address}?token={SECRET}")
        assert page.status_code == 200 and SECRET not in str(page.url) + page.text
        assert "HttpOnly" in page.history[0].headers["set-cookie"]
        assert browser.get(shown.address + "status.json").status_code == 200
    assert SECRET not in shown.address


def test_others_need_a_token():
    stage = Web()
    stage.host = "0.0.0.0"
    assert list(stage.check()) == ["token"]
    stage.token = "short"
    assert list(stage.check()) == ["token"]
    stage.token = SECRET
    assert stage.check() == {}
    assert all(module.is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(module.is_loopback(host) for host in ("192.168.0.2", "kit.local", "0.0.0.0", ""))


def test_beyond_loopback_any_name_will_do_but_not_without_the_token(show):
    shown = show(host="0.0.0.0", token=SECRET)
    local = f"http://127.0.0.1:{shown.stage._server.port}/"
    kit = {"Host": "kit.local"}
    assert httpx.get(local, headers=kit, timeout=5, trust_env=False).status_code == 401
    assert httpx.get(local, headers={**kit, "Authorization": f"Bearer {SECRET}"}, timeout=5, trust_env=False).status_code == 200


# -- ports, start and end -------------------------------------------------------------------------------------------------


def test_a_named_port_must_be_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage = Web()
        stage.port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=rf"web: port {stage.port} is in use; give another `port`") as caught:
            stage.open(Context())
        assert caught.value.code == 4


def test_without_a_port_the_next_free_one_is_taken(show, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = [taken.getsockname()[1], free.getsockname()[1]]
        free.close()
        monkeypatch.setattr(server, "PORTS", ports)
        assert show().address == f"http://127.0.0.1:{ports[1]}/"
        with pytest.raises(SourceError, match="are all in use"):
            Web().open(Context())


def test_addresses_and_ports_that_cannot_be_had(monkeypatch):
    for host, words in {
        "203.0.113.7": "`host` must be an address of this machine",
        "no.such.invalid": "`host` must be",
    }.items():
        with pytest.raises(SourceError, match=words):
            server.bound(host, 8080)

    def refuse(host, port):  # the tests may run as root, who may have any port
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(server, "listening", refuse)
    with pytest.raises(SourceError, match="ports below 1024 are the system's"):
        server.bound("127.0.0.1", 80)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.delitem(sys.modules, "edge.plugins.web.server")
    monkeypatch.delitem(sys.modules, "edge.core.health.serving")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SourceError, match=r"web needs uvicorn: pip install 'edgeflow\[web\]'"):
        Web().open(Context())


def test_close_with_somebody_watching(show, feeding):
    shown = show()
    feeding(shown)
    with raw_request(shown, "/stream/camera.mjpg") as one, raw_request(shown, "/stream/camera.mjpg", window=2048):
        assert one.recv(100).startswith(b"HTTP/1.1 200")
        until(lambda: shown.stage._board.watching == 2)
        began = time.monotonic()
        shown.stage.close()
        assert time.monotonic() - began < 2.0
        assert not shown.stage._server._serving._thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        shown.get()
    shown.feed()  # a late frame does no harm


def test_close_at_once_and_reopen_on_the_same_port(show):
    first = show()
    port = first.stage._server.port
    first.stage.close()
    assert show(port=port).get("status.json").status_code == 200


def test_ports_and_kind():
    assert Web.makes == {} and Web.takes_ticks and Web.keep == "latest"


def test_options_are_checked():
    stage = Web()
    stage.port, stage.quality, stage.fps, stage.size = 70000, 0, 0.0, 2
    assert sorted(stage.check()) == ["fps", "port", "quality", "size"]


def test_not_a_number_becomes_null():
    told = numbers.finite({"a": [1.0, float("inf"), ("x", float("nan"))], 2: True})
    assert json.dumps(told, allow_nan=False) == '{"a": [1.0, null, ["x", null]], "2": true}'
