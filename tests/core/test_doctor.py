"""The doctor: each thing that it looks at is planted sick, and the finding names it with its mend. No machine is like ours."""

from __future__ import annotations

import email.message
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import socket
import sys
from types import SimpleNamespace

import pytest
from commands import ROOT, distribution, edge

from edge.core import doctor, rundir
from edge.core.doctor import cameras, machine, memory, places, processors, runtimes, software
from edge.core.plan import Plan, Pool, StagePlan, WorkerPlan

HEALTHY = {
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4194304 kB\n",
    "proc/self/cgroup": "0::/\n",
}


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """`planted({path: text, ...})`: a machine whose kernel says this, and nothing else."""

    def plant(files=()):
        for path, text in {**HEALTHY, **dict(files)}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    monkeypatch.setattr(machine, "ROOT", tmp_path)
    return plant


def plan_of(*, arena=0, stages=(), workers=1, **fields):
    """A plan of so many workers, the first with an arena of so many bytes."""
    made = [WorkerPlan(f"w{i}", [], [Pool("s", "image", arena, 1, 0)] if arena and not i else []) for i in range(workers)]
    return Plan("planted", stages=list(stages), workers=made, **fields)


def one(check, plan=None):
    (finding,) = check(plan)
    return finding


def told(finding, status, *words):
    text = doctor.as_text(finding)
    assert finding.status == status, text
    for word in words:
        assert word in text, text
    assert bool(finding.mend) == (status in (doctor.WARN, doctor.FAIL)), "what is wrong has a mend, and what is right has none"


# -- memory -----------------------------------------------------------------------------------------------------------------


def test_memory_enough(planted):
    planted()
    told(one(memory.free_memory), doctor.OK, "4.0 GiB free")
    told(one(memory.free_memory, plan_of(arena=64 << 20)), doctor.OK, "64 MiB of arenas", "164 MiB altogether")


def test_memory_short(planted):
    planted({"proc/meminfo": "MemAvailable: 262144 kB\n"})
    told(one(memory.free_memory), doctor.WARN, "256 MiB free", "more memory")
    told(one(memory.free_memory, plan_of(arena=200 << 20, workers=2)), doctor.WARN, "400 MiB altogether")
    told(one(memory.free_memory, plan_of(arena=1 << 30)), doctor.FAIL, "1.0 GiB of arenas", "edge plan")


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/box/inner\n",
            "sys/fs/cgroup/box/memory.max": f"{1 << 30}\n",
            "sys/fs/cgroup/box/memory.current": f"{800 << 20}\n",
            "sys/fs/cgroup/box/memory.stat": f"anon 5\ninactive_file {100 << 20}\n",
            "sys/fs/cgroup/box/inner/memory.max": "max\n",
        },
        {
            "proc/self/cgroup": "7:cpu,cpuacct:/\n4:memory:/box\n1:name=systemd:/\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{(1 << 63) - 4096}\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{1 << 30}\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{800 << 20}\n",
            "sys/fs/cgroup/memory/box/memory.stat": f"total_inactive_file {100 << 20}\n",
        },
    ],
    ids=["v2", "v1"],
)
def test_memory_of_a_control_group(planted, files):
    """The limit of a group around ours holds too; pages of files are not counted."""
    planted(files)
    told(one(memory.free_memory), doctor.WARN, "may have 1.0 GiB and uses 700 MiB")
    told(one(memory.free_memory, plan_of(arena=500 << 20)), doctor.FAIL, "500 MiB of arenas")


def run_limited(tmp_path, *limits):
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not here (Debian: util-linux)")
    done = edge("doctor", "--json", cwd=tmp_path, before=("prlimit", *limits))
    assert done.err == ""
    return done.code, {row["name"]: row for row in json.loads(done.out)["checks"]}


def test_shared_memory_that_cannot_be_had(tmp_path):
    """A limit on the size of files is one on memfds as well."""
    code, found = run_limited(tmp_path, "--fsize=65536")
    assert (code, found["shared memory"]["status"]) == (4, "FAIL")
    assert "ulimit -f" in found["shared memory"]["mend"]


def test_too_few_descriptors(tmp_path):
    code, found = run_limited(tmp_path, "--nofile=64")
    assert (code, found["descriptors"]["status"]) == (4, "FAIL")
    assert "may open 64 files" in found["descriptors"]["detail"] and "ulimit -n" in found["descriptors"]["mend"]


