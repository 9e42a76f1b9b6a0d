"""The engine, alone: what a stage is called with, and what becomes of a frame that it loses."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from model_of_flow import SPECS, Draft

from edge.core.crew import Crew
from edge.core.engine import ERRORS_IN_A_ROW, GAP, Broken, Engine, Node
from edge.core.errors import StageError
from edge.core.flow import Item
from edge.core.frame import Drop, Prior, Spec
from edge.core.ledger import AT_N, AT_STAGE, COVERED, DONE, LOST_BY_MAKER, LOST_BY_READER, SEEN_N, Ledger
from edge.core.memory import Memory, slots_of
from edge.core.plan import EdgePlan, Plan, Port, StagePlan
from edge.core.stage import Source, Stage


class Given(Stage):
    """Does what a test says; remembers what it was called with."""

    def __init__(self, act: Callable[..., Any] = lambda **values: {}) -> None:
        self.act = act
        self.calls: list[dict[str, Any]] = []

    def process(self, frame: Any, **values: Any) -> Any:
        kept = {
            name: np.array(value) if name == "prior" else value for name, value in values.items()
        }  # lent until this returns
        self.calls.append(dict(kept, n=frame.n, lost=dict(frame.lost)))
        return self.act(frame=frame, **values)


class Nothing(Source):
    """A source that the test speaks for."""


class Bench:
    """A plan in one process: `feed` gives it a frame, which then goes as far as it can."""

    def __init__(self, plan: Plan, stages: dict[str, Stage], **more: Any) -> None:
        self.plan = plan
        self.ledger = Ledger.fresh(plan)
        worker = plan.workers[0]
        self.memory = Memory(slots_of(plan, worker))
        made: dict[str, Stage] = {stage.name: Nothing() for stage in plan.stages if stage.is_source}
        made.update(stages)
        self.engine = Engine(plan, worker.stages, made, self.ledger, self.memory, worker=worker.name, **more)
        for name, node in self.engine.nodes.items():
            node.wants_frame = isinstance(made[name], Given)

    def feed(self, n: int, reason: str = "", when: float = -1.0, **values: Any) -> None:
        item = Item(n, n / 25 if when < 0 else when, time.monotonic(), reason=reason)
        self.engine.emit(self.node("camera"), "camera", item, None if reason else values or {"image": picture(n)})
        self.settle()

    def settle(self) -> None:
        while self.engine.step():
            pass

    def node(self, name: str) -> Node:
        return self.engine.nodes[name]

    def lost(self, index: int, block: int = LOST_BY_MAKER) -> dict[str, int]:
        return self.ledger.reasons(self.ledger.row("edge", index, "camera") + block)

    def visit(self, stage: str, cell: int) -> int:
        return int(self.ledger.cells[self.ledger.row("visit", stage, "camera") + cell])

    def balanced(self) -> bool:
        return all(
            self.ledger.in_flight(self.ledger.row("edge", e.index, "camera")) == 0 for e in self.plan.edges if not e.previous
        )


def picture(n: int) -> np.ndarray:
    return np.full((2, 2, 3), n, np.uint8)


def chain(port: str = "alpha", live: bool = False) -> Plan:
    """camera → matte → blend, which reads the picture too."""
    draft = Draft("live" if live else "all")
    draft.stage("camera", "all", makes="image")
    draft.stage("matte", "all", "image=camera.image", makes="alpha")
    draft.stage("blend", "all", f"image=camera.image {port}=matte.alpha", makes="image")
    draft.stage("show", "all", "image=blend.image")
    return draft.done()


def bench(port: str = "alpha", matte: Callable[..., Any] | None = None, **more: Any) -> tuple[Bench, Given, Given, Given]:
    stages = {
        "matte": Given(matte or (lambda frame, image: {"alpha": image[..., 0]})),
        "blend": Given(lambda frame, image, alpha: {"image": np.array(image)}),
        "show": Given(),
    }
    made = Bench(chain(port, more.pop("live", False)), dict(stages), **more)
    return made, stages["matte"], stages["blend"], stages["show"]


def loses(*numbers: int, how: Callable[[], Exception] = lambda: Drop("non_finite")) -> Callable[..., Any]:
    def act(frame: Any, image: np.ndarray) -> dict[str, Any]:
        if frame.n in numbers:
            raise how()
        return {"alpha": image[..., 0]}

    return act


# -- frames and their losses ----------------------------------------------------------------------------------------------


def test_a_frame_goes_through_with_its_own_values() -> None:
    made, matte, blend, show = bench()
    for n in (0, 3, 4):
        made.feed(n)
    assert [call["n"] for call in show.calls] == [0, 3, 4]
    assert all((call["image"] == call["n"]).all() and (call["alpha"] == call["n"]).all() for call in blend.calls)
    assert made.balanced() and made.visit("show", DONE) == 3 and made.visit("show", SEEN_N) == 4


def test_planes_are_read_only() -> None:
    made, matte, blend, show = bench()
    made.feed(0)
    for call in (matte.calls[0], show.calls[0]):
        with pytest.raises(ValueError, match="read-only"):
            call["image"][0] = 1


def test_a_lost_value_of_an_optional_port_is_none_and_says_why() -> None:
    made, _, blend, show = bench("[alpha]", loses(1))
    for n in range(3):
        made.feed(n)
    assert [(call["n"], call["alpha"] is None, call["lost"]) for call in blend.calls] == [
        (0, False, {}),
        (1, True, {"alpha": "non_finite"}),
        (2, False, {}),
    ]
    assert [call["n"] for call in show.calls] == [0, 1, 2] and made.balanced()


def test_a_lost_value_of_a_required_port_loses_the_frame_for_the_same_reason() -> None:
    made, _, blend, show = bench("alpha", loses(1))
    for n in range(3):
        made.feed(n)
    assert [call["n"] for call in blend.calls] == [call["n"] for call in show.calls] == [0, 2]
    assert [made.lost(i) for i in range(4)] == [{}, {}, {"non_finite": 1}, {"non_finite": 1}]
    assert made.lost(0, LOST_BY_READER) == made.lost(1, LOST_BY_READER) == {"non_finite": 1}
    assert made.balanced()


def test_a_tombstone_passes_all_stages_without_calling_them() -> None:
    made, matte, blend, show = bench()
    made.feed(0, reason="decode_error")
    assert matte.calls == blend.calls == show.calls == []
    assert made.lost(3) == {"decode_error": 1} and made.balanced()
    assert made.visit("show", SEEN_N) == 0 and made.visit("show", DONE) == 0


def test_an_exception_loses_the_frame_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    made, _, _, show = bench(matte=loses(0, 1, 3, how=lambda: ValueError("odd")))
    for n in range(5):
        made.feed(n)
    assert [call["n"] for call in show.calls] == [2, 4]
    assert made.lost(0, LOST_BY_READER) == {"stage_error": 3} and made.balanced()
    said = [record.message for record in caplog.records if record.levelno >= logging.ERROR]
    assert said == ["matte: frame 0 of camera lost: ValueError: odd", "matte: frame 3 of camera lost: ValueError: odd"]


def test_after_too_many_exceptions_in_a_row_the_stage_is_broken() -> None:
    made, *_ = bench(matte=loses(*range(9), how=lambda: ValueError("odd")))
    for n in range(ERRORS_IN_A_ROW - 1):
        made.feed(n)
    with pytest.raises(Broken, match=r"stage 'matte' failed on 5 frames in a row, last with ValueError: odd"):
        made.feed(ERRORS_IN_A_ROW - 1)


def test_drops_are_no_errors_however_many() -> None:
    made, _, _, show = bench(matte=loses(*range(20)))
    for n in range(20):
        made.feed(n)
    assert show.calls == [] and made.lost(0, LOST_BY_READER) == {"non_finite": 20} and made.balanced()


def test_an_error_of_ours_ends_the_run() -> None:
    made, *_ = bench(matte=loses(0, how=lambda: StageError("matte: the disk is full")))
    with pytest.raises(StageError, match="the disk is full"):
        made.feed(0)


def test_a_stage_that_keeps_a_value_to_itself_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    made, *_ = bench(matte=lambda frame, image: {"alhpa": image})
    made.feed(0)
    assert "process returned no 'alpha'" in caplog.text
    assert made.lost(0, LOST_BY_READER) == {"stage_error": 1}


def test_a_frame_that_killed_twice_is_not_tried_again() -> None:
    made, matte, _, show = bench(poisoned={("matte", "camera", 1)})
    for n in range(3):
        made.feed(n)
    assert [call["n"] for call in matte.calls] == [0, 2]
    assert made.lost(0, LOST_BY_READER) == {"quarantined": 1} and made.balanced()


@pytest.mark.parametrize("live, shown", [(True, [1]), (False, [0, 1])])
def test_what_is_too_old_is_lost_where_frames_are_live(live: bool, shown: list[int]) -> None:
    made, matte, _, _ = bench(live=live)
    made.plan.max_age = 0.5
    made.engine.emit(made.node("camera"), "camera", Item(0, 0.0, time.monotonic() - 1.0), {"image": picture(0)})
    made.settle()
    made.feed(1)
    assert [call["n"] for call in matte.calls] == shown
    assert made.lost(0, LOST_BY_READER) == ({"too_old": 1} if live else {}) and made.balanced()


def test_what_cannot_be_placed_is_lost_on_that_edge_alone() -> None:
    def prepare(node: Node, name: str, value: Any) -> Any:
        return Drop("oversize") if name == "alpha" and value[0, 0] == 1 else (value, None)

    made, _, blend, show = bench("[alpha]", prepare=prepare)
    for n in range(2):
        made.feed(n)
    assert [call["lost"] for call in blend.calls] == [{}, {"alpha": "oversize"}]
    assert made.lost(2) == {"oversize": 1} and made.balanced()


def test_covers_are_counted_by_reason() -> None:
    made, _, blend, _ = bench("[alpha]", loses(1))
    blend.act = lambda frame, image, alpha: {"image": image, "cover": frame.lost.get("alpha", "")}
    for n in range(3):
        made.feed(n)
    assert made.ledger.reasons(made.ledger.row("visit", "blend", "camera") + COVERED) == {"non_finite": 1}


def test_the_ledger_says_what_is_at_work() -> None:
    at: list[tuple[int, int]] = []
    made, matte, _, _ = bench()
    row = made.ledger.row("worker", "all")

    def act(frame: Any, image: np.ndarray) -> dict[str, Any]:
        at.append((made.ledger.cells[row + AT_STAGE], made.ledger.cells[row + AT_N]))
        return {"alpha": image[..., 0]}

    matte.act = act
    made.feed(6)
    assert at == [(made.node("matte").row, 6)] and made.ledger.cells[row + AT_STAGE] == -1


def test_the_time_of_a_frame_is_that_of_a_value_not_of_a_tombstone() -> None:
    made, _, blend, _ = bench("[alpha]")
    times: list[float] = []
    blend.act = lambda frame, image, alpha: times.append(frame.time) or {"image": image}  # type: ignore[func-returns-value]
    lanes = made.node("blend").lanes["camera"]
    made.node("blend").lanes["camera"] = dict(reversed(list(lanes.items())))
    lanes["alpha"].push(Item(4, 1e6, 1e6, reason="worker_died"))
    lanes["image"].push(Item(4, 0.16, 0.16, picture(4)))
    made.settle()
    assert times == [0.16]


def test_a_frame_that_has_gone_on_is_not_processed_again() -> None:
    """A live join had given its network up for dead; the successor's tombstone and its late value are both let go."""
    made, _, blend, show = bench("[alpha]")
    lanes = made.node("blend").lanes["camera"]
    lanes["alpha"].settled = 1 << 62
    lanes["image"].push(Item(5, 0.2, 0.2, picture(5)))
    made.settle()
    lanes["alpha"].settled = -1
    lanes["alpha"].push(Item(4, 0.16, 0.16, picture(4)[..., 0]))
    lanes["alpha"].push(Item(5, 0.2, 0.2, reason="worker_died"))
    made.settle()
    assert [call["n"] for call in blend.calls] == [call["n"] for call in show.calls] == [5]
    assert made.lost(2, LOST_BY_READER) == {"late": 1}
    assert not lanes["alpha"].queue


