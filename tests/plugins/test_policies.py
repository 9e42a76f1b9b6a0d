"""full and periodic: which frames the network runs for."""

from __future__ import annotations

from edge import Frame
from edge.plugins.policies import Full, Periodic

BOTH = ("reuse", "full")


def served(policy, branches):
    """The branches of consecutive frames; a list may say which ones each frame can have."""
    since, found = 0.0, []
    for n, those in enumerate(branches):
        found.append(policy.pick(Frame("camera", n, n / 25), those, {"since": since, "change": 0.0}))
        since = 0.0 if found[-1] == "full" else since + 1
    return found


def test_full():
    assert served(Full(), [("full",), BOTH, BOTH]) == ["full"] * 3


def test_periodic():
    policy = Periodic()
    assert served(policy, [("full",), *[BOTH] * 4]) == ["full", "reuse", "full", "reuse", "full"]
    policy.k = 3
    assert served(policy, [("full",), *[BOTH] * 6]) == ["full", "reuse", "reuse"] * 2 + ["full"]
    policy.k = 1
    assert served(policy, [("full",), *[BOTH] * 2]) == ["full"] * 3


def test_periodic_counts_anew_after_a_cut():
    policy = Periodic()
    policy.k = 3
    assert served(policy, [("full",), BOTH, ("full",), BOTH, BOTH, BOTH]) == ["full", "reuse", "full", "reuse", "reuse", "full"]


def test_periodic_needs_a_period():
    policy = Periodic()
    assert policy.check() == {}
    policy.k = 0
    assert policy.check() == {"k": "must be 1 or more, not 0"}
