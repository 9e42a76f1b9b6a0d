"""`edge explain`: one frame's life, and what bounds the run."""

from __future__ import annotations

import json
import logging
import pathlib
import sys
from typing import Any

import click

from edge.core.errors import EdgeError, UsageError
from edge.core.verbs.arguments import DEVICE, JSON, LOG_FORMAT, SET, TRACE, WORKERS

log = logging.getLogger("edge")

USUAL = 5.0
"""Seconds that are looked at."""


@click.command("explain")
@click.argument("what", metavar="[GRAPH|RUN]", default="")
@SET
@DEVICE
@WORKERS
@click.option("--frames", type=click.IntRange(0), default=0, metavar="N", help="Of a graph: capture N frames of each camera.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60), metavar="S", help=f"Look for S seconds; {USUAL:g} where nothing is said."
)
@TRACE
@JSON
@LOG_FORMAT
def verb(what: str, trace: pathlib.Path | None, as_json: bool, **options: Any) -> None:
    """Show a frame's life, and what bounds the run:  edge explain graphs/tiny.yaml

    A graph is run for some seconds, with its own cameras and sinks. A run that goes on is looked at from outside: by its
    --run-dir or its name; without any word, the only one.
    """
    from edge.core.insight.explain import as_text, explanation
    from edge.core.insight.timeline import write

    error = None
    if what.endswith((".yaml", ".yml")) or pathlib.Path(what).is_file():
        recording, error = _of_graph(pathlib.Path(what), **options)
    else:
        recording = _of_run(what, **options)
    told = explanation(recording)
    if error is None or told["lives"]:
        click.echo(json.dumps(told, indent=1) if as_json else as_text(told))
    if trace is not None:
        log.info("%s", write(trace, recording))
    if error is not None:
        raise error


def _of_graph(
    graph: pathlib.Path, sets: tuple[str, ...], device: str, workers: str, frames: int, seconds: float | None
) -> tuple[dict[str, Any], EdgeError | None]:
    """What was recorded of a run of our own, and why it failed, if it did."""
    from edge.core.recipe import Recipe
    from edge.core.verbs.run import start

    recipe = Recipe(graph, sets, device, workers)
    plan = recipe.plan()
    length = seconds or (0.0 if frames else USUAL)
    log.info("%s runs on %s for %s", plan.name, plan.device["resolved"], f"{length:g} s" if length else f"{frames} frames")
    going = start(plan, {"workers": workers, "run_dir": ""}, recipe=recipe, most=frames, seconds=length)
    recorder = going.recorders.begin()
    going.run()
    if going.code == 130:
        sys.exit(130)
    error = EdgeError("\n".join(going.errors)) if going.code else None
    if error is not None:
        error.code = going.code
    return going.recorders.end(recorder), error


def _of_run(run: str, sets: tuple[str, ...], device: str, workers: str, frames: int, seconds: float | None) -> dict[str, Any]:
    from edge.core import control

    if sets or device or frames or workers != "auto":
        raise UsageError("--set, --device, --workers and --frames go with a graph; a run that goes on is only looked at")
    folder = control.find(run)
    length = seconds or USUAL
    log.info("looking at %s for %g s", folder.name, length)
    return control.ask(folder, {"do": "trace", "seconds": length}, timeout=length + 30)  # type: ignore[no-any-return]
