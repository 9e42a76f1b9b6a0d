"""Look at the sources before the run: how large are their frames, do they open at all?

In a process of its own, because a decoder can hang, crash or eat memory: it is killed after PATIENCE seconds, and a source that
has not answered by then is not here.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import msgspec

from edge.core import hooks, spawn
from edge.core.errors import EdgeError, SourceError
from edge.core.plan import StagePlan, _plain, _spec

PATIENCE = 12.0
"""Seconds for all sources together, the start of the process included."""


class Look:
    """What a source said of itself: its specs, its rate, whether it is live; or `error` in one line, with its exit code."""

    def __init__(self, makes: dict[str, Any], rate: float, live: bool, error: str = "", code: int = 0) -> None:
        self.makes = {name: _spec(spec) for name, spec in makes.items()}
        self.rate = rate
        self.live = live
        self.error = error
        self.code = code


def look(wanted: list[tuple[str, str, dict[str, Any]]]) -> dict[str, Look]:
    """Name → Look, for sources given as (name, plugin, options)."""
    here = [item for item in wanted if not hooks.stage_class(item[1], False).looks]  # type: ignore[attr-defined]
    away = [item for item in wanted if item not in here]
    found = {name: Look(**_answer(name, use, options)) for name, use, options in here}
    if away:
        found.update(_ask(away))
    return found


def _ask(wanted: list[tuple[str, str, dict[str, Any]]]) -> dict[str, Look]:
    request = msgspec.json.encode([[name, use, _plain(options)] for name, use, options in wanted])
    process = subprocess.Popen(
        spawn.command("edge.core.probe"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        output, _ = process.communicate(request, PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    found = {}
    for line in output.splitlines():
        name, answer = msgspec.json.decode(line)
        found[name] = Look(**answer)
    for name, *_rest in wanted:
        how = f"did not answer within {PATIENCE:.0f} s" if process.returncode == -9 else "made the decoder crash"
        found.setdefault(name, Look({}, 0.0, False, f"{name}: the source {how}", SourceError.code))
    return found


def _answer(name: str, use: str, options: dict[str, Any]) -> dict[str, Any]:
    """One source's answer, as plain data. Whatever it raises is its answer."""
    from edge.core.crew import fill

    try:
        stage = fill(hooks.stage_class(use, False)(), StagePlan(name, use, options=options))
        makes = {key: _plain(spec) for key, spec in stage.spec({}).items()}
        return {"makes": makes, "rate": float(stage.rate), "live": bool(stage.live)}  # type: ignore[attr-defined]
    except EdgeError as error:
        return {"makes": {}, "rate": 0.0, "live": False, "error": str(error), "code": error.code}
    except Exception as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"makes": {}, "rate": 0.0, "live": False, "error": told, "code": SourceError.code}


def main() -> None:
    """Answer for each source in a thread of its own, a line each as it is known, and end when all have answered."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read())
    lock = threading.Lock()

    def answer(name: str, use: str, options: dict[str, Any]) -> None:
        line = msgspec.json.encode([name, _answer(name, use, options)]) + b"\n"
        with lock:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    threads = [threading.Thread(target=answer, args=item, daemon=True) for item in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
