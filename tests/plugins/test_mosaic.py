"""The wall: who is where on it, who is late and since when, and that it is one picture."""

from __future__ import annotations

import itertools
import json
import time

import cv2
import numpy as np
import pytest
from commands import edge
from test_tiny import books_balance

from edge import Context, Frame, Image, Spec, StageError
from edge.plugins import mosaic as module
from edge.plugins.mosaic import Mosaic, Tiles
from edge.plugins.mosaic import tile as tiles
from edge.plugins.mosaic import wall as walls
from edge.plugins.mosaic.layout import GAP, boxes, columns_for
from edge.plugins.mosaic.wall import Wall

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (40, 200, 200), (200, 40, 200)]


class Clock:
    """Time, which a test moves."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(walls.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(tiles.time, "time", lambda: 1_800_000_000.0 + self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def said(monkeypatch):
    """What is written on the wall, in the order in which it is."""
    found = []
    write = tiles.write
    monkeypatch.setattr(tiles, "write", lambda into, text, *where: (found.append(text), write(into, text, *where)))
    return found


@pytest.fixture(autouse=True)
def no_wall_is_left():
    yield
    assert module.WALLS == {}


def plain(colour, height=90, width=160):
    picture = np.full((height, width, 3), colour, np.uint8)
    picture.flags.writeable = False
    return picture


def hung(*sources, width=640, height=360, columns=0, stale=2.0):
    wall = Wall()
    for source in sources:
        wall.add(source)
    wall.hang(width, height, columns, stale)
    return wall


def seen(wall, width=640, height=360):
    into = np.zeros((height, width, 3), np.uint8)
    wall.look(into)
    return into


def at(picture, place, columns, rows):
    """The colour in the middle of a tile, a little above its text."""
    height, width = picture.shape[:2]
    y = int((place // columns + 0.3) * height / rows)
    return tuple(picture[y, int((place % columns + 0.5) * width / columns)].tolist())


# -- layout -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count, aspect, columns", [(1, 16 / 9, 1), (2, 16 / 9, 2), (3, 16 / 9, 2), (4, 16 / 9, 2), (8, 4 / 3, 4), (9, 16 / 9, 3)]
)
def test_the_layout_shows_pictures_as_large_as_it_can(count, aspect, columns):
    found = columns_for(count, 1280, 720, aspect)
    assert found == columns


def shown(count, columns, aspect):
    box = boxes(count, columns, 1280, 720)[0]
    return min(box.width, box.height * aspect)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 16 / 9, 3.5])
def test_tiles_lie_within_the_wall_and_never_on_another(aspect):
    for count in range(1, 40):
        best = columns_for(count, 1280, 720, aspect)
        assert shown(count, best, aspect) == max(shown(count, columns, aspect) for columns in range(1, count + 1))
        found = boxes(count, best, 1280, 720)
        assert len(found) == count
        assert all(0 <= b.left and b.left + b.width <= 1280 and 0 <= b.top and b.top + b.height <= 720 for b in found)
        for one, other in itertools.combinations(found, 2):
            apart_x = one.left + one.width + GAP <= other.left or other.left + other.width + GAP <= one.left
            assert apart_x or one.top + one.height + GAP <= other.top or other.top + other.height + GAP <= one.top


# -- what is on it ------------------------------------------------------------------------------------------------------------


def test_each_camera_has_its_tile_and_its_name(clock, said):
    names = [f"camera.{letter}" for letter in "abcdef"]
    wall = hung(*names, columns=3)
    said.clear()
    for name, colour in zip(names, COLOURS, strict=True):
        wall.show(name, plain(colour))
    picture = seen(wall)
    assert [at(picture, place, 3, 2) for place in range(6)] == COLOURS
    assert said == names


def test_a_copy_is_kept_and_only_the_tile_that_changes_is_drawn(clock):
    wall = hung("a", "b", columns=2)
    slot = np.full((90, 160, 3), 90, np.uint8)
    wall.show("a", slot)
    before = seen(wall)
    slot[:] = 255  # the plane is given back to its maker
    wall.show("b", plain((1, 2, 3)))
    after = seen(wall)
    left = slice(0, (640 - GAP) // 2)
    assert np.array_equal(before[:, left], after[:, left])
    assert at(after, 1, 2, 1) == (1, 2, 3)


def test_a_camera_that_is_late_is_dimmed_and_says_since_when(clock, said):
    wall = hung("camera.door", "camera.yard", columns=2, stale=2.0)
    for source in ("camera.door", "camera.yard"):
        wall.show(source, plain((200, 200, 200)))
    since = time.strftime("%H:%M:%S", time.localtime(1_800_000_000.0 + clock.now))
    for later, text in ((1.9, None), (12.3, "12 s"), (12.9, "12 s"), (119.0, "119 s"), (300.0, "5 min"), (7300.0, "2 h")):
        clock.now = 1000.0 + later
        wall.show("camera.door", plain((200, 200, 200)))
        said.clear()
        picture = seen(wall)
        assert at(picture, 0, 2, 1) == (200, 200, 200)
        assert at(picture, 1, 2, 1) == ((200, 200, 200) if text is None else (70, 70, 70))
        told = [f"camera.yard: no picture for {text}", f"since {since}"]
        assert said == ([] if text is None or later == 12.9 else told)  # nothing is drawn that says the same
    wall.show("camera.yard", plain((200, 200, 200)))
    assert at(seen(wall), 1, 2, 1) == (200, 200, 200)


def test_a_wall_of_which_every_camera_is_late(clock, said):
    wall = hung("a", "b", columns=2)
    wall.show("a", plain((200, 200, 200)))
    clock.now += 30
    said.clear()
    picture = seen(wall)
    assert at(picture, 0, 2, 1) == (70, 70, 70) and at(picture, 1, 2, 1) == tiles.EMPTY
    assert said[0] == "a: no picture for 30 s" and said[2:] == ["b: no picture yet", "for 30 s"]


def test_cameras_come_and_go(clock, said):
    wall = hung("a", columns=0)
    wall.show("a", plain((9, 99, 199)))
    wall.add("b")
    picture = seen(wall)
    assert at(picture, 0, 2, 1) == (9, 99, 199) and "b: no picture yet" in said
    wall.show("b", plain((50, 150, 250), 360, 640))
    wall.remove("a")
    assert at(seen(wall), 0, 1, 1) == (50, 150, 250)
    wall.remove("b")
    said.clear()
    assert (seen(wall)[0] == tiles.EMPTY).all()
    wall.add("c")
    assert seen(wall).shape == (360, 640, 3) and said[0] == "c: no picture yet"


def test_any_size_of_picture_is_shown_whole(clock):
    wall = hung("a", "b")
    for height, width in ((1, 1), (7, 900), (900, 7), (31, 33), (720, 1280)):
        wall.show("a", plain((10, 20, 30), height, width))
        assert ((seen(wall) == (10, 20, 30)).all(-1)).any()


def test_names_that_no_font_has(clock, said):
    wall = hung("kamera.тор")
    wall.show("kamera.тор", plain((1, 1, 1)))
    assert said[-1] == "kamera.тор" and tiles.plain(said[-1]) == "kamera.???"


# -- as stages ----------------------------------------------------------------------------------------------------------------


class Pair:
    """A wall and the stage that puts pictures on it, as one worker has them."""

    def __init__(self, sources=("a", "b"), status=dict, format="bgr", **options):
        self.mosaic, self.tiles = Mosaic(), Tiles()
        for name, value in {"width": 320, "height": 180, "fps": 100.0, **options}.items():
            setattr(self.mosaic, name, value)
        assert self.mosaic.check() == {}
        made = self.mosaic.spec({})["image"]
        self.tiles.open(Context(inputs={"image": Spec(Image, (90, 160, 3), format)}, sources=sources))
        self.mosaic.open(Context(outputs={"image": made}, sources=("wall",), status=status))
        self.frames = self.mosaic.capture()
        assert next(self.frames).shape == made.shape

    def put(self, source, picture):
        self.tiles.process(Frame(source, 0, 0.0), picture)
        return next(self.frames)

    def close(self):
        self.frames.close()
        self.mosaic.close()
        self.tiles.close()


def test_the_wall_is_a_camera_of_its_own():
    pair = Pair()
    pair.put("a", plain((10, 20, 30)))
    picture = pair.put("b", plain((40, 50, 60)))
    found = [(picture == colour).all(-1).mean() for colour in ((10, 20, 30), (40, 50, 60))]
    assert min(found) > 0.15
    assert pair.mosaic.live and pair.mosaic.rate == 100.0 and pair.tiles.keep == "latest" and not pair.tiles.takes_ticks
    pair.close()


@pytest.mark.parametrize("format", ["rgb", "nv12", "nv21", "i420"])
def test_colours(format):
    pair = Pair(sources=("a",), format=format)
    blue = np.full((90, 160, 3), (200, 30, 30), np.uint8)
    if format == "rgb":
        given = blue[..., ::-1].copy()
    else:
        given = cv2.cvtColor(blue, cv2.COLOR_BGR2YUV_I420)
        u, v = given[90:].reshape(2, 45, 80).copy()
        if format != "i420":
            given[90:] = np.dstack((u, v) if format == "nv12" else (v, u)).reshape(45, 160)
    assert np.abs(pair.put("a", given)[40, 160].astype(int) - (200, 30, 30)).max() <= 3
    pair.close()


def test_a_wall_that_does_not_change_is_shown_twice_a_second():
    pair = Pair(sources=("a",), stale=60.0)
    pair.put("a", plain((1, 2, 3)))
    began = time.monotonic()
    first, second = next(pair.frames).copy(), next(pair.frames)
    assert np.array_equal(first, second) and 0.4 < time.monotonic() - began < 5.0
    pair.close()


def test_options_of_the_wall_change_while_it_hangs():
    pair = Pair(sources=("a", "b", "c"))
    pair.put("a", plain((10, 20, 30)))
    pair.mosaic.columns = 3
    pair.mosaic.changed(["columns"])
    picture = next(pair.frames)
    assert (picture[:, 110:] != (10, 20, 30)).any(-1).all()  # the first of three columns
    assert set(Mosaic.steady) == {"width", "height"} and Tiles.steady == ("wall",)
    pair.close()


def test_cameras_reach_the_stage_and_leave_it():
    pair = Pair(sources=("a",))
    pair.tiles.enter("b")
    pair.put("b", plain((10, 20, 30)))
    pair.tiles.leave("a")
    assert pair.mosaic._wall.sources == ["b"]
    pair.close()


def test_the_wall_ends_when_all_of_its_cameras_have(monkeypatch):
    states = {"a": "running", "b": "ended", "wall": "running", "other": "running"}
    pair = Pair(status=lambda: {"cameras": {name: {"state": state} for name, state in states.items()}})
    clock = itertools.count(time.monotonic() + 10, 2.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    for _ in range(3):
        assert pair.put("a", plain((1, 1, 1))) is not None
    states["a"] = "failed"
    assert len(list(itertools.islice(pair.frames, 5))) <= 2
    states.update(a="removed", b="removed")
    assert not pair.mosaic._is_over()  # others may be put there
    pair.close()


def test_pictures_that_nobody_shows_are_told():
    stage = Tiles()
    stage.wall = "lobby"
    stage.open(Context(sources=("a",)))
    with pytest.raises(StageError, match=r"no 'lobby: \{use: mosaic\}' in this worker shows it; give both the same"):
        stage.process(Frame("a", 0, 0.0), plain((1, 1, 1)))
    stage.close()


def test_options_are_checked():
    stage = Mosaic()
    stage.width, stage.height, stage.columns, stage.fps, stage.stale = 63, 8000, -1, 0.0, 0.0
    assert set(stage.check()) == {"width", "height", "columns", "fps", "stale"}
    assert Mosaic().check() == {} and not Mosaic.looks


GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 128, height: 96, fps: 20, frames: 30, each: {a: {}, b: {seed: 2}, c: {seed: 3}}}
  small: {use: resize, from: camera, width: 64}
  tiles: {use: mosaic, from: small, worker: wall}
  wall: {use: mosaic, worker: wall, width: 320, height: 240, fps: 10}
  out: {use: images, from: wall, path: made}
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["auto", "none"])
def test_three_cameras_are_one_stream(tmp_path, workers):
    (tmp_path / "g.yaml").write_text(GRAPH)
    done = edge("g.yaml", "--workers", workers, "--report", "r.json", "--quiet", cwd=tmp_path)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "r.json").read_text())
    made = sorted((tmp_path / "made").glob("*.png"))
    assert report["cameras"]["wall"]["state"] == "ended"  # of itself, when its cameras had
    assert report["cameras"]["wall"]["delivered"] == len(made) >= 3
    books_balance(report)
    for name in "abc":
        camera = report["cameras"][f"camera.{name}"]
        assert camera["captured"] == 30 and camera["delivered"] >= 3
    assert cv2.imread(str(made[-1])).shape == (240, 320, 3)
