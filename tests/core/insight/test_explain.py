"""`edge explain`: from planted recordings, from graphs with a planted sleep, from a run that goes on."""

from __future__ import annotations

import json
import pathlib
import re
import time

import pytest
from commands import ROOT, distribution, edge, start
from recordings import recording

from edge.core import control
from edge.core.insight.explain import as_text, explanation
from edge.core.insight.waterfall import Lives, rows, typical

SLEEP = 0.04
SLEEPY = '''
"""A stage that takes its time, and does nothing with it."""

import time

from edge import Image, Stage, hookimpl


class Sleepy(Stage):
    seconds: float = 0.04  # how long each frame takes

    makes = {"image": Image}

    def process(self, image: Image):
        time.sleep(self.seconds)
        return {"image": image}


@hookimpl
def register_stages(register):
    register("sleepy", Sleepy)
'''
GRAPH = """
device: dry
stages:
  camera: {use: demo, width: 160, height: 90, fps: 60}
  small: {use: resize, from: camera, width: 80}
  slow: {use: sleepy, from: small, seconds: 0.04, worker: slow}
  out: {use: discard, from: slow}
"""
SLOW = {"slow": SLEEP, "out": 0.001}
ASLEEP = {"slow": 0.01}
HEALTHY = {"square": 0.004, "matte": 0.0244, "blend": 0.006, "out": 0.002}
MATTE = {"matte": "network"}


def verdict(stages, **more):
    return explanation(recording(stages, **more))["verdict"]


# -- lives ------------------------------------------------------------------------------------------------------------------


def test_a_life_is_made_of_waiting_copying_and_computing():
    """Its parts add up to all of it: nothing is counted twice, nothing is left out."""
    lives = Lives(recording(HEALTHY)).to["camera", "out"]
    assert len(lives) >= 90
    for life in lives:
        assert [step.stage for step in life.steps] == ["camera", *HEALTHY] and all(step.late for step in life.steps)
        assert sum(step.wait + step.copy + step.compute for step in life.steps) == pytest.approx(life.seconds, abs=1e-4)
    matte = rows(lives)["matte"]
    assert matte["compute"] == pytest.approx(0.0244) and matte["wait"] < 0.001 and matte["copy"] == pytest.approx(25e-6)


def test_a_frame_waits_where_its_stage_is_busy():
    lives = Lives(recording(SLOW, fps=60)).to["camera", "out"]
    assert rows(lives)["slow"]["wait"] > 0.001 > rows(lives)["out"]["wait"]
    assert {step.stage: step.edge for step in typical(lives).steps} == {
        "camera": "",
        "slow": "camera->slow:image",
        "out": "slow->out:image",
    }


def test_a_join_waits_for_the_later_of_its_values():
    """The picture goes to blend directly, and is there first: blend waits for the matte."""
    planted = recording({"matte": 0.02, "blend": 0.01}, kinds={"blend": "sink"})
    planted["edges"]["camera->blend:image"] = {**planted["edges"]["camera->matte:image"], "reader": "blend"}
    planted["after"]["edges"]["camera->blend:image"] = planted["after"]["edges"]["camera->matte:image"]
    life = typical(Lives(planted).to["camera", "blend"])
    assert [step.edge for step in life.steps] == ["", "camera->matte:image", "matte->blend:image"]
    told = explanation(planted)["load"]["edges"]
    assert told["camera->blend:image"]["wait_seconds"]["p50"] == 0.0


def test_what_a_stage_lost_has_no_life_behind_it():
    planted = recording(HEALTHY)
    planted["spans"] = [s for s in planted["spans"] if not (s[3] == 50 and s[1] in ("blend", "out") and s[0] != "send")]
    planted["spans"].append(["lost", "matte", "camera", 50, 3.0, 3.0, "non_finite"])
    lives = Lives(planted).to["camera", "out"]
    assert 50 not in [life.n for life in lives] and 51 in [life.n for life in lives]


# -- verdicts ---------------------------------------------------------------------------------------------------------------


def test_a_healthy_graph_is_bounded_by_its_camera():
    told = verdict(HEALTHY, kinds=MATTE)
    assert (told["bound"], told["healthy"], told["advice"]) == ("camera", True, [])
    assert told["sentences"] == [
        "healthy: bounded by the camera: 25.0 fps; matte is busy 61 % of the time, on 1.00 of a core while it works"
    ]


def test_a_stage_that_sleeps_is_named_with_its_edge():
    told = verdict(SLOW, fps=60, cpu=ASLEEP)
    assert (told["bound"], told["healthy"], told["stage"], told["edge"]) == ("stage", False, "slow", "camera->slow:image")
    first, second = told["sentences"]
    assert first == "slow is the bottleneck: busy 100 % of the time, 40.0 ms a frame, on 0.01 of a core while it works"
    assert second.startswith("camera drops 57 % of its frames (57 of 100) as superseded, before any work is done on them: ")
    assert "camera->slow:image has no room, slow takes 25." in second
    assert told["advice"] == [
        "find out what slow waits for (a device, a disk, a network, a sleep): a faster core would not help",
        "`keep: {every: 3}` on slow: an even 20.0 fps instead of dropping by chance",
    ]


