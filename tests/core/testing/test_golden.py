"""Golden frames: written once, compared ever after."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge import Drop
from edge.testing import golden, pictures

PICTURE = pictures(1)[0]
RAW = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def update(monkeypatch):
    """A switch: True writes what is made."""

    def switch(on):
        monkeypatch.setenv("EDGE_GOLDEN", "update" if on else "")

    switch(False)
    return switch


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_of_an_outcome(tmp_path, update):
    made = [{"image": PICTURE, "raw": RAW, "score": 0.25, "boxes": [[1, 2]]}, Drop("implausible")]
    update(True)
    golden(made, tmp_path / "flip")
    assert names(tmp_path) == ["flip.0.image.png", "flip.0.json", "flip.0.raw.png", "flip.1.json"]
    assert np.array_equal(cv2.imread(str(tmp_path / "flip.0.image.png")), PICTURE)
    assert json.loads((tmp_path / "flip.1.json").read_text()) == {"drop": "implausible"}
    update(False)
    golden(made, tmp_path / "flip")
    golden(made, str(tmp_path / "flip.png"))


def test_nothing_is_kept_yet(tmp_path, update):
    with pytest.raises(AssertionError, match="nothing is kept there yet: run it with EDGE_GOLDEN=update"):
        golden(PICTURE, tmp_path / "new.png")
    assert names(tmp_path) == []


def test_how_far_a_picture_is_off(tmp_path, update):
    update(True)
    golden(PICTURE, tmp_path / "a.png")
    update(False)
    other = PICTURE.copy()
    other[10, 20] = 255 - other[10, 20]
    far = int(np.abs(other[10, 20].astype(int) - PICTURE[10, 20]).max())
    with pytest.raises(AssertionError) as caught:
        golden(other, tmp_path / "a.png")
    assert f"1 of 9216 pixels differ by more than 2, the most by {far} at row 10, column 20" in str(caught.value)
    assert str(caught.value).endswith("; see a.got.png and a.diff.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "a.got.png")), other)
    diff = cv2.imread(str(tmp_path / "a.diff.png"))
    assert diff[10, 20].max() == 255 and diff.astype(bool).sum() <= 3
    golden(PICTURE, tmp_path / "a.png")
    assert names(tmp_path) == ["a.png"], "what was written of the failure is gone"


def test_the_tolerance(tmp_path, update):
    update(True)
    golden(PICTURE, tmp_path / "a.png")
    golden(RAW, tmp_path / "raw.png")
    update(False)
    golden(PICTURE // 2 * 2, tmp_path / "a.png", tolerance=1)
    with pytest.raises(AssertionError, match="differ by more than 0"):
        golden(PICTURE // 2 * 2, tmp_path / "a.png", tolerance=0)
    golden(RAW + np.float32(1.9 / 255), tmp_path / "raw.png")
    with pytest.raises(AssertionError, match="differ by more than 2"):
        golden(RAW * np.float32(0.9), tmp_path / "raw.png")
    with pytest.raises(AssertionError, match="got NaN"):
        golden(RAW * np.nan, tmp_path / "raw.png")


def test_another_size_or_kind(tmp_path, update):
    update(True)
    golden(PICTURE, tmp_path / "a.png")
    update(False)
    with pytest.raises(AssertionError, match="got uint8 of 36×128×3, kept is uint8 of 72×128×3; see a.got.png"):
        golden(PICTURE[::2], tmp_path / "a.png")
    with pytest.raises(TypeError, match="golden keeps uint8 pictures"):
        golden(PICTURE.astype(np.int64), tmp_path / "a.png")


def test_facts(tmp_path, update):
    update(True)
    golden({"score": 0.5, "boxes": [[1, 2, 3]], "name": "door"}, tmp_path / "f.json")
    update(False)
    golden({"score": 0.5 + 1e-9, "boxes": [[1, 2, 3]], "name": "door"}, tmp_path / "f.json")
    for changed, words in (
        ({"score": 0.6, "boxes": [[1, 2, 3]], "name": "door"}, "score: got 0.6, kept is 0.5"),
        ({"score": 0.5, "boxes": [[1, 2, 4]], "name": "door"}, "boxes.0.2: got 4, kept is 3"),
        ({"score": 0.5, "boxes": [], "name": "door"}, "boxes: got [], kept is"),
        ({"score": 0.5, "boxes": [[1, 2, 3]]}, "'name' is missing"),
        ({"score": 0.5, "boxes": [[1, 2, 3]], "name": "door", "n": 1}, "'n' is new"),
    ):
        with pytest.raises(AssertionError) as caught:
            golden(changed, tmp_path / "f.json")
        assert words in str(caught.value)


def test_relative_paths_are_beside_the_test(tmp_path, update):
    test = tmp_path / "tests" / "test_it.py"
    test.parent.mkdir()
    test.write_text("from edge.testing import golden\n\ndef check(made):\n    golden(made, 'golden/one')\n")
    words = {"__file__": str(test)}
    exec(compile(test.read_text(), str(test), "exec"), words)
    update(True)
    words["check"](PICTURE)
    assert names(test.parent / "golden") == ["one.png"]