def test_descriptors_that_a_graph_takes(monkeypatch):
    monkeypatch.setattr(memory.resource, "getrlimit", lambda _: (256, 256))
    told(one(memory.descriptors), doctor.OK, "256 files", "a small graph takes up to 80")
    told(one(memory.descriptors, plan_of(workers=40)), doctor.WARN, "takes up to 208", "as root, ulimit -n 1024")
    told(one(memory.descriptors, plan_of(workers=60)), doctor.FAIL, "LimitNOFILE")
    monkeypatch.setattr(memory.resource, "getrlimit", lambda _: (memory.resource.RLIM_INFINITY,) * 2)
    told(one(memory.descriptors), doctor.OK, "any number of files")


# -- processors and clocks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(processors.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})


def test_cores(planted, four_cores, monkeypatch):
    planted()
    told(one(processors.cores), doctor.OK, "4 cores")
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: {2})
    told(one(processors.cores), doctor.OK, "1 of 4 cores")
    asks = plan_of(runtime={"runtime": "onnx", "options": {"threads": 3}})
    told(one(processors.cores, asks), doctor.WARN, "asks for 3 threads", "threads: 1, or auto")


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "150000 100000\n"},
        {
            "proc/self/cgroup": "3:cpu:/box\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
    ids=["v2", "v1"],
)
def test_a_share_of_the_cores(planted, four_cores, files):
    planted(files)
    told(one(processors.cores), doctor.WARN, "4 cores, of which the control group gets 1.5", "--cpuset-cpus")


@pytest.mark.parametrize(
    "governor, driver, status",
    [
        ("powersave", "acpi-cpufreq", doctor.WARN),
        ("powersave", "intel_pstate", doctor.OK),
        ("performance", "acpi-cpufreq", doctor.OK),
    ],
)
def test_the_governor(planted, governor, driver, status):
    cpufreq = "sys/devices/system/cpu/cpu0/cpufreq/scaling_"
    planted({cpufreq + "governor": governor, cpufreq + "driver": driver})
    told(one(processors.governor), status, governor, driver)


def test_no_governor(planted):
    planted()
    told(one(processors.governor), doctor.SKIP)


def test_a_coarse_clock(monkeypatch):
    monkeypatch.setattr(processors.time, "get_clock_info", lambda _: SimpleNamespace(resolution=0.01))
    told(one(processors.clock), doctor.WARN, "10 ms", "clocksource")
    monkeypatch.setattr(processors.time, "get_clock_info", lambda _: SimpleNamespace(resolution=1e-9))
    told(one(processors.clock), doctor.OK, "1 ns")


@pytest.mark.parametrize("answer, status", [(0, doctor.OK), (5, doctor.WARN), (-1, doctor.SKIP)])
def test_the_time_of_day(monkeypatch, answer, status):
    """What adjtimex answers: TIME_OK, TIME_ERROR, or that it is forbidden."""
    monkeypatch.setattr(processors.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(adjtimex=lambda _: answer))
    told(one(processors.time_of_day), status)


def test_the_kernel_answers():
    assert one(processors.time_of_day).status in (doctor.OK, doctor.WARN, doctor.SKIP), "and nothing crashed"


# -- places -----------------------------------------------------------------------------------------------------------------


def sink(**options):
    return StagePlan("out", "record", options=options, sources=["camera"])


@pytest.mark.parametrize("free, status", [(10 << 30, doctor.OK), (500 << 20, doctor.WARN), (5 << 20, doctor.FAIL)])
def test_the_disk(tmp_path, monkeypatch, free, status):
    monkeypatch.setattr(places, "free_bytes", lambda _: free)
    monkeypatch.chdir(tmp_path)
    told(one(places.disks), status, str(tmp_path))
    made = plan_of(stages=[sink(path=tmp_path / "new" / "folder" / "{source}.mp4")])
    told(one(places.disks, made), status, "disk of out", f"{tmp_path} has")


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(places.os, "access", lambda path, how: path != tmp_path)
    told(
        one(places.disks, plan_of(stages=[sink(path=str(tmp_path / "a.mp4"))])),
        doctor.FAIL,
        "may not be written",
        "another path",
    )


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where this test's runs live."""
    home = tmp_path / "runs"
    home.mkdir(mode=0o700)
    monkeypatch.setattr(rundir, "base", lambda: home)
    return home


