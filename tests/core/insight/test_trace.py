"""Spans, where they are taken and gathered, and the file that is made of them."""

from __future__ import annotations

import functools
import json
import pathlib
import socket
import types
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from commands import ROOT, distribution, edge
from recordings import recording

from edge.core.errors import EdgeError
from edge.core.insight.recorder import RECORDERS, Collector, Recorders
from edge.core.insight.timeline import timeline
from edge.core.insight.trace import Span, Tracer
from edge.core.plan import Plan, StagePlan, WorkerPlan
from edge.core.worker import LARGEST, Worker

SPAN = ("process", "matte", "camera", 7, 1.0, 1.5, [0.4, 0.0])


# -- the rules of the Trace Event Format ------------------------------------------------------------------------------------

FIELDS = {"M": {"args"}, "X": {"ts", "dur"}, "i": {"ts", "s"}, "C": {"ts", "args"}, "s": {"ts", "id"}, "f": {"ts", "id", "bp"}}
NAMES = {"process_name": "name", "process_sort_index": "sort_index", "thread_name": "name", "thread_sort_index": "sort_index"}


def follows_the_rules(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """What a viewer relies on, as the format's description says; returns the events."""
    events = trace["traceEvents"]
    for event in events:
        assert isinstance(event["name"], str) and isinstance(event["pid"], int), event
        assert FIELDS[event["ph"]] <= set(event), event
        assert event["ph"] == "C" or isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert NAMES[event["name"]] in event["args"]
        else:
            assert event["ts"] >= 0 and isinstance(event.get("cat", ""), str)
        if event["ph"] == "X":
            assert event["dur"] >= 0
        if event["ph"] == "i":
            assert event["s"] in ("g", "p", "t")
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
    assert trace["displayTimeUnit"] in ("ms", "ns")
    every_track_has_a_name(events)
    spans_nest(events)
    arrows_begin_and_end_in_slices(events)
    return events


def every_track_has_a_name(events):
    threads = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in events if e["ph"] in "Xisf"} <= threads
    assert {e["pid"] for e in events} == {e["pid"] for e in events if e["name"] == "process_name"}
    names = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert len(names) == len(set(names))


