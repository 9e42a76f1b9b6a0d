"""Networks of a few nodes, written by the tests: each with its contract beside it."""

from __future__ import annotations

import pathlib

import onnx
from onnx import TensorProto, helper

SIDE = 8
PLANE = [1, 1, SIDE, SIDE]


def tensor(name: str, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def ints(name: str, *values: int) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)


def channel(number: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """`image`'s channel of this number as `alpha`."""
    bounds = [ints("from", number), ints("to", number + 1), ints("axis", 1)]
    return [helper.make_node("Slice", ["image", "from", "to", "axis"], ["alpha"])], bounds


def save(path: pathlib.Path, inputs: dict, outputs: dict, nodes: list, constants: list, contract: str) -> pathlib.Path:
    graph = helper.make_graph(
        nodes, path.stem, [tensor(*i) for i in inputs.items()], [tensor(*o) for o in outputs.items()], constants
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    head = f"name: {path.stem}\nlicence: Apache-2.0\nsource: a test\n"
    path.with_suffix(".yaml").write_text(head + contract)
    return path


def colour(folder: pathlib.Path, number: int = 0, order: str = "rgb") -> pathlib.Path:
    """alpha = one colour of the picture, 0..1."""
    contract = f"image: {{name: image, colour: {order}, size: [{SIDE}, {SIDE}]}}\noutputs: {{alpha: {{name: alpha}}}}\n"
    return save(folder / "colour.onnx", {"image": [1, 3, SIDE, SIDE]}, {"alpha": PLANE}, *channel(number), contract)


def echo(folder: pathlib.Path) -> pathlib.Path:
    """4 channels; alpha = the previous alpha."""
    contract = f"image: {{name: image, size: [{SIDE}, {SIDE}]}}\nprior: {{}}\noutputs: {{alpha: {{name: alpha}}}}\n"
    return save(folder / "echo.onnx", {"image": [1, 4, SIDE, SIDE]}, {"alpha": PLANE}, *channel(3), contract)


def beside(folder: pathlib.Path) -> pathlib.Path:
    """The previous alpha is an input of its own, -1..1; alpha = that, so a prior of 1 gives 1 and none gives 0 (clipped)."""
    contract = f"image: {{name: image, size: [{SIDE}, {SIDE}]}}\nprior: {{name: before, range: [-1, 1]}}\n"
    contract += "outputs: {alpha: {name: alpha}}\n"
    inputs = {"image": [1, 3, SIDE, SIDE], "before": PLANE}
    nodes = [helper.make_node("Identity", ["before"], ["alpha"])]
    return save(folder / "beside.onnx", inputs, {"alpha": PLANE}, nodes, [], contract)


def counter(folder: pathlib.Path) -> pathlib.Path:
    """alpha = 0.1 × the number of frames since the state was zero."""
    contract = f"image: {{name: image, size: [{SIDE}, {SIDE}]}}\noutputs: {{alpha: {{name: alpha}}}}\n"
    contract += "states: [{input: before, output: after, shape: [1, 1, h/1, w/1]}]\n"
    step = helper.make_tensor("step", TensorProto.FLOAT, [1], [0.1])
    nodes = [helper.make_node("Add", ["before", "step"], ["after"]), helper.make_node("Identity", ["after"], ["alpha"])]
    inputs = {"image": [1, 3, SIDE, SIDE], "before": PLANE}
    return save(folder / "counter.onnx", inputs, {"alpha": PLANE, "after": PLANE}, nodes, [step], contract)


def ratio(folder: pathlib.Path) -> pathlib.Path:
    """alpha = 0.1 × frames + red / red: NaN for a black picture, and then in the state too."""
    nodes, constants = channel(0)
    nodes[0].output[0] = "red"
    nodes += [helper.make_node("Div", ["red", "red"], ["one"]), helper.make_node("Mul", ["one", "step"], ["some"])]
    nodes += [helper.make_node("Add", ["before", "some"], ["after"]), helper.make_node("Identity", ["after"], ["alpha"])]
    contract = f"image: {{name: image, size: [{SIDE}, {SIDE}]}}\noutputs: {{alpha: {{name: alpha}}}}\n"
    contract += f"states: [{{input: before, output: after, shape: [1, 1, {SIDE}, {SIDE}]}}]\n"
    constants += [helper.make_tensor("step", TensorProto.FLOAT, [1], [0.1])]
    inputs = {"image": [1, 3, SIDE, SIDE], "before": PLANE}
    return save(folder / "ratio.onnx", inputs, {"alpha": PLANE, "after": PLANE}, nodes, constants, contract)
