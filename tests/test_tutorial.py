"""The tutorial, from its first command to its last, as somebody would type it: in a new environment and an empty home."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
NEEDS = "# needs "
"""Begins a block that cannot be carried out here: it wants root, or hardware."""
PATIENCE = 380
PIP = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What is installed is ours alone; that the rest can be had is proved by `.ci/run` in a clean clone."""


def script() -> str:
    """The commands in their order. Each is told before it is run, and the first that fails ends it."""
    return "set -euxo pipefail\n" + "\n".join(block for block in BLOCKS if not block.startswith(NEEDS))


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """(a copy of the checkout, an empty home, a folder with our dependencies and nothing of ours)"""
    folder = tmp_path_factory.mktemp("tutorial")
    hidden = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "dist", "build", "*.mp4")
    shutil.copytree(ROOT, folder / "checkout", ignore=hidden)
    (folder / "home").mkdir()
    (folder / "dependencies").mkdir()
    here = pathlib.Path(importlib.metadata.distribution("numpy").locate_file(""))
    for thing in here.iterdir():
        if not re.match(r"(_?edge|_virtualenv|__pycache__|distutils-precedence|pip|.*\.pth$)", thing.name):
            (folder / "dependencies" / thing.name).symlink_to(thing)
    return folder / "checkout", folder / "home", folder / "dependencies"


def free_port() -> str:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return str(door.getsockname()[1])


def run_alone(command: list, **more: object) -> int:
    """In a process group of its own, so that nothing that it began outlives it."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **more) as process:
        try:
            return process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE + 20)
def test_every_command_works(places, tmp_path):
    for program in ("bash", "curl"):
        if not shutil.which(program):
            pytest.skip(f"the tutorial uses {program}, which is not here")
    checkout, home, dependencies = places
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    text, log = script().replace("9464", free_port()), tmp_path / "log"
    with tempfile.TemporaryDirectory(prefix="e") as runtime, log.open("wb") as file:  # where no other run is
        env = {**kept, **PIP, "HOME": str(home), "PYTHONPATH": str(dependencies), "XDG_RUNTIME_DIR": runtime}
        code = run_alone(["bash", "-c", text], cwd=checkout, env=env, stdout=file, stderr=file)
    said = log.read_text(errors="replace")
    assert code == 0, said[-6000:]
    first = home / "first"
    for name in ("door.mp4", "report.json", "dark.mp4", "edge-hello", "edge.schema.json", "yard.log"):
        assert (first / name).exists(), name
    events = [json.loads(line).get("event") for line in (first / "yard.log").read_text().splitlines()]
    assert events[-1] == "sink" and {"device", "open", "listening"} <= set(events)
    assert "camera.yard" in said and 'edge_camera_up{camera="camera.door"' in said, said[-6000:]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_script(block):
    """Also of those that are not carried out here: bash reads them to the end."""
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_carried_out_says_so():
    for block in BLOCKS:
        assert ("sudo " in block or "systemctl" in block) == block.startswith(NEEDS)
    assert len(BLOCKS) >= 8
