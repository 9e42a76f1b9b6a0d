"""A line for each frame: how much of it is people. CSV, or JSON."""

from __future__ import annotations

import csv
import json
import pathlib
from collections.abc import Callable
from typing import Any, Literal, TextIO

from edge import Context, Frame, SourceError, Stage, hookimpl

edge_api = ">=1.0,<2"

COLUMNS = ("time", "source", "n", "presence", "present", "lost")


class Tally(Stage):
    """All cameras into one file, or each into its own where `path` has `{source}` in it. Each line is written at once,
    so that nothing is missing of a run that was killed."""

    path: pathlib.Path  # the file that lines are added to; {source} stands for a camera's name
    format: Literal["csv", "jsonl"] = "csv"  # a table with a head, or a JSON object each line

    steady = ("path", "format")

    def open(self, context: Context) -> None:
        self.context = context
        self._own: dict[str, TextIO] = {}
        self._all: TextIO | None = None if "{source}" in str(self.path) else self._begin(self.path)
        for source in context.sources:
            self.enter(source)

    def enter(self, source: str) -> None:
        if self._all is None:
            self._own[source] = self._begin(self.context.paths(self.path)[source])

    def process(self, frame: Frame, presence: float | None, present: bool | None) -> None:
        """None where the value was lost on its way: `frame.lost` says why."""
        lost = frame.lost.get("presence", "")
        row = [round(frame.time, 3), frame.source, frame.n, presence, present, lost]
        self._write(self._all or self._own[frame.source], row)

    def leave(self, source: str) -> None:
        if source in self._own:
            self._own.pop(source).close()

    def where(self) -> str:
        return str(self.path)

    def close(self) -> None:
        for file in (*self._own.values(), *([self._all] if self._all else [])):
            file.close()

    def _begin(self, path: pathlib.Path) -> TextIO:
        try:
            file = path.open("a", encoding="utf-8", newline="", buffering=1)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}; give a path that may be written") from None
        if self.format == "csv" and file.tell() == 0:
            csv.writer(file).writerow(COLUMNS)
        return file

    def _write(self, file: TextIO, row: list[Any]) -> None:
        try:
            if self.format == "csv":
                csv.writer(file).writerow(row)
            else:
                print(json.dumps(dict(zip(COLUMNS, row, strict=True))), file=file)
        except OSError as error:
            raise SourceError(f"{file.name}: {error.strerror}; what was written before is kept") from None


@hookimpl
def register_stages(register: Callable[..., None]) -> None:
    register("tally", Tally)
