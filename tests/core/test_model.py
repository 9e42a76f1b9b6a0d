"""Model and contract: found by name, path and hash; each way a file can be wrong is named, with what to do."""

from __future__ import annotations

import json
import pathlib
import shutil

import msgspec
import numpy as np
import onnx
import pytest
import tiny_networks

from edge.core.contract import Contract
from edge.core.errors import ModelError
from edge.core.model import SHIPPED, Model, known
from edge.core.modelfile import check_onnx

PORTRAIT = SHIPPED / "portrait.onnx"
SHA256 = "c7298258c462db5ed0d7c106505f38b809b3eb65f1f084f5e348482fdb2ac508"


def refused(name: object, folder: pathlib.Path) -> str:
    with pytest.raises(ModelError) as error:
        Model.find(str(name), folder)
    assert "\n" not in str(error.value), "one line"
    return str(error.value)


def test_the_shipped_network(tmp_path: pathlib.Path) -> None:
    model = Model.find("portrait", tmp_path)
    assert (model.name, model.path, model.sha256) == ("portrait", PORTRAIT, SHA256)
    assert (model.raw_shape, model.shape("lr_alpha")) == ((256, 256), (64, 64))
    assert (model.channels, model.branch, model.takes_prior, model.states) == (3, "full", False, {})
    assert len(model.read()) == PORTRAIT.stat().st_size


def test_every_contract_survives_the_way_to_a_worker() -> None:
    for name in known():
        contract = Contract.load(SHIPPED / f"{name}.yaml")
        assert contract.name == name and contract.licence and contract.source
        assert Contract.from_dict(json.loads(json.dumps(contract.to_dict()))) == contract
        assert all(file.sha256 for file in contract.files), f"{name}: a shipped contract knows its files"


def test_the_known_names() -> None:
    assert known() == ["meet", "modnet", "modnet4", "portrait", "rvm", "selfie", "sinet", "u2netp"]


def test_a_model_survives_the_way_to_a_worker(tmp_path: pathlib.Path) -> None:
    model = Model.find(str(tiny_networks.counter(tmp_path)), tmp_path)
    again = Model.from_dict(msgspec.msgpack.decode(msgspec.msgpack.encode(model.to_dict())))
    assert vars(again) == vars(model) and again.states == {"before": (1, 1, 8, 8)}


def test_states_scale_with_the_size(tmp_path: pathlib.Path) -> None:
    model = Model("rvm", tmp_path, Contract.load(SHIPPED / "rvm.yaml"), "", (250, 512))
    assert model.states["r1i"] == (1, 16, 125, 256)
    assert model.states["r4i"] == (1, 64, 16, 32), "rounded up"


