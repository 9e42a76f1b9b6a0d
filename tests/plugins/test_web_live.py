"""What the page is told and what it may change: views, numbers, knobs; cameras that come and go."""

from __future__ import annotations

import contextlib
import json
import threading
import time

import httpx
import numpy as np
import pytest
from web_stage import decoded, until

import edge
from edge import Alpha, Context, EdgeError, Image, SourceError, Spec
from edge.plugins.web import Web, read_secret
from edge.plugins.web.views import Views, beside

pages = pytest.importorskip("edge.plugins.web.pages", reason="needs the extra: pip install 'edgeflow[web]'")
knobs = pytest.importorskip("edge.plugins.web.knobs")

SECRET = "S3CRET-S3CRET-S3CRET"
IMAGE, MATTE = Spec(Image, (48, 64, 3), "bgr"), Spec(Alpha, (48, 64))
PLAN = {
    "notes": ["camera: 'demo' stands in"],
    "stages": {
        "camera": {"use": "demo", "worker": "camera", "cameras": ["camera"], "network": False, "options": {"seed": 1}},
        "blend": {
            "use": "composite",
            "worker": "blend",
            "cameras": ["camera"],
            "network": False,
            "options": {"background": "temple.jpg", "view": "result", "soft": 0.0, "shift": 0.0, "blur": 25},
        },
    },
    "edges": {"camera->blend:image": {"kind": "shm", "policy": "live", "cameras": ["camera"], "copies": 0}},
}
STATUS = {
    "seconds": 3.5,
    "device": {"requested": "hilens_kit", "resolved": "desktop", "reason": "module 'hilens' is not installed"},
    "cameras": {"camera": {"state": "running", "delivered": 7, "covered": 1, "covers": {"late": 1}, "dropped": {}}},
    "stages": {"camera": {"frames": 9, "seconds": {"p50": 0.001, "p95": float("nan"), "p99": 0.003}}},
    "edges": {"camera->blend:image": {"kind": "shm", "policy": "live", "delivered": 7, "in_flight": 1, "dropped": {"late": 1}}},
    "routes": {"matte": {"reuse": 0, "lr": 0, "full": 7}},
}


class Asked:
    """A run that answers, and remembers what it was asked."""

    def __init__(self):
        self.plan = json.loads(json.dumps(PLAN))
        self.sets = []
        self.error = None

    def __call__(self, request):
        if request["do"] == "set":
            if self.error:
                raise EdgeError(self.error)
            self.sets.append(request["set"])
            stage, _, rest = request["set"].partition(".")
            option, _, value = rest.partition("=")
            self.plan["stages"][stage]["options"][option] = value
            return {}
        return self.plan if request["do"] == "plan" else {"workers": [{"name": "blend", "restarts": 1, "stages": ["blend"]}]}


@pytest.fixture
def asked():
    return Asked()


def context(asked=None, **more):
    return Context(graph="g", status=lambda: STATUS, ask=asked, **more)


