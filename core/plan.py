"""The plan: which stage runs where, how its edges travel, and what memory they need. Plain data, as JSON or msgpack.

`edge plan` prints it, the supervisor starts it, the workers and the one-process runner follow it. Valid Python 3.7.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from edge.core import frame as kinds
from edge.core.frame import Spec

ALIGN = 4096  # slots begin on a page, so that a reader maps nothing of its neighbour
FACTS = {"float": float, "int": int, "str": str, "bool": bool, "list": list, "dict": dict}


class Port:
    """A parameter of `process`. `makers`: source → the stage that feeds it; empty where an optional port is unwired."""

    def __init__(
        self, name: str, value: str, type: Any, optional: bool = False, makers: Optional[Dict[str, str]] = None
    ) -> None:
        self.name = name
        self.value = value
        self.type = type
        self.optional = optional
        self.makers: Dict[str, str] = dict(makers or {})

    @property
    def previous(self) -> bool:
        return bool(getattr(self.type, "previous", False))


class StagePlan:
    """One instance of a stage. `sources`: the cameras that reach it; `makes`: value → spec; `inputs`: port → spec.

    `number`: a source's, by which links name it, for as long as it is there. `shared`: cameras that come later reach it too.
    """

    def __init__(self, name: str, use: str, base: str = "", **fields: Any) -> None:
        self.name = name
        self.use = use
        self.base = base or name
        self.is_source: bool = fields.get("is_source", False)
        self.network: bool = fields.get("network", False)
        self.live: bool = fields.get("live", False)
        self.reads: bool = fields.get("reads", not self.is_source)
        self.options: Dict[str, Any] = fields.get("options", {})
        self.models: Dict[str, Any] = fields.get("models", {})
        self.device: Dict[str, Any] = fields.get("device", {})
        self.sources: List[str] = fields.get("sources", [])
        self.ports: List[Port] = fields.get("ports", [])
        self.makes: Dict[str, Spec] = fields.get("makes", {})
        self.inputs: Dict[str, Spec] = fields.get("inputs", {})
        self.keeps: Dict[str, Spec] = fields.get("keeps", {})
        self.renders: List[str] = fields.get("renders", [])
        self.pin: str = fields.get("pin", "")
        self.worker: str = fields.get("worker", "")
        self.number: int = fields.get("number", -1)
        self.shared: bool = fields.get("shared", False)

    @property
    def is_sink(self) -> bool:
        return not self.makes

    def copy(self) -> StagePlan:
        return _stage(_plain(self))


class EdgePlan:
    """One port fed by one maker. `policy`: "all" (lossless), "live", or a side branch's "latest". `every`: keep each k-th."""

    def __init__(self, index: int, maker: str, reader: str, port: str, value: str, **fields: Any) -> None:
        self.index = index
        self.maker = maker
        self.reader = reader
        self.port = port
        self.value = value
        self.spec: Spec = fields["spec"]
        self.sources: List[str] = fields.get("sources", [])
        self.policy: str = fields.get("policy", "all")
        self.every: int = fields.get("every", 1)
        self.previous: bool = fields.get("previous", False)
        self.kind: str = fields.get("kind", "call")
        self.window: int = fields.get("window", 1)

    @property
    def key(self) -> str:
        return f"{self.maker}->{self.reader}:{self.port}"

    @property
    def side(self) -> bool:
        """True for a branch that nothing waits for."""
        return self.policy == "latest"


class Pool:
    """Slots of one size in a worker's arena, for one value of one stage."""

    def __init__(self, stage: str, value: str, bytes: int, count: int, offset: int) -> None:
        self.stage = stage
        self.value = value
        self.bytes = bytes
        self.count = count
        self.offset = offset


class WorkerPlan:
    """One process: its stages in the order in which frames meet them, and its arena."""

    def __init__(self, name: str, stages: List[str], pools: Optional[List[Pool]] = None) -> None:
        self.name = name
        self.stages = stages
        self.pools: List[Pool] = pools or []

    @property
    def arena_bytes(self) -> int:
        return sum(pool.bytes * pool.count for pool in self.pools)


