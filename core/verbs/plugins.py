"""`edge plugins`: what is installed, and whether one keeps its promises."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from edge.core.errors import StageError
from edge.core.verbs.arguments import JSON

TEST = "test"
SHOW = "[NAME]"


class PluginVerbs(click.Group):
    """`edge plugins`, `edge plugins NAME`, `edge plugins test NAME`: the first word is a plugin's name unless it is `test`, so
    that a plugin called `test` cannot be shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_help = args[:1] in (["-h"], ["--help"])
        return super().parse_args(ctx, args if asks_help or args[:1] == [TEST] else [SHOW, *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [SHOW, TEST]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return {SHOW: show, TEST: test}.get(name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        word = args[0] if args else SHOW
        return (TEST, test, args[1:]) if word == TEST else (None, show, args[word == SHOW :])


@click.group("plugins", cls=PluginVerbs, subcommand_metavar="[NAME] | test NAME")
def verb() -> None:
    """List the plugins, or one's options and ports, or test one:  edge plugins composite"""


@click.command("plugins")
@click.argument("name", required=False)
@JSON
def show(name: str | None, as_json: bool) -> None:
    """List the plugins, or one's options and ports:  edge plugins composite"""
    from edge.core.catalogue import plugin_data, plugin_text, plugins_data, plugins_text

    if name is None:
        click.echo(json.dumps({"schema_version": 1, "plugins": plugins_data()}, indent=1) if as_json else plugins_text())
    else:
        click.echo(json.dumps(plugin_data(name), indent=1) if as_json else plugin_text(name))


@click.command("test")
@click.argument("name")
@click.option("--set", "sets", multiple=True, metavar="OPTION=VALUE", help="Give the plugin an option. Repeatable.")
@click.option("--device", default="", metavar="NAME", help="Run the networks there ('edge devices' lists them).")
@click.option(
    "--patience", type=click.FloatRange(0.1), default=30.0, metavar="S", help="Seconds that one call may take; then it hangs."
)
@JSON
def test(name: str, sets: tuple[str, ...], device: str, patience: float, as_json: bool) -> None:
    """See whether a plugin keeps its promises:  edge plugins test composite

    Frames of odd and changing sizes, two cameras in turn, overwritten planes, lost values, opening and closing again and
    again; then seconds and bytes per frame. In a process of its own, in an empty folder. Exit code 6 where a check fails.
    """
    from edge.core.testing.conform import conform
    from edge.core.testing.table import as_data, as_text, chosen, failures

    progress = _said if sys.stderr.isatty() and not as_json else _unsaid
    findings = conform(name, chosen(sets), device=device, patience=patience, watch=progress)
    progress("")
    click.echo(json.dumps(as_data(name, findings), indent=1) if as_json else as_text(name, findings))
    if failures(findings):
        sys.exit(StageError.code)


def _said(what: str) -> None:
    """The check under way, on one line that is written over."""
    print(f"\r{what:<40}" if what else f"\r{'':<40}\r", end="", file=sys.stderr, flush=True)


def _unsaid(what: str) -> None:
    pass
