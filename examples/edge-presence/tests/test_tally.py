"""tally: its lines, its files, and the frames that are lost."""

from __future__ import annotations

import csv
import json
import pathlib

import pytest
from edge import SourceError
from edge.testing import Faults, conform, run

from edge_presence.tally import COLUMNS, Tally

FRAMES = [{"presence": 0.25, "present": True}, {"presence": 0.0, "present": False}]


def test_a_table(tmp_path: pathlib.Path) -> None:
    run(Tally, FRAMES, options={"path": str(tmp_path / "t.csv")}, source="door", rate=2.0)
    rows = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))
    assert rows == [[*COLUMNS], ["0.0", "door", "0", "0.25", "True", ""], ["0.5", "door", "1", "0.0", "False", ""]]


def test_lines_of_json(tmp_path: pathlib.Path) -> None:
    run(Tally, FRAMES, options={"path": str(tmp_path / "t.jsonl"), "format": "jsonl"})
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [line["presence"] for line in lines] == [0.25, 0.0]
    assert tuple(lines[0]) == COLUMNS


def test_a_frame_that_is_lost_is_a_line_too(tmp_path: pathlib.Path) -> None:
    faults = Faults().lose("presence", 1, reason="non_finite").lose("present", 1, reason="non_finite")
    run(Tally, FRAMES, options={"path": str(tmp_path / "t.csv")}, faults=faults)
    rows = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))
    assert rows[2][3:] == ["", "", "non_finite"]


def test_one_file_for_all_cameras_or_one_for_each(tmp_path: pathlib.Path) -> None:
    for path in ("all.csv", "{source}.csv"):
        run(Tally, FRAMES * 2, options={"path": str(tmp_path / path)}, sources=("door", "yard"))
    assert {path.name for path in tmp_path.iterdir()} == {"all.csv", "door.csv", "yard.csv"}
    assert [row.split(",")[1] for row in (tmp_path / "all.csv").read_text().splitlines()[1:]] == ["door", "yard"] * 2
    assert len((tmp_path / "yard.csv").read_text().splitlines()) == 3


def test_a_path_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceError, match="give a path that may be written"):
        run(Tally, FRAMES, options={"path": str(tmp_path / "nowhere" / "t.csv")})


def test_it_keeps_the_promises_of_a_sink() -> None:
    assert [finding.told for finding in conform(Tally) if finding.verdict == "FAIL"] == []