@contextlib.contextmanager
def listening(shown):
    """The events of a page, as (name, data)."""
    with httpx.stream("GET", shown.address + "events", timeout=5, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")

        def events():
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line[len("event: ") :]
                elif line.startswith("data: "):
                    yield name, json.loads(line[len("data: ") :])

        yield events()


def first(events, name):
    return next(data for kind, data in events if kind == name)


# -- views ----------------------------------------------------------------------------------------------------------------


def views(show_room=False, **inputs):
    return Views({"image": IMAGE, **inputs}, show_room, 1280, 80).needs


def test_only_what_is_wired_is_offered():
    assert views() == {"result": ("image",)}
    assert views(matte=MATTE) == {"result": ("image",), "alpha": ("matte",), "side_by_side": ("image", "matte")}
    assert views(room=IMAGE) == {"result": ("image",)}, "wired, but nobody said that it may be shown"
    both = views(True, room=IMAGE, matte=MATTE)
    assert both["side_by_side"] == ("room", "image") and both["room"] == ("room",)


def test_each_view_shows_its_parts(show):
    inputs = {"image": IMAGE, "matte": MATTE, "room": Spec(Image, (96, 128, 3), "rgb")}
    shown = show(context(inputs=inputs), show_room=True, token=SECRET)
    room = np.zeros((96, 128, 3), np.uint8)
    room[..., 0] = 200  # red
    stop = threading.Event()

    def feed():
        while not stop.wait(0.01):
            shown.feed(50, matte=np.full((48, 64), 120, np.uint8), room=room)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        get = {view: shown.get(f"snapshot/camera.jpg?view={view}&token={SECRET}") for view in shown.stage._views.names}
    finally:
        stop.set()
        thread.join()
    colours = {view: decoded(answer.content)[24, 32].tolist() for view, answer in get.items()}
    assert max(abs(v - 50) for v in colours["result"]) < 4 and max(abs(v - 120) for v in colours["alpha"]) < 4
    assert colours["room"][2] > 180 and colours["room"][0] < 20
    both = decoded(get["side_by_side"].content)
    assert both.shape == (48, 128, 3) and both[24, 20, 2] > 180 and both[24, 100, 2] < 60


def test_the_room_is_shown_to_nobody_without_a_token(show, tmp_path):
    inputs = {"image": IMAGE, "room": IMAGE}
    shown = show(context(inputs=inputs), show_room=True)  # as if nobody had checked
    shown.feed(room=np.full((48, 64, 3), 255, np.uint8))
    assert shown.stage._views.names == ["result"]
    answer = shown.get("snapshot/camera.jpg?view=room")
    assert (answer.status_code, answer.text) == (404, "There is no view 'room'; there are: result\n")
    stage = Web()
    stage.show_room = True
    assert stage.check() == {"token": "show_room shows the room itself: give a secret of 16 or more letters"}
    shown = show(context(inputs=inputs), show_room=True, token=SECRET)
    assert shown.get("snapshot/camera.jpg?view=room").status_code == 401
    assert shown.get(f"stream/camera.mjpg?view=room&token={'x' * 20}").status_code == 401


def test_a_view_that_nobody_watches_is_not_encoded(show, monkeypatch):
    shown = show(context(inputs={"image": IMAGE, "matte": MATTE}))
    encoded = []
    plain = shown.stage._views.jpeg
    monkeypatch.setattr(shown.stage._views, "jpeg", lambda view, parts: encoded.append(view) or plain(view, parts))
    for _ in range(20):
        shown.feed(matte=np.zeros((48, 64), np.uint8))
    assert encoded == ["result"]


def test_values_that_are_lost_leave_the_other_views(show):
    shown = show(context(inputs={"image": IMAGE, "matte": MATTE}))
    shown.feed(90, matte=None)
    shown.feed(0, image=None, matte=np.full((48, 64), 9, np.uint8))
    assert abs(float(decoded(shown.get("snapshot/camera.jpg").content).mean()) - 90) < 3
    assert shown.get("status.json").json()["sources"]["camera"]["n"] == 0


def test_a_cover_that_stands_for_no_frame_counts_as_none(show):
    shown = show(context())
    shown.feed()
    shown.n = 0
    shown.feed(200)
    until(lambda: shown.get("status.json").json()["sources"]["camera"]["idle"] > 0.02)
    assert shown.get("status.json").json()["sources"]["camera"]["n"] == 0


def test_beside_makes_them_equally_high():
    assert beside([np.zeros((100, 50, 3), np.uint8), np.zeros((48, 64, 3), np.uint8)]).shape == (48, 24 + 64, 3)


def test_who_has_the_last_picture_waits_for_the_next(show):
    shown = show(context())
    shown.feed()
    one = shown.get("snapshot/camera.jpg?after=0")
    assert (one.status_code, one.headers["edge-number"]) == (200, "1")
    assert shown.get("snapshot/camera.jpg?after=1").status_code == 204
    assert shown.get("snapshot/camera.jpg?after=77").status_code == 200, "who counted at a server that is gone"
    assert shown.get("snapshot/camera.jpg?after=nonsense").status_code == 200


# -- cameras come and go ----------------------------------------------------------------------------------------------------


def test_cameras_come_and_go(show):
    shown = show(context(sources=("a",)))
    shown.feed(source="a")
    assert shown.get("camera/b").status_code == 404
    shown.stage.enter("b")
    shown.feed(70, source="b")
    assert shown.get("camera/b").status_code == 200 and shown.get("snapshot/b.jpg").status_code == 200
    with httpx.stream("GET", shown.address + "stream/b.mjpg", timeout=5, trust_env=False) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        shown.stage.leave("b")
        list(chunks)  # the stream ends
    assert shown.get("snapshot/b.jpg").status_code == 404
    assert list(shown.get("status.json").json()["sources"]) == ["a"]


def test_a_changed_quality_needs_no_new_server(show):
    shown = show(context())
    shown.stage.quality, shown.stage.fps = 10, 5.0
    shown.stage.changed(["quality", "fps"])
    shown.feed()
    assert shown.get("snapshot/camera.jpg").status_code == 200 and shown.stage._board.every == 0.2
    assert {"host", "port", "token", "token_file", "show_room", "knobs"} == set(Web.steady)


# -- numbers ----------------------------------------------------------------------------------------------------------------


def test_the_page_is_told_what_the_graph_is_and_how_it_goes(show, asked):
    shown = show(context(asked, inputs={"image": IMAGE, "matte": MATTE}))
    shown.feed()
    with listening(shown) as events:
        about = first(events, "about")
        assert about["graph"] == "g" and about["device"] == STATUS["device"] and about["notes"] == PLAN["notes"]
        assert about["views"] == [["result", "Result"], ["side_by_side", "Side by side"], ["alpha", "Alpha"]]
        assert about["edges"] == [["camera", "blend", "image", "shm", "live", ["camera"]]]
        assert about["stages"]["blend"] == {"use": "composite", "worker": "blend", "cameras": ["camera"], "network": False}
        assert about["knobs"] == [] and about["cameras"] == ["camera"]
        now = first(events, "now")
    assert now["seconds"] == 3.5 and now["stages"] == {"camera": [9, 0.001, None]}
    assert now["edges"] == {"camera->blend:image": [7, 1, {"late": 1}]} and now["routes"] == STATUS["routes"]
    assert now["cameras"]["camera"]["n"] == 0 and now["cameras"]["camera"]["covers"] == {"late": 1}
    assert now["workers"][0]["restarts"] == 1


def test_numbers_come_every_second_and_about_only_when_it_changes(show, asked, monkeypatch):
    monkeypatch.setattr("edge.plugins.web.numbers.EVERY", 0.05)
    shown = show(context(asked))
    with listening(shown) as events:
        assert [next(events)[0] for _ in range(4)] == ["about", "now", "now", "now"]
        shown.stage.enter("yard")
        assert first(events, "about")["cameras"] == ["camera", "yard"]


def test_a_run_that_takes_no_questions_still_has_numbers(show):
    shown = show(context())
    with listening(shown) as events:
        about, now = first(events, "about"), first(events, "now")
    assert about["stages"] == {"camera": {}} and about["edges"] == [["camera", "blend", "image", "shm", "live", []]]
    assert now["workers"] == [] and now["seconds"] == 3.5


def test_nobody_asks_while_nobody_looks(show, monkeypatch):
    monkeypatch.setattr("edge.plugins.web.numbers.EVERY", 0.05)
    looks = []
    shown = show(Context(status=lambda: looks.append(1) or STATUS))
    with listening(shown) as events:
        first(events, "now")
    until(lambda: shown.stage._server and not looks_again(looks))


def looks_again(looks):
    before = len(looks)
    time.sleep(0.2)
    return len(looks) > before


def test_pages_are_capped(show, monkeypatch):
    monkeypatch.setattr(pages, "WATCHERS", 1)
    shown = show(context())
    with listening(shown) as events:
        first(events, "now")
        assert shown.get("events").status_code == 503


def test_an_answer_that_never_comes_holds_up_neither_numbers_nor_the_end(show, monkeypatch):
    monkeypatch.setattr("edge.plugins.web.numbers.EVERY", 0.1)
    hang = threading.Event()
    shown = show(Context(status=lambda: STATUS, ask=lambda request: hang.wait(60)))
    with listening(shown) as events:
        assert [first(events, "now")["seconds"] for _ in range(3)] == [3.5] * 3
        began = time.monotonic()
        shown.stage.close()
        assert time.monotonic() - began < 2.0
    hang.set()


# -- knobs ------------------------------------------------------------------------------------------------------------------

SOFT = {"stage": "blend", "option": "soft", "value": 2.5}


def test_knobs_are_off_unless_the_graph_says_so(show, asked):
    shown = show(context(asked))
    answer = shown.post("set", json=SOFT)
    assert answer.status_code == 404 and answer.json() == {"error": "knobs are off: start the graph with knobs: true"}
    assert shown.get("background/temple.jpg").status_code == 404 and asked.sets == []


@pytest.mark.parametrize(
    "option, value, words",
    [
        ("soft", 2.5, "blend.soft=2.5"),
        ("shift", -3, "blend.shift=-3"),
        ("view", "alpha", "blend.view=alpha"),
        ("background", "office.jpg", "blend.background=office.jpg"),
        ("background", "#00b140", "blend.background=#00b140"),
        ("background", "blur", "blend.background=blur"),
    ],
)
def test_a_knob_asks_the_run(show, asked, option, value, words):
    shown = show(context(asked), knobs=True)
    answer = shown.post("set", json={"stage": "blend", "option": option, "value": value})
    assert (answer.status_code, answer.json()) == (200, {"set": words}) and asked.sets == [words]


@pytest.mark.parametrize(
    "told, code, words",
    [
        ({**SOFT, "stage": "camera"}, 404, "there is no stage 'camera' with knobs; there is: blend"),
        ({**SOFT, "stage": ["blend"]}, 404, "no stage"),
        ({**SOFT, "option": "blur"}, 400, "'blur' is no knob"),
        ({**SOFT, "option": ["soft"]}, 400, "is no knob"),
        ({**SOFT, "value": 17}, 400, "soft is a number from 0 to 16, not '17'"),
        ({**SOFT, "value": float("nan")}, 400, "soft is a number"),
        ({**SOFT, "value": True}, 400, "soft is a number"),
        ({**SOFT, "option": "shift", "value": "1; rm"}, 400, "shift is a number from -8 to 8"),
        ({**SOFT, "option": "background", "value": "/etc/passwd"}, 400, "'/etc/passwd' is no background that is offered"),
        ({**SOFT, "option": "background", "value": "../temple.jpg"}, 400, "is no background that is offered"),
        ({**SOFT, "option": "background", "value": ""}, 400, "is no background that is offered"),
        ({**SOFT, "option": "view", "value": "side_by_side"}, 400, "'side_by_side' is no choice for 'view'"),
        ([1], 400, "send an object"),
    ],
)
def test_only_what_is_offered_is_asked_for(show, asked, told, code, words):
    answer = show(context(asked), knobs=True).post("set", content=json.dumps(told))
    assert answer.status_code == code and words in answer.json()["error"] and asked.sets == []


@pytest.mark.parametrize(
    "headers, code",
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"host": "evil.example"}, 403),
    ],
)
def test_only_the_page_itself_may_ask(show, asked, headers, code):
    answer = show(context(asked), knobs=True).post("set", json=SOFT, headers=headers)
    assert answer.status_code == code and asked.sets == []


