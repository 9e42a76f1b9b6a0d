"""The wheel and the editable install, used as a stranger would.

A fresh environment per kind of install. Its dependencies are not downloaded again: a `.pth` file in it names a folder of links
to what is installed here, package by package, without our own editable hook. So what is proved is the wheel's content and its
metadata, with no network and in seconds; that the dependencies can be had is proved by `.ci/run` in a clean clone.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

import edge

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = {"core", "plugins", "graphs", "devices", "models", "assets"}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLUGIN = '''"""A stranger's plugin, fully typed."""

from collections.abc import Callable, Iterator
from typing import Any

from edge import Alpha, Image, Source, Spec, Stage, hookimpl


class Presence(Stage):
    above: int = 128  # a pixel counts as a person from this alpha on
    makes = {"presence": float}

    def process(self, alpha: Alpha) -> dict[str, float]:
        return {"presence": float((alpha > self.above).mean())}


class Still(Source):
    def spec(self, inputs: dict[str, Spec]) -> dict[str, Spec]:
        return {"image": Spec(Image, (4, 4, 3), "bgr")}

    def capture(self) -> Iterator[Any]:
        yield self.new("image", (4, 4, 3))


@hookimpl
def register_stages(register: Callable[[str, type[Stage]], None]) -> None:
    register("presence", Presence)


reveal_type(register_stages)
'''

TRIAL = '''"""A stranger's test of it, fully typed."""

import numpy as np
from edge import Drop
from edge.testing import Clock, Faults, Finding, capture, conform, golden, people, pictures, run

from edge_presence import Presence, Still

