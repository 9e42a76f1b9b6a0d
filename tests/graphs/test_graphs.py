"""Every graph that ships compiles, and says in its header what it does and the command that runs it."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from commands import ROOT

from edge.core.cli import edge
from edge.core.graph import TOP
from edge.core.wire import compile_graph

GRAPHS = sorted((ROOT / "graphs").glob("*.yaml"))


def header(path):
    """The comment lines before the first word."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]]


def options(command):
    """What the command line makes of a header's command."""
    program, path, *rest = shlex.split(command)
    run = edge.get_command(click.Context(edge), "run")
    return path, run.make_context("run", [path, *rest]).params


@pytest.fixture(params=GRAPHS, ids=[path.stem for path in GRAPHS])
def graph(request):
    return request.param


def test_it_compiles(graph):
    plan = compile_graph(graph, tolerant=True)
    assert plan.sources and plan.sinks
    assert {stage.worker for stage in plan.stages} == {worker.name for worker in plan.workers}


def test_it_compiles_as_one_process_too(graph):
    assert [worker.name for worker in compile_graph(graph, workers="none", tolerant=True).workers] == ["all"]


def test_its_header_says_what_it_does_and_how_to_run_it(graph):
    first, *rest = header(graph)
    assert re.fullmatch(r" [A-Z].*[.:]", first), "a sentence"
    commands = [line.strip() for line in rest if line.startswith("   python edge.py ")]
    assert commands, "an indented line: python edge.py graphs/NAME.yaml"
    for command in commands:
        path, params = options(command.removeprefix("python "))
        assert ROOT / path == graph
        compile_graph(graph, params["sets"], params["device"], params["workers"], tolerant=True)


def test_its_words_are_in_the_usual_order(graph):
    words = re.findall(r"^(\w+):", graph.read_text(encoding="utf-8"), re.M)
    assert words[:1] == ["version"] and words[-1:] == ["stages"] and set(words) <= set(TOP)


def test_the_stages_have_the_names_that_are_promised():
    """Users set their options from the command line."""
    names = {
        "file": ["camera", "square", "matte", "memory", "blend", "out"],
        "hilens_hdmi": ["camera", "square", "matte", "memory", "blend", "hdmi"],
        "cameras": ["camera.a", "camera.b", "camera.c", "square.a", "square.b", "square.c"],
    }
    for name, stages in names.items():
        plan = compile_graph(ROOT / "graphs" / f"{name}.yaml", tolerant=True)
        assert [stage.name for stage in plan.stages][:6] == stages
