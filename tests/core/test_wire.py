"""What feeds what: the nearest maker, named ports and values, cameras, loops, branches that skip; and what cannot be wired."""

from __future__ import annotations

import pytest
from commands import distribution

from edge.core import hooks
from edge.core.errors import EdgeError, GraphError, SourceError
from edge.core.frame import Alpha, Image, Prior
from edge.core.wire import compile_graph

CAMERA = "camera: {use: demo, width: 64, height: 64, pace: fast}"
CAMERAS = "camera: {use: demo, width: 64, height: 64, pace: fast, each: {door: , yard: {width: 128}}}"
PERSON = ["square: {use: portrait, from: camera}", "matte: {use: matting, from: square, model: portrait}"]
LOOP = [
    PERSON[0],
    "matte: {use: matting, from: {image: square, prior: memory}, model: portrait}",
    "memory: {use: temporal, from: matte}",
]

ODD = """
from typing import Optional
import numpy as np
from edge import Alpha, Image, Stage, hookimpl

class Facts(Stage):
    makes = {"faces": int, "image": Image}
    def process(self, image: Image): return {"faces": 1, "image": image}

class Wants(Stage):
    def process(self, image: Image, faces: int, alpha: Alpha = None, mood: str = None, truth: Optional[Alpha] = None): pass

class Two(Stage):
    makes = {"left": Image, "right": Image}
    def process(self, image: Image): return {"left": image, "right": image}

class Ports(Stage):
    names: str = "image"
    makes = {"image": Image}
    def ports(self): return {name: Image for name in self.names.split()}
    def process(self, **planes): return {"image": next(iter(planes.values()))}

class Odd(Stage):
    def process(self, image: "NoSuchType"): pass

@hookimpl
def register_stages(register):
    for name, cls in [("facts", Facts), ("wants", Wants), ("two", Two), ("ports", Ports), ("odd", Odd)]:
        register(name, cls)
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Stages that no plugin of ours is like."""
    folder = distribution(tmp_path_factory.mktemp("site"), "edge_test_odd", ODD, "facts wants two ports odd")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        hooks.known.cache_clear()
        yield
    hooks.known.cache_clear()


@pytest.fixture
def wired(tmp_path):
    """`wired(*lines, top=..., sets=...)`: the plan of a graph of these stages."""

    def wired(*lines, top="device: dry", **more):
        path = tmp_path / "g.yaml"
        path.write_text(f"{top}\nstages:\n" + "".join(f"  {line}\n" for line in lines))
        return compile_graph(path, **more)

    return wired


@pytest.fixture
def problems(wired, tmp_path):
    def problems(*lines, **more):
        with pytest.raises(EdgeError) as caught:
            wired(*lines, **more)
        assert caught.value.code == 3
        return [line.replace(f"{tmp_path}/g.yaml:", "") for line in str(caught.value).splitlines()]

    return problems


def edges(plan):
    return {edge.key: (edge.value, edge.policy) for edge in plan.edges}


# -- who makes it -----------------------------------------------------------------------------------------------------------


def test_the_nearest_maker_upstream_feeds_a_port(wired):
    plan = wired(CAMERA, *LOOP, "blend: {use: composite, from: memory}", "out: {use: discard, from: blend}")
    assert [stage.name for stage in plan.stages] == ["camera", "square", "matte", "memory", "blend", "out"]
    assert {key: value for key, (value, _) in edges(plan).items()} == {
        "camera->square:image": "image",
        "camera->square:truth": "truth",
        "square->matte:image": "image",
        "matte->memory:raw": "raw",
        "matte->memory:alpha": "alpha",
        "square->blend:image": "image",  # straight, past the network
        "memory->blend:alpha": "alpha",  # the nearer one, not matte's
        "blend->out:image": "image",
        "memory->matte:prior": "prior",
    }
    assert plan.sinks == ["out"] and plan.sources == ["camera"]


