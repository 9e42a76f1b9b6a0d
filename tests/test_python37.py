"""What runs on the HiLens Kit is valid Python 3.7, with numpy and cv2 alone.

The parser knows the syntax; vermin knows which version each name of the standard library came with.
"""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest
import vermin

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = tuple(
    (
        "crew cut device engine errors feed flow frame "
        "insight/recorder insight/trace ledger local memory modelfile outcome picture plan policy preprocess report stage"
    ).split()
)
PLUGINS = ("portrait", "temporal", "matting", "policies", "composite", "demo", "resize", "convert", "discard")


def files() -> list[pathlib.Path]:
    found = [ROOT / "core" / f"{name}.py" for name in CORE] + [ROOT / "devices" / "dry.py"]
    for name in PLUGINS:
        folder = ROOT / "plugins" / name
        found += sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    return found


FILES = files()
ELSEWHERE = {"pluggy", "msgspec", "zmq", "yaml", "click", "rich", "onnxruntime", "onnx", "starlette", "uvicorn"}


def guarded(tree: ast.AST) -> set[ast.AST]:
    """What stands inside `try: ... except ImportError:`: there a missing name is foreseen."""
    tries = (node for node in ast.walk(tree) if isinstance(node, ast.Try))
    return {inner for node in tries if "ImportError" in ast.dump(ast.Module(node.handlers, [])) for inner in ast.walk(node)}


def unguarded(text: str) -> str:
    """The source without its guarded imports, and without the annotations, which the Kit never evaluates."""

    class Strip(ast.NodeTransformer):
        def visit_Try(self, node: ast.Try) -> ast.AST:
            return ast.Pass() if node in skipped else self.generic_visit(node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            self.generic_visit(node)
            return ast.Assign([node.target], node.value) if node.value else ast.Pass()

        def visit_arg(self, node: ast.arg) -> ast.AST:
            node.annotation = None
            return node

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            return self.generic_visit(node)

    tree = ast.parse(text)
    skipped = guarded(tree)
    return ast.unparse(ast.fix_missing_locations(Strip().visit(tree)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_kit_could_read_it(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 7))
    assert "from __future__ import annotations" in text, "annotations would be evaluated"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.NamedExpr)
        if isinstance(node, ast.arguments):
            assert not node.posonlyargs, f"line {node.args[0].lineno}: positional-only"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
            assert not [k for k in node.keywords if k.arg == "strict"], f"line {node.lineno}: zip(strict=)"
    skipped = guarded(tree)
    modules = [
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in skipped
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    ]
    assert not ELSEWHERE & {str(name).split(".")[0] for name in modules}
    assert {str(name).split(".")[0] for name in modules} <= {"edge", "numpy", "cv2", *sys.stdlib_module_names}


def needed(text: str) -> tuple[int, int]:
    """The least Python 3 that has every name in this source."""
    config = vermin.Config()
    config.set_quiet(True)
    return vermin.detect(text, config=config)[1] or (3, 0)


@pytest.mark.parametrize("text", ["import math\nmath.prod([1])", "'ab'.removeprefix('a')"])
def test_a_newer_name_would_be_noticed(text):
    assert needed(text) > (3, 7)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_uses_no_newer_name(path):
    least = needed(unguarded(path.read_text(encoding="utf-8")))
    assert least <= (3, 7), f"needs Python {least}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_it_imports_of_ours_runs_there_too(path):
    """A file of the Kit's may import at its top only files of the Kit's."""
    there = {f"edge.core.{name.replace('/', '.')}" for name in CORE} | {f"edge.plugins.{name}" for name in PLUGINS} | {"edge"}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("edge.core"):
            names = [node.module] if node.module != "edge.core" else [f"edge.core.{alias.name}" for alias in node.names]
            assert set(names) <= there, f"line {node.lineno}"
