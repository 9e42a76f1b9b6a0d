"""deploy/: what a service manager, a container, Prometheus and Grafana are given, each read by a parser of its kind."""

from __future__ import annotations

import configparser
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from commands import ROOT, edge

from edge.core import errors
from edge.core.cli import edge as command
from edge.core.frame import REASONS
from edge.core.ledger import BRANCHES, STATES

metrics = pytest.importorskip("edge.core.health.metrics", reason="needs the extra: pip install 'edgeflow[web]'")
dockerfile_parse = pytest.importorskip("dockerfile_parse")
promql = pytest.importorskip("promql_parser")

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "edge@.service"


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def parsed(words: list[str]):
    """A command line of `edge`, down to its last flag, as the words after `edge`."""
    with command.make_context("edge", list(words)) as context:
        name, verb, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        return verb.make_context(name, list(rest), parent=context).params


# -- systemd ----------------------------------------------------------------------------------------------------------------


class Repeated(dict):
    """A key of a unit may be given many times."""

    def __setitem__(self, key, value):
        old = self.get(key)
        super().__setitem__(key, old + value if isinstance(value, list) and isinstance(old, list) else value)


@pytest.fixture(scope="module")
def unit() -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, dict_type=Repeated, comment_prefixes="#", delimiters="=")
    parser.optionxform = str
    parser.read(UNIT)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here; the next tests read the unit all the same")
    there = UNIT.read_text().replace("/opt/edgeflow/bin/edge", sys.executable)  # the program has to be there
    (tmp_path / UNIT.name).write_text(there)
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / UNIT.name], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_is_shut_in(tmp_path):
    """systemd's own score, 0 (shut in) to 10 (open)."""
    (tmp_path / UNIT.name).write_text(UNIT.read_text())
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=25", tmp_path / UNIT.name]
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not loaded")
    assert done.returncode == 0, done.stdout[-200:]


def test_the_unit_runs_a_command_that_is_one(unit):
    words = unit["Service"]["ExecStart"].split()
    assert words[0] == "/opt/edgeflow/bin/edge"
    params = parsed(words[1:])
    assert params["run_dir"] == "%t/edge-%i" and unit["Service"]["RuntimeDirectory"] == "edge-%i"
    assert unit["Service"]["RuntimeDirectoryMode"] == "0700"
    assert params["token_file"] == "${CREDENTIALS_DIRECTORY}/token"
    assert unit["Service"]["LoadCredential"].startswith("token:")


