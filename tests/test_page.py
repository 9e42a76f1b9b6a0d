"""The preview page in a real browser. What it looked like is kept where EDGE_ARTEFACTS says, for people to see."""

from __future__ import annotations

import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from commands import start

from edge.core import control

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]
ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCKED = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""No name but this machine's own leads anywhere: what the page needs, it has from the graph."""
CAMERAS = {"door": 2, "yard": 3, "hall": 4, "desk": 5}
GRAPH = """
device: dry
stages:
  camera: {{use: demo, width: 640, height: 360, fps: 8, each: {{{cameras}}}}}
  small: {{use: resize, from: camera, width: 480}}
  blend: {{use: composite, from: {{image: small, alpha: small.truth}}, background: studio.jpg}}
  page: {{use: web, from: {{image: blend, matte: small.truth}}, knobs: true, port: {port}, worker: page}}
"""
TAPPED = "a, button, summary, .choices label, .swatches label, input[type=range]"


# -- a browser and a graph --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", BLOCKED):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    made.set_page_load_timeout(30)
    yield made
    made.quit()


class Browser:
    """A window of one size and one theme, and what one does there."""

    def __init__(self, driver, folder):
        self.driver = driver
        self.folder = folder

    def resize(self, width=1440, height=900, phone=False, dark=False):
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, address):
        self.driver.get_log("browser")
        self.driver.get(address)
        self.until(lambda: self.ask("return document.querySelectorAll('canvas[data-number]').length"))

    def ask(self, script, *words):
        return self.driver.execute_script(script, *words)

    def text(self, selector):
        found = "const e = document.querySelector(arguments[0]);"
        return self.ask(f"{found} return e?.innerText ?? e?.textContent ?? ''", selector)

    def until(self, true, seconds=20.0):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"it did not happen in time; the page says:\n{self.text('body')}"
            time.sleep(0.1)

    def pixel(self, x, y, selector="canvas"):
        """Red, green, blue at a place of a picture, in parts of its width and height."""
        script = """const c = document.querySelector(arguments[0]), one = new OffscreenCanvas(1, 1).getContext("2d");
        one.drawImage(c, -Math.floor(arguments[1] * c.width), -Math.floor(arguments[2] * c.height));
        return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3)"""
        return self.ask(script, selector, x, y)

    def picture(self, selector="canvas"):
        return self.ask("return document.querySelector(arguments[0]).toDataURL('image/png')", selector)

    def keep(self, name):
        """The whole page, as a PNG."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (self.folder / f"page_{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] in ("SEVERE", "WARNING")]


@pytest.fixture
def browser(chromium, tmp_path):
    folder = pathlib.Path(os.environ.get("EDGE_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    made = Browser(chromium, folder)
    made.resize()
    yield made
    chromium.get("about:blank")  # nothing goes on asking a graph that has ended


class Graph:
    def __init__(self, address, folder):
        self.address = address
        self.folder = folder

    def workers(self):
        return {row["name"]: row for row in control.ask(self.folder, {"do": "status"})["workers"]}

    def signal(self, worker, number):
        os.kill(self.workers()[worker]["pid"], number)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(folder, names) -> Iterator[Graph]:
    port = free_port()
    cameras = ", ".join(f"{name}: {{seed: {CAMERAS[name]}}}" for name in names)
    (folder / "lobby.yaml").write_text(GRAPH.format(cameras=cameras, port=port))
    process = start("lobby.yaml", "--run-dir", folder / "run", cwd=folder)
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(process.communicate)
            stack.callback(process.send_signal, signal.SIGTERM)
            yield Graph(wait_for(process, port), folder / "run")
    finally:
        process.kill()


def wait_for(process, port):
    """The address of the page, once it is told."""
    for line in process.stderr:
        found = re.search(rf"http://127\.0\.0\.1:{port}/", line)
        if found:
            return found[0]
    raise AssertionError("the graph did not start")


@pytest.fixture(scope="module")
def lobby(tmp_path_factory):
    with running(tmp_path_factory.mktemp("lobby"), CAMERAS) as graph:
        yield graph


@pytest.fixture
def alone(tmp_path):
    with running(tmp_path, ["door"]) as graph:
        yield graph


# -- one camera -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_loads_and_the_picture_moves(browser, lobby, dark):
    browser.resize(dark=dark)
    browser.open(lobby.address + "camera/camera.door")
    before = browser.picture()
    browser.until(lambda: browser.picture() != before)
    browser.until(lambda: float(browser.text(".figures dd").replace("–", "0")) > 1)
    browser.until(lambda: browser.text("svg.flow").count("fps") >= 4)
    assert browser.text("header h1") == "lobby" and browser.text(".screen .state") == "Live"
    assert [browser.ask("return document.title")] == ["camera.door · lobby · Edgeflow"]
    assert {"small", "blend", "page"} <= set(browser.text(".waterfall").split())
    assert "camera.door" in browser.text(".machine table")
    assert "lost" not in browser.text("#notice") and browser.ask("return document.querySelector('#notice').hidden")
    browser.keep("camera_dark" if dark else "camera")
    assert browser.complaints() == []


def test_views_are_chosen_with_the_keyboard(browser, lobby):
    browser.open(lobby.address + "camera/camera.yard")
    browser.ask("document.querySelector('.screen input[value=result]').focus()")
    focused = browser.driver.switch_to.active_element
    focused.send_keys(webdriver.Keys.ARROW_RIGHT)
    wide = "const c = document.querySelector('canvas'); return c.width / c.height"
    browser.until(lambda: browser.ask(wide) > 3)
    browser.keep("side_by_side")
    browser.driver.switch_to.active_element.send_keys(webdriver.Keys.ARROW_RIGHT)
    browser.until(lambda: browser.ask(wide) < 2 and browser.pixel(0.02, 0.02) == [0, 0, 0])
    assert browser.ask("return document.querySelector('canvas').getAttribute('aria-label')") == "Alpha of camera.yard"
    assert browser.complaints() == []


def test_a_knob_changes_the_picture(browser, alone):
    browser.open(alone.address)
    browser.until(lambda: browser.ask("return document.querySelectorAll('.swatches input').length"))
    before = browser.pixel(0.02, 0.5)
    browser.ask("document.querySelector('.swatches input[value=\"#00b140\"]').click()")
    browser.until(lambda: green(browser.pixel(0.02, 0.5)))
    assert not green(before)
    browser.ask("const s = document.querySelector('input[name=soft]'); s.value = 12; s.dispatchEvent(new Event('input'))")
    soft = "return document.querySelector('.slider output').innerText"
    browser.until(lambda: control.ask(alone.folder, {"do": "plan"})["stages"]["blend"]["options"]["soft"] == 12)
    assert browser.ask(soft) == "12 px" and browser.text(".said") == ""
    browser.keep("knobs")
    control.ask(alone.folder, {"do": "set", "set": "blend.background=office.jpg"})  # as `edge ctl` does
    browser.until(lambda: browser.ask("return document.querySelector('.swatches input:checked')?.value") == "office.jpg")
    assert browser.complaints() == []


def green(pixel):
    return pixel[1] > 140 and pixel[0] < 40


def test_a_change_that_is_refused_is_said(browser, alone):
    browser.open(alone.address)
    browser.until(lambda: browser.ask("return document.querySelectorAll('.swatches input').length"))
    browser.ask(
        "const s = document.querySelector('input[name=soft]'); s.max = 99; s.value = 50; s.dispatchEvent(new Event('input'))"
    )
    browser.until(lambda: browser.text(".said") == "soft is a number from 0 to 16, not '50'")
    browser.keep("refused")


# -- a telephone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "camera/camera.hall"], ids=["wall", "camera"])
def test_it_is_usable_at_the_width_of_a_telephone(browser, lobby, path):
    browser.resize(390, 844, phone=True, dark=bool(path))
    browser.open(lobby.address + path)
    browser.until(lambda: browser.ask("return document.querySelectorAll('svg.flow').length"))
    browser.keep("phone_camera_dark" if path else "phone_wall")
    assert browser.ask("return document.documentElement.scrollWidth") <= 390
    script = """return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility() && !e.matches('.skip'))
    .map(e => [e.className + ' ' + e.innerText, e.getBoundingClientRect().width, e.getBoundingClientRect().height])"""
    small = [row for row in browser.ask(script, TAPPED) if row[1] < 44 or row[2] < 43.5]
    assert small == [] and browser.complaints() == []


# -- several cameras, and what goes wrong -----------------------------------------------------------------------------------


def tile(name, part=""):
    return f'a.tile[href$="camera.{name}"] {part}'.strip()


def test_the_wall_shows_all_cameras(browser, lobby):
    browser.open(lobby.address)
    browser.until(lambda: len(browser.ask("return [...document.querySelectorAll('canvas[data-number]')].map(c => 1)")) == 4)
    browser.until(lambda: browser.text(".wall").count("Live") == 4)
    browser.until(lambda: browser.text("svg.flow").count("fps") >= 6)
    browser.keep("wall")
    assert browser.complaints() == []


def test_a_camera_that_is_gone_is_said_and_comes_back(browser, tmp_path):
    with running(tmp_path, ["door", "yard"]) as graph:
        browser.open(graph.address)
        browser.until(lambda: browser.text(".wall").count("Live") == 2)
        graph.signal("camera.yard", signal.SIGSTOP)
        browser.until(lambda: re.fullmatch(r"No frame since \d\d:\d\d:\d\d", browser.text(tile("yard", ".over"))))
        assert browser.text(tile("door", ".state")) == "Live"
        browser.keep("gone")
        graph.signal("camera.yard", signal.SIGKILL)
        browser.until(lambda: browser.text(tile("yard", ".state")) == "Live", 40)
        browser.until(lambda: browser.ask("return document.querySelector('.machine .warn')?.innerText") == "1")
        assert browser.complaints() == []


def test_cameras_come_and_go(browser, tmp_path):
    with running(tmp_path, ["door", "yard"]) as graph:
        browser.open(graph.address)
        browser.until(lambda: browser.text(".wall").count("Live") == 2)
        control.ask(graph.folder, {"do": "add-camera", "name": "camera.roof", "options": {"seed": 9}})
        browser.until(lambda: browser.text(tile("roof", ".state")) == "Live", 40)
        browser.keep("three")
        control.ask(graph.folder, {"do": "remove-camera", "name": "camera.roof"})
        browser.until(lambda: not browser.ask("return document.querySelector(arguments[0])", tile("roof")))
        assert browser.text(".wall").count("Live") == 2


def test_the_page_goes_on_when_its_server_is_back(browser, alone):
    browser.open(alone.address)
    before = browser.text(".time")
    browser.until(lambda: browser.text(".time") != before)
    alone.signal("page", signal.SIGKILL)
    browser.until(lambda: not browser.ask("return document.querySelector('#notice').hidden"))
    browser.keep("no_answer")
    browser.until(lambda: browser.ask("return document.querySelector('#notice').hidden"), 40)
    before, picture = browser.text(".time"), browser.picture()
    browser.until(lambda: browser.text(".time") > before and browser.picture() != picture)
    assert all("Failed to load resource" in text for text in browser.complaints())


def test_a_camera_that_is_not_there_is_said(browser, lobby):
    browser.driver.get(lobby.address + "camera/attic")
    browser.until(lambda: "There is no camera “attic”" in browser.text("main"))
    browser.keep("nowhere")


# -- as it is written -------------------------------------------------------------------------------------------------------


def colours(text, dark):
    """The custom properties of the style sheet in one theme, as (red, green, blue)."""
    light, _, rest = text.partition("@media (prefers-color-scheme: dark)")
    found = {}
    for part in (light, rest.partition("}\n}")[0]) if dark else (light,):
        found.update(re.findall(r"--([\w-]+): #([0-9a-f]{6})", part))
    return {name: [int(digits[i : i + 2], 16) for i in (0, 2, 4)] for name, digits in found.items()}


def luminance(colour):
    parts = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out(dark):
    """The contrast that WCAG 2 asks of text, 4.5 to 1."""
    found = colours((ROOT / "plugins/web/page/page.css").read_text("utf-8"), dark)
    pairs = [(text, ground) for text in ("text", "quiet", "accent", "warn", "bad") for ground in ("panel", "ground")]
    for text, ground in [*pairs, ("text", "dim"), ("quiet", "dim"), ("bad", "bad-ground")]:
        low, high = sorted(luminance(found[name]) for name in (text, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
