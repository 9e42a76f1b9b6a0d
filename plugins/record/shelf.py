"""The files of one camera's recording: what they are called, which there are, and how much they take."""

from __future__ import annotations

import datetime
import logging
import os
import re
from pathlib import Path
from typing import Dict, List

from edge import SourceError
from edge.plugins.record.writer import plays

HEAD = "#EXTM3U"


class Shelf:
    """One file, `path`; or, where it is split, a row of them, and a list that players take: door.mp4 → door-*.mp4, door.m3u.

    Only what stands in the list is ever deleted: whatever else lies in the folder is not ours.
    """

    def __init__(self, path: Path, live: bool, log: logging.Logger) -> None:
        self.path = path
        self.live = live
        self.list = path.with_suffix(".m3u")
        self._log = log
        self._sizes: Dict[str, int] = {}

    # -- names ------------------------------------------------------------------------------------------------------------

    def single(self, since: float) -> None:
        """Settle on the one file. What was there before will be replaced, but not what this run has made: a camera may come
        back. Nor what a recorder that was killed has left. `since`: when the run began, in seconds since 1970."""
        if self.path.exists() and self.path.stat().st_mtime > since:
            self.path = free(self.path, ".")
        part = part_of(self.path)
        if part.exists() and plays(part):
            self._keep(part, free(self.path.with_name(f"{self.path.stem}.cut{self.path.suffix}"), "."))

    def next(self, n: int, clock: float) -> Path:
        """A name for the next file: of a camera by the time, in UTC; of a file by the number of its first frame."""
        moment = datetime.datetime.fromtimestamp(clock, datetime.timezone.utc)
        mark = f"{moment:%Y%m%dT%H%M%SZ}" if self.live else f"{n:06d}"
        path = self.path.with_name(f"{self.path.stem}-{mark}{self.path.suffix}")
        path = free(path, "_") if self.live else path
        self._sizes.pop(path.name, None)
        self._sizes[path.name] = 0
        self._write()
        return path

    def _is_ours(self, name: str) -> bool:
        """A line of the list is only a name, and like those that `next` gives: the list may have been edited."""
        ending = re.escape(self.path.suffix)
        return bool(re.fullmatch(rf"{re.escape(self.path.stem)}-(\d{{8}}T\d{{6}}Z(_\d+)?|\d{{6,}}){ending}", name))

    # -- which there are --------------------------------------------------------------------------------------------------

    def recall(self) -> None:
        """Read the list of an earlier run. A file that was being written when its process was killed gets its name."""
        names: List[str] = []
        if self.list.is_file():
            names = [
                name for name in self.list.read_text(encoding="utf-8", errors="replace").splitlines() if self._is_ours(name)
            ]
        for name in names:
            path = self.path.with_name(name)
            part = part_of(path)
            if not path.exists() and part.exists() and plays(part):
                self._keep(part, path)
            if path.exists():
                self._sizes[name] = path.stat().st_size

    def _keep(self, part: Path, path: Path) -> None:
        os.replace(part, path)
        self._log.warning("%s: left by a recording that was killed; kept as %s", part, path.name)

    def _write(self) -> None:
        """The list, whole at any moment."""
        draft = self.list.with_suffix(".m3u.part")
        try:
            draft.write_text("\n".join([HEAD, *self._sizes]) + "\n", encoding="utf-8")
            os.replace(draft, self.list)
        except OSError as problem:
            raise SourceError(f"{self.list}: {problem.strerror}; make room or change path") from None

    # -- how much they take -----------------------------------------------------------------------------------------------

    def finished(self, path: Path) -> None:
        if path.name in self._sizes:
            self._sizes[path.name] = path.stat().st_size

    def shrink(self, budget: float, writing: int) -> None:
        """Delete the oldest until all of them, with the bytes of the one that is being written, are within `budget` bytes."""
        *older, newest = self._sizes
        while older and sum(self._sizes.values()) + writing > budget:
            self._drop(older.pop(0))

    def _drop(self, name: str) -> None:
        try:
            self.path.with_name(name).unlink()
        except FileNotFoundError:
            pass  # somebody else made room
        except OSError as problem:
            self._log.warning("%s: cannot be deleted: %s; it no longer counts", self.path.with_name(name), problem.strerror)
        del self._sizes[name]
        self._write()


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.part{path.suffix}")


def free(path: Path, mark: str) -> Path:
    """This path, or the first of its numbered likes that is not taken: door.mp4, door.2.mp4, door.3.mp4."""
    number, found = 1, path
    while found.exists() or part_of(found).exists():
        number += 1
        found = path.with_name(f"{path.stem}{mark}{number}{path.suffix}")
    return found
