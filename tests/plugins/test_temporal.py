"""Calm where nothing moves, at once where something does."""

import cv2
import numpy as np
import pytest

from edge import Alpha, Context, Frame, Image, Prior, Raw, Spec
from edge.plugins.temporal import Temporal

SIZE = (96, 128)
RAW = np.full((32, 32), 0.4, np.float32)
RAW.flags.writeable = False


def temporal(smooth):
    stage = Temporal()
    stage.smooth = smooth
    assert stage.check() == {}
    stage.open(Context())
    return stage


def room(seed=0):
    """A picture with detail that a thumbnail still shows."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return frozen(cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_NEAREST))


def flat(value, size=SIZE):
    return frozen(np.full(size, value, np.uint8))


def frozen(array):
    array.flags.writeable = False
    return array


def show(stage, n, image, alpha, time=None, source="camera"):
    frame = Frame(source, n, n / 30 if time is None else time)
    return stage.process(frame=frame, image=image, raw=RAW, alpha=alpha)


def test_unsmoothed_it_hands_everything_through_bit_for_bit():
    alpha = flat(77)
    made = show(temporal(0.0), 0, room(), alpha)
    assert made["alpha"] is alpha and made["prior"] is RAW


def test_the_prior_is_the_network_s_own_whatever_is_shown():
    stage = temporal(1.0)
    for n in range(3):
        assert show(stage, n, room(), flat(200 * (n % 2)))["prior"] is RAW


def test_a_flickering_alpha_calms_down_where_the_picture_is_still():
    stage, shown = temporal(0.9), []
    for n in range(60):
        shown.append(int(show(stage, n, room(), flat(120 + 20 * (n % 2)))["alpha"][40, 40]))
    late = np.array(shown[30:])
    assert abs(late.mean() - 130) < 2
    assert np.abs(np.diff(late)).max() <= 5  # of 20


def test_a_still_alpha_is_reached_exactly():
    stage = temporal(1.0)
    show(stage, 0, room(), flat(0))
    for n in range(1, 90):
        made = show(stage, n, room(), flat(255))["alpha"]
    assert (made == 255).all()


def test_where_the_picture_moves_alpha_follows_at_once_and_only_there():
    stage, before = temporal(1.0), np.full((*SIZE, 3), 90, np.uint8)
    after = before.copy()
    after[32:64, 32:64] = 200
    show(stage, 0, frozen(before), flat(0))
    made = show(stage, 1, frozen(after), flat(255))["alpha"]
    assert (made[36:60, 36:60] == 255).all()
    assert made[8, 110] < 40 and made[90, 8] < 40


def test_slow_motion_adds_up_and_is_noticed():
    """Each step alone is within the noise."""
    stage = temporal(1.0)
    for n in range(40):
        made = show(stage, n, frozen(np.full((*SIZE, 3), 40 + 2 * n, np.uint8)), flat(min(255, 6 * n)))["alpha"]
    assert made.min() > 200  # alpha is at 234; a tenth of the way per frame would be at about 180


def test_a_light_that_flickers_within_the_noise_is_no_motion():
    stage = temporal(1.0)
    show(stage, 0, frozen(np.full((*SIZE, 3), 100, np.uint8)), flat(0))
    made = show(stage, 1, frozen(np.full((*SIZE, 3), 102, np.uint8)), flat(255))["alpha"]
    assert made.max() <= 26


@pytest.mark.parametrize(
    "image, time",
    [(room(1), None), (room(), 0.9), (frozen(room()[:, :64].copy()), None)],
    ids=["cut", "gap", "size"],
)
def test_nothing_is_smoothed_across(image, time):
    stage = temporal(1.0)
    show(stage, 0, room(), flat(0))
    alpha = flat(255, image.shape[:2])
    assert show(stage, 1, image, alpha, time)["alpha"] is alpha


def test_every_camera_has_its_own_memory():
    stage = temporal(1.0)
    show(stage, 0, room(), flat(0), source="door")
    alpha = flat(255)
    assert show(stage, 0, room(), alpha, source="yard")["alpha"] is alpha
    assert show(stage, 1, room(), alpha, source="door")["alpha"].max() < 40


def test_spec():
    inputs = {"image": Spec(Image, (480, 640, 3), "bgr"), "raw": Spec(Raw, (256, 256)), "alpha": Spec(Alpha, (480, 640))}
    assert Temporal().spec(inputs) == {"alpha": Spec(Alpha, (480, 640)), "prior": Spec(Prior, (256, 256))}


def test_says_what_is_wrong():
    stage = Temporal()
    stage.smooth = 1.5
    assert stage.check() == {"smooth": "must be 0 to 1, not 1.5"}


def test_tiny_pictures():
    stage = temporal(0.5)
    for n in range(2):
        made = show(stage, n, frozen(np.zeros((3, 2, 3), np.uint8)), flat(9, (3, 2)))["alpha"]
    assert (made == 9).all()


def test_on_a_real_clip_it_flickers_less_and_does_not_lag(shared):
    """A noisy network, made of the clip's exact alpha: what moves must keep up, what is still must calm down."""
    clip = cv2.VideoCapture(str(shared / "data/video/gt/head_static_bg.mp4"))
    exact = cv2.VideoCapture(str(shared / "data/video/gt/head_static_bg_alpha.mkv"))
    random, stage = np.random.default_rng(0), temporal(0.9)
    truth, noisy, shown = [], [], []
    for n in range(40):
        image, alpha = clip.read()[1], exact.read()[1][..., 0]
        noise = cv2.resize(random.normal(0, 25, (23, 40)).astype(np.float32), alpha.shape[::-1])
        truth.append(alpha.astype(np.float32))
        noisy.append(np.clip(alpha + noise, 0, 255).astype(np.uint8))
        shown.append(show(stage, n, frozen(image), noisy[-1])["alpha"])

    def flicker(alphas):
        still = np.abs(np.diff(truth, axis=0)).max(axis=0) <= 1
        return np.abs(np.diff(np.array(alphas, np.float32), 2, axis=0))[:, still].mean()

    def error(alphas):
        moving = np.abs(np.diff(truth, axis=0)) > 40
        return np.abs(np.array(alphas[1:], np.float32) - truth[1:])[moving].mean()

    plain = [noisy[0].astype(np.float32)]
    for alpha in noisy[1:]:
        plain.append(plain[-1] + 0.25 * (alpha - plain[-1]))
    assert flicker(shown) < flicker(plain) < 0.2 * flicker(noisy)
    assert error(shown) < 0.5 * error(plain)