def test_the_run_directory(base, monkeypatch):
    told(one(places.run_directory), doctor.OK, str(base))
    base.chmod(0o755)
    told(one(places.run_directory), doctor.WARN, "mode 755", f"chmod 700 {base}")
    monkeypatch.setattr(places, "free_bytes", lambda _: 0)
    told(one(places.run_directory), doctor.FAIL, "full disk", "--run-dir")
    monkeypatch.setattr(places, "free_bytes", lambda _: 1 << 30)
    monkeypatch.setattr(places.os, "access", lambda *_: False)
    told(one(places.run_directory), doctor.FAIL, "may not be written", "--run-dir")


def test_a_run_directory_of_somebody_else(base, monkeypatch):
    def refuse():
        raise places.SourceError(f"{base} belongs to somebody else: give a folder of your own with --run-dir")

    monkeypatch.setattr(rundir, "base", refuse)
    told(one(places.run_directory), doctor.FAIL, "belongs to somebody else", "--run-dir")
    assert list(places.runs(None)) == []


def test_a_run_that_was_killed(base):
    told(one(places.runs), doctor.OK, "0 under way")
    (base / "yard-123").mkdir()
    (base / "yard-123" / "lock").write_text("123")
    going, stale = places.runs(None)
    told(going, doctor.OK, "0 under way")
    told(stale, doctor.WARN, "yard-123", "the next run sweeps")


def test_a_port_that_is_taken(monkeypatch):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        plan = plan_of(stages=[StagePlan("wall", "web", options={"port": port})])
        finding = one(places.ports, plan)
        told(finding, doctor.FAIL, f"127.0.0.1:{port}: in use, by ", f"({os.getpid()})", "--set wall.port=0")
    told(one(places.ports, plan), doctor.OK, "is free")
    assert list(places.ports(plan_of(stages=[StagePlan("wall", "web", options={"port": 0})]))) == [], "a free one is found"
    assert list(places.ports(None)) == []


def test_an_address_that_is_not_ours():
    plan = plan_of(stages=[StagePlan("wall", "web", options={"port": 8080, "host": "192.0.2.1"})])
    told(one(places.ports, plan), doctor.FAIL, "192.0.2.1:8080", "--set wall.port=0")


# -- cameras ----------------------------------------------------------------------------------------------------------------

USB = {
    "dev/video0": "",
    "dev/video1": "",
    "sys/class/video4linux/video0/name": "HD Webcam",
    "sys/class/video4linux/video0/index": "0",
    "sys/class/video4linux/video1/index": "1",
}
READS = StagePlan("camera", "camera", is_source=True)


def test_cameras(planted):
    planted()
    told(one(cameras.cameras), doctor.SKIP, "none is here")
    folder = planted(USB)
    (folder / "dev/v4l/by-id").mkdir(parents=True)
    (folder / "dev/v4l/by-id/usb-HD-video-index0").symlink_to("../../video0")
    told(one(cameras.cameras), doctor.OK, "camera /dev/video0", "HD Webcam, /dev/v4l/by-id/usb-HD-video-index0")


def test_a_camera_that_may_not_be_read(planted, monkeypatch):
    planted(USB)
    monkeypatch.setattr(cameras, "may_read", lambda _: False)
    told(one(cameras.cameras), doctor.WARN, "may not read it", "usermod -aG video")
    told(one(cameras.cameras, plan_of(stages=[READS])), doctor.FAIL, "may not read it")


def test_a_camera_in_use(planted):
    folder = planted({**USB, "proc/77/comm": "zoom\n", "proc/77/fd/unrelated": ""})
    (folder / "proc/77/fd/5").symlink_to(folder / "dev/video0")
    told(one(cameras.cameras), doctor.WARN, "in use by zoom (77)", "end that program")


def test_a_source_that_is_not_there():
    here = StagePlan("door", "file", is_source=True)
    plan = plan_of(stages=[here], failed={"yard": "yard: rtsp://eve:S3CRET@10.0.0.9/a does not answer"})
    good, bad = cameras.sources(plan)
    told(good, doctor.OK, "source door", "file")
    told(bad, doctor.FAIL, "source yard", "rtsp://***@10.0.0.9/a does not answer")
    assert "S3CRET" not in doctor.as_text(bad) + json.dumps(doctor.as_data([bad]))


