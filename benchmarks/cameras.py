"""Many cameras on one machine: what each of them gets, how even that is, and how old the frames are that come out.

    python benchmarks/cameras.py [--cameras 8] [--fps 4] [--seconds 30] [--width 320] [--height 240] [--uneven] [--json]

The graph is that of graphs/wall.yaml with so many cameras: demo sources in a process each, one network, composite, a wall that
a page shows, and a line per frame. Ages are those of the lines: from the capture to the end of the graph. `--uneven`: every
second camera gives four times as many frames, and should get no more of the network than the others when that is short.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
GRAPH = """
device: {{use: desktop, threads: 1}}
stages:
  camera:
    use: demo
    width: {width}
    height: {height}
    each:
{cameras}
  matte: {{use: matting, from: {{image: camera, prior: memory}}, model: portrait}}
  memory: {{use: temporal, from: matte}}
  blend: {{use: composite, from: memory, background: studio.jpg, worker: wall}}
  tiles: {{use: mosaic, from: blend, worker: wall}}
  wall: {{use: mosaic, worker: wall, width: 960, height: 540, fps: 8}}
  page: {{use: web, from: wall, worker: wall}}
  log: {{use: jsonl, from: blend, values: [cover], path: log.jsonl, worker: wall}}
"""


def graph(asked: argparse.Namespace) -> str:
    rates = [asked.fps * (4 if asked.uneven and n % 2 else 1) for n in range(asked.cameras)]
    lines = [f"      c{n:02d}: {{seed: {n + 1}, fps: {rate:g}}}" for n, rate in enumerate(rates)]
    return GRAPH.format(width=asked.width, height=asked.height, cameras="\n".join(lines))


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """A run: by camera captured, delivered, dropped by reason and the 95th percentile of age; and what it cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "cameras.yaml").write_text(graph(asked))
        command = [sys.executable, str(ROOT / "edge.py"), "run", "cameras.yaml", "--quiet", "--report", "report.json"]
        subprocess.run([*command, "--seconds", str(asked.seconds)], cwd=folder, check=True)
        report = json.loads((folder / "report.json").read_text())
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    cameras = {name: row for name, row in report["cameras"].items() if name != "wall"}
    rows = {name: figures(row, [line["age"] for line in lines if line["source"] == name]) for name, row in cameras.items()}
    counts = [row["delivered"] for row in rows.values()]
    return {
        "cameras": rows,
        "min_over_max": round(min(counts) / max(1, max(counts)), 3),
        "fps": round(sum(counts) / asked.seconds, 2),
        "age_p95": percentile([line["age"] for line in lines]),
        "matte_seconds_p50": report["stages"]["matte"]["seconds"]["p50"],
        "cpu_seconds": round(sum(worker["cpu_seconds"] for worker in report["workers"]), 2),
        "wall_frames": report["cameras"]["wall"]["delivered"],
    }


def figures(row: dict[str, Any], ages: list[float]) -> dict[str, Any]:
    kept = {key: row[key] for key in ("captured", "delivered", "dropped")}
    return {**kept, "age_p95": percentile(ages)}


def percentile(ages: list[float]) -> float:
    return round(float(np.percentile(ages, 95)), 4) if ages else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--fps", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--uneven", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    result = measured(asked)
    if asked.json:
        return print(json.dumps(result, indent=1))
    for name, row in result["cameras"].items():
        lost = ", ".join(f"{count} {reason}" for reason, count in row["dropped"].items()) or "none lost"
        age = f"age p95 {row['age_p95'] * 1000:4.0f} ms"
        print(f"{name}  {row['captured']:5d} captured  {row['delivered']:5d} delivered  {age}  {lost}")
    age = f"age p95 {result['age_p95'] * 1000:.0f} ms"
    print(f"least / most {result['min_over_max']:.2f}   {result['fps']} frames a second, {age}")
    print(f"{result['cpu_seconds']} CPU seconds in {asked.seconds:g}; the wall: {result['wall_frames']} pictures")


if __name__ == "__main__":
    main()
