"""Finding plugins by name: our own, a third party's, and ones that do not work."""

from __future__ import annotations

import importlib
import sys

import pytest
from commands import distribution

from edge import Source, Stage
from edge.core import hooks

GOOD = """
from edge import Device, Image, Source, Stage, hookimpl

class Flip(Stage):
    makes = {"image": Image}
    def process(self, image: Image): return {"image": image[::-1]}

class Tape(Source): pass
class TapeOut(Stage): pass
class Half(Device): pass

@hookimpl
def register_stages(register):
    register("flip", Flip)
    register("tape", Tape, sink=TapeOut)

@hookimpl
def register_devices(register):
    register("half", Half)
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages. `site(name, code, entries)` adds one."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, code, entries):
        distribution(tmp_path, name, code, entries)
        importlib.invalidate_caches()
        hooks.forget()

    yield add
    for name in [name for name in sys.modules if name.startswith("edge_test_")]:
        del sys.modules[name]
    hooks.forget()


def told(name, reads=True):
    with pytest.raises(hooks.PluginError) as caught:
        hooks.stage_class(name, reads)
    assert caught.value.code == 3
    return str(caught.value)


def test_our_own_are_known_without_importing_them():
    hooks.forget()
    known = hooks.known()
    assert {"camera", "composite", "demo", "discard", "file", "images", "matting", "portrait", "record", "web"} <= set(known)
    assert (known["demo"].module, known["demo"].origin) == ("edge.plugins.demo", "built in")


def test_a_name_may_have_two_ends():
    source, sink = hooks.stage_class("images", False), hooks.stage_class("images", True)
    assert issubclass(source, Source) and not issubclass(sink, Source) and issubclass(sink, Stage)
    assert hooks.stage_class("discard", False) is hooks.stage_class("discard", True)


def test_an_unknown_name():
    with pytest.raises(KeyError):
        hooks.stage_class("nosuchplugin", True)


def test_a_third_party(site):
    site("edge_test_good", GOOD, "flip tape half")
    assert hooks.known()["flip"].origin == "edge_test_good 1.2"
    assert "edge_test_good" not in sys.modules, "only what a graph names is imported"
    assert hooks.stage_class("flip", True).__name__ == "Flip"
    assert hooks.stage_class("tape", False).__name__ == "Tape"
    assert hooks.stage_class("tape", True).__name__ == "TapeOut"
    assert hooks.device_class("half").__name__ == "Half"


def test_a_third_party_cannot_take_a_name_of_ours(site):
    site("edge_test_thief", GOOD.replace('"flip"', '"demo"'), "demo")
    assert hooks.known()["demo"].origin == "built in"
    assert hooks.stage_class("demo", False).__module__ == "edge.plugins.demo"


def test_an_entry_point_may_name_an_attribute(site, tmp_path):
    site("edge_test_attribute", GOOD, "")
    info = tmp_path / "edge_test_attribute-1.2.dist-info" / "entry_points.txt"
    info.write_text("[edge]\nflip = edge_test_attribute:register_stages\n")
    hooks.forget()
    assert hooks.stage_class("flip", True).__name__ == "Flip"


@pytest.mark.parametrize(
    "code, why",
    [
        ("import no_such_module", "failed to import: ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "failed to import: ZeroDivisionError: division by zero"),
        ("def", "failed to import: SyntaxError: invalid syntax (edge_test_bad.py, line 1)"),
        ("raise SystemExit(3)", "failed to import: SystemExit: 3"),
        ("x = 1", "registers no stage of that name"),
        (
            "from edge import hookimpl\n@hookimpl\ndef register_stages(register): 1 / 0",
            "failed in register_stages: ZeroDivisionError: division by zero",
        ),
        (GOOD.replace('"flip"', '"flop"'), "registers no stage of that name"),
        (
            GOOD.replace("register_stages", "register_stage"),
            "has a hook that does not fit: unknown hook 'register_stage'",
        ),
        (
            GOOD.replace("Flip)", "Half)"),
            "failed in register_stages: TypeError: 'flip' is <class 'edge_test_bad.Half'>, which is no Stage",
        ),
        (GOOD.replace("sink=", "snik="), "failed in register_stages: TypeError: register takes no snik= here"),
    ],
)
def test_one_that_does_not_work_is_named_with_its_distribution(site, code, why):
    site("edge_test_bad", code, "flip")
    assert told("flip") == f"plugin 'flip' (edge_test_bad 1.2) {why}"


def test_a_hook_with_a_wrong_signature(site):
    site("edge_test_wrong", GOOD.replace("register_stages(register)", "register_stages(registry)"), "flip")
    assert told("flip").startswith("plugin 'flip' (edge_test_wrong 1.2) has a hook that does not fit: Argument(s) {'registry'}")


def test_the_runtimes_that_ship():
    assert hooks.device_class("dry").__name__ == "Dry"
    with pytest.raises(KeyError):
        hooks.device_class("nowhere")


# -- which may be loaded ----------------------------------------------------------------------------------------------------


def test_the_environment_says_which_are_loaded(site, monkeypatch):
    site("edge_test_good", GOOD, "flip tape half")
    monkeypatch.setenv("EDGE_PLUGINS", " flip, demo,")
    hooks.forget()
    assert hooks.stage_class("flip", True).__name__ == "Flip"
    assert hooks.stage_class("images", False).__module__.startswith("edge.plugins."), "ours stay"
    why = "is not among those of EDGE_PLUGINS (flip, demo); add it there, or unset it"
    assert told("tape") == f"plugin 'tape' (edge_test_good 1.2) {why}"
    monkeypatch.setenv("EDGE_PLUGINS", "")
    hooks.forget()
    assert "(none)" in told("flip")
    assert hooks.brought("register_stages") == {}


def test_the_environment_names_what_is_not_there(site, monkeypatch):
    site("edge_test_good", GOOD, "flip")
    monkeypatch.setenv("EDGE_PLUGINS", "flop")
    hooks.forget()
    with pytest.raises(hooks.PluginError) as caught:
        hooks.known()
    assert str(caught.value) == "EDGE_PLUGINS: there is no plugin 'flop'. Did you mean 'flip'? See 'edge plugins'"


def test_two_packages_with_one_name(site, tmp_path, monkeypatch):
    site("edge_test_good", GOOD, "flip")
    site("edge_test_other", GOOD, "flip tape")
    assert hooks.stage_class("tape", False).__name__ == "Tape", "it matters only to what names it"
    text = told("flip")
    assert "edge_test_good 1.2" in text and "edge_test_other 1.2" in text and "uninstall all but one" in text
    allow = tmp_path / "allowed"
    allow.write_text("edge-test-other\n")
    monkeypatch.setenv("EDGE_PLUGINS_ALLOW", str(allow))
    hooks.forget()
    assert hooks.stage_class("flip", True).__module__ == "edge_test_other"


@pytest.mark.parametrize(
    "wanted, why",
    [
        (">=1.0,<2", ""),
        (">=2", "is made for edge_api >=2, and this Edgeflow has 1.0: install the version of it that is made for this one"),
        ("1.0", "has edge_api = '1.0', which cannot be read: write it like '>=1.0,<2'"),
    ],
)
def test_the_api_that_a_plugin_is_made_for(site, wanted, why):
    site("edge_test_dated", f"edge_api = {wanted!r}\n{GOOD}", "flip")
    if why:
        assert told("flip") == f"plugin 'flip' (edge_test_dated 1.2) {why}"
    else:
        assert hooks.stage_class("flip", True).__name__ == "Flip"


# -- the other hooks --------------------------------------------------------------------------------------------------------

MORE = """
import click
from edge import Policy, hookimpl

