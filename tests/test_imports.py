"""Who may import whom. The layers are kept by reading the source, so that nothing need be run to see a breach."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import edge

ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = ("core", "plugins", "devices")
FOUND = (path for name in (*OURS, "examples") for path in (ROOT / name).rglob("*.py"))
FILES = sorted(path for path in FOUND if "tests" not in path.parts[len(ROOT.parts) :]) + [ROOT / "edge.py", ROOT / "testing.py"]
EXTRAS = {
    "plugins/web": {"starlette", "uvicorn", "anyio"},
    "plugins/rtsp": {"av"},
    "plugins/record": {"av"},
    "devices/onnx": {"onnxruntime"},
    "examples/command": {"click"},
    "examples/edge-device-dry2/": {"edge_device_dry2"},
}
"""What a plugin or device may import beside `edge`, the standard library, numpy and cv2, by the beginning of its path."""
TWINS = {"plugins/rtmp.py": "edge.plugins.rtsp"}
"""A second name of a plugin that is there already: a file is a name, and the two share their code."""


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, wherever in it, and its line. `from edge import x` gives `edge`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: a relative import"
            yield node.module or "", node.lineno


def named(paths: list[pathlib.Path]) -> list:
    return [pytest.param(path, id=name_of(path)) for path in paths]


def within(*folders: str) -> list:
    return named([path for path in FILES if name_of(path).split("/")[0] in folders])


@pytest.mark.parametrize("path", within("plugins", "devices", "examples"))
def test_plugins_and_devices_import_only_edge(path):
    own = name_of(path).split(".")[0].split("/")
    allowed = {"numpy", "cv2", *sys.stdlib_module_names}
    for start, extras in EXTRAS.items():
        if name_of(path).startswith(start):
            allowed |= extras
    for module, line in imports(path):
        if module == "edge" or module == TWINS.get(name_of(path)):
            continue
        if module.startswith("edge."):  # only the files beside it, in a folder of its own
            assert len(own) == 3 and module.split(".")[1:3] == own[:2], f"{name_of(path)}:{line} imports {module}"
            continue
        assert module.split(".")[0] in allowed, f"{name_of(path)}:{line} imports {module}"


@pytest.mark.parametrize("path", within("core"))
def test_core_imports_neither_plugins_nor_devices(path):
    for module, line in imports(path):
        wrong = module.startswith(("edge.plugins", "edge.devices"))
        assert not wrong, f"{name_of(path)}:{line} imports {module}: name it by a string, at run time"


@pytest.mark.parametrize("path", named(FILES))
def test_nothing_imports_a_bare_core_and_nothing_unpickles(path):
    for module, line in imports(path):
        first = module.split(".")[0]
        assert first not in (*OURS, "testing"), f"{name_of(path)}:{line} imports a bare {module}: a second Frame class"
        assert module.split(".")[0] not in ("pickle", "multiprocessing", "marshal", "shelve", "dill", "cloudpickle"), (
            f"{name_of(path)}:{line} imports {module}"
        )
    text = path.read_text(encoding="utf-8")
    for word in ("recv_pyobj", "send_pyobj", "allow_pickle=True"):
        assert word not in text, f"{name_of(path)} says {word}"


def test_the_facade_exports_what_it_says():
    assert edge.__all__ == sorted(edge.__all__)
    homes = [name for names in edge._HOME.values() for name in names]
    assert sorted(homes) == edge.__all__
    for name in edge.__all__:
        assert getattr(edge, name).__module__.startswith("edge.core.") or name == "hookimpl"
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        edge.Nonsense  # noqa: B018


def test_the_facade_is_lazy():
    """`from edge import Stage` costs neither zmq nor cv2 nor onnxruntime: a plugin on the Kit has none of them."""
    heavy = "('zmq', 'cv2', 'onnxruntime', 'click')"
    code = f"import sys; from edge import Alpha, Stage; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_launcher_holds_no_class_and_no_state():
    """It runs twice where it is run as a script, so a class in it would exist twice."""
    tree = ast.parse((ROOT / "edge.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.Global))]