class Plan:
    """A whole graph, ready to run."""

    def __init__(self, name: str, path: str = "", **fields: Any) -> None:
        self.name = name
        self.path = path
        self.device: Dict[str, Any] = fields.get("device", {})
        self.runtime: Dict[str, Any] = fields.get("runtime", {})
        self.restart: Dict[str, float] = fields.get("restart", {})
        self.max_age: float = fields.get("max_age", 0.0)
        self.failed: Dict[str, str] = fields.get("failed", {})
        self.troubles: Dict[str, str] = fields.get("troubles", {})
        self.notes: List[str] = fields.get("notes", [])
        self.rates: Dict[str, float] = fields.get("rates", {})
        self.stages: List[StagePlan] = fields.get("stages", [])
        self.edges: List[EdgePlan] = fields.get("edges", [])
        self.workers: List[WorkerPlan] = fields.get("workers", [])
        self.last: str = fields.get("last", "")
        """The worker of the graph's end."""
        self.born: int = fields.get("born", 0)
        self.laid: int = fields.get("laid", 0)
        """So many cameras and edges there have been: no number is given twice."""

    @property
    def sources(self) -> List[str]:
        return [stage.name for stage in self.stages if stage.is_source]

    @property
    def sinks(self) -> List[str]:
        return [stage.name for stage in self.stages if stage.is_sink]

    def stage(self, name: str) -> StagePlan:
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def numbers(self) -> Dict[str, int]:
        return {stage.name: stage.number for stage in self.stages if stage.is_source}

    def outs(self, stage: str) -> List[EdgePlan]:
        return [edge for edge in self.edges if edge.maker == stage]

    def copies(self) -> Dict[str, int]:
        """Value ("stage.value") that leaves its process → copies of it per frame: 0 where its stage renders in place."""
        crossing = sorted({(e.maker, e.value) for e in self.edges if e.kind != "call" and e.spec.is_plane})
        return {f"{maker}.{value}": int(value not in self.stage(maker).renders) for maker, value in crossing}

    def to_dict(self) -> Dict[str, Any]:
        return dict(_plain(self))

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> Plan:
        """The inverse of `to_dict`."""
        data = dict(data)
        data["stages"] = [_stage(item) for item in data["stages"]]
        data["edges"] = [EdgePlan(**dict(item, spec=_spec(item["spec"]))) for item in data["edges"]]
        data["workers"] = [WorkerPlan(w["name"], w["stages"], [Pool(**p) for p in w["pools"]]) for w in data["workers"]]
        return cls(**data)


def place(plan: Plan, workers: str = "auto") -> None:
    """Give every stage that has none a worker, every edge its kind and window, every worker its arena. `workers`: "auto" or
    "none"."""
    for stage in plan.stages:
        stage.worker = stage.worker or ("all" if workers == "none" else stage.pin or "")
        if stage.is_source and stage.number < 0:
            stage.number = plan.born
            plan.born += 1
    plan.laid = max([plan.laid, *(edge.index + 1 for edge in plan.edges)])
    if workers != "none":
        _place_networks(plan)
        _place_shaping(plan)
        _place_rest(plan)
    plan.workers = _workers(plan)
    _size(plan)


def _place_networks(plan: Plan) -> None:
    """One worker per network, with the stages of its loop; one per source."""
    for stage in plan.stages:
        if stage.network:
            loop = _downstream(plan, stage.name, True) & _upstream(plan, stage.name, True)
            for member in plan.stages:
                if member.name == stage.name or member.name in loop:
                    member.worker = member.worker or stage.pin or stage.name
        elif stage.is_source:
            stage.worker = stage.worker or stage.name


def _place_shaping(plan: Plan) -> None:
    """What only prepares one source's frames runs beside the source."""
    networks = {stage.name for stage in plan.stages if stage.network}
    for stage in plan.stages:  # makers come before readers
        if stage.worker or stage.is_sink or stage.shared or len(stage.sources) != 1 or any(p.previous for p in stage.ports):
            continue
        home = plan.stage(stage.sources[0]).worker
        makers = {maker for port in stage.ports for maker in port.makers.values()}
        if all(plan.stage(m).worker == home for m in makers) and (not networks or _downstream(plan, stage.name) & networks):
            stage.worker = home


