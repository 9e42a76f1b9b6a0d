"""A web stage that is open, and a way to feed it without a graph."""

from __future__ import annotations

import threading
import time

import cv2
import httpx
import numpy as np
import pytest

from edge import Context, Frame
from edge.plugins.web import Web


class Shown:
    def __init__(self, stage):
        self.stage = stage
        self.n = 0

    @property
    def address(self):
        return self.stage.where()

    def feed(self, level=100, source="camera", age=0.0, shape=(48, 64, 3), **parts):
        """One frame, all of one grey; `matte` and `room` as they are given."""
        picture = np.full(shape, level, np.uint8)
        picture.flags.writeable = False
        now = time.monotonic()
        self.stage.process(Frame(source, self.n, now - age, born=now - age), **{"image": picture, **parts})
        self.n += 1

    def get(self, path="", **more):
        return httpx.get(self.address + path, timeout=5, trust_env=False, **more)

    def post(self, path, **more):
        """As the page itself would."""
        headers = {"origin": self.address.rstrip("/"), "content-type": "application/json", **more.pop("headers", {})}
        return httpx.post(self.address + path, timeout=5, trust_env=False, headers=headers, **more)


@pytest.fixture
def show(monkeypatch):
    """Opens web stages, and closes them at the end."""
    pages = pytest.importorskip("edge.plugins.web.pages", reason="needs the extra: pip install 'edgeflow[web]'")
    monkeypatch.setattr(pages, "FRESH", 0.2)
    stages = []

    def make(context=None, **options):
        stage = Web()
        for name, value in options.items():
            setattr(stage, name, value)
        stage.open(context or Context(graph="my graph"))
        stages.append(stage)
        return Shown(stage)

    yield make
    for stage in stages:
        stage.close()


@pytest.fixture
def feeding():
    """Feeds a stage from a thread of its own, until the test ends: a pipeline."""
    stop = threading.Event()
    threads = []

    def start(shown, **how):
        def run():
            while not stop.wait(0.005):
                shown.feed(level=shown.n % 200, **how)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def until(true, seconds=5.0):
    """Wait for a condition that another thread brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
