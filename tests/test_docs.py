"""What the documentation says is so: tables match, graphs compile, plugins run, commands parse, links lead somewhere."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator

import click
import msgspec
import pytest
import yaml

import edge
from edge.core import cli, contract, errors, frame, graph, hooks, profile, stage, wire

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MADE = re.findall(r"[\w/-]+\.yaml", (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
"""Graphs that the tutorial makes on its way; tests/test_tutorial.py carries it out."""
HEADERS = sorted((ROOT / "graphs").glob("*.yaml")) + sorted((ROOT / "examples").glob("*.*"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(language: str) -> list:
    """Every fenced block of a language, with the page it is on."""
    found = []
    for page in PAGES:
        for i, match in enumerate(re.finditer(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)):
            found.append(pytest.param(match[1], id=f"{page.name}-{i}"))
    return found


def tables() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / ".ci" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def path_kept():
    """.ci/tables.py, a script, sets the first entry of sys.path."""
    before = list(sys.path)
    yield
    sys.path[:] = before


# -- complete -----------------------------------------------------------------------------------------------------------------


def test_the_tables_are_what_the_code_says(path_kept):
    """Options, verbs, flags, profiles, reasons and contracts. `make docs` writes them anew."""
    assert [path.name for path in tables().stale()] == [], "run `make docs`"


def test_every_option_flag_profile_and_reason_is_there(path_kept):
    """The tables would not show it if they left out a kind of thing."""
    graphs, verbs, losses = text_of("docs/graphs.md"), text_of("docs/cli.md"), text_of("docs/architecture.md")
    for name, plugin in hooks.known().items():
        if plugin.origin == "built in":
            assert f"### {name} (" in graphs
    for name in profile.names():
        assert f"| `{name}` |" in graphs
    for reason in frame.REASONS:
        assert f"| `{reason}` |" in losses
    for command in commands(cli.edge):
        for parameter in command.params:
            for flag in parameter.opts if isinstance(parameter, click.Option) else []:
                assert f"`{flag}" in verbs, flag


def commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_every_hook_has_a_heading_with_its_arguments():
    page = text_of("docs/plugins.md")
    for name, hook in vars(hooks.Hooks).items():
        if not name.startswith("_"):
            arguments = [word for word in inspect.signature(hook).parameters if word != "self"]
            assert f"### {name}({', '.join(arguments)})" in page


def test_every_word_of_a_graph_is_there():
    page = text_of("docs/graphs.md")
    for word in (*graph.TOP, *graph.RESERVED):
        assert f"| `{word}` |" in page, word
    for word in graph.RESTART:
        assert f"{word}:" in page, word


def test_every_exit_code_is_there():
    page = text_of("docs/cli.md").partition("## Exit codes")[2].partition("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)}
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.EdgeError)]
    assert told == {cls.code for cls in classes} | {0, 7, 130}


def test_every_field_of_a_contract_and_a_profile_is_there():
    models, plugins = text_of("docs/models.md"), text_of("docs/plugins.md")
    structs = (contract.Contract, contract.ImageInput, contract.PriorInput, contract.State, contract.Output, contract.File)
    for field in {field for struct in structs for field in struct.__struct_fields__}:
        assert f"`{field}`" in models, field
    for field in profile.Profile.__struct_fields__:
        assert f"| `{field}` |" in plugins, field


def test_every_member_of_a_stage_is_there():
    page = text_of("docs/plugins.md")
    for cls in (stage.Stage, stage.Source, edge.Device, edge.Policy):
        for name in vars(cls):
            if not name.startswith("_") and name not in ("context",):
                assert re.search(rf"`(self\.|context\.)?{name}\b", page), f"{cls.__name__}.{name}"


def test_every_variable_of_the_environment_is_there():
    """Those of flags are told with the flags."""
    sources = [path for name in ("core", "plugins", "devices") for path in (ROOT / name).rglob("*.py")]
    named = {word for path in sources for word in re.findall(r"\bEDGE_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {word for word in named if f"`{word}" not in pages and f"{word}=" not in pages} == set()


def test_every_member_of_the_context_is_there():
    page = text_of("docs/plugins.md")
    for name in [*vars(stage.Context), *vars(stage.Context())]:
        if not name.startswith("_"):
            assert re.search(rf"\b(context|self)\.{name}\b", page), name


def test_the_report_has_the_keys_that_are_told(tmp_path):
    page = text_of("docs/cli.md").partition("## The report")[2]
    told = re.findall(r"^\| `(\w+)` \|", page.partition("## Environment")[0], re.M)
    report = tmp_path / "report.json"
    command = [sys.executable, "edge.py", "graphs/tiny.yaml", "--frames", "3", "--workers", "none", "--quiet"]
    subprocess.run([*command, "--report", str(report)], cwd=ROOT, check=True, timeout=60)
    result = json.loads(report.read_text())
    assert set(result) == set(told)
    for rows in (result["cameras"], result["edges"], result["stages"], result["sinks"]):
        for key in next(iter(rows.values())):
            assert f"`{key}`" in page, key


def test_the_version_is_the_same_everywhere():
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", text_of("CHANGELOG.md"), re.M)
    assert versions[0] == edge.__version__
    assert f'\nversion = "{edge.__version__}"\n' in text_of("pyproject.toml")


# -- true ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [block for block in blocks("yaml") if "stages:" in block.values[0]])
def test_a_graph_of_the_docs_compiles(text, tmp_path):
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    assert wire.compile_graph(path, tolerant=True).sinks


def test_the_graph_of_the_readme_is_the_one_that_it_names():
    assert text_of("graphs/file.yaml").partition("version:")[2] in text_of("README.md")


def test_the_contract_of_the_docs_is_one():
    (text,) = [block.values[0] for block in blocks("yaml") if "outputs:" in block.values[0]]
    assert msgspec.convert(yaml.safe_load(text), contract.Contract).image.size == (256, 256)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_of_the_docs_runs(text, tmp_path):
    """As the file that a reader would make of it: the comments behind options are read from there."""
    spec = importlib.util.spec_from_file_location("from_the_docs", tmp_path / "from_the_docs.py")
    (tmp_path / "from_the_docs.py").write_text(text)
    module = importlib.util.module_from_spec(spec)
    sys.modules["from_the_docs"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["from_the_docs"]


def test_the_plugin_of_the_readme_runs_as_installed(tmp_path):
    """Its file and the entry point of its TOML, as an installed distribution has them."""
    page = text_of("README.md")
    (text,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    assert toml in text_of("docs/plugins.md")
    (name, module) = re.findall(r'^(\w+) = "(\w+)"$', toml.partition("[project.entry-points.edge]")[2], re.M)[0]
    (tmp_path / f"{module}.py").write_text(text)
    info = tmp_path / f"{module}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-presence\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[edge]\n{name} = {module}\n")
    (tmp_path / "graph.yaml").write_text(
        f"""