def test_the_order_of_the_file_does_not_matter(wired):
    lines = [CAMERA, *LOOP, "blend: {use: composite, from: memory}", "out: {use: discard, from: blend}"]
    assert edges(wired(*lines)) == edges(wired(*reversed(lines)))
    order = [stage.name for stage in wired(*reversed(lines)).stages]
    assert order.index("camera") < order.index("square") < order.index("memory") < order.index("blend") < order.index("out")


def test_a_named_port_reads_from_the_stage_that_it_names(wired):
    plan = wired(CAMERA, *PERSON, "blend: {use: composite, from: {image: camera, alpha: matte}}")
    assert edges(plan)["camera->blend:image"] and "square->blend:image" not in edges(plan)


def test_a_value_may_be_named(wired, odd):
    plan = wired(
        CAMERA,
        "two: {use: two, from: camera}",
        "a: {use: discard, from: {image: two.left}}",
        "b: {use: discard, from: {image: two.right}}",
    )
    assert (edges(plan)["two->a:image"][0], edges(plan)["two->b:image"][0]) == ("left", "right")


def test_at_the_stage_named_the_one_value_of_the_type_will_do(wired):
    """The demo's exact alpha is called `truth`."""
    plan = wired(CAMERA, "blend: {use: composite, from: {image: camera, alpha: camera}}")
    assert edges(plan)["camera->blend:alpha"][0] == "truth"


def test_facts_and_optional_ports(wired, odd):
    plan = wired(CAMERA, "facts: {use: facts, from: camera}", "out: {use: wants, from: facts}")
    assert edges(plan) == {
        "camera->facts:image": ("image", "all"),
        "facts->out:image": ("image", "all"),
        "facts->out:faces": ("faces", "all"),
        "camera->out:truth": ("truth", "all"),
    }
    ports = {port.name: (bool(port.makers), port.optional) for port in plan.stage("out").ports}
    assert ports == {
        "image": (True, False),
        "faces": (True, False),
        "alpha": (False, True),
        "mood": (False, True),
        "truth": (True, True),
    }
    assert plan.stage("out").inputs["faces"].type is int and plan.stage("out").inputs["faces"].shape is None


def test_ports_may_depend_on_options(wired, problems, odd):
    plan = wired(CAMERA, "both: {use: ports, from: {a: camera, b: camera}, names: a b}")
    assert set(edges(plan)) == {"camera->both:a", "camera->both:b"}
    line = "both: {use: ports, from: {a: camera, c: camera}, names: a b}"
    assert problems(CAMERA, line) == [
        "4:28: stage 'both': ports needs 'b', which nothing before it makes",
        "4:40: stage 'both': ports has no port 'c'. There is: a, b",
    ]


def test_specs_follow_the_pictures(wired):
    plan = wired(CAMERA.replace("width: 64", "width: 128"), *PERSON, "blend: {use: composite, from: matte, view: side_by_side}")
    square, matte, blend = plan.stage("square"), plan.stage("matte"), plan.stage("blend")
    assert square.inputs["image"].shape == (64, 128, 3) and square.makes["image"].key() == (Image, (64, 64, 3), "bgr")
    assert matte.makes["alpha"].key() == (Alpha, (64, 64), "")
    assert blend.makes["image"].shape == (64, 128, 3)


# -- cameras ----------------------------------------------------------------------------------------------------------------


def test_each_camera_with_one_shared_stage(wired):
    plan = wired(CAMERAS, "square: {use: portrait, from: camera, size: 32}", "out: {use: discard, from: square}")
    assert plan.sources == ["camera.door", "camera.yard"]
    assert [stage.name for stage in plan.stages] == ["camera.door", "camera.yard", "square", "out"]
    assert {(edge.key, *edge.sources) for edge in plan.edges if edge.port == "image"} == {
        ("camera.door->square:image", "camera.door"),
        ("camera.yard->square:image", "camera.yard"),
        ("square->out:image", "camera.door", "camera.yard"),
    }
    assert plan.stage("square").inputs["image"].shape == (64, 128, 3), "the largest"