def _place_rest(plan: Plan) -> None:
    """A stage that several sources share before a network stands alone; the end of the graph is one worker."""
    networks = {stage.name for stage in plan.stages if stage.network}
    rest = [stage for stage in plan.stages if not stage.worker]
    shared = [stage for stage in rest if _downstream(plan, stage.name) & networks]
    for stage in shared:
        stage.worker = stage.name
    last = [stage for stage in rest if not stage.worker]
    if last and not any(stage.worker == plan.last for stage in plan.stages if stage not in last):
        plan.last = last[0].name
    for stage in last:
        stage.worker = plan.last


def _workers(plan: Plan) -> List[WorkerPlan]:
    names: Dict[str, List[str]] = {}
    for stage in plan.stages:
        names.setdefault(stage.worker, []).append(stage.name)
    return [WorkerPlan(name, stages) for name, stages in names.items()]


def _size(plan: Plan) -> None:
    """Windows from the shape of the graph, slots from the windows."""
    home = {stage.name: stage.worker for stage in plan.stages}
    for edge in plan.edges:
        edge.kind = "call" if home[edge.maker] == home[edge.reader] else "shm"
    for edge in plan.edges:
        if edge.previous:
            edge.window = 0
            continue
        # A side branch skips what it has no credit for: one each, lest a camera take what its neighbour needs.
        base = len(edge.sources) if edge.side else 2 if edge.policy == "all" and edge.kind != "call" else 1
        # A reader that joins this value with a slower one holds it for as long as the other path is.
        edge.window = base + max(0, _crossings(plan, edge.maker, edge.reader) - 1)
    for worker in plan.workers:
        worker.pools = _pools(plan, worker)


def _pools(plan: Plan, worker: WorkerPlan) -> List[Pool]:
    pools: List[Pool] = []
    offset = 0
    for name in worker.stages:
        stage = plan.stage(name)
        for value, spec in stage.makes.items():
            crossing = [e for e in plan.outs(name) if e.value == value and e.kind == "shm" and spec.is_plane]
            if crossing:
                # Queued at the slowest reader, one that it works on, one being made; a source has one more in its mailbox.
                count = max([edge.window for edge in crossing if not edge.side], default=0) + 2 + 2 * stage.is_source
                # A side branch that hangs keeps its own, so that it never holds up the others.
                count += sum(edge.window + 1 for edge in crossing if edge.side)
                pools.append(Pool(name, value, _aligned(spec.nbytes), count, offset))
                offset += pools[-1].bytes * count
    return pools


def _crossings(plan: Plan, start: str, end: str, seen: Tuple[str, ...] = ()) -> int:
    """The most edges between two stages on any path, those inside a worker included: each may hold a frame."""
    best = 0
    for edge in plan.edges:
        if edge.maker == start and not edge.previous and edge.reader not in seen:
            if edge.reader == end:
                best = max(best, 1)
            else:
                rest = _crossings(plan, edge.reader, end, (*seen, start))
                best = max(best, rest + 1 if rest else 0)
    return best


def _reach(plan: Plan, start: str, back: bool, previous: bool) -> Set[str]:
    found: Set[str] = set()
    todo = [start]
    while todo:
        at = todo.pop()
        for edge in plan.edges:
            here, there = (edge.reader, edge.maker) if back else (edge.maker, edge.reader)
            if here == at and there not in found and (previous or not edge.previous):
                found.add(there)
                todo.append(there)
    return found


def _downstream(plan: Plan, start: str, previous: bool = False) -> Set[str]:
    return _reach(plan, start, False, previous)


def _upstream(plan: Plan, start: str, previous: bool = False) -> Set[str]:
    return _reach(plan, start, True, previous)


def _aligned(size: int) -> int:
    return -(-max(1, size) // ALIGN) * ALIGN


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return {"type": value.type.__name__, "shape": list(value.shape) if value.shape else None, "format": value.format}
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {key: _plain(item) for key, item in vars(value).items()}
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def _type(name: str) -> Any:
    return FACTS.get(name) or getattr(kinds, name)


def _spec(data: Dict[str, Any]) -> Spec:
    return Spec(_type(data["type"]), data["shape"], data["format"])


def _stage(data: Dict[str, Any]) -> StagePlan:
    data = dict(data)
    data["ports"] = [Port(**dict(port, type=_type(port["type"]))) for port in data["ports"]]
    for field in ("makes", "inputs", "keeps"):
        data[field] = {name: _spec(spec) for name, spec in data[field].items()}
    return StagePlan(**data)


def described(names: Iterable[str]) -> str:
    """`a, b and c`."""
    names = list(names)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""
