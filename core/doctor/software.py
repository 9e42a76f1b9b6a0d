"""Software: versions against the ranges that Edgeflow was made for, optional parts, plugins, the models' files."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from edge.core.contract import Contract
from edge.core.doctor.finding import FAIL, OK, SKIP, WARN, Finding
from edge.core.errors import EdgeError
from edge.core.model import SHIPPED
from edge.core.modelfile import read_file, sha256
from edge.core.plan import Plan

US = "edgeflow"
GIVES = {
    "web": "the preview page, /metrics",
    "av": "RTSP and RTMP output, a recording's sound",
    "vcam": "a virtual camera",
    "models": "tools for networks",
    "docs": "",
    "train": "",
    "dev": "",
}
"""What an extra is for; "" for those that only who works on Edgeflow needs: nothing is said of them."""
TELLING = ("numpy", "opencv-python-headless", "onnxruntime", "pyzmq")
"""Packages whose versions are worth telling where all is well."""
SAME_MODULE = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Distributions that install over `cv2` of ours: which of them wins is chance."""


def python(_plan: Plan | None) -> Iterator[Finding]:
    """This interpreter."""
    wants, here = SpecifierSet(_metadata("Requires-Python") or ">=3.10"), platform.python_version()
    good = wants.contains(here, prereleases=True)
    detail = here if good else f"{here}, and Edgeflow needs {wants}"
    yield Finding("python", OK if good else FAIL, detail, "" if good else "install another Python and Edgeflow with it")


def packages(_plan: Plan | None) -> Iterator[Finding]:
    """What Edgeflow cannot do without."""
    wanted = [need for need in _needs() if not need.marker or need.marker.evaluate({"extra": ""})]
    if not wanted:
        yield Finding("packages", SKIP, "Edgeflow is not installed here but run from its folder", "pip install -e .")
        return
    wrong = [need for need in wanted if not _fits(need)]
    for need in wrong:
        told = f"{_version(need.name) or 'not installed'}, and Edgeflow needs {need.specifier}"
        yield Finding(f"package {need.name}", FAIL, told, f"pip install '{need.name}{need.specifier}'")
    if not wrong:
        told = ", ".join(f"{name} {_version(name)}" for name in TELLING)
        yield Finding("packages", OK, f"{len(wanted)} within their ranges: {told}")
    for name in SAME_MODULE:
        if _version(name):
            mend = f"pip uninstall {name} opencv-python-headless, then pip install opencv-python-headless"
            yield Finding(f"package {name}", WARN, "is installed over opencv-python-headless: both are the module cv2", mend)


def extras(_plan: Plan | None) -> Iterator[Finding]:
    """The optional parts."""
    names = importlib.metadata.metadata(US).get_all("Provides-Extra") or [] if _version(US) else []
    for name in names:
        gives = GIVES.get(name, "an optional part")
        wanted = [need for need in _needs() if need.marker and need.marker.evaluate({"extra": name})]
        wanted = [need for need in wanted if not need.marker.evaluate({"extra": ""})]  # type: ignore[union-attr]
        missing = [need for need in wanted if not _fits(need)]
        if not gives:
            continue
        if missing:
            told = ", ".join(f"{need.name} {_version(need.name) or 'missing'}" for need in missing)
            yield Finding(f"extra {name}", SKIP, f"{gives}: {told}", f"pip install '{US}[{name}]', where that is wanted")
        else:
            yield Finding(f"extra {name}", OK, gives)


def plugins(plan: Plan | None) -> Iterator[Finding]:
    """Those of third parties with their versions; of all, those that do not work."""
    from edge.core.catalogue import plugins_data

    rows = plugins_data()
    used = {stage.use for stage in plan.stages} if plan else set()
    broken = [row for row in rows if row["kind"] == "broken"]
    others = [row for row in rows if row not in broken and row["origin"] != "built in"]
    told = ", ".join(f"{row['name']} ({row['origin']})" for row in others) or "none of third parties"
    ours = sum(row["origin"] == "built in" for row in rows)
    yield Finding("plugins", OK, f"{ours} built in; {told}")
    for row in broken:
        status = FAIL if row["name"] in used else WARN
        yield Finding(f"plugin {row['name']}", status, row["summary"], f"upgrade or uninstall {row['origin']}")


def models(_plan: Plan | None) -> Iterator[Finding]:
    """The files that ship with Edgeflow, against their contracts."""
    sound = []
    for page in sorted(SHIPPED.glob("*.yaml")):
        for file in Contract.load(page).files:
            path = SHIPPED / file.path
            if not path.is_file():
                continue
            try:
                good = sha256(read_file(path)) == file.sha256
                told = "has another sha256 than its contract says: it is damaged, or was replaced"
            except EdgeError as error:
                good, told = False, str(error)
            if good:
                sound.append(file.path)
            else:
                yield Finding(f"model {file.path}", FAIL, told, f"pip install --force-reinstall {US}, or git checkout models")
    yield (
        Finding("models", OK, f"{', '.join(sound)}: as the contracts say") if sound else Finding("models", SKIP, "none is here")
    )


def _needs() -> list[Requirement]:
    return [Requirement(line) for line in importlib.metadata.requires(US) or []] if _version(US) else []


def _metadata(field: str) -> str:
    return importlib.metadata.metadata(US)[field] if _version(US) else ""


def _version(name: str) -> str:
    """ "" where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _fits(need: Requirement) -> bool:
    version = _version(need.name)
    return bool(version) and need.specifier.contains(version, prereleases=True)
