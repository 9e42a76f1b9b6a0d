"""plugins.allow: what may be loaded, what may not, and what is said of it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import pathlib

import pytest
from commands import distribution, edge

from edge.core import allow
from edge.core.allow import Allowed, AllowError, line_for


@pytest.fixture
def package(tmp_path):
    """An installed distribution with a RECORD, as pip leaves it."""
    site = distribution(tmp_path / "site", "edge_pack", "x = 1\n", "pack")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
    record = f"edge_pack.py,sha256={digest},6\n__pycache__/edge_pack.pyc,,\nedge_pack-1.2.dist-info/RECORD,,\n"
    (site / "edge_pack-1.2.dist-info" / "RECORD").write_text(record)
    return next(iter(importlib.metadata.distributions(path=[str(site)])))


def refusal(package, text):
    return Allowed(pathlib.Path("list"), text).refusal(package)


def digest(package):
    return line_for(package).rpartition(" sha256:")[2]


@pytest.mark.parametrize(
    "text", ["edge-pack", "Edge_Pack # ours", "# all\n\n edge.pack 1.2\n", "other\nedge-pack 1.1\nedge-pack 1.2"]
)
def test_what_is_listed_may_be_loaded(package, text):
    assert refusal(package, text) == ""


def test_the_line_that_is_offered_allows_it(package):
    assert line_for(package).startswith("edge_pack 1.2 sha256:") and len(digest(package)) == 64
    record = pathlib.Path(str(package.locate_file("edge_pack-1.2.dist-info/RECORD"))).read_bytes()
    assert digest(package) == hashlib.sha256(record).hexdigest(), "what sha256sum says"
    assert refusal(package, line_for(package)) == ""


def test_what_is_not_listed_is_told_with_the_line_to_add(package):
    assert refusal(package, "edge-pac\n") == f"is not in list; to allow it, add the line: {line_for(package)}"
    assert refusal(package, "").startswith("is not in list")


def test_another_version_and_other_files(package):
    assert refusal(package, "\nedge-pack 1.1").startswith(
        "is not the version 1.1 that list:2 allows; to allow this one, write: "
    )
    other = refusal(package, f"edge-pack 1.2 sha256:{'0' * 64}")
    assert other.startswith("is not installed from the files that list:1 allows; to allow these, write: edge_pack 1.2 sha256:")


def test_a_file_that_was_changed_since(package):
    line = line_for(package)
    pathlib.Path(str(package.locate_file("edge_pack.py"))).write_text("x = 2\n")
    assert refusal(package, "edge-pack 1.2") == "", "only a hash holds to files"
    assert refusal(package, line) == "has a file that is not as it was installed (edge_pack.py); install it again"
    pathlib.Path(str(package.locate_file("edge_pack.py"))).unlink()
    assert "edge_pack.py" in refusal(package, line)


def test_one_without_a_record(tmp_path):
    site = distribution(tmp_path, "edge_bare", "", "bare")
    package = next(iter(importlib.metadata.distributions(path=[str(site)])))
    assert line_for(package) == "edge_bare 1.2"
    assert refusal(package, "edge_bare 1.2") == "" and "not installed from" in refusal(
        package, f"edge_bare 1.2 sha256:{'0' * 64}"
    )


@pytest.mark.parametrize("text", ["edge-pack==1.2", "edge-pack 1.2 md5:00", "edge-pack 1.2 sha256:12", "* ", "edge-pack one"])
def test_a_line_that_is_none(text):
    with pytest.raises(
        AllowError, match="^list:2: '.*' is no line of it; write NAME, NAME VERSION, or NAME VERSION sha256:DIGITS$"
    ):
        Allowed(pathlib.Path("list"), f"fine\n{text}\n")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("EDGE_PLUGINS_ALLOW", raising=False)
    allow.allowed.cache_clear()
    yield tmp_path
    allow.allowed.cache_clear()


def test_without_a_list_everything_may(environment):
    assert allow.allowed() is None


def test_the_users_own_list_and_another(environment, monkeypatch):
    usual = environment / "config" / "edge" / "plugins.allow"
    usual.parent.mkdir(parents=True)
    usual.write_text("one\n")
    assert allow.allowed().path == usual
    other = environment / "list"
    other.write_text("two\n")
    monkeypatch.setenv("EDGE_PLUGINS_ALLOW", str(other))
    allow.allowed.cache_clear()
    assert [line.name for line in allow.allowed().lines.values()] == ["two"]


def test_one_that_is_named_must_be_there(environment, monkeypatch):
    monkeypatch.setenv("EDGE_PLUGINS_ALLOW", str(environment / "gone"))
    with pytest.raises(AllowError, match="gone: there is no such file, so nothing is allowed; make it, or unset it$"):
        allow.allowed()
    monkeypatch.setenv("EDGE_PLUGINS_ALLOW", str(environment))
    with pytest.raises(AllowError, match="cannot be read: Is a directory"):
        allow.allowed()


def test_a_graph_that_names_what_is_not_allowed(tmp_path):
    """Told before anything starts; a graph that does not name it runs."""
    site = distribution(tmp_path / "site", "edge_pack", "", "pack")
    (tmp_path / "allow").write_text("")
    rest = "\n  camera: {use: demo, width: 64, height: 64, frames: 2, pace: fast}\n  out: {use: discard, from: camera}\n"
    (tmp_path / "g.yaml").write_text(f"stages:{rest}")
    (tmp_path / "p.yaml").write_text(f"stages:{rest}  bad: {{use: pack, from: camera}}\n")
    variables = {"PYTHONPATH": str(site), "EDGE_PLUGINS_ALLOW": str(tmp_path / "allow")}
    assert edge("g.yaml", "--quiet", cwd=tmp_path, **variables).code == 0
    done = edge("p.yaml", cwd=tmp_path, **variables)
    why = f"is not in {tmp_path}/allow; to allow it, add the line: edge_pack 1.2"
    assert (done.code, done.errors) == (3, [f"p.yaml:4:14: stage 'bad': plugin 'pack' (edge_pack 1.2) {why}"])


def test_a_list_that_cannot_be_read_stops_third_parties_alone(tmp_path):
    site = distribution(tmp_path / "site", "edge_pack", "", "pack")
    (tmp_path / "g.yaml").write_text("stages: {camera: {use: demo, frames: 1}, out: {use: discard, from: camera}}\n")
    variables = {"PYTHONPATH": str(site), "EDGE_PLUGINS_ALLOW": str(tmp_path / "gone")}
    assert edge("validate", "g.yaml", cwd=tmp_path, **variables).code == 0
    assert edge("--help", cwd=tmp_path, **variables).code == 0
    done = edge("pack", cwd=tmp_path, **variables)
    assert done.code == 3 and "there is no such file, so nothing is allowed" in done.errors[0]
