"""Finding plugins by name: our own, a third party's, and ones that do not work."""

from __future__ import annotations

import importlib
import sys

import pytest
from commands import distribution

from edge import Source, Stage
from edge.core import hooks

GOOD = """
from edge import Image, Source, Stage, hookimpl

class Flip(Stage):
    makes = {"image": Image}
    def process(self, image: Image): return {"image": image[::-1]}

class Tape(Source): pass
class TapeOut(Stage): pass
class Half: pass

@hookimpl
def register_stages(register):
    register("flip", Flip)
    register("tape", Tape, sink=TapeOut)

@hookimpl
def register_devices(register):
    register("half", Half)
"""


def forget():
    hooks.known.cache_clear()
    hooks._collect.cache_clear()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages. `site(name, code, entries)` adds one."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name, code, entries):
        distribution(tmp_path, name, code, entries)
        importlib.invalidate_caches()
        forget()

    yield add
    for name in [name for name in sys.modules if name.startswith("edge_test_")]:
        del sys.modules[name]
    forget()


def told(name, reads=True):
    with pytest.raises(hooks.PluginError) as caught:
        hooks.stage_class(name, reads)
    assert caught.value.code == 3
    return str(caught.value)


def test_our_own_are_known_without_importing_them():
    forget()
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
    forget()
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
    ],
)
def test_one_that_does_not_work_is_named_with_its_distribution(site, code, why):
    site("edge_test_bad", code, "flip")
    assert told("flip") == f"plugin 'flip' (edge_test_bad 1.2) {why}"


def test_a_hook_with_a_wrong_signature(site):
    site("edge_test_wrong", GOOD.replace("register_stages(register)", "register_stages(registry)"), "flip")
    assert told("flip").startswith("plugin 'flip' (edge_test_wrong 1.2) failed in register_stages: PluginValidationError: ")


def test_the_runtimes_that_ship():
    assert hooks.device_class("dry").__name__ == "Dry"
    with pytest.raises(KeyError):
        hooks.device_class("nowhere")
