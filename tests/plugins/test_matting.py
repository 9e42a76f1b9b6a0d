"""matting: a network by its contract, what it remembers of each camera, and when it forgets."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import tiny_networks

from edge import Alpha, Context, Drop, Frame, Image, Model, Policy, Raw, Spec, Tensor
from edge.devices.dry import Dry
from edge.devices.onnx import Onnx
from edge.plugins.matting import Matting

GREY = np.full((20, 30, 3), 102, np.uint8)  # 0.4
NOISE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
ONES = np.ones((8, 8), np.float32)


def stage(path: pathlib.Path | str, device: object = None, **context: object) -> Matting:
    """The stage as the framework opens it, on one thread."""
    runtime = device or Onnx()
    runtime.threads = 1
    matting = Matting()
    matting.model = str(path)
    matting.models = {"model": Model.find(str(path), pathlib.Path("."))}
    matting.open(Context(load=lambda _: runtime.load(matting.models["model"]), **context))
    return matting


def frames(source: str = "camera", start: float = 0.0) -> Callable[..., Frame]:
    """Consecutive frames of one camera, 0.1 s apart unless told."""
    state = {"n": -1, "time": start - 0.1}

    def next_frame(after: float = 0.1) -> Frame:
        state["n"] += 1
        state["time"] += after
        return Frame(source, state["n"], state["time"])

    return next_frame


def count(made: dict) -> int:
    """How many frames the `counter` network has seen since it started anew."""
    return int(round(float(made["raw"][0, 0]) * 10))


def test_specs() -> None:
    matting = Matting()
    matting.models = {"model": Model.find("portrait", pathlib.Path("."))}
    made = matting.spec({"image": Spec(Image, (480, 640, 3), "bgr")})
    assert made == {"raw": Spec(Raw, (256, 256)), "alpha": Spec(Alpha, (480, 640)), "route": Spec(str)}
    assert matting.spec({"image": Spec(Image, (720, 640), "nv21")})["alpha"] == Spec(Alpha, (480, 640))


def test_what_outlives_the_process(tmp_path: pathlib.Path) -> None:
    matting = stage(tiny_networks.counter(tmp_path))
    kept = matting.keeps({"image": Spec(Image, (480, 640, 3), "bgr")})
    assert kept == {"time": Spec(Tensor, (2,)), "before": Spec(Tensor, (1, 1, 8, 8))}


def test_alpha_has_the_pictures_size_and_raw_the_networks(tmp_path: pathlib.Path) -> None:
    matting = stage(tiny_networks.colour(tmp_path))
    made = matting.process(frame=frames()(), image=GREY)
    assert made["raw"].shape == (8, 8) and made["raw"].dtype == np.float32
    assert made["alpha"].shape == (20, 30) and made["alpha"].dtype == np.uint8
    assert np.all(made["alpha"] == 102)
    matting.close()


def test_alpha_rounds_to_the_nearest(tmp_path: pathlib.Path) -> None:
    """Every level of the picture comes back as itself."""
    matting, take = stage(tiny_networks.colour(tmp_path)), frames()
    for level in range(256):
        made = matting.process(frame=take(), image=np.full((8, 8, 3), level, np.uint8))
        assert np.all(made["alpha"] == level)


def test_alpha_is_rendered_into_the_slot(tmp_path: pathlib.Path) -> None:
    slot = np.full((20, 30), 7, np.uint8)
    matting = stage(tiny_networks.colour(tmp_path), new=lambda name, shape, dtype: slot)
    assert matting.process(frame=frames()(), image=GREY)["alpha"] is slot
    assert np.all(slot == 102)


def test_the_enlarged_alpha_stays_close_to_exact_cubic(tmp_path: pathlib.Path) -> None:
    matting = stage(tiny_networks.colour(tmp_path))
    made = matting.process(frame=frames()(), image=NOISE)
    exact = np.clip(cv2.resize(made["raw"], (30, 20), interpolation=cv2.INTER_CUBIC), 0, 1) * 255
    assert np.abs(made["alpha"] - exact).max() <= 1.5 and np.abs(made["alpha"] - exact).mean() < 0.5


def test_a_picture_smaller_than_the_network(tmp_path: pathlib.Path) -> None:
    made = stage(tiny_networks.colour(tmp_path)).process(frame=frames()(), image=GREY[:4, :4])
    assert made["alpha"].shape == (4, 4) and np.all(made["alpha"] == 102)


def test_nv21(tmp_path: pathlib.Path) -> None:
    white = np.full((12, 8), 128, np.uint8)
    white[:8] = 235
    matting = stage(tiny_networks.colour(tmp_path), inputs={"image": Spec(Image, (12, 8), "nv21")})
    made = matting.process(frame=frames()(), image=white)
    assert made["alpha"].shape == (8, 8) and np.all(made["alpha"] == 255)


def test_states_go_from_frame_to_frame(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.counter(tmp_path)), frames()
    assert [count(matting.process(frame=take(), image=GREY)) for _ in range(4)] == [1, 2, 3, 4]


def test_each_camera_has_its_own(tmp_path: pathlib.Path) -> None:
    matting, a, b = stage(tiny_networks.counter(tmp_path)), frames("a"), frames("b")
    seen = [count(matting.process(frame=take(), image=GREY)) for take in (a, a, b, a, b)]
    assert seen == [1, 2, 1, 3, 2]


def test_a_cut_a_new_size_and_a_gap_start_anew(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.counter(tmp_path)), frames()
    flat, picture = GREY[:16, :16], NOISE[:16, :16]
    images = [(flat, 0.1), (flat, 0.1), (picture, 0.1), (picture, 0.1), (picture[:12], 0.1), (picture[:12], 0.4)]
    images.append((picture[:12], 0.6))
    assert [count(matting.process(frame=take(t), image=i)) for i, t in images] == [1, 2, 1, 2, 1, 2, 1]


def test_the_prior_is_ignored_after_a_jump(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.echo(tmp_path)), frames()

    def alpha(image: np.ndarray, after: float = 0.1) -> int:
        return int(matting.process(frame=take(after), image=image, prior=ONES)["alpha"][0, 0])

    assert alpha(GREY) == 0, "nothing is before the first frame"
    assert alpha(GREY) == 255
    assert alpha(NOISE) == 0, "a cut"
    assert alpha(NOISE) == 255
    assert alpha(NOISE, after=0.6) == 0, "a gap"


def test_without_a_prior_the_fourth_channel_is_zero(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.echo(tmp_path)), frames()
    for _ in range(2):
        assert not matting.process(frame=take(), image=GREY, prior=None)["raw"].any()


def test_nan_loses_the_frame_and_starts_anew(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.ratio(tmp_path)), frames()
    assert [count(matting.process(frame=take(), image=GREY)) for _ in range(2)] == [1, 2]
    black = GREY.copy()
    black[:, 10:20] = 0  # a third of it: NaN in some pixels, and no cut
    with pytest.raises(Drop) as lost:
        matting.process(frame=take(), image=black)
    assert lost.value.reason == "non_finite"
    assert [count(matting.process(frame=take(), image=GREY)) for _ in range(2)] == [1, 2]


def test_a_restarted_process_continues(tmp_path: pathlib.Path) -> None:
    memory: dict = {}
    path, take = tiny_networks.counter(tmp_path), frames(start=1e6)
    first = stage(path, memory=memory)
    assert [count(first.process(frame=take(), image=GREY)) for _ in range(3)] == [1, 2, 3]
    second = stage(path, memory=memory)
    assert [count(second.process(frame=take(), image=GREY)) for _ in range(2)] == [4, 5]
    third = stage(path, memory=memory)
    assert count(third.process(frame=take(0.6), image=GREY)) == 1, "too long ago"


def test_a_restarted_process_takes_the_prior(tmp_path: pathlib.Path) -> None:
    memory: dict = {}
    path, take = tiny_networks.echo(tmp_path), frames()
    stage(path, memory=memory).process(frame=take(), image=GREY, prior=ONES)
    assert np.all(stage(path, memory=memory).process(frame=take(), image=GREY, prior=ONES)["raw"] == 1)


def test_nothing_is_left_of_nan_after_a_restart(tmp_path: pathlib.Path) -> None:
    memory: dict = {}
    path, take = tiny_networks.ratio(tmp_path), frames()
    matting = stage(path, memory=memory)
    matting.process(frame=take(), image=GREY)
    with pytest.raises(Drop):
        matting.process(frame=take(), image=np.zeros_like(GREY))
    assert count(stage(path, memory=memory).process(frame=take(), image=GREY)) == 1


# -- routes -----------------------------------------------------------------------------------------------------------------


def routed(path: pathlib.Path, k: int = 3, **context: object) -> Matting:
    matting = stage(path, **context)
    matting.route = {"use": "periodic", "k": k}
    return matting


def test_every_frame_is_full_unless_told(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.counter(tmp_path)), frames()
    assert [matting.process(frame=take(), image=GREY)["route"] for _ in range(3)] == ["full"] * 3


def test_a_matte_is_used_again(tmp_path: pathlib.Path) -> None:
    matting, take = routed(tiny_networks.counter(tmp_path)), frames()
    made = [matting.process(frame=take(), image=GREY) for _ in range(7)]
    assert [one["route"] for one in made] == ["full", "reuse", "reuse", "full", "reuse", "reuse", "full"]
    assert [count(one) for one in made] == [1, 1, 1, 2, 2, 2, 3], "the network ran three times, its states went on"
    assert np.array_equal(made[1]["alpha"], made[0]["alpha"])


def test_a_matte_is_not_used_where_nothing_continues(tmp_path: pathlib.Path) -> None:
    matting, take = routed(tiny_networks.counter(tmp_path), k=100), frames()
    flat, picture = GREY[:16, :16], NOISE[:16, :16]
    images = [(flat, 0.1), (flat, 0.1), (picture, 0.1), (picture, 0.1), (picture[:12], 0.1), (picture[:12], 0.6)]
    made = [matting.process(frame=take(t), image=i)["route"] for i, t in images]
    assert made == ["full", "reuse", "full", "reuse", "full", "full"], "a start, a cut, a new size, a gap"


def test_each_camera_has_its_own_route(tmp_path: pathlib.Path) -> None:
    matting, a, b = routed(tiny_networks.counter(tmp_path), k=2), frames("a"), frames("b")
    made = [matting.process(frame=take(), image=GREY)["route"] for take in (a, a, b, a, b)]
    assert made == ["full", "reuse", "full", "full", "reuse"]


def test_a_restarted_process_begins_with_the_network_and_its_states(tmp_path: pathlib.Path) -> None:
    memory: dict = {}
    path, take = tiny_networks.counter(tmp_path), frames()
    first = routed(path, k=20, memory=memory)
    for _ in range(9):
        first.process(frame=take(), image=GREY)
    made = routed(path, k=20, memory=memory).process(frame=take(), image=GREY)
    assert (made["route"], count(made)) == ("full", 2), "the frames that were reused have kept the memory fresh"


def test_nothing_is_used_again_after_nan(tmp_path: pathlib.Path) -> None:
    matting, take = routed(tiny_networks.ratio(tmp_path), k=2), frames()
    black = GREY.copy()
    black[:, 10:20] = 0
    assert [matting.process(frame=take(), image=GREY)["route"] for _ in range(2)] == ["full", "reuse"]
    with pytest.raises(Drop):
        matting.process(frame=take(), image=black)
    assert matting.process(frame=take(), image=GREY)["route"] == "full"


def test_the_route_changes_without_another_network(tmp_path: pathlib.Path) -> None:
    matting, take = stage(tiny_networks.counter(tmp_path)), frames()
    matting.process(frame=take(), image=GREY)
    matting.route = {"use": "periodic", "k": 3}
    matting.changed(["route"])
    assert [matting.process(frame=take(), image=GREY)["route"] for _ in range(3)] == ["reuse", "reuse", "full"]
    assert count(matting.process(frame=take(), image=GREY)) == 2


def test_what_a_policy_is_told(tmp_path: pathlib.Path) -> None:
    seen = []

    class Watching(Policy):
        def choose(self, frame, branches, signals):  # type: ignore[no-untyped-def]
            seen.append((branches, round(signals["change"], 2), signals["since"]))
            return branches[0]

    matting, take = stage(tiny_networks.counter(tmp_path)), frames()
    matting.context.policy = lambda name: Watching()  # type: ignore[method-assign]
    brighter, other = np.minimum(GREY, 250) + 5, GREY.copy()
    other[:10] += 51
    for image in (GREY, brighter, other, NOISE):
        matting.process(frame=take(), image=image)
    both, full = ("reuse", "full"), ("full",)
    assert seen == [(full, 1.0, 0.0), (both, 0.0, 0.0), (both, 0.1, 1.0), (full, 1.0, 2.0)]


def test_a_camera_that_leaves_is_forgotten(tmp_path: pathlib.Path) -> None:
    matting, take = routed(tiny_networks.counter(tmp_path)), frames()
    matting.process(frame=take(), image=GREY)
    matting.leave("camera")
    matting.leave("never seen")
    assert not matting._pasts


def test_on_the_dry_device() -> None:
    made = stage("portrait", Dry()).process(frame=frames()(), image=GREY)
    assert made["raw"].shape == (256, 256) and made["alpha"].shape == (20, 30) and not made["alpha"].any()