def test_a_long_request_is_not_read(show, asked):
    shown = show(context(asked), knobs=True)
    assert shown.post("set", content=b" " * 2000).status_code == 413
    assert shown.post("set", content=b"{").status_code == 400 and shown.get("set").status_code == 405


def test_beyond_loopback_a_knob_needs_the_token(show, asked):
    shown = show(context(asked), knobs=True, host="0.0.0.0", token=SECRET)
    local = f"http://127.0.0.1:{shown.stage._server.port}"
    headers = {"origin": local, "content-type": "application/json"}
    assert httpx.post(local + "/set", json=SOFT, headers=headers, trust_env=False).status_code == 401
    assert asked.sets == []
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        assert browser.get(f"{local}/?token={SECRET}").status_code == 200
        assert browser.post(local + "/set", json=SOFT, headers=headers).status_code == 200


def test_what_the_run_says_is_told_in_its_words(show, asked):
    asked.error = "blend: no such picture or video: 'office.jpg'"
    answer = show(context(asked), knobs=True).post("set", json=SOFT)
    assert (answer.status_code, answer.json()) == (409, {"error": asked.error})


def test_who_looks_sees_what_was_changed(show, asked):
    shown = show(context(asked), knobs=True)
    with listening(shown) as events:
        row = first(events, "about")["knobs"][0]
        assert row["values"] == {"soft": 0.0, "shift": 0.0, "view": "result", "background": "temple.jpg"}
        assert row["views"] == ["result", "alpha", "checker"] and "temple.jpg" in row["pictures"] and row["own"] == ""
        shown.post("set", json={**SOFT, "option": "background", "value": "#00b140"})
        assert first(events, "about")["knobs"][0]["values"]["background"] == "#00b140"


