"""Another size."""

import numpy as np
import pytest

from edge import Alpha, Context, GraphError, Image, Spec
from edge.plugins.resize import Resize


def picture(height, width):
    made = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made.flags.writeable = False
    return made


def resize(largest=None, **options):
    stage = Resize()
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    stage.open(Context(outputs=stage.spec({"image": Spec(Image, largest + (3,), "bgr")}) if largest else {}))
    return stage


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"width": 320}, (180, 320)),
        ({"height": 180}, (180, 320)),
        ({"width": 100}, (56, 100)),
        ({"width": 64, "height": 99}, (99, 64)),
        ({"width": 1280}, (720, 1280)),
        ({"width": 2}, (2, 2)),
    ],
)
@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_the_spec_is_the_result(options, expected, fit):
    stage = resize((360, 640), fit=fit, **options)
    assert stage.spec({"image": Spec(Image, (360, 640, 3), "bgr")})["image"].shape == expected + (3,)
    assert stage.process(image=picture(360, 640))["image"].shape == expected + (3,)


@pytest.mark.parametrize("frame", [(360, 640), (90, 160), (360, 100), (50, 640), (33, 31)])
@pytest.mark.parametrize("options", [{"width": 321}, {"height": 201}, {"width": 1000}])
def test_a_frame_of_another_aspect_stays_within_the_spec(frame, options):
    stage = resize((360, 640), **options)
    room = stage.spec({"image": Spec(Image, (360, 640, 3), "bgr")})["image"].shape
    height, width, _ = stage.process(image=picture(*frame))["image"].shape
    assert height <= room[0] and width <= room[1]


def test_the_same_size_is_the_same_picture():
    image = picture(48, 64)
    assert resize(width=64, height=48).process(image=image)["image"] is image


def test_stretch_keeps_everything_crop_the_middle_pad_adds_bars():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, :100], image[:, 100:200], image[:, 200:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image.flags.writeable = False
    made = {fit: resize(width=60, height=60, fit=fit).process(image=image)["image"] for fit in ("stretch", "crop", "pad")}
    assert made["stretch"][30, [5, 30, 55]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert (made["crop"] == (0, 255, 0)).all()
    assert not made["pad"][:20].any() and not made["pad"][40:].any()
    assert made["pad"][30, [5, 30, 55]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_pad_beside_a_tall_picture():
    made = resize(width=90, height=30, fit="pad").process(image=np.full((60, 60, 3), 9, np.uint8))["image"]
    assert (made[:, 30:60] == 9).all() and not made[:, :30].any() and not made[:, 60:].any()


def test_the_exact_matte_goes_with_the_picture():
    truth = picture(100, 150)[..., 0].copy()
    stage = resize(width=50, height=50, fit="pad")
    spec = stage.spec({"image": Spec(Image, (100, 150, 3), "bgr"), "truth": Spec(Alpha, (100, 150))})
    made = stage.process(image=np.dstack([truth] * 3), truth=truth)
    assert spec["truth"] == Spec(Alpha, (50, 50))
    assert np.array_equal(made["truth"], made["image"][..., 0])


def test_every_pixel_counts_when_it_shrinks_a_lot():
    image = np.zeros((400, 400, 3), np.uint8)
    image[::4, ::4] = 255
    assert (resize(width=100).process(image=image)["image"] == 16).all()


def test_says_what_is_wrong():
    assert Resize().check() == {"width": "give a width, a height, or both"}
    stage = Resize()
    stage.width, stage.height = -4, 9000
    assert stage.check() == {
        "width": "must be 0 (follows from the other) to 8192, not -4",
        "height": "must be 0 (follows from the other) to 8192, not 9000",
    }
    with pytest.raises(GraphError, match="not nv12"):
        Resize().spec({"image": Spec(Image, (540, 640), "nv12")})