def test_a_file_waits_and_drops_nothing():
    told = verdict(SLOW, live=False, cpu=ASLEEP)
    assert (told["bound"], told["stage"], told["edge"]) == ("stage", "slow", "camera->slow:image")
    assert told["sentences"][1].startswith("all others wait for it, on camera->slow:image (3")
    assert not any("keep" in text for text in told["advice"]), "a file drops nothing, so there is nothing to even out"


def test_a_network_may_have_the_cores_that_stand_idle():
    planted = recording({"matte": 0.064, "out": 0.001}, kinds=MATTE, cores=4, machine_busy=0.3)
    planted["stages"]["matte"]["threads"] = 1
    told = explanation(planted)["verdict"]
    assert (told["bound"], told["stage"]) == ("stage", "matte")
    assert "2.8 cores stand idle while matte uses one: `--set device.threads=4`" in told["advice"]
    planted["stages"]["matte"]["threads"] = "auto"
    assert not any("threads" in text for text in explanation(planted)["verdict"]["advice"])


def test_a_crowded_machine_is_told_from_a_slow_stage():
    told = verdict({"matte": 0.064, "out": 0.001}, kinds=MATTE, cores=2, machine_busy=0.99, cpu={"matte": 0.15}, in_line=0.8)
    assert (told["bound"], told["stage"]) == ("cores", "matte")
    assert "this run uses 0.2 of 2, other programs 1.8; most goes to matte" in told["sentences"][0]
    assert told["advice"][:2] == [
        "look again when other programs rest: they have the larger part of the cores",
        "a lighter network: `--set matte.model=...`",
    ]


@pytest.mark.parametrize(("worker", "bound"), [(0.02, "stage"), (0.9, "cores")])
def test_a_file_that_sleeps_is_no_matter_of_cores(worker, bound):
    """However busy others keep the machine. One that waits for the threads that decode it, which its worker pays for, is."""
    planted = recording({"out": 0.001}, live=False, reads=SLEEP, cpu={"camera": 0.01}, cores=2, machine_busy=0.99)
    planted["after"]["workers"]["camera"]["cpu_seconds"] = worker * planted["seconds"]
    told = explanation(planted)["verdict"]
    assert (told["bound"], told["stage"]) == (bound, "camera")


def test_a_stage_that_shares_its_worker_gets_one_of_its_own():
    workers = {"camera": ["camera"], "both": ["square", "blend", "out"]}
    stages = {"square": 0.03, "blend": 0.02, "out": 0.0001}
    told = verdict(stages, fps=60, workers=workers)
    assert "give square a process of its own: `worker: square` (it shares one with blend)" in told["advice"]
    planted = verdict(stages, fps=60, workers={"all": ["camera", *stages]})
    assert "run it without --workers none: each part then has a process of its own" in planted["advice"]
    assert not any(
        "process of its own" in text for text in verdict(stages, fps=60, workers=workers, machine_busy=0.9)["advice"]
    )


def test_smaller_pictures_help_what_is_no_network():
    planted = recording({"square": 0.001, "blend": 0.06, "out": 0.001}, cores=2, machine_busy=0.6)
    planted["stages"]["square"]["size"] = 640
    assert "smaller pictures: `--set square.size=480`" in explanation(planted)["verdict"]["advice"]


def test_cameras_that_share_a_stage_may_have_one_each():
    planted = recording({"blend": 0.06, "out": 0.001})
    planted["stages"]["blend"]["cameras"] = ["camera", "yard"]
    advice = explanation(planted)["verdict"]["advice"]
    assert "2 cameras share blend: `per: source` gives each one of its own" in advice


def test_a_side_branch_that_skips_is_told_and_is_no_fault():
    planted = recording(HEALTHY)
    planted["after"]["edges"]["blend->out:image"]["dropped"] = {"skipped": 25}
    told = explanation(planted)["verdict"]
    assert told["healthy"] and "blend->out:image skips 25 % of 100 frames" in told["sentences"][1]


def test_covers_losses_and_cut_spans_are_told():
    planted = recording(HEALTHY)
    planted["after"]["cameras"]["camera"].update(covered=17, covers={"late": 17}, dropped={"decode_error": 2})
    planted["cut"] = 9
    assert explanation(planted)["verdict"]["sentences"][1:] == [
        "camera lost 2 as decode_error",
        "camera: 17 frames were covered (17 as late)",
        "9 spans were cut off, so the shares of the time are too low",
    ]


