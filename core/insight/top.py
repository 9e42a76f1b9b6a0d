"""`edge top`: a run that is under way, as figures of the last second and as tables for a terminal of 80 columns or more."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.core.errors import UsageError, hidden

EVERY = 1.0
"""Seconds between two looks at the run."""
STALE = 2.0
"""Seconds without a frame after which a camera stands out."""


def figures(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What happened between two statuses of a run: `edge top --json`, schema version 1. Counts and `seconds` are of the whole
    run; `fps` (frames a second), `busy` (share of the time) and `cpu` (cores) are of the time in between."""
    seconds = max(1e-3, now["seconds"] - before["seconds"])

    def grown(part: str, name: str, key: str) -> float:
        row = before[part].get(name, {})
        return float(max(0.0, now[part][name][key] - (row.get(key) or 0.0)) / seconds)

    workers = {row["name"]: row for row in now.get("workers", ())}
    used = {row["name"]: row.get("cpu_seconds", 0.0) for row in before.get("workers", ())}
    return {
        "schema_version": 1,
        "graph": now["graph"],
        "device": now["device"]["resolved"],
        "seconds": now["seconds"],
        "cameras": {name: _camera(row, grown("cameras", name, "delivered")) for name, row in now["cameras"].items()},
        "stages": {
            name: {
                "frames": row["frames"],
                "fps": round(grown("stages", name, "frames"), 1),
                "busy": None if name in now["cameras"] else round(min(1.0, grown("stages", name, "busy_seconds")), 3),
                "seconds": row["seconds"],
            }
            for name, row in now["stages"].items()
        },
        "sinks": {name: {**row, "fps": round(grown("sinks", name, "frames"), 1)} for name, row in now["sinks"].items()},
        "edges": {
            name: {
                "fps": round(grown("edges", name, "delivered"), 1),
                **{key: row[key] for key in ("kind", "in_flight", "dropped")},
            }
            for name, row in now["edges"].items()
        },
        "workers": {name: _worker(row, used.get(name, 0.0), seconds) for name, row in workers.items()},
    }


def _camera(row: dict[str, Any], fps: float) -> dict[str, Any]:
    kept = ("state", "seen_seconds", "captured", "delivered", "dropped", "covered", "covers")
    return {**{key: row.get(key) for key in kept}, "fps": round(fps, 1), **({"error": row["error"]} if "error" in row else {})}


def _worker(row: dict[str, Any], used: float, seconds: float) -> dict[str, Any]:
    """A successor counts from its own start, so what is less than before is all its own."""
    spent = row.get("cpu_seconds", 0.0)
    kept = {key: row.get(key) for key in ("pid", "state", "restarts", "rss_bytes")}
    return {**kept, "cpu": round((spent - used if spent >= used else spent) / seconds, 2)}


# -- as tables --------------------------------------------------------------------------------------------------------------


def tables(data: dict[str, Any]) -> RenderableType:
    """The same for a person. What needs a look is yellow or red."""
    head = f"{data['graph']} on {data['device']}, for {data['seconds']:.0f} s"
    blocks: tuple[tuple[Table, list[Text]], ...] = (
        (_cameras(data), _why(data["cameras"])),
        (_stages(data), []),
        (_sinks(data), []),
        (_edges(data), _why(data["edges"])),
        (_workers(data), []),
    )
    shown: list[RenderableType] = []
    for table, why in blocks:
        shown += [Text(), table, *why] if table.row_count else []
    return Group(Text(head, style="bold"), *shown)


def _why(rows: dict[str, Any]) -> list[Text]:
    """A line for each camera or edge that lost frames, or is not here."""
    found = []
    for name, row in rows.items():
        told = [f"dropped {_reasons(row['dropped'])}"] if row["dropped"] else []
        told += [f"covered {_reasons(row['covers'])}"] if row.get("covers") else []
        if "error" in row:
            found.append(Text(hidden(row["error"]), style="red"))
        elif told:
            found.append(Text(f"{name}: {', '.join(told)}", style="dim"))
    return found


