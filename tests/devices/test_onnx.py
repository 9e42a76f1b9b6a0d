"""onnx: a session of the checked bytes, planes in and out, threads by measurement."""

from __future__ import annotations

import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tiny_networks

from edge.core.errors import DeviceError, ModelError
from edge.core.model import Model
from edge.devices import onnx as device
from edge.devices.onnx import RUNTIME, Onnx, OnnxNetwork, Threads

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

GREY = np.full((8, 8, 3), 51, np.uint8)  # 0.2


def opened(threads: object = 1, **options: object) -> Onnx:
    runtime = RUNTIME()
    for name, value in {"threads": threads, **options}.items():
        setattr(runtime, name, value)
    runtime.open()
    return runtime


def loaded(path: pathlib.Path, **options: object) -> OnnxNetwork:
    network = opened(**options).load(Model.find(str(path), path.parent))
    assert isinstance(network, OnnxNetwork)
    return network


def test_probe_says_what_is_here() -> None:
    assert RUNTIME.probe().startswith("onnxruntime ") and "CPU" in RUNTIME.probe()


@pytest.mark.parametrize("order, channel, value", [("rgb", 0, 1.0), ("rgb", 2, 0.0), ("bgr", 0, 0.0), ("bgr", 2, 1.0)])
def test_red_arrives_where_the_contract_says(tmp_path: pathlib.Path, order: str, channel: int, value: float) -> None:
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 2] = 255
    assert np.all(loaded(tiny_networks.colour(tmp_path, channel, order))(image=red)["alpha"] == value)


def test_format_rgb(tmp_path: pathlib.Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert np.all(loaded(tiny_networks.colour(tmp_path))(image=red, format="rgb")["alpha"] == 1)


@pytest.mark.parametrize("make", [tiny_networks.echo, tiny_networks.beside])
def test_the_prior_reaches_the_network(tmp_path: pathlib.Path, make) -> None:
    network = loaded(make(tmp_path))
    assert np.all(network(image=GREY, prior=np.ones((8, 8), np.float32))["alpha"] == 1)
    assert np.all(network(image=GREY)["alpha"] == 0), "none is background"
    assert np.all(network(image=GREY, prior=None)["alpha"] == 0)


def test_a_prior_for_a_network_that_takes_none_is_unused(tmp_path: pathlib.Path) -> None:
    alpha = loaded(tiny_networks.colour(tmp_path))(image=GREY, prior=np.ones((8, 8), np.float32))["alpha"]
    np.testing.assert_allclose(alpha, 0.2, atol=1e-6)


def test_states_come_and_go_by_the_names_of_their_inputs(tmp_path: pathlib.Path) -> None:
    network = loaded(tiny_networks.counter(tmp_path))
    first = network(image=GREY)
    second = network(image=GREY, before=first["before"])
    np.testing.assert_allclose([first["alpha"][0, 0], second["alpha"][0, 0]], [0.1, 0.2], rtol=1e-6)
    assert network(image=GREY)["alpha"][0, 0] == first["alpha"][0, 0], "nothing is kept between calls"


def test_nan_is_passed_on(tmp_path: pathlib.Path) -> None:
    network = loaded(tiny_networks.ratio(tmp_path))
    assert np.isnan(network(image=np.zeros((8, 8, 3), np.uint8))["alpha"]).all()
    assert np.isfinite(network(image=GREY)["alpha"]).all()


def test_half_precision_inputs_and_constants(tmp_path: pathlib.Path) -> None:
    half, graph = onnx.TensorProto.FLOAT16, onnx.helper
    value = lambda name, shape: graph.make_tensor_value_info(name, half, shape)  # noqa: E731
    nodes = [graph.make_node("ReduceMean", ["image"], ["mean"], axes=[1]), graph.make_node("Mul", ["mean", "k"], ["alpha"])]
    inputs = [value("image", [1, 3, 8, 8]), value("k", [1])]
    proto = graph.make_model(
        graph.make_graph(nodes, "half", inputs, [value("alpha", tiny_networks.PLANE)]),
        opset_imports=[graph.make_opsetid("", 17)],
        ir_version=8,
    )
    (tmp_path / "half.onnx").write_bytes(proto.SerializeToString())
    (tmp_path / "half.yaml").write_text(
        "name: half\nlicence: x\nsource: x\nimage: {name: image, size: [8, 8]}\noutputs: {alpha: {name: alpha}}\n"
        "constants: {k: [2.0], absent: [1.0]}\n"
    )
    alpha = loaded(tmp_path / "half.onnx")(image=GREY)["alpha"]
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, 0.4, atol=1e-3)


def test_the_session_gets_the_bytes_that_were_checked(tmp_path: pathlib.Path) -> None:
    model = Model.find(str(tiny_networks.counter(tmp_path)), tmp_path)
    model.path.write_bytes(tiny_networks.echo(tmp_path).read_bytes())
    with pytest.raises(ModelError, match="was replaced"):
        opened().load(model)


