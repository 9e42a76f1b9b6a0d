"""The verdict: what bounds a run, which edge pays for it, and what to change, in sentences that follow from its load."""

from __future__ import annotations

from typing import Any

from edge.core.insight.advice import Advice

BUSY = 0.85
"""A worker that is busy for so much of the time bounds the run; a machine that is has no core to spare."""
LOST = 0.02
"""A camera that loses a smaller part of its frames keeps up."""
WAITS = 0.3
"""A stage that uses, or stands in line for, less than so much of a core while it is at work waits for something else."""
LINE = 0.1
"""Standing in line for a core for a smaller part of its work is not worth telling."""
SHARE = 0.15
"""A stage that takes a smaller share of its worker's time is not worth naming."""


class Verdict:
    """`bound`: "camera", "stage", "cores", "credits", or "nothing" where nothing happened. `stage`: the busiest. `edge`: the
    one into it, on which frames wait, or for whose room they are dropped at the camera. `sentences` say so, `advice` what to
    change."""

    def __init__(self, recording: dict[str, Any], load: dict[str, Any]) -> None:
        self.recording = recording
        self.load = load
        self.stages = recording["stages"]
        seen = {name: row["busy"] for name, row in load["stages"].items() if row["frames"]}
        work = {name: busy for name, busy in seen.items() if not self._waits_for_camera(name)}
        self.worker = max(load["workers"], key=lambda name: load["workers"][name]["busy"], default="")
        members = [name for name in recording["workers"].get(self.worker, ()) if name in work] or list(work)
        self.stage: str = max(members, key=lambda name: work[name], default="")
        self.edge = self._into(self.stage)
        self.losing = [name for name, row in load["cameras"].items() if self.lost(name) > LOST * max(1, row["captured"])]
        self.bound = self._bound()
        self.healthy = bool(self.stage) and not self.losing and (self.bound == "camera" or not self._live)
        self.sentences = [self._first(), *self._drops(), *self._others()]
        self.advice = [] if self.healthy and self._live else Advice(self).sentences

    def as_data(self) -> dict[str, Any]:
        names = ("bound", "healthy", "stage", "edge", "worker", "sentences", "advice")
        return {name: getattr(self, name) for name in names}

    # -- what bounds it -----------------------------------------------------------------------------------------------------

    @property
    def _live(self) -> bool:
        return any(row["kind"] == "source" and row["live"] for row in self.stages.values())

    def _waits_for_camera(self, stage: str) -> bool:
        return self.stages[stage]["kind"] == "source" and bool(self.stages[stage]["live"])

    def lost(self, camera: str) -> int:
        return int(self.load["cameras"][camera]["dropped"].get("superseded", 0))

    def _into(self, stage: str) -> str:
        """The edge into a stage that frames wait on longest."""
        edges = self.load["edges"]
        entering = [key for key, edge in self.recording["edges"].items() if edge["reader"] == stage]
        return max(entering, key=lambda key: edges[key]["wait_seconds"]["p50"], default="")

    def _bound(self) -> str:
        busy = self.load["workers"].get(self.worker, {}).get("busy", 0.0)
        if not self.stage:
            return "nothing"
        if self._live and not self.losing:
            return "camera"
        if self.crowded and not self.idles:
            return "cores"
        return "stage" if busy >= BUSY else "credits"

    @property
    def crowded(self) -> bool:
        """Has the machine no core to spare, by this run or by others?"""
        return self.load["cores_used"] >= BUSY * self.load["cores"] or (self.load["machine_busy"] or 0.0) >= 0.95

    @property
    def idles(self) -> bool:
        """Does the busiest stage wait for something that is no core? What reads a file may wait for threads that decode it."""
        row = self.load["stages"].get(self.stage, {"cpu": None})
        if self.stage and self.stages[self.stage]["kind"] == "source" and self.load["workers"][self.worker]["cpu"] >= WAITS:
            return False
        return row["cpu"] is not None and row["cpu"] + row["in_line"] < WAITS

    @property
    def spare(self) -> float:
        """Cores that stand idle."""
        cores: float = self.load["cores"]
        rest: float = cores - self.load["cores_used"]
        machine: float | None = self.load["machine_busy"]
        return rest if machine is None else min(rest, cores * (1 - machine))

    # -- sentences ----------------------------------------------------------------------------------------------------------

    def _first(self) -> str:
        if not self.stage:
            return "no frame came through: is the run still opening, is a camera there, is it paused?"
        row = self.load["stages"][self.stage]
        at_work = f"{self.stage} is busy {_percent(row['busy'])} of the time"
        core = "" if row["cpu"] is None else f", on {row['cpu']:.2f} of a core while it works"
        core += f" and in line for one {_percent(row['in_line'])} of that" if (row["in_line"] or 0.0) > LINE else ""
        if self.bound == "camera":
            return f"healthy: bounded by {self._rates()}; {at_work}{core}"
        each = f", {_ms(row['seconds']['p50'])} a frame{core}"
        if self.bound == "cores":
            return f"the cores are the bottleneck: {self._cores()}; most goes to {self.stage}: {at_work}{each}"
        if self.bound == "stage":
            return f"{self.stage} is the bottleneck: busy {_percent(row['busy'])} of the time{each}{self._company()}"
        return f"no stage is busy all the time: frames wait for one another (credits); the busiest: {at_work}{each}"

    def _rates(self) -> str:
        cameras = {name: row["fps"] for name, row in self.load["cameras"].items() if row["captured"]}
        if len(cameras) == 1:
            return f"the camera: {next(iter(cameras.values())):.1f} fps"
        return "the cameras: " + ", ".join(f"{name} {fps:.1f} fps" for name, fps in cameras.items())

    def _cores(self) -> str:
        used, cores = self.load["cores_used"], self.load["cores"]
        others = (self.load["machine_busy"] or 0.0) * cores - used
        text = f"this run uses {used:.1f} of {cores}"
        return text + (f", other programs {others:.1f}" if others > 0.2 else "")

    def _company(self) -> str:
        busy = self.load["workers"][self.worker]["busy"]
        return f"; all of worker {self.worker} is busy {_percent(busy)}" if self.company(self.stage) else ""

    def company(self, stage: str) -> list[str]:
        """Other stages that take a good part of the same worker's time."""
        members = self.recording["workers"].get(self.stages[stage]["worker"], ())
        return [name for name in members if name != stage and self.load["stages"][name]["busy"] >= SHARE]

    def _drops(self) -> list[str]:
        """Which edge pays: at the camera for a live graph, by waiting for one that reads files."""
        taken = self.load["stages"][self.stage]["fps"] if self.stage else 0.0
        found = []
        for name in self.losing:
            row = self.load["cameras"][name]
            share = (
                f"{_percent(self.lost(name) / max(1, row['captured']))} of its frames ({self.lost(name)} of {row['captured']})"
            )
            why = f": {self.edge} has no room, {self.stage} takes {taken:.1f} frames a second" if self.edge else ""
            found.append(f"{name} drops {share} as superseded, before any work is done on them{why}")
        if not self._live and self.edge and self.bound == "stage":
            wait = self.load["edges"][self.edge]["wait_seconds"]["p50"]
            found.append(f"all others wait for it, on {self.edge}" + (f" ({_ms(wait)} a frame)" if wait >= 0.001 else ""))
        return found

    def _others(self) -> list[str]:
        """Losses that have other reasons than room at the camera, and views that skip."""
        found = []
        for name, row in self.load["cameras"].items():
            rest = {reason: count for reason, count in row["dropped"].items() if reason != "superseded"}
            found += [f"{name} lost {_counts(rest)}"] if rest else []
            found += [f"{name}: {row['covered']} frames were covered ({_counts(row['covers'])})"] if row["covered"] else []
        for key, row in self.load["edges"].items():
            skipped = row["dropped"].get("skipped", 0)
            if skipped > LOST * row["received"]:
                share = _percent(skipped / row["received"])
                found.append(f"{key} skips {share} of {row['received']} frames; it is a side branch, and nothing waits for it")
        if self.recording["cut"]:
            found.append(f"{self.recording['cut']} spans were cut off, so the shares of the time are too low")
        return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} as {reason}" for reason, count in counts.items())
