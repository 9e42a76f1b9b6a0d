"""docs/testing.md names every check, every fault and every name that `edge.testing` has."""

from __future__ import annotations

import inspect
import pathlib
import re

import planted
import pytest

from edge import testing
from edge.core.testing.device_exam import DeviceExam
from edge.core.testing.other_exams import PolicyExam
from edge.core.testing.source_exam import SourceExam
from edge.core.testing.stage_exam import StageExam

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_is_there(name):
    assert re.search(rf"`{name}\b|import .*\b{name}\b", PAGE), name


def test_each_check_is_there():
    kinds = {
        StageExam: planted.Good,
        SourceExam: planted.GoodSource,
        DeviceExam: planted.GoodDevice,
        PolicyExam: planted.GoodPolicy,
    }
    for exam, cls in kinds.items():
        for check, _ in exam(cls, {}, lambda finding: None, lambda what: None).checks():
            assert f"`{check}`" in PAGE, check
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "core" / "testing").glob("*.py"))
    for check in re.findall(r'(?:Breach|_stopped|told_as)\(\s*"(\w+)"', source):
        assert f"`{check}`" in PAGE, check


def test_each_fault_and_argument_is_there():
    for name in ("lose", "gap", "nan", "empty", "shrink", "interleave", "fail", "slow"):
        assert f"`{name}(" in PAGE and hasattr(testing.Faults, name)
    for name in inspect.signature(testing.run).parameters:
        assert name in ("stage", "frames") or f"`{name}`" in PAGE, name
