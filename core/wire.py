"""Wiring: from stages as written to a plan. Which maker feeds each port, how large each value is, how each edge treats losses.

A port is fed by the nearest stage upstream along `from` that makes a value of its name, or by the one that `from` names for it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from edge.core import hooks, probe
from edge.core.document import Place
from edge.core.errors import EdgeError, GraphError, SourceError, located
from edge.core.frame import Plane, Spec
from edge.core.graph import Graph, Written
from edge.core.options import declared, nearest
from edge.core.plan import EdgePlan, Plan, Port, StagePlan, described, place
from edge.core.port import PortType, ports_of
from edge.core.stage import Stage


class Wiring:
    """Builds the plan of a graph, stage by stage in the order in which frames meet them. Problems go to the graph.

    Where there are problems already it goes on roughly, to find the others: no source is looked at, sizes are invented, and
    nothing is said of what lies behind a stage in `unsure`, whose values are not known.
    """

    def __init__(
        self, graph: Graph, finite: bool = False, tolerant: bool = False, running: Plan | None = None, coming: str = ""
    ) -> None:
        self.graph = graph
        self.tolerant = tolerant
        self.running = running
        self.coming = coming
        if finite:
            self._add_recordings()
        self.plan = Plan(
            graph.name,
            graph.document.name,
            device=graph.device.to_dict(),
            runtime=graph.runtime,
            restart=graph.restart,
            max_age=graph.max_age,
            notes=graph.notes,
        )
        self.made: dict[str, list[StagePlan]] = {}
        self.rough = False
        self.unsure: set[str] = set()
        self.ports: dict[str, dict[str, PortType]] = {}
        self.thinned: dict[str, str] = {}

    def run(self) -> Plan:
        """Raises GraphError with every problem; SourceError where no source is left."""
        stages = self.graph.stages
        self._check_options()
        self.ports = {n: {} if s.is_source else self._asked(s, "ports", ports_of, {}, s.make()) for n, s in stages.items()}
        self._check_ports()
        order = self._order()
        self.rough = bool(self.graph.problems)
        self._sources()
        for name in order:
            if not stages[name].is_source:
                self._stage(stages[name])
        self._loops()
        self.graph.raise_problems()
        self.plan.stages = [plan for name in order for plan in self.made.get(name, [])]
        for index, edge in enumerate(self.plan.edges):
            edge.index = index
        return self.plan

    # -- before anything is known of the sources ---------------------------------------------------------------------------

    def _check_options(self) -> None:
        for stage in self.graph.stages.values():
            for suffix in stage.instances if stage.sound else ():
                for option, trouble in self._asked(stage, "check", stage.make(suffix).check, {}).items():
                    where: Place = (*stage.place, "each", suffix, option) if suffix else (*stage.place, option)
                    if where not in self.graph.document.marks:
                        where = (*stage.place, option)
                    code = trouble.code if isinstance(trouble, EdgeError) else GraphError.code
                    self.graph.problem(where, f"stage '{stage.name}': option '{option}': {trouble}", code)

    def _asked(self, stage: Written, what: str, method: Callable[..., Any], default: Any, *args: Any) -> Any:
        """What a plugin's method says; where it fails, the default, and its own words are the problem."""
        try:
            return method(*args)
        except EdgeError as error:
            told, code = str(error), error.code
        except Exception as error:
            told, code = f"{stage.use}.{what} failed: {type(error).__name__}: {error}", GraphError.code
        known = stage.sound and not self.rough and stage.name not in self.unsure
        self.unsure.add(stage.name)
        if known:
            self.graph.problem(stage.place, f"stage '{stage.name}': {told}", code)
        return default

    def _check_ports(self) -> None:
        for name, stage in self.graph.stages.items():
            for port in stage.feeds:
                if port and port not in self.ports[name] and name not in self.unsure:
                    place = (*stage.place, "from", port, "key")
                    known = self.ports[name]
                    self.graph.problem(place, f"stage '{name}': {stage.use} has no port '{port}'{nearest(port, known)}")

    def _before(self, name: str) -> Iterator[str]:
        """The stages that a stage names in `from`, those of its previous-ports left out. None where its plugin is not known."""
        stage = self.graph.stages.get(name)
        for port, feed in stage.feeds.items() if stage else ():
            kind = self.ports[name].get(port)
            if not (kind and kind.previous):
                base = feed.split(".")[0]
                if base in self.graph.stages:
                    yield base

    def _order(self) -> list[str]:
        """Makers before readers; as in the file otherwise."""
        order: list[str] = []
        todo = list(self.graph.stages)
        while todo:
            ready = [name for name in todo if all(base in order for base in self._before(name))]
            if not ready:
                self._cycle(todo)
                return []
            order.append(ready[0])
            todo.remove(ready[0])
        return order

    def _cycle(self, names: list[str]) -> None:
        path = [names[0]]
        while path.count(path[-1]) < 2:
            path.append(next(base for base in self._before(path[-1]) if base in names))
        loop = path[path.index(path[-1]) :]
        stage = self.graph.stages[loop[0]]
        way = " ← ".join(loop)
        text = f"stage '{loop[0]}' waits for itself ({way}): only a previous-port, like matting's 'prior', may close a loop"
        self.graph.problem((*stage.place, "from"), text)

    def _add_recordings(self) -> None:
        """A display that is a web page here is gone when a short run ends: what it showed is recorded as well."""
        for stage in [s for s in self.graph.stages.values() if s.is_display and s.use == "web"]:
            name = f"{stage.name}_recording"
            path = pathlib.Path.cwd() / f"{self.graph.name}.mp4"
            recording = Written(name, "record", hooks.stage_class("record", True), stage.place)
            recording.instances = {"": {"path": path}}
            recording.feeds = dict(stage.feeds)
            self.graph.stages[name] = recording

    # -- sources ------------------------------------------------------------------------------------------------------------

    def _sources(self) -> None:
        """Look at every camera. One that is not here is left out, and said; none left is an error."""
        written = {s.full(suffix): (s, suffix) for s in self.graph.stages.values() if s.is_source for suffix in s.instances}
        if not written and not self.rough:
            self.graph.problem(("stages",), "no stage is a source: add camera: {use: camera}")
        if self.running is not None and not self.rough:
            return self._sources_of(self.running, written)
        if self.rough:
            looks = {name: probe.Look({}, 0.0, False) for name in written}
        else:
            looks = probe.look([(name, s.use, s.instances[suffix]) for name, (s, suffix) in written.items()])
        for name, (stage, suffix) in written.items():
            look = looks[name]
            if look.error and stage.use == "camera" and "path" not in stage.instances[suffix]:
                look = self._stand_in(stage, suffix, look)
            if look.error:
                self._not_here(name, look)
            if not look.error or self.tolerant:
                self._source(stage, suffix, look)
        if not self.made and not self.graph.problems:
            raise SourceError("\n".join(self.plan.failed.values()))

    def _sources_of(self, running: Plan, written: dict[str, tuple[Written, str]]) -> None:
        """The cameras of a run that is under way, as they are, and the one that is to come."""
        for name, (stage, suffix) in written.items():
            if name in running.sources:
                self.made.setdefault(stage.name, []).append(running.stage(name).copy())
                self.plan.rates[name] = running.rates[name]
            elif name == self.coming:
                look = probe.look([(name, stage.use, stage.instances[suffix])])[name]
                if look.error:
                    raise located(name, SourceError(look.error))
                self._source(stage, suffix, look)

    def _not_here(self, name: str, look: probe.Look) -> None:
        text = look.error if look.error.startswith(name) else f"{name}: {look.error}"
        self.plan.failed[name] = text
        if look.code not in (SourceError.code, 1):
            self.graph.problems.append(((1 << 30, 0), text, look.code))

    def _stand_in(self, stage: Written, suffix: str, look: probe.Look) -> probe.Look:
        """The profile's next camera that opens, aloud."""
        name = stage.full(suffix)
        for use in self.graph.device.profile.camera:
            if use == stage.use:
                continue
            known = declared(hooks.stage_class(use, False))
            options = {key: value for key, value in stage.instances[suffix].items() if key in known}
            second = probe.look([(name, use, options)])[name]
            if not second.error:
                self.plan.notes.append(f"{name}: {look.error.removeprefix(name + ': ')}; '{use}' stands in")
                stage.use, stage.cls, stage.instances[suffix] = use, hooks.stage_class(use, False), options
                return second
        return look

    def _source(self, stage: Written, suffix: str, look: probe.Look) -> None:
        name = stage.full(suffix)
        made = stage.make(suffix)
        makes = look.makes or {
            key: Spec(kind, (480, 640, 3)[: 2 + (key == "image")], "bgr") for key, kind in made.makes.items()
        }
        plan = self._new(stage, name, [name], made, makes)
        plan.is_source, plan.reads, plan.live = True, False, look.live
        plan.options = stage.instances[suffix]
        self.plan.rates[name] = look.rate

    # -- stages -------------------------------------------------------------------------------------------------------------

    def _new(self, stage: Written, name: str, sources: list[str], made: Stage, makes: dict[str, Spec]) -> StagePlan:
        plan = StagePlan(name, stage.use, stage.name, network=stage.cls.network, sources=sources, makes=makes, pin=stage.pin)
        plan.options = dict(next(iter(stage.instances.values())))
        plan.models = {option: model.to_dict() for option, model in stage.models.items()}
        plan.device = stage.device
        plan.renders = list(made.renders)
        self.made.setdefault(stage.name, []).append(plan)
        return plan

    def _stage(self, stage: Written) -> None:
        sources = self._reaching(stage)
        if not sources:
            if not (self.rough or self.running or self.plan.failed or self.graph.problems):
                self.graph.problem((*stage.place, "from"), f"stage '{stage.name}': no camera reaches it through what it reads")
            return
        groups = [[source] for source in sources] if stage.per_source else [sources]
        if len(groups) > 1 and not stage.cls.makes:
            self._check_shared_paths(stage)
        for group in groups:
            self._instance(stage, self._name(stage, group[0], len(sources)), group)

    def _check_shared_paths(self, stage: Written) -> None:
        """Each camera's own sink must not write into another's file, and none of them can see that it does."""
        for option, value in stage.instances[""].items():
            if isinstance(value, pathlib.Path) and "{source}" not in str(value):
                told = f"every camera's {stage.use} would write there; put {{source}} into it"
                text = f"stage '{stage.name}': option '{option}': {told}"
                self.graph.problem((*stage.place, option), text)

    def _name(self, stage: Written, source: str, several: int) -> str:
        if not stage.per_source:
            return stage.name
        suffix = source.partition(".")[2] or (source if several > 1 else "")
        return stage.full(suffix)

    def _reaching(self, stage: Written) -> list[str]:
        """The cameras that reach a stage through what it names in `from`."""
        found: list[str] = []
        for port, feed in stage.feeds.items():
            kind = self.ports[stage.name].get(port)
            if not (kind and kind.previous):
                base, only, _ = self._feed(feed)
                found += [s for plan in self.made.get(base, []) for s in plan.sources if not only or plan.name == only]
        return list(dict.fromkeys(found))

    def _feed(self, feed: str) -> tuple[str, str, str]:
        """`stage`, `stage.camera` or `stage.value` → (stage, instance or "", value or "")."""
        base, _, rest = feed.partition(".")
        stage = self.graph.stages.get(base)
        if rest and stage and rest in stage.instances:
            return base, feed, ""
        return base, "", rest

    def _instance(self, stage: Written, name: str, sources: list[str]) -> None:
        made = stage.make()
        ports, edges = [], []
        for port in self.ports[stage.name].values():
            wired = Port(port.name, port.name, port.type, port.optional)
            ports.append(wired)
            if port.previous:
                continue
            for source in sources:
                maker, value = self._maker(stage, port, source)
                if maker:
                    wired.makers[source], wired.value = maker.name, value
            edges += self._edges(stage, name, wired)
        inputs = self._inputs(stage, name, edges)
        if inputs is None:
            return
        plan = self._new(stage, name, sources, made, self._spec(stage, made, inputs))
        plan.ports, plan.inputs = ports, inputs
        plan.live = all(self._plan(source).live for source in sources)
        plan.shared = not stage.per_source and any(self.graph.stages[self._plan(s).base].may_grow for s in sources)
        plan.keeps = self._asked(stage, "keeps", made.keeps, {}, inputs)
        self.plan.edges += edges
        self._thin(stage, plan, edges)

    def _plan(self, name: str) -> StagePlan:
        return next(plan for plans in self.made.values() for plan in plans if plan.name == name)

    def _maker(self, stage: Written, port: PortType, source: str) -> tuple[StagePlan | None, str]:
        """Who makes this port's value for this camera; a problem where nobody does and it must be wired."""
        named = stage.feeds.get(port.name)
        previous = {name for name, other in self.ports[stage.name].items() if other.previous}
        starts = [named] if named else [feed for name, feed in stage.feeds.items() if name not in previous]
        for start in starts:
            base, only, value = self._feed(start)
            value = value if named else ""  # `small.truth` is what another port reads
            wanted = value or port.name
            maker, value = self._search(base, only, wanted, port.type if named else None, source, bool(value))
            if maker:
                self._check_type(stage, port, maker, value)
                return maker, value
        if port.wired or named:
            self._nobody(stage, port, named)
        return None, ""

    def _search(
        self, base: str, only: str, value: str, kind: Any, source: str, exact: bool = False
    ) -> tuple[StagePlan | None, str]:
        """Breadth first upstream. `kind`: at the stage that was named, the one value of this type will do. `exact`: the value
        itself was named (`stage.value`), so nothing else will do."""
        todo, seen = [(base, only, kind)], set()
        while todo:
            base, only, kind = todo.pop(0)
            if base in seen:
                continue
            seen.add(base)
            for plan in self.made.get(base, []):
                if source not in plan.sources or (only and plan.name != only):
                    continue
                if value in plan.makes:
                    return plan, value
                if exact:
                    return None, ""
                same = [name for name, spec in plan.makes.items() if kind is not None and spec.type is kind]
                if len(same) == 1:
                    return plan, same[0]
            todo += [(before, "", None) for before in self._before(base)]
        return None, ""

    def _nobody(self, stage: Written, port: PortType, named: str | None) -> None:
        place = (*stage.place, "from")
        if self._unsure_before(stage.name):
            return
        if named:
            base, only, value = self._feed(named)
            makes = described(f"'{name}'" for plan in self.made.get(base, [])[:1] for name in plan.makes) or "nothing"
            text = f"stage '{stage.name}': '{only or base}' does not make '{value or port.name}': it makes {makes}"
            self.unsure.add(stage.name)
            return self.graph.problem((*place, port.name), text)
        self.graph.problem(place, f"stage '{stage.name}': {stage.use} needs '{port.name}', which nothing before it makes")

    def _unsure_before(self, name: str) -> bool:
        """Whether some stage before this one, or this one, is not known well enough to say what is made."""
        todo, seen = [name], set()
        while todo:
            name = todo.pop()
            if name in self.unsure or name not in self.graph.stages:
                return True
            seen.add(name)
            feeds = self.graph.stages[name].feeds.values()
            todo += [base for base in (feed.split(".")[0] for feed in feeds) if base not in seen]
        return False

    def _check_type(self, stage: Written, port: PortType, maker: StagePlan, value: str) -> None:
        made, want = maker.makes[value].type, port.type
        planes = isinstance(want, type) and issubclass(want, Plane)
        if planes and made is not want and not (isinstance(made, type) and issubclass(made, want)):
            names = getattr(made, "__name__", made), want.__name__
            text = (
                f"stage '{stage.name}': port '{port.name}' takes {names[1]}, but '{maker.name}' makes {names[0]} as '{value}'"
            )
            self.graph.problem((*stage.place, "from"), text)

    def _edges(self, stage: Written, name: str, port: Port) -> list[EdgePlan]:
        """One edge per maker of a port, with the cameras that it carries."""
        edges = []
        for maker in dict.fromkeys(port.makers.values()):
            sources = [source for source, who in port.makers.items() if who == maker]
            live = all(self._plan(source).live for source in sources)
            policy = "latest" if stage.keep == "latest" else "live" if live else "all"
            spec = self._plan(maker).makes[port.value]
            edge = EdgePlan(0, maker, name, port.name, port.value, spec=spec, sources=sources, policy=policy)
            edge.every = stage.keep if isinstance(stage.keep, int) else 1
            edges.append(edge)
        return edges

    def _inputs(self, stage: Written, name: str, edges: list[EdgePlan]) -> dict[str, Spec] | None:
        """Port → the largest spec that feeds it; None where cameras disagree on what it is."""
        inputs: dict[str, Spec] = {}
        for edge in edges:
            other = inputs.get(edge.port)
            if other is None or other.shape is None:
                inputs[edge.port] = edge.spec
            elif edge.spec.shape is None or len(edge.spec.shape) != len(other.shape) or edge.spec.format != other.format:
                text = f"stage '{name}': port '{edge.port}' gets {other!r} from one camera and {edge.spec!r} from another"
                self.graph.problem((*stage.place, "from"), text)
                return None
            else:
                shape = [max(pair) for pair in zip(other.shape, edge.spec.shape, strict=True)]
                inputs[edge.port] = Spec(other.type, shape, other.format)
        return inputs

    def _spec(self, stage: Written, made: Stage, inputs: dict[str, Spec]) -> dict[str, Spec]:
        guess = {name: Spec(kind, (1, 1, 3)) for name, kind in made.makes.items()}
        return self._asked(stage, "spec", made.spec, guess, inputs)  # type: ignore[no-any-return]

    def _thin(self, stage: Written, plan: StagePlan, edges: list[EdgePlan]) -> None:
        """A branch that skips frames may not be joined with one that does not: the join would wait for what was skipped."""
        tags = {self.thinned.get(edge.maker, "") for edge in edges}
        if len(tags) > 1:
            lossy = described(sorted(f"'{tag}'" for tag in tags if tag))
            text = f"stage '{stage.name}' joins frames that {lossy} skips (keep) with all frames: read both from one branch"
            self.graph.problem((*stage.place, "from"), text)
        joins = bool(stage.cls.makes) or not all(port.optional for port in plan.ports)  # a viewer shows each as it comes
        if stage.keep == "latest" and joins and len({edge.maker for edge in edges}) > len(plan.sources):
            text = f"stage '{stage.name}': keep: latest needs all its values from one stage, here they come from several"
            self.graph.problem((*stage.place, "keep"), text)
        own = plan.name if stage.keep != "all" and stage.keep != 1 else ""
        self.thinned[plan.name] = own or next(iter(tags), "")

    # -- loops --------------------------------------------------------------------------------------------------------------

    def _loops(self) -> None:
        """Wire the previous-ports, now that what they read is known."""
        for name, ports in self.ports.items():
            stage = self.graph.stages[name]
            for port in ports.values():
                if port.previous and port.name in stage.feeds:
                    for plan in self.made.get(name, []):
                        self._loop(stage, plan, port)

    def _loop(self, stage: Written, plan: StagePlan, port: PortType) -> None:
        base, only, named = self._feed(stage.feeds[port.name])
        for source in plan.sources:
            maker, value = self._search(base, only, named or port.name, port.type, source, bool(named))
            if maker is None:
                self._nobody(stage, port, stage.feeds[port.name])
                return
            wired = next(p for p in plan.ports if p.name == port.name)
            wired.makers[source], wired.value = maker.name, value
            spec = maker.makes[value]
            found = [e for e in self.plan.edges if e.previous and e.reader == plan.name and e.maker == maker.name]
            if found:
                found[0].sources.append(source)
            else:
                edge = EdgePlan(0, maker.name, plan.name, port.name, value, spec=spec, sources=[source], previous=True)
                edge.policy = "previous"
                self.plan.edges.append(edge)
                plan.inputs[port.name] = spec


def compile_graph(path: pathlib.Path, sets: tuple[str, ...] = (), device: str = "", workers: str = "auto", **more: Any) -> Plan:
    """The plan of a graph file, placed. `finite=True`: the run will end by itself, so displays are recorded too.
    `tolerant=True`: a source that is not here gets a usual size instead of being left out (to check a graph anywhere)."""
    plan = Wiring(Graph.read(path, sets, device), **more).run()
    place(plan, workers)
    return plan
