"""run and capture: one stage, one source, without processes, held to what they promise."""

from __future__ import annotations

import time

import numpy as np
import planted
import pytest

from edge import Alpha, Drop, GraphError, Image, Prior, SourceError, Spec, Stage, Tensor
from edge.testing import Clock, Faults, capture, people, pictures, run


class Told(Stage):
    """Tells what it was given."""

    offset: int = 0  # added to n

    makes = {"n": int, "source": str, "time": float, "lost": dict, "size": list}

    def process(self, frame, image: Image, alpha: Alpha = None):
        size = [list(image.shape), None if alpha is None else list(alpha.shape)]
        return {"n": frame.n + self.offset, "source": frame.source, "time": frame.time, "lost": frame.lost, "size": size}


class Diary(Stage):
    """A sink that writes down how it was called."""

    trouble = None

    def open(self, context):
        self.context = context
        self.calls = ["open"]

    def process(self, image: Image):
        self.calls.append(int(image[0, 0, 0]))
        if self.trouble:
            raise self.trouble

    def close(self):
        self.calls.append("close")


def greys(*levels):
    return [np.full((4, 6, 3), level, np.uint8) for level in levels]


# -- what is given ------------------------------------------------------------------------------------------------------------


def test_frames_are_numbered_timed_and_dealt_to_the_cameras():
    made = run(Told, greys(1, 2, 3, 4), sources=("door", "yard"), rate=10.0)
    assert [(row["source"], row["n"], row["time"]) for row in made] == [
        ("door", 0, 0.0),
        ("yard", 0, 0.0),
        ("door", 1, 0.1),
        ("yard", 1, 0.1),
    ]


def test_values_by_port_and_ports_that_are_not_wired():
    (both,) = run(Told, [{"image": greys(1)[0], "alpha": np.zeros((4, 6), np.uint8)}])
    (one,) = run(Told, greys(1))
    assert (both["size"], one["size"]) == ([[4, 6, 3], [4, 6]], [[4, 6, 3], None])


def test_a_value_that_does_not_say_which_port_it_is_for():
    with pytest.raises(TypeError, match="reads image, alpha: give each frame as a dict"):
        run(planted.Good, greys(1))
    with pytest.raises(TypeError, match="a frame has values for picture; the stage reads image, alpha"):
        run(Told, [{"picture": greys(1)[0]}])


def test_what_a_graph_would_refuse_is_refused():
    with pytest.raises(GraphError, match="Told needs 'image', which the frames do not have"):
        run(Told, [{"alpha": np.zeros((4, 6), np.uint8)}])
    with pytest.raises(GraphError, match="Told has no option 'ofset'. Did you mean 'offset'"):
        run(Told, greys(1), options={"ofset": 1})
    with pytest.raises(GraphError, match="option 'offset': expected a whole number, got 'one'"):
        run(Told, greys(1), options={"offset": "one"})
    with pytest.raises(GraphError, match="Good: option 'most': must be 1 to 100, not 0"):
        run(planted.Good, [], options={"most": 0})
    with pytest.raises(GraphError, match="AsksForMore needs 'address': text"):
        run(planted.AsksForMore, greys(1))


def test_an_instance_keeps_what_was_set_on_it():
    stage = Told()
    stage.offset = 40
    assert run(stage, greys(1))[0]["n"] == 40


def test_a_lost_value_is_none_where_it_is_optional_and_else_the_stage_is_not_called():
    frames = [{"image": image, "alpha": Drop("worker_died")} for image in greys(1)]
    (made,) = run(Told, frames)
    assert (made["size"][1], made["lost"]) == (None, {"alpha": "worker_died"})
    diary = Diary()
    made = run(diary, [greys(1)[0], Drop("decode_error"), greys(3)[0]])
    assert diary.calls == ["open", 1, 3, "close"]
    assert isinstance(made[1], Drop) and made[1].reason == "decode_error"


def test_specs_are_of_the_largest_frame_and_may_be_given():
    class Asks(Diary):
        def process(self, image: Image):
            self.spec_of_image = self.context.inputs["image"]

    stage = Asks()
    run(stage, [np.zeros((4, 9, 3), np.uint8), np.zeros((6, 5, 3), np.uint8)])
    assert stage.spec_of_image == Spec(Image, (6, 9, 3), "bgr")
    run(stage, pictures(1, (4, 6), "nv12"))
    assert stage.spec_of_image == Spec(Image, (6, 6), "nv12")
    run(stage, greys(1), specs={"image": Spec(Image, (40, 60, 3), "rgb")})
    assert stage.spec_of_image == Spec(Image, (40, 60, 3), "rgb")


