"""`edge devices`: where networks can run."""

from __future__ import annotations

import json

import click

from edge.core.verbs.arguments import JSON


@click.command("devices")
@JSON
def verb(as_json: bool) -> None:
    """List the device profiles, PASS or FAIL with the reason:  edge devices"""
    from edge.core.describe import devices_data

    rows = devices_data()
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        fallback = f" (falls back to {row['fallback']})" if not row["works"] and row["fallback"] != "none" else ""
        click.echo(
            f"{row['name']:<12} {'PASS' if row['works'] else 'FAIL'}  {row['reason']}{fallback}\n{'':<18} {row['title']}"
        )
