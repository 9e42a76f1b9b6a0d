"""The figures of a run as Prometheus asks for them. They are read from the ledger at each scrape; no worker is asked.

What is counted by camera has the camera's label, also on edges and sinks: so a camera that is removed takes its series with it,
and no sum goes backwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple, Union

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from edge import __version__
from edge.core.frame import REASONS
from edge.core.health.readiness import OPEN
from edge.core.ledger import (
    AGES,
    BINS,
    DELIVERED,
    DONE,
    FRAMES,
    LOST_BY_MAKER,
    RECEIVED,
    SPENT_NS,
    STATES,
    TIMES,
    begins,
)
from edge.core.plan import EdgePlan, StagePlan

Metric = Union[CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily]
KINDS = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}


class Family(NamedTuple):
    """One metric: what it is, the labels that it has beside `graph`, and what it tells."""

    kind: str
    labels: tuple[str, ...]
    help: str


FAMILIES = {
    "edge_build_info": Family(
        "gauge", ("version", "device"), "1; its labels say the version, and the device that runs the networks"
    ),
    "edge_start_time_seconds": Family("gauge", (), "When the run began, in seconds since 1970"),
    "edge_camera_up": Family("gauge", ("camera",), "1 where the camera gives frames, else 0"),
    "edge_camera_state": Family("gauge", ("camera", "state"), "1 for the state that the camera is in, 0 for the others"),
    "edge_camera_last_frame_timestamp_seconds": Family(
        "gauge", ("camera",), "When the camera's newest frame was captured, in seconds since 1970; not there before the first"
    ),
    "edge_camera_reconnects_total": Family("counter", ("camera",), "How often the camera was lost and came back"),
    "edge_camera_gap_seconds_total": Family("counter", ("camera",), "How long it was gone, all those times together"),
    "edge_camera_frames_captured_total": Family("counter", ("camera",), "Frames that the camera gave"),
    "edge_camera_frames_admitted_total": Family("counter", ("camera",), "Frames that went into the graph"),
    "edge_camera_frames_delivered_total": Family("counter", ("camera",), "Frames that every sink has finished"),
    "edge_camera_frames_dropped_total": Family(
        "counter", ("camera", "reason"), "Frames that were lost at the source, before any work was done on them"
    ),
    "edge_camera_frames_covered_total": Family(
        "counter", ("camera", "reason"), "Frames shown as the cover, for want of a matte"
    ),
    "edge_flow_frames_received_total": Family("counter", ("edge", "camera"), "Frames that the edge's maker put on it"),
    "edge_flow_frames_delivered_total": Family("counter", ("edge", "camera"), "Frames that the edge's reader has finished"),
    "edge_flow_frames_dropped_total": Family("counter", ("edge", "camera", "reason"), "Frames that were lost on the edge"),
    "edge_flow_frames_in_flight": Family("gauge", ("edge", "camera"), "Frames under way: received - delivered - dropped"),
    "edge_stage_frames_total": Family("counter", ("stage",), "Frames that the stage has worked on"),
    "edge_stage_duration_seconds": Family("histogram", ("stage",), "Work on a frame; of a source, the wait for one"),
    "edge_sink_frames_total": Family("counter", ("stage", "camera"), "Frames that the sink has finished"),
    "edge_frame_age_seconds": Family(
        "histogram", ("stage",), "Age of a frame, from its capture until the sink has finished it"
    ),
    "edge_route_frames_total": Family("counter", ("stage", "branch"), "Frames that each branch of a network served"),
    "edge_worker_up": Family("gauge", ("worker",), "1 where the worker's process has opened its stages, else 0"),
    "edge_worker_restarts_total": Family("counter", ("worker",), "How often the worker was replaced"),
    "edge_worker_resident_memory_bytes": Family("gauge", ("worker",), "Memory of the worker's process; at the end, its peak"),
    "edge_worker_cpu_seconds_total": Family("counter", ("worker",), "Processor time of the worker, over all its processes"),
    "edge_arena_bytes": Family("gauge", ("worker",), "Shared memory that the worker holds for its planes"),
}
"""Every metric there is, all with the label `graph`."""

CUTS = range(30, BINS, 10)
"""The ledger's bins before which a bucket ends: from 76 µs to 57 s, each about twice the one before."""


