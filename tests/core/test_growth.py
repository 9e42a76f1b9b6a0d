"""Plans that follow a running one: what stays keeps its place, what would need other memory is refused."""

from __future__ import annotations

import pathlib

import pytest

from edge.core.errors import EdgeError, GraphError, SourceError
from edge.core.graph import Set
from edge.core.growth import changed_options, without
from edge.core.ledger import Ledger, layout
from edge.core.plan import Plan
from edge.core.recipe import Recipe

GRAPH = """
device: dry
stages:
  camera:
    {use: demo, width: 96, height: 80, pace: fast, each: {door: {}, yard: {}}}
  square: {use: portrait, from: camera, size: 64}
  matte: {use: matting, from: {image: square, prior: memory}, model: portrait}
  memory: {use: temporal, from: matte}
  blend: {use: composite, from: memory, background: "#00ff00", view: side_by_side}
  out: {use: images, from: blend, path: "made/{source}", per: source}
"""
HERE = pathlib.Path.cwd()
COMES = [Set("camera.each.hall={}", HERE)]


@pytest.fixture
def recipe(tmp_path: pathlib.Path) -> Recipe:
    path = tmp_path / "g.yaml"
    path.write_text(GRAPH)
    return Recipe(path)


def workers(plan: Plan) -> dict[str, list[str]]:
    return {worker.name: worker.stages for worker in plan.workers}


def edges(plan: Plan) -> dict[str, tuple[int, list[str], int]]:
    return {edge.key: (edge.index, edge.sources, edge.window) for edge in plan.edges}


def said(recipe: Recipe, plan: Plan, *words: str) -> Plan:
    return recipe.after(plan, [Set(text, HERE) for text in words])


def test_a_camera_more_takes_nothing_from_the_others(recipe: Recipe) -> None:
    before = recipe.plan()
    after = recipe.after(before, COMES, "camera.hall")
    assert workers(after) == {
        "camera.door": ["camera.door"],
        "camera.yard": ["camera.yard"],
        "camera.hall": ["camera.hall"],
        "square": ["square"],
        "matte": ["matte", "memory"],
        "blend": ["blend", "out.door", "out.yard", "out.hall"],
    }
    for key, (index, sources, window) in edges(before).items():
        there = edges(after)[key]
        assert (there[0], there[2]) == (index, window) and set(sources) <= set(there[1]), key
    assert edges(after)["square->matte:image"][1] == ["camera.door", "camera.yard", "camera.hall"]
    assert [worker.arena_bytes for worker in before.workers] == [
        worker.arena_bytes for worker in after.workers if worker.name != "camera.hall"
    ]


def test_numbers_are_never_given_twice(recipe: Recipe) -> None:
    """A message of a camera that is gone must not be taken for one of a camera that came."""
    plan = recipe.plan()
    numbers, indices = set(plan.numbers.values()), {edge.index for edge in plan.edges}
    for _ in range(3):
        plan = recipe.after(plan, COMES, "camera.hall")
        assert plan.numbers["camera.hall"] not in numbers
        new = {edge.index for edge in plan.edges if edge.sources == ["camera.hall"]}
        assert new and not new & indices
        numbers.add(plan.numbers["camera.hall"])
        indices |= new
        plan = without(plan, "camera.hall")


def test_a_camera_less_leaves_the_rest_as_it_was(recipe: Recipe) -> None:
    before = recipe.plan()
    there = recipe.after(before, COMES, "camera.hall")
    after = without(there, "camera.hall")
    assert workers(after) == workers(before)
    assert edges(after) == edges(before)
    assert all("camera.hall" not in port.makers for stage in after.stages for port in stage.ports)
    assert {stage.name for stage in there.stages} > {stage.name for stage in after.stages}, "the plan before is not touched"


def test_a_camera_that_was_there_at_the_start_can_go_and_come(recipe: Recipe) -> None:
    plan = without(recipe.plan(), "camera.door")
    assert "out.door" not in [stage.name for stage in plan.stages]
    plan = recipe.after(plan, COMES, "camera.hall")
    assert set(plan.sources) == {"camera.yard", "camera.hall"}, "the door does not come back by itself"
    assert set(recipe.after(plan, COMES, "camera.door").sources) == {"camera.door", "camera.yard", "camera.hall"}


def test_a_larger_camera_is_refused_where_the_others_memory_is_too_small(recipe: Recipe) -> None:
    with pytest.raises(GraphError) as caught:
        recipe.after(recipe.plan(), [Set("camera.each.hall={width: 128}", HERE)], "camera.hall")
    first, second = caught.value.problems
    assert first == (
        "stage 'camera.hall': what 'square' reads of it, 'image' would be Image 80×128×3 bgr, and there is room for "
        "Image 80×96×3 bgr: that needs a new start"
    )
    assert "'truth' would be Alpha 80×128" in second


