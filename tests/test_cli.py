"""The commands: what they print and where, the report, signals, closed streams."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess

import pytest
from commands import COMMAND, ROOT, distribution, edge, environment, start

from edge import __version__

TINY = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, frames: 30, pace: fast}
  small: {use: resize, from: camera, width: 32}
  out: {use: discard, from: small}
"""
PERSON = """\
device: {use: dry}
name: person
stages:
  camera: {use: demo, width: 64, height: 64, pace: fast}
  matte: {use: matting, from: {image: camera, prior: memory}, model: portrait}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory}
  out: {use: discard, from: blend}
"""
PICTURES = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, fps: 100.0}
  out: {use: images, from: camera, path: pictures, format: jpg}
"""
ANOTHER = """
import os, pathlib, time
from edge import Image, Stage, hookimpl

class Stuck(Stage):
    path: pathlib.Path  # a pipe that nobody writes to

    def process(self, image: Image):
        pathlib.Path(f"{self.path}.pid").write_text(str(os.getpid()))
        with open(self.path) as pipe:
            pipe.read()

@hookimpl
def register_stages(register):
    register("stuck", Stuck)
"""


@pytest.fixture
def tiny(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


def run(folder, text, *words, **variables):
    (folder / "g.yaml").write_text(text)
    return edge("g.yaml", *words, cwd=folder, **variables)


def json_of(done):
    assert (done.code, done.err) == (0, ""), done.err
    return json.loads(done.out)


# -- running ----------------------------------------------------------------------------------------------------------------


def test_a_run_speaks_on_stderr_only(tiny):
    for words in (["tiny.yaml"], ["run", "tiny.yaml"]):
        done = edge(*words, cwd=tiny)
        assert (done.code, done.out) == (0, "")
        lines = done.err.splitlines()
        assert lines[:2] == [
            "device: dry: always here; computes nothing",
            "camera: ended, 30 captured, 30 delivered, 0 dropped",
        ]
        assert lines[2].startswith("out: 30 frames, ") and len(lines) == 3


def test_quiet(tiny):
    done = edge("tiny.yaml", "--quiet", cwd=tiny)
    assert (done.code, done.out, done.err) == (0, "", "")
    done = edge("tiny.yaml", "--quiet", "--set", "small.width=x", cwd=tiny)
    assert (done.code, done.out, len(done.errors)) == (3, "", 1), "errors are told all the same"


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_frames_and_seconds(tmp_path, workers):
    words = ["--workers", workers, "--report", "r.json"]
    assert run(tmp_path, TINY, "--frames", "7", *words).code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["exit"] == {"code": 0, "reason": "end_of_stream"}
    assert report["cameras"]["camera"]["captured"] == report["sinks"]["out"]["frames"] == 7
    assert run(tmp_path, TINY.replace("frames: 30", "frames: 0"), "--seconds", "0.3", *words).code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["exit"] == {"code": 0, "reason": "seconds"} and report["seconds"] >= 0.3
    captured = report["cameras"]["camera"]["captured"] - report["cameras"]["camera"]["dropped"].get("stopped", 0)
    assert captured == report["sinks"]["out"]["frames"] > 0, "what was captured was finished"


NUMBER = (int, float)
TIMES = {"p50": NUMBER, "p95": NUMBER, "p99": NUMBER}
REPORT = {
    "schema_version": int,
    "graph": str,
    "exit": {"code": int, "reason": str},
    "seconds": NUMBER,
    "device": {"requested": str, "resolved": str, "reason": str},
    "workers": [{"name": str, "stages": [str], "restarts": int, "peak_rss_bytes": int, "cpu_seconds": NUMBER}],
    "cameras": {
        "camera": {"state": str, "captured": int, "admitted": int, "delivered": int, "covered": int, "dropped": dict},
    },
    "edges": {
        name: {"kind": str, "received": int, "delivered": int, "dropped": dict, "in_flight": int}
        for name in (
            *("camera->matte:image", "matte->memory:raw", "matte->memory:alpha", "camera->blend:image"),
            *("memory->blend:alpha", "blend->out:image"),
        )
    },
    "stages": {name: {"frames": int, "seconds": TIMES} for name in ("camera", "matte", "memory", "blend", "out")},
    "sinks": {"out": {"frames": int, "fps": NUMBER, "age_seconds": TIMES}},
    "routes": {"matte": {"reuse": int, "lr": int, "full": int}},
}


def fits(value, schema, where="report"):
    """The documented names are there, with values of their types; what is more than documented does no harm."""
    if isinstance(schema, dict):
        assert set(schema) <= set(value), where
        for name, inner in schema.items():
            fits(value[name], inner, f"{where}.{name}")
    elif isinstance(schema, list):
        assert value, where
        for item in value:
            fits(item, schema[0], where)
    else:
        assert isinstance(value, schema) and not isinstance(value, bool), where


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_the_report_is_as_documented(tmp_path, workers):
    done = run(tmp_path, PERSON, "--frames", "20", "--workers", workers, "--report", "r.json")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "r.json").read_text())
    fits(report, REPORT)
    assert (report["schema_version"], report["graph"]) == (1, "person")
    assert set(report["edges"]) == set(REPORT["edges"]), "and not the loop, which carries no frames"
    assert report["routes"] == {"matte": {"reuse": 0, "lr": 0, "full": 20}}
    for name, book in report["edges"].items():
        assert book["received"] == book["delivered"] + sum(book["dropped"].values()) == 20, name
        assert book["in_flight"] == 0, name
    assert report["cameras"]["camera"]["delivered"] == 20
    assert sorted(stage for worker in report["workers"] for stage in worker["stages"]) == sorted(REPORT["stages"])


def test_the_report_of_a_run_that_failed(tmp_path):
    """A camera that is not here, while another runs."""
    text = """\
