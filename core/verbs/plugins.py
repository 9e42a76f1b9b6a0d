"""`edge plugins`: what is installed."""

from __future__ import annotations

import json

import click

from edge.core.verbs.arguments import JSON


@click.command("plugins")
@click.argument("name", required=False)
@JSON
def verb(name: str | None, as_json: bool) -> None:
    """List the plugins, or one's options and ports:  edge plugins composite"""
    from edge.core.describe import plugin_data, plugin_text, plugins_data, plugins_text

    if name is None:
        click.echo(json.dumps(plugins_data(), indent=1) if as_json else plugins_text())
    else:
        click.echo(json.dumps(plugin_data(name), indent=1) if as_json else plugin_text(name))
