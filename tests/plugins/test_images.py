"""Pictures as a source, the sizes that headers give, and the sink that writes a plane per file."""

from __future__ import annotations

import io
import os
import pathlib
import struct
import types
import zlib

import cv2
import numpy as np
import pytest

from edge import Alpha, Context, Drop, Frame, Image, Raw, SourceError, Spec
from edge.plugins.images import ImageFiles, Images, sink, source
from edge.plugins.images.size import size_of


def stage(path, **options):
    made = Images()
    made.path = pathlib.Path(path)
    for name, value in options.items():
        setattr(made, name, value)
    made.open(Context())
    return made


def encoded(suffix, picture, *how):
    ok, data = cv2.imencode(suffix, picture, list(how))
    assert ok
    return data.tobytes()


def png_bomb(width, height):
    """A valid PNG of one colour: about 49 kB for 50000 x 15500, which decodes to 2.3 GB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(width // 8 + 2)
    body = b"".join(packer.compress(row[: (width + 7) // 8 + 1]) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def segment(kind, data):
    return bytes([0xFF, kind]) + struct.pack(">H", len(data) + 2) + data


def cmyk_jpeg(inks, size=16):
    """A JPEG of one colour with four inks, 0..255 each, as print shops make them: only the DC of each block is coded."""
    counts = bytearray(16)
    counts[3] = 12
    parts = [b"\xff\xd8", segment(0xEE, b"Adobe\0d\0\0\0\0\0"), segment(0xDB, b"\0" + b"\x08" * 64)]
    parts.append(segment(0xC0, struct.pack(">BHHB", 8, size, size, 4) + b"".join(bytes([i, 0x11, 0]) for i in (1, 2, 3, 4))))
    parts.append(segment(0xC4, b"\0" + counts + bytes(range(12))) + segment(0xC4, b"\x10\1" + bytes(16)))
    parts.append(segment(0xDA, b"\4" + b"".join(bytes([i, 0]) for i in (1, 2, 3, 4)) + b"\0\x3f\0"))
    bits, last = "", [0] * 4
    for _ in range((size // 8) ** 2):
        for i, ink in enumerate(inks):
            step, last[i] = 127 - ink - last[i], 127 - ink
            length = abs(step).bit_length()
            bits += format(length, "04b")
            bits += format(step if step > 0 else step + 2**length - 1, f"0{length}b") if length else ""
            bits += "0"
    bits += "1" * (-len(bits) % 8)
    parts.append(int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0"))
    return b"".join(parts) + b"\xff\xd9"


def turned_jpeg(picture, orientation, order="<"):
    data = encoded(".jpg", picture)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    exif = mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    return data[:2] + segment(0xE1, b"Exif\0\0" + exif) + data[2:]


# -- source ---------------------------------------------------------------------------------------------------------------


def test_natural_order_and_strange_names(tmp_path):
    for level, name in enumerate(["9.png", "10.png", "Shot1.png", "shot2.png", "shot10.png", "shot 3\nä.png"]):
        (tmp_path / name).write_bytes(encoded(".png", np.full((4, 6, 3), level * 10, np.uint8)))
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    assert [int(p[0, 0, 0]) for p in stage(tmp_path).capture()] == [0, 10, 20, 30, 40, 50]


def test_every_kind_becomes_uint8_bgr(tmp_path):
    made = {
        "1 grey.png": encoded(".png", np.full((4, 6), 90, np.uint8)),
        "2 transparent.png": encoded(".png", np.full((4, 6, 4), 90, np.uint8)),
        "3 sixteen.png": encoded(".png", np.full((4, 6, 3), 90 * 256, np.uint16)),
        "4 bmp.bmp": encoded(".bmp", np.full((4, 6, 3), 90, np.uint8)),
        "5 tiff.tif": encoded(".tif", np.full((4, 6), 90 * 256, np.uint16)),
        "6 pgm.pgm": encoded(".pgm", np.full((4, 6), 90, np.uint8)),
        "7 one.png": encoded(".png", np.full((1, 1), 90, np.uint8)),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    pictures = list(stage(tmp_path).capture())
    assert [p.shape for p in pictures] == [(4, 6, 3)] * 6 + [(1, 1, 3)]
    assert all(p.dtype == np.uint8 and abs(int(p[0, 0, c]) - 90) <= 1 for p in pictures for c in range(3))


def test_four_inks(tmp_path):
    for n, inks in enumerate([(255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 0, 255), (0, 0, 0, 0)]):
        (tmp_path / f"{n}.jpg").write_bytes(cmyk_jpeg(inks))
    colours = [p[8, 8].tolist() for p in stage(tmp_path).capture()]
    assert np.abs(np.array(colours) - [[255, 255, 0], [255, 0, 255], [0, 0, 0], [255, 255, 255]]).max() <= 2


def test_spec_is_the_largest_and_decodes_nothing(tmp_path, monkeypatch):
    for name, shape in {"a.png": (10, 30, 3), "b.jpg": (20, 8, 3), "c.webp": (4, 4, 3)}.items():
        (tmp_path / name).write_bytes(encoded(pathlib.Path(name).suffix, np.zeros(shape, np.uint8)))
    monkeypatch.setattr(source.cv2, "imdecode", None)
    images = stage(tmp_path, fps=10.0)
    assert images.spec({})["image"] == Spec(Image, (20, 30, 3), "bgr")
    assert images.rate == 10.0


def test_a_bad_picture_is_a_drop(tmp_path):
    good = encoded(".png", np.zeros((40, 60, 3), np.uint8))
    noise = encoded(".png", np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    (tmp_path / "1.png").write_bytes(good)
    (tmp_path / "2.png").write_text("<html>404</html>")
    (tmp_path / "3.png").write_bytes(b"")
    (tmp_path / "4.png").write_bytes(noise[:40])
    (tmp_path / "5.tif").write_bytes(encoded(".tif", np.zeros((4, 6), np.float32)))
    (tmp_path / "6.png").write_bytes(good)
    kinds = [m.reason if isinstance(m, Drop) else m.shape for m in stage(tmp_path).capture()]
    assert kinds == [(40, 60, 3)] + ["decode_error"] * 4 + [(40, 60, 3)]


def test_a_bomb_is_refused_unread(tmp_path, monkeypatch):
    bomb = png_bomb(50_000, 15_500)
    assert 40_000 < len(bomb) < 120_000
    (tmp_path / "bomb.png").write_bytes(bomb)
    decode = source.cv2.imdecode
    monkeypatch.setattr(source.cv2, "imdecode", None)
    with pytest.raises(SourceError) as caught:
        stage(tmp_path).spec({})
    assert str(caught.value) == (
        f"{tmp_path}: none of 1 pictures can be read; the first: "
        "bomb.png would decode to 775 Mpixel; the most is 67: make it smaller"
    )
    assert [m.reason for m in stage(tmp_path).capture()] == ["oversize"]
    monkeypatch.setattr(source.cv2, "imdecode", decode)
    (tmp_path / "small.png").write_bytes(png_bomb(16, 8))
    assert stage(tmp_path).spec({})["image"].shape == (8, 16, 3)
    assert [getattr(m, "reason", "picture") for m in stage(tmp_path).capture()] == ["oversize", "picture"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_upright_as_exif_says(tmp_path, order):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20] = 255
    (tmp_path / "a.jpg").write_bytes(turned_jpeg(picture, 6, order))
    images = stage(tmp_path)
    (upright,) = images.capture()
    assert upright.shape == images.spec({})["image"].shape == (40, 20, 3)
    assert upright[5, 10, 0] > 250 and upright[35, 10, 0] < 5


def test_one_picture_and_a_pattern(tmp_path):
    for name in ("a1.png", "a2.png", "b1.png"):
        (tmp_path / name).write_bytes(encoded(".png", np.zeros((4, 6, 3), np.uint8)))
    assert len(list(stage(tmp_path / "a1.png").capture())) == 1
    assert len(list(stage(tmp_path / "a*.png").capture())) == 2


def test_nothing_there(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for path, words in {
        tmp_path: "no picture in this folder; known are .bmp",
        tmp_path / "*.png": "no file has such a name",
        tmp_path / "missing": "does not exist",
    }.items():
        for attempt in (lambda s: s.spec({}), lambda s: list(s.capture())):
            with pytest.raises(SourceError) as caught:
                attempt(stage(path))
            assert str(caught.value).startswith(f"{path}: {words}") and "\n" not in str(caught.value)


def test_no_permission(tmp_path, monkeypatch):
    def refuse(self):  # the tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    with pytest.raises(SourceError, match="Permission denied; ask its owner"):
        stage(tmp_path).spec({})


def test_loop_and_real_pace(tmp_path, monkeypatch):
    for n in range(2):
        (tmp_path / f"{n}.png").write_bytes(encoded(".png", np.full((4, 6, 3), n, np.uint8)))
    clock = types.SimpleNamespace(now=5.0, slept=[])
    clock.monotonic = lambda: clock.now

    def sleep(seconds):
        clock.slept.append(round(seconds, 6))
        clock.now += seconds

    clock.sleep = sleep
    monkeypatch.setattr(source, "time", clock)
    images = stage(tmp_path, loop=True, pace="real", fps=4.0)
    frames = images.capture()
    assert [int(next(frames)[0, 0, 0]) for _ in range(5)] == [0, 1, 0, 1, 0]
    assert images.live and clock.slept == [0.25] * 4
    clock.now += 60
    next(frames), next(frames)
    assert clock.slept == [0.25] * 5  # one at once after the stall, the next one in its time


def test_loop_ends_when_all_pictures_went_bad(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(".png", np.zeros((4, 6, 3), np.uint8)))
    frames = stage(tmp_path, loop=True).capture()
    next(frames)
    path.write_text("gone bad")
    assert isinstance(next(frames), Drop)
    with pytest.raises(SourceError, match="none of the pictures can be read any more"):
        next(frames)


def test_source_options_are_checked():
    assert list(stage("x", fps=0.0).check()) == ["fps"]
    assert stage("x").check() == {}


# -- sizes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm", ".pgm"])
@pytest.mark.parametrize("shape", [(1, 1), (33, 57), (300, 2)])
def test_sizes_are_those_of_the_decoder(suffix, shape):
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    picture = picture[..., 0] if suffix == ".pgm" else picture
    assert size_of(io.BytesIO(encoded(suffix, picture))) == shape


def test_sizes_of_the_three_kinds_of_webp():
    picture = np.random.default_rng(0).integers(0, 255, (33, 57, 3), np.uint8)
    assert size_of(io.BytesIO(encoded(".webp", picture, cv2.IMWRITE_WEBP_QUALITY, 50))) == (33, 57)
    extended = b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + bytes([56, 0, 0, 32, 0, 0])
    assert size_of(io.BytesIO(extended)) == (33, 57)
    assert size_of(io.BytesIO(b"RIFF\0\0\0\0WAVEfmt " + bytes(16))) is None


def test_size_of_the_oldest_bmp_and_of_a_pnm_with_comments():
    assert size_of(io.BytesIO(b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 57, 33, 1, 24) + bytes(20))) == (33, 57)
    assert size_of(io.BytesIO(b"P6 # made by hand\n57\n# and more\n33 255\n")) == (33, 57)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm"])
def test_a_header_cut_anywhere_or_garbled_is_no_error(suffix):
    whole = encoded(suffix, np.random.default_rng(0).integers(0, 255, (33, 57, 3), np.uint8))
    for length in range(0, min(len(whole), 700)):
        assert size_of(io.BytesIO(whole[:length])) in (None, (33, 57))
    random = np.random.default_rng(1)
    for _ in range(300):
        bad = bytearray(whole[:700])
        for place in random.integers(2, len(bad), 8):
            bad[place] = random.integers(0, 256)
        size_of(io.BytesIO(bytes(bad)))


# -- sink -----------------------------------------------------------------------------------------------------------------


def opened(path, sources=("camera",), inputs=None, **options):
    made = ImageFiles()
    made.path = pathlib.Path(path)
    for name, value in options.items():
        setattr(made, name, value)
    made.open(Context(sources=sources, inputs=inputs))
    return made


def read_only(array):
    array.flags.writeable = False
    return array


def test_writes_alpha_by_frame_number(tmp_path):
    files = opened(tmp_path / "new" / "cut", plane="alpha")
    alpha = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for n in (0, 7):
        files.process(Frame("camera", n, 0.0), alpha=read_only(alpha + n))
    assert sorted(os.listdir(tmp_path / "new" / "cut")) == ["000000.png", "000007.png"]
    back = cv2.imread(str(tmp_path / "new" / "cut" / "000007.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == np.uint8 and (back == alpha + 7).all()
    assert files.ports() == {"alpha": Alpha} and files.makes == {} and files.where() == str(tmp_path / "new" / "cut")


def test_writes_raw_as_sixteen_bit(tmp_path):
    files = opened(tmp_path, plane="raw")
    raw = np.array([[0.0, 0.5, 1.0], [-1.0, 2.0, np.nan]], np.float32)
    files.process(Frame("camera", 0, 0.0), raw=read_only(raw))
    back = cv2.imread(str(tmp_path / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == np.uint16 and back.tolist() == [[0, 32768, 65535], [0, 65535, 0]]
    assert files.ports() == {"raw": Raw}


def test_pictures_are_written_in_the_right_colours(tmp_path):
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[..., 0] = 200
    files = opened(tmp_path / "rgb", inputs={"image": Spec(Image, rgb.shape, "rgb")})
    files.process(Frame("camera", 0, 0.0), image=read_only(rgb))
    files = opened(tmp_path / "bgr", format="jpg")
    files.process(Frame("camera", 0, 0.0), image=read_only(rgb))
    assert cv2.imread(str(tmp_path / "rgb" / "000000.png"))[0, 0].tolist() == [0, 0, 200]
    assert cv2.imread(str(tmp_path / "bgr" / "000000.jpg"))[0, 0, 0] > 190


def test_a_folder_per_camera(tmp_path):
    files = opened(tmp_path / "{source}" / "cut", sources=("camera.door", "../../etc/yard"))
    for name in ("camera.door", "../../etc/yard"):
        files.process(Frame(name, 1, 0.0), image=np.zeros((2, 2, 3), np.uint8))
    assert (tmp_path / "camera.door" / "cut" / "000001.png").is_file()
    assert (tmp_path / "_.._etc_yard" / "cut" / "000001.png").is_file()
    assert sorted(os.listdir(tmp_path)) == ["_.._etc_yard", "camera.door"]
    assert Context(sources=("..",)).paths(pathlib.Path("{source}/x")) == {"..": pathlib.Path("_/x")}


def test_cameras_that_would_overwrite_each_other_are_refused(tmp_path):
    with pytest.raises(SourceError, match="2 cameras would write the same; put {source} into path"):
        opened(tmp_path, sources=("a", "b"))


def test_a_path_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("x")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(SourceError, match="is a file, or lies below one"):
            opened(path)


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(self, **_):  # the tests may run as root, whom no mode stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "touch", refuse)
    with pytest.raises(SourceError, match="Permission denied; give a folder as path that may be written"):
        opened(tmp_path)


def test_full_disk(tmp_path, monkeypatch):
    files = opened(tmp_path)
    full = types.SimpleNamespace(f_bavail=100, f_frsize=4096)
    monkeypatch.setattr(sink.os, "statvfs", lambda path: full)
    with pytest.raises(SourceError, match=r"000000\.png: the disk is full \(less than 8 MiB free\)"):
        files.process(Frame("camera", 0, 0.0), image=np.zeros((4, 6, 3), np.uint8))
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    files = opened(tmp_path)
    monkeypatch.setattr(sink, "open", lambda path, mode: Full(path, "w"), raising=False)
    with pytest.raises(SourceError, match="No space left on device; make room"):
        files.process(Frame("camera", 0, 0.0), image=np.zeros((4, 6, 3), np.uint8))
    assert os.listdir(tmp_path) == []


def test_sink_options_are_checked():
    files = ImageFiles()
    files.plane, files.quality = "alhpa", 0
    assert files.check() == {
        "plane": "no plane is called 'alhpa'; known are image, alpha, truth, raw",
        "quality": "0 is not within 1..100",
    }
    files.plane, files.quality, files.format = "raw", 95, "jpg"
    assert list(files.check()) == ["format"]