def test_a_smaller_camera_fits(recipe: Recipe) -> None:
    plan = recipe.after(recipe.plan(), [Set("camera.each.hall={width: 64, height: 64}", HERE)], "camera.hall")
    assert plan.stage("square").inputs["image"].shape == (80, 96, 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("camera.hall.seeed=2", "demo has no option 'seeed'. Did you mean 'seed'?"),
        ("camera.hall.width=wide", "option 'width': "),
        ("camera.hall.scene=tuor", "'tuor'"),
    ],
)
def test_the_options_of_a_camera_are_checked_as_the_graph_is(recipe: Recipe, words: str, told: str) -> None:
    with pytest.raises(GraphError, match=told):
        recipe.after(recipe.plan(), [*COMES, Set(words, HERE)], "camera.hall")


def test_a_camera_that_is_not_there_is_no_wrong_graph(recipe: Recipe) -> None:
    path = recipe.folder / "file.yaml"
    path.write_text(GRAPH.replace("demo, width: 96, height: 80, pace: fast", "images").replace("{}", "{path: made}"))
    (recipe.folder / "made").mkdir()
    import cv2
    import numpy as np

    cv2.imwrite(str(recipe.folder / "made" / "0.png"), np.zeros((80, 96, 3), np.uint8))
    files = Recipe(path)
    with pytest.raises(SourceError, match="^camera.hall: ") as caught:
        files.after(files.plan(), [Set("camera.each.hall={path: nothing}", HERE)], "camera.hall")
    assert caught.value.code == 4


def test_an_option_that_changes_is_found(recipe: Recipe) -> None:
    plan = recipe.plan()
    assert changed_options(plan, said(recipe, plan, "blend.soft=3")) == {"blend": {"soft": 3.0}}
    assert changed_options(plan, said(recipe, plan, "blend.background=#00ff00")) == {}
    assert changed_options(plan, said(recipe, plan, "blend.view=result")) == {"blend": {"view": "result"}}, "smaller fits"
    assert set(changed_options(plan, said(recipe, plan, "out.format=jpg"))) == {"out.door", "out.yard"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("square.size=80", "stage 'square': 'image' would be Image 80×80×3 bgr, and there is room for Image 64×64×3 bgr"),
        ("matte.device=desktop", "stage 'matte': another device"),
        ("matte.model=modnet", None),
        ("blend.keep=latest", None),
        ("out.from=square", "what reads from what would be another"),
    ],
)
def test_what_would_need_other_memory_or_other_edges_is_refused(recipe: Recipe, words: str, told: str | None) -> None:
    plan = recipe.plan()
    before = plan.to_dict()
    with pytest.raises(EdgeError) as caught:
        said(recipe, plan, words)
    if told:
        assert any(line.startswith(told) and line.endswith("that needs a new start") for line in str(caught.value).splitlines())
    assert plan.to_dict() == before


def test_the_file_is_read_once(recipe: Recipe) -> None:
    """Whoever edits the graph while it runs changes the next run."""
    plan = recipe.plan()
    (recipe.folder / "g.yaml").write_text("stages: {}")
    assert "camera.hall" in recipe.after(plan, COMES, "camera.hall").sources


# -- the ledger -------------------------------------------------------------------------------------------------------------


def test_rows_stay_where_they_are_and_gaps_are_used_again(recipe: Recipe) -> None:
    before = recipe.plan()
    rows = layout(before, {})
    grown = recipe.after(before, COMES, "camera.hall")
    more = layout(grown, rows)
    assert all(more[key] == at for key, at in rows.items())
    back = layout(without(grown, "camera.hall"), more)
    again = layout(recipe.after(without(grown, "camera.hall"), COMES, "camera.hall"), back)
    assert max(again.values()) == max(more.values()), "ten times in and out take no more room than once"


def test_a_ledger_goes_over_and_a_new_row_is_clean(recipe: Recipe) -> None:
    before = recipe.plan()
    ledger = Ledger(before, bytearray(Ledger(before).bytes + 40_000))
    ledger.begin()
    door = ledger.row("source", "camera.door")
    ledger.cells[door] = 7
    grown = recipe.after(before, COMES, "camera.hall")
    assert ledger.change(grown)
    hall = ledger.row("source", "camera.hall")
    ledger.cells[hall] = 5
    assert ledger.change(without(grown, "camera.hall"))
    assert ledger.row("source", "camera.hall") == hall, "a reader by the old plan still finds it"
    assert ledger.change(recipe.after(without(grown, "camera.hall"), COMES, "camera.hall"))
    assert ledger.cells[ledger.row("source", "camera.hall")] == 0 and ledger.cells[door] == 7


def test_a_ledger_without_room_says_so_and_stays(recipe: Recipe) -> None:
    before = recipe.plan()
    ledger = Ledger.fresh(before)
    rows = dict(ledger.rows)
    assert not ledger.change(recipe.after(before, COMES, "camera.hall"))
    assert ledger.rows == rows and ledger.plan is before