def test_a_path_relative_to_the_graph_with_and_without_suffix(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nets").mkdir()
    path = tiny_networks.echo(tmp_path / "nets")
    for name in ("nets/echo.onnx", "nets/echo", "./nets/echo", str(path)):
        assert Model.find(name, tmp_path).path.samefile(path)
    assert Model.find("echo", tmp_path / "nets").name == "echo", "a bare name beside the graph"


def test_the_contract_beside_says_how_many_channels(tmp_path: pathlib.Path) -> None:
    model = Model.find(str(tiny_networks.echo(tmp_path)), tmp_path)
    assert model.channels == 4 and model.takes_prior
    model = Model.find(str(tiny_networks.beside(tmp_path)), tmp_path)
    assert model.channels == 3 and model.takes_prior


def test_a_copy_under_another_name_is_known_by_its_hash(tmp_path: pathlib.Path) -> None:
    copy = shutil.copy(PORTRAIT, tmp_path / "my_favourite.onnx")
    assert Model.find(str(copy), tmp_path).contract.name == "portrait"


def test_a_graph_beside_the_model_is_no_contract(tmp_path: pathlib.Path) -> None:
    shutil.copy(PORTRAIT, tmp_path / "live.onnx")
    (tmp_path / "live.yaml").write_text("device: desktop\nstages: {}\n")
    assert Model.find("./live.onnx", tmp_path).contract.name == "portrait"


def test_files_are_chosen_by_branch_channels_suffix_and_presence(tmp_path: pathlib.Path) -> None:
    echo = tiny_networks.echo(tmp_path)
    echo.with_suffix(".yaml").write_text(
        "name: echo\nlicence: x\nsource: x\nimage: {name: image, size: [8, 8]}\nprior: {}\noutputs: {alpha: {name: alpha}}\n"
        "files: [{path: a.onnx}, {path: echo.onnx, channels: 4}, {path: a.om}, {path: lr.onnx, branch: lr}]\n"
    )
    from edge.core.model import _choose

    contract = Contract.load(echo.with_suffix(".yaml"))
    for name in ("a.onnx", "a.om", "lr.onnx"):
        (tmp_path / name).write_bytes(b"here")

    def chosen(suffixes: tuple[str, ...], branch: str = "full", channels: int = 3) -> str:
        return _choose(contract, (tmp_path, tmp_path), suffixes, branch, channels)[1].name

    assert chosen((".onnx",)) == "a.onnx"
    assert chosen((".om", ".onnx")) == "a.om"
    assert chosen((".onnx",), channels=4) == "echo.onnx"
    assert chosen((".onnx",), branch="lr") == "lr.onnx"
    (tmp_path / "a.onnx").unlink()
    assert chosen((".onnx",)) == "echo.onnx", "what is here, before what is not"


def test_an_unknown_name(tmp_path: pathlib.Path) -> None:
    said = refused("portrat", tmp_path)
    assert "'portrat' is not known. Did you mean 'portrait'?" in said and "selfie" in said


def test_a_name_whose_file_is_not_shipped(tmp_path: pathlib.Path) -> None:
    said = refused("rvm", tmp_path)
    assert "GPL-3.0" in said and "rvm_mobilenetv3_256x256.onnx" in said and str(tmp_path) in said
    assert "copy" in refused("modnet4", tmp_path)


def test_a_missing_file(tmp_path: pathlib.Path) -> None:
    assert "does not exist" in refused("nets/x.onnx", tmp_path)


def test_a_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.onnx").mkdir()
    assert "is not a file" in refused("./x.onnx", tmp_path)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git-lfs pointer"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"<html><body>404</body></html>", "web page"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not an ONNX model"),
        (b"a text\n" * 20, "not an ONNX model"),
    ],
)
def test_something_else_in_its_place(tmp_path: pathlib.Path, content: bytes, said: str) -> None:
    (tmp_path / "portrait.onnx").write_bytes(content)
    assert said in refused("./portrait.onnx", tmp_path)


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
def test_a_truncated_file(tmp_path: pathlib.Path, part: float) -> None:
    data = PORTRAIT.read_bytes()
    (tmp_path / "portrait.onnx").write_bytes(data[: int(len(data) * part)])
    assert "is truncated" in refused("./portrait.onnx", tmp_path)


def test_one_flipped_bit(tmp_path: pathlib.Path) -> None:
    data = bytearray(PORTRAIT.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "portrait.onnx").write_bytes(data)
    said = refused("./portrait.onnx", tmp_path)
    assert "wrong sha256" in said and SHA256[:12] in said


