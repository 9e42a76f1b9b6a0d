"""What can go wrong, and the exit code of each.

EdgeError             1   anything of ours that has no better name
├── UsageError        2   the command line, a graph file that does not exist
├── GraphError        3   the graph or a configuration is invalid; carries every problem found, not the first
├── SourceError       4   a camera, file, port, SDK or permission is missing
│   └── DeviceError   4   no device can run the networks here
├── ModelError        5   a model is missing, has the wrong hash or is not a model
├── StageError        6   a stage cannot go on; restarting it would not help
└── BusyError        75   another run holds the run directory
"""

from __future__ import annotations

import re
from typing import Iterable, List


class EdgeError(Exception):
    """An error that the user is told in one line: where, what, and what to do."""

    code = 1


class UsageError(EdgeError):
    """The command cannot be carried out as it was given."""

    code = 2


class GraphError(EdgeError):
    """The graph is invalid. `problems` holds one line each, in the order of the file."""

    code = 3

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: List[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class SourceError(EdgeError):
    """Something that the graph names is not here: a camera, a file, a port, a permission, space on the disk."""

    code = 4


class DeviceError(SourceError):
    """No device can run the networks here, or the asked one is absent and no fallback is allowed."""


class ModelError(EdgeError):
    """A model's file is missing, has the wrong hash, or is not a model."""

    code = 5


class StageError(EdgeError):
    """A stage cannot go on and restarting it would not help."""

    code = 6


class BusyError(EdgeError):
    """Another run holds the run directory."""

    code = 75


def located(name: str, error: EdgeError) -> EdgeError:
    """The same error, whose line begins with the name of the stage that it happened in."""
    if not str(error).startswith(name + ":"):
        error.args = (f"{name}: {error}",)
    return error


def hidden(text: str) -> str:
    """Text without the user and password of the addresses in it, and without the values of options that hold a secret, fit to
    be shown. An address with a slash too few is still one."""
    text = re.sub(r":/+\S*@", "://***@", text)
    return re.sub(r"\b(credentials|password|token)=(?!env:|file:)\S+?(:?(?:\s|$))", r"\1=***\2", text)
