"""The figures that Prometheus gets: well-formed, complete, right, documented."""

from __future__ import annotations

import pathlib
import re

import pytest

pytest.importorskip("prometheus_client", reason="needs the extra: pip install 'edgeflow[web]'")

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from standing import standing

from edge.core import ledger as books
from edge.core.frame import REASONS
from edge.core.health.metrics import FAMILIES, Collector, exposition

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
LABELS = {"graph", "stage", "camera", "edge", "reason", "branch", "worker", "state", "version", "device"}


@pytest.fixture
def run(tmp_path):
    return standing(tmp_path)


def text_of(run):
    return exposition(Collector(run))[0].decode()


def value(text, name, **labels):
    """Of the one sample of this name that has these labels."""
    (found,) = [
        sample.value
        for family in parse(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return found


# -- well-formed ------------------------------------------------------------------------------------------------------------


def test_what_a_linter_of_metrics_asks_for(run):
    text = text_of(run)
    seen = set()
    for family in parse(text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, "a series twice"
            seen.add(key)
            assert set(sample.labels) - {"le"} <= LABELS, sample.name
            assert ("le" in sample.labels) == sample.name.endswith("_bucket")
            assert sample.labels["graph"] == "two cameras"
            assert sample.labels.get("reason", REASONS[0]) in REASONS
    for name in FAMILIES:
        assert text.count(f"# TYPE {name} ") == text.count(f"# HELP {name} ") == 1
    assert text.count("# TYPE ") == len(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_name_says_its_unit_and_no_more(name):
    family = FAMILIES[name]
    assert re.fullmatch(r"edge(_[a-z]+)+", name)
    assert name.endswith("_total") == (family.kind == "counter")
    assert not name.endswith(("_count", "_sum", "_bucket")) and family.kind not in name
    wrong = {"ms", "milliseconds", "minutes", "us", "ns", "kb", "mb", "mib", "percent", "timestamps"}
    assert not wrong & set(name.split("_"))
    if family.kind == "histogram":
        assert name.endswith("_seconds")
    assert set(family.labels) <= LABELS
    assert family.help[0].isupper() or family.help[0].isdigit()
    assert not family.help.endswith(".")


def test_who_asks_for_openmetrics_gets_it(run):
    body, kind = exposition(Collector(run), "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and body.decode().endswith("# EOF\n")
    assert len(list(parse_openmetrics(body.decode()))) == len(FAMILIES)


# -- right ------------------------------------------------------------------------------------------------------------------


def test_the_figures_of_a_camera(run):
    text = text_of(run)
    door = {"camera": "camera.door"}
    assert value(text, "edge_camera_frames_captured_total", **door) == 9
    assert value(text, "edge_camera_frames_dropped_total", reason="superseded", **door) == 2
    assert value(text, "edge_camera_frames_dropped_total", reason="too_old", **door) == 0, "there before the first"
    assert value(text, "edge_camera_frames_covered_total", reason="implausible", **door) == 3
    assert value(text, "edge_camera_up", **door) == value(text, "edge_camera_state", state="running", **door) == 1
    assert value(text, "edge_camera_up", camera="camera.yard") == 0
    assert value(text, "edge_camera_state", state="waiting", camera="camera.yard") == 1
    assert 'edge_camera_last_frame_timestamp_seconds{camera="camera.yard"' not in text, "it has given no frame"


def test_the_books_of_an_edge_balance(run):
    text = text_of(run)
    edge = {"edge": "camera.door->matte:image"}
    figures = [value(text, f"edge_flow_frames_{what}", **edge) for what in ("received_total", "delivered_total", "in_flight")]
    assert figures == [7, 4, 0]
    assert value(text, "edge_flow_frames_dropped_total", reason="worker_died", **edge) == 3


def test_a_frame_finished_while_the_figures_are_read_is_no_debt(run):
    """A worker goes on counting: here each look at a delivered count finds one more, received the same moment."""
    edge = next(edge for edge in run.plan.edges if edge.key == "camera.door->matte:image")
    book = run.ledger.row("edge", edge.index, "camera.door")

    class Moving:
        def __init__(self, cells):
            self.cells = cells

        def __getitem__(self, at):
            found = self.cells[at]
            if at == book + books.DELIVERED:
                self.cells[book + books.RECEIVED] += 1
                self.cells[book + books.DELIVERED] += 1
            return found

    run.ledger.cells = Moving(run.ledger.cells)
    assert value(text_of(run), "edge_flow_frames_in_flight", edge=edge.key) >= 0


def test_a_histogram_agrees_with_the_report(run):
    text = text_of(run)
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for family in parse(text)
        for sample in family.samples
        if sample.name == "edge_frame_age_seconds_bucket"
    ]
    assert buckets == sorted(buckets) and len(buckets) > 15
    assert buckets[-1] == (float("inf"), 4) and value(text, "edge_frame_age_seconds_count") == 4
    assert value(text, "edge_frame_age_seconds_sum") == pytest.approx(0.341, rel=0.04)
    for quantile, count in (("p50", 2), ("p99", 4)):
        seconds = run.status()["sinks"]["out"]["age_seconds"][quantile]
        first = next(bound for bound, below in buckets if below >= count)
        assert first / 2 < seconds <= first


def test_a_camera_that_is_removed_takes_its_series_with_it(run):
    run.add(books.STATE, books.STATES.index("removed"), "source", "camera.yard")
    text = text_of(run)
    assert "camera.yard" not in re.sub(r".*_worker_.*|.*edge_arena_bytes.*", "", text)
    assert value(text, "edge_camera_frames_captured_total") == 9


def test_a_worker_that_was_there_twice_has_one_series(run):
    """A camera that came back: the report has a row for each of its processes."""
    run.workers.insert(0, dict(run.workers[0], restarts=5))
    run.workers.append({"name": "camera.gone", "stages": [], "restarts": 1, "peak_rss_bytes": 1, "cpu_seconds": 1.0})
    text = text_of(run)
    assert value(text, "edge_worker_restarts_total", worker=run.workers[1]["name"]) == 0
    assert "camera.gone" not in text


def test_frozen_figures_stay(run):
    collector = Collector(run)
    collector.freeze({**run.status(), "workers": [dict(row, state="ended") for row in run.workers]})
    before = exposition(collector)[0]
    run.add(books.CAPTURED, 1, "source", "camera.door")
    assert exposition(collector)[0] == before
    assert value(before.decode(), "edge_worker_up", worker="matte") == 0


# -- documented -------------------------------------------------------------------------------------------------------------


def test_every_metric_is_in_the_docs_and_no_other():
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(edge_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", page, re.M)
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows}
    assert told == {name: (family.kind, family.labels, family.help) for name, family in FAMILIES.items()}
    series = {name + end for name in FAMILIES for end in ("", "_bucket", "_sum")}
    assert set(re.findall(r"\bedge_[a-z]+_[a-z_]+\b", page)) <= series