def test_planes_are_read_only_for_good():
    class Tries(Diary):
        def process(self, image: Image):
            self.flags = (image.flags.writeable, image.base.flags.writeable)
            image.flags.writeable = True

    stage = Tries()
    with pytest.raises(AssertionError, match=r"Tries: process writes into a plane that it was given for frame 0 \(test_"):
        run(stage, greys(1))
    assert stage.flags == (False, False)


def test_a_kept_plane_is_overwritten_and_the_callers_is_not():
    class Keeps(Diary):
        def process(self, image: Image):
            self.kept = image

    class KeepsFloats(Diary):
        def process(self, values: Tensor):
            self.kept = values

    stage, frames = Keeps(), greys(9)
    run(stage, frames)
    assert set(stage.kept.ravel().tolist()) == {0xA5, 0x5A}
    assert (frames[0] == 9).all()
    floats = KeepsFloats()
    run(floats, [np.ones((2, 3), np.float32)])
    assert np.isnan(floats.kept).all()


def test_a_rendered_slot_holds_what_was_there_before():
    (made,) = run(planted.TrustsANewSlot, greys(1))
    assert set(made["image"][1].ravel().tolist()) == {0xA5, 0x5A}


def test_a_prior_is_given_where_the_frames_have_it():
    class Loop(Stage):
        makes = {"seen": bool}

        def process(self, image: Image, prior: Prior = None):
            return {"seen": prior is not None}

    image, prior = greys(1)[0], np.zeros((2, 3), np.float32)
    assert [row["seen"] for row in run(Loop, [{"image": image}])] == [False]
    assert [row["seen"] for row in run(Loop, [{"image": image, "prior": prior}])] == [True]


def test_memory_that_outlives_the_process_has_the_room_that_keeps_says():
    class Remembers(Stage):
        makes = {"before": float}

        def keeps(self, inputs):
            return {"level": Spec(Tensor, (1,))}

        def process(self, frame, image: Image):
            before = self.context.recall(frame.source, "level")
            self.context.remember(frame.source, "level", np.array([image.mean()], np.float32))
            return {"before": -1.0 if before is None else float(before[0])}

        def open(self, context):
            self.context = context

    made = run(Remembers, greys(1, 2, 3, 4), sources=("a", "b"))
    assert [row["before"] for row in made] == [-1.0, -1.0, 1.0, 2.0]


# -- how it ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [ValueError("odd"), SourceError("gone"), KeyboardInterrupt()])
def test_it_is_closed_whatever_happens_and_the_error_comes_through(trouble):
    stage = Diary()
    stage.trouble = trouble
    with pytest.raises(type(trouble)):
        run(stage, greys(1, 2))
    assert stage.calls == ["open", 1, "close"]


def test_a_drop_is_an_outcome():
    stage = Diary()
    stage.trouble = Drop("implausible", "all of it")
    made = run(stage, greys(1, 2))
    assert [(drop.reason, str(drop)) for drop in made] == [("implausible", "all of it")] * 2


def test_one_that_does_not_open_is_not_closed():
    class Absent(Diary):
        def open(self, context):
            super().open(context)
            raise SourceError("no card")

    stage = Absent()
    with pytest.raises(SourceError, match="no card"):
        run(stage, greys(1))
    assert stage.calls == ["open"]


