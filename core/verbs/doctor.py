"""`edge doctor`: what of this machine would keep a graph from running well."""

from __future__ import annotations

import json
import os
import pathlib
import sys

import click

from edge.core.verbs.arguments import DEVICE, JSON, SET


@click.command("doctor")
@click.argument("graph", type=click.Path(path_type=pathlib.Path), required=False)
@SET
@DEVICE
@JSON
def verb(graph: pathlib.Path | None, sets: tuple[str, ...], device: str, as_json: bool) -> None:
    """Look at this machine, each thing OK, WARN, FAIL or SKIP, with the mend:  edge doctor graphs/file.yaml

    With a graph also what that graph needs: memory, descriptors, disks, ports, its cameras. Exit code 4 where anything is FAIL.
    """
    from edge.core import doctor
    from edge.core.errors import SourceError
    from edge.core.wire import compile_graph

    plan = compile_graph(graph, sets, device, tolerant=True) if graph else None
    findings = []
    for finding in doctor.examine(plan):
        findings.append(finding)
        if not as_json:
            click.echo(doctor.as_text(finding, click.style), color=False if os.environ.get("NO_COLOR") else None)
    if as_json:
        click.echo(json.dumps(doctor.as_data(findings), indent=1, ensure_ascii=False))
    if any(finding.status == doctor.FAIL for finding in findings):
        sys.exit(SourceError.code)