# -- back pressure and ends -----------------------------------------------------------------------------------------------


def test_a_stage_waits_while_what_it_makes_has_nowhere_to_go() -> None:
    made, matte, blend, show = bench()
    made.node("show").room = lambda: False
    camera = made.node("camera")
    sent = 0
    while camera.open_for("camera") and sent < 20:
        made.feed(sent)
        sent += 1
    assert sent < 10 and show.calls == [] and len(blend.calls) == made.node("blend").outlets[0].edge.window
    made.node("show").room = lambda: True
    made.settle()
    assert [call["n"] for call in show.calls] == list(range(sent)) and camera.open_for("camera")


def test_ends_pass_when_everything_before_them_has() -> None:
    made, _, _, show = bench()
    made.feed(0)
    assert not made.engine.done
    made.engine.end(made.node("camera"), "camera")
    made.settle()
    assert made.engine.done and [call["n"] for call in show.calls] == [0]


def test_of_two_cameras_the_frame_that_waited_longest_goes_first() -> None:
    draft = Draft("all")
    for place in ("door", "yard"):
        draft.stage(f"camera.{place}", "all", makes="image")
    draft.stage("show", "all", "image=camera.door.image+camera.yard.image")
    show = Given()
    made = Bench(draft.done(), {"show": show})
    for place, born in (("door", 20.0), ("yard", 10.0), ("yard", 30.0)):
        item = Item(int(born), born, born)
        made.engine.emit(made.node(f"camera.{place}"), f"camera.{place}", item, {"image": picture(0)})
    made.settle()
    assert [call["n"] for call in show.calls] == [10, 20, 30]


