"""What goes wrong, as a user meets it: one line a problem that says where, what and what to do; the exit code; no traceback."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
import zlib

import pytest
from commands import ROOT, distribution, edge

from edge.core.errors import hidden

GRAPH = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, frames: 3, pace: fast}
  small: {use: resize, from: camera, width: 32}
  out: {use: discard, from: small}
"""
PERSON = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, frames: 3, pace: fast}
  matte: {use: matting, from: camera, model: portrait}
  blend: {use: composite, from: matte}
  out: {use: discard, from: blend}
"""
FILM = """\
device: dry
stages:
  camera: {use: file, path: clip.mp4}
  out: {use: discard, from: camera}
"""
TAPE = """\
device: dry
stages:
  camera: {use: demo, width: 64, height: 64, frames: 30, pace: fast}
  out: {use: record, from: camera, path: result.mp4}
"""


def graph(folder, text, old="", new=""):
    assert old in text
    (folder / "g.yaml").write_text(text.replace(old, new) if old else text)
    return "g.yaml"


def refused(done, code, *problems):
    """It ended with this code and told exactly these problems, before it did anything."""
    assert (done.errors, done.code, done.out) == (list(problems), code, ""), done.err
    assert "Traceback" not in done.err


# -- words ----------------------------------------------------------------------------------------------------------------


WRONG_WORDS = {
    "device": (GRAPH, "device: dry", "device: dri", "g.yaml:1:9: there is no device 'dri'. Did you mean 'dry'?"),
    "stage in from": (
        GRAPH,
        "from: camera",
        "from: camra",
        "g.yaml:4:30: stage 'small' reads from 'camra', which is not a stage here. Did you mean 'camera'?",
    ),
    "option": (
        GRAPH,
        "frames: 3",
        "frmes: 3",
        "g.yaml:3:46: stage 'camera': demo has no option 'frmes'. Did you mean 'frames'?",
    ),
    "port": (
        GRAPH,
        "from: camera",
        "from: {imag: camera}",
        "g.yaml:4:31: stage 'small': resize has no port 'imag'. Did you mean 'image'?",
    ),
    "use": (
        GRAPH,
        "use: resize",
        "use: resise",
        "g.yaml:4:16: stage 'small' uses 'resise', which no plugin provides. Did you mean 'resize'? See 'edge plugins'",
    ),
    "top": (GRAPH, "stages:", "stage:\nstages:", "g.yaml:2:1: 'stage' is not a word of a graph. Did you mean 'stages'?"),
    "cycle": (
        GRAPH,
        "from: camera",
        "from: out",
        "g.yaml:4:30: stage 'small' waits for itself (small ← out ← small): "
        "only a previous-port, like matting's 'prior', may close a loop",
    ),
    "missing option": (
        PERSON,
        ", model: portrait",
        "",
        "g.yaml:4:10: stage 'matte': matting needs 'model': a model's name or path "
        "(the network: a name of those shipped, or a path to a file with a contract beside it)",
    ),
    "wrong type": (
        GRAPH,
        "width: 32",
        "width: wide",
        "g.yaml:4:45: stage 'small': option 'width': expected a whole number, got 'wide'",
    ),
    "nobody makes it": (
        PERSON,
        "from: matte",
        "from: camera",
        "g.yaml:5:10: stage 'blend': composite needs 'alpha', which nothing before it makes",
    ),
    "not made by the one named": (
        PERSON,
        "from: matte",
        "from: {image: camera, alpha: matte.alfa}",
        "g.yaml:5:56: stage 'blend': 'matte' does not make 'alfa': it makes 'raw', 'alpha' and 'route'",
    ),
    "port of another type": (
        PERSON,
        "from: matte",
        "from: {image: camera, alpha: camera.image}",
        "g.yaml:5:33: stage 'blend': port 'alpha' takes Alpha, but 'camera' makes Image as 'image'",
    ),
    "no stages": (
        "device: dry\nstages: {}\n",
        "",
        "",
        "g.yaml:2:9: a graph needs 'stages:', a map of name: {use: ..., from: ...}",
    ),
}


@pytest.mark.parametrize("which", WRONG_WORDS)
def test_a_wrong_word_is_told_with_its_place(tmp_path, which):
    text, old, new, problem = WRONG_WORDS[which]
    refused(edge(graph(tmp_path, text, old, new), cwd=tmp_path), 3, problem)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path):
    (tmp_path / "g.yaml").write_text("""\