class Collector:
    """Reads a run. After `freeze`, which is told the report, it says the run's last figures for good."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._began = time.time() - (time.monotonic() - run.began)
        self._frozen: list[Metric] | None = None

    def collect(self) -> Iterable[Metric]:
        return _Reading(self._run, self._began, self._run.status()).all() if self._frozen is None else self._frozen

    def freeze(self, report: dict[str, Any]) -> None:
        self._frozen = _Reading(self._run, self._began, report).all()


class _Reading:
    """One look at a run. `status`: as `Run.status` says it; of a run that has ended, its report."""

    def __init__(self, run: Any, began: float, status: dict[str, Any]) -> None:
        self._plan, self._ledger = run.ledger.plan, run.ledger
        self._graph = status["graph"]
        self._made = {name: KINDS[f.kind](name, f.help, labels=("graph", *f.labels)) for name, f in FAMILIES.items()}
        self._put("build_info", 1, __version__, status["device"].get("resolved", ""))
        self._put("start_time_seconds", round(began, 3))
        gone = {name for name, row in status["cameras"].items() if row["state"] == "removed"}
        for name, row in status["cameras"].items():
            if name not in gone:
                self._camera(name, row)
        rows = {row["name"]: row for row in status["workers"]}  # a camera's that came twice: the last one
        for worker in self._plan.workers:
            self._put("arena_bytes", worker.arena_bytes, worker.name)
            if worker.name in rows:
                self._worker(rows[worker.name])
        for stage, served in status["routes"].items():
            for branch, count in served.items():
                self._put("route_frames_total", count, stage, branch)
        self._read(gone)

    def all(self) -> list[Metric]:
        return list(self._made.values())

    def _put(self, name: str, value: float, *labels: str) -> None:
        """One sample; the labels in the order of FAMILIES."""
        self._made["edge_" + name].add_metric([self._graph, *labels], value)

    def _camera(self, name: str, row: dict[str, Any]) -> None:
        self._put("camera_up", int(row["state"] == "running"), name)
        for state in STATES[: STATES.index("removed")]:
            self._put("camera_state", int(row["state"] == state), name, state)
        if row["seen_seconds"] is not None:
            self._put("camera_last_frame_timestamp_seconds", round(time.time() - row["seen_seconds"], 3), name)
        self._put("camera_reconnects_total", row["reconnects"], name)
        self._put("camera_gap_seconds_total", row["gap_seconds"], name)
        for what in ("captured", "admitted", "delivered"):
            self._put(f"camera_frames_{what}_total", row[what], name)
        # Every reason from the start on: a counter that first appears with its first loss hides that loss from rate().
        for reason in REASONS:
            self._put("camera_frames_dropped_total", row["dropped"].get(reason, 0), name, reason)
            self._put("camera_frames_covered_total", row["covers"].get(reason, 0), name, reason)

    def _worker(self, row: dict[str, Any]) -> None:
        self._put("worker_up", int(row.get("state") in OPEN), row["name"])
        self._put("worker_restarts_total", row["restarts"], row["name"])
        self._put("worker_resident_memory_bytes", row.get("rss_bytes", row.get("peak_rss_bytes", 0)), row["name"])
        self._put("worker_cpu_seconds_total", row["cpu_seconds"], row["name"])

    def _read(self, gone: set[str]) -> None:
        """What is in the ledger alone: edges and sinks by camera, histograms."""
        plan = self._plan
        for edge in plan.edges:
            for camera in () if edge.previous or edge.maker in gone else edge.sources:
                if camera not in gone:
                    self._edge(edge, camera)
        for stage in plan.stages:
            if stage.name not in gone:
                self._stage(stage, gone)

    def _edge(self, edge: EdgePlan, camera: str) -> None:
        ledger = self._ledger
        row = ledger.row("edge", edge.index, camera)
        # What arrived is read last: a frame that is finished meanwhile must not have been received after it was delivered.
        lost, delivered = ledger.reasons(row + LOST_BY_MAKER, 3), ledger.cells[row + DELIVERED]
        received = ledger.cells[row + RECEIVED]
        self._put("flow_frames_received_total", received, edge.key, camera)
        self._put("flow_frames_delivered_total", delivered, edge.key, camera)
        self._put("flow_frames_in_flight", received - delivered - sum(lost.values()), edge.key, camera)
        for reason, count in lost.items():
            self._put("flow_frames_dropped_total", count, edge.key, camera, reason)

    def _stage(self, stage: StagePlan, gone: set[str]) -> None:
        ledger = self._ledger
        row, cells = ledger.row("stage", stage.name), ledger.cells
        self._histogram("stage_duration_seconds", stage.name, row + TIMES, cells[row + SPENT_NS] / 1e9)
        self._put("stage_frames_total", cells[row + FRAMES], stage.name)
        if not stage.is_sink:
            return
        self._histogram("frame_age_seconds", stage.name, row + AGES)
        for camera in stage.sources:
            if camera not in gone:
                self._put("sink_frames_total", cells[ledger.row("visit", stage.name, camera) + DONE], stage.name, camera)

    def _histogram(self, name: str, stage: str, cell: int, total: float | None = None) -> None:
        """Where no `total` of the seconds is kept, each frame counts as the middle of its bin: right within 4 %."""
        counts = self._ledger.cells[cell : cell + BINS].tolist()
        if total is None:
            total = sum(count * begins(i + 0.5) for i, count in enumerate(counts))
        buckets = [(f"{begins(cut):.3g}", sum(counts[:cut])) for cut in CUTS]
        self._made["edge_" + name].add_metric([self._graph, stage], [*buckets, ("+Inf", sum(counts))], round(total, 6))


def exposition(collector: Collector, accept: str = "") -> tuple[bytes, str]:
    """What a scrape gets, and its content type. `accept`: the request's header, by which it may ask for OpenMetrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