# -- loops ----------------------------------------------------------------------------------------------------------------


def looped() -> tuple[Bench, Given]:
    """camera → matte ⇄ smooth: the matte reads what the smoothing made for the last frame."""
    draft = Draft("all")
    draft.stage("camera", "all", makes="image")
    draft.stage("matte", "all", "image=camera.image", makes="alpha")
    draft.stage("smooth", "all", "alpha=matte.alpha")
    plan = draft.plan
    spec = Spec(Prior, (2, 2))
    plan.stage("smooth").makes = {"prior": spec}
    plan.stage("matte").ports.append(Port("prior", "prior", Prior, makers={"camera": "smooth"}))
    plan.edges.append(EdgePlan(2, "smooth", "matte", "prior", "prior", spec=spec, sources=["camera"], previous=True))
    matte = Given(lambda frame, image, prior: {"alpha": image[..., 0]})
    smooth = Given(lambda frame, alpha: {"prior": alpha.astype(np.float32) / 10})
    return Bench(draft.done(), {"matte": matte, "smooth": smooth}), matte


def priors(matte: Given) -> list[float]:
    return [float(call["prior"].max()) for call in matte.calls]


def test_a_previous_port_reads_what_was_made_for_the_last_frame_and_zeros_at_first() -> None:
    made, matte = looped()
    for n in range(1, 4):
        made.feed(n)
    assert priors(matte) == pytest.approx([0.0, 0.1, 0.2])
    assert matte.calls[0]["prior"].shape == (2, 2) and matte.calls[0]["prior"].dtype == np.float32


