"""`edge plan`: what would run where."""

from __future__ import annotations

import json
import pathlib

import click

from edge.core.verbs.arguments import DEVICE, GRAPH, JSON, SET, WORKERS


@click.command("plan")
@GRAPH
@SET
@DEVICE
@WORKERS
@JSON
def verb(graph: pathlib.Path, sets: tuple[str, ...], device: str, workers: str, as_json: bool) -> None:
    """Say what would run where:  edge plan graphs/hilens_hdmi.yaml

    Workers and their stages, each edge's kind and policy, the device and why, arena bytes, copies per frame.
    """
    from edge.core.describe import as_data, as_text
    from edge.core.wire import compile_graph

    compiled = compile_graph(graph, sets, device, workers, tolerant=True)
    click.echo(json.dumps(as_data(compiled), indent=1) if as_json else as_text(compiled))
