"""Device profiles: which one runs here, why, and what is said where none does."""

from __future__ import annotations

import importlib
import sys

import pytest
from commands import distribution

from edge.core import hooks, profile
from edge.core.describe import devices_data
from edge.core.errors import DeviceError, GraphError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of profiles of our own, beside the built-in runtimes."""
    monkeypatch.setattr(profile, "FOLDER", tmp_path)
    profile.read.cache_clear()
    yield tmp_path
    profile.read.cache_clear()


def write(folder, name, text):
    (folder / f"{name}.yaml").write_text(f"title: a {name}\n{text}")


ABSENT = "runtime: dry\nneeds: [no_such_sdk]\n"


def test_the_profiles_that_ship():
    assert set(profile.names()) >= {"desktop", "dry", "hilens_kit"}
    kit = profile.resolve("hilens_kit")
    assert (kit.requested, kit.resolved) == ("hilens_kit", "desktop")
    assert kit.reason == "module 'hilens' is not installed"
    assert kit.profile.runtime == "onnx" and kit.profile.display == ("web",)
    assert kit.to_dict() == {"requested": "hilens_kit", "resolved": "desktop", "reason": kit.reason}
    dry = profile.resolve("dry")
    assert dry.to_dict() == {"requested": "dry", "resolved": "dry", "reason": "always here; computes nothing"}


def test_a_chain_of_fallbacks_keeps_every_reason(folder):
    write(folder, "first", ABSENT + "fallback: second\n")
    write(folder, "second", "runtime: nowhere\nfallback: third\n")
    write(folder, "third", "runtime: dry\n")
    found = profile.resolve("first")
    assert found.resolved == "third"
    assert found.reason == ("module 'no_such_sdk' is not installed; second: runtime 'nowhere' is not part of this installation")


def test_fallback_none_forbids_it(folder):
    write(folder, "only", ABSENT + "fallback: none\n")
    with pytest.raises(DeviceError) as caught:
        profile.resolve("only")
    assert caught.value.code == 4
    assert str(caught.value) == "device 'only' cannot run here: module 'no_such_sdk' is not installed. See 'edge devices'"


def test_a_caller_may_forbid_it_too(folder):
    write(folder, "first", ABSENT + "fallback: second\n")
    write(folder, "second", "runtime: dry\n")
    with pytest.raises(DeviceError, match="module 'no_such_sdk' is not installed"):
        profile.resolve("first", may_fall_back=False)


def test_fallbacks_that_lead_in_a_circle_or_nowhere(folder):
    write(folder, "first", ABSENT + "fallback: second\n")
    write(folder, "second", ABSENT + "fallback: first\n")
    write(folder, "lost", ABSENT + "fallback: nobody\n")
    why = {"first": "; second: module 'no_such_sdk' is not installed", "lost": "; its fallback 'nobody' is no device"}
    for name, more in why.items():
        with pytest.raises(DeviceError) as caught:
            profile.resolve(name)
        told = f"device '{name}' cannot run here: module 'no_such_sdk' is not installed{more}. See 'edge devices'"
        assert str(caught.value) == told


def test_an_unknown_name():
    with pytest.raises(KeyError):
        profile.resolve("dri")


@pytest.mark.parametrize(
    "text, problem",
    [
        ("runtime: [x]\n", "Expected `str`, got `array` - at `$.runtime`"),
        ("runtime: dry\nfallbak: dry\n", "Object contains unknown field `fallbak`"),
        ("", "Object missing required field `runtime`"),
        ("runtime: no\n", "bad.yaml:2:10: 'no': YAML reads it as False"),
    ],
)
def test_a_bad_profile_names_its_file(folder, text, problem):
    write(folder, "bad", text)
    with pytest.raises(GraphError) as caught:
        profile.read("bad")
    assert str(folder / "bad.yaml") in str(caught.value) and problem in str(caught.value)


def test_a_bad_profile_is_no_reason_to_fall_back(folder):
    write(folder, "first", ABSENT + "fallback: bad\n")
    write(folder, "bad", "runtime: dry\nfallbak: dry\n")
    with pytest.raises(GraphError, match="unknown field `fallbak`"):
        profile.resolve("first")


def test_the_options_of_a_runtime_are_checked():
    desktop = profile.read("desktop")
    chosen = profile.runtime(desktop, {"threads": 2})
    assert chosen["runtime"] == "onnx" and chosen["options"]["threads"] == 2
    assert chosen["options"]["providers"] == ["CPUExecutionProvider"], "what the profile says stays"
    with pytest.raises(GraphError) as caught:
        profile.runtime(desktop, {"thread": 2, "providers": 3})
    assert set(caught.value.problems) == {
        "device: onnx has no option 'thread'. Did you mean 'threads'?",
        "device: option 'providers': expected a list, got 3",
    }


# -- of packages ------------------------------------------------------------------------------------------------------------

DEVICE = """
import pathlib
from edge import Device, hookimpl