def tracks(events) -> Iterator[list[tuple[int, int]]]:
    """Per track, the slices as begin and end in nanoseconds, outer ones first."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for e in events:
        if e["ph"] == "X":
            begin = round(e["ts"] * 1000)
            found.setdefault((e["pid"], e["tid"]), []).append((begin, begin + round(e["dur"] * 1000)))
    for slices in found.values():
        yield sorted(slices, key=lambda s: (s[0], -s[1]))


def spans_nest(events):
    """A slice lies inside the one that it begins in, or behind it."""
    for slices in tracks(events):
        open_until: list[int] = []
        for begin, end in slices:
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or end <= open_until[-1], "two slices of a track overlap"
            open_until.append(end)


def arrows_begin_and_end_in_slices(events):
    slices: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for e in events:
        if e["ph"] == "X":
            slices.setdefault((e["pid"], e["tid"]), []).append((e["ts"], e["ts"] + e["dur"]))
    ends = {e["id"]: e for e in events if e["ph"] == "f"}
    starts = [e for e in events if e["ph"] == "s"]
    assert len(starts) == len(ends) == len({e["id"] for e in starts})
    for start in starts:
        end = ends[start["id"]]
        assert (start["name"], start["cat"], end["bp"]) == (end["name"], end["cat"], "e")
        assert start["pid"] != end["pid"] and start["ts"] <= end["ts"] and start["args"] == end["args"]
        for arrow in (start, end):
            assert any(a <= arrow["ts"] <= b for a, b in slices[arrow["pid"], arrow["tid"]])


def slices(events, track: str) -> list[dict[str, Any]]:
    """The slices of a named track."""
    (place,) = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name" and e["args"]["name"] == track]
    return [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == place]


def test_a_planted_recording_follows_the_rules():
    events = follows_the_rules(timeline(recording({"slow": 0.04, "out": 0.001}, fps=60)))
    assert {e["name"] for e in slices(events, "camera captures")} == {"capture"}
    assert {e["name"] for e in slices(events, "slow")} == {"process", "send", "copy"}
    assert sum(e["ph"] == "i" and e["name"] == "lost: superseded" for e in events) > 30
    assert {e["name"] for e in events if e["ph"] == "C"} == {"camera->slow:image", "slow->out:image"}


def test_the_arrows_follow_each_frame_through_the_workers():
    events = follows_the_rules(timeline(recording({"slow": 0.01, "out": 0.001}, frames=20)))
    ways = [(e["args"]["n"], e["ph"]) for e in events if e["ph"] in "sf"]
    assert sorted(ways) == sorted([(n, ph) for n in range(20) for ph in "sf"] * 2)


def test_slices_that_overlap_are_found():
    events = [dict(ph="X", pid=1, tid=1, ts=1.0, dur=5.0), dict(ph="X", pid=1, tid=1, ts=4.0, dur=5.0)]
    with pytest.raises(AssertionError, match="overlap"):
        spans_nest(events)


# -- where spans are taken --------------------------------------------------------------------------------------------------


def test_a_tracer_keeps_only_so_many():
    tracer = Tracer(room=3)
    for n in range(5):
        tracer.span("process", "matte", "camera", n, 1.0, 2.0)
    assert [span.n for span in tracer.drain(2)] == [0, 1]
    assert [span.n for span in tracer.drain()] == [2] and tracer.drain() == [] and len(tracer) == 0
    assert (tracer.forgot(), tracer.forgot()) == (2, 0)


def test_a_moment_begins_when_it_ends():
    tracer = Tracer()
    tracer.mark("lost", "matte", "camera", 3, "non_finite")
    (span,) = tracer.drain()
    assert (span.kind, span.n, span.more) == ("lost", 3, "non_finite") and span.began == span.ended


@pytest.fixture
def worker():
    """As much of a worker as hands spans over; `supervisor` is the other end."""
    supervisor, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.setblocking(False)  # so that a test which would block fails instead
    one = types.SimpleNamespace(control=control, supervisor=supervisor, _tracer=Tracer())
    one.say = functools.partial(Worker.say, one)
    yield one
    supervisor.close()
    control.close()


def heard(supervisor: socket.socket) -> Iterator[dict[str, Any]]:
    while True:
        try:
            yield msgspec.msgpack.decode(supervisor.recv(LARGEST, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return


def test_a_slow_supervisor_blocks_no_worker(worker):
    """It keeps what it cannot hand over, forgets what it cannot keep, and can still say something else."""
    sent = 0
    for _ in range(40):
        for n in range(1000):
            worker._tracer.span("process", "a stage with a long name", "camera.with.a.long.name", n, 1.0, 2.0, (0.1, 0.0))
        sent += 1000
        Worker._hand_over(worker)
    worker.say("done")
    messages = list(heard(worker.supervisor))
    assert messages.pop() == {"say": "done"}
    assert {message["say"] for message in messages} == {"spans"}
    before = sum(len(message["spans"]) + message["cut"] for message in messages)
    assert 0 < before < sent and 0 < len(worker._tracer) < 10_000
    while len(worker._tracer):
        Worker._hand_over(worker)
        before += sum(len(message["spans"]) + message["cut"] for message in heard(worker.supervisor))
    assert before + worker._tracer.forgot() == sent


def test_a_batch_of_spans_fits_into_a_message(worker):
    longest = "x" * 60
    for n in range(200):
        worker._tracer.span(
            "process", longest, f"{longest}.{longest}", 1 << 40, n + 0.123456789, n + 0.223456789, (0.0123456789, 0.0123456789)
        )
    Worker._hand_over(worker)
    assert len(worker.supervisor.recv(10 * LARGEST)) < LARGEST


# -- where they are gathered ------------------------------------------------------------------------------------------------


def plan(**options) -> Plan:
    stage = StagePlan("camera", "rtsp", is_source=True, live=True, sources=["camera"], worker="camera", options=options)
    return Plan("g", stages=[stage], workers=[WorkerPlan("camera", ["camera"])])


def status() -> dict[str, Any]:
    row = {"captured": 3, "admitted": 3, "delivered": 3, "covered": 0, "covers": {}, "dropped": {}}
    return {"cameras": {"camera": row}, "edges": {}, "workers": [{"name": "camera", "cpu_seconds": 1.5}]}


def test_a_collector_keeps_the_last_spans_and_says_what_it_cut():
    collector = Collector(plan, status, most=100)
    collector.add([(*SPAN[:3], n, *SPAN[4:]) for n in range(70)])
    collector.add([(*SPAN[:3], n, *SPAN[4:]) for n in range(70, 140)], cut=2)
    made = collector.recording()
    assert [span[3] for span in made["spans"]] == list(range(40, 140)) and made["cut"] == 42
    assert timeline({**made, "spans": []})["otherData"]["spans_cut_off"] == 42


def test_a_recording_is_plain_data_without_a_secret():
    canary = "hunter2-canary"
    collector = Collector(lambda: plan(path=f"rtsp://user:{canary}@10.0.0.1/main", size=640), status)
    collector.add([SPAN])
    collector.sample()
    made = collector.recording()
    assert json.loads(json.dumps(made)) == made
    assert canary not in json.dumps([made, timeline(made)])
    assert made["stages"]["camera"]["size"] == 640 and made["after"]["workers"]["camera"] == {"cpu_seconds": 1.5}


class Watched:
    """What recorders know of a run."""

    def __init__(self) -> None:
        self.plan = plan()
        self.status = status
        self.told: list[bool] = []
        self.trace = self.told.append


def test_processes_trace_while_anybody_records():
    run = Watched()
    recorders = Recorders(run)
    first, second = recorders.begin(), recorders.begin()
    recorders.add([SPAN])
    assert len(recorders.end(first)["spans"]) == 1 and run.told == [True] and recorders.on
    recorders.add([SPAN])
    assert len(recorders.end(second)["spans"]) == 2 and run.told == [True, False] and not recorders.on


def test_not_everybody_may_record_at_once():
    recorders = Recorders(Watched())
    for _ in range(RECORDERS):
        recorders.begin()
    with pytest.raises(EdgeError, match="others trace this run"):
        recorders.begin()


# -- whole runs -------------------------------------------------------------------------------------------------------------

FAULTY = '''
"""A stage that loses every fifth frame."""

from edge import Drop, Image, Stage, hookimpl


class Faulty(Stage):
    makes = {"image": Image}

    def process(self, image: Image, frame):
        if frame.n % 5 == 3:
            raise Drop("non_finite")
        return {"image": image}


@hookimpl
def register_stages(register):
    register("faulty", Faulty)
'''
GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 320, height: 180, pace: fast}
  small: {use: resize, from: camera, width: 160}
  some: {use: faulty, from: small, worker: some}
  out: {use: discard, from: some}
"""


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_the_trace_of_a_run(tmp_path: pathlib.Path, workers):
    (tmp_path / "g.yaml").write_text(GRAPH)
    folder = distribution(tmp_path / "site", "faulty", FAULTY, "faulty")
    words = ("run", "g.yaml", "--frames", 40, "--workers", workers, "--trace", "t.json")
    done = edge(*words, cwd=tmp_path, PYTHONPATH=str(folder))
    assert done.code == 0, done.err
    assert "trace: t.json: " in done.err and "ui.perfetto.dev" in done.err
    trace = json.loads((tmp_path / "t.json").read_text())
    events = follows_the_rules(trace)
    assert trace["otherData"] == {"graph": "g", "clock": "monotonic", "spans_cut_off": 0}
    frames = {
        track: [e["args"]["n"] for e in slices(events, track) if e["name"] == "process"] for track in ("small", "some", "out")
    }
    assert frames["small"] == frames["some"] == list(range(40))
    assert frames["out"] == [n for n in range(40) if n % 5 != 3]
    lost = [e["args"] for e in events if e["ph"] == "i" and e["name"] == "lost: non_finite"]
    assert lost == [{"camera": "camera", "n": n} for n in range(3, 40, 5)]
    copies = [e for e in events if e["name"] == "copy"]
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    if workers == "none":
        assert names == {"books", "worker all"} and not copies
        assert not any(e["ph"] == "s" for e in events)
    else:
        assert names == {"books", "worker camera", "worker some", "worker out"}
        assert copies, "what `some` passes on of memory that was lent to it is copied into its own"
        assert sum(e["ph"] == "s" for e in events) == 40 + 32


def test_a_trace_that_cannot_be_written_is_told_before_the_run(tmp_path):
    done = edge(ROOT / "graphs" / "tiny.yaml", "--frames", 3, "--trace", "no/t.json", cwd=tmp_path)
    assert done.code == 4
    assert done.errors == ["--trace no/t.json: No such file or directory; give a file that may be written"]
    assert "captured" not in done.err


def test_a_span_is_a_tuple_that_travels():
    assert Span(*msgspec.msgpack.decode(msgspec.msgpack.encode(Span(*SPAN)))) == Span(*SPAN)