# -- software ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(monkeypatch):
    """`installed(requires, {name: version})`: an Edgeflow of these needs, and these distributions."""

    def install(requires, versions, extras=(), python=">=3.10"):
        def version(name):
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]

        about = email.message.Message()
        about["Requires-Python"] = python
        for extra in extras:
            about["Provides-Extra"] = extra
        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(importlib.metadata, "requires", lambda _: requires)
        monkeypatch.setattr(importlib.metadata, "metadata", lambda _: about)

    return install


HERE = {"edgeflow": "1.0", "numpy": "2.0", "onnxruntime": "1.20", "pyzmq": "26.1", "opencv-python-headless": "4.12"}


def test_packages(installed):
    installed(["numpy>=1.26", "pyzmq>=26", "starlette>=0.40; extra == 'web'"], HERE)
    told(one(software.packages), doctor.OK, "2 within their ranges: numpy 2.0")
    installed(["numpy>=2.2", "pluggy>=1.5", "pyzmq>=26"], HERE)
    old, missing = software.packages(None)
    told(old, doctor.FAIL, "package numpy", "2.0, and Edgeflow needs >=2.2", "pip install 'numpy>=2.2'")
    told(missing, doctor.FAIL, "package pluggy", "not installed", "pip install 'pluggy>=1.5'")


def test_two_kinds_of_opencv(installed):
    installed(["numpy>=1.26"], {**HERE, "opencv-python": "4.9"})
    _, double = software.packages(None)
    told(double, doctor.WARN, "package opencv-python", "both are the module cv2", "pip uninstall opencv-python ")


def test_a_checkout_that_is_not_installed(installed):
    installed(None, {})
    finding = one(software.packages)
    assert (finding.status, finding.mend) == (doctor.SKIP, "pip install -e .")
    assert list(software.extras(None)) == [] and one(software.python).status == doctor.OK


def test_another_python(installed):
    installed([], HERE, python=">=3.99")
    told(one(software.python), doctor.FAIL, "Edgeflow needs >=3.99")


def test_extras(installed):
    needs = ["numpy>=1.26", "starlette>=0.40; extra == 'web'", "av>=13; extra == 'av'", "pytest>=8; extra == 'dev'"]
    installed(needs, {**HERE, "starlette": "1.0", "av": "12.0"}, extras=["web", "av", "dev"])
    web, av = software.extras(None)
    told(web, doctor.OK, "extra web", "preview page")
    assert av.status == doctor.SKIP and "av 12.0" in av.detail and "edgeflow[av]" in av.mend


def test_every_extra_has_words():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    names = re.findall(r"^(\w+) = \[", text.partition("\n[")[0], re.M)
    assert "web" in names and set(names) <= set(software.GIVES)


@pytest.mark.parametrize("graph, code, status", [((), 0, "WARN"), (("g.yaml",), 3, "")])
def test_a_broken_plugin(tmp_path, graph, code, status):
    """Told as a warning; a graph that uses it does not even compile."""
    site = str(distribution(tmp_path / "site", "edge_broken", "import no_such_module\n", "broken"))
    (tmp_path / "g.yaml").write_text("device: dry\nstages:\n  camera: {use: demo}\n  out: {use: broken, from: camera}\n")
    done = edge("doctor", "--json", *graph, cwd=tmp_path, PYTHONPATH=site, XDG_RUNTIME_DIR="")
    if graph:
        assert (done.code, done.out) == (code, "") and "no_such_module" in done.errors[0]
        return
    found = {row["name"]: row for row in json.loads(done.out)["checks"]}
    assert found["plugin broken"]["status"] == status and "no_such_module" in found["plugin broken"]["detail"]
    assert "edge_broken 1.2" in found["plugin broken"]["mend"]


def test_plugins_of_third_parties(tmp_path, monkeypatch):
    rows = [
        {"name": "file", "kind": "source", "origin": "built in", "summary": ""},
        {"name": "presence", "kind": "stage", "origin": "edge-presence 0.1", "summary": ""},
        {"name": "rotten", "kind": "broken", "origin": "edge-rotten 0.2", "summary": "failed to import"},
    ]
    monkeypatch.setattr("edge.core.catalogue.plugins_data", lambda: rows)
    fine, rotten = software.plugins(None)
    told(fine, doctor.OK, "1 built in; presence (edge-presence 0.1)")
    told(rotten, doctor.WARN, "plugin rotten", "upgrade or uninstall edge-rotten 0.2")
    told(list(software.plugins(plan_of(stages=[StagePlan("x", "rotten")])))[1], doctor.FAIL, "failed to import")


