"""What the framework costs: graphs/file.yaml against a plain serial script on the same frames, network at one thread.

    python benchmarks/cost.py CLIP MODEL.onnx [--frames 600] [--rounds 3] [--json]

Each round runs both, one after the other, twice: with all frames and with a fifth of them. The difference is the cost of the
frames alone, start-up excluded. CPU seconds are of all processes, the launcher's included. Only the ratios mean something on a
machine with other work; they are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command: list[str]) -> tuple[float, float]:
    """(wall, CPU) seconds of a command and all its children."""
    began, before = time.monotonic(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return time.monotonic() - began, cpu


def graph(clip: str, model: str, folder: str, frames: int) -> list[str]:
    sets = [
        f"camera.path={clip}",
        f"matte.model={model}",
        f"out.path={folder}/graph.mp4",
        "out.codec=mpeg4",  # as the loop encodes
        "device.threads=1",
        "camera.loop=true",
    ]
    command = [sys.executable, str(ROOT / "edge.py"), "run", str(ROOT / "graphs" / "file.yaml"), "--quiet"]
    return [*command, "--frames", str(frames), *(word for one in sets for word in ("--set", one))]


def serial(clip: str, model: str, folder: str, frames: int) -> list[str]:
    script = str(ROOT / "benchmarks" / "serial.py")
    return [sys.executable, script, clip, model, f"{folder}/serial.mp4", "--frames", str(frames)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("model")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    clip, model = str(pathlib.Path(asked.clip).resolve()), str(pathlib.Path(asked.model).resolve())
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            row = {}
            for name, command in (("serial", serial), ("graph", graph)):
                some, many = (run(command(clip, model, folder, n)) for n in (asked.frames // 5, asked.frames))
                row[name] = {"seconds": many[0] - some[0], "cpu_seconds": many[1] - some[1]}
            rounds.append(row)
    result = {
        "frames": asked.frames - asked.frames // 5,
        "rounds": rounds,
        "cpu_ratio": statistics.median(r["graph"]["cpu_seconds"] / r["serial"]["cpu_seconds"] for r in rounds),
        "throughput_ratio": statistics.median(r["serial"]["seconds"] / r["graph"]["seconds"] for r in rounds),
    }
    if asked.json:
        print(json.dumps(result, indent=1))
    else:
        print(f"CPU seconds, graph / serial: {result['cpu_ratio']:.3f}   throughput: {result['throughput_ratio']:.3f} ×")


if __name__ == "__main__":
    main()
