"""Run this first: frames through a graph in two processes, nothing plugged in, in two seconds.

`pytest tests/test_tiny.py`
"""

from __future__ import annotations

import json

import pytest
from commands import ROOT, edge

FRAMES = 60


def run(folder, *words):
    done = edge(ROOT / "graphs" / "tiny.yaml", "--frames", FRAMES, "--report", "r.json", *words, cwd=folder)
    assert done.code == 0, done.err
    return json.loads((folder / "r.json").read_text())


def books_balance(report):
    """Of what an edge received, everything was delivered or dropped for a reason, and nothing is under way."""
    assert report["edges"]
    for name, book in report["edges"].items():
        assert book["received"] == book["delivered"] + sum(book["dropped"].values()), name
        assert book["in_flight"] == 0, name


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_every_frame_arrives(tmp_path, workers):
    report = run(tmp_path, "--workers", workers)
    assert report["exit"] == {"code": 0, "reason": "end_of_stream"}
    assert report["device"]["resolved"] == "dry"
    camera = report["cameras"]["camera"]
    assert (camera["state"], camera["dropped"]) == ("ended", {})
    assert camera["captured"] == camera["admitted"] == camera["delivered"] == FRAMES
    assert report["sinks"]["out"]["frames"] == FRAMES
    books_balance(report)

    names = [(worker["name"], worker["stages"]) for worker in report["workers"]]
    kinds = {name: book["kind"] for name, book in report["edges"].items()}
    if workers == "auto":
        assert names == [("camera", ["camera", "small"]), ("out", ["out"])]
        assert kinds["small->out:image"] == "shm" and kinds["camera->small:image"] == "call"
        assert all(worker["restarts"] == 0 and worker["peak_rss_bytes"] > 0 for worker in report["workers"])
    else:
        assert names == [("all", ["camera", "small", "out"])]
        assert set(kinds.values()) == {"call"}
