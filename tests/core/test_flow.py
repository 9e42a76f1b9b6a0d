"""The flow, checked as a model: credits, releases, tombstones, generations, under every order of events and with deaths.

EDGE_DEEP=N explores more: whole searches instead of samples, and N times as many random schedules.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from model_of_flow import TURNS, Action, World, branched, diamond, plain, shared, thinned, who

from edge.core.flow import CallOutlet, Item, Lane, next_frame
from edge.core.ledger import ADMITTED, CAPTURED, DELIVERED, DONE_N, LOST_BY_MAKER, LOST_BY_READER, RECEIVED, SOURCE_LOST, Ledger
from edge.core.plan import Plan

DEEP = int(os.environ.get("EDGE_DEEP", "0"))
deep = pytest.mark.skipif(not DEEP, reason="takes minutes: set EDGE_DEEP=1")

PLANS: dict[str, Callable[..., Plan]] = {
    "diamond": diamond,
    "plain": plain,
    "branched": branched,
    "thinned": thinned,
    "shared": shared,
}
MAIN = {"diamond": "show", "plain": "blend", "branched": "show", "thinned": "show", "shared": "blend"}
"""The sink that every frame must reach."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The deaths are ours."""
    log = logging.getLogger("edge")
    before, log.disabled = log.disabled, True
    yield
    log.disabled = before


def chooser(seed: int) -> Callable[[list[Action]], Action]:
    """A schedule in which some things happen much later than others."""
    lots = random.Random(seed)
    weight: dict[Any, float] = {}

    def choose(enabled: list[Action]) -> Action:
        weights = [weight.setdefault(action[:2], lots.random() ** 3 + 0.01) for action in enabled]
        return lots.choices(enabled, weights)[0]

    return choose


def numbers(world: World, sink: str) -> dict[str, list[int]]:
    return {source: [n for n, _ in world.shown[sink, source]] for source in world.plan.sources}


def explain(world: World, error: AssertionError) -> None:
    error.add_note(f"{world.describe()}\nschedule: {world.trace}") if hasattr(error, "add_note") else None


# -- every order of events ------------------------------------------------------------------------------------------------


def paths(make: Callable[[], Plan], frames: int) -> Iterator[tuple[World, int, list[Action]]]:
    """Every state that a world can come to, once, by depth-first search: the world, the length of its start, its turnings."""
    seen: set[int] = set()
    todo: list[tuple[Action, ...]] = [()]
    while todo:
        path = todo.pop()
        world = World(make(), frames)
        world.prompt = True
        try:
            start = len(world.meet().trace)
            for action in path:
                world.do(action, check=False)
            while not world.over and hash(world.signature()) not in seen:
                seen.add(hash(world.signature()))
                enabled = world.enabled()
                assert enabled, "nothing can happen"
                yield world, start, enabled
                todo += [(*world.trace[start:], action) for action in enabled[1:]]
                world.do(enabled[0])
            if world.over:
                world.check_end()
                assert numbers(world, "blend") == {"square": list(range(frames))}
        except AssertionError as error:
            explain(world, error)
            raise
        finally:
            world.close()


@pytest.mark.parametrize("policy", ["all", "live"])
def test_every_order_of_events_delivers_every_frame_once(policy: str) -> None:
    states = sum(1 for _ in paths(lambda: plain(policy, windows=1), frames=3 if DEEP else 2 if policy == "all" else 1))
    assert states > 300


def resume(make: Callable[[], Plan], frames: int, path: list[Action], kill: Action, seed: int) -> tuple[World, bool]:
    """Go along a path, let the death happen there, go on to the end. False: what it was to interrupt was over before."""
    world = World(make(), frames)
    world.prompt = True
    try:
        for action in path:
            world.do(action, check=False)
        world.do(kill)
        world.prompt = False
        world.run(chooser(seed))
    except AssertionError as error:
        explain(world, error)
        raise
    finally:
        world.close()
    return world, world.fired