def test_nothing_is_no_health():
    told = explanation({**recording(HEALTHY), "spans": []})
    assert (told["verdict"]["bound"], told["verdict"]["healthy"], told["lives"]) == ("nothing", False, [])
    assert as_text(told).startswith("no frame came through")


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_text_fits_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = as_text(explanation(recording(SLOW, fps=60, cpu=ASLEEP)))
    assert max(map(len, text.splitlines())) <= columns
    (line,) = [line for line in text.splitlines() if line.startswith("slow ") and "█" in line]
    assert 0.6 < line.count("█") / sum(line.count(sign) for sign in "░▒█") < 1.0
    assert line.split()[-2] == "40.0"


# -- graphs and runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(tmp_path: pathlib.Path) -> dict[str, str]:
    """A graph whose stage `slow` sleeps, and what finds its plugin."""
    (tmp_path / "g.yaml").write_text(GRAPH)
    return {"PYTHONPATH": str(distribution(tmp_path / "site", "sleepy", SLEEPY, "sleepy"))}


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["auto", "none"])
@pytest.mark.parametrize("pace", ["real", "fast"])
def test_a_planted_sleep_is_named_with_its_edge(tmp_path, planted, workers, pace):
    """Whatever else the machine does at the moment. A camera drops because of it, what reads as fast as it can waits for it."""
    words = ("explain", "g.yaml", "--frames", 50, "--workers", workers, "--set", f"camera.pace={pace}", "--json")
    done = edge(*words, cwd=tmp_path, **planted)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["schema_version"] == 1
    found = told["verdict"]
    assert (found["bound"], found["stage"], found["edge"]) == ("stage", "slow", "small->slow:image"), found
    assert found["sentences"][0].startswith("slow is the bottleneck: busy ")
    assert found["advice"][0].startswith("find out what slow waits for")
    dropped = told["load"]["cameras"]["camera"]["dropped"].get("superseded", 0)
    if pace == "real":
        assert dropped > 5 and "small->slow:image has no room" in found["sentences"][1]
    else:
        assert dropped == 0 and found["sentences"][1].startswith("all others wait for it, on small->slow:image")
    (life,) = told["lives"]
    assert life["stages"]["slow"]["compute"] >= SLEEP and life["frames"] > 15
    assert [step["stage"] for step in life["typical"]["steps"]] == ["camera", "small", "slow", "out"]


@pytest.mark.slow
def test_a_graph_that_keeps_up_is_healthy(tmp_path, planted):
    words = ("explain", "g.yaml", "--frames", 15, "--set", "camera.fps=5", "--set", "slow.seconds=0.05", "--trace", "t.json")
    done = edge(*words, cwd=tmp_path, **planted)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert re.search(r"healthy: bounded by the camera: (5\.[0-3]|4\.[7-9]) fps", text)
    assert "slow is busy 2" in text and "What to change" not in done.out
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]


@pytest.mark.slow
def test_a_run_that_goes_on_is_looked_at_from_outside(tmp_path, planted):
    run = start("run", "g.yaml", "--run-dir", "rd", "--quiet", cwd=tmp_path, **planted)
    try:
        end = time.monotonic() + 60
        while not control.answers(tmp_path / "rd") or not seen(tmp_path):
            assert run.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        done = edge("explain", "rd", "--seconds", 2, "--json", cwd=tmp_path)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["verdict"]["stage"], told["verdict"]["edge"]) == ("slow", "small->slow:image")
        assert told["lives"][0]["frames"] > 10
        wrong = edge("explain", "rd", "--device", "dry", cwd=tmp_path)
        assert wrong.code == 2 and "go with a graph" in wrong.errors[0]
        with pytest.raises(Exception, match="61 seconds cannot be traced; give 0.1 to 60"):
            control.ask(tmp_path / "rd", {"do": "trace", "seconds": 61})
        control.ask(tmp_path / "rd", {"do": "drain"})
        assert run.wait(timeout=30) == 0
    finally:
        run.kill()
        run.communicate()


def seen(folder: pathlib.Path) -> bool:
    return control.ask(folder / "rd", {"do": "status"})["cameras"]["camera"]["delivered"] > 0


def test_what_cannot_be_explained(tmp_path):
    done = edge("explain", "nowhere", cwd=tmp_path)
    assert done.code == 4 and "no run goes on in 'nowhere'" in done.errors[0]
    done = edge("explain", "nowhere.yaml", cwd=tmp_path)
    assert done.code == 2 and "nowhere.yaml" in done.errors[0]


def test_a_graph_that_fails_says_why_and_not_more(tmp_path):
    (tmp_path / "g.yaml").write_text("stages:\n  camera: {use: images, path: gone}\n  out: {use: discard, from: camera}\n")
    done = edge("explain", "g.yaml", cwd=tmp_path)
    assert done.code == 4 and "camera: " in done.errors[0] and "Traceback" not in done.err


def test_the_shipped_graph_is_explained(tmp_path):
    done = edge("explain", ROOT / "graphs" / "tiny.yaml", "--frames", 60, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "camera → out: median " in done.out and "(░" not in done.out
