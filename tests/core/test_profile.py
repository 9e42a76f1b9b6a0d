"""Device profiles: which one runs here, why, and what is said where none does."""

from __future__ import annotations

import pytest

from edge.core import profile
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