def test_the_unit_knows_the_exit_codes(unit):
    """Not started again: a wrong command, a wrong graph, a wrong model."""
    never = {int(code) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    assert never == {errors.UsageError.code, errors.GraphError.code, errors.ModelError.code}
    assert unit["Service"]["Restart"] == "on-failure"


def test_the_unit_waits_for_what_the_run_says(unit):
    from edge.core.health.notify import EVERY, PATIENCE
    from edge.core.run import CLOSE, DRAIN, OPENING

    service = unit["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) > 5 * EVERY
    assert int(service["TimeoutStartSec"]) > OPENING + PATIENCE
    assert int(service["TimeoutStopSec"]) > DRAIN + CLOSE + 5


# -- containers -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def steps(tmp_path) -> list[dict]:
    parser = dockerfile_parse.DockerfileParser(path=str(tmp_path))
    parser.content = text_of("Containerfile")
    return parser.structure


def values(steps: list[dict], instruction: str) -> list[str]:
    return [step["value"] for step in steps if step["instruction"] == instruction]


def test_the_image_is_built_in_stages_and_runs_as_nobody_special(steps):
    assert values(steps, "FROM") == ["${BASE} AS build", "${BASE}"]
    (base,) = values(steps, "ARG")
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.\d+-slim-\w+", base), "a tag that says what it is, not `latest`"
    last = [step["instruction"] for step in steps if step["startline"] > steps_of(steps, "FROM")[-1]]
    assert last.index("USER") < last.index("ENTRYPOINT")
    (user,) = values(steps, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "by number, so that who runs it can see that it is not root"
    assert "ADD" not in last and "COPY . " not in text_of("Containerfile")


def steps_of(steps: list[dict], instruction: str) -> list[int]:
    return [step["startline"] for step in steps if step["instruction"] == instruction]


def test_the_image_starts_edge_itself_and_asks_it_how_it_is(steps):
    """In exec form: a shell in between would keep SIGTERM to itself."""
    (entry,), (words,), (check,) = values(steps, "ENTRYPOINT"), values(steps, "CMD"), values(steps, "HEALTHCHECK")
    assert json.loads(entry) == ["edge"]
    assert parsed(json.loads(words))["graph"] == pathlib.Path("/etc/edgeflow/graph.yaml")
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"] and "/livez" in program[2], "no curl in the image"
    compile(program[2], "healthcheck", "exec")
    (env,) = values(steps, "ENV")
    assert "EDGE_LISTEN=127.0.0.1:9464" in env and ":9464/" in program[2]


def test_the_image_takes_from_the_checkout_what_a_wheel_needs(steps):
    from hatch_build import SHIP

    copied = {word for value in values(steps, "COPY") if not value.startswith("--from") for word in value.split()[:-1]}
    assert {name.split("/")[0] for name in SHIP} <= copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "requirements.lock"} <= copied


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load(text_of("compose.yaml"))


def test_the_compose_file_says_only_what_the_specification_knows(compose):
    assert set(compose) <= {"name", "services", "networks", "volumes", "configs", "secrets", "include"}
    known = set(
        "build cap_drop command devices environment group_add image init logging mem_limit pids_limit ports read_only restart "
        "secrets security_opt stop_grace_period tmpfs user volumes".split()
    )
    for service in compose["services"].values():
        assert set(service) <= known
        for volume in service["volumes"]:
            assert volume.startswith(("./", "$", "/")) or volume.partition(":")[0] in compose["volumes"]
        assert set(service["secrets"]) <= set(compose["secrets"])
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_the_container_can_do_no_harm(compose):
    (service,) = compose["services"].values()
    assert service["read_only"] and service["init"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["mem_limit"] and service["pids_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["EDGE_TOKEN_FILE"] == "/run/secrets/" + service["secrets"][0], "it listens beyond itself"
    assert not [value for value in service["environment"].values() if "password" in value.lower()]


def test_the_container_s_command_is_one(compose):
    (service,) = compose["services"].values()
    params = parsed(service["command"])
    folders = {entry.partition(":")[0]: entry for entry in service["tmpfs"]}
    uid = service["user"].split(":")[0]
    assert "mode=0700" in folders[params["run_dir"]] and f"uid={uid}" in folders[params["run_dir"]]
    assert any(f":{params['graph']}:ro" in volume for volume in service["volumes"])


# -- prometheus and grafana -------------------------------------------------------------------------------------------------

GIVEN = {"up": ("instance", "job")}
"""A metric of Prometheus' own."""
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}
VALUES = {"reason": set(REASONS), "state": set(STATES), "branch": set(BRANCHES)}


def selectors(node) -> list:
    """Every selector in an expression."""
    if isinstance(node, promql.VectorSelector):
        return [node]
    found = []
    for name in ("expr", "lhs", "rhs", "args", "param", "vs", "vector_selector"):
        part = getattr(node, name, None)
        for item in part if isinstance(part, (list, tuple)) else [part]:
            if item is not None and not isinstance(item, (str, float, int)):
                found += selectors(item)
    return found


def labels_of(metric: str) -> tuple[str, ...]:
    """The labels that a series has; the test fails where there is no such series."""
    if metric in GIVEN:
        return GIVEN[metric]
    for name, family in metrics.FAMILIES.items():
        if metric in [name + suffix for suffix in SUFFIXES.get(family.kind, ("",))]:
            return ("graph", "instance", "job", *family.labels, *(["le"] if metric.endswith("_bucket") else []))
    raise AssertionError(f"no metric is called {metric}")


def check(text: str) -> set[str]:
    """Metrics, labels and their values are those that there are. Returns the labels that are there for a text about it."""
    tree = promql.parse(text.replace("$__rate_interval", "1m"))
    found = selectors(tree)
    assert found, text
    known = {label for selector in found for label in labels_of(selector.name)}
    for selector in found:
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels_of(selector.name), f"{selector.name} has no label {matcher.name}"
            if matcher.name in VALUES:
                assert set(matcher.value.split("|")) <= VALUES[matcher.name], matcher.value
    grouped = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", text)
    for word in {word.strip() for group in grouped for word in group.split(",")}:
        assert word in known, f"{text}: no label {word}"
    for selector in found:
        family = metrics.FAMILIES.get(selector.name)
        if family and family.kind == "counter":
            assert re.search(rf"\b(rate|increase)\(\s*{selector.name}\b", text), f"{selector.name} only ever grows"
    return {word.strip() for group in grouped for word in group.split(",")} or known


RULES = yaml.safe_load(text_of("alerts.yaml"))["groups"][0]["rules"]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Edge[A-Z][A-Za-z]+", rule["alert"])
    labels = check(rule["expr"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert used <= labels, f"{rule['alert']} has no label {used - labels}"
    assert "for" not in rule or re.fullmatch(r"\d+[smh]", rule["for"])


def test_every_verb_that_an_alert_names_is_one():
    for verb in re.findall(r"`edge (\w+)`", text_of("alerts.yaml")):
        assert verb in command.list_commands(None), verb


def test_what_the_issue_asks_to_be_told_is_told():
    text = text_of("alerts.yaml")
    for metric in ("camera_state", "last_frame_timestamp", "frame_age", "covered_total", "restarts_total", "dropped_total"):
        assert metric in text


def test_the_scrape_configuration():
    config = yaml.safe_load(text_of("prometheus.yaml"))
    assert [DEPLOY / name for name in config["rule_files"]] == [DEPLOY / "alerts.yaml"]
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "edge", "the alerts know it by this name"


DASHBOARD = json.loads(text_of("grafana.json"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_asks_for_what_there_is(title):
    for target in PANELS[title]["targets"]:
        labels = check(target["expr"])
        legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert legend <= labels, target
        assert 'graph=~"$graph"' in target["expr"] and 'instance=~"$instance"' in target["expr"]


def test_the_dashboard_shows_everything_once_and_nothing_overlaps():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [(p["x"] + dx, p["y"] + dy) for p in places for dx in range(p["w"]) for dy in range(p["h"])]
    assert len(cells) == len(set(cells)) and all(x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(PANELS) == len(DASHBOARD["panels"])
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    shown += " ".join(entry["definition"] for entry in DASHBOARD["templating"]["list"] if entry["type"] == "query")
    unseen = {name for name in metrics.FAMILIES if name not in shown}
    assert unseen <= {
        "edge_start_time_seconds",  # an annotation
        "edge_camera_state",
        "edge_camera_frames_admitted_total",
        "edge_flow_frames_received_total",
        "edge_flow_frames_delivered_total",
        "edge_stage_frames_total",
        "edge_sink_frames_total",
        "edge_worker_up",
    }
    assert {entry["name"] for entry in DASHBOARD["templating"]["list"]} == {"source", "graph", "instance"}
    (starts,) = DASHBOARD["annotations"]["list"]
    promql.parse(starts["expr"])


def test_the_expressions_of_the_docs():
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| .* \| `(.*edge_.*)` \|$", page, re.M)
    assert len(found) >= 4
    for text in found:
        check(text)


def test_the_alerts_of_the_docs():
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(Edge\w+)` \|", page, re.M) == [rule["alert"] for rule in RULES]


def test_the_checks_find_what_is_wrong():
    for wrong in (
        "rate(edge_frames_total[5m])",
        'edge_camera_up{stage="x"}',
        'rate(edge_camera_frames_dropped_total{reason="tired"}[5m])',
        "sum by (worker) (edge_camera_up)",
        "edge_worker_restarts_total > 1",
    ):
        with pytest.raises(AssertionError):
            check(wrong)
    with pytest.raises(ValueError, match="parenthesis"):
        check("rate(edge_camera_up[5m]")


# -- a root that cannot be written ------------------------------------------------------------------------------------------


def read_only(script: str) -> tuple[str, ...]:
    words = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "-")
    return words if shutil.which("unshare") else ()


@pytest.mark.slow
def test_a_root_that_cannot_be_written(tmp_path):
    """It needs one folder, for the run's sockets; without one it says so."""
    shut = "mount --make-rprivate / && mount -o remount,bind,ro / && "
    probe = [*read_only(shut + "! touch /here"), "x"]
    if probe == ["x"] or subprocess.run(probe, capture_output=True, timeout=30).returncode:
        pytest.skip("this user may not make a read-only root in a namespace of its own")
    tiny = ROOT / "graphs" / "tiny.yaml"
    done = edge("run", tiny, "--frames", "5", cwd=tmp_path, before=read_only(shut + 'exec "$@"'), XDG_RUNTIME_DIR="")
    assert (done.code, done.errors) == (4, ["no folder for the run's sockets may be written: give one with --run-dir"])
    open_folder = shut + f'mount -t tmpfs -o mode=0755,size=1m none {tmp_path} && exec "$@"'
    done = edge("run", tiny, "--frames", "5", "--run-dir", tmp_path / "run", cwd=tmp_path, before=read_only(open_folder))
    assert done.code == 0, done.err
    assert "5 captured, 5 delivered" in done.err
