"""The plan after a running one: a camera more or less, or an option changed. What runs keeps its place and its memory."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import Any

from edge.core.errors import GraphError
from edge.core.frame import Spec
from edge.core.plan import EdgePlan, Plan, StagePlan, WorkerPlan, _plain, place


def grown(before: Plan, after: Plan) -> Plan:
    """`after`, freshly wired, made to fit what runs by `before`: workers, numbers and memory stay. It is changed in place.

    Raises GraphError where something that runs would have to be another: what is larger than its memory, say.
    """
    old = {stage.name: stage for stage in before.stages}
    problems = [p for stage in after.stages if stage.name in old for p in _keep_stage(old[stage.name], stage)]
    edges = {_key(edge): edge for edge in before.edges}
    for edge in after.edges:
        if edge.reader in old and edge.maker not in old:
            told = _too_large(old[edge.reader].inputs, {edge.port: edge.spec})
            problems += [f"stage '{edge.maker}': what '{edge.reader}' reads of it, {text}" for text in told]
    if _between(before, old) != _between(after, old):
        problems.append("what reads from what would be another")
    problems += [p for edge in after.edges if _key(edge) in edges for p in _keep_edge(edges[_key(edge)], edge)]
    _number(after, before.laid, edges)
    after.born, after.laid = before.born, before.laid
    running = {worker.name for worker in before.workers}
    for stage in after.stages:
        if stage.is_source and stage.name not in old and stage.pin in running:
            problems.append(f"stage '{stage.name}': 'worker: {stage.pin}' is a process that runs")
    after.last, after.failed, after.troubles, after.notes = before.last, before.failed, before.troubles, before.notes
    place(after)
    for edge in after.edges:
        if _key(edge) in edges:
            edge.window = edges[_key(edge)].window
    workers = {worker.name: worker for worker in before.workers}
    problems += [p for worker in after.workers if worker.name in workers for p in _keep_arena(workers[worker.name], worker)]
    if problems:
        raise GraphError([f"{problem}: that needs a new start" for problem in dict.fromkeys(problems)])
    return after


def without(before: Plan, source: str) -> Plan:
    """The plan when a camera has gone, with the stages that only it reached."""
    after = Plan.from_dict(before.to_dict())
    after.failed, after.troubles, after.notes = before.failed, before.troubles, before.notes
    after.stages = [stage for stage in after.stages if stage.sources != [source]]
    names = {stage.name for stage in after.stages}
    for stage in after.stages:
        stage.sources = [name for name in stage.sources if name != source]
        for port in stage.ports:
            port.makers.pop(source, None)
    for edge in after.edges:
        edge.sources = [name for name in edge.sources if name != source]
    after.edges = [edge for edge in after.edges if edge.sources and {edge.maker, edge.reader} <= names]
    for worker in after.workers:
        worker.stages = [name for name in worker.stages if name in names]
    after.workers = [worker for worker in after.workers if worker.stages]
    after.rates.pop(source, None)
    return after


def changed_options(before: Plan, after: Plan) -> dict[str, dict[str, Any]]:
    """Stage → its options that have another value, as plain data."""
    found = {}
    for stage in after.stages:
        old, new = _plain(before.stage(stage.name).options), _plain(stage.options)
        if old != new:
            found[stage.name] = {name: value for name, value in new.items() if name not in old or old[name] != value}
            found[stage.name].update({name: None for name in old if name not in new})
    return found


def _keep_stage(old: StagePlan, new: StagePlan) -> Iterator[str]:
    """What a running stage would have to be anew; where there is nothing, `new` takes its place over."""
    for field in ("use", "network", "live", "models", "device", "pin"):
        if _plain(getattr(old, field)) != _plain(getattr(new, field)):
            yield f"stage '{new.name}': another {'plugin' if field == 'use' else field}"
    ports = [[(port.name, port.value, port.optional) for port in stage.ports] for stage in (old, new)]
    if ports[0] != ports[1]:
        yield f"stage '{new.name}': other ports"
    if all(name in old.inputs and _fits(spec, old.inputs[name]) for name, spec in new.inputs.items()):
        # Else what it makes is larger because what it reads is, and that is told where it begins.
        for fixed, wanted in ((old.makes, new.makes), (old.keeps, new.keeps)):
            yield from (f"stage '{new.name}': {told}" for told in _too_large(fixed, wanted))
    new.worker, new.number = old.worker, old.number
    new.inputs, new.makes, new.keeps = old.inputs, old.makes, old.keeps


def _too_large(fixed: dict[str, Spec], wanted: dict[str, Spec]) -> Iterator[str]:
    for name, spec in wanted.items():
        if name not in fixed:
            yield f"'{name}' would be {spec!r}, for which there is no room"
        elif not _fits(spec, fixed[name]):
            yield f"'{name}' would be {spec!r}, and there is room for {fixed[name]!r}"


def _between(plan: Plan, stages: Container[str]) -> set[Any]:
    """The edges between these stages."""
    return {_key(edge) for edge in plan.edges if edge.maker in stages and edge.reader in stages}


def _keep_edge(old: EdgePlan, new: EdgePlan) -> Iterator[str]:
    if (old.policy, old.every, old.value) != (new.policy, new.every, new.value):
        what = "live frames and a file's" if old.policy != new.policy else "another way of keeping frames"
        yield f"edge '{new.key}': {what} on one edge"
    new.spec = old.spec


def _keep_arena(old: WorkerPlan, new: WorkerPlan) -> Iterator[str]:
    """Its shared memory was sealed when it was made."""
    pools = {(pool.stage, pool.value): pool for pool in old.pools}
    for pool in new.pools:
        there = pools.get((pool.stage, pool.value))
        if there is None or pool.bytes > there.bytes:
            yield f"worker '{new.name}': no shared memory for '{pool.stage}.{pool.value}'"
    new.pools = old.pools


def _number(after: Plan, laid: int, edges: dict[Any, EdgePlan]) -> None:
    """Edges that are there keep their index; new ones get one that no edge has had."""
    new = itertools.count(laid)
    for edge in after.edges:
        known = edges.get(_key(edge))
        edge.index = known.index if known else next(new)


def _key(edge: EdgePlan) -> tuple[str, str, str, bool]:
    return edge.maker, edge.reader, edge.port, edge.previous


def _fits(wanted: Spec, room: Spec) -> bool:
    if (wanted.type, wanted.format) != (room.type, room.format) or (wanted.shape is None) != (room.shape is None):
        return False
    ours, theirs = wanted.shape or (), room.shape or ()
    return len(ours) == len(theirs) and all(a <= b for a, b in zip(ours, theirs, strict=True))
