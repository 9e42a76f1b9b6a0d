"""Processors and clocks: how many cores there are for us, how fast they run, and whether the time is right."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from typing import Any

from edge.core.doctor import machine
from edge.core.doctor.finding import OK, SKIP, WARN, Finding
from edge.core.plan import Plan

COARSE = 1e-3
"""Seconds: a clock that ticks more slowly cannot tell frames apart."""
_TIMEX_BYTES, _TIME_ERROR = 512, 5


def cores(plan: Plan | None) -> Iterator[Finding]:
    """The cores of the machine, those that this process may run on, and the share of them that its control group gets."""
    there, allowed, share = os.cpu_count() or 1, len(os.sched_getaffinity(0)), _share()
    detail = f"{allowed} of {there} cores" if allowed != there else f"{there} core{'s' * (there != 1)}"
    usable: float = allowed
    mend = ""
    if share is not None and share < allowed:
        usable = share
        detail += f", of which the control group gets {share:g}"
        mend = f"give the container whole cores (--cpuset-cpus): of a share, {allowed} threads use up the time and then wait"
    asked = max((_threads(device) for device in _devices(plan)), default=0)
    if asked > usable:
        detail += f"; the graph asks for {asked} threads"
        mend = mend or f"threads: {max(1, int(usable))}, or auto"
    yield Finding("cores", WARN if mend else OK, detail, mend)


def _share() -> float | None:
    """Cores' worth of time that the control groups allow; None where there is no limit."""
    found = []
    for folder, old in machine.groups("cpu"):
        if old:
            quota, period = machine.number(f"{folder}/cpu.cfs_quota_us"), machine.number(f"{folder}/cpu.cfs_period_us")
        else:
            words = machine.text(f"{folder}/cpu.max").split()
            quota, period = (int(words[0]), int(words[1])) if len(words) == 2 and words[0].isdigit() else (None, None)
        if quota and period and quota > 0:
            found.append(quota / period)
    return min(found, default=None)


def _devices(plan: Plan | None) -> list[dict[str, Any]]:
    return [plan.runtime, *(stage.device for stage in plan.stages)] if plan else []


def _threads(device: dict[str, Any]) -> int:
    asked = device.get("options", {}).get("threads", 0)
    return asked if isinstance(asked, int) else 0


def governor(_plan: Plan | None) -> Iterator[Finding]:
    """What decides how fast the cores run. With intel_pstate and amd-pstate-epp, `powersave` speeds up when there is work."""
    files = machine.paths("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    if not files:
        yield Finding("governor", SKIP, "the kernel does not change the cores' frequency here")
        return
    found = ", ".join(sorted({machine.text(path) for path in files}))
    driver = machine.text(files[0].replace("scaling_governor", "scaling_driver"))
    slow = "powersave" in found and driver not in ("intel_pstate", "amd-pstate-epp")
    mend = "sudo cpupower frequency-set -g performance (or schedutil): the cores stay at their lowest frequency"
    yield Finding("governor", WARN if slow else OK, f"{found} ({driver or 'driver unknown'})", mend if slow else "")


def clock(_plan: Plan | None) -> Iterator[Finding]:
    """The clock of all ages and deadlines."""
    resolution = time.get_clock_info("monotonic").resolution
    mend = "see /sys/devices/system/clocksource: take a clock source with high resolution (tsc, arch_sys_counter)"
    detail = f"ticks every {resolution * 1e9:.0f} ns" if resolution < 1e-6 else f"ticks every {resolution * 1e3:g} ms"
    yield Finding("clock", WARN if resolution > COARSE else OK, detail, mend if resolution > COARSE else "")


def time_of_day(_plan: Plan | None) -> Iterator[Finding]:
    """Names of recordings and times in logs come from the time of day; ages and order of frames do not."""
    synchronised = _synchronised()
    if synchronised is None:
        yield Finding("time of day", SKIP, "the kernel does not say whether it is synchronised")
        return
    mend = "" if synchronised else "run chrony or systemd-timesyncd (timedatectl set-ntp true), on the host of a container"
    told = "synchronised" if synchronised else "not synchronised: recordings and logs may bear the wrong time"
    yield Finding("time of day", OK if synchronised else WARN, told, mend)


def _synchronised() -> bool | None:
    """What adjtimex says, asked with no mode set, which anybody may; None where it is forbidden."""
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
