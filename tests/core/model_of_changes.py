"""The world of `model_of_flow`, in which cameras come and go: the real roster takes its steps when the checker says so, workers
are hired and dismissed, and what a worker says is heard later, in the order in which it said it.
"""

from __future__ import annotations

import collections
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

from model_of_flow import Action, Draft, Member, Office, World

from edge.core.control import Reply
from edge.core.errors import EdgeError, StageError
from edge.core.growth import grown
from edge.core.handle import Handle
from edge.core.ledger import ADMITTED
from edge.core.link import LinkOutlet
from edge.core.plan import Plan
from edge.core.roster import Roster

LATE = 1000.0
"""Seconds that are more than anybody waits."""


# -- plans ----------------------------------------------------------------------------------------------------------------


def fed(draft: Draft, cameras: list[str]) -> str:
    """Each camera in a process of its own; what they make, as a reader of all writes it."""
    for camera in cameras:
        draft.stage(camera, camera.partition(".")[2], makes="image")
    return "+".join(f"{camera}.image" for camera in cameras)


def small(draft: Draft, cameras: list[str]) -> None:
    """One sink for all."""
    draft.stage("show", "show", f"image={fed(draft, cameras)}")


def joined(draft: Draft, cameras: list[str]) -> None:
    """A network and a blend for all."""
    images = fed(draft, cameras)
    draft.stage("matte", "matte", f"image={images}", makes="alpha")
    draft.stage("show", "blend", f"image={images} [alpha]=matte.alpha")


def disks(draft: Draft, cameras: list[str]) -> None:
    """A blend for all, then a sink for each camera in a process of its own."""
    draft.stage("blend", "blend", f"image={fed(draft, cameras)}", makes="image")
    for camera in cameras:
        name = camera.partition(".")[2]
        draft.stage(f"out.{name}", f"disk{name}", "image=blend.image", only=camera)


def disk(draft: Draft, cameras: list[str]) -> None:
    """The same, with all sinks in one process, and a view of everything beside the blend."""
    draft.stage("blend", "blend", f"image={fed(draft, cameras)}", makes="image")
    for camera in cameras:
        draft.stage(f"out.{camera.partition('.')[2]}", "disk", "image=blend.image", only=camera)
    draft.stage("view", "blend", "image=blend.image")


def viewed(draft: Draft, cameras: list[str]) -> None:
    """A line with a branch that nothing waits for, and one that takes every second frame."""
    draft.stage("square", "square", f"image={fed(draft, cameras)}", makes="image")
    draft.stage("show", "show", "image=square.image")
    draft.stage("side", "side", "image=square.image", keep="latest")
    draft.stage("second", "show", "image=square.image", keep=2)


PLANS = {"small": small, "joined": joined, "disks": disks, "disk": disk, "viewed": viewed}


class Book:
    """What a recipe is to a run: the plan with another camera."""

    def __init__(self, name: str, policy: str, windows: int) -> None:
        self.draw = PLANS[name]
        self.policy = policy
        self.windows = windows
        self.sets: list[Any] = []

    def draft(self, cameras: list[str]) -> Draft:
        draft = Draft(self.policy, self.windows)
        self.draw(draft, cameras)
        return draft

    def after(self, running: Plan, _sets: Any, coming: str) -> Plan:
        known = {edge.index for edge in running.edges}
        plan = grown(running, self.draft([*running.sources, coming]).plan)
        for edge in plan.edges:
            if edge.index not in known:
                edge.window = self.windows or edge.window
        return plan

    def forget(self, _camera: str) -> None:
        pass


# -- the supervisor -------------------------------------------------------------------------------------------------------


class Rota(Roster):
    """The real roster; only the plan is not made in a thread."""

    def _made(self, sets: Any, coming: str = "") -> Any:
        book: Any = self.recipe
        assert isinstance(self.run, Bureau)
        self.run.world.news = True
        yield
        return book.after(self.run.plan, sets, coming)


class Bureau(Office):
    """The real supervisor, with a roster that can make plans."""

    world: Changing

    def __init__(self, world: Changing, patient: bool) -> None:
        super().__init__(world, patient)
        book: Any = world.book
        self.roster = Rota(self, book)
        self.removed: dict[str, dict[str, Any]] = {}
        self._dismissed: Any = []
        self._folder: Any = types.SimpleNamespace(path="nowhere")
        self.recorders: Any = types.SimpleNamespace(on=False)

    def remember(self, camera: str, row: dict[str, Any]) -> None:
        super().remember(camera, row)
        self.world.safe = {(source, n) for source, n in self.world.safe if source != camera}

    def dismiss(self, handle: Handle) -> None:
        super().dismiss(handle)
        self.world.bury(handle.plan.name)
        self.world.forget(f"{handle.plan.name}/{handle.generation}")


# -- the world ------------------------------------------------------------------------------------------------------------