def test_per_source_makes_one_for_each_camera(wired):
    lines = ["square: {use: portrait, from: camera, per: source}", "all: {use: portrait, from: square, size: 32}"]
    plan = wired(CAMERAS, *lines, "out: {use: discard, from: all, per: source}")
    assert [stage.name for stage in plan.stages] == [
        *("camera.door", "camera.yard", "square.door", "square.yard", "all", "out.door", "out.yard")
    ]
    assert {(edge.key, *edge.sources) for edge in plan.edges if edge.port == "image"} == {
        ("camera.door->square.door:image", "camera.door"),
        ("camera.yard->square.yard:image", "camera.yard"),
        ("square.door->all:image", "camera.door"),
        ("square.yard->all:image", "camera.yard"),
        ("all->out.door:image", "camera.door"),
        ("all->out.yard:image", "camera.yard"),
    }
    assert plan.stage("out.yard").base == "out"


def test_one_camera_may_be_named(wired):
    plan = wired(CAMERAS, "out: {use: discard, from: camera.yard}")
    assert plan.stage("out").sources == ["camera.yard"]
    assert set(edges(plan)) == {"camera.yard->out:image"}


def test_two_sources_of_different_plugins(wired):
    plan = wired("a: {use: demo}", "b: {use: demo}", "left: {use: discard, from: a}", "right: {use: discard, from: b}")
    assert plan.sources == ["a", "b"] and plan.stage("right").sources == ["b"]


def test_the_loop_of_every_camera_is_its_own(wired):
    plan = wired(CAMERAS, *LOOP)
    (loop,) = [edge for edge in plan.edges if edge.previous]
    assert (loop.key, loop.sources, loop.policy) == ("memory->matte:prior", ["camera.door", "camera.yard"], "previous")
    assert loop.spec.type is Prior and plan.stage("matte").inputs["prior"] == loop.spec


def test_a_previous_port_may_stay_unwired(wired):
    plan = wired(CAMERA, *PERSON)
    assert not [edge for edge in plan.edges if edge.previous]


# -- policies ---------------------------------------------------------------------------------------------------------------


def test_policies(wired):
    lines = ["a: {use: discard, from: camera}", "b: {use: discard, from: camera, keep: latest}"]
    lines += ["c: {use: discard, from: camera, keep: {every: 3}}", "d: {use: display, from: camera}"]
    plan = wired(CAMERA, *lines)
    assert [(edge.key, edge.policy, edge.every, edge.side) for edge in plan.edges] == [
        ("camera->a:image", "all", 1, False),
        ("camera->b:image", "latest", 1, True),
        ("camera->c:image", "all", 3, False),
        ("camera->d:image", "latest", 1, True),
    ]
    assert edges(wired(CAMERA.replace("fast", "real"), lines[0]))["camera->a:image"][1] == "live"


def test_what_skips_may_not_be_joined_with_what_does_not(problems, wired):
    thin = "thin: {use: portrait, from: camera, keep: latest}"
    (problem,) = problems(CAMERA, thin, "blend: {use: composite, from: {image: thin, alpha: camera}}")
    assert problem.startswith("5:33: stage 'blend' joins frames that 'thin' skips (keep) with ")
    plan = wired(CAMERA, thin, "blend: {use: composite, from: {image: thin, alpha: thin.truth}}")
    assert set(edges(plan)) >= {"thin->blend:image", "thin->blend:alpha"}
    (problem,) = problems(CAMERA, *PERSON, "blend: {use: composite, from: matte, keep: latest}")
    text = "6:46: stage 'blend': keep: latest needs all its values from one stage, here they come from several"
    assert problem == text


