"""`edge run`: a graph from its first frame to its report."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import signal
import sys
from typing import Any

import click

from edge.core.errors import SourceError
from edge.core.verbs.arguments import DEVICE, GRAPH, SET, WORKERS

log = logging.getLogger("edge")


@click.command("run")
@GRAPH
@SET
@DEVICE
@click.option("--frames", type=click.IntRange(0), default=0, metavar="N", help="Capture N frames of each camera, then finish.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, metavar="S", help="Run S seconds, then finish.")
@click.option("--report", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Write the report of the run, as JSON.")
@WORKERS
@click.option("--strict", is_flag=True, help="Exit with 7 where a camera failed or data was bad.")
@click.option("--run-dir", default="", metavar="DIR", help="Keep the run's sockets there, so that one run at a time uses it.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def verb(graph: pathlib.Path, **options: Any) -> None:
    """Run a graph:  edge run graphs/file.yaml --set camera.path=clip.mp4 --set out.path=result.mp4

    The first Ctrl-C finishes what is under way, the second ends at once.
    """
    sys.exit(_run(graph, **options))


def _run(graph: pathlib.Path, sets: tuple[str, ...], device: str, **options: Any) -> int:
    from edge.core.console import Progressing
    from edge.core.wire import compile_graph

    report_path: pathlib.Path | None = options["report"]
    _writable(report_path)
    if options["quiet"]:
        log.setLevel("ERROR")
        os.environ.setdefault("EDGE_LOG", "ERROR")  # for the workers
    finite = bool(options["frames"] or options["seconds"])
    plan = compile_graph(graph, sets, device, options["workers"], finite=finite)
    progress = Progressing(plan, options["quiet"], options["frames"])
    progress.begin()
    keep = {key: options[key] for key in ("seconds", "strict")}
    going = _start(plan, options, watch=progress.watch, most=options["frames"], **keep)
    result = going.run()
    progress.finish(result, going.errors)
    if report_path is not None:
        _write(report_path, result)
    return int(going.code)


def _start(plan: Any, options: dict[str, Any], **more: Any) -> Any:
    if options["workers"] != "none":
        from edge.core.run import Run

        return Run(plan, options["run_dir"], **more)
    from edge.core.local import LocalRun
    from edge.core.outcome import STOPPING
    from edge.core.worker import Devices, make_stage

    local = LocalRun(plan, make_stage, Devices(plan).get, **more)
    count = 0

    def stop(number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        log.info(STOPPING)
        local.drain("interrupted" if number == signal.SIGINT else "terminated")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return local


def _writable(path: pathlib.Path | None) -> None:
    """Find out before the run that its report cannot be written, not after it."""
    if path is None:
        return
    new = not path.exists()
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except OSError as error:
        raise SourceError(f"--report {path}: {error.strerror}; give a file that may be written") from None


def _write(path: pathlib.Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(result, indent=1) + "\n")
    except OSError as error:
        raise SourceError(f"--report {path}: {error.strerror}; the run itself has ended") from None