def _cameras(data: dict[str, Any]) -> Table:
    table = _table("camera", "state", "fps", "seen", "delivered", "dropped", "covered")
    for name, row in data["cameras"].items():
        seen = row["seen_seconds"]
        late = row["state"] == "running" and seen is not None and seen > STALE
        state = Text(row["state"], style="red" if row["state"] in ("failed", "reconnecting") else "yellow" if late else "")
        told = "-" if seen is None else f"{seen:.1f} s"
        table.add_row(
            name, state, _rate(row["fps"]), told, *(str(count) for count in (row["delivered"], _sum(row), row["covered"]))
        )
    return table


def _stages(data: dict[str, Any]) -> Table:
    table = _table("stage", "fps", "busy", "p50", "p95")
    for name, row in data["stages"].items():
        busy = row["busy"]
        share = Text("-" if busy is None else f"{100 * busy:.0f} %", style="red" if busy and busy > 0.9 else "")
        table.add_row(name, _rate(row["fps"]), share, *(_ms(row["seconds"][q]) for q in ("p50", "p95")))
    return table


def _sinks(data: dict[str, Any]) -> Table:
    table = _table("sink", "fps", "age p50", "p95")
    for name, row in data["sinks"].items():
        table.add_row(name, _rate(row["fps"]), *(_ms(row["age_seconds"][q]) for q in ("p50", "p95")))
    return table


def _edges(data: dict[str, Any]) -> Table:
    table = _table("edge", "kind", "fps", "in flight", "dropped")
    for name, row in data["edges"].items():
        table.add_row(name, row["kind"], _rate(row["fps"]), str(row["in_flight"]), str(_sum(row)))
    return table


def _workers(data: dict[str, Any]) -> Table:
    table = _table("worker", "state", "pid", "cpu", "memory", "restarts")
    for name, row in data["workers"].items():
        restarts = Text(str(row["restarts"]), style="yellow" if row["restarts"] else "")
        memory = f"{(row['rss_bytes'] or 0) / 2**20:.0f} MiB"
        table.add_row(name, str(row["state"]), str(row["pid"] or "-"), f"{100 * row['cpu']:.0f} %", memory, restarts)
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i, title in enumerate(titles):  # where it is too wide, only the name is cut: all others may not wrap
        words = not i or title in ("state", "kind")
        table.add_column(title, justify="left" if words else "right", no_wrap=i > 0, overflow="ellipsis")
    return table


def _rate(fps: float) -> str:
    return f"{fps:.1f}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _sum(row: dict[str, Any]) -> int:
    return sum(row["dropped"].values())


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())


# -- live -------------------------------------------------------------------------------------------------------------------


def look(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The figures of one second. `ask` gives the run's status."""
    before = ask()
    time.sleep(EVERY)
    return figures(before, ask())


def follow(ask: Callable[[], dict[str, Any]]) -> None:
    """Draw until the person leaves. Raises UsageError where there is no terminal, SourceError where the run has ended."""
    console = Console()
    if not console.is_terminal:
        raise UsageError("edge top draws on a terminal: here give --once, or --json")
    before = ask()
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(Text("looking ..."), refresh=True)
        try:
            while not pressed(EVERY):
                now = ask()
                live.update(tables(figures(before, now)), refresh=True)
                before = now
        except KeyboardInterrupt:
            pass


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """A function that waits so many seconds; True as soon as `q` is pressed. The terminal is put back afterwards."""
    if not sys.stdin.isatty():
        yield _never
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield lambda seconds: _pressed(fd, time.monotonic() + seconds)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _never(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _pressed(fd: int, until: float) -> bool:
    while (left := until - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0] and set(os.read(fd, 64)) & set(b"qQ"):
            return True
    return False
