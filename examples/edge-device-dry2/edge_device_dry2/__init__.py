"""dry2: computes nothing, finds an oval person in the middle, and takes as long over it as it is told to.

For trying out graphs: what a slow network does to a live camera, with nothing installed and nothing computed.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from edge import hookimpl

from edge_device_dry2.device import Dry2

edge_api = ">=1.0,<2"

PROFILE = pathlib.Path(__file__).with_name("dry2.yaml")


@hookimpl
def register_devices(register: Callable[..., None]) -> None:
    register("dry2", Dry2, profile=PROFILE)
