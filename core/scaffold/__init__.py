"""Scaffold: a new plugin package, or a new graph, written from templates in this folder.

A template is text with `$name` in it. What is written is complete: its tests pass, and its graph runs, before a line of it
is changed.
"""

from __future__ import annotations

import builtins
import keyword
import pathlib
import re
import string
from typing import NamedTuple

import edge
from edge.core import hooks, profile
from edge.core.errors import SourceError, UsageError

FOLDER = pathlib.Path(__file__).resolve().parent
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 32
YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")


class Kind(NamedTuple):
    """What there is to say of a kind of plugin: in a line, what its package needs, the command that uses it."""

    about: str
    needs: tuple[str, ...]
    go: str


KINDS = {
    "stage": Kind("The picture with less light.", ("numpy",), "edge {folder}graph.yaml"),
    "source": Kind("A light that wanders over a dark wall.", ("numpy",), "edge {folder}graph.yaml"),
    "sink": Kind("How bright each picture is, a line of JSON for each.", (), "edge {folder}graph.yaml"),
    "device": Kind("A device that calls every pixel half a person.", ("numpy",), "edge {folder}graph.yaml"),
    "policy": Kind("The network runs when enough has changed in the picture.", (), "edge {folder}graph.yaml"),
    "command": Kind("A verb that tells what a model is.", ("click",), "edge {name} portrait"),
}


def plugin(name: str, kind: str, parent: pathlib.Path) -> tuple[pathlib.Path, list[str]]:
    """Write the package `edge-NAME` into a new folder of `parent`. Returns the folder, and the commands to go on with.

    Raises UsageError where the name cannot be one, or the folder is there; SourceError where it cannot be written.
    """
    _check(name, "hello")
    if name in taken():
        raise UsageError(f"'{name}' is a name of Edgeflow's own, which a plugin cannot take: choose another")
    folder = parent / f"edge-{name.replace('_', '-')}"
    words = _words(name, kind)
    files = {
        "pyproject.toml": "package/pyproject.txt",
        "README.md": "package/readme.txt",
        ".gitignore": "package/ignore.txt",
        f"edge_{name}.py": f"{kind}/module.txt",
        f"tests/test_{name}.py": f"{kind}/checks.txt",
    }
    if (FOLDER / kind / "graph.txt").is_file():
        files["graph.yaml"] = f"{kind}/graph.txt"
    _write(folder, {path: _filled(template, words) for path, template in files.items()})
    return folder, [f"pip install -e {folder}", words["look"], KINDS[kind].go.format(folder=f"{folder}/", name=name)]


def graph(name: str, parent: pathlib.Path) -> pathlib.Path:
    """Write NAME.yaml into `parent`. Raises UsageError, SourceError."""
    _check(name, "door")
    path = parent / f"{name}.yaml"
    if path.exists():
        raise UsageError(f"{path} is there already: choose another name, or remove it")
    _write(parent, {path.name: _filled("graph.txt", {"name": name})}, new=False)
    return path


def taken() -> set[str]:
    """The names that mean something of ours, in a graph or on the command line."""
    from edge.core.cli import VERBS

    plugins = {name for name, plugin in hooks.known().items() if plugin.built_in}
    runtimes = {path.stem for path in (hooks.ROOT / "devices").glob("*.py")}
    policies = hooks.registered(hooks.POLICIES, "register_policies")
    return {*plugins, *runtimes, *policies, *profile.names(), *VERBS, "display"}


def _check(name: str, like: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        rule = f"small letters, digits and _, a letter first, {LONGEST} at most"
        raise UsageError(f"'{name}' is no name here: {rule}, as in {like}")
    if name in YAML_WORDS or keyword.iskeyword(name):
        raise UsageError(f"'{name}' means something else in YAML or in Python: choose another name, as in {like}")


def _words(name: str, kind: str) -> dict[str, str]:
    """What stands for each `$word` of the templates."""
    series = ".".join(edge.__version__.split(".")[:2])
    return {
        "name": name,
        "kind": kind,
        "Class": _class(name, kind),
        "module": f"edge_{name}",
        "package": f"edge-{name.replace('_', '-')}",
        "about": KINDS[kind].about,
        "needs": ", ".join(f'"{need}"' for need in (f"edgeflow>={series}", *KINDS[kind].needs)),
        "look": f"edge plugins test {name}",
        "go": KINDS[kind].go.format(folder="", name=name),
    }


def _class(name: str, kind: str) -> str:
    """`rain_drop` → `RainDrop`; where the module has that name from elsewhere, `RainDropStage`."""
    plain = "".join(part.capitalize() for part in name.split("_"))
    others = {*edge.__all__, *dir(builtins), "Any", "Callable", "Iterator", "Mapping", "Sequence", "TextIO"}
    return plain + kind.capitalize() if plain in others else plain


def _filled(template: str, words: dict[str, str]) -> str:
    return string.Template((FOLDER / template).read_text(encoding="utf-8")).substitute(words)


def _write(folder: pathlib.Path, files: dict[str, str], new: bool = True) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=not new)
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{folder} is there already: choose another name, another --folder, or remove it") from None
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}; give a --folder that may be written") from None
