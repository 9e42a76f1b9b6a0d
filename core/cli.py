"""The command line. `edge GRAPH` is `edge run GRAPH`. Each verb is a file in core/verbs/."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
from typing import Any

import click

from edge import __version__
from edge.core import logs
from edge.core.errors import EdgeError, UsageError
from edge.core.options import nearest

VERBS = ("run", "validate", "plan", "new", "ctl", "top", "explain", "plugins", "devices", "doctor", "schema", "bench")
"""In the order in which the help lists them."""


class Verbs(click.Group):
    """Takes a graph where a verb is expected: `edge x.yaml` runs it. A misspelt verb is told the nearest one. Plugins add verbs
    of their own, and cannot take one of ours."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from edge.core import hooks

        return [*VERBS, *(name for name in sorted(hooks.brought("register_commands")) if name not in VERBS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return _brought(name)
        return importlib.import_module(f"edge.core.verbs.{name}").verb  # type: ignore[no-any-return]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        if "." in name or "/" in name or pathlib.Path(name).exists():
            return "run", self.get_command(ctx, "run"), args
        raise click.UsageError(f"there is no verb and no file '{name}'{nearest(name, self.list_commands(ctx))}")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="edge")
@click.option("-v", "--verbose", is_flag=True, help="Show more of what goes on.")
@click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR in the environment.")
def edge(verbose: bool, no_color: bool) -> None:
    """Run a video graph:  edge graphs/hilens_hdmi.yaml

    Exit codes: 0 done, 2 usage, 3 the graph is invalid, 4 something that it names is not here, 5 a model is missing or wrong,
    6 a stage failed beyond its restarts or a plugin its test, 7 bad data (--strict), 75 the run directory is in use,
    130 interrupted twice.
    """
    if no_color:
        os.environ["NO_COLOR"] = "1"
    if verbose:
        os.environ.setdefault(logs.LEVEL, "DEBUG")  # for the workers
    logs.begin("DEBUG" if verbose else "INFO")


def _brought(name: str) -> click.Command | None:
    """The verb that the plugin of this name adds, if it adds one: no other plugin is imported. Raises PluginError."""
    from edge.core import hooks

    try:
        return hooks.command(name)  # type: ignore[no-any-return]
    except KeyError:
        return None


def main() -> None:
    """Run the command line. Every error of ours is one line a problem on stderr, and its exit code."""
    _open_streams()
    try:
        edge(prog_name="edge", standalone_mode=False)
    except EdgeError as error:
        logs.error(str(error))
        sys.exit(error.code)
    except click.ClickException as error:
        _tell(error)
        sys.exit(UsageError.code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)


def _open_streams() -> None:
    """Stand-ins for streams that the caller has closed: else the next file opened would get their number, and our words."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            null = open(os.devnull, "r" if fd == 0 else "w")
            os.set_inheritable(null.fileno(), True)  # it has taken the lowest free number, which is fd
            setattr(sys, name, null)


def _tell(error: click.ClickException) -> None:
    """One line; where there were no words at all, the help."""
    text = error.format_message()
    if "\n" in text:
        return print(text, file=sys.stderr)
    context = getattr(error, "ctx", None)
    logs.error(f"{text} See '{context.command_path if context else 'edge'} --help'")
