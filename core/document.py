"""A guarded YAML document: plain values, and the line and column of each.

Refused, with the place: alias and merge-key bombs, deep nesting, tags, duplicate keys, several documents, and the words that
YAML 1.1 reads as something other than they look (`no`, `22:22`, `010`).
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import yaml

from edge.core.errors import GraphError, UsageError

MOST_BYTES = 1 << 20
MOST_DEPTH = 24
MOST_NODES = 20_000

Place = tuple[Any, ...]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_]\w*)(?P<default>:-(?P<value>[^}]*))?\}|\$\{[^}]*\}?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURPRISES = {
    "bool": (re.compile(r"^(?!(true|false)$)", re.I), "YAML reads it as {value!r}: write true, false, or put it in quotes"),
    "int": (
        re.compile(r":|^[-+]?0[0-9_]|_"),
        "YAML reads it as the number {value}: put it in quotes, or write the number plainly",
    ),
    "float": (re.compile(r":|_"), "YAML reads it as the number {value}: put it in quotes, or write the number plainly"),
    "timestamp": (re.compile(""), "YAML reads it as a date: put it in quotes"),
}


class Document:
    """`value` is the document as dicts, lists and scalars; `where(path)` is its `file:line:col`."""

    def __init__(self, name: str, text: str, hint: str = "") -> None:
        """`hint`: what to say of an empty one."""
        self.name = name
        self.text = text
        self.marks: dict[Place, tuple[int, int]] = {(): (1, 1)}
        self.problems: list[str] = []
        self._nodes = 0
        self._plain = Loader("")
        try:
            self._refuse_bombs(text)
            root = yaml.compose(text, Loader)
        except yaml.YAMLError as error:
            raise GraphError(self._syntax(error, text)) from None
        if root is None:
            raise GraphError(f"{name}:1:1: the file is empty{hint}")
        self.value = self._build(root, (), frozenset())
        if self.problems:
            raise GraphError(self.problems)

    @classmethod
    def read(cls, path: pathlib.Path, hint: str = "") -> Document:
        """Raises UsageError where there is no such file, GraphError where it is no YAML that we accept."""
        try:
            if path.is_dir():
                raise UsageError(f"{path}: is a folder, not a graph file")
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise GraphError(f"{path}: larger than {MOST_BYTES >> 20} MiB, which no graph is")
            return cls(str(path), data.decode("utf-8-sig"), hint)
        except FileNotFoundError:
            raise UsageError(f"{path}: no such graph file{_similar(path)}") from None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            raise GraphError(f"{path}:{line}:{column}: this is not text: save the file as UTF-8") from None

    def where(self, path: Place) -> str:
        """`file:line:col` of a value, or of the nearest thing around it."""
        while path not in self.marks:
            path = path[:-1]
        return "{}:{}:{}".format(self.name, *self.marks[path])

    def line(self, path: Place) -> tuple[int, int]:
        while path not in self.marks:
            path = path[:-1]
        return self.marks[path]

    def _refuse_bombs(self, text: str) -> None:
        """One pass over the events, before any tree is built: the parser is lazy, so a bomb costs only its first bytes."""
        depth = documents = 0
        for event in yaml.parse(text, Loader):
            mark = event.start_mark
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise GraphError(self._at(mark, "a second document begins; a graph is one document"))
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MOST_DEPTH:
                    raise GraphError(self._at(mark, f"nested deeper than {MOST_DEPTH} levels"))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            tag = getattr(event, "tag", None)
            if tag:
                raise GraphError(self._at(mark, f"tags are not accepted ({str(tag)[:60]})"))

    def _build(self, node: yaml.Node, path: Place, around: frozenset[int]) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise GraphError(self._at(node.start_mark, f"expands to more than {MOST_NODES} values (an alias bomb?)"))
        if id(node) in around:
            raise GraphError(self._at(node.start_mark, "an alias refers to itself"))
        self.marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        around |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path, around))
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, i), around) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _pairs(self, node: yaml.MappingNode, path: Place, around: frozenset[int]) -> Iterator[tuple[Any, Any]]:
        seen = set()
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise GraphError(self._at(key_node.start_mark, "merge keys (<<) are not accepted: write the options out"))
            if not isinstance(key_node, yaml.ScalarNode):
                raise GraphError(self._at(key_node.start_mark, "a key must be a word"))
            key = self._scalar(key_node)
            if key in seen:
                self.problems.append(self._at(key_node.start_mark, f"{key!r} is given twice"))
            seen.add(key)
            self.marks[(*path, key, "key")] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            yield key, self._build(value_node, (*path, key), around)

    def _scalar(self, node: Any) -> Any:
        text = node.value
        if "$" in text:
            text = _VARIABLE.sub(lambda match: self._variable(match, node), text)
        if node.style:  # quoted: a string, whatever it looks like
            return text
        tag = node.tag if text is node.value else self._plain.resolve(yaml.ScalarNode, text, (True, False))
        kind = tag.rsplit(":", 1)[-1]
        if kind == "str":
            return _exponent(text)
        try:
            value = self._plain.construct_object(yaml.ScalarNode(tag, text))
        except ValueError:
            return text
        surprise, advice = _SURPRISES.get(kind, (None, ""))
        if surprise and surprise.search(text):
            self.problems.append(self._at(node.start_mark, f"{text!r}: " + advice.format(value=value)))
        return value

    def _variable(self, match: re.Match[str], node: yaml.ScalarNode) -> str:
        if match[0] == "$$":
            return "$"
        name = match["name"]
        if name is None:
            self.problems.append(
                self._at(node.start_mark, f"{match[0]}: write ${{NAME}} or ${{NAME:-default}}; $$ is a dollar")
            )
            return ""
        if name not in os.environ and match["default"] is None:
            self.problems.append(
                self._at(node.start_mark, f"the environment has no {name}: set it, or write ${{{name}:-default}}")
            )
        return os.environ.get(name, match["value"] or "")

    def _at(self, mark: Any, what: str) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}: {what}"

    def _syntax(self, error: yaml.YAMLError, text: str) -> str:
        """What PyYAML says; of the usual slips, in the words of whoever made one."""
        strange = _CONTROL.search(text)
        if strange:
            line, column = text.count("\n", 0, strange.start()) + 1, strange.start() - text.rfind("\n", 0, strange.start())
            return f"{self.name}:{line}:{column}: a control character ({strange[0]!r}): this is no text, or it is damaged"
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
        context = getattr(error, "context", None)
        told = f"{what} ({context})" if context else str(what)
        if mark is None:
            return f"{self.name}:1:1: {told}"
        written = "".join(text.splitlines()[mark.line : mark.line + 1])
        if written[mark.column :].startswith("\t"):
            told = "a tab: YAML takes only spaces at the beginning of a line"
        elif "flow" in told and "${" in written:
            told += ": between { and } a ${...} needs quotes around it"
        return self._at(mark, told)


def scalar(text: str) -> Any:
    """The value of a `--set name=text`, by the same rules as in a file; text that is no YAML is a string."""
    try:
        return Document("--set", text).value if text.strip() else text
    except GraphError:
        return text


def _exponent(text: str) -> Any:
    """1e3 is a number to everybody but YAML 1.1."""
    return float(text) if re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", text) else text


def _similar(path: pathlib.Path) -> str:
    import difflib

    folder = path.parent if path.parent.is_dir() else pathlib.Path(".")
    near = difflib.get_close_matches(path.name, [p.name for p in folder.glob("*.y*ml")], 1)
    return f". Did you mean '{folder / near[0]}'?" if near else ""
