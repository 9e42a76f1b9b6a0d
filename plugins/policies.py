"""Which branch of a network serves a frame: the policies for `route`."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from edge import Frame, Policy, hookimpl


class Full(Policy):
    """The whole network for every frame."""

    def choose(self, frame: Frame, branches: Sequence[str], signals: Mapping[str, float]) -> str:
        return branches[-1]


class Periodic(Policy):
    """The whole network for every k-th frame of a camera, the cheapest branch for those between."""

    k: int = 2  # 1: every frame, 3: every third

    def check(self) -> Dict[str, str]:
        return {} if self.k >= 1 else {"k": f"must be 1 or more, not {self.k}"}

    def choose(self, frame: Frame, branches: Sequence[str], signals: Mapping[str, float]) -> str:
        return branches[-1] if signals["since"] + 1 >= self.k else branches[0]


@hookimpl
def register_policies(register: Any) -> None:
    register("full", Full)
    register("periodic", Periodic)
