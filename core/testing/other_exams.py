"""The exams of policies and of commands."""

from __future__ import annotations

import statistics
import time
from typing import Any

import click

from edge.core.frame import Frame
from edge.core.testing.exam import Check, Exam, told_as
from edge.core.testing.promise import Breach
from edge.core.testing.static import StaticExam

BRANCHES = (("reuse", "lr", "full"), ("reuse", "full"), ("lr", "full"), ("full",))
FRAMES = 200


class PolicyExam(StaticExam):
    of = "policy"

    def checks(self) -> list[Check]:
        checks = [*self.static(), ("works", self.works), ("latency", self.latency)]
        return [*checks, ("quiet", self.quiet), ("folder", self.stays)]

    def works(self) -> str:
        """One of the branches that a frame can have, whatever the signals are."""
        policy = self.make()
        chosen = [self._choose(policy, n) for n in range(FRAMES)]
        return (
            ", ".join(f"{branch} {chosen.count(branch)}" for branch in BRANCHES[0] if branch in chosen) + f" of {FRAMES} frames"
        )

    def _choose(self, policy: Any, n: int) -> str:
        """Frame n's branch. What a frame can have, how much it changed and how long ago the network ran, all vary."""
        branches = BRANCHES[-1] if n == 0 else BRANCHES[n % 50 // 13]
        signals = {"change": 1.0 if n == 0 else n % 11 / 10, "since": float(n % 5)}
        frame = Frame("camera", n, n / 25.0)
        who = self.cls.__name__
        self.beat(f"choose (frame {n})")
        with told_as("works", f"{who}: choose raises for {branches}:"):
            branch = policy.choose(frame, branches, signals)
        if branch not in branches:
            raise Breach("works", f"{who}: chose {branch!r} for a frame that can have {' or '.join(branches)}")
        return str(branch)

    def latency(self) -> str:
        policy, seconds = self.make(), []
        for n in range(FRAMES):
            began = time.perf_counter()
            self._choose(policy, n)
            seconds.append(time.perf_counter() - began)
        p50, p95 = statistics.median(seconds), sorted(seconds)[int(0.95 * FRAMES)]
        self.figures = {"p50_seconds": p50, "p95_seconds": p95, "frames": FRAMES}
        return f"p50 {1e6 * p50:.0f} µs, p95 {1e6 * p95:.0f} µs a frame"


class CommandExam(Exam):
    """`cls` is the command itself here. It is not carried out."""

    of = "command"

    def checks(self) -> list[Check]:
        return [("docs", self.docs), ("options", self.flags), ("works", self.works)]

    def docs(self) -> str:
        text = (self.cls.help or "").strip()
        if not text:
            raise Breach(
                "docs", f"the command '{self.cls.name}' has no help: the docstring of its function is what 'edge --help' says"
            )
        return f"'{text.splitlines()[0]}'"

    def flags(self) -> str:
        flags = [p for command in _commands(self.cls) for p in command.params if isinstance(p, click.Option)]
        bare = [flag.opts[-1] for flag in flags if not flag.help]
        if bare:
            raise Breach("options", f"{', '.join(bare)} of the command '{self.cls.name}' has no help: say what it does")
        return f"{len(flags)} documented" if flags else "there are none"

    def works(self) -> str:
        self.beat("its help")
        with told_as("works", f"the command '{self.cls.name}' cannot say its help:"):
            self.cls.get_help(click.Context(self.cls, info_name=self.cls.name))
        return "says its help; it is not carried out here"


def _commands(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    return [command, *(inner for child in command.commands.values() for inner in _commands(child))]