@pytest.mark.parametrize(
    "cls, words",
    [
        (planted.WrongShape, "WrongShape: 'image' of frame 0 is 8×6×3; spec says 4×6×3 at most"),
        (planted.WrongDtype, "WrongDtype: 'image' of frame 0 is float64; Image is uint8"),
        (planted.MissingValue, "MissingValue: process returned no 'score' for frame 0"),
        (planted.NoDict, "NoDict: process returned a ndarray for frame 0; return a dict with 'image'"),
        (planted.FactOfItsOwn, "'box' of frame 0 is a object, which a message cannot carry"),
        (planted.FactTooLarge, "small facts have room for 4096 together"),
        (planted.FactOfAnotherType, "'score' of frame 0 is a str; `makes` says float"),
        (planted.ReusesItsResult, "'image' of frame 0 changed while frame 1 was worked on"),
        (planted.WritesBehindNumpy, "process changed 'image' of frame 0"),
        (planted.Exits, "process called sys.exit for frame 0"),
        (planted.ChangesFolder, "process changed the current folder"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_broken_promise_is_one_sentence(cls, words):
    with pytest.raises(AssertionError) as caught:
        run(cls, greys(1, 2, 3))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sink_that_returns_something():
    class Chatty(Diary):
        def process(self, image: Image):
            return {"note": "done"}

    with pytest.raises(AssertionError, match="returned 'note' for frame 0, which `makes` does not name"):
        run(Chatty, greys(1))


# -- a network ----------------------------------------------------------------------------------------------------------------


def test_a_network_is_loaded_as_a_graph_would():
    from edge.core.hooks import stage_class

    matting = stage_class("matting", True)
    frames = pictures(2)
    made = run(matting, frames, device="dry", options={"model": "portrait"})
    assert [row["alpha"].max() for row in made] == [0, 0]
    assert made[0]["alpha"].shape == (72, 128) and made[0]["raw"].shape == (256, 256)
    (real,) = run(matting, [{"image": people(1, (144, 144))[0]["image"]}], device="onnx", options={"model": "portrait"})
    assert real["alpha"].max() > 200
    with pytest.raises(GraphError, match="there is no device 'dyr'. Did you mean 'dry'"):
        run(matting, frames, device="dyr", options={"model": "portrait"})
    with pytest.raises(RuntimeError, match="opened without a device"):
        run(matting, frames, options={"model": "portrait"})


# -- a source -----------------------------------------------------------------------------------------------------------------


def test_the_first_frames_of_a_source():
    made = capture(planted.GoodSource, 7)
    assert [row["image"][0, 0, 0] if isinstance(row, dict) else row.reason for row in made] == [
        0,
        1,
        2,
        3,
        4,
        "decode_error",
        6,
    ]
    assert len(capture(planted.GoodSource, 10, options={"frames": 3})) == 3


def test_a_source_is_closed_and_its_generator_before():
    calls = []

    class Camera(planted.GoodSource):
        def capture(self):
            try:
                yield from super().capture()
            finally:
                calls.append("generator")

        def close(self):
            calls.append("close")

    capture(Camera, 2)
    assert calls == ["generator", "close"]


@pytest.mark.parametrize(
    "cls, words",
    [
        (planted.SameArrayAgain, "'image' of frame 0 changed while frame 1 was made"),
        (planted.LargerThanItSaid, "'image' of frame 0 is 72×128×3; spec says 36×64×3"),
        (planted.NoGenerator, "capture returned a list; write it as a generator"),
    ],
)
def test_a_source_that_breaks_a_promise(cls, words):
    with pytest.raises(AssertionError, match=words):
        capture(cls)


def test_each_has_its_own():
    with pytest.raises(TypeError, match="GoodSource is a source: capture"):
        run(planted.GoodSource, [])
    with pytest.raises(TypeError, match="Good is no source: run"):
        capture(planted.Good)


# -- the clock ----------------------------------------------------------------------------------------------------------------


def test_frames_move_the_clock():
    class Stamps(Stage):
        makes = {"at": float}

        def process(self, image: Image):
            return {"at": time.monotonic()}

    with Clock(start=50.0) as clock:
        made = run(Stamps, greys(1, 2, 3), rate=2.0, clock=clock, faults=Faults().gap(2, frames=4))
    assert [row["at"] for row in made] == [50.0, 50.5, 53.0]
    assert abs(time.monotonic() - 50.0) > 10


def test_a_live_frames_time_is_the_clocks():
    (made,) = run(Told, greys(1), live=True, clock=Clock(start=7.0))
    assert made["time"] == 7.0


def test_a_source_that_waits_does_not():
    class Paced(planted.GoodSource):
        @property
        def live(self):
            return True

        def capture(self):
            for image in super().capture():
                time.sleep(10)
                yield image

    clock = Clock(start=0.0)
    capture(Paced, 4, clock=clock)
    assert clock.monotonic() == 40.0