def test_a_model_that_was_damaged(tmp_path, monkeypatch):
    for path in (ROOT / "models").iterdir():
        if path.stem == "portrait" and path.suffix in (".yaml", ".onnx"):
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(software, "SHIPPED", tmp_path)
    told(one(software.models), doctor.OK, "portrait.onnx")
    data = bytearray((tmp_path / "portrait.onnx").read_bytes())
    data[-1] ^= 1
    (tmp_path / "portrait.onnx").write_bytes(data)
    bad = next(iter(software.models(None)))
    told(bad, doctor.FAIL, "model portrait.onnx", "another sha256", "force-reinstall")


# -- runtimes ---------------------------------------------------------------------------------------------------------------


def test_onnxruntime(planted, monkeypatch):
    folder = planted({"dev/nvidia0": ""})
    assert folder
    fake = SimpleNamespace(__version__="9.9", get_available_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    runtime, gpu = runtimes.onnxruntime(None)
    told(runtime, doctor.OK, "9.9: CPU")
    told(gpu, doctor.WARN, "NVIDIA GPU", "onnxruntime-gpu", "CUDAExecutionProvider")
    fake.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    told(one(runtimes.onnxruntime), doctor.OK, "CUDA, CPU")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    told(one(runtimes.onnxruntime), doctor.FAIL, "cannot be imported", "pip install onnxruntime")


def test_devices(monkeypatch):
    rows = [
        {"name": "desktop", "works": True, "reason": "onnxruntime 9.9: CPU"},
        {"name": "kit", "works": False, "reason": "module 'kit' is not installed"},
    ]
    monkeypatch.setattr(runtimes.describe, "devices_data", lambda: rows)
    works, absent = runtimes.devices(None)
    told(works, doctor.OK, "device desktop", "9.9")
    told(absent, doctor.SKIP, "device kit")
    replaced = list(runtimes.devices(plan_of(device={"requested": "kit", "resolved": "desktop"})))[1]
    told(replaced, doctor.WARN, "module 'kit' is not installed; desktop stands in")


# -- altogether -------------------------------------------------------------------------------------------------------------


def test_a_check_that_breaks_hinders_no_other():
    def strange_thing(_plan):
        raise ZeroDivisionError("of a strange machine")

    findings = list(doctor.examine(None, (strange_thing, processors.clock)))
    told(findings[0], doctor.WARN, "strange thing", "could not be looked at: ZeroDivisionError")
    assert findings[1].name == "clock"


def test_every_check_is_of_the_list():
    """One that is written and not listed would never run."""
    names = {check.__name__ for check in doctor.CHECKS}
    for module in (cameras, memory, places, processors, runtimes, software):
        for name, thing in vars(module).items():
            annotations = getattr(thing, "__annotations__", {})
            if annotations.get("return") == "Iterator[Finding]":
                assert name in names, f"{module.__name__}.{name}"


def test_the_command(tmp_path):
    (tmp_path / "g.yaml").write_text(
        "device: dry\nstages:\n  camera: {use: file, path: gone.mp4}\n  out: {use: images, from: camera, path: made}\n"
    )
    done = edge("doctor", "g.yaml", cwd=tmp_path)
    assert (done.code, done.err) == (4, "")
    assert f"FAIL  source camera          {tmp_path}/gone.mp4: does not exist" in done.out and "\x1b" not in done.out
    done = edge("doctor", "g.yaml", "--json", "--set", "camera.use=demo", "--set", "camera.path=", cwd=tmp_path)
    assert done.code == 3 and "demo has no option 'path'" in done.errors[0], "a graph that is wrong is told as by validate"
    done = edge("doctor", "nothing.yaml", cwd=tmp_path)
    assert done.code == 2 and "no such graph file" in done.errors[0]


def test_json(tmp_path):
    done = edge("doctor", "--json", cwd=tmp_path)
    data = json.loads(done.out)
    assert data["schema_version"] == 1 and data["ok"] == (done.code == 0)
    assert {tuple(row) for row in data["checks"]} == {("name", "status", "detail", "mend")}
    assert {row["status"] for row in data["checks"]} <= {"OK", "WARN", "FAIL", "SKIP"}
    assert pathlib.Path(tmp_path).is_dir() and list(tmp_path.iterdir()) == [], "it leaves nothing behind"
