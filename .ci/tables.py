"""Write the tables in docs/ and the schema of graphs anew, from the code that they describe.   .ci/tables.py [--check]

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; NAME is a function below. With --check nothing is written, and
the exit code is 1 where a page is out of date.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from collections.abc import Iterator

import click

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from edge.core import catalogue, hooks, profile  # noqa: E402
from edge.core.cli import edge as command  # noqa: E402
from edge.core.contract import Contract  # noqa: E402
from edge.core.health.metrics import FAMILIES  # noqa: E402
from edge.core.model import SHIPPED  # noqa: E402
from edge.core.schema import schema  # noqa: E402

SCHEMA = ROOT / "graphs" / "graph.schema.json"
"""Beside the graphs that name it, so that they find it in the wheel as well."""
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rows(head: str, lines: list[list[str]]) -> str:
    """A Markdown table. A cell's own bars are escaped."""
    titles = head.split(" | ")
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [titles, ["---"] * len(titles), *lines]]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def options() -> str:
    """Every built-in stage: what it reads, makes, and its options."""
    parts = []
    for name, plugin in sorted(hooks.known().items()):
        if plugin.origin == "built in":
            rows = catalogue.plugin_data(name)["classes"]
            several = name == hooks.POLICIES
            parts += ["### policies (for `route`)"] * several + [_plugin(row, "####" if several else "###") for row in rows]
    return "\n\n".join(parts)


def _plugin(row: dict, heading: str) -> str:
    lines = [f"{heading} {row['name']} ({row['kind']})", ""]
    lines += [" ".join(row["doc"].split())] * bool(row["doc"])
    reads = ", ".join(f"`{name}` ({catalogue.port_text(port)})" for name, port in row.get("ports", {}).items())
    makes = ", ".join(f"`{value}` ({kind})" for value, kind in row.get("makes", {}).items())
    flow = " ".join([f"Reads {reads}."] * bool(reads) + [f"Makes {makes}."] * bool(makes))
    lines += ["", flow] * bool(flow)
    table = [[f"`{o['name']}`", o["type"], _default(o), o["doc"]] for o in row["options"]]
    return "\n".join([*lines, "", rows("option | type | default | what it does", table) if table else "No options."])


def _default(option: dict) -> str:
    if option["required"]:
        return "must be given"
    value = option["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value not in ("", None) else "empty"


def profiles() -> str:
    found = [(name, profile.read(name)) for name in profile.names()]
    table = [[f"`{n}`", p.title, f"`{p.runtime}`", " ".join(p.suffixes), f"`{p.fallback}`"] for n, p in found]
    return rows("profile | what it is | runtime | model files | where it cannot run", table)


def reasons() -> str:
    """REASONS of core/frame.py with the comment behind each."""
    text = (ROOT / "core" / "frame.py").read_text(encoding="utf-8").partition("REASONS = (")[2].partition("\n)")[0]
    return rows("reason | when", [[f"`{word}`", told] for word, told in re.findall(r'"(\w+)",\s*# (.*)', text)])


def contracts() -> str:
    found = [(path.stem, Contract.load(path)) for path in sorted(SHIPPED.glob("*.yaml"))]
    table = []
    for name, c in found:
        extras = ["previous alpha"] * bool(c.prior) + [f"{len(c.states)} states"] * bool(c.states)
        size = c.image.size or next((file.size for file in c.files if file.size), None)
        there = "ships with Edgeflow" if any((SHIPPED / file.path).is_file() for file in c.files) else c.source
        table.append([f"`{name}`", "×".join(map(str, size or ())), ", ".join(extras) or "–", c.licence, there])
    return rows("name | size | beside the picture | licence | where the file is", table)


def metrics() -> str:
    found = [
        (name, family.kind, ", ".join(f"`{label}`" for label in family.labels), family.help)
        for name, family in FAMILIES.items()
    ]
    return rows("metric | type | labels | what it tells", [[f"`{name}`", *rest] for name, *rest in found])


def verbs() -> str:
    return "\n\n".join(_verb(name, verb) for name, verb in _verbs(command, "edge"))


def _verbs(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        if isinstance(verb, click.Group):
            yield from _verbs(verb, f"{path} {name}")
        else:
            yield f"{path} {name}".partition(" [")[0], verb  # what a group does by itself is listed by its argument


def _verb(name: str, verb: click.Command) -> str:
    arguments = [p.make_metavar(click.Context(verb)) for p in verb.params if isinstance(p, click.Argument)]
    flags = [(", ".join(p.opts), p) for p in verb.params if isinstance(p, click.Option)]
    table = [[f"`{f}{'' if p.is_flag else ' ' + p.make_metavar(click.Context(verb))}`", p.help or ""] for f, p in flags]
    first, *rest = (verb.help or "").split("\n\n")
    summary, _, example = first.partition(":  ")
    more = "\n\n".join(" ".join(part.split()) for part in rest)
    lines = [f"### {' '.join([name, *arguments])}", "", f"{' '.join(summary.split()).rstrip('.')}.", ""]
    lines += ["```sh", example, "```", ""] * bool(example)
    return "\n".join([*lines, *([more, ""] * bool(more)), rows("flag | what it does", table) if table else "No flags."])


def page(text: str) -> str:
    """A page with each of its tables as the code has it now."""
    return BLOCK.sub(lambda match: f"{match[1]}{globals()[match[2]]()}\n{match[3]}", text)


def wanted(path: pathlib.Path) -> str:
    """What a file should hold now."""
    if path == SCHEMA:
        return json.dumps(schema(built_in=True), indent=1, ensure_ascii=False) + "\n"
    return page(path.read_text(encoding="utf-8"))


def stale() -> list[pathlib.Path]:
    found = [*sorted((ROOT / "docs").glob("*.md")), SCHEMA]
    return [path for path in found if not path.is_file() or wanted(path) != path.read_text(encoding="utf-8")]


def main() -> None:
    found = stale()
    for path in found:
        print(f"{path.relative_to(ROOT)} is out of date" if "--check" in sys.argv else f"wrote {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(wanted(path), encoding="utf-8")
    sys.exit(bool(found) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