device: dri
stages:
  camera: {use: demo, width: 64, heigth: 64}
  small: {use: resize, from: {imag: camera}, width: 32}
  matte: {use: matting, from: camera, model: portrai}
  big: {use: resize, from: camra, width: x}
  blend: {use: composite, from: small}
  odd: {use: discrad, from: small}
  rec: {use: record, from: odd, path: a.txt}
  wrong: {use: discard, from: {image: small.alpha}}
max_age: old
""")
    done = edge("g.yaml", "--set", "smal.width=3", "--set", "small.widht=3", cwd=tmp_path)
    refused(
        done,
        3,
        "--set smal.width=3: there is no stage 'smal'. Did you mean 'small'?",
        "--set small.widht=3: stage 'small': resize has no option 'widht'. Did you mean 'width'?",
        "g.yaml:1:9: there is no device 'dri'. Did you mean 'dry'?",
        "g.yaml:3:34: stage 'camera': demo has no option 'heigth'. Did you mean 'height'?",
        "g.yaml:4:31: stage 'small': resize has no port 'imag'. Did you mean 'image'?",
        "g.yaml:6:28: stage 'big' reads from 'camra', which is not a stage here. Did you mean 'camera'?",
        "g.yaml:6:42: stage 'big': option 'width': expected a whole number, got 'x'",
        "g.yaml:8:14: stage 'odd' uses 'discrad', which no plugin provides. Did you mean 'discard'? See 'edge plugins'",
        "g.yaml:9:39: stage 'rec': option 'path': 'a.txt' does not end in .mp4",
        "g.yaml:10:39: stage 'wrong': 'small' does not make 'alpha': it makes 'image' and 'truth'",
        "g.yaml:11:10: max_age: expected seconds, 0 for no limit, got 'old'",
    )


def test_device_and_set_on_the_command_line(tmp_path):
    words = [graph(tmp_path, GRAPH), "--device", "deskop", "--set", "small.width=wide", "--set", "width=3", "--set", "small"]
    refused(
        edge(*words, cwd=tmp_path),
        3,
        "--set width=3: there is no stage 'width'. There is: camera, device, max_age, name, out, restart, small",
        "--set small: write stage.option=value",
        "--device: there is no device 'deskop'. Did you mean 'desktop'?",
        "--set small.width=wide: stage 'small': option 'width': expected a whole number, got 'wide'",
    )


def test_no_secret_is_repeated(tmp_path):
    done = edge(graph(tmp_path, GRAPH), "--set", "camera.path=rtsp://me:S3CR/ET@host/1", cwd=tmp_path)
    refused(
        done,
        3,
        "--set camera.path=rtsp://***@host/1: stage 'camera': demo has no option 'path'. Did you mean 'pace'?",
    )


# -- files of the graph ------------------------------------------------------------------------------------------------------


def test_the_graph_file(tmp_path):
    (tmp_path / "clips.yaml").write_text("")
    refused(edge("nothing.yaml", cwd=tmp_path), 2, "nothing.yaml: no such graph file")
    refused(edge("clip.yaml", cwd=tmp_path), 2, "clip.yaml: no such graph file. Did you mean 'clips.yaml'?")
    refused(edge(".", cwd=tmp_path), 2, ".: is a folder, not a graph file")
    hint = "a graph has at least 'stages:'; see graphs/file.yaml"
    refused(edge("clips.yaml", cwd=tmp_path), 3, f"clips.yaml:1:1: the file is empty: {hint}")


def damaged(folder, which):
    good = (ROOT / "models" / "portrait.onnx").read_bytes()
    flipped = bytes((*good[:-9], good[-9] ^ 1, *good[-8:]))
    data = {
        "portrait": flipped,
        "truncated": good[: len(good) // 2],
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n",
        "page": b"<!DOCTYPE html>\n<html><body>404</body></html>",
        "empty": b"",
        "other": b"PK\3\4" + bytes(4000),
    }
    if which in data:
        (folder / f"{which}.onnx").write_bytes(data[which])
    return f"./{which}.onnx"


@pytest.mark.parametrize(
    "which, why",
    [
        ("portrait", r"has the wrong sha256 \(\w+…, contract 'portrait' says \w+…\): .*; download it again, .*"),
        ("truncated", r"is truncated: its graph has \d+ bytes, \d+ are there; download it again"),
        ("pointer", "is a git-lfs pointer, not the model: run `git lfs pull`, or download the file itself"),
        ("page", "is a web page, not a model: the link was not to the file itself; download it again"),
        ("empty", "is empty: download it again"),
        ("other", r"is not an ONNX model: no graph in it; give the \.onnx file itself"),
        ("absent", "does not exist: check the path, or give the name of a known model"),
    ],
)
def test_a_model_that_is_none(tmp_path, which, why):
    done = edge(graph(tmp_path, PERSON), "--set", f"matte.model={damaged(tmp_path, which)}", cwd=tmp_path)
    [problem] = done.errors
    assert re.fullmatch(
        rf"--set matte\.model=\./{which}\.onnx: stage 'matte': {re.escape(str(tmp_path))}/{which}\.onnx {why}", problem
    )
    refused(done, 5, problem)


def test_an_unknown_model(tmp_path):
    done = edge(graph(tmp_path, PERSON, "model: portrait", "model: portrai"), cwd=tmp_path)
    assert done.errors[0].startswith(
        "g.yaml:4:46: stage 'matte': model 'portrai' is not known. Did you mean 'portrait'? Known: meet, modnet, "
    )
    refused(done, 5, *done.errors[:1])


# -- what a source reads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, content, why",
    [
        ("missing.mp4", None, "does not exist; relative paths start at the graph file's folder"),
        ("text.mp4", b"hello, film\n" * 20, "is text, not a video; name a video"),
        ("empty.mp4", b"", "is empty; copy or record it again"),
        ("page.mp4", b"<html><body>404</body></html>", "is a web page (HTML), not a video; download the video itself"),
        (
            "noise.mp4",
            bytes(range(256)) * 40,
            "no video that this build of OpenCV can decode; convert it to H.264 in MP4 or MKV, or check that it is a video",
        ),
        (
            "folder.mp4",
            "folder",
            "is a folder; name a video in it, or read a folder of pictures with 'use: images'",
        ),
    ],
)
def test_a_video_that_is_none(tmp_path, name, content, why):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    refused(edge(graph(tmp_path, FILM, "clip.mp4", name), cwd=tmp_path), 4, f"camera: {path}: {why}")


def bomb(path, side=30000):
    """A PNG of a few kilobytes that would decode to gigabytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * side) * 100)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def test_a_picture_that_decodes_to_gigabytes(tmp_path):
    (tmp_path / "pictures").mkdir()
    bomb(tmp_path / "pictures" / "big.png")
    (tmp_path / "g.yaml").write_text(FILM.replace("use: file, path: clip.mp4", "use: images, path: pictures"))
    refused(
        edge("g.yaml", cwd=tmp_path),
        4,
        f"camera: {tmp_path}/pictures: none of 1 pictures can be read; the first: big.png would decode to 900 Mpixel; "
        "the most is 67: make it smaller",
    )
    done = edge(graph(tmp_path, PERSON, "from: matte", "from: matte, background: pictures/big.png"), cwd=tmp_path)
    refused(
        done,
        4,
        f"g.yaml:5:52: stage 'blend': option 'background': {tmp_path}/pictures/big.png: "
        "30000 × 30000 pixels are more than 64 million; make it smaller",
    )