faults = Faults().lose("alpha", 1).gap(2)
made: list[dict[str, object] | Drop] = run(Presence, [p["alpha"] for p in people(3)], clock=Clock(), faults=faults)
assert [isinstance(one, Drop) for one in made] == [False, True, False]
assert len(capture(Still, 5)) == 1 and pictures(1)[0].dtype == np.uint8
found: list[Finding] = conform(Presence, {"above": 100}, only=("docs",))
assert [finding.verdict for finding in found] == ["PASS", "PASS"], found
print(golden.__module__)
'''


def call(*command: object, cwd: pathlib.Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run to the end in `cwd`, with nothing of this checkout on the path."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env={**env, **more}, capture_output=True, text=True, timeout=240)


def must(*command: object, cwd: pathlib.Path, **more: str) -> str:
    done = call(*command, cwd=cwd, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> pathlib.Path:
    """A copy of what a clone would have, so that building leaves nothing here."""
    copy = tmp_path_factory.mktemp("clone") / "edgeflow"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "dist", "build", "*.mp4", "/*.json")
    shutil.copytree(ROOT, copy, ignore=hidden)
    shutil.copy(ROOT / ".gitignore", copy)
    return copy


def build(tree: pathlib.Path, kind: str, out: pathlib.Path) -> pathlib.Path:
    must(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, tree, cwd=out.parent)
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory) -> pathlib.Path:
    return build(tree, "wheel", tmp_path_factory.mktemp("wheel") / "dist")


def fresh(folder: pathlib.Path) -> pathlib.Path:
    """A new environment's Python, which finds our dependencies but nothing of ours."""
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    links = folder / "dependencies"
    links.mkdir()
    here = pathlib.Path(importlib.metadata.distribution("numpy").locate_file(""))
    for thing in here.iterdir():
        if not re.match(r"(_?edge|_virtualenv|__pycache__|distutils-precedence|.*\.pth$)", thing.name):
            (links / thing.name).symlink_to(thing)
    python = folder / "venv" / "bin" / "python"
    site = must(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    pathlib.Path(site, "dependencies.pth").write_text(f"{links}\n")
    return python


def install(python: pathlib.Path, folder: pathlib.Path, *what: object) -> None:
    must(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", *what, cwd=folder)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> pathlib.Path:
    """The Python of an environment that has the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    python = fresh(folder)
    install(python, folder, wheel)
    return python


@pytest.fixture
def traps(tmp_path) -> pathlib.Path:
    """A user's folder with names that we use, each of which must never be imported."""
    for name in ("core", "plugins", "devices"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the user\\'s {name} was imported')\n")
    (tmp_path / "msgspec.py").write_text("raise SystemExit('the user\\'s msgspec was imported')\n")
    (tmp_path / "worker.py").write_text("raise SystemExit('the user\\'s worker was imported')\n")
    return tmp_path


def test_the_wheel_holds_edge_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    assert {name.split("/")[0] for name in names} == {"edge", f"edgeflow-{edge.__version__}.dist-info"}
    inside = {name.split("/")[1] for name in names if name.startswith("edge/")}
    assert inside == SHIPPED | {"__init__.py", "__main__.py", "py.typed", "testing.py"}
    for name in SHIPPED - {"assets"}:
        ours = {
            p.relative_to(ROOT).as_posix() for p in (ROOT / name).rglob("*") if p.is_file() and "__pycache__" not in p.parts
        }
        assert {f"edge/{path}" for path in ours} <= set(names), f"{name} is not complete"
    assert "edge = edge:main" in entry
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or "/test_" in name]


def test_the_sdist_builds_the_same_wheel(tree, wheel, tmp_path):
    sdist = build(tree, "sdist", tmp_path / "sdist")
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    again = build(next((tmp_path / "unpacked").iterdir()), "wheel", tmp_path / "again")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert sorted((i.filename, i.CRC) for i in one.infolist()) == sorted((i.filename, i.CRC) for i in other.infolist())


@pytest.mark.parametrize("command", [["edge"], ["python", "-m", "edge"]], ids=" ".join)
def test_it_runs_beside_a_users_own_core(installed, traps, command):
    """`python -m edge` puts the current folder on the path first; our processes put ourselves there."""
    program = installed.with_name(command[0])
    found = "import edge.core.hooks as h; print(h.ROOT / 'graphs' / 'tiny.yaml')"
    shipped = must(installed, "-c", found, cwd=installed.parent).strip()
    if command[0] == "python":
        (traps / "msgspec.py").unlink()  # Python's own rule for -m: a file there hides every module of that name
    report = traps / "report.json"
    must(program, *command[1:], shipped, "--frames", "40", "--report", report, "--set", "out.worker=apart", cwd=traps)
    result = json.loads(report.read_text())
    assert result["exit"] == {"code": 0, "reason": "end_of_stream"}
    assert len(result["workers"]) == 2
    assert result["cameras"]["camera"]["delivered"] == 40
    assert [edge["kind"] for edge in result["edges"].values()].count("shm") == 1
    assert all(edge["in_flight"] == 0 for edge in result["edges"].values())


def test_it_tells_its_version(installed, tmp_path):
    assert must(installed.with_name("edge"), "--version", cwd=tmp_path).split()[-1] == edge.__version__


def test_the_wheel_adds_no_bare_names(installed, traps, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    for name in ("core", "plugins", "devices"):
        done = call(installed, "-c", f"import {name}", cwd=empty)
        assert "ModuleNotFoundError" in done.stderr
        assert "was imported" in call(installed, "-c", f"import {name}", cwd=traps).stderr


def test_an_editable_install_sees_new_files_and_hides_bare_names(tree, tmp_path):
    python = fresh(tmp_path)
    install(python, tmp_path, "-e", tree)
    found = must(python, "-c", "import edge.core; print(edge.core.__file__)", cwd=tmp_path).strip()
    assert pathlib.Path(found).resolve() == tree / "core" / "__init__.py"
    (tree / "core" / "brand_new.py").write_text("WORD = 'seen'\n")
    try:
        assert must(python, "-c", "from edge.core.brand_new import WORD; print(WORD)", cwd=tmp_path) == "seen\n"
    finally:
        (tree / "core" / "brand_new.py").unlink()
    for name in ("core", "plugins", "devices"):
        assert "ModuleNotFoundError" in call(python, "-c", f"import {name}", cwd=tmp_path).stderr
    (tmp_path / "edge_presence.py").write_text(PLUGIN.replace("reveal_type(register_stages)", ""))
    (tmp_path / "trial.py").write_text(TRIAL)
    assert must(python, "trial.py", cwd=tmp_path) == "edge.core.testing.golden\n"
    must(python.with_name("edge"), "validate", tree / "graphs" / "tiny.yaml", cwd=tmp_path)


def test_a_strangers_plugin_type_checks_against_the_wheel(installed, tmp_path):
    (tmp_path / "edge_presence.py").write_text(PLUGIN)
    done = call(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", installed, "--cache-dir", tmp_path / "cache"),
        "edge_presence.py",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert 'Revealed type is "def (register: ' in done.stdout, "hookimpl loses the function's type"


def test_a_strangers_tests_type_check_and_run_against_the_wheel(installed, tmp_path):
    """`edge.testing` ships to plugin authors."""
    (tmp_path / "edge_presence.py").write_text(PLUGIN.replace("reveal_type(register_stages)", ""))
    (tmp_path / "trial.py").write_text(TRIAL)
    words = ("--strict", "--python-executable", installed, "--cache-dir", tmp_path / "cache")
    done = call(sys.executable, "-m", "mypy", *words, "trial.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert must(installed, "trial.py", cwd=tmp_path) == "edge.core.testing.golden\n"
