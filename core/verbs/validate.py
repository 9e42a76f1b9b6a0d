"""`edge validate`: what is wrong with a graph."""

from __future__ import annotations

import pathlib

import click

from edge.core.verbs.arguments import DEVICE, GRAPH, SET


@click.command("validate")
@GRAPH
@SET
@DEVICE
def verb(graph: pathlib.Path, sets: tuple[str, ...], device: str) -> None:
    """Check a graph without running it:  edge validate graphs/file.yaml

    Cameras and files that are not here are told, but are no error.
    """
    from edge.core.wire import compile_graph

    plan = compile_graph(graph, sets, device, tolerant=True)
    for text in plan.failed.values():
        click.echo(f"not here now: {text}", err=True)
    click.echo(f"{graph}: valid: {len(plan.stages)} stages, {len(plan.edges)} edge{'s' * (len(plan.edges) != 1)}")