class Half(Device):
    share: float = 0.5  # how much
    suffixes = (".half", ".onnx")
    @classmethod
    def probe(cls): return "here"

FIELDS = {"title": "half a person", "options": {"share": 0.25}, "display": ["record"], "fallback": "dry"}

@hookimpl
def register_devices(register):
    register("half", Half)
    register("told", Half, profile=FIELDS)
    register("filed", Half, profile=pathlib.Path(__file__).with_name("filed.yaml"))
    register("alone", None, profile={"title": "ours, slower", "runtime": "onnx", "options": {"threads": 1}})
    register("wrong", Half, profile={"tilte": "half"})
    register("nowhere", None, profile={"title": "nothing"})
    register("gone", Half, profile=pathlib.Path("gone.yaml"))
    register("listed", Half, profile=["no", "map"])
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    names = "half told filed alone wrong nowhere gone listed"
    monkeypatch.syspath_prepend(str(distribution(tmp_path, "edge_test_half", DEVICE, names)))
    (tmp_path / "filed.yaml").write_text("title: from a file\nruntime: half\nneeds: [no_such_sdk]\nfallback: told\n")
    importlib.invalidate_caches()
    hooks.forget()
    profile.read.cache_clear()
    yield
    sys.modules.pop("edge_test_half", None)
    hooks.forget()
    profile.read.cache_clear()


def test_a_package_brings_a_runtime_alone(package):
    found = profile.read("half")
    assert (found.title, found.runtime, found.suffixes) == ("runtime of edge_test_half 1.2", "half", (".half", ".onnx"))


def test_a_package_brings_a_profile(package):
    found = profile.resolve("told").profile
    assert (found.title, found.runtime, found.display, found.fallback) == ("half a person", "told", ("record",), "dry")
    assert profile.runtime(found, {}) == {"runtime": "told", "options": {"share": 0.25}}
    assert profile.runtime(found, {"share": 1}) == {"runtime": "told", "options": {"share": 1.0}}


def test_a_profile_in_a_file_that_falls_back_to_another_packages(package):
    found = profile.resolve("filed")
    assert (found.resolved, found.reason) == ("told", "module 'no_such_sdk' is not installed")


def test_a_profile_of_a_runtime_of_ours(package):
    found = profile.resolve("alone")
    assert found.resolved == "alone" and found.reason.startswith("onnxruntime ")
    assert profile.runtime(found.profile, {}) == {"runtime": "onnx", "options": {"threads": 1}}


@pytest.mark.parametrize(
    "name, why",
    [
        ("wrong", "Object contains unknown field `tilte`"),
        ("nowhere", "Object missing required field `runtime`"),
        ("gone", "gone.yaml: there is no such file"),
        ("listed", "'list' object is not a mapping"),
    ],
)
def test_a_packages_profile_that_is_wrong(package, name, why):
    with pytest.raises(GraphError) as caught:
        profile.read(name)
    assert str(caught.value) == f"profile of '{name}' (edge_test_half 1.2): {why}"


def test_all_of_them_are_listed_and_one_that_is_wrong_costs_its_line(package):
    assert set(profile.everywhere()) >= {"desktop", "dry", "half", "told", "filed", "alone", "wrong"}
    rows = {row["name"]: row for row in devices_data()}
    assert rows["told"]["works"] and rows["told"]["title"] == "half a person"
    assert not rows["wrong"]["works"] and "tilte" in rows["wrong"]["reason"]
