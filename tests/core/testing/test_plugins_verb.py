"""`edge plugins`, `edge plugins NAME`, `edge plugins test NAME`: one verb, three uses."""

from __future__ import annotations

import json

import pytest
from commands import edge


def test_each_use(tmp_path):
    assert "composite" in edge("plugins", cwd=tmp_path).out
    assert edge("plugins", "discard", cwd=tmp_path).out.startswith("discard [built in]")
    done = edge("plugins", "test", "policies", cwd=tmp_path)
    assert done.code == 0 and "policy full" in done.out


@pytest.mark.parametrize("words", [("plugins", "--json"), ("plugins", "discard", "--json"), ("plugins", "--json", "discard")])
def test_json_has_a_version(words, tmp_path):
    assert json.loads(edge(*words, cwd=tmp_path).out)["schema_version"] == 1


def test_help_tells_all_of_them(tmp_path):
    text = edge("plugins", "--help", cwd=tmp_path).out
    assert "edge plugins [OPTIONS] [NAME] | test NAME" in text
    assert "See whether a plugin keeps its promises" in text
    assert "--set OPTION=VALUE" in edge("plugins", "test", "--help", cwd=tmp_path).out
    assert edge("plugins", "test", cwd=tmp_path).code == 2