def test_a_provider_that_is_not_here() -> None:
    with pytest.raises(DeviceError, match="no CANNExecutionProvider here; it has .*CPUExecutionProvider"):
        opened(providers=["CANNExecutionProvider", "CPUExecutionProvider"])


def test_a_provider_that_onnxruntime_gives_up_silently(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = opened(providers=["CPUExecutionProvider"])
    runtime.providers = ["CPUExecutionProvider", "CUDAExecutionProvider"]  # as where the build has it, the driver not
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"), pytest.raises(DeviceError, match="does not work here"):
        runtime.load(Model.find("portrait", tmp_path))


@pytest.mark.parametrize("threads", [0, -1, "many"])
def test_a_wrong_thread_count(threads: object) -> None:
    with pytest.raises(DeviceError, match="give a number from 1 on, or auto"):
        opened(threads=threads)


def test_what_onnxruntime_cannot_load(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.counter(tmp_path)
    model = onnx.load(str(path))
    model.graph.node[0].op_type = "Nonsense"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"counter.onnx: onnxruntime cannot load it: .*Nonsense") as error:
        loaded(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change, said",
    [
        (("{name: image,", "{name: picture,"), "it has no input 'picture', only"),
        (("alpha: {name: alpha}", "alpha: {name: matte}"), "it has no output 'matte', only"),
        (("states:", "states: [] #"), "it needs input 'before' too"),
        (("size: [8, 8]", "size: [16, 16]"), r"its input 'image' is \[1, 3, 8, 8\], not \[1, 3, 16, 16\]"),
        (("layout: nchw", "layout: nhwc"), r"its input 'image' is \[1, 3, 8, 8\], not \[1, 8, 8, 3\]"),
    ],
)
def test_a_file_that_does_not_keep_its_contract(tmp_path: pathlib.Path, change: tuple[str, str], said: str) -> None:
    contract = (path := tiny_networks.counter(tmp_path)).with_suffix(".yaml")
    text = contract.read_text().replace("{name: image,", "{name: image, layout: nchw,")
    assert change[0] in text or change[0] == "{name: image,"
    contract.write_text(text.replace(*change))
    with pytest.raises(ModelError, match=f"does not keep contract 'counter': {said}"):
        loaded(path)


def test_threads_as_asked(tmp_path: pathlib.Path) -> None:
    network = loaded(tiny_networks.colour(tmp_path), threads=2)
    assert (network.threads, network.chosen) == (2, "2 threads, as asked")


def test_one_core_needs_no_measuring(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: {0})
    network = loaded(tiny_networks.colour(tmp_path), threads="auto")
    assert (network.threads, network.chosen) == (1, "1 thread: there is one core")


def test_auto_measures_on_the_first_frames(tmp_path: pathlib.Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: {0, 1})
    network = loaded(tiny_networks.counter(tmp_path), threads="auto")
    assert (network.threads, network.chosen) == (0, "measuring")
    state = None
    with caplog.at_level(logging.INFO, "edge"):
        for _ in range(2 * (Threads.WARM + Threads.TIMED)):
            made = network(image=GREY, before=state)
            state = made["before"]
    np.testing.assert_allclose(state, 2.2, rtol=1e-5, err_msg="the trial's frames count like any others")
    assert network.threads in (1, 2) and "1 thread: " in network.chosen and "2 threads: " in network.chosen
    assert f"model counter runs with {network.threads} thread" in caplog.text and network.chosen in caplog.text
    assert len(network._sessions) == 1, "the other session is gone"
    network(image=GREY)


def test_the_lower_median_wins_and_a_tie_is_one_thread() -> None:
    def chosen(one: list[float], two: list[float]) -> int:
        trial = Threads([1, 2])
        for a, b in zip(one, two, strict=True):
            assert trial.next() == 1
            trial.took(1, a)
            assert trial.next() == 2
            trial.took(2, b)
        assert trial.done
        return trial.best

    warm, timed = [9.0] * Threads.WARM, [0.020] * Threads.TIMED
    assert chosen(warm + timed, [0.0] * 3 + [0.010] * 8) == 2
    assert chosen(warm + timed, [0.0] * 3 + [0.030] * 8) == 1, "warm-up calls do not count"
    assert chosen(warm + timed, warm + [0.0195] * 8) == 1, "2.5 % faster is a tie"
    assert chosen(warm + timed, warm + [0.010] * 5 + [5.0] * 3) == 2, "a few slow calls do not decide"


def test_onnxruntime_reports_to_nobody(tmp_path: pathlib.Path) -> None:
    """Its telemetry leaves an identifier in the home folder, and a cache of what it could not send."""
    code = "from edge.devices.onnx import Onnx; Onnx().probe(); import onnxruntime; onnxruntime.get_available_providers()"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("ORT_DISABLE_TELEMETRY", "CI"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=ROOT, env=environment)
    assert list(tmp_path.rglob("*")) == []