def test_the_graph_s_own_background_and_view_can_be_had_back(show, asked):
    options = asked.plan["stages"]["blend"]["options"]
    options.update(background="/films/sea: side.mp4", view="side_by_side")
    shown = show(context(asked), knobs=True)
    with listening(shown) as events:
        row = first(events, "about")["knobs"][0]
    assert row["own"] == "sea: side.mp4" and row["values"]["background"] == "own"
    assert row["views"][-1] == "side_by_side" and "/films" not in json.dumps(row)
    for option, value in {"background": "blur", "view": "alpha"}.items():
        shown.post("set", json={**SOFT, "option": option, "value": value})
    assert shown.post("set", json={**SOFT, "option": "view", "value": "side_by_side"}).status_code == 200
    shown.post("set", json={**SOFT, "option": "background", "value": "own"})
    assert asked.sets[-1] == 'blend.background="/films/sea: side.mp4"'


def test_backgrounds_are_shown_small(show, asked):
    shown = show(context(asked), knobs=True)
    assert decoded(shown.get("background/temple.jpg").content).shape == (180, 320, 3)
    for name in ("draw.py", "none.jpg", "..%2Fdraw.py"):
        assert shown.get(f"background/{name}").status_code == 404
    assert set(knobs.assets()) >= {"temple.jpg", "office.jpg", "studio.jpg"}
    assert all(path.is_file() for path in knobs.assets().values())


