"""Checks of a class that need no frame: its options, what it says of itself, its ports."""

from __future__ import annotations

import inspect
import math
import pathlib
import typing
from typing import Any

from edge.core.errors import EdgeError
from edge.core.frame import Plane
from edge.core.graph import ASSETS
from edge.core.options import Option, declared
from edge.core.port import ports_of
from edge.core.stage import Source, Stage
from edge.core.testing.exam import Check, Exam, joined, told_as
from edge.core.testing.promise import Breach
from edge.core.testing.ready import ready
from edge.core.testing.samples import Unknown, guess

EXTREMES: dict[Any, tuple[Any, ...]] = {
    int: (-1, 0, 2**31),
    float: (-1.0, 0.0, math.inf, math.nan),
    str: ("", "no such thing"),
    pathlib.Path: (pathlib.Path("no such thing"),),
}
"""What `check` must be able to say something about without falling over."""


class StaticExam(Exam):
    """Of anything with options."""

    def static(self) -> list[Check]:
        checks: list[Check] = [("docs", self.docs), ("options", self.has_options)]
        if hasattr(self.cls, "check"):
            checks.append(("check", self.check))
        if issubclass(self.cls, Stage):
            checks.append(("ports", self.ports))
        return checks

    def make(self) -> Any:
        """A new one, with its options set. Raises Unknown where it asks for more than was given and could be guessed."""
        stage = ready(self.cls, guess(self.cls, self.options, self.folder))
        wrong = {name: told for name, told in stage.check().items() if name not in self.options}
        for name, told in wrong.items():
            if isinstance(told, EdgeError):
                raise told
            raise Unknown(f"option '{name}': {told}: --set {name}=...")
        return stage

    def docs(self) -> str:
        module = inspect.getmodule(self.cls)
        doc = inspect.getdoc(module) if module is not None else ""
        if not doc:
            told = f"the module of {self.cls.__name__} has no docstring"
            raise Breach("docs", f"{told}: its first line is what 'edge plugins' says of it")
        return f"'{doc.splitlines()[0]}'"

    def has_options(self) -> str:
        known = declared(self.cls)
        bare = [f"'{name}'" for name, option in known.items() if not option.doc]
        if bare:
            told = f"{joined(bare)} {_is(bare)} not documented"
            raise Breach("options", f"{told}: the comment behind an option says what it does, its unit and range")
        for option in known.values():
            if not option.required and not _fits(option):
                told = f"option '{option.name}' has the default {option.default!r}, which is not {option.type_name}"
                raise Breach("options", told)
        return f"{len(known)} documented, defaults of the type that is declared" if known else "there are none"

    def check(self) -> str:
        """`check` says what is wrong; it never falls over."""
        options = guess(self.cls, self.options, self.folder)
        for name, option in declared(self.cls).items():
            for value in EXTREMES.get(option.type, ()):
                self._ask({**options, name: value}, f"with {name}={value!r}")
        wrong = self._ask(options, "")
        if wrong and not self.options:
            return (
                f"asks for {joined([f'{name} ({trouble})' for name, trouble in wrong.items()])}: --set {next(iter(wrong))}=..."
            )
        return "answers for every value that was tried"

    def _ask(self, options: dict[str, Any], when: str) -> dict[str, Any]:
        stage = self.cls()
        for name, value in options.items():
            try:
                setattr(stage, name, declared(self.cls)[name].convert(value, self.folder, ASSETS))
            except ValueError:
                setattr(stage, name, value)
        who = self.cls.__name__
        self.beat(f"check {when}".strip())
        try:
            with told_as("check", f"{who}: check raises{when and ' ' + when}"):
                wrong = stage.check()
        except EdgeError:
            return {}
        if not hasattr(wrong, "items"):
            told = f"{who}: check returned a {type(wrong).__name__}"
            raise Breach("check", f"{told}; return a dict of option → what is wrong with it")
        strange = [f"'{name}'" for name in wrong if name not in declared(self.cls)]
        if strange:
            raise Breach("check", f"{who}: check speaks of {joined(strange)}, which {_is(strange)} no option")
        return dict(wrong)

    def ports(self) -> str:
        stage = self.cls()
        for name, value in guess(self.cls, self.options, self.folder).items():
            setattr(stage, name, value)
        who, is_source = self.cls.__name__, issubclass(self.cls, Source)
        for name, kind in self.cls.makes.items():
            if kind is Plane or not isinstance(typing.get_origin(kind) or kind, type):
                told = f"{who}: `makes` gives '{name}' no type that is known, but {kind!r}"
                raise Breach("ports", f"{told}: Image, Alpha, float, list ...")
        with told_as("ports", f"{who}: the ports cannot be read:"):
            ports = {} if is_source else ports_of(stage)
        bare = [f"'{port.name}'" for port in ports.values() if port.type is None]
        if bare:
            raise Breach("ports", f"{who}: {joined(bare)} of process {_is(bare)} without a type: write image: Image")
        if not ports and not is_source:
            raise Breach("ports", f"{who}: process reads nothing: name the values that it wants as parameters")
        reads, makes = joined(list(ports)), joined(list(self.cls.makes))
        return f"makes {makes}" if is_source else f"reads {reads}; makes {makes}"


def _fits(option: Option) -> bool:
    kinds = typing.get_args(option.type) or (option.type,)
    if isinstance(option.default, pathlib.Path):
        return pathlib.Path in kinds
    if type(option.default) in kinds:
        return True
    if option.type is pathlib.Path:
        return False  # text would arrive as text, where the graph does not give a path
    try:
        option.convert(option.default, pathlib.Path.cwd(), ASSETS)
    except ValueError:
        return False
    return True


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