stages:
  camera: {{use: demo, width: 128, height: 72, pace: fast}}
  matte: {{use: matting, from: camera, model: portrait}}
  people: {{use: {name}, from: matte, above: 200}}
  out: {{use: discard, from: camera}}
device: dry
"""
    )
    report = tmp_path / "report.json"
    command = [sys.executable, ROOT / "edge.py", tmp_path / "graph.yaml", "--frames", "3", "--quiet", "--report", report]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(list(map(str, command)), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["stages"]["people"]["frames"] == 3


def said() -> list:
    """Every command that a page, a graph's header or an example gives, as its words."""
    found = []
    for page in [*PAGES, *HEADERS]:
        for line in page.read_text(encoding="utf-8").splitlines():
            match = re.match(r"^(?:#\s+)?(?:\.venv/bin/)?(?:python (?:edge\.py|-m edge)|edge) (.+)$", line)
            if match and not match[1].startswith(("|", "is ")):
                words = re.split(r"   | 2?> | \| ", match[1])[0]  # without an explanation behind it, or where its words go
                found.append(pytest.param(words, id=f"{page.name}: {match[1][:40]}"))
    return found


@pytest.mark.parametrize("words", said())
def test_a_command_of_the_docs_parses(words, monkeypatch):
    """Down to the last flag; it is not carried out. A graph that it names is there."""
    monkeypatch.setenv("EDGE_LOG_FORMAT", "text")  # what parsing --log-format sets is set back
    arguments = shlex.split(words)
    with cli.edge.make_context("edge", list(arguments), resilient_parsing=False) as context:
        rest = [*context._protected_args, *context.args]
        name, command, rest = cli.edge.resolve_command(context, rest)
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, rest)
        parsed = command.make_context(name, list(rest), parent=context)
    graph_file = parsed.params.get("graph")
    if graph_file is not None and str(graph_file) not in ("GRAPH", *MADE):
        assert (ROOT / graph_file).is_file(), f"{graph_file} is not here"


def test_there_are_commands_to_check():
    assert len(said()) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads], target


@pytest.mark.parametrize("target", ["run", "test", "lint", "fix", "bench", "clean", "lock", "docs", "site", "help"])
def test_make_has_the_target(target):
    assert re.search(rf"^{target}:.* ## ", text_of("Makefile"), re.M)


def test_the_lock_holds_names_versions_and_hashes_only():
    """And every package that is asked for directly."""
    lines = [line for line in text_of("requirements.lock").splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.+!]+( --hash=sha256:[0-9a-f]{64})+", line), line
    locked = {re.split("==", line)[0].lower().replace("_", "-") for line in lines}
    asked = re.findall(r'^  "([A-Za-z][\w-]*)[><=]', text_of("pyproject.toml"), re.M)
    assert {name.lower() for name in asked} <= locked, "run `make lock`"