def deaths(make: Callable[[], Plan], frames: int, victim: str, path: list[Action], then: list[Action]) -> Iterator[World]:
    """Every way for a worker to die after this path: at once, or before any event of what it could do next."""
    yield resume(make, frames, path, ("kill", victim), len(path))[0]
    for action in then:
        if who(action) != victim or action[0] not in TURNS:
            continue
        k, fired = 1, True
        while fired:
            world, fired = resume(make, frames, path, ("kill", victim, k, action), len(path) + k)
            yield world
            k += 1


def check_death(world: World, policy: str, victim: str) -> None:
    """What one death may cost: see `check_end` for the books."""
    got = numbers(world, "blend")["square"]
    assert got == sorted(got)
    if victim == "matte" or (victim == "camera" and policy == "all"):
        assert got == list(range(world.frames)), f"{victim} died, and {got} was shown: {world.trace}"
    elif policy == "all":
        assert set(got) == set(range(world.frames)), f"{victim} died, and {got} was shown: {world.trace}"


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("victim", ["camera", "matte", "blend"])
def test_a_death_at_any_point_of_some_runs(policy: str, victim: str) -> None:
    """Along three runs, every moment at which a worker can die, down to the single write."""

    def make() -> Plan:
        return plain(policy, windows=1)

    steps = []
    for seed in range(3):
        world, choose = World(make(), 2), chooser(seed)
        world.prompt = True
        while not world.over:
            steps.append((list(world.trace), world.enabled()))
            world.do(choose(steps[-1][1]))
        world.close()
    runs = 0
    for path, enabled in steps:
        if victim in {who(action) for action in enabled}:
            for world in deaths(make, 2, victim, path, enabled):
                check_death(world, policy, victim)
                runs += 1
    assert runs > 100


@deep
@pytest.mark.timeout(0)
@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("victim", ["camera", "matte", "blend"])
def test_a_death_at_any_point_of_any_run(policy: str, victim: str) -> None:
    def make() -> Plan:
        return plain(policy, windows=1)

    for world, _, enabled in paths(make, frames=2):
        for dead in deaths(make, 2, victim, list(world.trace), enabled):
            check_death(dead, policy, victim)


# -- random orders, with deaths -------------------------------------------------------------------------------------------


def live_through(world: World, choices: list[int], kills: list[tuple[int, int, int]]) -> None:
    """Follow the choices, with deaths at the steps given, then give everybody a turn until the end."""
    waiting = sorted(kills)

    def choose(enabled: list[Action]) -> Action:
        step = len(world.trace)
        if waiting and step >= waiting[0][0]:
            _, victim, k = waiting.pop(0)
            alive = sorted(name for name in world.members if name not in world.dead)
            if alive:
                name = alive[victim % len(alive)]
                mine = [a for a in enabled if a[0] in TURNS and who(a) == name]
                return ("kill", name, k, mine[k % len(mine)]) if mine and k else ("kill", name)
        return enabled[(choices[step] if step < len(choices) else step * 7) % len(enabled)]

    try:
        world.run(choose)
    except AssertionError as error:
        note(f"{error}\nschedule: {world.trace}")
        raise
    finally:
        world.close()


