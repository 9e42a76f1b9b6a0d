"""Cameras that come and go, checked as a model: what the others show, what is given back, and that every change is answered,
under every order of events and with deaths.

EDGE_DEEP=N explores more, as in test_flow.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from model_of_changes import PLANS, Changing
from model_of_flow import TURNS, Action, who

from edge.core.errors import EdgeError, SourceError
from edge.core.report import cameras

DEEP = int(os.environ.get("EDGE_DEEP", "0"))

ASKS = [("+hall", "-yard"), ("-yard", "+yard"), ("+hall", "-hall", "+hall", "-door")]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The deaths are ours."""
    log = logging.getLogger("edge")
    before, log.disabled = log.disabled, True
    yield
    log.disabled = before


def chooser(seed: int) -> Callable[[list[Action]], Action]:
    """A schedule in which some things happen much later than others, and changes are asked for early."""
    lots = random.Random(seed)
    weight: dict[Any, float] = {("ask",): 0.5}

    def choose(enabled: list[Action]) -> Action:
        weights = [weight.setdefault(action[:2], lots.random() ** 3 + 0.01) for action in enabled]
        return lots.choices(enabled, weights)[0]

    return choose


def killer(world: Changing, seed: int, kills: int) -> Callable[[list[Action]], Action]:
    """The same, with so many deaths of anybody: at once, or in the middle of its next turn."""
    choose, lots = chooser(seed), random.Random(seed + 1)
    waiting = sorted(lots.randrange(5, 150) for _ in range(kills))

    def killing(enabled: list[Action]) -> Action:
        alive = [name for name in world.members if name not in world.dead and name not in world.parted]
        if waiting and len(world.trace) >= waiting[0] and alive:
            waiting.pop(0)
            name, k = lots.choice(alive), lots.randrange(12)
            mine = [action for action in enabled if action[0] in TURNS and who(action) == name]
            return ("kill", name, k, lots.choice(mine)) if k and mine else ("kill", name)
        return choose(enabled)

    return killing


def play(world: Changing, choose: Callable[[list[Action]], Action]) -> Changing:
    """To the end. Every property is checked on the way; see `Changing`."""
    try:
        world.run(choose)
    except AssertionError as error:
        if hasattr(error, "add_note"):
            error.add_note(f"{world.describe()}\nschedule: {world.trace}")
        raise
    finally:
        world.close()
    return world


def worlds(name: str, policy: str, seeds: int, **more: Any) -> Iterator[tuple[int, Changing]]:
    for seed in range(seeds * max(1, DEEP * 10)):
        for asks in ASKS:
            how = {"windows": seed % 3, "frames": 5, "patient": seed % 4 != 3, "hurried": bool(seed % 2), "asks": asks}
            yield seed, Changing(name, policy, **{**how, **more})


# -- every order of events ------------------------------------------------------------------------------------------------


def states(make: Callable[[], Changing], most: int) -> int:
    """Go through every state that a world can come to, once, by depth-first search; how many there are, up to `most`."""
    seen: set[int] = set()
    todo: list[tuple[Action, ...]] = [()]
    while todo and len(seen) < most:
        path = todo.pop()
        world = make()
        world.prompt = True
        try:
            world.meet()
            while world.asks and ("ask",) in world.enabled():
                world.do(("ask",))
            start = len(world.trace)
            for action in path:
                world.do(action, check=False)
            while not world.over and hash(world.signature()) not in seen:
                seen.add(hash(world.signature()))
                enabled = world.enabled()
                assert enabled, f"nothing can happen:\n{world.describe()}"
                todo += [(*world.trace[start:], action) for action in enabled[1:]]
                world.do(enabled[0])
            if world.over:
                world.check_end()
        except AssertionError as error:
            if hasattr(error, "add_note"):
                error.add_note(f"{world.describe()}\nschedule: {world.trace}")
            raise
        finally:
            world.close()
    return len(seen)


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("ask", ["-yard", "+hall"])
def test_every_order_of_events_around_one_change(policy: str, ask: str) -> None:
    """Two cameras that end at once and a sink: while one goes, or another comes."""
    found = states(lambda: Changing("small", policy, frames=1, asks=[ask], cameras=("door", "yard")), 30_000 if DEEP else 600)
    assert found > 300


