"""Third parties' packages against the wheel: the two in examples/, and one of each kind that `edge new plugin` writes.

In a fresh environment, as a stranger would: the wheel is installed, then the packages. No network is needed (see
test_wheel.py).
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import sys

import pytest
from test_wheel import build, call, fresh, install, must, tree  # noqa: F401

from edge.core.scaffold import KINDS

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = {"edge-presence": ["presence", "tally"], "edge-device-dry2": ["dry2"]}
NEW = {f"edge-my-{kind}": [f"my_{kind}"] for kind in KINDS}
PACKAGES = {**OURS, **NEW}
ALL = pytest.mark.parametrize("package", PACKAGES)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class World:
    """An environment's Python and `edge`, and the folder in which the packages lie."""

    def __init__(self, python: pathlib.Path, folder: pathlib.Path) -> None:
        self.python = python
        self.folder = folder

    def edge(self, *words: object, cwd: pathlib.Path, **more: str) -> str:
        return must(self.python.with_name("edge"), *words, cwd=cwd, **more)


@pytest.fixture(scope="module")
def world(tree, tmp_path_factory) -> World:  # noqa: F811
    """The wheel and every package, installed."""
    folder = tmp_path_factory.mktemp("world")
    python = fresh(folder)
    install(python, folder, build(tree, "wheel", folder / "dist"))
    here = World(python, folder / "packages")
    here.folder.mkdir()
    for name in OURS:
        shutil.copytree(tree / "examples" / name, here.folder / name)
    for kind in KINDS:
        here.edge("new", "plugin", f"my_{kind}", "--kind", kind, "--folder", here.folder, cwd=folder)
    install(python, folder, *(here.folder / name for name in PACKAGES))
    return here


def test_all_of_them_are_found_and_none_is_broken(world, tmp_path):
    rows = {row["name"]: row for row in json.loads(world.edge("plugins", "--json", cwd=tmp_path))["plugins"]}
    for package, names in PACKAGES.items():
        for name in names:
            assert rows[name]["distribution"] == package and rows[name]["kind"] != "broken", rows[name]
    assert [name for name, row in rows.items() if row["kind"] == "broken"] == []
    kinds = {kind: rows[f"my_{kind}"]["kind"] for kind in KINDS}
    assert kinds == {kind: kind for kind in KINDS}


@ALL
def test_its_own_tests_pass_as_they_are(world, package, tmp_path):
    """On what is installed, not on what lies beside the tests."""
    shutil.copytree(world.folder / package / "tests", tmp_path / "tests")
    shutil.copy(world.folder / package / "pyproject.toml", tmp_path)
    must(world.python, "-m", "pytest", "-q", "-o", "pythonpath=", "-p", "no:cacheprovider", cwd=tmp_path)


@ALL
def test_it_is_strictly_typed(world, package, tmp_path):
    """Against the wheel: what Edgeflow offers has types, and they are enough."""
    folder = world.folder / package
    what = [*folder.glob("edge_*.py"), *(path for path in folder.glob("edge_*") if path.is_dir()), folder / "tests"]
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", world.python, "--cache-dir", tmp_path]
    done = call(*mypy, *(path.relative_to(folder) for path in what), cwd=folder)
    assert done.returncode == 0, done.stdout


@ALL
def test_it_passes_the_conformance_run(world, package, tmp_path):
    for name in PACKAGES[package]:
        world.edge("plugins", "test", name, cwd=tmp_path)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "edge-my-command"])
def test_its_graph_runs(world, package, tmp_path):
    graph = shutil.copy(world.folder / package / "graph.yaml", tmp_path)
    world.edge(graph, "--quiet", "--report", "report.json", cwd=tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    (camera,) = report["cameras"].values()
    assert report["exit"] == {"code": 0, "reason": "end_of_stream"} and camera["delivered"] >= 50


def said(package: str, world: World) -> list[str]:
    """The commands of `edge` that its README gives."""
    page = (world.folder / package / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("edge ")]


@ALL
def test_the_commands_of_its_readme_work(world, package, tmp_path):
    """But those that a test above has carried out."""
    for path in (world.folder / package).glob("*.yaml"):
        shutil.copy(path, tmp_path)
    commands = said(package, world)
    assert len(commands) >= 2
    for command in commands:
        if not command.startswith("edge plugins test "):
            world.edge(*shlex.split(command)[1:], cwd=tmp_path)


def test_what_the_tally_writes(world, tmp_path):
    """The first lines are what its README shows."""
    shutil.copy(world.folder / "edge-presence" / "graph.yaml", tmp_path)
    world.edge("graph.yaml", "--quiet", cwd=tmp_path)
    lines = (tmp_path / "presence.csv").read_text().splitlines()
    page = (ROOT / "examples" / "edge-presence" / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\n(time,.*?)^```$", page, re.M | re.S)[0].splitlines()
    assert len(lines) == 101 and lines[0] == shown[0]
    assert [line.split(",")[:3] for line in lines[1:3]] == [line.split(",")[:3] for line in shown[1:]]
    share = [float(line.split(",")[3]) for line in (lines[1], shown[1])]
    assert abs(share[0] - share[1]) < 0.02


def test_the_device_of_a_package_is_listed_with_its_profile(world, tmp_path):
    rows = {row["name"]: row for row in json.loads(world.edge("devices", "--json", cwd=tmp_path))}
    assert rows["dry2"]["works"] and rows["dry2"]["title"] == "an oval person in the middle, as slow as you say"
    assert rows["my_device"]["fallback"] == "desktop"


def test_a_kiosk_loads_what_its_list_allows(world, tmp_path):
    """With the line that the error offers, held to the files as they are installed."""
    graph = shutil.copy(world.folder / "edge-presence" / "graph.yaml", tmp_path)
    (tmp_path / "plugins.allow").write_text("# nothing yet\n")
    kiosk = {"EDGE_PLUGINS_ALLOW": str(tmp_path / "plugins.allow")}
    refused = call(world.python.with_name("edge"), graph, cwd=tmp_path, **kiosk)
    assert refused.returncode == 3 and len(refused.stderr.splitlines()) == 2, refused.stderr
    (line,) = set(re.findall(r"add the line: (.*)$", refused.stderr, re.M))
    assert re.fullmatch(r"edge-presence 0\.1\.0 sha256:[0-9a-f]{64}", line)
    (tmp_path / "plugins.allow").write_text(line + "\n")
    world.edge(graph, "--quiet", cwd=tmp_path, **kiosk)
    found = must(world.python, "-c", "import edge_presence.tally as t; print(t.__file__)", cwd=tmp_path).strip()
    os.chmod(found, 0o644)
    text = pathlib.Path(found).read_text()
    pathlib.Path(found).write_text(text + "# changed\n")
    try:
        changed = call(world.python.with_name("edge"), graph, cwd=tmp_path, **kiosk)
    finally:
        pathlib.Path(found).write_text(text)
    assert changed.returncode == 3 and "edge_presence/tally.py" in changed.stderr and "install it again" in changed.stderr