def test_a_background_that_is_not_here(tmp_path):
    done = edge(graph(tmp_path, PERSON, "from: matte", "from: matte, background: tempel.jpg"), cwd=tmp_path)
    refused(
        done,
        4,
        "g.yaml:5:52: stage 'blend': option 'background': no such picture or video: 'tempel.jpg'. Did you mean 'temple.jpg'?",
    )


# -- what a sink writes ------------------------------------------------------------------------------------------------------


def at_its_end(done, code, *problems):
    """It began, and ended with this code and these problems, each told once."""
    assert (done.errors, done.code, done.out) == (list(problems), code, ""), done.err
    assert "Traceback" not in done.err
    for problem in problems:
        assert done.err.count(problem) == 1, done.err


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_a_port_in_use(tmp_path, workers):
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        text = TAPE.replace("use: record, from: camera, path: result.mp4", f"use: web, from: camera, port: {port}")
        done = edge(graph(tmp_path, text), "--workers", workers, cwd=tmp_path)
    advice = "give another `port`, or leave it out to take the next free one"
    at_its_end(done, 4, f"out: web: port {port} is in use; {advice}")
    assert "captured" not in done.err, "no camera runs when a stage cannot open"


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_no_permission_on_the_output(tmp_path, workers):
    """Where root may not write either."""
    done = edge(graph(tmp_path, TAPE, "result.mp4", "/proc/result.mp4"), "--workers", workers, cwd=tmp_path)
    at_its_end(done, 4, "out: /proc/result.mp4: No such file or directory; give a path that may be written")