def test_a_run_that_ends_by_itself_is_recorded_where_a_display_is_a_page(wired, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = wired(CAMERA, "hdmi: {use: display, from: camera}", finite=True)
    assert [stage.name for stage in plan.stages] == ["camera", "hdmi", "hdmi_recording"]
    assert plan.stage("hdmi_recording").options["path"] == tmp_path / "g.mp4"
    assert edges(plan)["camera->hdmi_recording:image"][1] == "all"


# -- what cannot be wired ---------------------------------------------------------------------------------------------------


def test_a_cycle(problems):
    lines = [
        "a: {use: resize, from: b, width: 32}",
        "b: {use: resize, from: c, width: 32}",
        "c: {use: resize, from: a, width: 32}",
    ]
    rest = "only a previous-port, like matting's 'prior', may close a loop"
    assert problems(CAMERA, *lines) == [f"4:26: stage 'a' waits for itself (a ← b ← c ← a): {rest}"]
    assert problems(CAMERA, "a: {use: resize, from: a, width: 32}") == [f"4:26: stage 'a' waits for itself (a ← a): {rest}"]


def test_a_value_that_nobody_makes(problems, odd):
    assert problems(CAMERA, "blend: {use: composite, from: camera}") == [
        "4:10: stage 'blend': composite needs 'alpha', which nothing before it makes"
    ]
    assert problems(CAMERA, "out: {use: wants, from: camera}") == [
        "4:27: stage 'out': wants needs 'faces', which nothing before it makes"
    ]
    assert problems(CAMERA, "out: {use: discard, from: {image: camera.picture}}") == [
        "4:37: stage 'out': 'camera' does not make 'picture': it makes 'image' and 'truth'"
    ]
    assert problems(CAMERA, "out: {use: wants, from: {image: camera, faces: camera}}") == [
        "4:50: stage 'out': 'camera' does not make 'faces': it makes 'image' and 'truth'"
    ]


def test_a_port_of_another_type(problems):
    assert problems(CAMERA, "blend: {use: composite, from: {image: camera.truth, alpha: camera}}") == [
        "4:33: stage 'blend': port 'image' takes Image, but 'camera' makes Alpha as 'truth'"
    ]


def test_an_unknown_port_and_a_previous_port_that_nobody_feeds(problems):
    assert problems(CAMERA, "a: {use: matting, from: {imag: camera}, model: portrait}") == [
        "4:28: stage 'a': matting has no port 'imag'. Did you mean 'image'?"
    ]
    assert problems(CAMERA, "a: {use: matting, from: {image: camera, prior: camera}, model: portrait}") == [
        "4:50: stage 'a': 'camera' does not make 'prior': it makes 'image' and 'truth'"
    ]


def test_a_stage_that_no_camera_reaches(problems):
    line = "a: {use: matting, from: {prior: b}, model: portrait}"
    assert problems(CAMERA, line, "b: {use: temporal, from: a}") == [
        "4:27: stage 'a': no camera reaches it through what it reads"
    ]


def test_no_source_at_all(problems):
    lines = ["a: {use: matting, from: {prior: b}, model: portrait}", "b: {use: temporal, from: a}"]
    assert problems(*lines) == ["3:3: no stage is a source: add camera: {use: camera}"]


def test_a_plugin_whose_types_cannot_be_read(problems, odd):
    assert problems(CAMERA, "a: {use: odd, from: camera}") == [
        "4:6: stage 'a': odd.ports failed: NameError: name 'NoSuchType' is not defined"
    ]


def test_options_that_do_not_go_together(problems):
    lines = ["a: {use: resize, from: camera}", "b: {use: composite, from: a, blur: 0, shift: 99.0}"]
    assert problems(CAMERA, *lines)[:1] == ["4:6: stage 'a': option 'width': give a width, a height, or both"]
    assert [line.partition(":")[0] for line in problems(CAMERA, *lines)] == ["4", "5", "5"]


def test_problems_of_every_kind_come_at_once_in_the_order_of_the_file(problems):
    assert problems(
        CAMERA,
        "a: {use: resize, from: camera, widht: 3}",
        "b: {use: discard, from: {image: a, alpha: camera}}",
        "c: {use: composite, from: {image: a, alpha: camera.image}}",
        "d: {use: resize, from: d, width: 3}",
    ) == [
        "4:34: stage 'a': resize has no option 'widht'. Did you mean 'width'?",
        "5:38: stage 'b': discard has no port 'alpha'. There is: image",
        "7:26: stage 'd' waits for itself (d ← d): only a previous-port, like matting's 'prior', may close a loop",
    ]


def test_nothing_is_said_of_what_lies_behind_a_problem(problems):
    """`blend` may well get its alpha, once `matte` is spelt right."""
    assert problems(CAMERA, "matte: {use: mating, from: camera}", "blend: {use: composite, from: matte}") == [
        "4:16: stage 'matte' uses 'mating', which no plugin provides. Did you mean 'matting'? See 'edge plugins'"
    ]
    both = "b: {use: composite, from: {image: a, alpha: camera.truth}}"
    assert problems(CAMERA, "a: {use: resiz, from: camera}", both) == [
        "4:12: stage 'a' uses 'resiz', which no plugin provides. Did you mean 'resize'? See 'edge plugins'"
    ]
    assert problems(CAMERA, "a: {use: xyzzy, from: camera}") == [
        "4:12: stage 'a' uses 'xyzzy', which no plugin provides. See 'edge plugins'"
    ]
    lines = ["matte: {use: matting, from: camera, modl: portrait}", "blend: {use: composite, from: {alpha: matte}}"]
    assert len(problems(CAMERA, *lines)) == 2  # the word, and the option that is missing for it


# -- sources that are not here ----------------------------------------------------------------------------------------------


def test_a_camera_that_is_not_here_is_left_out_and_the_last_one_is_missed(wired, tmp_path):
    lines = ["a: {use: demo}", "b: {use: file, path: nothing.mp4}"]
    sinks = ["x: {use: discard, from: a}", "y: {use: discard, from: b}"]
    plan = wired(*lines, *sinks)
    assert plan.sources == ["a"] and [stage.name for stage in plan.stages] == ["a", "x"]
    assert plan.failed == {"b": f"b: {tmp_path}/nothing.mp4: does not exist; relative paths start at the graph file's folder"}
    with pytest.raises(SourceError) as caught:
        wired(lines[1], sinks[1])
    assert (caught.value.code, str(caught.value)) == (4, plan.failed["b"])
    tolerant = wired(lines[1], sinks[1], tolerant=True)
    assert (
        tolerant.sources == ["b"]
        and tolerant.failed == plan.failed
        and tolerant.stage("y").inputs["image"].shape == (480, 640, 3)
    )


def test_a_graph_error_is_one(wired):
    with pytest.raises(GraphError):
        wired(CAMERA, "a: {use: discard, from: camra}")


def test_a_viewer_may_see_values_of_several_stages(wired):
    """It shows each as it comes, so it is no join."""
    lines = ["blend: {use: composite, from: memory}", "page: {use: web, from: {image: blend, matte: memory, room: square}}"]
    found = edges(wired(CAMERA, *LOOP, *lines))
    assert found["blend->page:image"] == ("image", "latest") and found["memory->page:matte"] == ("alpha", "latest")
    assert found["square->page:room"] == ("image", "latest")


def test_a_value_that_one_port_names_is_not_taken_for_another(wired):
    lines = ["blend: {use: composite, from: {image: camera, alpha: camera.truth}}"]
    plan = wired(CAMERA, *lines, "page: {use: web, from: {image: blend, matte: camera.truth}}")
    assert {key for key in edges(plan) if "page" in key} == {"blend->page:image", "camera->page:matte"}
