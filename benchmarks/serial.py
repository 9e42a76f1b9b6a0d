"""The job of graphs/file.yaml as anybody would write it: one loop that decodes, shapes, infers, composites and encodes.

    python benchmarks/serial.py CLIP MODEL.onnx RESULT.mp4 --frames 600

It shares no code with the framework but the compositing of a frame (so that both make the same picture), and prints one line of
JSON: frames, seconds and CPU seconds from the first frame to the end, start-up excluded.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time

import cv2
import numpy as np
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from edge.plugins.composite.foreground import lay

NORMAL = {"rvm": (1 / 255, 0.0), "selfie": (1 / 255, 0.0), "portrait": (1 / 127.5, -1.0)}


def network(path: str):
    """A function from a 256×256 RGB picture to its alpha, float 0..1. RVM's states are kept between calls."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    image, *states = session.get_inputs()
    kind = "rvm" if states else "selfie" if image.shape[-1] == 3 else "portrait"
    scale, shift = NORMAL[kind]
    held = {state.name: np.zeros(state.shape, np.float32) for state in states}

    def alpha(rgb: np.ndarray) -> np.ndarray:
        x = rgb.astype(np.float32) * scale + shift
        x = x[None] if kind == "selfie" else x.transpose(2, 0, 1)[None].copy()
        made = session.run(None, {image.name: x, **held})
        names = [output.name for output in session.get_outputs()]
        for state in held:
            held[state] = made[names.index(state.replace("i", "o"))]
        return made[names.index("pha") if kind == "rvm" else 0].reshape(256, 256)

    return alpha


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("model")
    parser.add_argument("result")
    parser.add_argument("--frames", type=int, default=600)
    asked = parser.parse_args()
    infer = network(asked.model)
    background = cv2.imread(str(pathlib.Path(__file__).resolve().parent.parent / "assets" / "temple.jpg"))
    capture = cv2.VideoCapture(asked.clip)
    rate = capture.get(cv2.CAP_PROP_FPS) or 25.0
    writer = behind = None
    n, began, cpu = 0, time.monotonic(), time.process_time()
    while n < asked.frames:
        ok, frame = capture.read()
        if not ok:
            capture = cv2.VideoCapture(asked.clip)
            continue
        side = min(frame.shape[:2]) // 2 * 2
        top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
        square = frame[top : top + side, left : left + side]
        small = cv2.cvtColor(cv2.resize(square, (256, 256), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        raw = infer(small)
        alpha = (np.clip(cv2.resize(raw, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1) * 255 + 0.5).astype(np.uint8)
        if writer is None:
            writer = cv2.VideoWriter(asked.result, cv2.VideoWriter_fourcc(*"mp4v"), rate, (side, side))
            behind = cover(background, side)
            canvas = np.empty((side, side, 3), np.uint8)
        lay(canvas, square, alpha, behind, True)
        writer.write(canvas)
        n += 1
    writer.release()
    print(json.dumps({"frames": n, "seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}))


def cover(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture, filling a square."""
    scale = side / min(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side].copy()


if __name__ == "__main__":
    main()
