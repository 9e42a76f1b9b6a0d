"""The sound of a file in the recording of its pictures: a beep is where the flash is."""

from __future__ import annotations

import fractions
import pathlib

import numpy as np
import pytest

from edge import Context, Frame, GraphError, SourceError
from edge.plugins.record import Record, sound

av = pytest.importorskip("av", reason="needs the extra: pip install 'edgeflow[av]'")

RATE, SECOND = 48000, 25
BEEPS = (1, 2, 3, 4)


def clip(path, codec="aac", seconds=5, sounds=True):
    """A clip of 25 frames a second: at each of BEEPS one white frame, and 40 ms of sound."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("mpeg4", rate=SECOND)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = file.add_stream(codec, rate=RATE, layout="mono") if sounds else None
        for n in range(seconds * SECOND):
            frame = av.VideoFrame.from_ndarray(picture(n), format="bgr24")
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for start in range(0, seconds * RATE if sounds else 0, 1024):
            part = av.AudioFrame.from_ndarray(wave(start), format="fltp" if codec != "pcm_s16le" else "flt", layout="mono")
            part.sample_rate, part.pts, part.time_base = RATE, start, fractions.Fraction(1, RATE)
            file.mux(audio.encode(part))
        if audio is not None:
            file.mux(audio.encode(None))
    return path


def picture(n):
    return np.full((48, 64, 3), 255 if n in [b * SECOND for b in BEEPS] else 0, np.uint8)


def wave(start):
    """1024 samples: a tone of 1 kHz for 40 ms from each beep on."""
    at = (start + np.arange(1024)) / RATE
    loud = np.any([(at >= beep) & (at < beep + 0.04) for beep in BEEPS], axis=0)
    return (0.8 * np.sin(2 * np.pi * 1000 * at) * loud).astype(np.float32)[None]


def heard(path):
    """Where the recording flashes, and where it beeps, in seconds; its length."""
    with av.open(str(path)) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        pictures = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in file.decode(video=0)]
    with av.open(str(path)) as file:
        parts = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in file.decode(audio=0)]
    flashes = [time for time, level in pictures if level > 100]
    loud = [time for time, level in parts if level > 0.3]
    beeps = [time for i, time in enumerate(loud) if i == 0 or time - loud[i - 1] > 0.5]
    return flashes, beeps, pictures[-1][0]


def recorder(path, audio, sources=("camera",), **options):
    stage = Record()
    stage.path, stage.audio = pathlib.Path(path), pathlib.Path(audio)
    for name, value in options.items():
        setattr(stage, name, value)
    assert stage.check() == {}
    stage.open(Context(sources=sources, rates=dict.fromkeys(sources, float(SECOND))))
    return stage


def near(found, expected):
    return len(found) == len(expected) and all(abs(a - b) <= 0.045 for a, b in zip(found, expected, strict=True))


def test_a_beep_is_where_the_flash_is(tmp_path):
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4"))
    for n in range(5 * SECOND):
        stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()
    flashes, beeps, end = heard(tmp_path / "o.mp4")
    assert near(flashes, BEEPS) and near(beeps, BEEPS) and end == pytest.approx(4.96)


def test_frames_that_were_lost_leave_their_time(tmp_path):
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4"))
    for n in range(5 * SECOND):
        if not 10 < n < 60 or n % 25 in (0, 1):
            stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()
    flashes, beeps, _ = heard(tmp_path / "o.mp4")
    assert near(flashes, BEEPS) and near(beeps, BEEPS)


def test_each_file_of_a_row_has_its_own_part(tmp_path):
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4"), every=1.5)
    for n in range(5 * SECOND):
        stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()
    for first, beeps in ((0, [1.0]), (38, [0.48, 1.48]), (76, [0.96]), (114, [])):
        path = tmp_path / f"o-{first:06d}.mp4"
        flashes, found, _ = heard(path)
        assert near(flashes, beeps) and near(found, beeps), path.name


def test_a_recorder_that_begins_late_begins_there(tmp_path):
    """The successor of one that died."""
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4"))
    for n in range(60, 5 * SECOND):
        stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()
    flashes, beeps, _ = heard(tmp_path / "o.mp4")
    assert near(flashes, [0.6, 1.6]) and near(beeps, [0.6, 1.6])


def test_pictures_that_go_on_after_the_sound(tmp_path):
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4", seconds=2))
    for n in range(4 * SECOND):
        stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()
    flashes, beeps, _ = heard(tmp_path / "o.mp4")
    assert near(flashes, [1, 2, 3]) and near(beeps, [1, 1.984])  # the last one is cut off with the clip


def test_no_packet_twice_and_none_out_of_step(tmp_path):
    stage = recorder(tmp_path / "o.mp4", clip(tmp_path / "clip.mp4", seconds=2))
    for n in range(3 * SECOND):
        stage.process(Frame("camera", n, n / SECOND), picture(n))
    stage.close()

    def times(name, kind):
        with av.open(str(tmp_path / name)) as file:
            return [float(packet.pts * packet.time_base) for packet in file.demux(**{kind: 0}) if packet.pts is not None]

    assert times("o.mp4", "video") == pytest.approx([n / SECOND for n in range(3 * SECOND)])
    assert times("o.mp4", "audio") == pytest.approx([time for time in times("clip.mp4", "audio") if time >= 0])


def test_what_cannot_be_kept_is_told_before_the_first_frame(tmp_path):
    silent, pcm = clip(tmp_path / "silent.mp4", sounds=False), clip(tmp_path / "pcm.mkv", "pcm_s16le")
    (tmp_path / "text.mp4").write_text("no film")
    for path, told in (
        (silent, r"silent\.mp4: has no sound; leave audio out"),
        (
            pcm,
            r"pcm\.mkv: an MP4 cannot hold its sound \(pcm_s16le\); convert it: ffmpeg -i pcm\.mkv -c:v copy -c:a aac NEW\.mp4",
        ),
        (tmp_path / "not.mp4", r"not\.mp4: No such file or directory; give the file that the source reads"),
        (tmp_path / "text.mp4", r"text\.mp4: Invalid data found when processing input; give the file"),
    ):
        with pytest.raises(SourceError, match=told):
            recorder(tmp_path / "o.mp4", path)
    with pytest.raises(SourceError, match="2 cameras would write the same; put {source} into path"):
        recorder(tmp_path / "{source}.mp4", silent, sources=("a", "b"))


def test_a_camera_has_no_place_in_a_file(tmp_path):
    stage = Record()
    stage.path, stage.audio, stage.fps = tmp_path / "o.mp4", tmp_path / "clip.mp4", 25.0
    assert stage.check() == {"fps": "leave it out: the sound keeps the time of the file"}
    stage.fps = 0.0
    with pytest.raises(GraphError, match="audio is kept of files that are read with pace: fast"):
        stage.open(Context(live=True))


def test_every_kind_of_sound_that_is_copied_is_one_that_pyav_knows():
    assert set(sound.COPIED) <= av.codecs_available