device: dry
stages:
  here: {use: demo, width: 64, height: 64, frames: 5, pace: fast}
  gone: {use: file, path: gone.mp4}
  a: {use: discard, from: here}
  b: {use: discard, from: gone}
"""
    why = f"gone: {tmp_path}/gone.mp4: does not exist; relative paths start at the graph file's folder"
    done = run(tmp_path, text, "--report", "r.json")
    assert done.code == 0 and f"left out: {why}" in done.err
    cameras = json.loads((tmp_path / "r.json").read_text())["cameras"]
    assert (cameras["gone"]["state"], cameras["gone"]["error"], cameras["here"]["delivered"]) == ("failed", why, 5)
    done = run(tmp_path, text, "--report", "r.json", "--strict")
    assert (done.code, done.errors) == (7, [f"--strict: {why}"])
    assert json.loads((tmp_path / "r.json").read_text())["exit"] == {"code": 7, "reason": f"--strict: {why}"}


def test_a_run_that_never_began_leaves_no_report(tiny):
    assert edge("tiny.yaml", "--report", "r.json", "--set", "small.width=x", cwd=tiny).code == 3
    assert not (tiny / "r.json").exists()


# -- other verbs ------------------------------------------------------------------------------------------------------------


def test_validate(tiny):
    done = edge("validate", "tiny.yaml", cwd=tiny)
    assert (done.code, done.out, done.err) == (0, "tiny.yaml: valid: 3 stages, 3 edges\n", "")
    assert edge("validate", "tiny.yaml", "--set", "small.width=x", cwd=tiny).code == 3
    done = edge("validate", ROOT / "graphs" / "file.yaml", cwd=tiny)
    assert done.code == 0 and done.err.startswith("not here now: camera: "), "a missing clip is no error of the graph"


def test_plan(tiny):
    done = edge("plan", "tiny.yaml", cwd=tiny)
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert ["camera", "0.0", "MiB", "arena", "camera,", "small"] in lines and ["out", "no", "arena", "out"] in lines
    assert ["small->out:image", "shm", "all", "Image", "32×32×3", "bgr,", "0", "copies"] in lines
    data = json_of(edge("plan", "tiny.yaml", "--json", cwd=tiny))
    assert (data["schema_version"], data["device"]["resolved"]) == (1, "dry")
    assert [(worker["name"], worker["stages"]) for worker in data["workers"]] == [
        ("camera", ["camera", "small"]),
        ("out", ["out"]),
    ]
    assert data["arena_bytes"] == sum(worker["arena_bytes"] for worker in data["workers"]) > 0
    edges = {name: (edge["kind"], edge["policy"], edge["copies"]) for name, edge in data["edges"].items()}
    assert edges["small->out:image"] == ("shm", "all", 0) and edges["camera->small:image"] == ("call", "all", 0)
    one = json_of(edge("plan", "tiny.yaml", "--json", "--workers", "none", cwd=tiny))
    assert [worker["name"] for worker in one["workers"]] == ["all"] and one["arena_bytes"] == 0


def test_plugins(tmp_path):
    done = edge("plugins", cwd=tmp_path)
    assert (done.code, done.err) == (0, "") and "composite" in done.out and "[built in]" in done.out
    rows = {row["name"]: row for row in json_of(edge("plugins", "--json", cwd=tmp_path))["plugins"]}
    assert set(rows) >= {"camera", "composite", "demo", "discard", "file", "images", "matting", "portrait", "record", "web"}
    assert all(row["summary"] and row["origin"] == "built in" for row in rows.values())
    assert (rows["images"]["kind"], rows["composite"]["kind"]) == ("source and sink", "stage")


def test_one_plugin(tmp_path):
    done = edge("plugins", "composite", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "view: result | side_by_side | alpha | checker, default 'result'" in done.out and "reads  image (Image" in done.out
    text = json.dumps(json_of(edge("plugins", "composite", "--json", cwd=tmp_path)))
    assert "side_by_side" in text and "background" in text
    done = edge("plugins", "compost", cwd=tmp_path)
    assert (done.code, done.out, done.errors) == (2, "", ["there is no plugin 'compost'. Did you mean 'composite'?"])


def test_a_broken_plugin_is_listed_with_its_reason(tmp_path):
    site = str(distribution(tmp_path / "site", "edge_broken", "import no_such_module\n", "broken"))
    done = edge("plugins", cwd=tmp_path, PYTHONPATH=site)
    assert done.code == 0 and "Traceback" not in done.err
    (line,) = [line for line in done.out.splitlines() if line.startswith("broken")]
    assert "edge_broken 1.2" in line and "no_such_module" in line


def test_devices(tmp_path):
    done = edge("devices", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "hilens_kit   FAIL  module 'hilens' is not installed (falls back to desktop)" in done.out
    rows = {row["name"]: row for row in json_of(edge("devices", "--json", cwd=tmp_path))}
    assert rows["dry"]["works"] and rows["desktop"]["works"] and not rows["hilens_kit"]["works"]
    assert rows["hilens_kit"]["fallback"] == "desktop" and rows["desktop"]["reason"].startswith("onnxruntime ")


# -- verbs of plugins -------------------------------------------------------------------------------------------------------

VERB = """
import click
from edge import SourceError, hookimpl