# -- random orders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("name", list(PLANS))
def test_cameras_come_and_go_and_nothing_is_lost(name: str, policy: str) -> None:
    done = 0
    for seed, world in worlds(name, policy, 12):
        play(world, chooser(seed))
        done += sum(not isinstance(answer, EdgeError) for _, answer in world.answers)
    assert done > 40


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("name", list(PLANS))
def test_cameras_that_are_cut_off_take_nothing_from_the_others(name: str, policy: str) -> None:
    cut = 0
    for seed, world in worlds(name, policy, 8, late=3):
        play(world, chooser(seed))
        cut += sum(not isinstance(answer, EdgeError) and answer.get("cut_off", False) for _, answer in world.answers)
    assert cut > 1


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("name", list(PLANS))
def test_whoever_dies_while_cameras_come_and_go_the_run_goes_on(name: str, policy: str) -> None:
    for seed, world in worlds(name, policy, 16, late=2):
        play(world, killer(world, seed, 1 + seed % 3))
        assert world.asked == len(world.answers)


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("name", ["small", "joined", "disks"])
def test_a_camera_that_hangs_is_cut_off(name: str, policy: str) -> None:
    for seed in range(10 * max(1, DEEP)):
        world = Changing(name, policy, 1, 4, asks=["-yard", "+yard"], late=3)
        world.meet()
        world.hung.add("yard")
        play(world, chooser(seed))
        if world.answers and world.answers[0][0] == "-yard" and not isinstance(world.answers[0][1], EdgeError):
            assert world.answers[0][1]["cut_off"]


@pytest.mark.parametrize("name", list(PLANS))
def test_a_camera_that_a_stage_refuses_is_taken_back(name: str) -> None:
    stage = {"small": "show", "joined": "matte", "disks": "blend", "disk": "blend", "viewed": "side"}[name]
    told = 0
    for seed in range(8 * max(1, DEEP)):
        world = Changing(name, "all", seed % 3, 5, asks=["+hall"], refuses=(stage, "camera.hall"))
        play(world, chooser(seed))
        if [str(answer) for _, answer in world.answers] == [f"{stage} does not take camera.hall"]:
            told += 1
            assert world.plan.sources == ["camera.door", "camera.yard"]
    assert told > 3


# -- what once failed -----------------------------------------------------------------------------------------------------


def change(world: Changing, *words: str) -> Any:
    """Ask, and let everything else happen until there is an answer; the door captures where nothing else can happen."""
    world.asks.extend(words)
    while len(world.answers) < world.asked or world.asks:
        enabled = world.enabled()
        world.do(min(enabled, key=lambda action: (action != ("ask",), action == ("work", "door"), action[0] == "work")))
    return world.answers[-1][1]


@pytest.fixture
def going() -> Iterator[Changing]:
    world = Changing("joined", "all", 1, 40)
    world.meet()
    yield world
    world.close()


