"""The conformance run finds each planted fault and says it in a sentence; what has none passes."""

from __future__ import annotations

import json
import os

import planted
import pytest
from commands import distribution, edge

from edge.core import hooks
from edge.core.errors import UsageError
from edge.core.testing.conform import conform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def told(cls, *only, **more):
    """check → (verdict, sentence), of the checks in `only` and of `works`."""
    return {f.check: (f.verdict, f.told) for f in conform(cls, only=only, **more)}


def failing(cls, *only, **more):
    return {check: words for check, (verdict, words) in told(cls, *only, **more).items() if verdict == "FAIL"}


@pytest.mark.parametrize("cls", [planted.Good, planted.GoodSource, planted.GoodDevice, planted.GoodPolicy])
def test_what_keeps_its_promises_passes(cls):
    findings = conform(cls)
    assert {f.check: f.told for f in findings if f.verdict == "FAIL"} == {}
    assert {"docs", "options", "works", "latency", "quiet", "folder"} <= {f.check for f in findings}
    latency = next(f for f in findings if f.check == "latency")
    assert 0 < latency.figures["p50_seconds"] <= latency.figures["p95_seconds"] < 1


@pytest.mark.parametrize(
    "cls, check, words",
    [
        (planted.KeepsAPlane, "kept", "still refers to 'image' when process has returned: keep a copy"),
        (planted.KeepsItForNothing, "kept", "still refers to 'image'"),
        (planted.WritesIntoOne, "planes", "process writes into a plane that it was given for frame 0 (planted.py:"),
        (planted.WritesBehindNumpy, "planes", "process changed 'image' of frame 0"),
        (planted.ReusesItsResult, "kept", "'image' of frame 0 changed while frame 1 was worked on"),
        (planted.KeepsItsSlot, "kept", "still refers to 'image'"),
        (planted.TrustsANewSlot, "slots", "with what self.new happens to hold: its content is undefined"),
        (planted.WrongShape, "spec", "'image' of frame 0 is 144×128×3; spec says 72×128×3 at most"),
        (planted.WrongAtOddSizes, "spec", "'image' of frame 0 is 71×127×3; spec says 70×126×3"),
        (planted.WrongDtype, "spec", "'image' of frame 0 is float64; Image is uint8"),
        (planted.MissingValue, "values", "returned no 'score' for frame 0"),
        (planted.NoDict, "values", "returned a ndarray for frame 0; return a dict with 'image'"),
        (planted.FactOfItsOwn, "facts", "'box' of frame 0 is a object, which a message cannot carry"),
        (planted.FactTooLarge, "facts", "small facts have room for 4096 together"),
        (planted.FactOfAnotherType, "facts", "'score' of frame 0 is a str; `makes` says float"),
        (planted.LeaksAThread, "close", "8 threads (watcher) more: give them back in close"),
        (planted.LeaksAThreadWithoutAName, "close", "8 threads (Thread (sleep)) more: give them back in close"),
        (planted.LeaksAFile, "close", "/*) more: give them back in close"),
        (planted.LeaksADescriptor, "close", "descriptors (pipe) more"),
        (planted.ForgetsClose, "close", "log.txt) more"),
        (planted.LeavesAProcess, "close", "8 processes (sleep) more"),
        (planted.TicksTooLarge, "spec", "'image' of a tick is 2000×2000×3; spec says 72×128×3"),
        (planted.LeaksMemory, "memory", "kB a frame (planted.py:"),
        (planted.LeaksNumbers, "memory", "a frame (planted.py:"),
        (planted.LeaksOutsidePython, "memory", "a frame, outside Python"),
        (planted.LeaksAtClose, "close", "stay behind each time it is closed (planted.py:"),
        (planted.KeepsThoseWhoWent, "visitors", "of each camera that has gone: give it back in leave(source)"),
        (planted.Raises, "errors", "process raises for frame 0 of camera: KeyError: 'picture' (planted.py:"),
        (planted.RaisesWhereItIsLost, "errors", "process raises for frame 1 of camera: TypeError"),
        (planted.TakesNoOtherFormat, "formats", "spec takes nv12 pictures, but process raises IndexError"),
        (planted.Hangs, "hang", "process (frame 0, 72×128) has not returned after 2 s, it is at planted.py:"),
        (planted.HangsInClose, "hang", "close has not returned after 2 s, it is at planted.py:"),
        (planted.Crashes, "crash", "process (frame 0, 72×128) ended the whole process (SIGABRT, at planted.py:"),
        (planted.Exits, "exit", "process called sys.exit for frame 0"),
        (planted.Prints, "quiet", "prints to stdout ('hello')"),
        (planted.PrintsOutsidePython, "quiet", "prints to stdout ('frame')"),
        (planted.ChangesFolder, "folder", "changed the current folder"),
        (planted.SharesState, "cameras", "another camera's frames come between: keep state by frame.source"),
        (planted.GoesOnWhereItWas, "again", "'count' of frame 0 differs after close and open: begin anew in open"),
        (planted.KnowsNoNewCamera, "visitors", "process raises for a camera that has come, visitor0: KeyError"),
        (planted.CannotChange, "changed", "after changed it raises ValueError: not now (planted.py:"),
        (planted.Undocumented, "options", "'level' is not documented: the comment behind an option says what it does"),
        (planted.WrongDefault, "options", "option 'level' has the default 'three', which is not a whole number"),
        (planted.PathAsText, "options", "option 'path' has the default 'out.txt', which is not a path"),
        (planted.CheckRaises, "check", "check raises with every=0 ZeroDivisionError"),
        (planted.NoTypes, "ports", "'image' of process is without a type"),
        (planted.SameArrayAgain, "kept", "'image' of frame 0 changed while frame 1 was made"),
        (planted.LargerThanItSaid, "spec", "'image' of frame 0 is 72×128×3; spec says 36×64×3"),
        (planted.NoGenerator, "capture", "capture returned a list; write it as a generator"),
        (planted.AnotherEachTime, "again", "after close and open, and it is not live"),
        (planted.LeavesAThread, "close", "threads (reader) more"),
        (planted.NothingComes, "hang", "capture (frame 0) has not returned after 2 s, it is at planted.py:"),
        (planted.NaiveProbe, "probe", "probe raises KeyError: 'card'"),
        (planted.WrongSizeDevice, "works", "gave 'alpha' as float32 (8, 8); it is float32 (256, 256)"),
        (planted.ReusingDevice, "own", "'alpha' of a call changed with the next call"),
        (planted.FallsOverABrokenFile, "errors", "load raises IndexError for a broken file: raise ModelError"),
        (planted.ChoosesWhatIsNot, "works", "chose 'reuse' for a frame that can have full"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_planted_fault_is_named(cls, check, words):
    found = failing(cls, check, "lost", "tick", patience=2.0)
    assert words in found.get(check, ""), found
    assert cls.__name__ in found[check] or check in ("hang", "crash", "options")
    assert set(found) == {check}, "one fault, one sentence"


def test_what_must_be_given_and_what_is_missing_here_is_skipped_with_the_reason():
    found = told(planted.AsksForMore)
    assert found["works"] == ("SKIP", "'address' must be given (of the server): --set address=...")
    assert found["planes"] == ("SKIP", "not tried, because 'works' did not pass")
    found = told(planted.NotHere)
    assert found["works"] == ("SKIP", "there is no such card; plug one in")
    assert "FAIL" not in {verdict for verdict, _ in found.values()}


def test_what_cannot_be_tried_is_refused():
    class Local(planted.Same):
        pass

    with pytest.raises(UsageError, match="Local is defined in a function"):
        conform(Local)
    with pytest.raises(UsageError, match=r"there is no plugin 'composit'. Did you mean 'composite'\?"):
        conform("composit")
    with pytest.raises(Exception, match="no option 'bye'. Did you mean 'by'"):
        conform(planted.Good, {"bye": 1})


def test_nothing_is_left_of_a_plugin_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert "hang" in failing(planted.Hangs, "works", patience=1.0)
    assert os.listdir(tmp_path) == []


# -- by name, on the command line ---------------------------------------------------------------------------------------------

HELLO = '''"""Greets."""

from edge import Image, Stage, hookimpl


class Hello(Stage):
    times: int = 1  # how often
    makes = {"greeting": str}

    def process(self, image: Image):
        return {"greeting": "hello " * self.times}


@hookimpl
def register_stages(register):
    register("hello", Hello)
'''


@pytest.fixture
def site(tmp_path):
    """A folder with an installed package, for PYTHONPATH."""
    return distribution(tmp_path / "site", "edge_test_hello", HELLO, "hello")


def test_the_command_tells_a_table_and_ends_with_0(site, tmp_path):
    done = edge("plugins", "test", "hello", "--set", "times=2", cwd=tmp_path, PYTHONPATH=str(site))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("hello [edge_test_hello 1.2]\n\nstage\n  PASS  docs       'Greets.'\n")
    assert "three frames of 128x72 bgr give greeting str" in done.out
    assert "failed" not in done.out


def test_the_command_ends_with_6_where_a_check_fails(tmp_path):
    code = HELLO.replace("  # how often", "")
    site = distribution(tmp_path / "site", "edge_test_hello", code, "hello")
    done = edge("plugins", "test", "hello", "--json", cwd=tmp_path, PYTHONPATH=str(site))
    said = json.loads(done.out)
    assert (done.code, said["schema_version"], said["plugin"], said["passed"]) == (6, 1, "hello", False)
    (failed,) = [finding for finding in said["findings"] if finding["verdict"] == "FAIL"]
    assert (failed["of"], failed["check"]) == ("stage", "options")
    assert "'times' is not documented" in failed["told"]
    assert next(f["figures"]["p50_seconds"] for f in said["findings"] if f["check"] == "latency") > 0


def test_a_plugin_that_does_not_import_fails_with_its_own_words(tmp_path):
    site = distribution(tmp_path / "site", "edge_test_broken", "import nonsense_of_its_own", "broken")
    done = edge("plugins", "test", "broken", cwd=tmp_path, PYTHONPATH=str(site))
    assert done.code == 6
    assert "ModuleNotFoundError: No module named 'nonsense_of_its_own'" in done.out


def test_a_typo_is_told(tmp_path):
    done = edge("plugins", "test", "portait", cwd=tmp_path)
    assert (done.code, done.errors) == (2, ["there is no plugin 'portait'. Did you mean 'portrait'? See 'edge plugins'"])
    done = edge("plugins", "test", "discard", "--set", "by", cwd=tmp_path)
    assert (done.code, done.errors) == (2, ["--set by: write option=value"])


GIVEN = {"resize": {"width": 64}, "demo": {"width": 128, "height": 72}}
KNOWN = {
    ("portrait", "values"): "returned no 'truth'",
    ("resize", "values"): "returned no 'truth'",
    ("mosaic", "works"): "no 'wall: {use: mosaic}' in this worker shows it",
}
"""Findings about our own that are known. An entry that is no longer found fails the test, so that it is taken out."""


@pytest.mark.parametrize("name", sorted(n for n, p in hooks.known().items() if p.origin == "built in") + ["dry", "onnx"])
def test_every_plugin_of_ours(name):
    """What needs hardware or a network skips, with the reason."""
    findings = conform(name, GIVEN.get(name, {}))
    assert findings
    failed = {f.check: f.told for f in findings if f.verdict == "FAIL"}
    known = {check: words for (plugin, check), words in KNOWN.items() if plugin == name}
    for check, words in known.items():
        assert words in failed.pop(check, ""), f"{check}: no longer so; take it out of KNOWN"
    assert failed == {}
