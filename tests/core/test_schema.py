"""The JSON Schema of a graph: it takes what the compiler takes, and refuses, place by place, what the compiler refuses."""

from __future__ import annotations

import copy
import functools
import json
import pathlib
from typing import Any

import jsonschema
import pytest
import yaml
from commands import ROOT, distribution, edge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core import graph, hooks, profile
from edge.core.document import Document
from edge.core.graph import Graph
from edge.core.model import known
from edge.core.options import declared
from edge.core.schema import HEADER, schema

SHIPPED = [*sorted((ROOT / "graphs").glob("*.yaml")), *sorted((ROOT / "examples").glob("*.yaml"))]
FILE = ROOT / "graphs" / "graph.schema.json"

WHOLE = """\
version: 1
name: yard
device: {use: desktop, threads: 2}
max_age: 0.5
restart: {most: 1, within: 5, stall: 20.5}
stages:
  camera:
    use: file
    pace: real
    each:
      door: {path: door.mp4}
      yard: {path: clips/yard.mp4, loop: true}
  square:
    use: portrait
    from: camera
    size: ${SIZE:-320}
    per: source
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait, worker: net, device: dry}
  memory: {use: temporal, from: matte, smooth: 0.5}
  blend: {use: composite, from: memory, background: temple.jpg, view: checker, keep: {every: 3}}
  out: {use: record, from: blend, path: "{source}.mp4", per: source}
  pictures: {use: images, from: blend, path: made}
  more: {use: images, path: pictures, pace: real, fps: 5}
  wall: {use: display, from: more, keep: latest, port: 8081}
"""


@functools.cache
def built_in() -> jsonschema.Draft202012Validator:
    """Of what is built in: what else is installed on a machine is no matter."""
    return jsonschema.Draft202012Validator(schema(built_in=True))


@pytest.fixture(name="checker")
def _checker() -> jsonschema.Draft202012Validator:
    return built_in()


def read(value: Any) -> Any:
    return yaml.safe_load(value) if isinstance(value, str) else value


def refused(checker: jsonschema.Draft202012Validator, value: Any) -> bool:
    return not checker.is_valid(read(value))


def compiled(value: Any) -> list[str]:
    """What the compiler says of it, word by word: nothing of models and files that are not here."""
    document = Document("g.yaml", value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False))
    return [text for _, text, code in Graph(document, pathlib.Path("/graphs")).problems if code == 3]


def stages(line: str) -> str:
    return f"stages:\n  camera: {{use: demo}}\n  {line}\n"


def test_it_is_a_schema(checker):
    jsonschema.Draft202012Validator.check_schema(checker.schema)
    assert checker.schema["$schema"].endswith("2020-12/schema")
    text = json.dumps(checker.schema)
    for ref in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert ref in checker.schema["$defs"], "every reference leads somewhere"


def test_what_is_shipped_is_valid_and_says_where_its_schema_is(checker):
    assert len(SHIPPED) >= 5
    for path in SHIPPED:
        text = path.read_text(encoding="utf-8")
        checker.validate(yaml.safe_load(text))
        (line,) = [line for line in text.splitlines() if line.startswith(HEADER)]
        assert (path.parent / line.removeprefix(HEADER)).resolve() == FILE, "of this checkout, and of the wheel"


def test_the_file_in_the_repository_is_up_to_date(checker):
    assert json.loads(FILE.read_text(encoding="utf-8")) == checker.schema, "run `make docs`"


def test_every_word_is_taken(checker):
    checker.validate(yaml.safe_load(WHOLE))
    assert compiled(WHOLE) == []
    assert set(checker.schema["properties"]) == set(graph.TOP)
    assert set(checker.schema["properties"]["restart"]["properties"]) == set(graph.RESTART)
    words = set()
    for name, part in checker.schema["$defs"].items():
        if name in ("file.source", "record.sink"):
            words |= set(part["properties"])
    assert words >= set(graph.RESERVED)


def test_the_options_are_those_of_the_plugins(checker):
    for name in ("file", "images", "composite", "record", "web"):
        for reads in (False, True):
            cls = hooks.stage_class(name, reads)
            kind = next(k for k in ("source", "stage", "sink") if f"{name}.{k}" in checker.schema["$defs"] and _is(cls, k))
            properties = checker.schema["$defs"][f"{name}.{kind}"]["properties"]
            for option in declared(cls).values():
                assert properties[option.name].get("description", "") == option.doc
                if isinstance(option.default, (int, float, bool)):
                    assert properties[option.name]["default"] == option.default
            assert ("each" in properties, "from" in properties) == ((kind == "source"), (kind != "source"))