def test_a_camera_for_which_there_is_no_memory_is_taken_back(going: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    import edge.core.run as run

    real = run.allocate

    def full(name: str, size: int) -> int:
        if "hall" in name:
            raise SourceError("no memory is to be had")
        return real(name, size)

    monkeypatch.setattr(run, "allocate", full)
    assert str(change(going, "+hall")) == "no memory is to be had"
    assert set(going.office.workers) == {"door", "yard", "matte", "blend"}
    monkeypatch.undo()
    assert change(going, "+hall")["added"] == "camera.hall"
    going.run(chooser(0))


def test_a_worker_that_lacks_memory_for_a_camera_takes_it_back(going: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    real = going.office.workers["matte"].keep

    def keep(plan: Any, keeps: Any) -> Any:
        if "camera.hall" in going.plan.stage("matte").sources:
            raise SourceError("no memory for what it keeps")
        return real(plan, keeps)

    monkeypatch.setattr(going.office.workers["matte"], "keep", keep)
    assert str(change(going, "+hall")) == "no memory for what it keeps"
    assert going.plan.sources == ["camera.door", "camera.yard"]
    going.run(chooser(0))


def test_what_is_known_of_a_camera_goes_with_it(going: Changing) -> None:
    office, member = going.office, going.members["matte"]
    office.source_ended("camera.yard", "", "its clock jumps")
    office.settlement._kills["matte", "camera.yard", 1] = 2
    office.settlement._kills["matte", "camera.door", 1] = 1
    member.crew.engine.poisoned = {("matte", "camera.yard", 1), ("matte", "camera.door", 1)}
    change(going, "-yard")
    assert office.settlement.poisoned == [] and list(office.settlement._kills) == [("matte", "camera.door", 1)]
    assert member.crew.engine.poisoned == {("matte", "camera.door", 1)}
    assert list(cameras(office.plan, office.ledger)) == ["camera.door"]
    office.plan.failed["camera.yard"] = "it was not there at the start"
    change(going, "+yard")
    assert office.plan.failed == {}
    going.run(chooser(0))


def test_a_camera_added_to_a_run_that_has_ended_meanwhile_is_refused(going: Changing) -> None:
    going.asks.append("+hall")
    going.do(("ask",))
    going.office._closing = True
    going.do(("turn",))
    assert "the run is ending" in str(going.answers[0][1])
    assert "camera.hall" not in going.plan.sources


def test_a_process_that_opens_is_told_what_its_cameras_were_to_do(going: Changing) -> None:
    """After `go`: before, it has no sources that could do it."""
    going.office.roster.request({"do": "pause", "camera": "camera.door"}, lambda answer: None)
    going.asks.append("-yard")
    going.do(("ask",))
    for name in ("matte", "blend"):
        going.do(("kill", name))
        going.do(("reap", name))
    while ("open", "matte") not in going.enabled():
        going.do(next(action for action in going.enabled() if action[0] in ("hear", "told", "turn", "restart")))
    going.do(("open", "matte"))
    going.do(("told", "matte"))
    told = [message["do"] for _, message in going.controls["matte"] if message["do"] != "peer"]
    assert told[:3] == ["go", "pause", "leave"]


def test_what_was_said_when_nobody_asks_any_more_is_no_answer(going: Changing) -> None:
    """A worker says that a camera has left after the camera was cut off: it has not gone over to the new plan by that."""
    going.late = 2
    going.asks.append("-yard")
    going.do(("ask",))
    going.do(("late",))
    going.do(("late",))
    roster = going.office.roster
    assert "matte" in roster._owed
    going.office.hear("matte", "left", {"source": "camera.yard"})
    assert "matte" in roster._owed


def test_a_camera_that_hangs_while_it_opens_does_not_hold_up_the_next_change(going: Changing) -> None:
    going.asks.append("+hall")
    going.late = 1
    while ("open", "hall") not in going.enabled():
        going.do(next(action for action in going.enabled() if action[0] in ("ask", "turn", "hear", "told")))
    going.hung.add("hall")
    while not going.answers:
        going.do(next(action for action in going.enabled() if action[0] in ("late", "turn", "hear", "told", "exit")))
        going.late = 1
    assert "did not open" in str(going.answers[0][1])
    assert going.plan.sources == ["camera.door", "camera.yard"]


def test_a_new_edge_between_workers_that_know_each_other_has_its_window() -> None:
    world = Changing("disk", "all", 1, 40)
    try:
        world.meet()
        change(world, "+hall")
        edge = next(edge for edge in world.plan.edges if edge.reader == "out.hall")
        outlet = world.members["blend"].hub.outlets[edge.index]
        assert outlet.up and outlet.credit == edge.window
        world.run(chooser(0))
    finally:
        world.close()


def test_what_a_successor_once_knew_of_a_camera_is_not_said_of_the_next_by_its_name(going: Changing) -> None:
    outlet = next(iter(going.members["matte"].hub.outlets.values()))
    outlet.begins = {"camera.yard": 3, "camera.door": -1}
    change(going, "-yard", "+yard")
    assert outlet.begins == {"camera.door": -1}
    going.run(chooser(0))


def test_the_ledger_finds_its_rows_again(going: Changing) -> None:
    change(going, "-yard", "+yard", "+hall")
    for member in going.members.values():
        assert member.ledger.rows == going.office.ledger.rows
    going.run(chooser(0))


def test_what_a_reader_still_looks_at_is_not_written_over() -> None:
    """The maker knows that a camera was cut off, its reader does not yet, and has a frame of it."""
    world = Changing("viewed", "all", 2, 6)
    late = ("show", "side")
    try:
        world.meet()
        lane = world.members["show"].crew.engine.nodes["show"].lanes["camera.yard"]["image"]
        while not lane.queue:
            world.do(min(world.enabled(), key=lambda action: (who(action) in late and action[0] == "work", "door" in action)))
        world.late = 2
        world.asks.append("-yard")
        for action in (("ask",), ("late",), ("late",)):
            world.do(action)
        square = world.members["square"]
        while mine := [a for a in world.enabled() if a[0] != "turn" and not {"show", "side"} & {who(a), a[-1]}]:
            world.do(mine[0])
        assert lane.queue and "camera.yard" not in square.plan.sources and square.hub.gone
        world.run(chooser(0))
    finally:
        world.close()


def test_a_dead_camera_that_is_removed_does_not_come_back(going: Changing) -> None:
    going.do(("kill", "yard"))
    going.do(("reap", "yard"))
    going.asks.append("-yard")
    going.do(("ask",))
    assert going.office.workers["yard"].ended
    going.late = 1
    going.do(("late",))
    assert change(going)["cut_off"]
    going.run(chooser(0))
