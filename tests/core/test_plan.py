"""Placement: which stage runs where, how edges travel, what memory they need; and the plan as plain data."""

from __future__ import annotations

import json

import pytest
from commands import ROOT

from edge.core.frame import Alpha, Image, Prior, Raw, Spec
from edge.core.plan import ALIGN, Plan, described
from edge.core.wire import compile_graph

DEMO = "width: 128, height: 64, pace: fast"


def plan_of(folder, *lines, workers="auto", top="device: dry"):
    path = folder / "g.yaml"
    path.write_text(f"{top}\nstages:\n" + "".join(f"  {line}\n" for line in lines))
    return compile_graph(path, workers=workers, tolerant=True)


def shipped(name, *sets, **more):
    return compile_graph(ROOT / "graphs" / f"{name}.yaml", sets, "dry", tolerant=True, **more)


def workers(plan):
    return {worker.name: worker.stages for worker in plan.workers}


def crossing(plan):
    return {edge.key: edge.window for edge in plan.edges if edge.kind == "shm"}


@pytest.fixture(scope="module")
def hdmi():
    return shipped("hilens_hdmi", "camera.use=demo")


@pytest.fixture(scope="module")
def file():
    return shipped("file")


@pytest.fixture(scope="module")
def cameras():
    return shipped("cameras")


# -- who runs where ---------------------------------------------------------------------------------------------------------


def test_a_camera_with_its_shaping_a_network_with_its_loop_and_the_end(hdmi, file):
    assert workers(hdmi) == {"camera": ["camera", "square"], "matte": ["matte", "memory"], "blend": ["blend", "hdmi"]}
    assert workers(file) == {"camera": ["camera", "square"], "matte": ["matte", "memory"], "blend": ["blend", "out"]}


def test_the_picture_goes_past_the_network(hdmi):
    assert set(crossing(hdmi)) == {"square->matte:image", "square->blend:image", "memory->blend:alpha"}
    assert {edge.kind for edge in hdmi.edges if edge.previous} == {"call"}, "the loop stays in one process"
    assert hdmi.copies() == {"square.image": 0, "memory.alpha": int("alpha" not in hdmi.stage("memory").renders)}


def test_every_camera_is_a_process_and_the_network_is_one(cameras):
    found = workers(cameras)
    assert [found[f"camera.{c}"] for c in "abc"] == [[f"camera.{c}", f"square.{c}"] for c in "abc"]
    assert found["matte"] == ["matte", "memory"]
    assert set(found) == {"camera.a", "camera.b", "camera.c", "matte", "blend"}
    assert found["blend"] == ["blend", "out.a", "out.b", "out.c"]


def test_a_graph_without_a_network(tmp_path):
    lines = [
        f"camera: {{use: demo, {DEMO}}}",
        "small: {use: resize, from: camera, width: 32}",
        "out: {use: discard, from: small}",
    ]
    assert workers(plan_of(tmp_path, *lines)) == {"camera": ["camera", "small"], "out": ["out"]}


def test_what_several_cameras_share_before_a_network_stands_alone(tmp_path):
    lines = [f"camera: {{use: demo, {DEMO}, each: {{a: , b: }}}}", "square: {use: portrait, from: camera, size: 64}"]
    lines += ["matte: {use: matting, from: square, model: portrait}", "out: {use: discard, from: square}"]
    found = workers(plan_of(tmp_path, *lines))
    assert found["square"] == ["square"] and found["matte"] == ["matte"] and found["out"] == ["out"]


def test_a_worker_may_be_named(tmp_path):
    lines = [f"camera: {{use: demo, {DEMO}}}", "small: {use: resize, from: camera, width: 32, worker: end}"]
    lines += ["out: {use: discard, from: small, worker: end}"]
    assert workers(plan_of(tmp_path, *lines)) == {"camera": ["camera"], "end": ["small", "out"]}


def test_workers_none_is_one_process_without_memory_between(tmp_path):
    plan = shipped("file", workers="none")
    assert list(workers(plan)) == ["all"]
    assert {edge.kind for edge in plan.edges} == {"call"}
    assert plan.workers[0].pools == [] and plan.workers[0].arena_bytes == 0 and plan.copies() == {}


# -- windows and pools ------------------------------------------------------------------------------------------------------


def test_a_window_covers_the_longer_way(file, hdmi):
    """`blend` joins the picture with an alpha that takes two stages longer: it holds as many pictures more."""
    assert crossing(file) == {"square->matte:image": 2, "memory->blend:alpha": 2, "square->blend:image": 4}
    assert crossing(hdmi) == {"square->matte:image": 1, "memory->blend:alpha": 1, "square->blend:image": 3}, "live: the newest"
    assert [edge.window for edge in file.edges if edge.previous] == [0]


def test_slots_are_pages_and_follow_each_other(file, cameras):
    for plan in (file, cameras):
        for worker in plan.workers:
            at = 0
            for pool in worker.pools:
                nbytes = plan.stage(pool.stage).makes[pool.value].nbytes
                assert pool.offset == at and pool.bytes % ALIGN == 0 and nbytes <= pool.bytes < nbytes + ALIGN
                at += pool.bytes * pool.count
            assert worker.arena_bytes == at


def test_a_pool_holds_what_its_readers_may(file):
    pools = {(worker.name, pool.stage, pool.value): pool.count for worker in file.workers for pool in worker.pools}
    assert pools == {("camera", "square", "image"): 4 + 2, ("matte", "memory", "alpha"): 2 + 2}


def test_a_source_that_is_read_elsewhere_has_slots_for_its_mailbox(tmp_path):
    plan = plan_of(tmp_path, f"camera: {{use: demo, {DEMO}}}", "out: {use: discard, from: camera}")
    (pool,) = plan.workers[0].pools
    assert (pool.stage, pool.value, pool.bytes) == ("camera", "image", 128 * 64 * 3)
    assert pool.count > plan.edges[0].window + 2


# -- plain data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hilens_hdmi", "file", "cameras", "tiny"])
def test_a_plan_goes_through_json_and_comes_back(name):
    plan = shipped(name)
    data = json.loads(json.dumps(plan.to_dict()))
    again = Plan.from_dict(data)
    assert again.to_dict() == data == plan.to_dict()
    assert (again.sources, again.sinks) == (plan.sources, plan.sinks)
    assert workers(again) == workers(plan) and crossing(again) == crossing(plan) and again.copies() == plan.copies()
    for one, other in zip(plan.stages, again.stages, strict=True):
        assert (one.makes, one.inputs, one.keeps) == (other.makes, other.inputs, other.keeps)
        assert [(p.name, p.type, p.previous, p.makers) for p in one.ports] == [
            (p.name, p.type, p.previous, p.makers) for p in other.ports
        ]


def test_specs():
    assert Spec(Image, (4, 6, 3), "bgr").nbytes == 72 and Spec(Raw, (4, 6)).nbytes == 96 and Spec(int).nbytes == 0
    assert Spec(Alpha, [4, 6]) == Spec(Alpha, (4, 6)) != Spec(Prior, (4, 6))
    assert repr(Spec(Image, (4, 6, 3), "bgr")) == "Image 4×6×3 bgr" and repr(Spec(int)) == "int"


def test_described():
    assert [described(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
