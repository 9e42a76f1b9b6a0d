"""The background pictures: drawn by our own code, and small."""

from __future__ import annotations

import importlib.util
import pathlib

import cv2
import numpy as np
import pytest

ASSETS = pathlib.Path(__file__).resolve().parent.parent / "assets"
NAMES = ("temple", "studio", "office")


def picture(path: pathlib.Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> pathlib.Path:
    spec = importlib.util.spec_from_file_location("draw_assets", ASSETS / "draw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("assets")
    module.main(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_background_is_full_hd_and_small(name):
    path = ASSETS / (name + ".jpg")
    assert picture(path).shape == (1080, 1920, 3)
    assert path.stat().st_size < 300_000


@pytest.mark.slow
def test_there_is_nothing_but_what_the_script_draws(drawn):
    assert sorted(p.name for p in ASSETS.glob("*.*g")) == sorted(p.name for p in drawn.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_script_draws_the_same_pictures_again(name, drawn):
    """Up to the encoder: another build of OpenCV may round or compress a little differently."""
    here, again = picture(ASSETS / (name + ".jpg")), picture(drawn / (name + ".jpg"))
    difference = np.abs(here.astype(int) - again)
    assert difference.mean() < 1.0 and (difference > 24).mean() < 0.001
