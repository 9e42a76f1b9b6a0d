"""presence: the share, and who is there, on mattes made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from edge import Drop, GraphError
from edge.testing import conform, run

from edge_presence.presence import Presence

NOBODY = np.zeros((10, 20), np.uint8)
HALF = NOBODY.copy()
HALF[:, :10] = 255


def facts(frames: list[np.ndarray], **more: Any) -> list[tuple[float, bool]]:
    made = run(Presence, frames, **more)
    return [(one["presence"], one["present"]) for one in made if not isinstance(one, Drop)]


def test_the_share_of_the_picture() -> None:
    assert facts([HALF, NOBODY, NOBODY + 255]) == [(0.5, True), (0.0, True), (1.0, True)]


def test_from_which_alpha_on_a_pixel_counts() -> None:
    grey = NOBODY + 100
    assert facts([grey])[0][0] == 0.0
    assert facts([grey], options={"above": 100})[0][0] == 1.0


def test_nobody_is_there_after_a_while() -> None:
    frames = [NOBODY, HALF, NOBODY, NOBODY, NOBODY, HALF]
    present = [there for _, there in facts(frames, rate=1.0, options={"after": 2})]
    assert present == [False, True, True, True, False, True]


def test_each_camera_has_its_own() -> None:
    made = facts([HALF, NOBODY, NOBODY, NOBODY], sources=("door", "yard"))
    assert [there for _, there in made] == [True, False, True, False]


@pytest.mark.parametrize("options", [{"above": 256}, {"least": 1.5}, {"after": -1}])
def test_options_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(GraphError, match="must be"):
        run(Presence, [], options=options)


def test_it_keeps_the_promises_of_a_stage() -> None:
    assert [finding.told for finding in conform(Presence) if finding.verdict == "FAIL"] == []
