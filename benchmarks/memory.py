"""Resident memory of every process over a long run: as after the first frames, or growing?

    python benchmarks/memory.py CLIP [--model MODEL] [--frames 5000] [--early 500] [--json]

Runs graphs/file.yaml on the looped clip and reads /proc: resident bytes of each worker when `early` frames have come out, and
just before the last ones do.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from edge.core.run import Run  # noqa: E402
from edge.core.wire import compile_graph  # noqa: E402


def resident(pid: int) -> int:
    """Bytes, shared memory included."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--early", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    samples: dict[str, dict[str, int]] = {"early": {}, "late": {}}

    def watch(run: Run) -> None:
        done = run.ledger.cells[run.ledger.row("visit", "out", "camera")]
        when = "early" if asked.early <= done < 2 * asked.early else "late" if 0.9 < done / asked.frames < 0.98 else ""
        if when and not (when == "early" and samples["early"]):
            samples[when] = {name: resident(h.process.pid) for name, h in run.workers.items() if h.process}

    with tempfile.TemporaryDirectory() as folder:
        sets = (f"camera.path={asked.clip}", f"matte.model={asked.model}", f"out.path={folder}/o.mp4", "camera.loop=true")
        plan = compile_graph(ROOT / "graphs" / "file.yaml", (*sets, "device.threads=1"))
        run = Run(plan, most=asked.frames, watch=watch)
        run.run()
    growth = {name: samples["late"][name] / samples["early"][name] for name in samples["early"]}
    if asked.json:
        print(json.dumps({"frames": asked.frames, "resident": samples, "growth": growth}, indent=1))
    else:
        for name, ratio in growth.items():
            early, late = samples["early"][name] / 2**20, samples["late"][name] / 2**20
            print(f"{name:<8} {early:7.1f} MiB → {late:7.1f} MiB   × {ratio:.3f}")


if __name__ == "__main__":
    main()
