# The smallest command: a verb of `edge`. Copy it to edge_card.py, and give its package this entry point:
#   [project.entry-points.edge]
#   card = "edge_card"
# Then `edge card portrait` runs it, and `edge --help` lists it. Verbs are click's: https://click.palletsprojects.com
"""What a model is, in a line."""

import pathlib

import click

from edge import Model, hookimpl


@click.command("card")
@click.argument("model")
def card(model):
    """Tell the size and the licence of a model:  edge card portrait"""
    found = Model.find(model, pathlib.Path.cwd())  # an EdgeError is told in one line, with its exit code
    click.echo(f"{found.name}: {found.size[1]} × {found.size[0]}, {found.contract.licence}")


@hookimpl
def register_commands(register):
    register("card", card)
