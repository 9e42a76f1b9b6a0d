"""Secrets in files: read only where they are kept from others, and never repeated in an error."""

from __future__ import annotations

import os
import pathlib
import stat

from edge.core.errors import SourceError

LONGEST = 4096
"""Letters: what is longer is some other file."""


def secret_in(path: pathlib.Path, asked: str, holds: str) -> str:
    """The text of a file that not everybody on this machine may read or change. `asked`: the option that names it, with which
    an error begins; `holds`: what is to be in it, "the token". Raises SourceError."""
    try:
        with path.open(encoding="utf-8") as file:
            open_to_all = os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH)
            text = file.read(LONGEST)
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "is not text"
        raise SourceError(f"{asked} {path}: {reason}; write {holds} into it, and chmod 600 {path}") from None
    if open_to_all:
        raise SourceError(f"{asked} {path}: everybody on this machine may read or change it; chmod 600 {path}")
    return text
