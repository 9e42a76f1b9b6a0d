"""Arguments and flags that several verbs share."""

from __future__ import annotations

import pathlib

import click

GRAPH = click.argument("graph", type=click.Path(path_type=pathlib.Path))
SET = click.option(
    "--set", "sets", multiple=True, metavar="STAGE.OPTION=VALUE", help="Change an option of a stage. Repeatable."
)
DEVICE = click.option("--device", default="", metavar="NAME", help="Run the networks there ('edge devices' lists them).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
WORKERS = click.option(
    "--workers", type=click.Choice(["auto", "none"]), default="auto", help="Processes: as planned, or none beside this one."
)
