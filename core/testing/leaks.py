"""What a plugin must not leave behind: after `close`, and from frame to frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edge.core.testing.holdings import Growth, Holdings, settled
from edge.core.testing.promise import Breach

CYCLES = 4
"""Times that something is opened and closed, after the first, which may load what stays for good."""
PER_CYCLE, PER_FRAME, PER_FRAME_OUTSIDE = 65536, 24, 8192
LEAST = 4096
"""Bytes that may stay behind of each opening and of each frame: names and counters, no planes. Memory outside Python is only
seen by the page, so it gets more room. LEAST: altogether, before anything is said."""
SLOW = 1.0
"""Seconds of one time; watching every allocation makes it several times slower."""


def check_close(who: str, cycle: Callable[[], Any]) -> str:
    """`cycle` opens, works and closes, and returns what it opened. Raises Breach where something is left each time."""
    began = time.monotonic()
    cycle()
    slow = time.monotonic() - began > SLOW
    times = 2 if slow else CYCLES
    before = Holdings()
    alive = [cycle() for _ in range(times)]  # kept, for what goes with an object was not given back by `close`
    left = settled(before, times)
    if left:
        told = f"{who}: after {times} times open and close there are {', '.join(left)} more"
        raise Breach("close", f"{told}: give them back in close")
    del alive
    if slow:
        return "gives back threads and descriptors; it takes too long to open to look at memory"
    with Growth() as growth:
        cycle()
        start, picture = growth.now(), growth.picture()
        for _ in range(CYCLES):
            cycle()
        each = (growth.now() - start) / CYCLES
        place = growth.where(picture) if each > PER_CYCLE else ""
    if each > PER_CYCLE:
        told = f"{who}: {in_bytes(each)} stay behind each time it is closed{place and f' ({place})'}"
        raise Breach("close", f"{told}: let go of them in close")
    return "gives back threads, descriptors, processes and memory"


def check_growth(who: str, inside: float, outside: float, place: str = "") -> None:
    """Bytes per frame, of Python and numpy, and of the whole process. Raises Breach where they are too many."""
    if inside > PER_FRAME:
        told = f"{who}: grows by {in_bytes(inside)} a frame{place and f' ({place})'}"
        raise Breach("memory", f"{told}: let go of what is old")
    if outside > PER_FRAME_OUTSIDE:
        told = f"{who}: grows by {in_bytes(outside)} a frame, outside Python"
        raise Breach("memory", f"{told}: free what a library allocates")


def per_frame(marks: list[int], frames: int) -> float:
    """Bytes per frame from marks taken every so many frames: the lesser of the second and the last third of the run, since
    what only fills up once grows in one of them."""
    third = (len(marks) - 1) // 2
    if third < 1:
        return 0.0
    a, b, c = marks[-1 - 2 * third], marks[-1 - third], marks[-1]
    grown = min(b - a, c - b)
    return grown / (third * frames) if grown > LEAST else 0.0


def in_bytes(count: float) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"
