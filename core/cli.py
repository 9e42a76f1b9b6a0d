"""The command line. `edge GRAPH` is `edge run GRAPH`."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import signal
import sys
from typing import Any

import click

from edge import __version__
from edge.core.errors import EdgeError, SourceError, UsageError, hidden
from edge.core.options import nearest

log = logging.getLogger("edge")


class Verbs(click.Group):
    """Takes a graph where a verb is expected: `edge x.yaml` runs it. A misspelt verb is told the nearest one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name in self.commands:
            return super().resolve_command(ctx, args)
        if "." in name or "/" in name or pathlib.Path(name).exists():
            return "run", self.commands["run"], args
        raise click.UsageError(f"there is no verb and no file '{name}'{nearest(name, self.commands)}")


_GRAPH = click.argument("graph", type=click.Path(path_type=pathlib.Path))
_SET = click.option(
    "--set", "sets", multiple=True, metavar="STAGE.OPTION=VALUE", help="Change an option of a stage. Repeatable."
)
_DEVICE = click.option("--device", default="", metavar="NAME", help="Run the networks there ('edge devices' lists them).")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
_WORKERS = click.option(
    "--workers", type=click.Choice(["auto", "none"]), default="auto", help="Processes: as planned, or none beside this one."
)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="edge")
@click.option("-v", "--verbose", is_flag=True, help="Show more of what goes on.")
def edge(verbose: bool) -> None:
    """Run a video graph:  edge graphs/hilens_hdmi.yaml

    Exit codes: 0 done, 2 usage, 3 the graph is invalid, 4 something that it names is not here, 5 a model is missing or wrong,
    6 a stage failed beyond its restarts, 7 bad data (--strict), 75 the run directory is in use, 130 interrupted twice.
    """
    logging.basicConfig(level="DEBUG" if verbose else "INFO", format="%(message)s", stream=sys.stderr)