def test_a_previous_port_cannot_be_written() -> None:
    made, matte = looped()
    wrote: list[bool] = []

    def act(frame: Any, image: np.ndarray, prior: np.ndarray) -> dict[str, Any]:
        wrote.append(prior.flags.writeable)
        return {"alpha": image[..., 0]}

    matte.act = act
    for n in range(3):
        made.feed(n)
    assert wrote == [False] * 3


def test_a_previous_port_begins_anew_after_a_gap_or_a_jump_back() -> None:
    made, matte = looped()
    for n, when in ((1, 0.0), (2, GAP), (3, 2 * GAP + 0.01), (4, 0.0), (5, 0.04)):
        made.feed(n, when=when)
    assert priors(matte) == pytest.approx([0.0, 0.1, 0.0, 0.0, 0.4])


def test_a_frame_lost_in_the_loop_leaves_the_older_value() -> None:
    made, matte = looped()
    matte.act = lambda frame, image, prior: loses(2)(frame, image)
    for n in range(1, 4):
        made.feed(n)
    assert priors(matte) == pytest.approx([0.0, 0.1, 0.1])


# -- ticks ----------------------------------------------------------------------------------------------------------------


def ticking(live: bool = True) -> tuple[Bench, Given, Given]:
    """camera → blend → a display and a recording; the blend speaks up when nothing comes."""
    draft = Draft("live" if live else "all")
    draft.stage("camera", "all", makes="image")
    draft.stage("blend", "all", "image=camera.image", makes="image")
    draft.stage("show", "all", "image=blend.image")
    draft.stage("file", "all", "image=blend.image")
    blend, show, file = Given(lambda frame, image: {"image": image}), Given(), Given()
    blend.tick_after = 0.2
    blend.tick = lambda source: {"image": picture(99)}  # type: ignore[method-assign]
    show.takes_ticks = True
    return Bench(draft.done(), {"blend": blend, "show": show, "file": file}), show, file


def quiet(made: Bench, seconds: float) -> None:
    """Nothing came for so long."""
    made.engine.tick()
    for node in made.engine.nodes.values():
        node.touched = {source: at - seconds for source, at in node.touched.items()}
    made.engine.tick()