def test_every_knob_is_an_option_of_composite():
    from edge.core.options import declared
    from edge.plugins.composite import Composite

    options = declared(Composite)
    assert {*knobs.RANGES, "view", "background"} <= set(options)
    assert set(knobs.VIEWS) <= set(options["view"].type.__args__)
    for option, (low, high) in knobs.RANGES.items():
        for value in (low, high):
            stage = Composite()
            setattr(stage, option, value)
            assert stage.check() == {}


# -- the token's file -------------------------------------------------------------------------------------------------------


def test_the_token_may_be_in_a_file(show, tmp_path):
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    stage = Web()
    stage.host, stage.token_file = "0.0.0.0", path
    assert stage.check() == {}
    shown = show(context(), token_file=path)
    assert shown.get("status.json").status_code == 401
    assert shown.get("status.json", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200


def test_a_token_file_that_will_not_do(tmp_path):
    path = tmp_path / "token"
    with pytest.raises(SourceError, match="No such file"):
        read_secret(path)
    path.write_text("")
    path.chmod(0o600)
    with pytest.raises(SourceError, match="the file is empty"):
        read_secret(path)
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(SourceError, match=r"everybody on this machine may read or change it; chmod 600 "):
        read_secret(path)
    stage = Web()
    stage.token_file, stage.token = path, SECRET
    assert list(stage.check()) == ["token_file"]
    path.chmod(0o600)
    path.write_text("short")
    stage.token, stage.host = "", "0.0.0.0"
    assert "16 or more letters" in stage.check()["token_file"]


def test_no_answer_has_the_token(show, asked):
    shown = show(context(asked), knobs=True, token=SECRET)
    bearer = {"Authorization": f"Bearer {SECRET}"}
    for path in ("", "status.json", "camera/camera", "page/main.js", "snapshot/camera.jpg"):
        answer = shown.get(path, headers=bearer)
        assert SECRET not in answer.text + str(answer.headers)
    assert edge.__version__ not in shown.get("", headers=bearer).text


def test_a_link_to_one_camera_may_carry_the_token(show):
    shown = show(context(), token=SECRET)
    with httpx.Client(follow_redirects=True, timeout=5, trust_env=False) as browser:
        page = browser.get(f"{shown.address}camera/camera?token={SECRET}")
        assert page.status_code == 200 and str(page.url) == f"{shown.address}camera/camera"
        assert browser.get(shown.address + "page/main.js").status_code == 200