class Never(Policy):
    def choose(self, frame, branches, signals): return branches[0]

@hookimpl
def register_policies(register):
    register("never", Never)
    register("full", Never)

@click.command("greet")
def greet(): click.echo("hello")

@hookimpl
def register_commands(register):
    register("greet", greet)
    register("run", greet)
"""


def test_a_policy_of_a_third_party_and_ours(site):
    site("edge_test_more", MORE, "never greet full")
    assert hooks.policy_class("never").__name__ == "Never"
    assert hooks.policy_class("full").__module__ == "edge.plugins.policies", "ours stay ours"
    assert hooks.policies() == ["full", "never", "periodic"]
    for name in ("demo", "nosuch", "policies"):
        with pytest.raises(KeyError):
            hooks.policy_class(name)


def test_a_command_of_a_third_party(site):
    site("edge_test_more", MORE, "never greet full")
    assert hooks.command("greet").name == "greet"
    for name in ("never", "demo", "nosuch"):
        with pytest.raises(KeyError):
            hooks.command(name)


@pytest.mark.parametrize(
    "old, new, why",
    [
        ('register("greet", greet)', 'register("greet", print)', "which is no click command"),
        ("Never(Policy)", "Never", "'never' is <class 'edge_test_more.Never'>, which is no Policy"),
    ],
)
def test_what_is_registered_is_what_the_hook_is_for(site, old, new, why):
    site("edge_test_more", MORE.replace(old, new), "never greet")
    with pytest.raises(hooks.PluginError, match=why):
        hooks.command("greet") if "click" in why else hooks.policy_class("never")


def test_a_broken_one_is_left_out_of_what_is_brought(site):
    site("edge_test_more", MORE, "never greet")
    site("edge_test_bad", "1 / 0", "broken")
    assert set(hooks.brought("register_commands")) == {"greet"}


def test_the_hooks_that_a_plugin_has(site):
    site("edge_test_more", MORE, "greet")
    assert hooks.implemented("greet") == ["register_policies", "register_commands"]


def test_each_call_is_told(site, monkeypatch, capsys):
    site("edge_test_good", GOOD, "flip tape half")
    monkeypatch.setenv("EDGE_TRACE_PLUGINS", "1")
    hooks.stage_class("tape", True)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == (
        "",
        [
            "hook: tape (edge_test_good 1.2): edge_test_good.register_stages(register)",
            "hook:   flip = Flip",
            "hook:   tape = Tape, sink=TapeOut",
        ],
    )
    with pytest.raises(KeyError):
        hooks.policy_class("flip")
    assert "edge_test_good.register_policies(register), which it does not have" in capsys.readouterr().err


def test_a_call_that_fails_is_told(site, monkeypatch, capsys):
    site("edge_test_bad", "from edge import hookimpl\n@hookimpl\ndef register_stages(register): 1 / 0", "bad")
    monkeypatch.setenv("EDGE_TRACE_PLUGINS", "1")
    told("bad")
    assert "hook:   it raised ZeroDivisionError: division by zero" in capsys.readouterr().err
