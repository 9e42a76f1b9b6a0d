"""A graph as it is written: words, options, --set, paths, devices."""

from __future__ import annotations

import pathlib

import pytest

from edge.core.errors import GraphError, UsageError
from edge.core.graph import Graph

GRAPH = """\
device: dry
stages:
  camera:
    use: file
    pace: fast
    each:
      door: {path: door.mp4}
      yard: {path: clips/yard.mp4, pace: real}
  square: {use: portrait, from: camera, size: 320, per: source}
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait, worker: net}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory, background: temple.jpg, keep: {every: 3}}
  out: {use: record, from: blend, path: "{source}.mp4", per: source}
"""


@pytest.fixture
def read(tmp_path):
    """`read(text, *sets)`: the graph of a file g.yaml in a folder of its own; the current folder is another."""

    def read(text=GRAPH, *sets, device=""):
        path = tmp_path / "g.yaml"
        path.write_text(text)
        return Graph.read(path, sets, device)

    return read


@pytest.fixture
def problems(read, tmp_path):
    def problems(text, *sets, device=""):
        with pytest.raises(GraphError) as caught:
            read(text, *sets, device=device).raise_problems()
        return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return problems


FROM = "stage 'out': 'from' says what it reads: a stage, or a map port: stage"


def stages(*lines):
    return "device: dry\nstages:\n  camera: {use: demo}\n" + "".join(f"  {line}\n" for line in lines)


def test_what_is_written_is_read(read, tmp_path):
    graph = read()
    graph.raise_problems()
    assert graph.name == "g" and list(graph.stages) == ["camera", "square", "matte", "memory", "blend", "out"]
    camera, matte = graph.stages["camera"], graph.stages["matte"]
    assert camera.is_source and camera.instances == {
        "door": {"pace": "fast", "path": tmp_path / "door.mp4"},
        "yard": {"pace": "real", "path": tmp_path / "clips" / "yard.mp4"},
    }
    assert [camera.full(suffix) for suffix in camera.instances] == ["camera.door", "camera.yard"]
    assert matte.feeds == {"image": "square", "prior": "memory"} and matte.pin == "net"
    assert graph.stages["square"].feeds == {"": "camera"} and graph.stages["square"].per_source
    assert (graph.stages["blend"].keep, graph.stages["memory"].keep) == (3, "all")
    assert matte.models["model"].name == "portrait"
    assert graph.device.to_dict()["resolved"] == "dry" and graph.runtime == {"runtime": "dry", "options": {}}


def test_display_is_what_the_profile_says(read):
    graph = read(stages("out: {use: display, from: camera}"))
    assert (graph.stages["out"].use, graph.stages["out"].is_display) == ("web", True)
    assert graph.stages["out"].keep == "latest", "the plugin's own"


def test_top(read):
    graph = read(
        "version: 1\nname: yard\nmax_age: 0.5\nrestart: {most: 1, within: 5}\ndevice: {use: dry}\nstages: {camera: {use: demo}}"
    )
    assert (graph.name, graph.max_age) == ("yard", 0.5)
    assert graph.restart == {"most": 1, "within": 5, "stall": 30.0}


# -- --set ------------------------------------------------------------------------------------------------------------------


def test_set_changes_an_option(read):
    graph = read(GRAPH, "square.size=64", "matte.model=selfie", "blend.keep=latest", "memory.worker=net")
    assert graph.stages["square"].instances[""]["size"] == 64
    assert graph.stages["matte"].instances[""]["model"] == "selfie"
    assert (graph.stages["blend"].keep, graph.stages["memory"].pin) == ("latest", "net")


def test_the_longest_stage_name_wins(read):
    graph = read(GRAPH, "camera.door.loop=true", "camera.pace=real")
    door, yard = graph.stages["camera"].instances.values()
    assert (door["loop"], "loop" in yard) == (True, False)
    assert (door["pace"], yard["pace"]) == ("real", "real")


def test_a_camera_may_be_written_without_options_of_its_own(read):
    text = stages().replace("{use: demo}", "{use: demo, each: {a: , b: {width: 64}}}")
    graph = read(text, "camera.a.width=128")
    graph.raise_problems()
    assert graph.stages["camera"].instances == {"a": {"width": 128}, "b": {"width": 64}}


