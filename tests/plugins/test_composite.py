"""The person in front of something else, and never the room."""

import math
import struct
import zlib

import cv2
import numpy as np
import pytest

from edge import Alpha, Context, EdgeError, Frame, GraphError, Image, Spec
from edge.plugins.composite import CALM, Composite
from edge.plugins.composite.background import colour_of, fitted, open_background

ROOM = (11, 222, 33)
"""A colour that no background and no cover here has."""
SIZE = (48, 64)
VIEWS = ["result", "side_by_side", "alpha", "checker"]


def frozen(array):
    array.flags.writeable = False
    return array


def noise(height, width, seed=0):
    return frozen(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def disc(height, width, blur=3.0):
    """A soft-edged person in the middle: alpha 255 inside, 0 outside."""
    alpha = np.zeros((height, width), np.uint8)
    cv2.circle(alpha, (width // 2, height // 2), min(height, width) // 3, 255, -1)
    return frozen(cv2.GaussianBlur(alpha, (0, 0), blur))


def composite(size=SIZE, live=False, form="bgr", **options):
    stage = Composite()
    options.setdefault("background", "#102030")
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    inputs = {"image": Spec(Image, (*size, 3), form), "alpha": Spec(Alpha, size)}
    stage.open(Context(inputs=inputs, outputs=stage.spec(inputs), live=live))
    return stage


def show(stage, image, alpha, time=0.0, lost=None, source="camera"):
    return stage.process(frame=Frame(source, 0, time, lost=lost or {}), image=image, alpha=alpha)


def save(path, picture):
    assert cv2.imwrite(str(path), picture)
    return str(path)


# -- the sum --------------------------------------------------------------------------------------------------------------


def test_every_alpha_and_every_value_is_rounded_to_the_nearest():
    alpha = frozen(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256, axis=1))
    image = frozen(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, axis=0).repeat(3, axis=2))
    made = composite((256, 256), background="#c80a63", clean=False)
    made = show(made, image, alpha)["image"].astype(int)
    a, i, b = alpha[..., None].astype(int), image.astype(int), np.array([0x63, 0x0A, 0xC8])
    assert np.array_equal(made, (2 * (a * i + (255 - a) * b) + 255) // 510)


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("shape", [(48, 64), (47, 61), (5, 3), (1, 1), (33, 200)])
def test_255_is_exactly_the_image_and_0_exactly_the_background(shape, clean, tmp_path):
    behind = noise(*shape, seed=1)
    stage = composite(shape, background=save(tmp_path / "behind.png", behind), clean=clean)
    alpha = np.random.default_rng(2).choice(np.array([0, 128, 255], np.uint8), shape)
    image = noise(*shape)
    made = show(stage, image, frozen(alpha.copy()))
    if made["cover"] == "":
        assert np.array_equal(made["image"][alpha == 255], image[alpha == 255])
        assert np.array_equal(made["image"][alpha == 0], behind[alpha == 0])


def test_an_empty_room_shows_the_background_alone():
    made = show(composite(), noise(*SIZE), frozen(np.zeros(SIZE, np.uint8)))
    assert made["cover"] == "" and (made["image"] == (0x30, 0x20, 0x10)).all()


def test_pictures_that_are_views_give_the_same():
    image, alpha = noise(48, 100), disc(48, 100)
    part = np.s_[:, 20:84]
    stage = composite()
    seen = show(stage, image[part], alpha[part])["image"]
    assert np.array_equal(seen, show(stage, image[part].copy(), alpha[part].copy())["image"])


def test_renders_into_the_slot_it_is_given():
    slots = []

    def new(name, shape, dtype):
        slots.append(np.empty(shape, dtype))
        return slots[-1]

    for view in VIEWS:
        stage = composite(view=view)
        stage.context = Context(new=new)
        made = show(stage, noise(*SIZE), disc(*SIZE))["image"]
        assert made is slots[-1] and made.shape == stage.spec({"image": Spec(Image, (*SIZE, 3)), "alpha": 0})["image"].shape


# -- the edge -------------------------------------------------------------------------------------------------------------


def test_cleaning_takes_the_old_room_out_of_the_edge():
    """A person of known colour before a known green room, put before white: the truth is known in every pixel."""
    alpha = disc(240, 240, 6.0)
    a = alpha[..., None] / 255
    person, white = np.array([60, 40, 160]), np.array([255, 255, 255])
    image = frozen(np.rint(a * person + (1 - a) * (40, 200, 40)).astype(np.uint8))
    truth = a * person + (1 - a) * white
    band = (alpha > 8) & (alpha < 247)

    def error(clean):
        made = show(composite((240, 240), background="white", clean=clean), image, alpha)["image"]
        return np.abs(made - truth)[band].mean()

    assert error(False) > 14
    assert error(True) < 0.25 * error(False)


def test_cleaning_real_hair(shared, tmp_path):
    """One person before two rooms, with exact alpha: put from the first into the second, it should look like the second."""
    folder = shared / "data"
    image, truth = (cv2.imread(str(folder / f"gt/image/p_71bcce3a_{n}.jpg")) for n in (0, 1))
    alpha = frozen(cv2.imread(str(folder / "gt/alpha/p_71bcce3a_0.png"), cv2.IMREAD_GRAYSCALE))
    band = (alpha > 0) & (alpha < 255)

    def error(clean):
        stage = composite(alpha.shape, background=str(folder / "backgrounds/kodim07.jpg"), clean=clean)
        return np.abs(show(stage, frozen(image), alpha)["image"].astype(int) - truth)[band].mean()

    frozen(image)
    assert error(False) > 8
    assert error(True) < 0.5 * error(False)


def test_shift_moves_the_edge_and_soft_widens_it():
    alpha = np.zeros((40, 80), np.uint8)
    alpha[:, :40] = 255
    image = frozen(np.full((40, 80, 3), 255, np.uint8))

    def edge(**options):
        made = show(composite((40, 80), background="black", clean=False, **options), image, frozen(alpha.copy()))["image"]
        row = made[20, :, 0].astype(float)
        return row.sum() / 255, int(((row > 0) & (row < 255)).sum())

    assert edge() == (40, 0)
    assert edge(shift=4.0)[0] == pytest.approx(44, abs=0.3)
    assert edge(shift=-4.0)[0] == pytest.approx(36, abs=0.3)
    assert edge(soft=11.0)[0] == pytest.approx(40, abs=0.3)
    assert 8 <= edge(soft=11.0)[1] <= 13 and edge(shift=4.0)[1] <= 4


# -- backgrounds ----------------------------------------------------------------------------------------------------------


def test_a_blurred_room_has_none_of_the_person_s_colour():
    alpha = disc(240, 320, 4.0)
    a = alpha[..., None] / 255
    image = frozen(np.rint(a * (0, 0, 255) + (1 - a) * (128, 128, 128)).astype(np.uint8))
    for strength in (5, 25, 80):
        made = show(composite((240, 320), background="blur", blur=strength), image, alpha)["image"]
        outside = made[alpha == 0].astype(int)
        assert np.abs(outside - 128).max() <= 2, strength
    plain = cv2.GaussianBlur(image, (0, 0), 8)[alpha == 0].astype(int)
    assert (plain[:, 2] - plain[:, 1]).max() > 20  # what a plain blur does


def test_a_blurred_room_is_blurred():
    image = noise(120, 160)
    made = show(composite((120, 160), background="blur"), image, frozen(np.zeros((120, 160), np.uint8)))["image"]
    assert made.std() < 0.25 * image.std()
    assert np.abs(made.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 6


def test_a_picture_fills_the_canvas_with_its_aspect_kept(tmp_path):
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :100], picture[:, 100:200], picture[:, 200:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    stage = composite((50, 50), background=save(tmp_path / "flag.png", picture))
    made = show(stage, noise(50, 50), frozen(np.zeros((50, 50), np.uint8)))["image"]
    assert (made == (0, 255, 0)).all()
    assert fitted(picture, (10, 30))[5, [2, 15, 28]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_a_picture_keeps_no_more_pixels_than_it_needs_and_is_drawn_once(tmp_path):
    behind = open_background(save(tmp_path / "big.png", noise(400, 800)), largest=(50, 60))
    assert behind.at((50, 60)) is behind.at((50, 60))
    assert not behind.at((50, 60)).flags.writeable
    for side in range(10, 40):
        assert behind.at((side, side)).shape == (side, side, 3)
    assert len(behind._drawn) <= 4


def test_colours():
    assert colour_of("#102030") == (0x30, 0x20, 0x10)
    assert colour_of("#f80") == (0x00, 0x88, 0xFF)
    assert colour_of("White") == (255, 255, 255)
    assert colour_of("#12345") == colour_of("temple.jpg") == colour_of("") == colour_of("blur") == ()


def test_rgb_frames_get_rgb_backgrounds(tmp_path):
    path, empty = save(tmp_path / "blue.png", np.full((9, 9, 3), (255, 0, 0), np.uint8)), frozen(np.zeros(SIZE, np.uint8))
    for background in ("#0000ff", path):
        stage = composite(form="rgb", background=background)
        assert show(stage, noise(*SIZE), empty)["image"][0, 0].tolist() == [0, 0, 255]
        assert show(stage, noise(*SIZE), None)["image"][0, 0].tolist() == [0, 0, 255]


@pytest.fixture
def video(tmp_path):
    """Ten frames at 10 a second: grey 0, 20, 40 ..."""
    path = tmp_path / "steps.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for n in range(10):
        writer.write(np.full((48, 64, 3), 20 * n, np.uint8))
    writer.release()
    return str(path)


def test_a_video_goes_at_its_own_pace_and_begins_again(video):
    stage, empty = composite(background=video), frozen(np.zeros(SIZE, np.uint8))

    def grey(time, source="camera"):
        return round(show(stage, noise(*SIZE), empty, time, source=source)["image"].mean() / 20)

    assert [grey(100 + n / 30) for n in range(7)] == [0, 0, 1, 1, 1, 2, 2]
    assert [grey(t) for t in (100.5, 100.9, 101.0, 101.1)] == [5, 9, 0, 1]
    assert grey(160.0) == 2  # after a pause it goes on
    assert grey(160.3) == 5
    assert grey(3.0, "another camera, with a clock of its own") == 5
    stage.close()


# -- views ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(48, 64), (47, 61), (3, 5)])
@pytest.mark.parametrize("view", VIEWS)
def test_the_spec_is_the_result(view, shape):
    stage = composite(shape, view=view)
    alpha = np.zeros(shape, np.uint8)
    alpha[: shape[0] // 2] = 255
    for made in (show(stage, noise(*shape), frozen(alpha)), show(stage, noise(*shape), None)):
        assert set(made) == set(stage.makes)
        assert made["image"].shape == stage.context.outputs["image"].shape and made["image"].dtype == np.uint8
    assert stage.context.outputs["cover"] == Spec(str)


def test_side_by_side_is_the_picture_and_the_result():
    image, alpha = noise(*SIZE), disc(*SIZE)
    made = show(composite(view="side_by_side"), image, alpha)["image"]
    assert np.array_equal(made[:, :64], image)
    assert np.array_equal(made[:, 64:], show(composite(), image, alpha)["image"])


def test_alpha_is_grey():
    alpha = disc(*SIZE)
    assert np.array_equal(show(composite(view="alpha"), noise(*SIZE), alpha)["image"], np.dstack([alpha] * 3))


def test_checker_has_two_greys_around_the_person():
    image, alpha = noise(*SIZE), disc(*SIZE)
    made = show(composite(view="checker"), image, alpha)["image"]
    assert np.array_equal(made[alpha == 255], image[alpha == 255])
    assert set(np.unique(made[alpha == 0])) == {128, 192}


def test_frames_may_change_size():
    stage = composite((96, 128))
    for shape in ((96, 128), (48, 64), (20, 30), (96, 128)):
        assert show(stage, noise(*shape), disc(*shape))["image"].shape == (*shape, 3)


# -- failing closed -------------------------------------------------------------------------------------------------------


def room(shape=SIZE):
    return frozen(np.full((*shape, 3), ROOM, np.uint8))


def plane(value, shape=SIZE):
    return frozen(np.full(shape, value, np.uint8))


DOUBTS = {
    "no matte": (room(), None, {"alpha": "worker_died"}, "worker_died"),
    "no matte, no reason": (room(), None, {}, "late"),
    "NaN": (room(), None, {"alpha": "non_finite"}, "non_finite"),
    "no picture": (None, disc(*SIZE), {"image": "decode_error"}, "decode_error"),
    "nothing": (None, None, {"image": "decode_error", "alpha": "worker_died"}, "worker_died"),
    "another size": (room(), disc(24, 32), {}, "format"),
    "everything is a person": (room(), plane(255), {}, "implausible"),
    "nearly everything": (room(), plane(252), {}, "implausible"),
    "haze": (room(), plane(128), {}, "implausible"),
    "thin haze": (room(), plane(30), {}, "implausible"),
    "a veil": (room(), plane(20), {}, "implausible"),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("background", ["#102030", "blur", "checked"])
@pytest.mark.parametrize("doubt", DOUBTS)
def test_the_whole_canvas_is_the_cover(doubt, background, view, tmp_path):
    image, alpha, lost, reason = DOUBTS[doubt]
    if background == "checked":
        squares = np.kron(np.eye(8, dtype=np.uint8)[..., None] * 255, np.ones((9, 9, 3), np.uint8))
        background = save(tmp_path / "behind.png", squares)
    stage = composite(background=background, view=view)
    made = show(stage, image, alpha, lost=lost)
    assert made["cover"] == reason
    assert made["image"].shape == (48, 128 if view == "side_by_side" else 64, 3)
    assert not (made["image"] == ROOM).all(axis=2).any()
    for left in range(0, made["image"].shape[1], 64):
        assert np.array_equal(made["image"][:, left : left + 64], stage._cover.at(SIZE))


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_of_an_earlier_frame_is_left_either(view):
    stage = composite(view=view, cover="#aa5500")
    show(stage, room(), disc(*SIZE))
    made = show(stage, room(), None, lost={"alpha": "too_old"})
    assert (made["image"] == (0x00, 0x55, 0xAA)).all() and made["cover"] == "too_old"


def test_a_plausible_matte_is_shown():
    """A person who nearly fills the picture, a soft edge, an empty room: none of them is a reason to hide."""
    close = np.full(SIZE, 255, np.uint8)
    close[:, :2] = 0
    for alpha in (frozen(close), disc(*SIZE, 6.0), plane(0), plane(8)):
        assert show(composite(), room(), alpha)["cover"] == ""


def test_the_cover_is_the_background_where_that_is_no_room(tmp_path, video):
    picture = save(tmp_path / "lake.png", np.full((9, 9, 3), (200, 100, 50), np.uint8))
    expected = {"#102030": (0x30, 0x20, 0x10), picture: (200, 100, 50), "blur": colour_of(CALM), video: colour_of(CALM)}
    for background, colour in expected.items():
        assert (show(composite(background=background), room(), None)["image"] == colour).all()
    assert (show(composite(background="blur", cover=picture), room(), None)["image"] == (200, 100, 50)).all()


def test_the_cover_has_the_size_of_the_last_frame_or_of_the_spec():
    stage = composite((96, 128), view="side_by_side")
    assert show(stage, None, None)["image"].shape == (96, 256, 3)
    show(stage, room((24, 32)), disc(24, 32))
    assert show(stage, None, disc(24, 32))["image"].shape == (24, 64, 3)
    assert show(stage, None, None, source="another")["image"].shape == (96, 256, 3)


def test_ticks_show_the_cover_of_live_graphs():
    assert composite().tick("camera") is None
    stage = composite(live=True, view="side_by_side")
    show(stage, room((24, 32)), disc(24, 32))
    for source, shape in (("camera", (24, 64, 3)), ("other", (48, 128, 3))):
        made = stage.tick(source)
        assert made["cover"] == "late" and made["image"].shape == shape
        assert (made["image"] == (0x30, 0x20, 0x10)).all()
    assert Composite.tick_after == 0.5


# -- what the graph is told -----------------------------------------------------------------------------------------------


def trouble(name, option="background"):
    stage = Composite()
    stage.background = "black"
    setattr(stage, option, str(name))
    return str(stage.check().get(option, ""))


def test_options_out_of_range():
    stage = Composite()
    stage.background, stage.blur, stage.shift, stage.soft = "blur", 0, 33.0, math.nan
    assert stage.check() == {
        "blur": "must be 1 to 100, not 0",
        "shift": "must be -32 to 32, not 33",
        "soft": "must be 0 to 64, not nan",
    }


@pytest.mark.parametrize("option", ["background", "cover"])
def test_a_file_that_is_not_there(option):
    assert trouble("grene", option) == "no such picture or video: 'grene'. Did you mean 'green'?"
    assert trouble("/no/where.jpg", option).startswith("no such picture or video: '/no/where.jpg'.")
    assert trouble("#12345", option) == "'#12345' is no colour; write it like #20a040"
    assert trouble("/", option).startswith("no such picture or video")
    assert trouble("blurr") == "no such picture or video: 'blurr'. Did you mean 'blur'?"
    assert trouble("").startswith("no such picture or video: ''. ")


def test_text_is_no_picture_and_is_not_given_to_ffmpeg(tmp_path):
    for name, text in (("fake.jpg", "hello\n" * 99), ("list.mp4", "#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"), ("empty.png", "")):
        path = tmp_path / name
        path.write_text(text)
        assert trouble(path) == f"{path}: this is text, neither a picture nor a video"


def test_bytes_that_are_nothing(tmp_path):
    path = tmp_path / "fake.jpg"
    path.write_bytes(bytes(range(256)) * 9)
    assert trouble(path) == f"{path}: neither a picture (PNG, JPEG, WebP, BMP) nor a video that can be read"


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".bmp"])
def test_a_picture_that_is_cut_off(tmp_path, kind):
    data = cv2.imencode(kind, noise(50, 60))[1].tobytes()
    path = tmp_path / ("cut" + kind)
    for length in (16, 20, len(data) // 2):
        path.write_bytes(data[:length])
        assert trouble(path).startswith(f"{path}: the picture is "), length
    path.write_bytes(data)
    assert trouble(path) == trouble(path, "cover") == ""


def test_a_picture_that_decodes_to_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    webp = cv2.imencode(".webp", noise(8, 8))[1].tobytes()
    huge = struct.pack("<I", 16383 | 16383 << 14)
    files = {
        "bomb.png": (bomb, "30000 × 30000"),
        "bomb.jpg": (b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x11\x08" + struct.pack(">HH", 65000, 64000), "64000 × 65000"),
        "bomb.bmp": (b"BM" + bytes(16) + struct.pack("<ii", 40000, -50000) + bytes(40), "40000 × 50000"),
        "bomb.webp": (webp[:12] + b"VP8L" + bytes(5) + huge + bytes(40), "16384 × 16384"),
        "wide.webp": (webp[:12] + b"VP8X" + bytes(8) + b"\xff\xff\x00" * 2 + bytes(40), "65536 × 65536"),
        "lossy.webp": (webp[:12] + b"VP8 " + bytes(10) + struct.pack("<HH", 16000, 15000) + bytes(40), "16000 × 15000"),
    }
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    for name, (data, size) in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert trouble(path) == f"{path}: {size} pixels are more than 64 million; make it smaller"


def test_a_cover_stands_still(video):
    assert trouble(video, "cover") == f"'{video}' cannot be a cover; give a colour or a picture"
    assert trouble("blur", "cover") == "'blur' cannot be a cover; give a colour or a picture"
    assert trouble(video) == ""


def test_a_graph_needs_both_ports():
    image, alpha = Spec(Image, (48, 64, 3), "bgr"), Spec(Alpha, (48, 64))
    with pytest.raises(GraphError, match="composite needs 'alpha', which nothing before it makes"):
        Composite().spec({"image": image})
    with pytest.raises(GraphError, match="composite needs 'image'"):
        Composite().spec({"alpha": alpha})
    with pytest.raises(GraphError, match="not nv12"):
        Composite().spec({"image": Spec(Image, (72, 64), "nv12"), "alpha": alpha})


# -- changes while it runs ------------------------------------------------------------------------------------------------


def change(stage, **options):
    for name, value in options.items():
        setattr(stage, name, value)
    stage.changed(list(options))


def corner(stage):
    """The colour behind the person, of the next frame."""
    return tuple(show(stage, frozen(np.full((*SIZE, 3), ROOM, np.uint8)), disc(*SIZE))["image"][0, -1].tolist())


def test_a_change_is_there_in_the_next_frame(tmp_path):
    stage = composite(background="#102030")
    assert corner(stage) == (0x30, 0x20, 0x10)
    change(stage, background=save(tmp_path / "a.png", np.full((90, 120, 3), (1, 2, 3), np.uint8)))
    assert corner(stage) == (1, 2, 3)
    assert tuple(show(stage, None, None)["image"][0, 0]) == (1, 2, 3), "the cover is the new background, too"
    change(stage, view="alpha", soft=9.0)
    made = show(stage, noise(*SIZE), disc(*SIZE, blur=0.1))["image"]
    assert len(np.unique(made)) > 5 and np.array_equal(made[..., 0], made[..., 2])
    change(stage, view="checker")
    assert corner(stage) in ((128,) * 3, (192,) * 3)
    change(stage, view="result", background="blur")
    assert corner(stage) == ROOM and tuple(show(stage, None, None)["image"][0, 0]) != ROOM


def test_a_new_background_is_drawn_before_the_next_frame_needs_it(tmp_path, monkeypatch):
    stage = composite()
    corner(stage)
    change(stage, background=save(tmp_path / "a.png", noise(480, 640)))
    monkeypatch.setattr("edge.plugins.composite.background.fitted", lambda *_: pytest.fail("drawn while a frame waits"))
    corner(stage)


def test_what_cannot_be_had_leaves_everything_as_it_was(tmp_path, video):
    stage = composite(background=video)
    before = (stage._behind, stage._cover)
    for options in ({"background": str(tmp_path / "none.png")}, {"background": "#00ff00", "cover": video}):
        with pytest.raises(EdgeError):
            change(stage, **options)
        assert (stage._behind, stage._cover) == before
        change(stage, background=video, cover="")  # as the framework does: the old values, once more
        assert (stage._behind, stage._cover) == before and before[0]._capture.isOpened()


def test_an_old_video_is_closed_when_the_new_background_is_there(video):
    stage = composite(background=video)
    old = stage._behind
    change(stage, background="#00ff00")
    assert not old._capture.isOpened()


def test_only_the_edge_changes_without_touching_the_background():
    stage = composite()
    before = stage._behind
    change(stage, soft=4.0, shift=-1.0, clean=False, blur=9)
    assert stage._behind is before


def test_no_change_makes_the_canvas_wider_than_its_slot():
    stage = composite(view="result")
    with pytest.raises(GraphError, match="view side_by_side is twice as wide as was planned for; start the graph with it"):
        change(stage, view="side_by_side")
    stage = composite(view="side_by_side")
    change(stage, view="result")
    assert show(stage, noise(*SIZE), disc(*SIZE))["image"].shape == (*SIZE, 3)
    change(stage, view="side_by_side")


def test_a_camera_that_is_gone_is_forgotten():
    stage = composite()
    show(stage, noise(*SIZE), disc(*SIZE), source="camera.yard")
    stage.leave("camera.yard")
    stage.leave("camera.never")
    assert stage._sizes == {}