def _is(cls: Any, kind: str) -> bool:
    return kind == ("source" if hasattr(cls, "capture") else "stage" if cls.makes else "sink")


def test_it_names_devices_models_and_assets(checker):
    text = json.dumps(checker.schema)
    assert set(checker.schema["$defs"]["device"]["anyOf"][0]["enum"]) >= set(profile.names())
    assert json.dumps(known()) in text and '"temple.jpg"' in text
    view = checker.schema["$defs"]["composite.stage"]["properties"]["view"]
    assert view["anyOf"][0]["enum"] == ["result", "side_by_side", "alpha", "checker"] or "enum" in view["anyOf"][0]


WRONG = [
    "stages: {}",
    "stages: [camera]",
    "- stages",
    "version: 1",
    "version: 2\n" + stages(""),
    "stage: 1\n" + stages(""),
    "max_age: -1\n" + stages(""),
    "max_age: old\n" + stages(""),
    "restart: 3\n" + stages(""),
    "restart: {mosst: 1}\n" + stages(""),
    "restart: {most: many}\n" + stages(""),
    "device: dri\n" + stages(""),
    "device: {use: dri}\n" + stages(""),
    "device: {use: dry, threads: 1}\n" + stages(""),
    "device: {use: desktop, thread: 1}\n" + stages(""),
    "device: {thread: 1}\n" + stages(""),
    "device: {use: desktop, providers: CPU}\n" + stages(""),
    stages("1: {use: discard, from: camera}"),
    stages("a.b: {use: discard, from: camera}"),
    stages("out: discard"),
    stages("out: {from: camera}"),
    stages("out: {use: 3, from: camera}"),
    stages("out: {use: discrd, from: camera}"),
    stages("out: {use: discard}"),
    stages("out: {use: discard, from: }"),
    stages("out: {use: discard, from: {}}"),
    stages("out: {use: discard, from: [camera]}"),
    stages("out: {use: discard, from: {image: 3}}"),
    stages("two: {use: demo, from: camera}"),
    stages("out: {use: discard, from: camera, keep: 3}"),
    stages("out: {use: discard, from: camera, keep: {every: 0}}"),
    stages("out: {use: discard, from: camera, keep: {evry: 2}}"),
    stages("out: {use: discard, from: camera, per: frame}"),
    stages("out: {use: discard, from: camera, worker: a b}"),
    stages("out: {use: discard, from: camera, each: {a: }}"),
    stages("out: {use: discard, from: camera, device: dri}"),
    stages("out: {use: discard, from: camera, device: {use: desktop, thread: 2}}"),
    stages("out: {use: discard, from: camera, x: 1}"),
    stages("two: {use: demo, each: [a]}"),
    stages("two: {use: demo, each: {}}"),
    stages("two: {use: demo, each: {a: 3}}"),
    stages("two: {use: demo, each: {a b: }}"),
    stages("two: {use: demo, each: {a: {wdth: 3}}}"),
    stages("two: {use: demo, each: {a: {width: x}}}"),
    stages("two: {use: demo, each: {a: {use: file}}}"),
    stages("two: {use: demo, wdth: 3}"),
    stages("two: {use: demo, width: true}"),
    stages("two: {use: demo, width: }"),
    stages("two: {use: demo, width: 2.5}"),
    stages("two: {use: file}"),
    stages("two: {use: file, path: 3}"),
    stages("two: {use: file, each: {a: {path: a.mp4}, b: {loop: true}}}"),
    stages("two: {use: file, each: {a: {path: a.mp4}, b: }}"),
    stages("two: {use: file, path: a.mp4, loop: maybe}"),
    stages("two: {use: file, path: a.mp4, pace: slow}"),
    stages("out: {use: record, from: camera}"),
    stages("out: {use: record, from: camera, path: a.mp4, fps: fast}"),
    stages("out: {use: composite, from: camera, view: checkers}"),
    stages("out: {use: images, from: camera}"),
    stages("out: {use: display, from: camera, prt: 80}"),
    stages("out: {use: display}"),
    stages("out: {use: matting, from: camera, model: portrait, route: ful}"),
    stages("out: {use: matting, from: camera, model: portrait, route: {use: periodic, kk: 2}}"),
    stages("out: {use: matting, from: camera, model: portrait, route: {use: periodic, k: two}}"),
    stages("out: {use: matting, from: camera, model: portrait, route: 3}"),
]


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_refused_by_both(checker, text):
    assert refused(checker, text)
    with_problems = text in ("- stages",) or compiled(text)
    assert with_problems, "and by the compiler"