def test_paths_are_relative_to_the_graph_and_those_of_set_to_the_current_folder(read, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    graph = read(GRAPH, "camera.door.path=clip.mp4", "out.path=../{source}.mp4")
    door, yard = graph.stages["camera"].instances.values()
    assert (door["path"], yard["path"]) == (tmp_path / "here" / "clip.mp4", tmp_path / "clips" / "yard.mp4")
    assert graph.stages["out"].instances[""]["path"] == tmp_path / "{source}.mp4"


def test_set_of_the_device_and_the_top(read):
    graph = read(GRAPH.replace("dry", "desktop"), "device.threads=2", "max_age=1.5", "restart.most=0", "name=yard")
    assert graph.runtime["options"]["threads"] == 2
    assert (graph.max_age, graph.restart["most"], graph.name) == (1.5, 0, "yard")
    assert read(GRAPH, "device=desktop").device.resolved == "desktop"
    assert read(GRAPH, "device.use=desktop").device.resolved == "desktop"
    assert read(GRAPH, device="desktop").device.resolved == "desktop"
    written = GRAPH.replace("dry", "{use: desktop, threads: 3}")
    assert read(written, device="dry").runtime == {"runtime": "dry", "options": {}}, "the file's options are of its device"
    assert read(GRAPH, "device.threads=2", device="desktop").runtime["options"]["threads"] == 2


@pytest.mark.parametrize(
    "words, problem",
    [
        ("squar.size=3", "there is no stage 'squar'. Did you mean 'square'?"),
        ("square=3", "which option of 'square'? Write square.option=value"),
        ("square.size", "write stage.option=value"),
        ("square.sise=3", "stage 'square': portrait has no option 'sise'. Did you mean 'size'?"),
        ("camera.dor.path=x", "'camera' has no camera 'dor'. Did you mean 'door'?"),
        ("square.size.x=3", "stage 'square': option 'size': expected a whole number, got a map"),
        ("square.sise.x=3", "stage 'square': portrait has no option 'sise'. Did you mean 'size'?"),
        ("blend.keep.evry=3", "stage 'blend': keep: latest, all, or {every: 3}; got {'every': 3, 'evry': 3}"),
        ("device.threads=1", "device: dry has no option 'threads'"),
        ("square.size=big", "stage 'square': option 'size': expected a whole number, got 'big'"),
        ("square.mirror=no", "stage 'square': option 'mirror': expected true or false, got 'no'"),
        ("square.use=portrat", "stage 'square' uses 'portrat', which no plugin provides. Did you mean 'portrait'? See "),
        ("square.from=camra", "stage 'square' reads from 'camra', which is not a stage here. Did you mean 'camera'?"),
        ("device=dri", "there is no device 'dri'. Did you mean 'dry'?"),
        ("max_age=old", "max_age: expected seconds, 0 for no limit, got 'old'"),
        ("restart.mosst=1", "restart has no 'mosst'. Did you mean 'most'?"),
    ],
)
def test_a_set_that_is_wrong(problems, words, problem):
    (found,) = problems(GRAPH, words)
    assert found.startswith(f"--set {words}: ") and problem in found


# -- problems ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, problem",
    [
        ("1: {use: discard, from: camera}", "g.yaml:4:3: 1 is no name for a stage: letters, digits, - and _"),
        ("a.b: {use: discard, from: camera}", "g.yaml:4:3: 'a.b' is no name for a stage: letters, digits, - and _"),
        ("out: discard", "g.yaml:4:8: stage 'out': expected a map like {use: file, path: clip.mp4}"),
        ("out: {from: camera}", "g.yaml:4:8: stage 'out': 'use' says which plugin it is, as in use: file"),
        ("out: {use: discard}", "g.yaml:4:8: " + FROM),
        ("out: {use: discard, from: }", "g.yaml:4:29: " + FROM),
        ("out: {use: discard, from: [camera]}", "g.yaml:4:29: " + FROM),
        ("two: {use: demo, from: camera}", "g.yaml:4:26: stage 'two': demo is a source, so it has no 'from'"),
        (
            "out: {use: discard, from: camera, keep: 3}",
            "g.yaml:4:43: stage 'out': keep: latest, all, or {every: 3}; got 3",
        ),
        (
            "out: {use: discard, from: camera, keep: {every: 0}}",
            "g.yaml:4:43: stage 'out': keep: latest, all, or {every: 3}; got {'every': 0}",
        ),
        (
            "out: {use: discard, from: camera, per: frame}",
            "g.yaml:4:42: stage 'out': per: source is all that there is, got 'frame'",
        ),
        ("out: {use: discard, from: camera, worker: a b}", "g.yaml:4:45: stage 'out': worker: a name, got 'a b'"),
        (
            "out: {use: discard, from: camera, each: {a: }}",
            "g.yaml:4:43: stage 'out': 'each' makes cameras; write 'per: source' for one discard per camera",
        ),
        ("two: {use: demo, each: [a]}", "g.yaml:4:26: stage 'two': each: a map camera: {options}, got ['a']"),
        ("two: {use: demo, each: {a: 3}}", "g.yaml:4:30: stage 'two': each: expected name: {options}, got 'a': 3"),
        (
            "two: {use: demo, each: {a: {wdth: 3}}}",
            "g.yaml:4:31: stage 'two': demo has no option 'wdth'. Did you mean 'width'?",
        ),
        (
            "two: {use: demo, each: {a: {width: x}}}",
            "g.yaml:4:38: stage 'two': option 'width': expected a whole number, got 'x'",
        ),
        ("out: {use: record, from: camera}", "g.yaml:4:8: stage 'out': record needs 'path': a path (the MP4 to write, "),
        (
            "out: {use: discard, from: camera, device: dri}",
            "g.yaml:4:45: stage 'out': there is no device 'dri'. Did you mean 'dry'?",
        ),
        (
            "out: {use: discard, from: camera, device: {use: desktop, thread: 2}}",
            "g.yaml:4:45: stage 'out': device: onnx has no option 'thread'. Did you mean 'threads'?",
        ),
    ],
)
def test_a_line_that_is_wrong(problems, line, problem):
    (found,) = problems(stages(line))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "top, problem",
    [
        ("version: 2", "g.yaml:1:10: version 2 is not known here: this is version 1"),
        ("stage: 1", "g.yaml:1:1: 'stage' is not a word of a graph. Did you mean 'stages'?"),
        ("max_age: -1", "g.yaml:1:10: max_age: expected seconds, 0 for no limit, got -1"),
        ("restart: 3", "g.yaml:1:10: restart: expected a map of most, within, stall, got 3"),
        ("restart: {most: many}", "g.yaml:1:17: restart: most is a number of 0 or more, got 'many'"),
        ("device: {use: dri}", "g.yaml:1:15: there is no device 'dri'. Did you mean 'dry'?"),
        ("device: {use: dry, threads: 1}", "g.yaml:1:29: device: dry has no option 'threads'"),
    ],
)
def test_a_top_that_is_wrong(problems, top, problem):
    assert problems(f"{top}\nstages:\n  camera: {{use: demo}}\n") == [problem]


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n"])
def test_a_document_that_is_no_map(problems, text):
    assert problems(text) == ["g.yaml:1:1: a graph is a map with 'stages:'; see graphs/file.yaml"]


