"""Cameras: which are here, may this user read them, does somebody else have them; and what a graph's sources say."""

from __future__ import annotations

import os
from collections.abc import Iterator

from edge.core.doctor import machine
from edge.core.doctor.finding import FAIL, OK, SKIP, WARN, Finding
from edge.core.errors import hidden
from edge.core.plan import Plan


def cameras(plan: Plan | None) -> Iterator[Finding]:
    """Each V4L2 device that can capture, by its stable name where it has one."""
    devices = [path for path in machine.paths("dev/video[0-9]*") if _captures(path)]
    if not devices:
        yield Finding("cameras", SKIP, "none is here; network cameras are not looked for")
    for path in devices:
        yield _camera(path, plan)


def _captures(path: str) -> bool:
    """A USB camera has a second device for metadata: index 1."""
    return machine.text(f"sys/class/video4linux/{os.path.basename(path)}/index") in ("", "0")


def _camera(path: str, plan: Plan | None) -> Finding:
    stable = {os.path.realpath(machine.ROOT / link): link for link in machine.paths("dev/v4l/by-id/*")}
    title = machine.text(f"sys/class/video4linux/{os.path.basename(path)}/name")
    link = stable.get(os.path.realpath(machine.ROOT / path), "")
    name = f"camera /{path}"
    detail = ", ".join(filter(None, [title, link and "/" + link])) or "no name"
    if not may_read(path):
        status = FAIL if plan and any(stage.use == "camera" for stage in plan.stages) else WARN
        mend = f"sudo usermod -aG video {os.environ.get('USER') or 'USER'}, then log in again; in a container: group_add: video"
        return Finding(name, status, f"{detail}: this user may not read it", mend)
    holders = machine.holders(str(machine.ROOT / path))
    if holders:
        return Finding(name, WARN, f"{detail}: in use by {', '.join(holders)}", "end that program, or take another camera")
    return Finding(name, OK, detail, "")


def may_read(path: str) -> bool:
    return os.access(machine.ROOT / path, os.R_OK | os.W_OK)


def sources(plan: Plan | None) -> Iterator[Finding]:
    """The graph's own cameras and files, which were opened to see how large their frames are."""
    if plan is None:
        return
    for name in plan.sources:
        if name not in plan.failed:
            yield Finding(f"source {name}", OK, plan.stage(name).use)
    for name, error in plan.failed.items():
        told = hidden(error).removeprefix(f"{name}: ")
        yield Finding(
            f"source {name}", FAIL, told, "see the reason; 'edge run' goes on with the other cameras, if there are any"
        )
