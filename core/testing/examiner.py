"""The examiner: a process of its own that makes the exams, so that what hangs or crashes in it can be told and ended.

A request comes on stdin; findings go out on the descriptor of the last argument, a JSON line each. What the
plugin prints is kept apart.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import inspect
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from edge.core import hooks
from edge.core.device import Device
from edge.core.errors import EdgeError, UsageError
from edge.core.graph import ASSETS
from edge.core.options import declared, nearest
from edge.core.policy import Policy
from edge.core.stage import Source, Stage
from edge.core.testing.device_exam import MODEL, DeviceExam
from edge.core.testing.exam import Exam
from edge.core.testing.finding import Finding
from edge.core.testing.other_exams import CommandExam, PolicyExam
from edge.core.testing.source_exam import SourceExam
from edge.core.testing.stage_exam import StageExam


class Request(msgspec.Struct):
    """plugin: its name, or "" for one class, by its module, file and name. folder: what paths are relative to."""

    plugin: str = ""
    module: str = ""
    file: str = ""
    cls: str = ""
    options: dict[str, Any] = {}
    only: list[str] = []
    device: str = ""
    folder: str = ""
    path: list[str] = []


class Examiner:
    """Makes the exams of one request, and says on `fd` what it is at and what it found."""

    def __init__(self, request: Request, fd: int) -> None:
        self.request = request
        self._fd = fd

    def say(self, **what: Any) -> None:
        os.write(self._fd, msgspec.json.encode(what) + b"\n")

    def run(self) -> None:
        """Raises an EdgeError where the request makes no sense."""
        exams = list(self._exams())
        self.say(plan=[[exam.of, check] for exam in exams for check, _ in exam.wanted()])
        for exam in exams:
            exam.run(lambda check, of=exam.of: self.say(begin=[of, check]))  # type: ignore[misc]
        self.say(done=True)

    def _exams(self) -> Iterator[Exam]:
        try:
            things = list(self._things())
        except hooks.PluginError as error:
            self.say(plan=[])
            return self._tell(Finding("plugin", "loads", "FAIL", str(error)))
        known = {name for _, thing in things if isinstance(thing, type) for name in declared(thing)} | {MODEL}
        for name in self.request.options:
            if name not in known:
                who = self.request.plugin or self.request.cls
                raise UsageError(f"{who} has no option '{name}'{nearest(name, known - {MODEL})}")
        for of, thing in things:
            yield self._exam(of, thing)

    def _exam(self, of: str, thing: Any) -> Exam:
        options = self._options(thing) if isinstance(thing, type) else {}
        more: dict[str, Any] = {"options": options, "tell": self._tell, "beat": lambda what: self.say(doing=what)}
        if not isinstance(thing, type):
            exam: Exam = CommandExam(thing, **more)
        elif issubclass(thing, Source):
            exam = SourceExam(thing, **more)
        elif issubclass(thing, Stage):
            exam = StageExam(thing, device=self.request.device, **more)
        elif issubclass(thing, Device):
            exam = DeviceExam(thing, **more)
        else:
            exam = PolicyExam(thing, **more)
        exam.of = f"{exam.of} {of}".strip()
        exam.only = self.request.only
        return exam

    def _tell(self, finding: Finding) -> None:
        self.say(finding=finding)

    # -- what is examined ---------------------------------------------------------------------------------------------------

    def _things(self) -> Iterator[tuple[str, Any]]:
        """Each class, or command, and its name where there are several of its kind. Raises PluginError."""
        if not self.request.plugin:
            yield "", self._class()
            return
        name = self.request.plugin
        if name not in hooks.known():  # a runtime of ours, which a plugin of that name would hide
            yield "", hooks.device_class(name)
            return
        for hook in hooks.implemented(name):
            found = hooks.registered(name, hook)
            for word, (thing, more) in found.items():
                several = word if len(found) > 1 else ""
                yield from ((several, each) for each in dict.fromkeys([thing, more.get("sink")]) if each is not None)
        if not hooks.implemented(name):
            raise hooks.known()[name].chosen().error(f"has none of the hooks {', '.join(hooks.HOOKS)}")

    def _class(self) -> type:
        found = self._module()
        for part in self.request.cls.split("."):
            found = getattr(found, part)
        if not (isinstance(found, type) and issubclass(found, (Stage, Device, Policy))):
            raise UsageError(f"{self.request.cls} is no Stage, Source, Device or Policy")
        return found

    def _module(self) -> Any:
        name = self.request.module
        try:
            module = importlib.import_module(name) if name != "__main__" else None
        except ImportError:
            module = None
        if module is not None and getattr(module, "__file__", None) == self.request.file:
            return module
        spec = importlib.util.spec_from_file_location(name.replace("__main__", "main_of_it"), self.request.file)
        assert spec is not None and spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _options(self, cls: type) -> dict[str, Any]:
        """Those of this class. Paths are made absolute now, since the exam has a folder of its own."""
        known, options = declared(cls), {}
        for name, value in self.request.options.items():
            if name not in known:
                if name == MODEL and issubclass(cls, Device):
                    beside = pathlib.Path(self.request.folder, str(value))
                    options[name] = str(beside) if beside.exists() else value
                continue
            try:
                options[name] = known[name].convert(value, pathlib.Path(self.request.folder), ASSETS)
            except ValueError as error:
                raise UsageError(f"--set {name}={value}: {error}") from None
        return options


def origin(thing: Any) -> str:
    """The file that a class was written in."""
    return inspect.getsourcefile(thing) or ""


def main() -> None:
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR1, file=2)
    logging.basicConfig(level="ERROR", stream=sys.stderr)
    sys.path += [entry for entry in request.path if entry not in sys.path]
    import cv2

    cv2.setNumThreads(1)  # as in a worker
    examiner = Examiner(request, int(sys.argv[1]))
    try:
        examiner.run()
    except EdgeError as error:
        examiner.say(error=str(error), code=error.code)
    sys.stdout.flush()
    os._exit(0)  # a thread that a plugin has left must not keep the process
