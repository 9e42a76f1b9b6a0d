"""An exam: the checks of one class, made one after the other, each with a verdict and a sentence."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from edge.core.errors import EdgeError, hidden
from edge.core.testing.finding import Finding
from edge.core.testing.place import place_of
from edge.core.testing.promise import Breach
from edge.core.testing.samples import Unknown

NOT_HERE = 4
"""The exit code of errors that say that a camera, a port or a device is missing: nobody's mistake, so the check is skipped."""

ALWAYS = ("quiet", "folder")
"""Checks that rely on no other."""

Check = tuple[str, Callable[[], str]]


class Exam:
    """Subclasses say which checks there are. A check returns what is so, or raises: Breach and other errors are a FAIL, Unknown
    and what is not here a SKIP.

    begin: told the name of each check. tell: given each finding. gate: the check that the later ones rely on.
    """

    of = "plugin"
    gate = ""

    def __init__(
        self, cls: Any, options: Mapping[str, Any], tell: Callable[[Finding], None], beat: Callable[[str], None]
    ) -> None:
        self.cls = cls
        self.options = dict(options)
        self.tell = tell
        self.beat = beat
        self.folder = pathlib.Path.cwd()
        self.figures: dict[str, float] = {}
        self.peak = 0.0
        self.only: list[str] = []
        self._failed: set[str] = set()
        self._shut = ""

    def checks(self) -> list[Check]:
        raise NotImplementedError(f"{type(self).__name__} needs a method checks(self)")

    def wanted(self) -> list[Check]:
        return [(name, check) for name, check in self.checks() if not self.only or name in (*self.only, self.gate)]

    def run(self, begin: Callable[[str], None]) -> None:
        for name, check in self.wanted():
            begin(name)
            if name not in self._failed:
                self._make(name, check)

    def _make(self, name: str, check: Callable[[], str]) -> None:
        if self._shut and name not in ALWAYS:
            return self._found(name, "SKIP", self._shut)
        try:
            told = check()
        except Breach as breach:
            self._fail(breach.check, str(breach))
            if breach.check != name and name not in self._failed:
                self._found(name, "SKIP", f"not to be told: see '{breach.check}'")
        except Unknown as unknown:
            self._found(name, "SKIP", str(unknown))
        except EdgeError as error:
            self._fail(name, _line(error)) if error.code != NOT_HERE else self._found(name, "SKIP", _line(error))
        except Exception as error:
            place = place_of(error)
            self._fail(name, f"{_line(error)}{place and f' ({place})'}")
        else:
            return self._found(name, "PASS", told)
        if name == self.gate:
            self._shut = f"not tried, because '{name}' did not pass"

    def _fail(self, check: str, told: str) -> None:
        self._failed.add(check)
        self._found(check, "FAIL", told)

    def _found(self, check: str, verdict: Any, told: str) -> None:
        self.tell(Finding(self.of, check, verdict, hidden(told), self.figures))
        self.figures = {}

    # -- checks that every class has ----------------------------------------------------------------------------------------

    def quiet(self) -> str:
        """Standard output is a file here."""
        sys.stdout.flush()
        said = os.fstat(1).st_size
        if said:
            text = os.pread(1, 60, 0).decode(errors="replace").splitlines()[0]
            raise Breach(
                "quiet", f"{self.cls.__name__} prints to stdout ({text!r}), which belongs to the command: use context.log"
            )
        return "prints nothing to stdout"

    def stays(self) -> str:
        now = pathlib.Path.cwd()
        if now != self.folder:
            os.chdir(self.folder)
            raise Breach("folder", f"{self.cls.__name__} changed the current folder: others have paths relative to it")
        return "leaves the current folder alone"


def _line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or ["no more is known"])[0]
    return text if isinstance(error, EdgeError) else f"{kind_of(error)}: {text}"


def kind_of(error: BaseException) -> str:
    """ValueError, cv2.error."""
    kind = type(error)
    return kind.__name__ if kind.__name__ != "error" else f"{kind.__module__}.error"


def joined(words: list[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"


@contextlib.contextmanager
def told_as(check: str, start: str) -> Any:
    """What a plugin raises here, that is no word of ours, becomes a Breach of this check that begins so."""
    try:
        yield
    except (Breach, EdgeError, Unknown):
        raise
    except Exception as error:
        place = place_of(error)
        raise Breach(check, f"{start} {_line(error)}{place and f' ({place})'}") from error
