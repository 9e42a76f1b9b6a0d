"""`edge run`: a graph from its first frame to its report."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from edge.core.errors import SourceError, UsageError
from edge.core.verbs.arguments import DEVICE, GRAPH, LOG_FORMAT, SET, TRACE, WORKERS

log = logging.getLogger("edge")


@click.command("run")
@GRAPH
@SET
@DEVICE
@click.option("--frames", type=click.IntRange(0), default=0, metavar="N", help="Capture N frames of each camera, then finish.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, metavar="S", help="Run S seconds, then finish.")
@click.option("--report", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Write the report of the run, as JSON.")
@TRACE
@WORKERS
@click.option("--strict", is_flag=True, help="Exit with 7 where a camera failed or data was bad.")
@click.option("--run-dir", default="", metavar="DIR", help="Keep the run's sockets there, so that one run at a time uses it.")
@click.option(
    "--listen", default="", envvar="EDGE_LISTEN", metavar="[HOST:]PORT", help="Answer /metrics, /livez, /readyz there."
)
@click.option(
    "--token-file", default="", envvar="EDGE_TOKEN_FILE", metavar="FILE", help="Answer only who shows the secret in it."
)
@click.option("--linger", type=click.FloatRange(0), default=0.0, metavar="S", help="Answer S seconds longer than the run.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@LOG_FORMAT
def verb(graph: pathlib.Path, **options: Any) -> None:
    """Run a graph:  edge run graphs/file.yaml --set camera.path=clip.mp4 --set out.path=result.mp4

    The first Ctrl-C finishes what is under way, the second ends at once.
    """
    sys.exit(_run(graph, **options))


def _run(graph: pathlib.Path, sets: tuple[str, ...], device: str, **options: Any) -> int:
    from edge.core.console import Progressing
    from edge.core.health.notify import Notifier
    from edge.core.recipe import Recipe

    report_path: pathlib.Path | None = options["report"]
    _writable("--report", report_path)
    _writable("--trace", options["trace"])
    if options["quiet"]:
        log.setLevel("ERROR")
        os.environ.setdefault("EDGE_LOG", "ERROR")  # for the workers
    notifier, health = Notifier(), _health(options)
    finite = bool(options["frames"] or options["seconds"])
    recipe = Recipe(graph, sets, device, options["workers"], finite=finite)
    plan = recipe.plan()
    progress = Progressing(plan, options["quiet"], options["frames"])
    progress.begin()
    keep = {key: options[key] for key in ("seconds", "strict")}
    going = start(plan, options, recipe=recipe, watch=_each(progress, notifier, health), most=options["frames"], **keep)
    recorder = going.recorders.begin() if options["trace"] else None
    result = going.run()
    progress.finish(result, going.errors)
    notifier.finish()
    if health is not None:
        health.finish(going, result)
    if report_path is not None:
        _write(report_path, result)
    if recorder is not None:
        from edge.core.insight.timeline import write

        log.info("%s", write(options["trace"], going.recorders.end(recorder)))
    if health is not None:
        _part(health, going, options["linger"])
    return int(going.code)


def _health(options: dict[str, Any]) -> Any:
    """The server that --listen asks for, which listens from here on; None without."""
    if not options["listen"]:
        for flag in ("token_file", "linger"):
            if options[flag]:
                raise UsageError(f"--{flag.replace('_', '-')} is of use with --listen [HOST:]PORT only")
        return None
    try:
        from edge.core.health.server import Health
    except ImportError as problem:
        raise SourceError(f"--listen needs {problem.name}: pip install 'edgeflow[web]'") from None
    return Health(options["listen"], options["token_file"])


def _part(health: Any, going: Any, seconds: float) -> None:
    """Answer a while longer, unless somebody has said that the run shall stop."""
    if going.reason not in ("interrupted", "terminated") and going.code != 130:
        health.linger(seconds)
    health.close()


def _each(*watchers: Any) -> Callable[[Any], None]:
    """Who watches the run, one after the other."""

    def watch(run: Any) -> None:
        for watcher in watchers:
            if watcher is not None:
                watcher.watch(run)

    return watch


def start(plan: Any, options: dict[str, Any], **more: Any) -> Any:
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
        log.info(STOPPING, extra={"event": "stopping"})
        local.drain("interrupted" if number == signal.SIGINT else "terminated")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return local


def _writable(flag: str, path: pathlib.Path | None) -> None:
    """Find out before the run that a file cannot be written, not after it."""
    if path is None:
        return
    new = not path.exists()
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except OSError as error:
        raise SourceError(f"{flag} {path}: {error.strerror}; give a file that may be written") from None


def _write(path: pathlib.Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(result, indent=1) + "\n")
    except OSError as error:
        raise SourceError(f"--report {path}: {error.strerror}; the run itself has ended") from None
