"""What runs networks: ONNX Runtime and its providers, and each device profile."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from edge.core import describe
from edge.core.doctor import machine
from edge.core.doctor.finding import FAIL, OK, SKIP, WARN, Finding
from edge.core.plan import Plan

HARDWARE = {
    "dev/nvidia0": ("CUDAExecutionProvider", "an NVIDIA GPU", "onnxruntime-gpu"),
    "dev/davinci0": ("CANNExecutionProvider", "an Ascend NPU", "onnxruntime-cann"),
}
"""Device file → the provider that uses it, what it is, and the package that has the provider."""


def onnxruntime(_plan: Plan | None) -> Iterator[Finding]:
    """Its version and providers; and hardware that it could use, if it were another build."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        yield Finding("onnxruntime", FAIL, f"cannot be imported: {error}", "pip install onnxruntime")
        return
    providers = runtime.get_available_providers()
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    yield Finding("onnxruntime", OK, f"{runtime.__version__}: {names}")
    for path, (provider, what, package) in HARDWARE.items():
        if machine.paths(path) and provider not in providers:
            mend = f"pip uninstall onnxruntime, pip install {package}, then say providers: [{provider}] in the graph's device"
            yield Finding(f"hardware /{path}", WARN, f"{what} is here, and this onnxruntime cannot use it", mend)


def devices(plan: Plan | None) -> Iterator[Finding]:
    """Each profile as `edge devices` finds it; of a graph also what stands in for the one that it asks for."""
    asked = plan.device if plan else {"requested": "", "resolved": ""}
    for row in describe.devices_data():
        name = f"device {row['name']}"
        if row["works"]:
            yield Finding(name, OK, row["reason"])
        elif row["name"] == asked["requested"]:
            mend = f"nothing, if {asked['resolved']} will do; else run it where that device is"
            yield Finding(name, WARN, f"{row['reason']}; {asked['resolved']} stands in", mend)
        else:
            yield Finding(name, SKIP, row["reason"])
