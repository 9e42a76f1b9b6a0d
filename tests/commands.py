"""Run the `edge` command as a user does: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, str(ROOT / "edge.py")]


class Done:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def errors(self) -> list[str]:
        """The problems that it told, without the word `error:`."""
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what a developer's shell may say to Edgeflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EDGE_", "COLUMNS", "FORCE_COLOR"))}
    return {**kept, **more}


def edge(*words: object, cwd: pathlib.Path, before: tuple[str, ...] = (), **variables: str) -> Done:
    """`before`: words in front of the command, such as `unshare`."""
    command = [*before, *COMMAND, *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    return Done(done.returncode, done.stdout, done.stderr)


def start(*words: object, cwd: pathlib.Path, **variables: str) -> subprocess.Popen[str]:
    """The command under way, its two outputs as pipes."""
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def distribution(folder: pathlib.Path, name: str, code: str, entries: str) -> pathlib.Path:
    """An installed third party's package: a module `name` and its entry points. To be put on PYTHONPATH."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[edge]\n" + "".join(f"{entry} = {name}\n" for entry in entries.split()))
    return folder