def test_an_output_below_a_file_and_one_that_is_a_folder(tmp_path):
    (tmp_path / "file").touch()
    done = edge(graph(tmp_path, TAPE, "result.mp4", "file/result.mp4"), cwd=tmp_path)
    at_its_end(done, 4, f"out: {tmp_path}/file/result.mp4: {tmp_path}/file is, or lies below, a file; give another path")
    (tmp_path / "x.mp4").mkdir()
    done = edge(graph(tmp_path, TAPE, "result.mp4", "x.mp4"), cwd=tmp_path)
    at_its_end(done, 4, f"out: {tmp_path}/x.mp4: is a folder; give the MP4 a name in it")


def tiny_disk():
    """Words that run a command with a disk of one megabyte mounted at ./disk, seen by nobody else."""
    script = 'mount -t tmpfs -o size=1m t disk && exec "$@"'
    words = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "-")
    return words if shutil.which("unshare") else ()


@pytest.mark.parametrize("sink", ["record", "images"])
def test_a_full_disk(tmp_path, sink):
    (tmp_path / "disk").mkdir()
    if not tiny_disk() or subprocess.run([*tiny_disk(), "true"], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk in a namespace of its own (unshare --user --mount)")
    path = {"record": "disk/result.mp4", "images": "disk/pictures"}[sink]
    text = TAPE.replace("use: record", f"use: {sink}").replace("result.mp4", path)
    done = edge(graph(tmp_path, text), cwd=tmp_path, before=tiny_disk())
    [problem] = done.errors
    at_its_end(done, 4, problem)
    assert problem.startswith(f"out: {tmp_path}/{path}") and ": the disk is full" in problem
    assert "no frame" not in done.err, "it is not the camera's fault"


@pytest.mark.parametrize("place", ["/proc/r.json", "file/r.json", "."])
def test_a_report_that_cannot_be_written_is_told_before_the_run(tmp_path, place):
    (tmp_path / "file").touch()
    why = {"/proc/r.json": "No such file or directory", "file/r.json": "Not a directory", ".": "Is a directory"}[place]
    done = edge(graph(tmp_path, GRAPH), "--report", place, cwd=tmp_path)
    refused(done, 4, f"--report {place}: {why}; give a file that may be written")


def test_a_run_directory_in_use(tmp_path):
    import fcntl

    folder = tmp_path / "run"
    folder.mkdir()
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4321")
        lock.flush()
        done = edge(graph(tmp_path, GRAPH), "--run-dir", "run", cwd=tmp_path)
    advice = "stop that run, or give another --run-dir"
    at_its_end(done, 75, f"run directory {folder} is in use by process 4321: {advice}")
    assert edge("g.yaml", "--run-dir", "run", cwd=tmp_path).code == 0, "a lock is gone with its process"


def test_a_run_directory_that_cannot_be(tmp_path):
    done = edge(graph(tmp_path, GRAPH), "--run-dir", "/proc/run", cwd=tmp_path)
    at_its_end(done, 4, "run directory /proc/run: No such file or directory; choose another with --run-dir")


# -- plugins -------------------------------------------------------------------------------------------------------------------


STAGES = """
import os
import numpy as np
from edge import Image, Source, SourceError, Spec, Stage, hookimpl

class Check(Stage):
    def check(self): return {"x": 1 / 0}
    def process(self, image: Image): pass

class Size(Stage):
    makes = {"image": Image}
    def spec(self, inputs): return {}["size"]
    def process(self, image: Image): return {"image": image}

class Open(Stage):
    def open(self, context): raise KeyError("key")
    def process(self, image: Image): pass

class Always(Stage):
    def process(self, image: Image): raise ValueError("a bad day")

class Torn(Source):
    looks = False
    def spec(self, inputs): return {"image": Spec(Image, (64, 64, 3), "bgr")}
    def capture(self):
        yield np.zeros((64, 64, 3), np.uint8)
        raise SourceError("the tape is torn; mend it")

@hookimpl
def register_stages(register):
    for name, cls in [("badcheck", Check), ("badsize", Size), ("badopen", Open), ("always", Always), ("torn", Torn)]:
        register(name, cls)
"""


@pytest.fixture(scope="module")
def third_party(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    distribution(folder, "edge_bad", STAGES, "badcheck badsize badopen always torn nothere")
    distribution(folder, "edge_broken", "import no_such_module\n", "broken")
    distribution(folder, "edge_leaving", "raise SystemExit('bye')\n", "leaving")
    return str(folder)


@pytest.mark.parametrize(
    "use, problem",
    [
        (
            "broken",
            "plugin 'broken' (edge_broken 1.2) failed to import: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("leaving", "plugin 'leaving' (edge_leaving 1.2) failed to import: SystemExit: bye"),
        ("nothere", "plugin 'nothere' (edge_bad 1.2) registers no stage of that name"),
        ("badcheck", "badcheck.check failed: ZeroDivisionError: division by zero"),
        ("badsize", "badsize.spec failed: KeyError: 'size'"),
    ],
)
def test_a_plugin_that_does_not_work(tmp_path, third_party, use, problem):
    done = edge(graph(tmp_path, GRAPH, "use: discard", f"use: {use}"), cwd=tmp_path, PYTHONPATH=third_party)
    place = "5:8" if use.startswith("bad") else "5:14"
    refused(done, 3, f"g.yaml:{place}: stage 'out': {problem}")


def test_a_broken_plugin_matters_only_to_the_graphs_that_use_it(tmp_path, third_party):
    assert edge(graph(tmp_path, GRAPH), cwd=tmp_path, PYTHONPATH=third_party).code == 0


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_a_plugin_that_fails_to_open(tmp_path, third_party, workers):
    name = graph(tmp_path, GRAPH, "use: discard", "use: badopen")
    done = edge(name, "--workers", workers, cwd=tmp_path, PYTHONPATH=third_party)
    at_its_end(done, 6, "out: badopen failed to open: KeyError: 'key'")


def test_a_stage_that_fails_on_every_frame(tmp_path, third_party):
    text = GRAPH.replace("use: discard", "use: always").replace("frames: 3", "frames: 60") + "restart: {most: 1}\n"
    done = edge(graph(tmp_path, text), cwd=tmp_path, PYTHONPATH=third_party)
    why = "stage 'out' failed on 5 frames in a row, last with ValueError: a bad day"
    assert (done.code, done.errors) == (6, [f"worker 'out' died more than 1 times in 30 s; last: {why}"]), done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("workers", ["auto", "none"])
def test_a_source_that_fails_on_the_way(tmp_path, third_party, workers):
    text = GRAPH.replace("use: demo, width: 64, height: 64, frames: 3, pace: fast", "use: torn")
    done = edge(graph(tmp_path, text), "--workers", workers, cwd=tmp_path, PYTHONPATH=third_party)
    at_its_end(done, 4, "camera: the tape is torn; mend it")
    assert "camera: failed, 1 captured, 1 delivered, 0 dropped" in done.err


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("door: rtsp://admin:S3CRET@10.0.0.12/main is away", "door: rtsp://***@10.0.0.12/main is away"),
        ("--set door.address=rtsp:/admin:S3CRET/@x@cam: no", "--set door.address=rtsp://***@cam: no"),
        ("--set door.credentials=admin:S3CRET: must be env:NAME", "--set door.credentials=***: must be env:NAME"),
        ("http://127.0.0.1:8080/?token=S3CRET", "http://127.0.0.1:8080/?token=***"),
        ("--set door.credentials=env:9: must be env:NAME", "--set door.credentials=env:9: must be env:NAME"),
        ("clip.mp4: no such file", "clip.mp4: no such file"),
    ],
)
def test_what_is_secret_is_hidden_from_a_line(told, shown):
    assert hidden(told) == shown
