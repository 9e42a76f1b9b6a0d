"""What to change about a run that does not keep up: only what follows from its load."""

from __future__ import annotations

import math
from typing import Any

EVEN = 0.7
"""Frames that come evenly are worth a part of those that come by chance, but no more than the rest of it."""
SPARE = 0.5
"""So much of a core must stand idle before another process could use it."""


class Advice:
    """`sentences`, the best first; each has the words to put into the graph or behind the command."""

    def __init__(self, verdict: Any) -> None:
        self._verdict = verdict
        self._load: dict[str, Any] = verdict.load
        self._stages: dict[str, Any] = verdict.stages
        self._edges: dict[str, Any] = verdict.recording["edges"]
        self.stage: str = verdict.stage
        self.sentences = [text for text in self._advice() if text]

    def _advice(self) -> list[str]:
        if not self.stage or self._verdict.bound == "credits":
            return [self._fewer_frames()]
        if self._verdict.idles:
            told = f"find out what {self.stage} waits for (a device, a disk, a network, a sleep): a faster core would not help"
            lighter = self._lighter() if self._stages[self.stage]["kind"] == "network" else ""
            return [told, self._own_worker(), self._per_source(), lighter, self._fewer_frames()]
        if self._verdict.bound == "cores":
            return [self._rest(), self._lighter(), self._fewer_frames(), self._fewer_cameras()]
        return [self._threads(), self._own_worker(), self._per_source(), self._lighter(), self._fewer_frames()]

    def _rest(self) -> str:
        mine = self._load["cores_used"]
        others = (self._load["machine_busy"] or 0.0) * self._load["cores"] - mine
        return "look again when other programs rest: they have the larger part of the cores" if others > mine else ""

    @property
    def _alone(self) -> bool:
        """Does all of it run in one process (--workers none)?"""
        return list(self._verdict.recording["workers"]) == ["all"]

    def _own_worker(self) -> str:
        company = self._verdict.company(self.stage)
        if not company or (self._verdict.spare < SPARE and not self._verdict.idles):
            return ""
        if self._alone:
            return "run it without --workers none: each part then has a process of its own"
        return f"give {self.stage} a process of its own: `worker: {self.stage}` (it shares one with {', '.join(company)})"

    def _per_source(self) -> str:
        cameras = self._stages[self.stage]["cameras"]
        if len(cameras) < 2 or self._alone or (self._verdict.spare < SPARE and not self._verdict.idles):
            return ""
        return f"{len(cameras)} cameras share {self.stage}: `per: source` gives each one of its own"

    def _threads(self) -> str:
        stage = self._stages[self.stage]
        if stage["threads"] != 1 or self._verdict.spare < SPARE:
            return ""
        more = 1 + int(self._verdict.spare + SPARE)
        return f"{self._verdict.spare:.1f} cores stand idle while {self.stage} uses one: `--set device.threads={more}`"

    def _lighter(self) -> str:
        if self._stages[self.stage]["kind"] == "network":
            return f"a lighter network: `--set {self.stage}.model=...`"
        sized = [name for name in self._upstream(self.stage) if self._stages[name]["size"]]
        if not sized:
            return ""
        return f"smaller pictures: `--set {sized[0]}.size={self._stages[sized[0]]['size'] * 3 // 4 // 2 * 2}`"

    def _upstream(self, stage: str) -> list[str]:
        """The stages that feed this one, the nearest first."""
        found, todo = [], [stage]
        while todo:
            at = todo.pop(0)
            for edge in self._edges.values():
                if edge["reader"] == at and edge["maker"] not in found:
                    found.append(edge["maker"])
                    todo.append(edge["maker"])
        return found

    def _fewer_frames(self) -> str:
        """Drop evenly, at the first stage, where that stage is the only way out of the camera: elsewhere a join would break."""
        if not self._verdict.losing:
            return ""
        camera = max(self._verdict.losing, key=self._verdict.lost)
        readers = list({edge["reader"] for edge in self._edges.values() if edge["maker"] == camera})
        row = self._load["cameras"][camera]
        times = row["captured"] / max(1, row["captured"] - self._verdict.lost(camera))
        every = math.ceil(times)
        if len(readers) != 1 or times < EVEN * every:
            return ""
        whose = f" of {camera}" if len(self._load["cameras"]) > 1 else ""
        even = f"an even {row['fps'] / every:.1f} fps{whose}"
        return f"`keep: {{every: {every}}}` on {readers[0]}: {even} instead of dropping by chance"

    def _fewer_cameras(self) -> str:
        count = sum(row["captured"] > 0 for row in self._load["cameras"].values())
        return f"fewer than {count} cameras, or fewer frames a second of each" if count > 1 else ""
