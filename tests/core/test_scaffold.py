"""`edge new`: names, folders, and what is written. That a package works as it is, is for test_packages.py."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys

import pytest
from commands import edge

from edge.core.errors import SourceError, UsageError
from edge.core.scaffold import KINDS, graph, plugin

PYTHON_311 = sys.version_info >= (3, 11)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(tmp_path, kind):
    folder, commands = plugin("rain_drop", kind, tmp_path)
    assert folder == tmp_path / "edge-rain-drop"
    whole = {"pyproject.toml", "README.md", ".gitignore", "edge_rain_drop.py", "tests/test_rain_drop.py"}
    assert files(folder) == whole | ({"graph.yaml"} if kind != "command" else set())
    for path in files(folder):
        text = (folder / path).read_text(encoding="utf-8")
        assert "$" not in text and text.endswith("\n"), path
    module = (folder / "edge_rain_drop.py").read_text()
    assert ast.get_docstring(ast.parse(module)) and 'register("rain_drop", ' in module
    assert len(commands) == 3 and commands[:2] == [f"pip install -e {folder}", "edge plugins test rain_drop"]


@pytest.mark.skipif(not PYTHON_311, reason="tomllib came with Python 3.11")
def test_its_metadata(tmp_path):
    import tomllib

    folder, _ = plugin("rain_drop", "stage", tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == "edge-rain-drop"
    assert project["project"]["entry-points"]["edge"] == {"rain_drop": "edge_rain_drop"}
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert project["project"]["dependencies"][0].startswith("edgeflow>=") and project["project"]["license"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "json", "image", "none", "abcdefghijklmnopqrstuvwxyz_abcde"])
def test_any_name_gives_code_that_is_well_formed(tmp_path, kind, name):
    """Short and long ones, and names that mean something in Python, in Edgeflow or in the module itself."""
    folder, _ = plugin(name, kind, tmp_path)
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", "."], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name, why",
    [
        ("Hello", "is no name here: small letters, digits and _, a letter first, 32 at most, as in hello"),
        ("a-b", "is no name here"),
        ("../a", "is no name here"),
        ("", "is no name here"),
        ("1a", "is no name here"),
        ("a__b", "is no name here"),
        ("a" * 33, "is no name here"),
        ("no", "means something else in YAML or in Python: choose another name, as in hello"),
        ("null", "means something else"),
        ("class", "means something else"),
        *(
            (name, "is a name of Edgeflow's own, which a plugin cannot take")
            for name in ("demo", "dry", "full", "run", "display")
        ),
    ],
)
def test_a_name_that_cannot_be_one(tmp_path, name, why):
    with pytest.raises(UsageError, match=f"^'{name}' {why}"):
        plugin(name, "stage", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "edge-hello").mkdir()
    (tmp_path / "edge-hello" / "mine").write_text("x")
    with pytest.raises(UsageError, match="edge-hello is there already: choose another name, another --folder, or remove it"):
        plugin("hello", "stage", tmp_path)
    assert files(tmp_path) == {"edge-hello/mine"}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="Not a directory; give a --folder that may be written"):
        plugin("hello", "stage", tmp_path / "file")


def test_a_graph(tmp_path):
    path = graph("door", tmp_path)
    assert path == tmp_path / "door.yaml"
    done = edge("validate", path, cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{path}: valid: 5 stages, 7 edges\n")
    with pytest.raises(UsageError, match="is there already"):
        graph("door", tmp_path)


def test_the_verb(tmp_path):
    done = edge("new", "plugin", "hello", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "made edge-hello: the stage 'hello', with tests. Next:",
        "  pip install -e edge-hello",
        "  edge plugins test hello",
        "  edge edge-hello/graph.yaml",
    ]
    done = edge("new", "plugin", "hello", cwd=tmp_path)
    assert (done.code, done.out, len(done.errors)) == (2, "", 1)
    done = edge("new", "plugin", "shout", "--kind", "command", "--folder", "more", cwd=tmp_path)
    assert done.out.splitlines()[1:] == [
        "  pip install -e more/edge-shout",
        "  edge plugins test shout",
        "  edge shout portrait",
    ]
    done = edge("new", "graph", "door", cwd=tmp_path)
    assert done.code == 0 and pathlib.Path(tmp_path, "door.yaml").is_file()


def test_what_is_written_is_what_is_listed(tmp_path):
    """By a package that is installed as it lies there: `edge plugins` finds it under its name, and says what it is."""
    for kind in KINDS:
        folder, _ = plugin(f"my_{kind}", kind, tmp_path)
        info = folder / f"edge_my_{kind}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: edge-my-{kind}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[edge]\nmy_{kind} = edge_my_{kind}\n")
    paths = ":".join(str(path) for path in tmp_path.iterdir())
    done = edge("plugins", "--json", cwd=tmp_path, PYTHONPATH=paths)
    rows = {row["name"]: row for row in json.loads(done.out)["plugins"]}
    assert {kind: rows[f"my_{kind}"]["kind"] for kind in KINDS} == {kind: kind for kind in KINDS}
