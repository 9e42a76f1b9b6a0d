"""`edge plugins`: what is installed, and what is said of each."""

from __future__ import annotations

import json

import pytest
from commands import distribution, edge

from edge.core.catalogue import plugin_data, plugin_text, plugins_data

ALL = '''
"""A package with one of everything."""
import click
from typing import Optional
from edge import Alpha, Device, Frame, Image, Policy, Prior, Source, Stage, hookimpl

edge_api = ">=1.0,<2"

class Look(Stage):
    """It looks. And more."""
    sharp: float = 1.5  # how sharp it sees
    model: str  # must be given
    makes = {"seen": float}
    network = True
    tick_after = 0.5
    steady = ("model",)
    def process(self, frame: Frame, image: Image, alpha: Optional[Alpha], truth: Alpha = None, prior: Prior = None): ...

class Tape(Source):
    """Plays."""
class TapeOut(Stage):
    """Writes."""
    def process(self, image: Image): ...

class Box(Device):
    """Runs."""
    threads: int = 2  # how many
    @classmethod
    def probe(cls): return "here"

class Never(Policy):
    """Never."""
    k: int = 3  # every so many

@click.command("shout", help="Say it aloud.")
def shout(): click.echo("HELLO")

@hookimpl
def register_stages(register):
    register("look", Look)
    register("tape", Tape, sink=TapeOut)

@hookimpl
def register_devices(register):
    register("box", Box, profile={"title": "a box"})
    register("crate", None, profile={"title": "a crate", "runtime": "dry"})

@hookimpl
def register_policies(register):
    register("never", Never)

@hookimpl
def register_commands(register):
    register("shout", shout)
'''
NAMES = "look tape box crate never shout lost"


@pytest.fixture
def site(tmp_path):
    return str(distribution(tmp_path / "site", "edge_all", ALL, NAMES))


def rows_of(site, tmp_path):
    done = edge("plugins", "--json", cwd=tmp_path, PYTHONPATH=site)
    assert (done.code, done.err) == (0, "")
    data = json.loads(done.out)
    assert data["schema_version"] == 1
    return {row["name"]: row for row in data["plugins"]}


def test_every_kind_is_listed(site, tmp_path):
    rows = rows_of(site, tmp_path)
    kinds = {"look": "stage", "tape": "source and sink", "box": "device", "crate": "device", "never": "policy"}
    assert {name: rows[name]["kind"] for name in kinds} == kinds
    assert rows["shout"]["kind"] == "command" and rows["shout"]["summary"] == "Say it aloud."
    about = {key: rows["look"][key] for key in ("origin", "distribution", "version", "summary")}
    summary = "A package with one of everything."
    assert about == {"origin": "edge_all 1.2", "distribution": "edge_all", "version": "1.2", "summary": summary}
    assert rows["lost"]["kind"] == "broken"
    assert rows["lost"]["summary"] == "plugin 'lost' (edge_all 1.2) registers nothing of that name"
    assert rows["policies"]["kind"] == "policy" and rows["policies"]["distribution"] == ""


def test_a_stage_in_full(site, tmp_path):
    data = json.loads(edge("plugins", "look", "--json", cwd=tmp_path, PYTHONPATH=site).out)
    hooks = ["register_stages", "register_devices", "register_policies", "register_commands"]
    assert (data["schema_version"], data["edge_api"], data["hooks"]) == (1, ">=1.0,<2", hooks)
    (row,) = data["classes"]
    assert (row["kind"], row["makes"], row["network"], row["tick_after"]) == ("stage", {"seen": "float"}, True, 0.5)
    assert row["steady"] == ["model"]
    assert row["ports"] == {
        "image": {"type": "Image", "optional": False, "wired": True, "previous": False},
        "alpha": {"type": "Alpha", "optional": True, "wired": True, "previous": False},
        "truth": {"type": "Alpha", "optional": True, "wired": False, "previous": False},
        "prior": {"type": "Prior", "optional": True, "wired": False, "previous": True},
    }
    sharp = {"name": "sharp", "type": "a number", "required": False, "default": 1.5, "doc": "how sharp it sees"}
    model = {"name": "model", "type": "text", "required": True, "default": None, "doc": "must be given"}
    assert row["options"] == [sharp, model]


def test_a_stage_as_text(site, tmp_path):
    assert edge("plugins", "look", cwd=tmp_path, PYTHONPATH=site).out.splitlines()[1:] == [
        "",
        "stage: It looks",
        "  reads  image (Image), alpha (Alpha, None where lost), truth (Alpha, optional), prior (Prior, of an earlier frame)",
        "  makes  seen (float)",
        "  runs a network, in a process of its own",
        "  speaks up where nothing has arrived for 0.5 s",
        "  cannot be changed while it runs: model",
        "  sharp: a number, default 1.5",
        "      how sharp it sees",
        "  model: text, required",
        "      must be given",
    ]


@pytest.mark.parametrize(
    "name, lines",
    [
        ("tape", ["source: Plays", "sink: Writes"]),
        ("box", ["device: Runs", "  threads: a whole number, default 2"]),
        ("crate", ["device"]),
        ("never", ["policy: Never", "  k: a whole number, default 3"]),
        ("shout", ["command: Say it aloud", "  edge shout --help"]),
    ],
)
def test_the_other_kinds_as_text(site, tmp_path, name, lines):
    done = edge("plugins", name, cwd=tmp_path, PYTHONPATH=site)
    assert done.code == 0 and done.out.startswith(f"{name} [edge_all 1.2, edge_api >=1.0,<2]: register_stages, ")
    assert set(lines) <= set(done.out.splitlines())


def test_one_that_may_not_be_loaded_says_so(site, tmp_path):
    done = edge("plugins", cwd=tmp_path, PYTHONPATH=site, EDGE_PLUGINS="")
    (line,) = [line for line in done.out.splitlines() if line.startswith("look ")]
    assert done.code == 0 and "is not among those of EDGE_PLUGINS (none); add it there, or unset it" in line


def test_our_own():
    assert all(row["kind"] != "broken" and row["summary"] for row in plugins_data() if row["origin"] == "built in")
    assert [row["name"] for row in plugin_data("policies")["classes"]] == ["full", "periodic"]
    assert "policy periodic: The whole network for every k-th frame" in plugin_text("policies")