@click.command("shout")
@click.argument("word")
def shout(word):
    '''Say it aloud:  edge shout hello'''
    if word == "wrong":
        raise SourceError("shout: no voice is here; rest")
    click.echo(word.upper())

@hookimpl
def register_commands(register):
    register("shout", shout)
    register("run", shout)
"""


def test_a_plugin_adds_a_verb(tmp_path):
    site = str(distribution(tmp_path / "site", "edge_shout", VERB, "shout run"))
    done = edge("shout", "hello", cwd=tmp_path, PYTHONPATH=site)
    assert (done.code, done.out, done.err) == (0, "HELLO\n", "")
    done = edge("shout", "wrong", cwd=tmp_path, PYTHONPATH=site)
    assert (done.code, done.out, done.errors) == (4, "", ["shout: no voice is here; rest"])
    assert "Say it aloud" in edge("shout", "--help", cwd=tmp_path, PYTHONPATH=site).out
    done = edge("shot", "hello", cwd=tmp_path, PYTHONPATH=site)
    assert done.errors == ["there is no verb and no file 'shot'. Did you mean 'shout'? See 'edge --help'"]


def test_a_plugin_takes_no_verb_of_ours(tmp_path):
    site = str(distribution(tmp_path / "site", "edge_shout", VERB, "shout run"))
    assert "GRAPH" in edge("run", "--help", cwd=tmp_path, PYTHONPATH=site).out


def test_a_broken_plugin_costs_the_help_its_own_line(tmp_path):
    site = distribution(tmp_path / "site", "edge_shout", VERB, "shout")
    distribution(tmp_path / "site", "edge_broken", "import no_such_module\n", "broken")
    done = edge("--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert (done.code, done.err) == (0, "")
    assert "\n  shout " in done.out and "broken" not in done.out
    done = edge("broken", cwd=tmp_path, PYTHONPATH=str(site))
    why = "plugin 'broken' (edge_broken 1.2) failed to import: ModuleNotFoundError: No module named 'no_such_module'"
    assert (done.code, done.errors) == (3, [why])


def test_only_the_plugin_of_a_verb_is_imported(tmp_path):
    site = distribution(tmp_path / "site", "edge_shout", VERB, "shout")
    distribution(tmp_path / "site", "edge_loud", "print('imported')\n", "loud")
    assert edge("shout", "hello", cwd=tmp_path, PYTHONPATH=str(site)).out == "HELLO\n"


# -- usage ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, problem",
    [
        (["runn"], "there is no verb and no file 'runn'. Did you mean 'run'? See 'edge --help'"),
        (["run"], "Missing argument 'GRAPH'. See 'edge run --help'"),
        (["run", "a.yaml", "--secondz", "3"], "No such option '--secondz'. Did you mean '--seconds'? See 'edge run --help'"),
        (["a.yaml", "--frames", "-3"], "Invalid value for '--frames': -3 is not in the range x>=0. See 'edge run --help'"),
        (["a.yaml", "--frames", "x"], "Invalid value for '--frames': 'x' is not a valid integer range. See 'edge run --help'"),
        (["a.yaml", "b.yaml"], "Got unexpected extra argument (b.yaml) See 'edge run --help'"),
    ],
)
def test_usage(tmp_path, words, problem):
    done = edge(*words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.errors[0].replace(": --secondz", " '--secondz'") == problem and len(done.err.splitlines()) == 1


def test_help_and_version(tmp_path):
    done = edge(cwd=tmp_path)
    assert (done.code, done.out) == (2, "") and done.err.startswith("Usage: edge "), "no words at all"
    done = edge("--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "") and "Exit codes: 0 done, 2 usage," in " ".join(done.out.split())
    for verb in ("run", "validate", "plan", "plugins", "devices", "bench"):
        assert f"\n  {verb} " in done.out
        shown = edge(verb, "--help", cwd=tmp_path)
        assert shown.code == 0 and f"edge {verb}" in shown.out.split("Options:")[0].split("\n", 1)[1], "an example comes first"
    done = edge("--version", cwd=tmp_path)
    assert (done.code, done.out.strip()) == (0, f"edge, version {__version__}")


# -- signals ----------------------------------------------------------------------------------------------------------------


def until(process, words):
    """Read what a run says until it says this."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended, and never said {words!r}")


