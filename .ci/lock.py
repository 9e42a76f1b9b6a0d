"""Print requirements.lock: names, versions and hashes of all that Edgeflow needs to run and to be tested.

What pip would install here decides the versions; then pip is asked for the same versions on the other Pythons and machines of
TARGETS. One for which something is missing is left out of the line "for:", and installs by the ranges of pyproject.toml.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_17", "manylinux2014")

Pins = dict[tuple[str, str], set[str]]
"""(name, version) → sha256 of each file."""


def resolved(*arguments: str) -> Pins:
    """What pip would install. Raises CalledProcessError where it finds no set that fits."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--only-binary=:all:", "--quiet"]
    with tempfile.NamedTemporaryFile() as report:
        subprocess.run([*pip, "--report", report.name, *arguments], check=True, stderr=subprocess.DEVNULL)
        items = json.load(report)["install"]
    packages = [item for item in items if "archive_info" in item["download_info"]]
    return {(p["metadata"]["name"], p["metadata"]["version"]): {_digest(p["download_info"])} for p in packages}


def _digest(info: dict) -> str:
    return str(info["archive_info"]["hashes"]["sha256"])


def elsewhere(pins: Pins, python: str, machine: str) -> Pins:
    """The files of the same versions for another Python and machine."""
    where = [word for name in GLIBC for word in ("--platform", f"{name}_{machine}")]
    names = [f"{name}=={version}" for name, version in pins]
    return resolved("--no-deps", "--python-version", python, "--implementation", "cp", *where, "--target", "unused", *names)


def main() -> None:
    pins = resolved("-e", ".[dev]")
    targets = [f"{sys.version_info[0]}.{sys.version_info[1]}-{sys.platform}-{platform.machine()}"]
    for python in PYTHONS:
        for machine in MACHINES:
            try:
                found = elsewhere(pins, python, machine)
            except subprocess.CalledProcessError:
                print(f"no complete set for Python {python} on {machine}", file=sys.stderr)
                continue
            targets.append(f"{python}-linux-{machine}")
            for package, hashes in found.items():
                pins[package] |= hashes
    print("# Written by `make lock`. Names, versions and hashes; where the files come from is the reader's choice.")
    print("# for: " + " ".join(dict.fromkeys(targets)))
    for (name, version), hashes in sorted(pins.items(), key=lambda item: item[0][0].lower()):
        print(f"{name}=={version} " + " ".join(f"--hash=sha256:{digest}" for digest in sorted(hashes)))


main()
