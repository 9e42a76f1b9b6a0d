"""The person that our own code draws: the same every time, with an exact alpha, on time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge import Alpha, Context, Image
from edge.core.options import declared
from edge.plugins.demo import Demo, script
from edge.plugins.demo.light import LIGHTS, SIZE, UNIT, Light

FPS = 10.0
EMPTY, ENTERS, TALKS, FRONT, BESIDE, GONE, DIM, LAMP, BACK = (
    int(t * FPS) for t in (0.1, 0.9, 3.0, 9.4, 14.0, 21.5, 25.8, 30.0, 34.9)
)  # fmt: skip


def demo(**options) -> Demo:
    source = Demo()
    for name, value in {"width": 256, "height": 144, "fps": FPS, "pace": "fast", **options}.items():
        setattr(source, name, value)
    assert source.check() == {}
    source.open(Context())
    return source


@pytest.fixture(scope="module")
def tour() -> Demo:
    return demo()


class Clock:
    """Time that passes only by sleeping, and by `work` for every look at it."""

    def __init__(self, work: float = 0.0) -> None:
        self.now, self.work, self.slept = 100.0, work, []

    def read(self) -> float:
        self.now += self.work
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_its_values_are_what_its_spec_says(tour):
    spec = tour.spec({})
    assert (spec["image"].type, spec["image"].shape, spec["image"].format) == (Image, (144, 256, 3), "bgr")
    assert (spec["truth"].type, spec["truth"].shape) == (Alpha, (144, 256))
    image, truth = tour.picture(TALKS)
    assert (image.shape, image.dtype, truth.shape, truth.dtype) == ((144, 256, 3), np.uint8, (144, 256), np.uint8)
    assert tour.rate == FPS and Demo.looks is False


def test_a_frame_is_the_same_whatever_was_drawn_before_it(tour):
    first = [plane.copy() for plane in tour.picture(FRONT)]
    for n in (TALKS, LAMP, GONE):
        tour.picture(n)
    other = demo()
    for again in (tour.picture(FRONT), other.picture(FRONT)):
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], tour.picture(FRONT + 1)[0])


def test_the_picture_is_foreground_over_background_by_its_alpha(tour):
    for n in (ENTERS, TALKS, FRONT, BESIDE, DIM, LAMP, BACK):
        image, truth = (plane.copy() for plane in tour.picture(n))
        front, behind, alpha = tour.layers(n)
        assert np.array_equal(alpha, truth)
        a = alpha[..., None] / 255.0
        error = np.abs(front * a + behind * (1 - a) - image)
        # Each of up to eight layers rounds once.
        assert error.max() <= 3.5 and error.mean() < 0.25


def test_the_room_is_empty_before_and_after(tour):
    for n in (EMPTY, GONE):
        image, truth = tour.picture(n)
        assert truth.max() == 0
        assert np.array_equal(image, tour.layers(n)[1])


def test_the_person_enters_stays_and_leaves(tour):
    share = [float(tour.picture(n)[1].mean() / 255) for n in range(0, 24)]
    assert share[0] == 0 and max(share) > 0.15
    first = next(n for n, s in enumerate(share) if s > 0)
    _, truth = tour.picture(first + 2)
    assert truth[:, :128].max() == 0 < truth[:, 128:].max()  # from the right
    assert tour.picture(TALKS)[1][72:, 128].min() == 255


def test_hands_come_before_the_body_and_beside_the_head(tour):
    resting, raised = (tour.picture(n)[1] > 127 for n in (TALKS, BESIDE))
    beside = np.s_[20:60, 75:105]
    assert not resting[beside].any() and raised[beside].mean() > 0.12
    skin = [tour.picture(n)[0][90:120, 105:150].astype(int) for n in (TALKS, FRONT)]
    red = [(s[..., 2] > s[..., 0] + 30).mean() for s in skin]
    assert red[0] < 0.02 and red[1] > 0.10


def test_hair_is_soft():
    _, truth = demo(width=640, height=360).picture(TALKS)
    head = truth[20:170]
    soft = (head > 0) & (head < 255)
    assert 0.005 < soft.mean() < 0.08
    assert len(np.unique(head[soft])) > 100


def test_lights_change_how_bright_everything_is(tour):
    mean = {n: float(tour.picture(n)[0].mean()) for n in (TALKS, DIM, LAMP, BACK)}
    assert mean[DIM] < 0.75 * mean[TALKS]
    warmth = [float(tour.picture(n)[0][..., 2].mean() / tour.picture(n)[0][..., 0].mean()) for n in (TALKS, LAMP)]
    assert warmth[1] > 1.1 * warmth[0]
    window = [int(np.median(tour.picture(n)[0][20:35, 22:32])) for n in (TALKS, BACK)]
    assert window[1] > window[0] + 20
    face = [float(tour.picture(n)[0][40:52, 123:133].mean()) for n in (TALKS, BACK)]
    assert face[1] < 0.8 * face[0]


def test_the_light_is_continuous_and_its_weights_sum_to_one():
    for scene in script.SCENES:
        for t in np.arange(0, 90, 0.05):
            weights, gain = script.light(scene, t)
            assert abs(sum(weights.values()) - 1) < 1e-9 and set(weights) <= set(LIGHTS) and 0.5 < gain <= 1


def test_nothing_jumps_between_two_frames():
    """Where something is between one frame and the next, in heads; a walking person is the fastest."""
    for scene in script.SCENES:
        moments = [script.pose(scene, n / 30) for n in range(30 * 100)]
        for a, b in itertools.pairwise(moments):
            if a.present and b.present:
                assert abs(a.x - b.x) < 0.2 and abs(a.yaw - b.yaw) < 0.1 and abs(a.swing - b.swing) < 0.02
                for one, two in ((a.left, b.left), (a.right, b.right)):
                    assert np.abs(np.subtract(one.wrist, two.wrist)).max() < 0.25
            else:
                inside = a if a.present else b
                assert not inside.present or abs(inside.x) > 2.5


def test_the_scenes_show_what_they_are_called():
    assert all(script.pose("talk", t).present for t in np.arange(0, 60, 0.1))
    assert max(script.pose("talk", t).mouth for t in np.arange(0, 20, 0.03)) > 0.5
    assert any(script.pose("talk", t).lids == 1 for t in np.arange(0, 8, 0.03))
    assert not any(script.pose("empty", t).present for t in np.arange(0, 60, 0.1))
    lit = {state for t in np.arange(0, 60, 0.1) for state, w in script.light("lights", t)[0].items() if w > 0.9}
    assert lit == set(LIGHTS)
    assert demo(scene="empty").picture(7)[1].max() == 0


def test_seeds_make_different_people():
    one, two = (demo(seed=seed, scene="talk").picture(0) for seed in (1, 2))
    assert np.abs(one[0].astype(int) - two[0]).mean() > 5
    assert ((one[1] > 127) == (two[1] > 127)).mean() > 0.97


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (7, 7)])
def test_it_ends_after_so_many_frames(count, expected):
    made = list(demo(width=64, height=64, frames=count).capture())
    assert len(made) == expected and set(made[0]) == {"image", "truth"}


def test_without_a_count_it_does_not_end():
    source = demo(width=64, height=64)
    again, frames = source.capture(), source.capture()
    made = [next(frames)["image"].copy() for _ in range(5)]
    for n, image in enumerate(made):
        assert np.array_equal(image, source.picture(n)[0])
        assert np.array_equal(next(again)["image"], image)  # each generator starts at the beginning


def test_real_pace_waits_until_a_frame_is_due_and_never_drifts():
    source, clock = demo(width=64, height=64, scene="empty", pace="real"), Clock(work=0.003)
    source.clock, source.sleep = clock.read, clock.sleep
    assert source.live
    began, times = clock.now, []
    for _ in itertools.islice(source.capture(), 40):
        times.append(clock.now - began)
    due = np.arange(40) / FPS
    assert np.all(np.array(times) >= due - 1e-6) and np.all(np.array(times) < due + 0.01)


def test_real_pace_does_not_wait_for_what_is_late():
    source, clock = demo(width=64, height=64, scene="empty", pace="real"), Clock()
    source.clock, source.sleep = clock.read, clock.sleep
    frames = source.capture()
    next(frames)
    clock.now += 0.35
    for _ in range(4):
        next(frames)
    assert clock.slept == pytest.approx([0, 0, 0, 0, 0.05])


def test_fast_pace_never_sleeps():
    source, clock = demo(width=64, height=64, scene="empty", frames=5), Clock()
    source.clock, source.sleep = clock.read, clock.sleep
    assert len(list(source.capture())) == 5 and clock.slept == [] and not source.live


def test_options_are_documented_and_have_defaults():
    options = declared(Demo)
    assert list(options) == ["width", "height", "fps", "frames", "pace", "seed", "scene"]
    assert options["frames"].default == 0 and options["frames"].type is int
    assert all(option.doc for option in options.values())


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("width", 641, "must be even, from 64 to 7680, not 641"),
        ("width", 7682, "must be even, from 64 to 7680, not 7682"),
        ("height", 62, "must be even, from 64 to 7680, not 62"),
        ("fps", 0.5, "must be from 1 to 240, not 0.5"),
        ("fps", float("nan"), "must be from 1 to 240, not nan"),
        ("frames", -1, "must be 0 (endless) or more, not -1"),
        ("seed", -5, "must be from 0 to 2147483647, not -5"),
    ],
)
def test_options_out_of_bounds(option, value, problem):
    source = Demo()
    setattr(source, option, value)
    assert source.check() == {option: problem}


@pytest.mark.parametrize("size", [(64, 64), (64, 512), (1000, 64), (360, 640)])
def test_any_shape_of_picture(size):
    source = demo(width=size[0], height=size[1], scene="gesture")
    image, truth = source.picture(30)
    assert image.shape == (size[1], size[0], 3) and truth.max() == 255 and 0.02 < (truth > 127).mean() < 0.95


def test_it_draws_into_the_planes_that_it_is_given():
    given = []

    def new(name, shape, dtype):
        given.append((name, np.empty(shape, dtype)))
        return given[-1][1]

    source = demo(width=64, height=64)
    source.context = Context(new=new)
    image, truth = source.picture(TALKS)
    assert [name for name, _ in given] == ["image", "truth"]
    assert image is given[0][1] and truth is given[1][1]


def test_a_surface_is_bright_where_it_looks_at_the_lamp():
    sphere = Light().on("skin", {"day": 1.0}, 1.0).astype(int)
    left, right = sphere[SIZE // 3, SIZE // 5], sphere[SIZE // 2, -SIZE // 5]
    assert left.min() > right.max() + 30 and sphere[SIZE // 3, SIZE // 5].mean() > 0.9 * UNIT
    half = Light().on("skin", {"day": 1.0}, 0.5)
    assert abs(half.mean() / sphere.mean() - 0.5) < 0.02
