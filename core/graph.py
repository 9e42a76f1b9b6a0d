"""The graph: what the YAML says, checked word by word.

`Graph.read` turns a file into stages that are written correctly: known plugins, options of the right type, names that exist.
What feeds what, and how large it is, comes next (`core/wire.py`). Every problem found is kept, none hides another.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from edge.core import hooks, profile
from edge.core.document import Document, Place, scalar
from edge.core.errors import DeviceError, EdgeError, GraphError, ModelError
from edge.core.model import Model
from edge.core.options import REQUIRED, declared, nearest
from edge.core.profile import Resolved
from edge.core.stage import ModelName, Source, Stage

TOP = ("version", "name", "device", "stages", "restart", "max_age")
RESERVED = ("use", "from", "device", "each", "per", "keep", "worker")
RESTART = {"most": 3, "within": 30.0, "stall": 30.0}
ASSETS = hooks.ROOT / "assets"
HINT = ": a graph has at least 'stages:'; see graphs/file.yaml"
NAME = re.compile(r"^[A-Za-z_][\w-]*$")
DEVICE_WORDS = ("camera", "display")


class Written:
    """One stage as it is written: a class, its options by instance, and the words around them.

    instances: suffix → options; {"": options} unless `each` names several. feeds: port → "stage" or "stage.value"; the port
    "" stands for all ports that are not named. sound: False where an option is wrong or missing, so that nothing can be said
    of what depends on them.
    """

    def __init__(self, name: str, use: str, cls: type[Stage], place: Place) -> None:
        self.name = name
        self.use = use
        self.cls = cls
        self.place = place
        self.instances: dict[str, dict[str, Any]] = {"": {}}
        self.models: dict[str, Model] = {}
        self.feeds: dict[str, str] = {}
        self.per_source = False
        self.keep: Any = cls.keep
        self.pin = ""
        self.is_display = False
        self.sound = True
        self.device: dict[str, Any] = {}

    @property
    def is_source(self) -> bool:
        return issubclass(self.cls, Source)

    @property
    def may_grow(self) -> bool:
        """Does it say `each`? Then cameras can be added to it while the graph runs."""
        return "" not in self.instances

    def full(self, suffix: str) -> str:
        return f"{self.name}.{suffix}" if suffix else self.name

    def make(self, suffix: str = "") -> Stage:
        """A stage of the class with the options set, not opened."""
        stage = self.cls()
        for option, value in self.instances.get(suffix, next(iter(self.instances.values()))).items():
            setattr(stage, option, value)
        stage.models = self.models  # type: ignore[attr-defined]
        return stage


class Set(NamedTuple):
    """`stage.option=value`, and the folder in which it was said: a path in it is relative to that."""

    words: str
    folder: pathlib.Path


class Graph:
    """`stages` by name, in the order of the file; `problems` found so far as ((line, column), text)."""

    def __init__(self, document: Document, folder: pathlib.Path, sets: Iterable[str | Set] = (), device: str = "") -> None:
        self.document = document
        self.folder = folder
        self.name = pathlib.Path(document.name).stem
        self.problems: list[tuple[tuple[int, int], str, int]] = []
        self.notes: list[str] = []
        self.stages: dict[str, Written] = {}
        self.restart: dict[str, float] = dict(RESTART)
        self.max_age = 0.0
        self._from_sets: dict[Place, Set] = {}
        self._has_device = True
        value = document.value
        if not isinstance(value, dict):
            raise GraphError(f"{document.name}:1:1: a graph is a map with 'stages:'; see graphs/file.yaml")
        self._apply(value, sets)
        self._top(value)
        self.device, self.runtime = self._devices(value.get("device"), device)
        self._read_stages(value.get("stages"))

    @classmethod
    def read(cls, path: pathlib.Path, sets: Iterable[str | Set] = (), device: str = "") -> Graph:
        """Raises UsageError (no such file), GraphError (no document, or a --set that names nothing), DeviceError."""
        return cls(Document.read(path, HINT), path.resolve().parent, sets, device)

    def problem(self, place: Place, text: str, code: int = 3) -> None:
        """Keep a problem, at the place of a value in the file or of the --set that gave it."""
        for given, (words, _) in self._from_sets.items():
            inside = given[: len(place)] == place and (place not in self.document.marks or place[2:3] not in ((), ("each",)))
            if inside or place[: len(given)] == given:
                self.problems.append(((0, 0), f"--set {words}: {text}", code))
                return
        self.problems.append((self.document.line(place), f"{self.document.where(place)}: {text}", code))

    def raise_problems(self) -> None:
        """Raise them all as one error, in the order of the file; its exit code is the first kind's of 3, 5, 4."""
        if not self.problems:
            return
        lines = list(dict.fromkeys(text for _, text, _ in sorted(self.problems, key=lambda p: p[0])))
        error = GraphError(lines)
        codes = {code for _, _, code in self.problems}
        error.code = next((code for code in (3, 5, 4) if code in codes), min(codes))
        raise error

    # -- the top ----------------------------------------------------------------------------------------------------------

    def _top(self, value: dict[str, Any]) -> None:
        for key in value:
            if key not in TOP:
                self.problem((key, "key"), f"'{key}' is not a word of a graph{nearest(key, TOP)}")
        if value.get("version", 1) != 1:
            self.problem(("version",), f"version {value['version']!r} is not known here: this is version 1")
        self.name = str(value.get("name", self.name))
        age = value.get("max_age", 0.0)
        if isinstance(age, bool) or not isinstance(age, (int, float)) or age < 0:
            self.problem(("max_age",), f"max_age: expected seconds, 0 for no limit, got {age!r}")
        else:
            self.max_age = float(age)
        self._restart(value.get("restart", {}))

    def _restart(self, given: Any) -> None:
        if not isinstance(given, dict):
            return self.problem(("restart",), f"restart: expected a map of {', '.join(RESTART)}, got {given!r}")
        for key, value in given.items():
            if key not in RESTART:
                self.problem(("restart", key, "key"), f"restart has no '{key}'{nearest(key, RESTART)}")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                self.problem(("restart", key), f"restart: {key} is a number of 0 or more, got {value!r}")
            else:
                self.restart[key] = value

    def _devices(self, given: Any, asked: str) -> tuple[Resolved, dict[str, Any]]:
        options = dict(given) if isinstance(given, dict) else {}
        name = options.pop("use", "desktop") if isinstance(given, dict) else given or "desktop"
        place: Place = ("device", "use") if isinstance(given, dict) and "use" in given else ("device",)
        if asked and asked != name:  # what the file says of its own device does not hold for another
            options = {option: value for option, value in options.items() if ("device", option) in self._from_sets}
        name = asked or name
        try:
            if not profile.is_known(name):
                raise GraphError(f"there is no device '{name}'{nearest(name, profile.names())}")
            resolved = profile.resolve(name)
            return resolved, profile.runtime(resolved.profile, options)
        except (DeviceError, GraphError) as error:
            for text in str(error).splitlines():
                option = next((option for option in options if f"'{option}'" in text), None)
                if option is None and asked:
                    self.problems.append(((0, 0), f"--device: {text}", error.code))
                else:
                    self.problem(place if option is None else ("device", option), text, error.code)
        self._has_device = False
        return Resolved("dry", "dry", "", profile.read("dry")), {}  # so that the rest can be checked

    # -- --set --------------------------------------------------------------------------------------------------------------

    def _apply(self, value: dict[str, Any], sets: Iterable[str | Set]) -> None:
        problems = []
        for given in sets:
            words, folder = given if isinstance(given, Set) else (given, pathlib.Path.cwd())
            key, equals, text = words.partition("=")
            path = self._set_path(value, key) if equals else None
            if path is None:
                problems.append(self._set_problem(value, words, key, equals))
                continue
            holder: Any = value
            for step in path[:-1]:
                if not isinstance(holder.get(step, {}), dict):
                    holder[step] = {}  # a word becomes a map: whether it may be one is found out with the rest
                holder = holder.setdefault(step, {})
            holder[path[-1]] = scalar(text)
            self._from_sets[path] = Set(words, folder)
        self.problems += [((0, 0), text, 3) for text in problems]

    def _set_path(self, value: dict[str, Any], key: str) -> Place | None:
        """`camera.door.path` → where it stands in the document: the longest stage name wins."""
        steps = key.split(".")
        stages = value.get("stages")
        if not isinstance(stages, dict) or len(steps) < 2:
            return (key,) if key in TOP and key != "stages" else None
        if steps[0] in ("device", "restart") and steps[0] not in stages:
            if steps[0] == "device" and not isinstance(value.get("device"), dict):
                value["device"] = {"use": value.get("device") or "desktop"}
            return tuple(steps)
        if steps[0] not in stages or not isinstance(stages[steps[0]], dict):
            return None
        each = stages[steps[0]].get("each")
        if len(steps) > 2 and isinstance(each, dict) and steps[1] in each:
            each[steps[1]] = each[steps[1]] or {}
            return ("stages", steps[0], "each", *steps[1:])
        if len(steps) > 2 and isinstance(each, dict) and steps[1] not in RESERVED:
            return None
        return ("stages", *steps)

    def _set_problem(self, value: dict[str, Any], words: str, key: str, equals: str) -> str:
        if not equals:
            return f"--set {words}: write stage.option=value"
        known = [*(value.get("stages") or {}), "device", "restart", "max_age", "name"]
        name, *rest = key.split(".")
        if name in known and len(rest) > 1:
            return f"--set {words}: '{name}' has no camera '{rest[0]}'{nearest(rest[0], value['stages'][name]['each'])}"
        if name in known:
            return f"--set {words}: which option of '{name}'? Write {name}.option=value"
        return f"--set {words}: there is no stage '{name}'{nearest(name, known)}"

    # -- stages -------------------------------------------------------------------------------------------------------------

    def _read_stages(self, stages: Any) -> None:
        if not isinstance(stages, dict) or not stages:
            return self.problem(("stages",), "a graph needs 'stages:', a map of name: {use: ..., from: ...}")
        for name, words in stages.items():
            place: Place = ("stages", name)
            if not isinstance(name, str) or not NAME.match(name):
                self.problem((*place, "key"), f"{name!r} is no name for a stage: letters, digits, - and _")
            elif not isinstance(words, dict):
                self.problem(place, f"stage '{name}': expected a map like {{use: file, path: clip.mp4}}")
            else:
                self._read_stage(name, words, place)
        self._check_feeds()

    def _read_stage(self, name: str, words: dict[str, Any], place: Place) -> None:
        use = words.get("use")
        if not isinstance(use, str):
            return self.problem(place, f"stage '{name}': 'use' says which plugin it is, as in use: file")
        cls = self._class(name, use, "from" in words, (*place, "use"))
        if cls is None:
            return
        stage = self.stages[name] = Written(name, self._meant(use), cls, place)
        stage.is_display = use == "display"
        self._reserved(stage, words)
        common = {key: value for key, value in words.items() if key not in RESERVED}
        if "each" in words:
            self._each(stage, words["each"], common)
        else:
            stage.instances = {"": self._options(stage, common, place)}
        self._models(stage)

    def _meant(self, use: str) -> str:
        """`display` is what the profile says; `camera` is settled when the cameras are looked for."""
        return self.device.profile.display[0] if use == "display" else use

    def _class(self, name: str, use: str, reads: bool, place: Place) -> type[Stage] | None:
        try:
            return hooks.stage_class(self._meant(use), reads)
        except KeyError:
            known = [*hooks.known(), *DEVICE_WORDS]
            self.problem(
                place, f"stage '{name}' uses '{use}', which no plugin provides{nearest(use, known) or '.'} See 'edge plugins'"
            )
        except EdgeError as error:
            self.problem(place, f"stage '{name}': {error}")
        return None

    def _reserved(self, stage: Written, words: dict[str, Any]) -> None:
        place = stage.place
        if stage.is_source and "from" in words:
            self.problem((*place, "from"), f"stage '{stage.name}': {stage.use} is a source, so it has no 'from'")
        if not stage.is_source:
            stage.feeds = self._feeds(stage, words)
        if "per" in words:
            if words["per"] != "source":
                self.problem((*place, "per"), f"stage '{stage.name}': per: source is all that there is, got {words['per']!r}")
            stage.per_source = True
        if "keep" in words:
            stage.keep = self._keep(stage, words["keep"])
        if "worker" in words:
            stage.pin = str(words["worker"])
            if not NAME.match(stage.pin):
                self.problem((*place, "worker"), f"stage '{stage.name}': worker: a name, got {words['worker']!r}")
        if "device" in words:
            self._own_device(stage, words["device"])

    def _own_device(self, stage: Written, given: Any) -> None:
        """A stage may run its network elsewhere, or with other options, than the rest."""
        options = dict(given) if isinstance(given, dict) else {"use": given}
        name = options.pop("use", self.device.resolved)
        place = (*stage.place, "device")
        if not profile.is_known(name):
            return self.problem(place, f"stage '{stage.name}': there is no device '{name}'{nearest(name, profile.names())}")
        try:
            stage.device = profile.runtime(profile.resolve(name).profile, options)
        except GraphError as error:
            for line in error.problems:
                self.problem(place, f"stage '{stage.name}': {line}")
        except DeviceError as error:
            self.problem(place, f"stage '{stage.name}': {error}", 4)

    def _feeds(self, stage: Written, words: dict[str, Any]) -> dict[str, str]:
        given = words.get("from")
        if isinstance(given, str):
            return {"": given}
        if isinstance(given, dict) and given and all(isinstance(value, str) for value in given.values()):
            return {str(port): value for port, value in given.items()}
        place = (*stage.place, "from") if "from" in words else stage.place
        self.problem(place, f"stage '{stage.name}': 'from' says what it reads: a stage, or a map port: stage")
        return {}

    def _keep(self, stage: Written, given: Any) -> Any:
        if given in ("latest", "all"):
            return given
        if isinstance(given, dict) and set(given) == {"every"}:
            every = given["every"]
            if isinstance(every, int) and not isinstance(every, bool) and every >= 1:
                return every
        self.problem((*stage.place, "keep"), f"stage '{stage.name}': keep: latest, all, or {{every: 3}}; got {given!r}")
        return "all"

    def _each(self, stage: Written, each: Any, common: dict[str, Any]) -> None:
        place = (*stage.place, "each")
        if not stage.is_source:
            self.problem(
                place, f"stage '{stage.name}': 'each' makes cameras; write 'per: source' for one {stage.use} per camera"
            )
        if not isinstance(each, dict) or not each:
            return self.problem(place, f"stage '{stage.name}': each: a map camera: {{options}}, got {each!r}")
        stage.instances = {}
        for suffix, own in each.items():
            if not NAME.match(str(suffix)) or not isinstance(own, (dict, type(None))):
                self.problem(
                    (*place, suffix), f"stage '{stage.name}': each: expected name: {{options}}, got {suffix!r}: {own!r}"
                )
                continue
            stage.instances[str(suffix)] = self._options(stage, {**common, **(own or {})}, (*place, suffix))

    def _options(self, stage: Written, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        known = declared(stage.cls)  # type: ignore[arg-type,unused-ignore]  # mypy takes the instance's hash for the class's
        values = {}
        for name, value in given.items():
            where = (*place, name) if (*place, name) in self.document.marks or place[2:3] == () else (*stage.place, name)
            if name not in known:
                key = (*where, "key")
                text = f"stage '{stage.name}': {stage.use} has no option '{name}'{nearest(name, known)}"
                self.problem(key if key in self.document.marks else where, text)
                stage.sound = False
                continue
            try:
                values[name] = known[name].convert(value, self._base(where), ASSETS)
            except ValueError as error:
                self.problem(where, f"stage '{stage.name}': option '{name}': {error}")
                stage.sound = False
        for name, option in known.items():
            if option.default is REQUIRED and name not in given:
                doc = f" ({option.doc})" if option.doc else ""
                self.problem(place, f"stage '{stage.name}': {stage.use} needs '{name}': {option.type_name}{doc}")
                stage.sound = False
        return values

    def _base(self, place: Place) -> pathlib.Path:
        """What a path that stands there is relative to."""
        said = [folder for given, (_, folder) in self._from_sets.items() if place[: len(given)] == given]
        return said[-1] if said else self.folder

    def _models(self, stage: Written) -> None:
        """Find and check the model of each option that names one, before anything starts."""
        options = next(iter(stage.instances.values()), {}) if self._has_device else {}
        suffixes = self.device.profile.suffixes
        for name, value in options.items():
            if not isinstance(value, ModelName) or not value:
                continue
            channels = 4 if "prior" in stage.feeds else 3
            try:
                stage.models[name] = Model.find(str(value), self.folder, suffixes=suffixes, channels=channels)
            except ModelError as error:
                self.problem((*stage.place, name), f"stage '{stage.name}': {error}", ModelError.code)

    def _check_feeds(self) -> None:
        """Every `from` names a stage that is there. One that failed above is not reported twice."""
        written = self.document.value.get("stages", {})
        for stage in self.stages.values():
            for port, feed in stage.feeds.items():
                base = feed.split(".")[0]
                if base not in written:
                    place = (*stage.place, "from", port) if port else (*stage.place, "from")
                    known = [name for name in written if name != stage.name]
                    text = f"stage '{stage.name}' reads from '{feed}', which is not a stage here{nearest(base, known)}"
                    self.problem(place, text)
