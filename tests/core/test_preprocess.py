"""Preprocess: pictures in, tensors out, and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.core.contract import ImageInput, Output, PriorInput
from edge.core.preprocess import Preprocess, plane


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_rgb_nchw_minus_one_to_one() -> None:
    picture = noise(16, 16, 3)
    made = Preprocess(ImageInput("x", range=(-1, 1)), (16, 16))(picture)["x"]
    assert made.shape == (1, 3, 16, 16) and made.dtype == np.float32 and made.flags.c_contiguous
    np.testing.assert_allclose(made[0], picture[..., ::-1].transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_bgr_pictures_for_a_bgr_network_are_not_swapped() -> None:
    picture = noise(8, 8, 3)
    made = Preprocess(ImageInput("x", colour="bgr"), (8, 8))(picture)["x"]
    np.testing.assert_allclose(made[0], picture.transpose(2, 0, 1) / 255, atol=1e-6)


def test_rgb_pictures_are_told_by_their_format() -> None:
    picture, prepare = noise(8, 8, 3), Preprocess(ImageInput("x"), (8, 8))
    as_bgr = prepare(picture)["x"].copy()
    np.testing.assert_array_equal(prepare(picture[..., ::-1].copy(), "rgb")["x"], as_bgr)


def test_mean_and_std_go_with_the_networks_colours() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    made = Preprocess(ImageInput("x", mean=mean, std=std), (1, 1))(np.uint8([[[0, 0, 255]]]))["x"]
    red = [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    np.testing.assert_allclose(made.ravel(), red, rtol=1e-6)


def test_interleaved_layout() -> None:
    picture = noise(8, 12, 3)
    made = Preprocess(ImageInput("x", layout="nhwc"), (8, 12))(picture)["x"]
    assert made.shape == (1, 8, 12, 3)
    np.testing.assert_allclose(made[0], picture[..., ::-1] / 255, atol=1e-6)


def test_shrinking_averages() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::4] = 200  # nearest or linear would see all of them, or none
    made = Preprocess(ImageInput("x", range=(0, 255)), (16, 16))(stripes)["x"]
    assert np.all(made == 50)


def test_a_small_picture_is_enlarged_smoothly() -> None:
    step = np.zeros((2, 2, 3), np.uint8)
    step[:, 1] = 100
    row = Preprocess(ImageInput("x", range=(0, 255)), (2, 8))(step)["x"][0, 0, 0]
    assert list(row) == sorted(row) and 0 < row[4] < 100


@pytest.mark.parametrize("format", ["nv12", "nv21"])
def test_yuv_pictures(format: str) -> None:
    grey = np.full((12, 8), 128, np.uint8)
    grey[:8] = 235  # video white over neutral colours
    made = Preprocess(ImageInput("x", range=(0, 255)), (8, 8))(grey, format)["x"]
    assert np.all(made == 255)


def test_nv21_has_red_first() -> None:
    yuv = np.full((12, 8), 128, np.uint8)
    yuv[8:, 0::2] = 255
    red, _, blue = Preprocess(ImageInput("x"), (8, 8))(yuv, "nv21")["x"][0]
    assert np.all(red > 0.9) and np.all(blue < 0.6)


def test_the_prior_is_the_fourth_channel() -> None:
    prior = np.random.default_rng(2).random((8, 8), np.float32)
    prepare = Preprocess(ImageInput("x"), (8, 8), 4, PriorInput(range=(-1, 1)))
    np.testing.assert_allclose(prepare(noise(8, 8, 3), prior=prior)["x"][0, 3], prior * 2 - 1, atol=1e-6)
    assert np.all(prepare(noise(8, 8, 3))["x"][0, 3] == -1), "none is background, which -1 stands for"


def test_the_prior_as_an_input_of_its_own() -> None:
    prepare = Preprocess(ImageInput("x"), (8, 8), 3, PriorInput("before"))
    made = prepare(noise(8, 8, 3), prior=np.full((8, 8), 0.5, np.float32))
    assert made["x"].shape == (1, 3, 8, 8) and made["before"].shape == (1, 1, 8, 8)
    assert np.all(made["before"] == 0.5)


def test_an_interleaved_prior() -> None:
    picture = noise(8, 8, 3)
    made = Preprocess(ImageInput("x", layout="nhwc"), (8, 8), 4)(picture, prior=np.full((8, 8), 0.25, np.float32))["x"]
    assert np.all(made[0, ..., 3] == 0.25)
    np.testing.assert_allclose(made[0, ..., :3], picture[..., ::-1] / 255, atol=1e-6)


def test_the_tensor_is_the_same_memory_each_time() -> None:
    prepare = Preprocess(ImageInput("x"), (8, 8))
    first = prepare(noise(20, 20, 3))["x"]
    assert prepare(noise(9, 30, 3))["x"] is first


def test_half_precision() -> None:
    picture = noise(8, 8, 3)
    made = Preprocess(ImageInput("x"), (8, 8), types={"x": np.float16})(picture)["x"]
    assert made.dtype == np.float16
    np.testing.assert_allclose(made[0], picture[..., ::-1].transpose(2, 0, 1) / 255, atol=1e-3)


def test_a_plane_as_it_is_and_within_bounds() -> None:
    tensor = np.float32([[[[-0.1, 0.0], [0.5, 1.1]]]])
    made = plane(tensor, Output("alpha"))
    assert made.dtype == np.float32 and made.tolist() == [[0.0, 0.0], [0.5, 1.0]]
    made[:] = 9
    assert tensor[0, 0, 1, 0] == 0.5, "the plane is the caller's own"


def test_softmax_takes_the_channel() -> None:
    logits = np.random.default_rng(3).normal(0, 5, (1, 4, 6, 2)).astype(np.float32)
    e = np.exp(logits[0].astype(np.float64))
    made = plane(logits, Output("x", layout="nhwc", channel=1, activation="softmax"))
    np.testing.assert_allclose(made, e[..., 1] / e.sum(-1), atol=1e-6)


def test_softmax_of_large_logits() -> None:
    logits = np.float32([1000.0, -1000.0]).reshape(1, 2, 1, 1)
    assert plane(logits, Output("x", activation="softmax"))[0, 0] == 1
    assert plane(logits, Output("x", channel=1, activation="softmax"))[0, 0] < 1e-30


def test_sigmoid() -> None:
    made = plane(np.float32([[[[-1000.0, 0.0, 2.0, 1000.0]]]]), Output("x", activation="sigmoid"))
    np.testing.assert_allclose(made, [[0, 0.5, 1 / (1 + np.exp(-2)), 1]], atol=1e-6)


def test_a_flat_output_is_not_stretched() -> None:
    faint = np.full((1, 1, 4, 4), 0.01, np.float32)
    faint[0, 0, 0, 0] = 0.03
    assert plane(faint, Output("x")).max() == np.float32(0.03)


@pytest.mark.parametrize("activation", ["none", "sigmoid", "softmax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_visible(activation: str, bad: float) -> None:
    tensor = np.zeros((1, 2, 3, 3), np.float32)
    tensor[0, 1, 1, 1] = bad
    assert np.isnan(plane(tensor, Output("x", activation=activation))).all()


def test_it_agrees_with_the_plain_way_on_a_photograph(shared) -> None:
    picture = cv2.imread(str(sorted((shared / "data/gt/image").glob("*.jpg"))[0]))
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)[..., ::-1].astype(np.float32)
    made = Preprocess(ImageInput("x", range=(-1, 1)), (256, 256))(picture)["x"]
    # An exact average, which costs three times as much, differs by about one step of 255 on the mean of this busy picture.
    difference = np.abs(made[0] - ((small - 127.5) / 127.5).transpose(2, 0, 1)) * 127.5
    assert difference.mean() < 1.5 and np.percentile(difference, 99) < 10
