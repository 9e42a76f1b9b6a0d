"""The alpha that leaves the graph is the network's: nothing on the way adds to it, shifts it or lays it on another frame."""

from __future__ import annotations

import json
import pathlib

import cv2
import numpy as np
import onnxruntime
import pytest
from commands import ROOT, edge
from test_tiny import books_balance

FRAMES = 30
STATES = {"r1": (16, 128), "r2": (20, 64), "r3": (40, 32), "r4": (64, 16)}


def by_hand(clip: pathlib.Path, model: pathlib.Path):
    """RVM on the middle squares of a clip, in the plainest way: alpha as uint8, one frame after the other."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    states = {f"{name}i": np.zeros((1, c, s, s), np.float32) for name, (c, s) in STATES.items()}
    capture = cv2.VideoCapture(str(clip))
    for _ in range(FRAMES):
        frame = capture.read()[1]
        side = min(frame.shape[:2]) // 2 * 2
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        small = cv2.resize(frame[top : top + side, left : left + side], (256, 256), interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32).transpose(2, 0, 1)[None] / 255
        alpha, *kept = session.run(["pha", *(f"{name}o" for name in STATES)], {"src": rgb, **states})
        states = dict(zip(states, kept, strict=True))
        whole = cv2.resize(alpha[0, 0], (side, side), interpolation=cv2.INTER_LINEAR)
        yield np.rint(whole.clip(0, 1) * 255)


@pytest.mark.slow
def test_alpha_at_the_sink_is_the_networks(shared, tmp_path):
    clip, model = shared / "data/video/gt/head_static_bg.mp4", shared / "models/rvm_mobilenetv3_256x256.onnx"
    sets = {
        "camera.path": clip,
        "matte.model": model,
        "out.use": "images",
        "out.path": tmp_path / "alpha",
        "out.plane": "alpha",
        "out.from": "memory",
    }
    words = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    done = edge(ROOT / "graphs" / "file.yaml", *words, "--frames", FRAMES, "--report", "r.json", cwd=tmp_path)
    assert done.code == 0, done.err
    books_balance(json.loads((tmp_path / "r.json").read_text()))
    paths = sorted((tmp_path / "alpha").glob("*.png"))
    assert len(paths) == FRAMES
    made = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(float) for path in paths]
    differences = [np.abs(a - b).mean() for a, b in zip(made, by_hand(clip, model), strict=True)]
    assert max(differences) < 1.0  # of 255