RIGHT = [
    stages("two: {use: demo, width: '${WIDTH}'}"),
    stages("two: {use: file, path: '${CLIP}', loop: '${LOOP:-true}', pace: '${PACE:-real}'}"),
    stages("two: {use: file, path: a.mp4, each: {a: , b: {loop: true}}}"),
    stages("out: {use: '${SINK:-discard}', from: camera, anything: 3}"),
    stages("out: {use: images, from: camera, path: made, format: jpg}"),
    stages("in: {use: images, path: made, loop: true}"),
    stages("out: {use: discard, from: camera, device: {threads: 2}}"),
    stages("out: {use: matting, from: camera, model: portrait, route: {use: periodic, k: 3}}"),
    stages("out: {use: matting, from: camera, model: portrait, route: full}"),
    "device: {threads: 2}\n" + stages(""),
    "device: {use: hilens_kit, threads: 2}\n" + stages(""),
    "device: \n" + stages(""),
    "max_age: ${AGE:-0.5}\nrestart: {}\n" + stages(""),
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_may_be_written_is_taken(checker, text):
    checker.validate(read(text))


# -- the compiler's mistakes, planted one at a time ---------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5]),
    st.sampled_from(["", "camera", "source", "latest", "all", "text", "real", "dry", "a b", "result"]),
    st.just([]),
    st.just(["a"]),
    st.just({}),
    st.just({"every": 2}),
    st.just({"use": "dry"}),
    st.just({"a": {}}),
    st.just({"image": "camera"}),
)
WORDS = st.sampled_from(
    [*graph.TOP, *graph.RESERVED, *graph.RESTART, "path", "width", "loop", "view", "fps", "port", "model", "sise", "a b"]
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, the whole left out."""
    inside = value.items() if isinstance(value, dict) else ()
    return [place for key, held in inside for place in [(*at, key), *places(held, (*at, key))]]


@st.composite
def mistaken(draw: Any) -> Any:
    """A whole graph in which one word is another, is more, or is missing."""
    value = copy.deepcopy(yaml.safe_load(WHOLE))
    place = draw(st.sampled_from(places(value)))
    holder = value
    for step in place[:-1]:
        holder = holder[step]
    how = draw(st.sampled_from(["change", "add", "remove", "rename"]))
    if how == "change":
        holder[place[-1]] = draw(VALUES)
    elif how == "add":
        holder.setdefault(draw(WORDS), draw(VALUES))
    elif how == "remove" or str(holder[place[-1]]).startswith("${"):  # what stands in a variable, no schema knows
        del holder[place[-1]]
    else:
        holder[draw(WORDS)] = holder.pop(place[-1])
    return value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=mistaken())
def test_it_agrees_with_the_compiler(value):
    """What is wrong in one place is refused by both; what is wrong between two places (a `from` without its stage) by the
    compiler alone; an empty device or a worker called True by the schema alone."""
    text = yaml.safe_dump(value, sort_keys=False)
    problems = [problem for problem in compiled(text) if "is not a stage here" not in problem]
    found = list(built_in().iter_errors(yaml.safe_load(text)))
    if any("device: onnx has no option" in problem for problem in problems):
        return  # of a stage's own device without `use`, whose options depend on the graph's
    assert found or not problems, problems
    strict = [error for error in found if {"device", "version", "worker"}.isdisjoint(error.absolute_path)]
    assert problems or not strict, strict[0].message


# -- the command --------------------------------------------------------------------------------------------------------------


def test_the_command_knows_what_is_installed(tmp_path):
    code = """
from edge import Image, Stage, hookimpl

class Tint(Stage):
    hue: int  # of the light, 0..255
    makes = {"image": Image}

    def process(self, image: Image):
        return {"image": image}

@hookimpl
def register_stages(register):
    register("tint", Tint)
"""
    site = str(distribution(tmp_path / "site", "edge_tint", code, "tint"))
    distribution(tmp_path / "site", "edge_broken", "import no_such_module\n", "broken")
    done = edge("schema", cwd=tmp_path, PYTHONPATH=site)
    assert (done.code, done.err) == (0, "")
    checker = jsonschema.Draft202012Validator(json.loads(done.out))
    assert checker.is_valid(read(stages("out: {use: tint, from: camera, hue: 3}")))
    assert not checker.is_valid(read(stages("out: {use: tint, from: camera}")))
    assert not checker.is_valid(read(stages("out: {use: broken, from: camera}"))), "and edge validate says why"
