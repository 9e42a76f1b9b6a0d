"""A recording as a trace file that Perfetto and chrome://tracing open: Trace Event Format, JSON.

One process per worker; one track per stage, and one more for what a source captures in a thread of its own. Arrows follow a
frame from worker to worker. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from edge.core.errors import SourceError
from edge.core.insight.trace import Span

Event = dict[str, Any]
BOOKS = 0
"""The process number under which the counters stand; workers follow from 1."""


def timeline(recording: dict[str, Any]) -> dict[str, Any]:
    """The whole file, as data."""
    spans = [Span(*span) for span in recording["spans"]]
    tracks = _tracks(recording)
    events = [*_names(recording, tracks), *_slices(spans, tracks), *_arrows(recording, spans, tracks), *_counters(recording)]
    other = {"graph": recording["graph"], "clock": "monotonic", "spans_cut_off": recording["cut"]}
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": other}


def write(path: pathlib.Path, recording: dict[str, Any]) -> str:
    """Write the file; returns what to say about it. Raises SourceError where it cannot be written."""
    try:
        path.write_text(json.dumps(timeline(recording), separators=(",", ":")) + "\n", encoding="utf-8")
    except OSError as error:
        raise SourceError(f"--trace {path}: {error.strerror}; give a file that may be written") from None
    cut = f", the last ones: {recording['cut']} were cut off" if recording["cut"] else ""
    return f"trace: {path}: {len(recording['spans'])} spans{cut}; open it at https://ui.perfetto.dev"


def _tracks(recording: dict[str, Any]) -> dict[tuple[str, bool], tuple[int, int]]:
    """(stage, is it its captures?) → process and track number."""
    pids = {worker: i + 1 for i, worker in enumerate(recording["workers"])}
    found = {}
    for i, (name, stage) in enumerate(recording["stages"].items()):
        for captures in (True, False) if stage["kind"] == "source" else (False,):
            found[name, captures] = (pids[stage["worker"]], 2 * i + 2 - captures)
    return found


def _names(recording: dict[str, Any], tracks: dict[tuple[str, bool], tuple[int, int]]) -> Iterator[Event]:
    def named(what: str, pid: int, tid: int, **values: Any) -> Event:
        return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": values}

    for pid, worker in enumerate(["books", *(f"worker {name}" for name in recording["workers"])]):
        yield named("process_name", pid, 0, name=worker)
        yield named("process_sort_index", pid, 0, sort_index=pid or len(recording["workers"]) + 1)
    for (stage, captures), (pid, tid) in tracks.items():
        yield named("thread_name", pid, tid, name=f"{stage} captures" if captures else stage)
        yield named("thread_sort_index", pid, tid, sort_index=tid)


def _slices(spans: list[Span], tracks: dict[tuple[str, bool], tuple[int, int]]) -> Iterator[Event]:
    for span in spans:
        if (span.stage, span.kind == "capture") not in tracks:
            continue  # of a camera that has gone since
        pid, tid = tracks[span.stage, span.kind == "capture"]
        where = {"pid": pid, "tid": tid, "ts": _us(span.began), "cat": span.kind}
        frame: dict[str, Any] = {"camera": span.camera, "n": span.n}
        if span.kind in ("lost", "cover"):
            yield {"name": f"{span.kind}: {span.more}", "ph": "i", "s": "t", **where, "args": frame}
            continue
        if span.more:
            frame.update(cpu_ms=round(1000 * span.more[0], 3), in_line_ms=round(1000 * span.more[1], 3))
        yield {"name": span.kind, "ph": "X", "dur": _us(span.ended, span.began), **where, "args": frame}


def _arrows(recording: dict[str, Any], spans: list[Span], tracks: dict[tuple[str, bool], tuple[int, int]]) -> Iterator[Event]:
    """From the send of a frame to its process, where that is in another worker."""
    sent = {(span.stage, span.camera, span.n): span for span in spans if span.kind == "send"}
    makers: dict[str, list[str]] = {}
    for edge in recording["edges"].values():
        if edge["kind"] != "call":
            makers.setdefault(edge["reader"], []).append(edge["maker"])
    numbers = itertools.count(1)
    for span in spans:
        for maker in makers.get(span.stage, ()) if span.kind == "process" else ():
            start = sent.get((maker, span.camera, span.n))
            if start is not None and start.began <= span.began:
                arrow = {"name": "frame", "cat": "frame", "id": next(numbers), "args": {"camera": span.camera, "n": span.n}}
                yield {"ph": "s", **_at(tracks[maker, False]), "ts": _us(start.began), **arrow}
                yield {"ph": "f", "bp": "e", **_at(tracks[span.stage, False]), "ts": _us(span.began), **arrow}


def _counters(recording: dict[str, Any]) -> Iterator[Event]:
    for now, row in recording["samples"]:
        for edge, count in row.items():
            yield {"name": edge, "ph": "C", "pid": BOOKS, "ts": _us(now), "args": {"in flight": count}}


def _at(place: tuple[int, int]) -> Event:
    return {"pid": place[0], "tid": place[1]}


def _us(seconds: float, since: float = 0.0) -> float:
    """Microseconds, to the nanosecond. A duration is the difference of two rounded moments, so that what nests still does."""
    return round(round(seconds * 1e6, 3) - round(since * 1e6, 3), 3)