CHOICES = st.lists(st.integers(0, 11), max_size=120)
KILLS = st.lists(st.tuples(st.integers(8, 150), st.integers(0, 4), st.integers(0, 40)), max_size=3)
MANY = settings(
    max_examples=200 * max(1, DEEP),
    deadline=None,
    derandomize=not DEEP,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("name", list(PLANS))
def test_random_orders_without_deaths(name: str, policy: str) -> None:
    """Every frame is delivered exactly once, whatever a network drops."""
    for seed in range(20 * max(1, DEEP)):
        drops = {"drops": seed % 5 - 1} if name in ("diamond", "thinned") else {}
        world = World(PLANS[name](policy, seed % 3, **drops), frames=7)
        try:
            world.run(chooser(seed))
            assert numbers(world, MAIN[name]) == {source: list(range(7)) for source in world.plan.sources}
            if name == "thinned":
                assert numbers(world, "third") == {"camera": [0, 3, 6]}
        except AssertionError as error:
            explain(world, error)
            raise
        finally:
            world.close()


@pytest.mark.parametrize("policy", ["all", "live"])
@MANY
@given(
    name=st.sampled_from(list(PLANS)),
    windows=st.integers(0, 2),
    drops=st.integers(-1, 2),
    patient=st.booleans(),
    hurried=st.booleans(),
    choices=CHOICES,
    kills=KILLS,
)
def test_random_orders_with_deaths(
    policy: str, name: str, windows: int, drops: int, patient: bool, hurried: bool, choices: list[int], kills: list[Any]
) -> None:
    """Up to three deaths anywhere: the books balance, nothing hangs, nothing is torn, and only what was on the way is lost."""
    more = {"drops": drops} if name in ("diamond", "thinned") else {}
    live_through(World(PLANS[name](policy, windows, **more), 5, patient, hurried), choices, kills)


@MANY
@given(
    victims=st.sampled_from([("matte",), ("camera",), ("camera", "matte")]),
    windows=st.integers(0, 2),
    drops=st.integers(-1, 2),
    seed=st.integers(0, 1 << 20),
    steps=st.lists(st.tuples(st.integers(8, 90), st.integers(0, 40)), max_size=3),
)
def test_a_lossless_run_shows_every_frame_once_though_source_and_network_die(
    victims: tuple[str, ...], windows: int, drops: int, seed: int, steps: list[Any]
) -> None:
    world = World(diamond("all", windows, drops), 4)
    choose, waiting = chooser(seed), sorted(steps)

    def killing(enabled: list[Action]) -> Action:
        if waiting and len(world.trace) >= waiting[0][0]:
            _, k = waiting.pop(0)
            name = victims[k % len(victims)]
            mine = [a for a in enabled if a[0] in TURNS and who(a) == name]
            if name in world.members and name not in world.dead:
                return ("kill", name, k, mine[k % len(mine)]) if mine and k else ("kill", name)
        return choose(enabled)

    try:
        world.run(killing)
        assert numbers(world, "show") == {"camera": [0, 1, 2, 3]}
    except AssertionError as error:
        note(f"{error}\nschedule: {world.trace}")
        raise
    finally:
        world.close()


@pytest.mark.parametrize("seed", range(30))
def test_the_picture_goes_on_while_a_live_network_is_dead(seed: int) -> None:
    """The network dies and does not come back until nothing else can happen: each frame is shown all the same, uncovered ones
    never without their own alpha."""
    world = World(diamond("live", seed % 3), frames=6)
    choose = chooser(seed)

    def starving(enabled: list[Action]) -> Action:
        if len(world.trace) == 30 + seed:
            return ("kill", "matte")
        return choose([action for action in enabled if action != ("restart", "matte")] or enabled)

    try:
        world.run(starving)
        assert numbers(world, "show") == {"camera": list(range(6))}
    finally:
        world.close()


@pytest.mark.parametrize("policy", ["all", "live"])
def test_side_branches_that_hang_hold_up_nobody(policy: str) -> None:
    world = World(branched(policy, sides=5), frames=12)

    def may(action: Action) -> bool:
        """One view after the other comes, and hangs with a frame of its own."""
        came = action[2:] and action[2].startswith("view") and 2 * int(action[2][4]) > len(world.shown["show", "camera"])
        return not came and not (who(action).startswith("view") and action[0] in ("work", "idle"))

    try:
        while enabled := [action for action in world.enabled() if may(action)]:
            world.do(enabled[len(world.trace) % len(enabled)])
        hung = [world.members[f"view{i}"].crew.engine.nodes[f"view.{i}"].lanes["camera"]["image"].queue[0].n for i in range(5)]
        assert len(set(hung)) == 5
        assert numbers(world, "show") == {"camera": list(range(12))}
    finally:
        world.close()


@pytest.mark.parametrize("policy", ["all", "live"])
@pytest.mark.parametrize("victim", ["camera", "matte"])
def test_a_thinned_join_survives_deaths(policy: str, victim: str) -> None:
    """What it waits for comes, or is told of, also where frames between those that it keeps speak for the lost."""
    for seed in range(40 * max(1, DEEP)):
        world = World(thinned(policy, windows=1, drops=seed % 5 - 1), 7, hurried=bool(seed % 2))
        choose, deaths = chooser(seed), [10 + seed, 50 + 2 * seed]

        def killing(enabled: list[Action], world: World = world, choose: Any = choose, deaths: list[int] = deaths) -> Action:
            if deaths and len(world.trace) >= deaths[0] and victim in world.members and victim not in world.dead:
                return ("kill", victim) if deaths.pop(0) else ()
            return choose(enabled)

        try:
            world.run(killing)
            assert set(numbers(world, "third")["camera"]) <= {0, 3, 6}
        except AssertionError as error:
            explain(world, error)
            raise
        finally:
            world.close()


def test_a_frame_that_kills_twice_is_left_out() -> None:
    world = World(plain("all", 1), frames=3)

    def deadly(enabled: list[Action]) -> Action:
        work = ("work", "matte")
        if work in enabled and world.members["matte"].crew.engine.nodes["matte"].next() == ("square", 1):
            if world.kills < 2:
                # The frame's own number is written as the third event of the step, then its processing begins.
                return ("kill", "matte", 5, work)
        return enabled[0]

    try:
        world.run(deadly)
        assert world.office.settlement.poisoned == [("matte", "square", 1)]
        assert world.shown["blend", "square"] == [(0, True), (1, False), (2, True)]
    finally:
        world.close()


# -- schedules that once failed -------------------------------------------------------------------------------------------


def test_alphas_lost_on_the_way_are_told_of_by_the_successor() -> None:
    """The network had finished both frames of the window when it died, and neither alpha had arrived: its successor gets
    nothing to do, as the source waits for the blend, and the blend for the alphas."""
    world = World(plain("all", windows=1), frames=3)
    try:
        world.meet()
        for action in [("work", "camera"), ("down", "matte/1", "camera.1"), ("work", "matte"), ("idle", "matte")]:
            world.do(action)
        world.do(("kill", "matte"))
        world.do(("reap", "matte"))
        world.run(chooser(0))
        assert world.shown["blend", "square"] == [(0, False), (1, True), (2, True)]
    finally:
        world.close()


def test_a_file_is_read_again_from_what_a_dead_reader_had_not_finished() -> None:
    """Reader and source die together; what the one had got and the other had sent is made again, and counted once."""
    world = World(plain("all", windows=1), frames=2)
    try:
        world.meet()
        for action in [("work", "camera"), ("down", "matte/1", "camera.1"), ("down", "blend/1", "camera.1")]:
            world.do(action)
        for action in [("kill", "blend"), ("kill", "camera"), ("reap", "blend"), ("reap", "camera")]:
            world.do(action)
        world.run(chooser(0))
        assert numbers(world, "blend") == {"square": [0, 1]}
        row = world.office.ledger.row("source", "square")
        assert [world.office.ledger.cells[row + cell] for cell in (CAPTURED, ADMITTED)] == [2, 2]
    finally:
        world.close()


def test_a_live_camera_s_waiting_frame_dies_with_it_and_is_counted() -> None:
    world = World(plain("live", windows=1), frames=4)
    try:
        world.meet()
        world.do(("work", "camera"))
        assert world.members["camera"].crew.feeds["square"].waiting is not None
        world.do(("kill", "camera"))
        world.run(chooser(0))
        row, ledger = world.office.ledger.row("source", "square"), world.office.ledger
        assert [ledger.cells[row + cell] for cell in (CAPTURED, ADMITTED)] == [4, 3]
        assert ledger.reasons(row + SOURCE_LOST) == {"worker_died": 1}
    finally:
        world.close()


def test_a_reader_that_dies_when_its_makers_have_ended_is_told_so_again() -> None:
    world = World(plain("all", windows=1), frames=1)
    try:
        while not world.office.workers["camera"].done or not world.office.workers["matte"].done:
            world.do(next(a for a in world.enabled() if a != ("done", "blend")))
        world.do(("kill", "blend"))
        world.run(chooser(0))
        assert all(handle.ended for handle in world.office.workers.values())
        assert numbers(world, "blend") == {"square": [0]}
    finally:
        world.close()


def test_a_thinned_join_hears_of_the_frames_that_its_network_drops() -> None:
    world = World(thinned("all", windows=1, drops=0), frames=4)
    try:
        world.run(chooser(1))
        assert world.shown["third", "camera"] == [(0, False), (3, True)]
    finally:
        world.close()


# -- lanes ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lane() -> Lane:
    plan = plain()
    ledger = Ledger.fresh(plan)
    return Lane(ledger, ledger.row("edge", 0, "square"))


def item(n: int, reason: str = "") -> Item:
    return Item(n, n / 25, n / 25, reason=reason)


def test_a_lane_refuses_what_it_had_and_gives_it_back(lane: Lane) -> None:
    said: list[str] = []
    assert lane.push(item(4))
    again = item(4)
    again.credit, again.release = lambda: said.append("credit"), lambda: said.append("release")
    assert not lane.push(again)
    assert said == ["credit"], "its maker keeps it until the first is finished, for a successor of this reader"
    first = lane.take(4)
    assert first is not None
    lane.finish(first)
    assert said == ["credit", "release"]
    late = item(4)
    late.release = lambda: said.append("late")
    assert not lane.push(late) and said[-1] == "late"
    assert lane.ledger.reasons(lane.book + LOST_BY_READER) == {"duplicate": 2}


def test_a_tombstone_sent_again_is_counted_once(lane: Lane) -> None:
    assert lane.push(item(4))
    assert not lane.push(item(4, "worker_died"))
    assert lane.ledger.reasons(lane.book + LOST_BY_READER) == {}


def test_a_lane_counts_what_it_finished(lane: Lane) -> None:
    for n, reason in ((0, ""), (1, "stage_error"), (2, "")):
        lane.push(item(n))
        taken = lane.take(n)
        assert taken is not None
        lane.finish(taken, reason)
    cells = lane.ledger.cells
    assert (cells[lane.book + DELIVERED], cells[lane.book + DONE_N]) == (2, 2)
    assert lane.ledger.reasons(lane.book + LOST_BY_READER) == {"stage_error": 1}
    assert lane.ledger.reasons(lane.book + LOST_BY_MAKER) == {} and cells[lane.book + RECEIVED] == 0


def test_a_tombstone_on_a_thinned_edge_speaks_for_the_kept_frame_before_it() -> None:
    plan = thinned()
    edge = next(edge for edge in plan.edges if edge.every == 3)
    ledger = Ledger.fresh(plan)
    lanes = {"camera": Lane(ledger, ledger.row("edge", edge.index, "camera"))}
    outlet = CallOutlet(edge, ledger, lanes)
    for n, reason, settled in ((0, "", -1), (1, "non_finite", -1), (4, "worker_died", 3), (5, "worker_died", 3), (6, "", 3)):
        outlet.send("camera", item(n, reason))
        assert lanes["camera"].settled == settled
    assert [waiting.n for waiting in lanes["camera"].queue] == [0, 6]
    assert outlet.credit == edge.window - 2 and ledger.reasons(outlet.books["camera"] + LOST_BY_MAKER) == {"unkept": 3}


def test_a_join_takes_the_oldest_frame_that_is_settled_everywhere() -> None:
    ledger = Ledger.fresh(plain())
    image, alpha = (Lane(ledger, ledger.row("edge", i, "square")) for i in (1, 2))
    assert next_frame([image, alpha]) is None
    image.push(item(3))
    assert next_frame([image, alpha]) is None
    alpha.push(item(5))
    assert next_frame([image, alpha]) == 3
    assert alpha.take(3) is None and image.take(3) is not None
    assert next_frame([image, alpha]) is None
    image.settled = 5
    assert next_frame([image, alpha]) == 5


def test_a_lane_does_not_wait_for_what_it_would_refuse(lane: Lane) -> None:
    lane.push(item(3))
    assert lane.take(3) is not None
    assert not lane.waits_for(3) and not lane.waits_for(2) and lane.waits_for(4)
    lane.ended = True
    assert not lane.waits_for(4) and lane.dry
