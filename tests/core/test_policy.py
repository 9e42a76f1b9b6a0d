"""Policies: how an option names one, what is checked before the start, and what is asked of `choose`."""

from __future__ import annotations

import pathlib

import pytest

from edge import Context, Frame, Policy, PolicyName, Stage, StageError
from edge.core.options import declared

HERE = pathlib.Path("/graphs")
FRAME = Frame("camera", 7, 0.28)


class Routed(Stage):
    route: PolicyName = PolicyName("full")  # when the network runs


def convert(value):
    return declared(Routed)["route"].convert(value, HERE, HERE)


@pytest.mark.parametrize(
    "value, gives",
    [
        ("full", "full"),
        ({"use": "full"}, "full"),
        ("periodic", "periodic"),
        ({"use": "periodic", "k": 3}, {"use": "periodic", "k": 3}),
    ],
)
def test_a_name_or_a_map(value, gives):
    assert convert(value) == gives
    policy = Context().policy(convert(value))
    assert isinstance(policy, Policy) and getattr(policy, "k", 3) in (2, 3)


@pytest.mark.parametrize(
    "value, why",
    [
        ("periodc", "there is no policy 'periodc'. Did you mean 'periodic'?"),
        ("demo", "there is no policy 'demo'. There is: full, periodic"),
        ({"use": "periodic", "n": 3}, "periodic has no option 'n'. There is: k"),
        ({"use": "periodic", "k": "often"}, "periodic: option 'k': expected a whole number, got 'often'"),
        ({"use": "periodic", "k": 0}, "periodic: option 'k': must be 1 or more, not 0"),
        ({"k": 3}, "expected a policy's name, or a map {use: NAME, OPTION: VALUE}, got a map"),
        (3, "expected a policy's name, or a map {use: NAME, OPTION: VALUE}, got 3"),
    ],
)
def test_what_is_wrong_is_said_before_the_start(value, why):
    with pytest.raises(ValueError) as caught:
        convert(value)
    assert str(caught.value).startswith(why)


def test_each_camera_gets_one_of_its_own():
    one, other = Context().policy("full"), Context().policy("full")
    assert one is not other and type(one) is type(other)


def test_a_branch_that_this_frame_cannot_have():
    class Stubborn(Policy):
        def choose(self, frame, branches, signals):
            return "lr"

    with pytest.raises(StageError, match="^policy Stubborn chose 'lr' for frame 7 of camera, which can have reuse or full$"):
        Stubborn().pick(FRAME, ("reuse", "full"), {})
    with pytest.raises(NotImplementedError):
        Policy().pick(FRAME, ("full",), {})
