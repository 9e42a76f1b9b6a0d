"""Golden frames: what a stage made once and was found good, kept as files beside the test."""

from __future__ import annotations

import json
import math
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from edge.core.frame import Drop

VARIABLE = "EDGE_GOLDEN"
TO_16 = 65535.0
"""A float plane, 0..1, is kept as a picture of 16 bits."""


def golden(made: Any, path: str | os.PathLike[str], tolerance: float = 2) -> None:
    """Compare with what is kept under `path`, relative to the test's own file. Raises AssertionError where it is off.

    made: a plane (uint8, or float32 0..1), a fact, or what `run` returned: one file for each plane, PATH.image.png, and one
    for the facts, PATH.json. tolerance: by how much any pixel may differ, in steps of 0..255; facts, by a millionth.

    With EDGE_GOLDEN=update in the environment it writes the files: look at them before you keep them. Where a picture
    differs, what was got and the difference (brighter is further) lie beside it, as NAME.got.png and NAME.diff.png.
    """
    folder = pathlib.Path(sys._getframe(1).f_globals.get("__file__", ".")).resolve().parent
    update = os.environ.get(VARIABLE) == "update"
    for name, value in _files(made, pathlib.Path(path)):
        file = folder / name
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, value)
            _tidy(file)
        elif not file.is_file():
            raise AssertionError(f"{name}: nothing is kept there yet: run it with {VARIABLE}=update, then look at the file")
        elif isinstance(value, np.ndarray):
            _compare_plane(file, name, value, tolerance)
        else:
            _compare_facts(file, name, value)


def _files(made: Any, path: pathlib.Path) -> Iterator[tuple[pathlib.Path, Any]]:
    """The files that hold it, by their names, and what each holds."""
    bare = path.with_suffix("") if path.suffix in (".png", ".json") else path
    if isinstance(made, np.ndarray):
        yield bare.with_name(bare.name + ".png"), made
    elif isinstance(made, list) and any(isinstance(item, (Drop, np.ndarray, dict)) for item in made):
        for i, item in enumerate(made):
            yield from _files(item, bare.with_name(f"{bare.name}.{i}"))
    elif isinstance(made, dict):
        for name, value in made.items():
            if isinstance(value, np.ndarray):
                yield from _files(value, bare.with_name(f"{bare.name}.{name}"))
        facts = {name: value for name, value in made.items() if not isinstance(value, np.ndarray)}
        if facts:
            yield bare.with_name(bare.name + ".json"), facts
    else:
        yield bare.with_name(bare.name + ".json"), {"drop": made.reason} if isinstance(made, Drop) else made


def _write(file: pathlib.Path, value: Any) -> None:
    if isinstance(value, np.ndarray):
        cv2.imwrite(str(file), _picture(value))
    else:
        file.write_text(_told(value), encoding="utf-8")


def _told(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, default=lambda other: other.tolist()) + "\n"


def _picture(plane: np.ndarray) -> np.ndarray:
    if plane.dtype == np.uint8 and plane.ndim in (2, 3) and plane.size:
        return plane
    if plane.dtype == np.float32 and plane.ndim == 2 and plane.size:
        whole: np.ndarray = np.rint(np.clip(np.nan_to_num(plane), 0, 1) * TO_16).astype(np.uint16)
        return whole
    raise TypeError(f"golden keeps uint8 pictures and float32 planes of 0..1, not {plane.dtype} of {plane.shape}")


def _beside(file: pathlib.Path, what: str) -> pathlib.Path:
    return file.with_name(f"{file.stem}.{what}.png")


def _tidy(file: pathlib.Path) -> None:
    for what in ("got", "diff"):
        _beside(file, what).unlink(missing_ok=True)


def _compare_plane(file: pathlib.Path, name: pathlib.Path, plane: np.ndarray, tolerance: float) -> None:
    if not np.isfinite(plane).all():
        raise AssertionError(f"{name}: got NaN or infinity")
    got, kept = _picture(plane), cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    got_name, diff_name = _beside(name, "got").name, _beside(name, "diff").name
    if kept is None or kept.shape != got.shape or kept.dtype != got.dtype:
        cv2.imwrite(str(_beside(file, "got")), got)
        was = "no picture" if kept is None else f"{kept.dtype} of {_size(kept)}"
        raise AssertionError(f"{name}: got {got.dtype} of {_size(got)}, kept is {was}; see {got_name}")
    step = TO_16 / 255 if got.dtype == np.uint16 else 1.0
    off = np.abs(got.astype(np.float64) - kept) / step
    if off.max() > tolerance:
        cv2.imwrite(str(_beside(file, "got")), got)
        cv2.imwrite(str(_beside(file, "diff")), (255 * off / max(off.max(), 1e-9)).astype(np.uint8))
        raise AssertionError(f"{name}: {_how_far(off, tolerance)}; see {got_name} and {diff_name}")
    _tidy(file)


def _how_far(off: np.ndarray, tolerance: float) -> str:
    by_pixel = off.max(axis=2) if off.ndim == 3 else off
    row, column = np.unravel_index(int(by_pixel.argmax()), by_pixel.shape)
    count = int((by_pixel > tolerance).sum())
    most = f"{by_pixel.max():.4g} at row {row}, column {column}"
    return (
        f"{count} of {by_pixel.size} pixels differ by more than {tolerance:g}, the most by {most}; the mean is {off.mean():.3g}"
    )


def _size(picture: np.ndarray) -> str:
    return "×".join(map(str, picture.shape))


def _compare_facts(file: pathlib.Path, name: pathlib.Path, value: Any) -> None:
    kept, got = json.loads(file.read_text(encoding="utf-8")), json.loads(_told(value))
    where = _unlike(kept, got, "")
    if where is not None:
        raise AssertionError(f"{name}: {where}")


def _unlike(kept: Any, got: Any, at: str) -> str | None:
    """Where two facts differ, in words; None where they do not."""
    if isinstance(kept, dict) and isinstance(got, dict):
        for key in sorted({*kept, *got}):
            if key not in kept or key not in got:
                return f"'{(at + '.' + key).lstrip('.')}' is {'new' if key in got else 'missing'}"
        pairs = [(kept[key], got[key], f"{at}.{key}") for key in kept]
    elif isinstance(kept, list) and isinstance(got, list) and len(kept) == len(got):
        pairs = [(a, b, f"{at}.{i}") for i, (a, b) in enumerate(zip(kept, got, strict=True))]
    else:
        return None if _equal(kept, got) else f"{at.lstrip('.') or 'it'}: got {got!r}, kept is {kept!r}"
    return next((told for told in (_unlike(*pair) for pair in pairs) if told), None)


def _equal(kept: Any, got: Any) -> bool:
    if isinstance(kept, float) or isinstance(got, float):
        numbers = isinstance(kept, (int, float)) and isinstance(got, (int, float))
        return numbers and math.isclose(kept, got, rel_tol=1e-6, abs_tol=1e-9)
    return bool(kept == got)
