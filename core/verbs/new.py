"""`edge new`: a beginning for a plugin or a graph of one's own."""

from __future__ import annotations

import pathlib

import click

from edge.core.scaffold import KINDS

FOLDER = click.option(
    "--folder", type=click.Path(path_type=pathlib.Path), default=".", metavar="DIR", help="Where to write it; else here."
)


@click.group("new")
def verb() -> None:
    """Begin a plugin or a graph of your own:  edge new plugin hello"""


@verb.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), default="stage", help="What the plugin is.")
@FOLDER
def plugin(name: str, kind: str, folder: pathlib.Path) -> None:
    """Write a package that works: code, tests, a graph that uses it:  edge new plugin hello --kind stage

    Its folder is edge-NAME, its module edge_NAME.py; NAME is the word that graphs use (of a command, the verb).
    """
    from edge.core import scaffold

    made, commands = scaffold.plugin(name, kind, folder)
    click.echo(f"made {made}: the {kind} '{name}', with tests. Next:")
    for command in commands:
        click.echo(f"  {command}")


@verb.command()
@click.argument("name")
@FOLDER
def graph(name: str, folder: pathlib.Path) -> None:
    """Write NAME.yaml, a person in front of another background:  edge new graph door"""
    from edge.core import scaffold

    made = scaffold.graph(name, folder)
    click.echo(f"made {made}. Next:\n  edge validate {made}\n  edge plan {made}\n  edge {made}")
