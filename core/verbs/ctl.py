"""`edge ctl`: speak to a run that goes on."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import click

from edge.core.verbs.arguments import JSON

RUN_DIR = click.option("--run-dir", default="", metavar="DIR", help="The run: its --run-dir, or its name. Else the only one.")
CAMERA = click.argument("camera", required=False, default="")


@click.group("ctl")
def verb() -> None:
    """Speak to a run that goes on:  edge ctl status"""


def _ask(run_dir: str, **request: Any) -> Any:
    from edge.core.control import ask, find

    return ask(find(run_dir), request)


def _say(answer: Any, as_json: bool, told: str) -> None:
    click.echo(json.dumps({"schema_version": 1, **answer}, indent=1) if as_json else told)


@verb.command()
@RUN_DIR
@JSON
def status(run_dir: str, as_json: bool) -> None:
    """Its cameras and their frames, its sinks and its processes:  edge ctl status --json

    'edge top' shows the same, again and again.
    """
    from edge.core.console import status_lines

    answer = _ask(run_dir, do="status")
    _say(answer, as_json, "\n".join(status_lines(answer)))


@verb.command("add-camera")
@click.argument("name")
@click.argument("options", nargs=-1, metavar="[OPTION=VALUE]...")
@RUN_DIR
@JSON
def add_camera(name: str, options: tuple[str, ...], run_dir: str, as_json: bool) -> None:
    """Add a camera to a stage that has 'each':  edge ctl add-camera camera.yard path=rtsp://10.0.0.7/yard

    It gets the options that the graph gives to all of them, and its own. The others go on.
    """
    given = {}
    for words in options:
        option, equals, value = words.partition("=")
        if not equals:
            raise click.UsageError(f"'{words}': write option=value")
        given[option] = value
    answer = _ask(run_dir, do="add-camera", name=name, options=given, folder=str(pathlib.Path.cwd()))
    _say(answer, as_json, f"{name}: added in {answer['seconds']:.1f} s")


@verb.command("remove-camera")
@click.argument("name")
@RUN_DIR
@JSON
def remove_camera(name: str, run_dir: str, as_json: bool) -> None:
    """Finish what was captured of a camera, and let it go:  edge ctl remove-camera camera.yard"""
    answer = _ask(run_dir, do="remove-camera", name=name)
    how = ", cut off: it did not finish in time" if answer["cut_off"] else ""
    _say(answer, as_json, f"{name}: removed in {answer['seconds']:.1f} s{how}")


@verb.command("set")
@click.argument("words", metavar="STAGE.OPTION=VALUE")
@RUN_DIR
@JSON
def set_(words: str, run_dir: str, as_json: bool) -> None:
    """Change an option of a stage, between two frames:  edge ctl set blend.background=office.jpg

    It is checked as the graph is. What would need other memory or another network than the run has is refused.
    """
    answer = _ask(run_dir, do="set", set=words, folder=str(pathlib.Path.cwd()))
    _say(answer, as_json, f"set for {', '.join(answer['set'])}" if answer["set"] else "it has that value already")


@verb.command()
@CAMERA
@RUN_DIR
@JSON
def pause(camera: str, run_dir: str, as_json: bool) -> None:
    """Capture nothing of one camera, or of all, until 'resume':  edge ctl pause camera.yard"""
    answer = _ask(run_dir, do="pause", camera=camera)
    _say(answer, as_json, f"paused: {', '.join(answer['paused'])}")


@verb.command()
@CAMERA
@RUN_DIR
@JSON
def resume(camera: str, run_dir: str, as_json: bool) -> None:
    """Capture again:  edge ctl resume camera.yard"""
    answer = _ask(run_dir, do="resume", camera=camera)
    _say(answer, as_json, f"paused: {', '.join(answer['paused']) or 'none'}")


@verb.command()
@RUN_DIR
@JSON
def drain(run_dir: str, as_json: bool) -> None:
    """Finish what is under way, then end the run, as Ctrl-C does:  edge ctl drain"""
    _say(_ask(run_dir, do="drain"), as_json, "the run finishes what is under way")
