"""`edge schema`: what an editor needs to complete and check a graph."""

from __future__ import annotations

import json

import click


@click.command("schema")
def verb() -> None:
    """Print the JSON Schema of a graph, with the options of the plugins installed here:  edge schema

    Write it to edge.schema.json beside a graph. An editor that speaks the YAML language server's protocol completes and checks
    a graph that begins with the line: # yaml-language-server: $schema=edge.schema.json
    """
    from edge.core.schema import schema

    click.echo(json.dumps(schema(), indent=1, ensure_ascii=False))
