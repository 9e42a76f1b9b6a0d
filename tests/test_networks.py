"""The networks behind the contracts, on pictures and clips with exact alpha: a wrong colour, range or output shows as a score.

MAD: mean absolute error of alpha × 1000; IoU: of alpha over 0.5. Bounds are the measured scores with some room.
"""

from __future__ import annotations

import pathlib

import cv2
import numpy as np
import pytest

from edge import Context, Frame, Model
from edge.devices.onnx import Onnx
from edge.plugins.matting import Matting

FILES = {
    "portrait": "portrait",
    "rvm": "rvm_mobilenetv3_256x256.onnx",
    "selfie": "selfie_segmentation.onnx",
    "meet": "meet_segmentation.onnx",
    "u2netp": "u2netp_fp16.onnx",
    "sinet": "sinet.onnx",
}


def matting(shared: pathlib.Path, network: str) -> Matting:
    file = FILES[network]
    path = file if file == network else str(shared / "models" / file)
    if "/" in path and not pathlib.Path(path).is_file():
        pytest.skip(f"{file} is not in {shared / 'models'}")
    device, stage = Onnx(), Matting()
    device.threads = 1
    device.open()
    stage.model = path
    stage.models = {"model": Model.find(path, shared)}
    assert stage.models["model"].contract.name == network
    stage.open(Context(load=lambda _: device.load(stage.models["model"])))
    return stage


def score(stage: Matting, pictures: list[pathlib.Path]) -> tuple[float, float]:
    """MAD and IoU over composites, each taken as a camera of its own."""
    errors, overlaps = [], []
    for path in pictures:
        truth = cv2.imread(str(path.parent.parent / "alpha" / (path.stem + ".png")), cv2.IMREAD_GRAYSCALE)
        alpha = stage.process(frame=Frame(path.stem, 0, 0.0), image=cv2.imread(str(path)))["alpha"]
        errors.append(cv2.absdiff(alpha, truth).mean() / 255 * 1000)
        person, found = truth > 127, alpha > 127
        overlaps.append((person & found).sum() / (person | found).sum())
    return float(np.mean(errors)), float(np.mean(overlaps))


# network: every how many of the 16 composites, MAD at most, IoU at least
SCORES = {
    "rvm": (1, 16.0, 0.95),
    "selfie": (1, 26.0, 0.92),
    "meet": (1, 26.0, 0.92),
    "u2netp": (4, 60.0, 0.83),
    "sinet": (1, 52.0, 0.87),
    "portrait": (1, 50.0, 0.80),
}


@pytest.mark.parametrize("network", SCORES)
def test_composites(shared: pathlib.Path, network: str) -> None:
    every, most, least = SCORES[network]
    mad, iou = score(matting(shared, network), sorted((shared / "data/gt/image").glob("*.jpg"))[::every])
    assert mad <= most and iou >= least, f"MAD {mad:.1f}, IoU {iou:.3f}"


def clip(shared: pathlib.Path, name: str, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The first frames of a clip, with their exact alpha."""
    videos = [cv2.VideoCapture(str(shared / "data/video/gt" / (name + end))) for end in (".mp4", "_alpha.mkv")]
    pairs = []
    for _ in range(count):
        (_, picture), (_, truth) = (video.read() for video in videos)
        pairs.append((picture, truth[..., 0]))
    return pairs


def follow(stage: Matting, pairs: list[tuple[np.ndarray, np.ndarray]], gap: float) -> float:
    """MAD over frames that are `gap` seconds apart."""
    made = (stage.process(frame=Frame("clip", n, n * gap), image=picture)["alpha"] for n, (picture, _) in enumerate(pairs))
    errors = [cv2.absdiff(alpha, truth).mean() for alpha, (_, truth) in zip(made, pairs, strict=True)]
    return float(np.mean(errors)) / 255 * 1000


def test_recurrent_states_help(shared: pathlib.Path) -> None:
    pairs = clip(shared, "head_static_bg", 30)
    stage = matting(shared, "rvm")
    with_states, without = follow(stage, pairs, 0.04), follow(matting(shared, "rvm"), pairs, 1.0)
    assert 4.0 < with_states < 7.0 and with_states < without - 0.3, f"{with_states:.2f}, without states {without:.2f}"


@pytest.mark.parametrize("network", FILES)
def test_nobody_there(shared: pathlib.Path, network: str) -> None:
    """An empty room is empty: no output is stretched between its own minimum and maximum."""
    stage = matting(shared, network)
    (room, truth), *_ = clip(shared, "enter_leave", 1)
    assert not truth.any()
    made = stage.process(frame=Frame("room", 0, 0.0), image=room)["alpha"]
    wall = stage.process(frame=Frame("wall", 0, 0.0), image=np.full((360, 640, 3), 90, np.uint8))["alpha"]
    most = 0.12 if network == "sinet" else 0.003  # SINet takes a piece of this wall for a shoulder
    assert made.mean() / 255 < most and wall.max() <= 8, f"room {made.mean() / 255:.4f}, wall {wall.max()}"


def test_the_shipped_network_needs_nothing_else(tmp_path: pathlib.Path) -> None:
    stage = matting(tmp_path, "portrait")
    made = stage.process(frame=Frame("wall", 0, 0.0), image=np.full((480, 640, 3), 90, np.uint8))
    assert made["raw"].shape == (256, 256) and made["alpha"].shape == (480, 640) and made["alpha"].max() <= 8