def test_problems_come_at_once_in_the_order_of_the_file_each_once(problems):
    text = stages("b: {use: discrd, from: camra}", "a: {use: discard, from: b, x: 1}", "c: {use: resize, from: a, width: w}")
    assert problems(text + "foo: 1\n", "c.height=h", device="dri") == [
        "--device: there is no device 'dri'. Did you mean 'dry'?",
        "--set c.height=h: stage 'c': option 'height': expected a whole number, got 'h'",
        "g.yaml:4:12: stage 'b' uses 'discrd', which no plugin provides. Did you mean 'discard'? See 'edge plugins'",
        "g.yaml:5:30: stage 'a': discard has no option 'x'",
        "g.yaml:6:36: stage 'c': option 'width': expected a whole number, got 'w'",
        "g.yaml:7:1: 'foo' is not a word of a graph. There is: device, max_age, name, restart, stages, version",
    ]


@pytest.mark.parametrize(
    "lines, code",
    [
        (["m: {use: matting, from: camera, model: nothing}"], 5),
        (["m: {use: matting, from: camera, model: nothing}", "o: {use: discard, from: camera, x: 1}"], 3),
    ],
)
def test_the_exit_code_is_the_gravest(read, lines, code):
    with pytest.raises(GraphError) as caught:
        read(stages(*lines)).raise_problems()
    assert caught.value.code == code


def test_a_device_without_fallback_that_is_not_here(read, tmp_path, monkeypatch):
    from edge.core import profile

    folder = tmp_path / "devices"
    folder.mkdir()
    (folder / "kit.yaml").write_text("title: a kit\nruntime: hilens\nneeds: [no_such_sdk]\nsuffixes: [.om]\n")
    (folder / "dry.yaml").write_text("title: dry\nruntime: dry\n")
    monkeypatch.setattr(profile, "FOLDER", folder)
    profile.read.cache_clear()
    try:
        text = stages("m: {use: matting, from: camera, model: portrait}")
        with pytest.raises(GraphError) as caught:
            read(text, device="kit").raise_problems()
    finally:
        profile.read.cache_clear()
    why = "device 'kit' cannot run here: module 'no_such_sdk' is not installed. See 'edge devices'"
    assert (caught.value.code, caught.value.problems) == (4, [f"--device: {why}"]), "and nothing of models it would load"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="no such graph file"):
        Graph.read(pathlib.Path(tmp_path / "nothing.yaml"))
