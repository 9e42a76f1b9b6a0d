"""Example pictures are the same ones every time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.testing import people, pictures


def test_pictures_are_the_same_every_time_and_each_another():
    first, again = pictures(4, (31, 47)), pictures(4, (31, 47))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert {picture.shape for picture in first} == {(31, 47, 3)} and first[0].dtype == np.uint8
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    "format, back", [("nv12", cv2.COLOR_YUV2BGR_NV12), ("nv21", cv2.COLOR_YUV2BGR_NV21), ("i420", cv2.COLOR_YUV2BGR_I420)]
)
def test_formats_are_of_the_same_picture(format, back):
    bgr, flat = pictures(1)[0], pictures(1, format=format)[0]
    assert flat.shape == (108, 128)
    assert np.abs(cv2.cvtColor(flat, back).astype(int) - bgr).mean() < 6
    assert np.array_equal(pictures(1, format="rgb")[0][..., ::-1], bgr)


def test_what_there_is_not():
    with pytest.raises(ValueError, match="there is no format 'yuv'"):
        pictures(1, format="yuv")
    with pytest.raises(ValueError, match="even"):
        pictures(1, (71, 128), "nv12")


@pytest.mark.parametrize("size", [(72, 128), (71, 65), (30, 40)])
def test_people_have_an_exact_alpha(size):
    row = people(2, size)
    assert [person["image"].shape for person in row] == [(*size, 3)] * 2
    for person in row:
        assert person["alpha"].shape == size and person["alpha"].dtype == np.uint8
        assert 0.05 < (person["alpha"] > 128).mean() < 0.9
    assert np.array_equal(row[0]["image"], people(1, size)[0]["image"])
