"""Arguments and flags that several verbs share."""

from __future__ import annotations

import pathlib

import click

from edge.core import logs

GRAPH = click.argument("graph", type=click.Path(path_type=pathlib.Path))
SET = click.option(
    "--set", "sets", multiple=True, metavar="STAGE.OPTION=VALUE", help="Change an option of a stage. Repeatable."
)
DEVICE = click.option("--device", default="", metavar="NAME", help="Run the networks there ('edge devices' lists them).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
WORKERS = click.option(
    "--workers", type=click.Choice(["auto", "none"]), default="auto", help="Processes: as planned, or none beside this one."
)
TRACE = click.option(
    "--trace", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Write what was done when, for ui.perfetto.dev."
)
LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(logs.FORMATS),
    default=logs.FORMATS[0],
    envvar=logs.FORMAT,
    is_eager=True,  # so that what is wrong with the other flags is told in it too
    expose_value=False,
    callback=lambda _context, _flag, value: logs.use(value),
    help="What is said on stderr: lines for people, or one JSON object a line.",
)