@edge.command()
@_GRAPH
@_SET
@_DEVICE
@click.option("--frames", type=click.IntRange(0), default=0, metavar="N", help="Capture N frames of each camera, then finish.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, metavar="S", help="Run S seconds, then finish.")
@click.option("--report", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Write the report of the run, as JSON.")
@_WORKERS
@click.option("--strict", is_flag=True, help="Exit with 7 where a camera failed or data was bad.")
@click.option("--run-dir", default="", metavar="DIR", help="Keep the run's sockets there, so that one run at a time uses it.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def run(graph: pathlib.Path, **options: Any) -> None:
    """Run a graph:  edge run graphs/file.yaml --set camera.path=clip.mp4 --set out.path=result.mp4

    The first Ctrl-C finishes what is under way, the second ends at once.
    """
    sys.exit(_run(graph, **options))


def _run(graph: pathlib.Path, sets: tuple[str, ...], device: str, **options: Any) -> int:
    from edge.core.console import Progressing
    from edge.core.wire import compile_graph

    report_path: pathlib.Path | None = options["report"]
    _writable(report_path)
    if options["quiet"]:
        log.setLevel("ERROR")
        os.environ.setdefault("EDGE_LOG", "ERROR")  # for the workers
    finite = bool(options["frames"] or options["seconds"])
    plan = compile_graph(graph, sets, device, options["workers"], finite=finite)
    progress = Progressing(plan, options["quiet"], options["frames"])
    progress.begin()
    keep = {key: options[key] for key in ("seconds", "strict")}
    going = _start(plan, options, watch=progress.watch, most=options["frames"], **keep)
    result = going.run()
    progress.finish(result, going.errors)
    if report_path is not None:
        _write(report_path, result)
    return int(going.code)


def _start(plan: Any, options: dict[str, Any], **more: Any) -> Any:
    if options["workers"] != "none":
        from edge.core.run import Run

        return Run(plan, options["run_dir"], **more)
    from edge.core.local import LocalRun
    from edge.core.outcome import STOPPING
    from edge.core.worker import Devices, make_stage

    local = LocalRun(plan, make_stage, Devices(plan).get, **more)
    count = 0

    def stop(number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        log.info(STOPPING)
        local.drain("interrupted" if number == signal.SIGINT else "terminated")

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return local


def _writable(path: pathlib.Path | None) -> None:
    """Find out before the run that its report cannot be written, not after it."""
    if path is None:
        return
    new = not path.exists()
    try:
        path.open("a").close()
        if new:
            path.unlink()
    except OSError as error:
        raise SourceError(f"--report {path}: {error.strerror}; give a file that may be written") from None


def _write(path: pathlib.Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(result, indent=1) + "\n")
    except OSError as error:
        raise SourceError(f"--report {path}: {error.strerror}; the run itself has ended") from None


@edge.command()
@_GRAPH
@_SET
@_DEVICE
def validate(graph: pathlib.Path, sets: tuple[str, ...], device: str) -> None:
    """Check a graph without running it:  edge validate graphs/file.yaml

    Cameras and files that are not here are told, but are no error.
    """
    from edge.core.wire import compile_graph

    plan = compile_graph(graph, sets, device, tolerant=True)
    for text in plan.failed.values():
        click.echo(f"not here now: {text}", err=True)
    click.echo(f"{graph}: valid: {len(plan.stages)} stages, {len(plan.edges)} edge{'s' * (len(plan.edges) != 1)}")


@edge.command()
@_GRAPH
@_SET
@_DEVICE
@_WORKERS
@_JSON
def plan(graph: pathlib.Path, sets: tuple[str, ...], device: str, workers: str, as_json: bool) -> None:
    """Say what would run where:  edge plan graphs/hilens_hdmi.yaml

    Workers and their stages, each edge's kind and policy, the device and why, arena bytes, copies per frame.
    """
    from edge.core.describe import as_data, as_text
    from edge.core.wire import compile_graph

    compiled = compile_graph(graph, sets, device, workers, tolerant=True)
    click.echo(json.dumps(as_data(compiled), indent=1) if as_json else as_text(compiled))


@edge.command()
@click.argument("name", required=False)
@_JSON
def plugins(name: str | None, as_json: bool) -> None:
    """List the plugins, or one's options and ports:  edge plugins composite"""
    from edge.core.describe import plugin_data, plugin_text, plugins_data, plugins_text

    if name is None:
        click.echo(json.dumps(plugins_data(), indent=1) if as_json else plugins_text())
    else:
        click.echo(json.dumps(plugin_data(name), indent=1) if as_json else plugin_text(name))


@edge.command()
@_JSON
def devices(as_json: bool) -> None:
    """List the device profiles, PASS or FAIL with the reason:  edge devices"""
    from edge.core.describe import devices_data

    rows = devices_data()
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        fallback = f" (falls back to {row['fallback']})" if not row["works"] and row["fallback"] != "none" else ""
        click.echo(
            f"{row['name']:<12} {'PASS' if row['works'] else 'FAIL'}  {row['reason']}{fallback}\n{'':<18} {row['title']}"
        )


@edge.group()
def bench() -> None:
    """Measure this machine:  edge bench links --json"""


@bench.command()
@click.option("--seconds", type=click.FloatRange(0.2, 60), default=3.0, help="Length of each measurement.")
@_JSON
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


def main() -> None:
    """Run the command line. Every error of ours is one line a problem on stderr, and its exit code."""
    _open_streams()
    try:
        edge(prog_name="edge", standalone_mode=False)
    except EdgeError as error:
        for line in str(error).splitlines():
            print(f"error: {hidden(line)}", file=sys.stderr)
        sys.exit(error.code)
    except click.ClickException as error:
        print(_told(error), file=sys.stderr)
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


def _told(error: click.ClickException) -> str:
    """One line; where there were no words at all, the help."""
    text = error.format_message()
    if "\n" in text:
        return text
    context = getattr(error, "ctx", None)
    return f"error: {text} See '{context.command_path if context else 'edge'} --help'"
