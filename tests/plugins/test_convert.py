"""Orders of colours: every one to every other, against OpenCV and against the definition of BT.601."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import Context, Drop, GraphError, Image, Spec
from edge.plugins.convert import TO_RGB, YUV, Convert

ORDERS = ("rgb", "bgr", *YUV)


def convert(before, to, shape=(48, 64, 3)):
    """A stage that is open, and the shape that it promises."""
    stage = Convert()
    stage.to = to
    inputs = {"image": Spec(Image, shape, before)}
    assert stage.check() == {}
    made = stage.spec(inputs)["image"]
    assert made.format == to
    stage.open(Context(inputs=inputs, outputs={"image": made}))
    return stage, made.shape


def run(picture, before, to):
    picture.flags.writeable = False
    stage, shape = convert(before, to, picture.shape)
    made = stage.process(image=picture)["image"]
    assert made.shape == shape and made.dtype == np.uint8
    return made


def noise(height, width, order, seed=0):
    shape = (height * 3 // 2, width) if order in YUV else (height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def blocks(height, width, seed=0):
    """2×2 pixels of one colour each: what 4:2:0 can hold."""
    small = noise(height // 2, width // 2, "rgb", seed)
    return np.repeat(np.repeat(small, 2, 0), 2, 1)


sides = st.integers(1, 24).map(lambda half: 2 * half)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.sampled_from(YUV), st.sampled_from(YUV), st.integers(0, 99))
def test_between_yuv_orders_no_value_changes(height, width, before, to, seed):
    picture = noise(height, width, before, seed)
    there = run(picture.copy(), before, to)
    assert np.array_equal(there[:height], picture[:height])
    assert np.array_equal(run(there.copy(), to, before), picture)
    # As OpenCV reads both: they are the same picture.
    seen = [cv2.cvtColor(image, TO_RGB[order][0]) for image, order in ((picture, before), (there, to))]
    assert np.array_equal(*seen)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.sampled_from(["rgb", "bgr"]), st.sampled_from(YUV), st.integers(0, 99))
def test_rgb_to_yuv_and_back_is_near(height, width, before, to, seed):
    picture = blocks(height, width, seed)
    back = run(run(picture.copy(), before, to).copy(), to, before)
    assert np.abs(back.astype(int) - picture).max() <= 3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(ORDERS[:2]), st.sampled_from(ORDERS), st.integers(0, 99))
def test_pictures_of_any_size_keep_within_the_spec(height, width, before, to, seed):
    made = run(noise(height, width, before, seed), before, to)
    tall, wide = (height, width) if to in ORDERS[:2] else (height + height % 2, width + width % 2)
    assert made.shape == ((tall * 3 // 2, wide) if to in YUV else (tall, wide, 3))


@pytest.mark.parametrize("before, to", [("rgb", "bgr"), ("bgr", "rgb")])
def test_rgb_and_bgr_swap_exactly(before, to):
    picture = noise(33, 47, before)
    assert np.array_equal(run(picture.copy(), before, to), picture[..., ::-1])


@pytest.mark.parametrize("before", YUV)
@pytest.mark.parametrize("to", ["rgb", "bgr"])
def test_from_yuv_as_opencv_does_it(before, to):
    picture = noise(34, 46, before)
    code = getattr(cv2, f"COLOR_YUV2{to.upper()}_{before.upper()}")
    assert np.array_equal(run(picture.copy(), before, to), cv2.cvtColor(picture, code))


@pytest.mark.parametrize("before", ["rgb", "bgr"])
def test_to_yuv_as_bt601_says_it(before):
    """Y 16..235, U and V 16..240, from colours in 0..255."""
    picture = blocks(32, 44)
    i420 = run(picture.copy(), before, "i420").astype(float)
    red, green, blue = (picture if before == "rgb" else picture[..., ::-1]).transpose(2, 0, 1) / 255.0
    y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    u = 128 - 37.797 * red - 74.203 * green + 112.0 * blue
    v = 128 + 112.0 * red - 93.786 * green - 18.214 * blue
    found_u, found_v = i420[32:].reshape(2, 16, 22)
    for found, exact in ((i420[:32], y), (found_u, u[::2, ::2]), (found_v, v[::2, ::2])):
        assert np.abs(found - exact).max() < 0.7


@pytest.mark.parametrize(
    "colour, y, u, v", [((0, 0, 0), 16, 128, 128), ((255,) * 3, 235, 128, 128), ((255, 0, 0), 82, 90, 240)]
)
def test_known_colours_in_each_order(colour, y, u, v):
    picture = np.full((4, 6, 3), colour, np.uint8)
    below = {"nv12": [u, v] * 3, "nv21": [v, u] * 3}
    for order, row in below.items():
        made = run(picture.copy(), "rgb", order)
        assert (made[:4] == y).all() and made[4].tolist() == row and made[5].tolist() == row
    assert run(picture.copy(), "rgb", "i420")[4:].ravel().tolist() == [u] * 6 + [v] * 6


@pytest.mark.parametrize("to", YUV)
def test_odd_sides_get_their_last_line_twice(to):
    picture = noise(5, 7, "rgb")
    even = np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="edge")
    assert np.array_equal(run(picture.copy(), "rgb", to), run(even.copy(), "rgb", to))


@pytest.mark.parametrize("order", ORDERS)
def test_the_same_order_is_the_same_picture(order):
    picture = noise(8, 10, order)
    stage, shape = convert(order, order, picture.shape)
    assert stage.process(image=picture)["image"] is picture and shape == picture.shape
    assert stage.renders == () and Convert.renders == ("image",)


@pytest.mark.parametrize("to", ORDERS)
def test_renders_in_place(to):
    before = "bgr" if to != "bgr" else "rgb"
    stage, shape = convert(before, to)
    slot = np.zeros(shape, np.uint8)
    stage.context = Context(new=lambda name, asked, dtype: slot)
    made = stage.process(image=noise(48, 64, before))["image"]
    assert np.shares_memory(made, slot) and slot.any()


def test_a_plane_that_is_no_yuv_picture_is_lost_not_shown():
    stage, _ = convert("nv12", "bgr", (72, 64))
    for shape in ((73, 64), (72, 63)):
        with pytest.raises(Drop) as lost:
            stage.process(image=np.zeros(shape, np.uint8))
        assert lost.value.reason == "format"


def test_an_order_that_nobody_knows_is_told_before_the_start():
    stage = Convert()
    stage.to = "rgb"
    with pytest.raises(GraphError, match="convert takes rgb, bgr, nv21, nv12, i420, not yuyv"):
        stage.spec({"image": Spec(Image, (48, 64, 2), "yuyv")})
    assert stage.spec({"image": Spec(Image, (48, 64, 3))})["image"].format == "rgb"