def test_a_wrong_hash_in_the_contract_beside(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.echo(tmp_path)
    with path.with_suffix(".yaml").open("a") as file:
        file.write(f"files: [{{path: echo.onnx, channels: 4, sha256: {'0' * 63}a}}]\n")
    assert "wrong sha256" in refused(path, tmp_path)


def test_a_network_without_a_contract(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.echo(tmp_path)
    path.with_suffix(".yaml").unlink()
    said = refused(path, tmp_path)
    assert "has no contract" in said and "echo.yaml" in said and "portrait" in said


def test_a_file_that_the_device_cannot_load(tmp_path: pathlib.Path) -> None:
    (tmp_path / "modnet.ckpt").write_bytes(b"PK\x03\x04")
    assert "loads .onnx, not .ckpt" in refused("./modnet.ckpt", tmp_path)


def test_weights_in_other_files(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.counter(tmp_path)
    model = onnx.load(str(path))
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.float32([0.1]), "step"))
    onnx.save(model, str(path), save_as_external_data=True, location="elsewhere.bin", size_threshold=0)
    assert (tmp_path / "elsewhere.bin").is_file()
    assert "weights in other files" in refused(path, tmp_path)


def test_weights_in_other_files_inside_a_node(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.counter(tmp_path)
    model = onnx.load(str(path))
    node = onnx.helper.make_node("Constant", [], ["c"], value=model.graph.initializer[0])
    node.attribute[0].t.data_location = onnx.TensorProto.EXTERNAL
    node.attribute[0].t.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.insert(0, node)
    path.write_bytes(model.SerializeToString())
    assert "weights in other files" in refused(path, tmp_path)


def test_a_tensor_called_location_is_fine(tmp_path: pathlib.Path) -> None:
    path = tiny_networks.counter(tmp_path)
    model = onnx.load(str(path))
    model.graph.value_info.append(tiny_networks.tensor("location", [1]))
    model.metadata_props.add(key="location", value="Bergen")
    check_onnx(path, model.SerializeToString())


def test_a_file_replaced_after_the_check(tmp_path: pathlib.Path) -> None:
    model = Model.find(str(tiny_networks.echo(tmp_path)), tmp_path)
    with model.path.open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(ModelError, match="was replaced after it was checked"):
        model.read()


@pytest.mark.parametrize(
    "change, said",
    [
        (("colour: rgb", "colour: grb"), "contract field image.colour: Invalid enum value 'grb'"),
        (("range:", "rnage:"), "contract field image: Object contains unknown field 'rnage'. Did you mean 'range'?"),
        (("[256, 256]", "[256, wide]"), "contract field image.size[1]: Expected 'int', got 'str'"),
        (("licence: Apache-2.0\n", ""), "missing required field 'licence'"),
        (("  alpha:", "  beta:"), "contract field outputs"),
        (("sha256: c7", "sha256: C7"), "contract field files[0]: sha256 must be 64 hexadecimal digits"),
        (("[-1.0, 1.0]", "&a [*a]"), "an alias refers to itself"),
        (("name: portrait", "name: [portrait"), "yaml:"),
        (("  size: [256, 256]", "  multiple_of: 32"), "file portrait.onnx needs a size: [h, w]"),
    ],
)
def test_a_bad_contract_names_file_line_and_field(tmp_path: pathlib.Path, change: tuple[str, str], said: str) -> None:
    text = (SHIPPED / "portrait.yaml").read_text()
    assert change[0] in text
    shutil.copy(PORTRAIT, tmp_path / "mine.onnx")
    (tmp_path / "mine.yaml").write_text(text.replace(*change))
    message = refused("./mine.onnx", tmp_path)
    assert message.startswith(f"{tmp_path}/mine.yaml:") and said in message, message


def test_the_place_of_a_bad_field(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.yaml").write_text("name: x\nlicence: y\nsource: z\nimage:\n  name: a\n  size: [8, 0]\noutputs: {}\n")
    with pytest.raises(ModelError, match=r"x.yaml:5:3: contract field image: size and multiple_of must be 1 or more"):
        Contract.load(tmp_path / "x.yaml")


@pytest.mark.parametrize("shape, fine", [("[1, 2, h/2, w/2]", True), ("[1, 2, h*2, w]", False), ("[1, 2, h/0, w/1]", False)])
def test_the_shape_of_a_state(tmp_path: pathlib.Path, shape: str, fine: bool) -> None:
    path = tiny_networks.counter(tmp_path).with_suffix(".yaml")
    path.write_text(path.read_text().replace("[1, 1, h/1, w/1]", shape))
    if fine:
        assert Contract.load(path).states[0].at((9, 16)) == (1, 2, 5, 8)
    else:
        with pytest.raises(ModelError, match=r"states\[0\]: shape has"):
            Contract.load(path)
