"""`edge bench`: what this machine can do."""

from __future__ import annotations

import json

import click

from edge.core.verbs.arguments import JSON


@click.group("bench")
def verb() -> None:
    """Measure this machine:  edge bench links --json"""


@verb.command()
@click.option("--seconds", type=click.FloatRange(0.2, 60), default=3.0, help="Length of each measurement.")
@JSON
def links(seconds: float, as_json: bool) -> None:
    """One 1920×1080×3 frame between two processes: in place, with one copy, latest only, and by plain pyzmq.

    In seconds: p50 and p99 from the send to a readable array, one frame at a time; fps, as fast as it goes.
    """
    from edge.core.bench import measure

    rows = measure(seconds)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for name, row in rows.items():
        click.echo(f"{name:<14} p50 {1e3 * row['p50']:7.3f} ms   p99 {1e3 * row['p99']:7.3f} ms   {row['fps']:8.0f} fps")
