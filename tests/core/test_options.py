"""Options: what is declared, in which type a value arrives, and what is said of one that does not fit."""

from __future__ import annotations

import pathlib
from typing import ClassVar, Dict, List, Literal, Optional, Union

import pytest

from edge.core.options import REQUIRED, declared, nearest
from edge.core.stage import Asset, ModelName, Source, Stage

HERE = pathlib.Path("/graphs")


class Base(Stage):
    width: int = 640  # pixels of a row


class Sample(Base):
    path: pathlib.Path  # where it is
    rate: float = 1.5  # per second; "#" stays: #1
    mirror: bool = False
    view: Literal["result", "side_by_side", 3] = "result"  # what is shown
    either: Union[int, str] = "auto"  # a number, or auto
    maybe: Optional[float] = None
    words: List[str] = []
    sizes: Dict[str, int] = {}
    cover: Asset = Asset("a.jpg")
    model: ModelName
    output: Optional[pathlib.Path] = None

    _hidden: int = 3
    constant: ClassVar[int] = 4
    makes = {"image": Stage}
    keep: str = "latest"  # a word of Stage itself is no option


def convert(name, value, assets=HERE):
    return declared(Sample)[name].convert(value, HERE, assets)


def told(name, value):
    with pytest.raises(ValueError) as caught:
        convert(name, value)
    return str(caught.value)


def test_what_is_declared():
    options = declared(Sample)
    assert list(options) == [
        *("width", "path", "rate", "mirror", "view", "either", "maybe", "words", "sizes", "cover", "model", "output"),
    ]
    assert {name for name, option in options.items() if option.required} == {"path", "model"}
    assert options["path"].default is REQUIRED
    assert (options["width"].default, options["maybe"].default) == (640, None)
    assert declared(Source) == declared(Stage) == {}


def test_the_comment_behind_an_option_is_its_documentation():
    docs = {name: option.doc for name, option in declared(Sample).items() if option.doc}
    assert docs == {
        "width": "pixels of a row",
        "path": "where it is",
        "rate": 'per second; "#" stays: #1',
        "view": "what is shown",
        "either": "a number, or auto",
    }


def test_a_class_without_a_file_has_options_without_documentation():
    names = {"Stage": Stage, "__name__": __name__}
    exec("class Made(Stage):\n    width: int = 3  # lost\n", names)
    assert [(o.name, o.type, o.default, o.doc) for o in declared(names["Made"]).values()] == [("width", int, 3, "")]


@pytest.mark.parametrize(
    "name, value, arrives",
    [
        ("width", 3, 3),
        ("rate", 3, 3.0),
        ("rate", 2.5, 2.5),
        ("mirror", True, True),
        ("view", "side_by_side", "side_by_side"),
        ("view", 3, 3),
        ("either", 3, 3),
        ("either", "auto", "auto"),
        ("maybe", None, None),
        ("maybe", 2, 2.0),
        ("words", ["a", "b"], ["a", "b"]),
        ("sizes", {"a": 1}, {"a": 1}),
        ("path", "clip.mp4", pathlib.Path("/graphs/clip.mp4")),
        ("path", "../clips/./clip.mp4", pathlib.Path("/clips/clip.mp4")),
        ("path", "/clip.mp4", pathlib.Path("/clip.mp4")),
        ("path", "{source}.mp4", pathlib.Path("/graphs/{source}.mp4")),
        ("output", "o", pathlib.Path("/graphs/o")),
        ("output", None, None),
        ("model", "portrait", "portrait"),
        ("model", "./portrait", "/graphs/portrait"),
        ("model", "own.onnx", "/graphs/own.onnx"),
        ("model", "../models/own.onnx", "/models/own.onnx"),
    ],
)
def test_a_value_arrives_in_its_type(name, value, arrives):
    found = convert(name, value)
    assert found == arrives
    if not isinstance(arrives, str):
        assert type(found) is type(arrives)


def test_home_is_known(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert convert("path", "~/clip.mp4") == pathlib.Path("/home/me/clip.mp4")


def test_an_asset_is_a_file_beside_the_graph_else_one_that_ships_else_as_it_was_written(tmp_path):
    graphs, assets = tmp_path / "graphs", tmp_path / "assets"
    for file in (graphs / "both.jpg", assets / "both.jpg", assets / "ours.jpg"):
        file.parent.mkdir(exist_ok=True)
        file.touch()

    def asset(value):
        return declared(Sample)["cover"].convert(value, graphs, assets)

    assert asset("both.jpg") == str(graphs / "both.jpg")
    assert asset("ours.jpg") == str(assets / "ours.jpg")
    assert asset("#20a040") == "#20a040" and asset("") == ""
    assert isinstance(asset("blur"), Asset)


@pytest.mark.parametrize(
    "name, value, why",
    [
        ("width", "3", "expected a whole number, got '3'"),
        ("width", 2.5, "expected a whole number, got 2.5"),
        ("width", True, "expected a whole number, got True"),
        ("width", None, "expected a whole number, got nothing"),
        ("rate", "fast", "expected a number, got 'fast'"),
        ("mirror", "no", "expected true or false, got 'no'"),
        ("mirror", 1, "expected true or false, got 1"),
        ("view", "side-by-side", "expected result | side_by_side | 3, got 'side-by-side'. Did you mean 'side_by_side'?"),
        ("view", "x", "expected result | side_by_side | 3, got 'x'"),
        ("either", 2.5, "expected a whole number or text, got 2.5"),
        ("maybe", "x", "expected a number or nothing, got 'x'"),
        ("words", "a", "expected a list, got 'a'"),
        ("sizes", ["a"], "expected a map, got a list"),
        ("path", 3, "expected a path, got 3"),
        ("path", {"a": 1}, "expected a path, got a map"),
        ("cover", 3, "expected a path or an asset's name, got 3"),
        ("model", ["a"], "expected a model's name or path, got a list"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_words(name, value, why):
    assert told(name, value) == why


def test_the_nearest_word():
    assert nearest("widht", ["width", "height"]) == ". Did you mean 'width'?"
    assert nearest("x", ["width", "height"]) == ". There is: height, width"
    assert nearest("x", []) == ""
    assert nearest("x", [f"word{i}" for i in range(40)]) == "", "a list that nobody reads"
