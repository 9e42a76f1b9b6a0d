"""YAML that is refused, with its place and in time; words that are what they look like; variables."""

from __future__ import annotations

import time

import pytest

from edge.core.document import Document, scalar
from edge.core.errors import GraphError, UsageError

SOON = 0.1
"""Seconds within which hostile YAML must be refused."""


def read(text):
    return Document("g.yaml", text)


def problems(text):
    with pytest.raises(GraphError) as caught:
        read(text)
    return caught.value.problems


def laughs(levels=9):
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def merges(levels=9):
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}" for i in range(1, levels)]
    return "\n".join(lines)


HOSTILE = {
    "billion laughs": (laughs(), "g.yaml:1:5: expands to more than 20000 values (an alias bomb?)"),
    "merge bomb": (merges(), "g.yaml:2:10: merge keys (<<) are not accepted: write the options out"),
    "alias of itself": ("a: &a [1, *a]", "g.yaml:1:4: an alias refers to itself"),
    "alias of itself in a map": ("a: &a\n  b: *a", "g.yaml:1:4: an alias refers to itself"),
    "20 kB of [": ("[" * 20_000, "g.yaml:1:25: nested deeper than 24 levels"),
    "20 kB of {": ("{a: " * 5_000, "g.yaml:1:97: nested deeper than 24 levels"),
    "deep by indentation": (
        "\n".join(" " * i + "a:" for i in range(60)),
        "g.yaml:25:25: nested deeper than 24 levels",
    ),
    "a tag": ("a: !!python/name:os.exit 'x'", "g.yaml:1:4: tags are not accepted (tag:yaml.org,2002:python/name:os.exit)"),
    "a harmless tag": ("a: 1\nb: !!int '3'", "g.yaml:2:4: tags are not accepted (tag:yaml.org,2002:int)"),
    "a tag of its own": ("a: !thing {b: 1}", "g.yaml:1:4: tags are not accepted (!thing)"),
    "two documents": ("a: 1\n---\nb: 2", "g.yaml:2:1: a second document begins; a graph is one document"),
    "a key twice": ("a: 1\nb: 2\na: 3", "g.yaml:3:1: 'a' is given twice"),
    "a key twice, spelt differently": ("a:\n  1: x\n  0x1: y", "g.yaml:3:3: 1 is given twice"),
    "a tab": ("a:\n\tb: 1", "g.yaml:2:1: a tab: YAML takes only spaces at the beginning of a line"),
    "NUL": ("a: 1\nb: x\0y", "g.yaml:2:5: a control character ('\\x00'): this is no text, or it is damaged"),
    "escape": ("a: \x1b[31m", "g.yaml:1:4: a control character ('\\x1b'): this is no text, or it is damaged"),
    "empty": ("", "g.yaml:1:1: the file is empty"),
    "comments only": ("# nothing\n\n", "g.yaml:1:1: the file is empty"),
    "a list as key": ("? [a, b]\n: 1", "g.yaml:1:3: a key must be a word"),
    "an alias of nothing": ("a: *b", "g.yaml:1:4: found undefined alias"),
    "a variable that looks like a map": (
        "a: {b: ${HOME}, c: 1}",
        "g.yaml:1:9: did not find expected ',' or '}' (while parsing a flow mapping): "
        "between { and } a ${...} needs quotes around it",
    ),
    "an open quote": ('a: "b', "g.yaml:1:6: found unexpected end of stream (while scanning a quoted scalar)"),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_yaml_is_refused_soon_and_with_its_place(which):
    text, problem = HOSTILE[which]
    began = time.perf_counter()
    found = problems(text)
    took = time.perf_counter() - began
    assert found == [problem]
    assert took < SOON, f"{took:.3f} s"


def test_a_large_graph_that_is_honest_is_read():
    text = "stages:\n" + "".join(f"  stage{i}: {{use: resize, from: stage{i - 1}, width: {i}}}\n" for i in range(1, 1000))
    assert len(read(text).value["stages"]) == 999


def test_an_alias_that_is_no_bomb_is_an_abbreviation():
    assert read("a: &a {x: 1}\nb: *a").value == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize(
    "word, reads",
    [
        ("no", "False: write true, false, or put it in quotes"),
        ("Off", "False: write true, false, or put it in quotes"),
        ("yes", "True: write true, false, or put it in quotes"),
        ("22:22", "the number 1342: put it in quotes, or write the number plainly"),
        ("1:30.5", "the number 90.5: put it in quotes, or write the number plainly"),
        ("010", "the number 8: put it in quotes, or write the number plainly"),
        ("1_000", "the number 1000: put it in quotes, or write the number plainly"),
        ("2024-01-31", "a date: put it in quotes"),
    ],
)
def test_a_word_that_yaml_reads_as_something_else(word, reads):
    reads = "as " + reads
    assert problems(f"a: 1\nb: {word}") == [f"g.yaml:2:4: '{word}': YAML reads it {reads}"]
    assert read(f"b: '{word}'").value == {"b": word}


def test_plain_words():
    text = "{a: true, b: False, c: 12, d: -1.5, e: 1e3, f: 2.5E-2, g: ~, h: x y, i: '1e3', j: 0, k: 0x10, l: -7}"
    assert read(text).value == {
        **{"a": True, "b": False, "c": 12, "d": -1.5, "e": 1000.0, "f": 0.025, "g": None, "h": "x y", "i": "1e3"},
        **{"j": 0, "k": 16, "l": -7},
    }


def test_variables(monkeypatch):
    monkeypatch.setenv("CLIP", "a: [b]\n'c' ${HOME}")
    monkeypatch.setenv("WIDTH", "640")
    monkeypatch.delenv("NONE", raising=False)
    document = read("{a: '${CLIP}', b: '${NONE:-x}', d: '${WIDTH}', e: $$x, f: 'a$$b', g: '${NONE:-}', h: '$x'}")
    assert document.value == {
        "a": "a: [b]\n'c' ${HOME}",  # only once, and only inside of a scalar
        **{"b": "x", "d": "640", "e": "$x", "f": "a$b", "g": "", "h": "$x"},
    }
    document = read("a: ${WIDTH}\nb: ${NONE:-}\nc: ${WIDTH}x\nd: ${NONE:-true}")
    assert document.value == {"a": 640, "b": None, "c": "640x", "d": True}


def test_variables_that_are_missing_or_misspelt(monkeypatch):
    monkeypatch.delenv("NONE", raising=False)
    assert problems("a: ${NONE}\nb: ${\nc: '${9}'\nd: ${NONE:-no}") == [
        "g.yaml:1:4: the environment has no NONE: set it, or write ${NONE:-default}",
        "g.yaml:2:4: ${: write ${NAME} or ${NAME:-default}; $$ is a dollar",
        "g.yaml:3:4: ${9}: write ${NAME} or ${NAME:-default}; $$ is a dollar",
        "g.yaml:4:4: 'no': YAML reads it as False: write true, false, or put it in quotes",
    ]


def test_all_problems_at_once():
    assert problems("a: no\nb: 010\nb: 1\n") == [
        "g.yaml:1:4: 'no': YAML reads it as False: write true, false, or put it in quotes",
        "g.yaml:2:4: '010': YAML reads it as the number 8: put it in quotes, or write the number plainly",
        "g.yaml:3:1: 'b' is given twice",
    ]


def test_places():
    document = read("a:\n  b: [1, {c: 2}]\n")
    assert document.where(("a", "b", 1, "c")) == "g.yaml:2:14"
    assert document.where(("a", "b", 1, "c", "key")) == "g.yaml:2:11"
    assert document.where(("a", "b", 1, "d")) == "g.yaml:2:10", "of what is around it"
    assert document.where(("x",)) == "g.yaml:1:1"
    assert document.line(("a", "b", 0)) == (2, 7)


def test_the_value_of_a_set():
    words = {"3": 3, "1e3": 1000.0, "true": True, "a.mp4": "a.mp4", "{every: 3}": {"every": 3}, "": "", "no": "no"}
    assert {text: scalar(text) for text in words} == words
    assert scalar("a: b: c") == "a: b: c" and scalar("[") == "["


# -- files ------------------------------------------------------------------------------------------------------------------


def refused(path, hint=""):
    with pytest.raises((GraphError, UsageError)) as caught:
        Document.read(path, hint)
    return str(caught.value)


def test_files(tmp_path):
    path = tmp_path / "g.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert Document.read(path).value == {"a": 1}, "a byte order mark is none of the text"
    path.write_bytes(b"a: 1\r\nb: 2\r\n")
    assert Document.read(path).value == {"a": 1, "b": 2}
    path.write_bytes(b"a: 1\nb: \xff\xfe\n")
    assert refused(path) == f"{path}:2:4: this is not text: save the file as UTF-8"
    path.write_bytes(b"a: " + b"x" * (1 << 20))
    assert refused(path) == f"{path}: larger than 1 MiB, which no graph is"
    path.write_bytes(b"")
    assert refused(path, ": write one") == f"{path}:1:1: the file is empty: write one"
    assert refused(tmp_path) == f"{tmp_path}: is a folder, not a graph file"
    assert refused(tmp_path / "f.yaml") == f"{tmp_path}/f.yaml: no such graph file. Did you mean '{path}'?"
    assert refused(path / "x") == f"{path}/x: cannot be read: Not a directory"


def test_a_file_without_an_end(tmp_path):
    (tmp_path / "g.yaml").symlink_to("/dev/zero")
    assert refused(tmp_path / "g.yaml").endswith("larger than 1 MiB, which no graph is")
