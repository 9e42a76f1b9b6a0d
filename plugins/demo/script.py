"""The script: what the person does and which lights are on, at any moment. Times in seconds, lengths in heads.

Valid Python 3.7, numpy only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Dict, Optional, Tuple

import numpy as np

LOOP = 44.0  # the tour begins again


class Arm:
    """elbow, wrist: from the middle of the head, x away from the body. angle: of the hand, radians from up, outwards.
    curl: 0 stretched .. 1 bent. palm: the palm is to the camera."""

    def __init__(self, elbow: Tuple[float, float], wrist: Tuple[float, float], angle: float, curl: float, palm: bool) -> None:
        self.elbow, self.wrist, self.angle, self.curl, self.palm = elbow, wrist, angle, curl, palm

    def toward(self, other: Arm, t: float) -> Arm:
        def mix(a: float, b: float) -> float:
            return a + (b - a) * t

        elbow = (mix(self.elbow[0], other.elbow[0]), mix(self.elbow[1], other.elbow[1]))
        wrist = (mix(self.wrist[0], other.wrist[0]), mix(self.wrist[1], other.wrist[1]))
        return Arm(elbow, wrist, mix(self.angle, other.angle), mix(self.curl, other.curl), (other if t > 0.5 else self).palm)


REST = Arm((0.84, 2.22), (0.60, 3.35), 0.0, 0.6, False)
ARMS = {
    "rest": REST,
    "chest": Arm((0.96, 2.14), (0.58, 1.80), -0.85, 0.55, False),
    "wide": Arm((0.98, 2.12), (0.90, 1.72), 0.45, 0.20, True),
    "meet": Arm((0.96, 2.14), (0.50, 1.92), -1.05, 0.80, False),
    "count": Arm((1.00, 2.08), (0.70, 1.60), -0.15, 0.50, True),
    "head": Arm((1.16, 1.72), (0.92, 0.66), 0.10, 0.08, True),
    "wave": Arm((1.14, 1.70), (0.98, 0.72), 0.30, 0.0, True),
}

# When each arm is where: time, then left and right. Between two it moves during the last half second before the second.
GESTURES = (
    (0.0, "rest", "rest"), (6.6, "rest", "rest"), (7.3, "chest", "chest"), (8.2, "wide", "wide"), (9.1, "meet", "meet"),
    (10.0, "chest", "wide"), (10.9, "wide", "chest"), (11.7, "count", "meet"), (12.6, "wide", "wide"), (13.4, "head", "head"),
    (14.6, "wave", "head"), (15.6, "head", "wave"), (16.8, "rest", "wave"), (17.8, "rest", "rest"), (27.0, "rest", "rest"),
    (27.8, "chest", "wide"), (28.8, "wide", "meet"), (29.8, "rest", "rest"), (34.0, "rest", "rest"), (34.8, "wide", "chest"),
    (35.8, "meet", "wide"), (36.8, "rest", "rest"), (LOOP, "rest", "rest"),
)  # fmt: skip

# In the picture between these times; each way takes WAY seconds.
STAYS = ((0.3, 20.6), (23.0, 43.6))
WAY = 1.5
FAR = 2.9  # heads from the middle to out of sight

# When the light changes: time, state, exposure; the change itself takes FADE seconds.
LIGHTS = (
    (0.0, "day", 1.0),
    (25.0, "day", 0.66),
    (26.6, "day", 1.0),
    (28.5, "lamp", 1.0),
    (33.0, "back", 1.0),
    (38.5, "day", 1.0),
)
FADE = 0.25

# What part of the tour a scene repeats.
SCENES: Dict[str, Tuple[float, float]] = {
    "tour": (0.0, LOOP),
    "talk": (2.2, 6.2),
    "gesture": (7.0, 17.0),
    "lights": (24.4, 39.6),
    "empty": (21.2, 22.8),
}


class Pose:
    """The person at one moment. Angles in radians; mouth, lids 0..1 (lids: 1 is shut); breath -1..1; swing: hair, in heads."""

    def __init__(self) -> None:
        self.present = False
        self.x = self.y = self.lean = self.yaw = self.pitch = self.roll = self.mouth = self.lids = self.breath = self.swing = (
            0.0
        )
        self.left = self.right = REST


def ease(t: float) -> float:
    t = min(1.0, max(0.0, t))
    return t * t * t * (t * (6 * t - 15) + 10)


def wobble(time: float, *rates: float) -> float:
    """A slow motion without a period that one could see: about -1..1."""
    return float(sum(np.sin(time * r + i * 1.7) for i, r in enumerate(rates)) / len(rates))


def moment(scene: str, time: float) -> float:
    """The time of the tour that a scene shows after so many seconds. A scene goes there and back, so that nothing jumps."""
    start, end = SCENES[scene]
    if scene == "tour":
        return time % LOOP
    back = time % (2 * (end - start))
    return start + min(back, 2 * (end - start) - back)


def pose(scene: str, time: float) -> Pose:
    """Where everything is after so many seconds of a scene."""
    at = moment(scene, time)
    out = Pose()
    place = _place(at)
    if place is None or scene == "empty":
        return out
    out.present = True
    away = abs(place) / FAR
    out.x = place + 0.045 * wobble(time, 0.61, 1.03)
    out.y = 0.035 * abs(np.sin(time * 5.6)) * min(1.0, 3 * away)
    out.lean = 0.012 * wobble(time, 0.7, 1.3) + 0.05 * np.sign(place) * min(1.0, 2 * away)
    out.breath = float(np.sin(time * 1.65))
    _turn(out, at, time, place)
    out.mouth, out.lids = _speech(at, time), _blink(time)
    out.left, out.right = _arm(at, time, 1), _arm(at, time, 2)
    return out


def _place(at: float) -> Optional[float]:
    """Heads from the middle of the picture; None where nobody is there. First from the right and back, then from the left."""
    for i, (enter, leave) in enumerate(STAYS):
        if enter < at < leave:
            come, go = ease((at - enter) / WAY), ease((leave - at) / WAY)
            side = 1.0 if i == 0 else -1.0
            return FAR * side * (1 - min(come, go))
    return None


def _yaw(at: float, time: float, place: float) -> float:
    glance = 0.30 * (ease((at - 17.9) / 0.5) - ease((at - 18.9) / 0.5)) - 0.26 * (
        ease((at - 4.4) / 0.5) - ease((at - 5.5) / 0.5)
    )
    return 0.13 * wobble(time, 0.83, 1.37, 2.1) + glance - 0.30 * np.clip(place, -1, 1)


def _turn(out: Pose, at: float, time: float, place: float) -> None:
    out.yaw = float(np.clip(_yaw(at, time, place), -0.36, 0.36))
    out.pitch = 0.05 * wobble(time, 1.1, 1.9) + 0.05 * wobble(time, 3.1, 4.3) * _talking(at)
    out.roll = 0.045 * wobble(time, 0.57, 1.21) + 0.10 * out.yaw * np.sin(0.9 * time)
    # The hair follows the head a moment later.
    out.swing = float(
        np.clip(0.22 * (_yaw(at, time - 0.18, place) - _yaw(at, time, place)) + 0.010 * wobble(time, 1.7, 2.3), -0.08, 0.08)
    )


def _talking(at: float) -> float:
    spans = ((1.9, 6.4), (7.2, 13.2), (16.0, 18.8), (24.6, 32.0), (33.5, 41.6))
    return max(ease((at - a) / 0.3) * ease((b - at) / 0.3) for a, b in spans)


def _speech(at: float, time: float) -> float:
    """How far the mouth is open: syllables, four to six a second, in phrases with a breath between."""
    phrase = ease(2.2 * (0.75 + np.sin(time * 1.9) + 0.4 * np.sin(time * 0.77)))
    syllable = 0.5 + 0.5 * np.sin(time * 27.0 + 2.2 * np.sin(time * 6.1))
    weight = 0.55 + 0.45 * np.sin(time * 9.3 + 1.0)
    return float(0.85 * _talking(at) * phrase * syllable * weight)


def _blink(time: float) -> float:
    """How far the lids are shut. A blink takes 0.22 s, at 2.3 to 4.1 s from the last."""
    since = min(abs((time - shift) % 6.4 - 3.2) for shift in (0.9, 3.2, 5.0))
    return float(np.clip(1.45 - since / 0.085, 0, 1)) if since < 0.13 else 0.0


def _arm(at: float, time: float, which: int) -> Arm:
    """Between the gestures of before and after; a hand is never quite still."""
    i = max(k for k, row in enumerate(GESTURES) if row[0] <= at)
    before, after = GESTURES[i], GESTURES[min(i + 1, len(GESTURES) - 1)]
    span = min(0.7, max(1e-6, after[0] - before[0]))
    arm = ARMS[str(before[which])].toward(ARMS[str(after[which])], ease((at - (after[0] - span)) / span))
    if before[which] == after[which] == "rest":
        return arm
    phase = 2.0 * which
    dx, dy = 0.035 * wobble(time + phase, 3.1, 5.3), 0.035 * wobble(time + phase, 3.7, 4.9)
    swing = 0.35 * np.sin(time * 9.0) * (str(after[which]) == "wave") + 0.10 * wobble(time + phase, 2.9, 6.1)
    return Arm(
        (arm.elbow[0] + dx * 0.4, arm.elbow[1] + dy * 0.4),
        (arm.wrist[0] + dx, arm.wrist[1] + dy),
        arm.angle + swing,
        arm.curl + 0.12 * wobble(time + phase, 3.3, 5.1),
        arm.palm,
    )


def light(scene: str, time: float) -> Tuple[Dict[str, float], float]:
    """Weights of the states of the light, summing to 1, and the exposure (1 is normal)."""
    at = moment(scene, time)
    i = max(k for k, row in enumerate(LIGHTS) if row[0] <= at)
    (start, state, gain), (_, last, last_gain) = LIGHTS[i], LIGHTS[i - 1 if i else i]
    t = ease((at - start) / FADE)
    weights: Dict[str, float] = {last: 1 - t}
    weights[state] = weights.get(state, 0.0) + t
    return weights, last_gain + (gain - last_gain) * t