def test_a_tick_is_shown_by_displays_only_and_no_book_counts_it() -> None:
    made, show, file = ticking()
    made.feed(3)
    quiet(made, 0.3)
    assert [(call["n"], int(call["image"].max())) for call in show.calls] == [(3, 3), (3, 99)]
    assert [call["n"] for call in file.calls] == [3]
    assert made.balanced() and made.visit("show", DONE) == 1
    made.feed(4)
    assert [call["n"] for call in show.calls] == [3, 3, 4]


def test_a_camera_that_never_came_ticks_too() -> None:
    made, show, _ = ticking()
    quiet(made, 0.3)
    assert [call["n"] for call in show.calls] == [-1]


def viewer() -> tuple[Bench, Given]:
    """camera → matte → blend → a viewer of picture and matte, which it need not have both."""
    draft = Draft("live")
    draft.stage("camera", "all", makes="image")
    draft.stage("matte", "all", "image=camera.image", makes="alpha")
    draft.stage("blend", "all", "image=camera.image [alpha]=matte.alpha", makes="image")
    draft.stage("view", "all", "[image]=blend.image [alpha]=matte.alpha", keep="latest")

    def broken(frame: Any, image: Any) -> dict[str, Any]:
        if frame.n >= 2:
            raise Drop("non_finite")
        return {"alpha": image[..., 0]}

    blend, view = Given(lambda frame, image, alpha: {"image": image}), Given()
    blend.tick_after = 0.2
    blend.tick = lambda source: {"image": picture(99)}  # type: ignore[method-assign]
    view.takes_ticks = True
    return Bench(draft.done(), {"matte": Given(broken), "blend": blend, "view": view}), view


def test_a_viewer_of_several_values_is_shown_ticks_without_the_others() -> None:
    made, view = viewer()
    made.feed(0)
    quiet(made, 0.3)
    assert [(call["n"], call["alpha"] is None) for call in view.calls] == [(0, False), (0, True)]
    assert int(view.calls[1]["image"].max()) == 99


def test_a_viewer_does_not_wait_for_values_that_are_lost_one_after_the_other() -> None:
    made, view = viewer()
    for n in range(6):
        made.feed(n)
    assert [call["n"] for call in view.calls] == list(range(6)) and made.balanced()
    assert [call["alpha"] is None for call in view.calls] == [False] * 2 + [True] * 4


@pytest.mark.parametrize("live, seconds, ended", [(True, 0.1, False), (False, 9.0, False), (True, 9.0, True)])
def test_no_tick_before_its_time_in_a_file_or_after_the_end(live: bool, seconds: float, ended: bool) -> None:
    made, show, _ = ticking(live)
    made.feed(0)
    if ended:
        made.engine.end(made.node("camera"), "camera")
        made.settle()
    quiet(made, seconds)
    assert [call["n"] for call in show.calls] == [0]


# -- memory that is lent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lent", [True, False])
def test_a_plane_that_is_only_lent_is_copied_when_it_is_passed_on(lent: bool) -> None:
    made, matte, _, _ = bench()
    matte.act = lambda frame, image: {"alpha": image[..., 0]}
    kept = picture(1)
    kept.flags.writeable = False
    given = Item(0, 0.0, 0.0, kept)
    given.lent = lent
    released: list[bool] = []
    given.release = lambda: released.append(True)
    made.node("matte").lanes["camera"]["image"].push(given)
    made.engine.step()
    passed = made.node("blend").lanes["camera"]["alpha"].queue[0].value
    assert np.may_share_memory(passed, kept) is not lent
    assert (passed == 1).all() and released == [True]


# -- crews ----------------------------------------------------------------------------------------------------------------


def test_a_crew_asks_a_stage_whether_it_wants_the_frame() -> None:
    class Bare(Stage):
        def process(self, image: Any) -> None:
            seen.append(image.shape)

    seen: list[Any] = []
    draft = Draft("all")
    draft.stage("camera", "all", makes="image")
    draft.stage("show", "all", "image=camera.image")
    plan = draft.done()

    def make(stage: StagePlan) -> Stage:
        return Nothing() if stage.is_source else Bare()

    crew = Crew(plan, plan.workers[0], Ledger.fresh(plan), Memory({}), make, lambda stage: None)
    crew.engine.emit(crew.engine.nodes["camera"], "camera", Item(0, 0.0, 0.0), {"image": picture(0)})
    assert crew.work() and seen == [SPECS["image"].shape]
