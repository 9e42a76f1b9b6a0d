# The smallest device: what runs networks. Copy it to devices/half.py, with devices/half.yaml beside it:
#   title: every pixel is half a person
#   runtime: half
# Then a graph may say device: half. A package of your own registers it under the entry point's name instead:
#   [project.entry-points.edge]
#   half = "edge_half"
# and then `half` is the profile's name too. The contract of a device is in edge/core/device.py.
"""half: calls every pixel half a person. It reads nothing but the contract, so it runs everywhere."""

import numpy as np

from edge import Device, Network, hookimpl


class HalfNetwork(Network):
    def __init__(self, model):
        self.contract = model.contract
        self.shape = model.raw_shape
        self.states = model.states

    def __call__(self, format="bgr", **planes):
        made = {name: np.zeros(shape, np.float32) for name, shape in self.states.items()}
        return {"alpha": np.full(self.shape, 0.5, np.float32), **made}


class Half(Device):
    @classmethod
    def probe(cls):
        return "always here"

    def load(self, model):
        return HalfNetwork(model)


RUNTIME = Half  # how devices/half.py is found


@hookimpl
def register_devices(register):
    register("half", Half)  # how a package is found