@pytest.mark.parametrize("workers", ["auto", "none"])
@pytest.mark.parametrize("number, reason", [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_drains(tmp_path, workers, number, reason):
    (tmp_path / "g.yaml").write_text(PICTURES)
    with start("g.yaml", "--workers", workers, "--report", "r.json", cwd=tmp_path) as process:
        until(process, f"out: {tmp_path}/pictures")  # it is open, and goes on for ever
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, ""), err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["exit"] == {"code": 0, "reason": reason}
    assert all(book["in_flight"] == 0 for book in report["edges"].values())
    camera = report["cameras"]["camera"]
    assert camera["admitted"] == camera["delivered"] == len(list((tmp_path / "pictures").glob("*.jpg")))


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_the_second_signal_ends_it_at_once(tmp_path, workers):
    """A stage that hangs in a pipe for ever, so that draining takes its time."""
    site = str(distribution(tmp_path / "site", "edge_another", ANOTHER, "stuck"))
    (tmp_path / "g.yaml").write_text(PICTURES.replace("use: images", "use: stuck").replace(", format: jpg", ""))
    os.mkfifo(tmp_path / "pictures")
    with start("g.yaml", "--workers", workers, cwd=tmp_path, PYTHONPATH=site) as process:
        os.close(os.open(tmp_path / "pictures", os.O_WRONLY))  # returns when the stage has opened its end, and lets it read
        keep = os.open(tmp_path / "pictures", os.O_RDWR)  # from now on it hangs
        process.send_signal(signal.SIGINT)
        until(process, "stopping: what is under way is finished; a second signal ends it at once")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        os.close(keep)
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    worker = int(pathlib.Path(tmp_path / "pictures.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


# -- streams ----------------------------------------------------------------------------------------------------------------


def shell(script, folder, *words):
    command = ["bash", "-c", script, "-", *COMMAND, *words]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_reader_that_leaves(tiny):
    """`| head -1`: no traceback, and a run goes on when nobody listens to it any more."""
    _, out, err = shell('"$@" | head -c 1', tiny, "plugins", "--json")
    assert (out, err) == ("{", "")
    code, out, err = shell('("$@"; echo "ended with $?" >code) 2>&1 | head -1', tiny, "tiny.yaml", "--report", "r.json")
    assert (out, err) == ("device: dry: always here; computes nothing\n", "")
    assert (tiny / "code").read_text() == "ended with 0\n"
    assert json.loads((tiny / "r.json").read_text())["sinks"]["out"]["frames"] == 30


@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-"])
def test_closed_streams(tiny, closed):
    code, out, err = shell(f'"$@" {closed}', tiny, "tiny.yaml", "--report", "r.json")
    assert (code, out, "Traceback" in err) == (0, "", False), err
    assert json.loads((tiny / "r.json").read_text())["sinks"]["out"]["frames"] == 30