class Changing(World):
    """`asks`: what is asked of the run, in this order, each at any time: "+hall", "-yard". `late`: so many times may
    more seconds pass than a change waits. `refuses`: (stage, camera) that it does not take."""

    OFFICE = Bureau
    office: Any

    def __init__(self, name: str, policy: str = "all", windows: int = 1, frames: int = 3, **more: Any) -> None:
        self.book = Book(name, policy, windows)
        self.asks: collections.deque[str] = collections.deque(more.get("asks", ()))
        self.late: int = more.get("late", 0)
        self.refuses: tuple[str, str] = more.get("refuses", ("", ""))
        self.lates = 0
        self.victims: set[str] = set()
        self.hung: set[str] = set()
        self.opening: set[str] = set()
        self.parted: set[str] = set()
        self.said: collections.defaultdict[str, collections.deque[Any]] = collections.defaultdict(collections.deque)
        self.news = False
        self.asked = 0
        self.answers: list[tuple[str, Any]] = []
        self.past: list[tuple[str, dict[str, list[int]], dict[str, Any]]] = []
        self.clock = 0.0
        self._time = mock.patch("edge.core.roster.time", types.SimpleNamespace(monotonic=lambda: self.clock))
        self._time.start()
        cameras = [f"camera.{camera}" for camera in more.get("cameras", ("door", "yard"))]
        super().__init__(self.book.draft(cameras).done(), frames, more.get("patient", True), more.get("hurried", False))
        self.news = False

    @property
    def plan(self) -> Plan:
        return self.office.plan if hasattr(self, "office") and hasattr(self.office, "plan") else self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan

    def close(self) -> None:
        self._time.stop()
        super().close()

    # -- what the pieces call ---------------------------------------------------------------------------------------------

    def say(self, name: str, what: str, more: dict[str, Any]) -> None:
        self.said[name].append((what, more))

    def entered(self, stage: str, source: str) -> None:
        if (stage, source) == self.refuses:
            raise StageError(self.refusal)

    @property
    def refusal(self) -> str:
        return "{} does not take {}".format(*self.refuses)

    def opens(self, name: str) -> None:
        self.opening.add(name)

    def bury(self, name: str) -> None:
        super().bury(name)
        self.opening.discard(name)
        self.parted.discard(name)
        self.hung.discard(name)

    def unplug(self, name: str) -> None:
        super().unplug(name)
        self.said[name].clear()

    # -- what may happen --------------------------------------------------------------------------------------------------

    def enabled(self) -> list[Action]:
        changing = bool(self.office.roster._waiting)
        found = [action for action in super().enabled() if action[0] != "restart" or not (changing and self.news)]
        found += [("told", name) for name, words in self.said.items() if words and name in self.office.workers]
        if changing and self.news:
            found.append(("turn",))
        if changing and (self.late or (self.kills and not found)):
            found.append(("late",))
        if self.asks and not changing and self.office.state == "running":
            found.append(("ask",))
        return found

    def _of(self, name: str, member: Member) -> list[Action]:
        if name in self.hung:
            return []
        if name in self.opening:
            return [("open", name)]
        if name in self.parted:
            return [("exit", name)]
        return super()._of(name, member) + [("left", name)] * any(self._leaves(member))

    def _leaves(self, member: Member) -> Iterator[bool]:
        """Has it something to say of a camera that is to go?"""
        for source in member._leaving:
            yield member.crew.has_left(source) and member.hub.has_left(source)

    def _left(self, name: str) -> None:
        self.members[name]._tell_left()

    def _promptly(self, member: Member) -> None:
        super()._promptly(member)
        member._tell_left()

    def _ask(self) -> None:
        word = self.asks.popleft()
        camera = "camera." + word[1:]
        self.asked += 1
        do = {"+": "add-camera", "-": "remove-camera"}[word[0]]
        self.office.roster.request({"do": do, "name": camera}, self._reply(word, camera))

    def _reply(self, word: str, camera: str) -> Reply:
        def reply(answer: Any) -> None:
            self.answers.append((word, answer))
            refused = isinstance(answer, EdgeError)
            there = camera in self.plan.sources
            assert refused or there == (word[0] == "+")
            if not there:
                self._check_gone(camera, {} if refused else answer)
            assert refused or self.kills or self.lates or not answer.get("cut_off"), f"{word} was cut off"
            for name, member in self.members.items():
                if self.office.workers[name].alive:
                    assert (camera in member.plan.sources) == there, f"{word} is answered, and {name} does not know"

        return reply

    def _turn(self) -> None:
        self.news = False
        self.office.roster.turn()

    def _late(self) -> None:
        self.late -= bool(self.late)
        self.lates += 1
        self.clock += LATE
        self._turn()

    def _told(self, name: str) -> None:
        what, more = self.said[name].popleft()
        assert more.get("error", "") in ("", self.refusal), f"{name}: {more['error']}"
        self.office.hear(name, what, more)
        self.news = True

    def _open(self, name: str) -> None:
        self.opening.discard(name)
        self.say(name, "open", {"places": {}})

    def _hear(self, name: str) -> None:
        self.members[name].hear()
        if self.members[name]._parting:
            self.parted.add(name)

    def _exit(self, name: str) -> None:
        """A process has ended by itself, and the supervisor notices."""
        while self.said[name]:
            self._told(name)
        self.office.leave(name)
        self.parted.discard(name)
        self.news = True

    def _reap(self, name: str) -> None:
        while self.said[name]:
            self._told(name)
        super()._reap(name)
        self.news = True

    # -- what must hold ---------------------------------------------------------------------------------------------------

    def _check_gone(self, camera: str, answer: dict[str, Any]) -> None:
        """A camera is gone: what was shown of it is put away, and nothing of it may be shown any more."""
        shown = {sink: [n for n, _ in self.shown.pop((sink, at))] for sink, at in list(self.shown) if at == camera}
        row = self.office.removed.get(camera, {})
        self.past.append((camera, shown, row))
        for sink, got in shown.items():
            assert got == sorted(set(got)) or self.kills, f"{sink} showed {got} of {camera}"
            if not self.kills and answer.get("cut_off") is False and sink in ("show", "view"):
                assert len(got) == row["admitted"], f"{sink} showed {got} of {camera}, which had {row['admitted']}"

    def check(self) -> None:
        super().check()
        if self.office.roster._waiting or self.office._closing:
            return
        for name, member in self.members.items():
            held = member.hub.gone and name not in self.dead and not self.controls[name]
            assert not held, f"{name} keeps what was under way of cameras that are gone"

    def finished(self, member: Member) -> bool:
        """A run may end while a camera comes: then some know of it, and wait for it."""
        member.hub.give_up()
        return self.cut_short or super().finished(member)

    def check_end(self) -> None:
        self.cut_short = bool(self.office.roster._waiting)
        self.office.roster.close()
        self._check_shown()
        assert len(self.answers) == self.asked, f"{self.asked} were asked, {len(self.answers)} answered"
        gone = [key for key in self.shown if key[1] not in self.plan.sources and self.shown[key]]
        assert not gone, f"shown of cameras that are gone: {gone}"
        for name in list(self.office.ledger.rows):
            assert name[0] != "source" or name[1] in self.plan.sources
        self._deliver_all()
        super().check_end()
        if not self.kills and not self.cut_short:
            self._check_credits()

    def _check_shown(self) -> None:
        """Of the cameras that are there at the end: each frame once, where nothing died, or only what can be made up for: a
        file's process, and a network that a sink can do without."""
        sinks = [self.plan.stage(sink) for sink in self.main_sinks]
        spared = {"matte", *(name.partition(".")[2] for name in self.plan.sources)}
        made_up = self.book.policy == "all" and self.victims <= spared
        for stage in sinks if not self.cut_short and (made_up or not self.kills) else ():
            for source in stage.sources:
                got = [n for n, _ in self.shown[stage.name, source]]
                assert got == sorted(set(got)), f"{stage.name} showed {got} of {source}"
                admitted = self.office.ledger.cells[self.office.ledger.row("source", source) + ADMITTED]
                superseded = self.hurried and self.book.policy == "live"
                assert len(got) == (admitted if superseded else self.frames), f"{stage.name} showed {got} of {source}"

    def _kill(self, name: str, *more: Any) -> None:
        self.victims.add(name)
        super()._kill(name, *more)

    def _deliver_all(self) -> None:
        """What was said before the end and is still under way."""
        for member in self.members.values():
            member._flush(all=True)
        for (reader, maker), dealer in list(self.dealers.items()):
            while dealer.going and dealer.router is not None and dealer.router.member in self.members.values():
                self._up(maker, reader)

    def _check_credits(self) -> None:
        for member in self.members.values():
            for outlet in member.hub.outlets.values():
                assert outlet.credit == outlet.edge.window, f"{outlet.edge.key} ends with {outlet.credit} credits"

    def describe(self) -> str:
        roster = self.office.roster
        said = {name: list(words) for name, words in self.said.items() if words}
        told = {name: [message for _, message in queue] for name, queue in self.controls.items() if queue}
        handles = {n: (h.generation, h.alive, h.opened, h.done, h.ended, h.apart) for n, h in self.office.workers.items()}
        own = f"  owed {roster._owed}, told {told}, said {said}, handles {handles}, answers {self.answers}"
        return super().describe() + "\n" + own

    def signature(self) -> Any:
        roster = self.office.roster
        steps, at = (roster._waiting[0][0] if roster._waiting else None), []
        while steps is not None:
            at.append(steps.gi_frame.f_lineno if steps.gi_frame else -1)
            steps = steps.gi_yieldfrom
        plans = tuple((name, tuple(member.plan.sources)) for name, member in sorted(self.members.items()))
        said = tuple((name, str(list(words))) for name, words in self.said.items() if words)
        mine = at, roster._owed, roster._errors, self.news, self.opening, self.parted, self.hung, len(self.asks), plans, said
        return super().signature(), str(mine)


def lent(world: World) -> list[Any]:
    """What the makers think that their readers still have."""
    outlets = (outlet for member in world.members.values() for outlet in member.hub.outlets.values())
    return [entry for outlet in outlets if isinstance(outlet, LinkOutlet) for entry in outlet.unfinished]
