"""Mirror, crop, resize."""

import cv2
import numpy as np
import pytest

from edge import Alpha, Context, GraphError, Image, Spec
from edge.plugins.portrait import Portrait


def picture(height, width, seed=0):
    made = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made.flags.writeable = False
    return made


def portrait(**options):
    stage = Portrait()
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    stage.open(Context())
    return stage


def test_keeps_the_middle_square_without_touching_a_pixel():
    image = picture(360, 640)
    made = portrait().process(image=image)
    assert list(made) == ["image"]
    assert np.array_equal(made["image"], image[:, 140:500])
    assert np.shares_memory(made["image"], image)


@pytest.mark.parametrize("shape", [(360, 640), (361, 640), (360, 641), (361, 643), (640, 361), (7, 4), (5, 5)])
def test_is_the_article_mirror_then_crop_then_resize(shape):
    image = picture(*shape)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    assert np.array_equal(portrait(mirror=True).process(image=image)["image"], portrait().process(image=mirrored)["image"])


def test_mirror_and_resize_agree_with_opencv_step_by_step():
    image = picture(480, 640)
    made = portrait(size=320, mirror=True).process(image=image)["image"]
    expected = cv2.resize(cv2.flip(image, 1)[:, 80:560], (320, 320), interpolation=cv2.INTER_LINEAR)
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_every_pixel_counts_when_it_shrinks_a_lot():
    image = np.zeros((400, 400, 3), np.uint8)
    image[::4, ::4] = 255
    made = portrait(size=100).process(image=image)["image"]
    assert made.min() == made.max() == 16  # 255 / 16


@pytest.mark.parametrize("size", [0, 64, 65])
@pytest.mark.parametrize("shape", [(360, 640), (361, 641), (33, 31), (2, 2), (1, 9), (720, 720)])
@pytest.mark.parametrize("mirror", [False, True])
def test_the_spec_is_the_result(size, shape, mirror):
    stage = portrait(size=size, mirror=mirror)
    spec = stage.spec({"image": Spec(Image, shape + (3,), "rgb")})
    assert set(spec) == {"image"} and spec["image"].format == "rgb"
    made = stage.process(image=picture(*shape))["image"]
    assert made.shape == spec["image"].shape
    assert made.dtype == np.uint8 and (size or made.shape[0] % 2 == 0 or min(shape) == 1)


def test_a_smaller_frame_than_the_spec_makes_a_smaller_square_or_is_enlarged():
    assert portrait().process(image=picture(100, 200))["image"].shape == (100, 100, 3)
    assert portrait(size=320).process(image=picture(100, 200))["image"].shape == (320, 320, 3)


def test_the_exact_matte_is_framed_like_the_picture():
    truth = picture(361, 500)[..., 0].copy()
    truth.flags.writeable = False
    stage = portrait(size=128, mirror=True)
    spec = stage.spec({"image": Spec(Image, (361, 500, 3), "bgr"), "truth": Spec(Alpha, (361, 500))})
    made = stage.process(image=np.dstack([truth] * 3), truth=truth)
    assert spec["truth"] == Spec(Alpha, (128, 128))
    assert np.array_equal(made["truth"], made["image"][..., 1])


def test_renders_into_the_slot_it_is_given():
    slots = []

    def new(name, shape, dtype):
        slots.append(np.empty(shape, dtype))
        return slots[-1]

    stage = portrait(size=64, mirror=True)
    stage.context = Context(new=new)
    assert stage.process(image=picture(120, 160))["image"] is slots[0] and len(slots) == 1


def test_says_what_it_cannot_do():
    stage = Portrait()
    stage.size = -1
    assert stage.check() == {"size": "must be 0 (the picture's own) to 8192, not -1"}
    with pytest.raises(GraphError, match="bgr or rgb pictures, not nv21"):
        Portrait().spec({"image": Spec(Image, (540, 640), "nv21")})
