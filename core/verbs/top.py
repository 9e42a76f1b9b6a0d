"""`edge top`: a run that is under way, every second anew."""

from __future__ import annotations

import json
from typing import Any

import click

from edge.core.errors import SourceError
from edge.core.verbs.arguments import JSON


@click.command("top")
@click.option("--run-dir", default="", metavar="DIR", help="The run: its --run-dir, or its name. Else the only one.")
@click.option("--once", is_flag=True, help="Print the figures of one second and leave.")
@JSON
def verb(run_dir: str, once: bool, as_json: bool) -> None:
    """Watch a run that is under way:  edge top

    Cameras, stages, edges and workers, every second anew; q leaves. --json prints one second's figures, for programs.
    """
    from rich.console import Console

    from edge.core import control
    from edge.core.insight.top import follow, look, tables

    folder = control.find(run_dir)

    def ask() -> dict[str, Any]:
        return control.ask(folder, {"do": "status"}, timeout=10)  # type: ignore[no-any-return]

    if not once and not as_json:
        try:
            follow(ask)
        except SourceError:
            if control.answers(folder):
                raise
            click.echo("the run has ended", err=True)
        return
    data = look(ask)
    if as_json:
        click.echo(json.dumps(data, indent=1))
    else:
        Console(highlight=False).print(tables(data))
