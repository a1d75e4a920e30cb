"""Video files and recordings as sources: pacing, damage, and what the errors say."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.pacing import Playback
from app.recording import FRAMES_FILE, RecordingWriter
from app.sources.base import EndOfSource, Source
from app.sources.recording import RecordingSource
from app.sources.video import VideoSource

COUNT = 30
FPS = 30.0
SIZE_PX = (64, 48)
PERIOD_NS = 33_333_333
T_RECORDED_NS = 5 * 10**12


class FakeClock:
    """A clock that moves only when told to, or when someone sleeps."""

    def __init__(self) -> None:
        self.t_ns = 10**15

    def now_ns(self) -> int:
        return self.t_ns

    def sleep_s(self, duration_s: float) -> None:
        self.t_ns += round(duration_s * 1e9)

    def playback(self) -> Playback:
        return Playback(True, self.now_ns, self.sleep_s)


def write_video(path: Path, count: int = COUNT, fps: float = FPS, fourcc: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), fps, (160, 120))
    assert writer.isOpened()
    noise = np.random.default_rng(0)
    for i in range(count):
        image = noise.integers(0, 60, (120, 160, 3), dtype=np.uint8)
        image[:, :80] += np.uint8(5 * i % 190)
        writer.write(image)
    writer.release()
    return path


def write_recording(path: Path, t_ns: list[int] | None = None, fps: float = FPS) -> Path:
    with RecordingWriter(path, SIZE_PX, fps, blocking=True) as writer:
        for i, t in enumerate(t_ns or [i * PERIOD_NS for i in range(COUNT)]):
            image = np.full((48, 64, 3), 5 * i, np.uint8)
            writer.write(Frame(i, T_RECORDED_NS + t, image))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip ü.mp4")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("recording") / "run.rec")


Open = Callable[..., Source]


@pytest.fixture(params=["video", "recording"])
def open_any(request: pytest.FixtureRequest, video: Path, recording: Path) -> Open:
    if request.param == "video":
        return lambda *arguments: VideoSource(video, *arguments)
    return lambda *arguments: RecordingSource(recording, *arguments)


def read_all(source: Source) -> list[Frame]:
    frames = []
    while True:
        try:
            frame = source.read(10.0)
        except EndOfSource:
            source.close()
            return frames
        assert frame is not None
        frames.append(frame)


# --- both ---------------------------------------------------------------------------------------------------


def test_every_frame_comes_when_not_in_real_time(open_any: Open) -> None:
    source = open_any(False)
    frames = read_all(source)
    assert [f.index for f in frames] == list(range(COUNT))
    steps_ns = np.diff([f.t_capture_ns for f in frames])
    np.testing.assert_allclose(steps_ns, 1e9 / FPS, atol=2)
    assert source.frame_count == COUNT
    assert source.fps == FPS
    assert not source.live
    assert source.status == ""
    assert frames[0].image.shape == (source.size_px[1], source.size_px[0], 3)
    for frame in frames:
        assert abs(float(frame.image[:, :10].mean()) - 5 * frame.index) < 35


def test_frames_come_when_they_are_due_in_real_time(open_any: Open) -> None:
    clock = FakeClock()
    t_start_ns = clock.t_ns
    frames = read_all(open_any(True, clock.playback()))
    assert [f.index for f in frames] == list(range(COUNT))
    t_ns = [f.t_capture_ns - t_start_ns for f in frames]
    np.testing.assert_allclose(t_ns, np.arange(COUNT) * 1e9 / FPS, atol=100)
    assert clock.t_ns >= frames[-1].t_capture_ns


def test_late_frames_are_skipped_in_real_time(open_any: Open) -> None:
    clock = FakeClock()
    source = open_any(True, clock.playback())
    first = source.read(1.0)
    assert first is not None
    assert first.index == 0
    clock.t_ns += 350_000_000  # the pipeline was busy for ten and a half frames
    late = source.read(1.0)
    assert late is not None
    assert late.index == 10
    assert clock.t_ns - late.t_capture_ns < 1e9 / FPS
    following = source.read(1.0)
    assert following is not None
    assert following.index == 11
    source.close()


def test_the_last_frame_is_given_even_if_all_are_late(open_any: Open) -> None:
    clock = FakeClock()
    source = open_any(True, clock.playback())
    source.read(1.0)
    clock.t_ns += 10**10
    assert [f.index for f in read_all(source)] == [COUNT - 1]


def test_a_frame_not_yet_due_is_none_and_comes_later(open_any: Open) -> None:
    clock = FakeClock()
    source = open_any(True, clock.playback())
    source.read(1.0)
    assert source.read(0.01) is None
    assert source.read(0.01) is None
    later = source.read(1.0)
    assert later is not None
    assert later.index == 1
    source.close()


def test_the_playback_starts_with_the_first_read(open_any: Open) -> None:
    clock = FakeClock()
    source = open_any(True, clock.playback())
    clock.t_ns += 10**10  # models are loaded meanwhile
    first = source.read(1.0)
    assert first is not None
    assert (first.index, first.t_capture_ns) == (0, clock.t_ns)
    source.close()


def test_a_closed_source_has_ended(open_any: Open) -> None:
    source = open_any(False)
    source.read(1.0)
    source.close()
    source.close()
    with pytest.raises(EndOfSource):
        source.read(1.0)


# --- recordings ---------------------------------------------------------------------------------------------


def test_a_recording_keeps_its_own_times_and_indices(recording: Path) -> None:
    frames = read_all(RecordingSource(recording, realtime=False))
    assert frames[3].t_capture_ns == T_RECORDED_NS + 3 * 33_333_333


def test_a_cut_off_recording_plays_and_warns_at_its_end(tmp_path: Path) -> None:
    frames_path = write_recording(tmp_path / "run.rec") / FRAMES_FILE
    frames_path.write_bytes(frames_path.read_bytes()[:-5])
    source = RecordingSource(tmp_path / "run.rec", realtime=False)
    assert len(read_all(source)) == COUNT - 1
    assert source.truncated
    assert "cut off" in source.status


def test_a_recording_without_frames_is_said_so(tmp_path: Path) -> None:
    RecordingWriter(tmp_path, SIZE_PX, FPS, blocking=True).close()
    with pytest.raises(AppError, match="has no frames"):
        RecordingSource(tmp_path, realtime=False)


BAD_TIMES: dict[str, Callable[[int], int]] = {
    "all the same": lambda i: 0,
    "backward": lambda i: -i * PERIOD_NS,
    "repeated": lambda i: i // 2 * 2 * PERIOD_NS,
    "set back an hour": lambda i: i * PERIOD_NS - (3600 * 10**9 if i >= 10 else 0),
    "set ahead an hour": lambda i: i * PERIOD_NS + (3600 * 10**9 if i >= 10 else 0),
    "one in the past": lambda i: i * PERIOD_NS - (10**12 if i == 10 else 0),
    "one in the future": lambda i: i * PERIOD_NS + (10**12 if i == 10 else 0),
}


@pytest.mark.parametrize("kind", list(BAD_TIMES))
@pytest.mark.parametrize("realtime", [False, True])
def test_a_recording_with_bad_times_plays_in_full(tmp_path: Path, kind: str, realtime: bool) -> None:
    path = write_recording(tmp_path / "run.rec", [BAD_TIMES[kind](i) for i in range(COUNT)])
    clock = FakeClock()
    source = RecordingSource(path, realtime, clock.playback() if realtime else None)
    frames = []
    for _ in range(COUNT):
        frame = source.read(20.0)
        assert frame is not None
        frames.append(frame)
        assert not realtime or frame.t_capture_ns <= clock.t_ns
    source.close()
    assert [frame.index for frame in frames] == list(range(COUNT))
    steps_ns = np.diff([frame.t_capture_ns for frame in frames])
    assert (steps_ns > 0).all()
    assert (steps_ns <= 10**10).all()
    assert np.median(steps_ns) == pytest.approx(PERIOD_NS, rel=1e-6)


@pytest.mark.parametrize("fps", [0.0, float("nan"), 1e9])
def test_a_recording_of_no_sensible_rate_plays(tmp_path: Path, fps: float) -> None:
    source = RecordingSource(write_recording(tmp_path / "run.rec", fps=fps), realtime=False)
    assert source.fps == 30.0
    assert len(read_all(source)) == COUNT


# --- videos -------------------------------------------------------------------------------------------------


def test_what_is_no_video_is_said_in_one_sentence(tmp_path: Path, video: Path) -> None:
    text, empty, cut = (tmp_path / name for name in ("text.mp4", "empty.mp4", "cut.mp4"))
    text.write_text("not a video\n" * 500)
    empty.write_bytes(b"")
    content = video.read_bytes()
    assert content.rindex(b"moov") > len(content) // 2  # so that half a file lacks it
    cut.write_bytes(content[: len(content) // 2])
    for path, message in [
        (tmp_path / "absent.mp4", "there is no video file"),
        (tmp_path, "is a directory"),
        (text, "it is no video"),
        (empty, "is empty"),
        (cut, "it is cut off"),
    ]:
        with pytest.raises(AppError, match=message) as caught:
            VideoSource(path, realtime=False)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_a_name_that_is_no_text_is_said_in_one_sentence(tmp_path: Path, video: Path) -> None:
    path = tmp_path / os.fsdecode(b"vid\xe9o.mp4")
    path.write_bytes(video.read_bytes())
    with pytest.raises(AppError, match="is no UTF-8; rename it"):
        VideoSource(path, realtime=False)


def test_a_file_that_ends_early_plays_and_warns_at_its_end(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", count=90, fourcc="MJPG")
    content = whole.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(content[: len(content) // 2])
    source = VideoSource(cut, realtime=False)
    frames = read_all(source)
    assert 30 < len(frames) < 60
    assert source.truncated
    assert source.status == f"cut.avi is damaged: it ends after {len(frames)} of 90 frames"


def write_at(path: Path, t_ms: list[int]) -> Path:
    """A video whose frames come at these times, of which its container counts only the last."""
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-export.txt")
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        noise = np.random.default_rng(0)
        for t in t_ms:
            image = noise.integers(0, 255, (120, 160, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = t, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def times_ms(first_ms: int, steps_ms: tuple[int, ...], count: int = 90) -> list[int]:
    steps = np.random.default_rng(1).choice(steps_ms, count - 1)
    return [first_ms, *(first_ms + np.cumsum(steps)).tolist()]


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mp4"])
@pytest.mark.parametrize(
    "t_ms",
    [times_ms(0, (16, 33, 50, 120)), times_ms(500, (33,)), times_ms(5000, (33,)), times_ms(5000, (16, 120))],
    ids=["any rate", "starts at 0.5 s", "starts at 5 s", "any rate, starts at 5 s"],
)
def test_a_sound_file_of_any_rate_and_start_is_not_called_damaged(
    tmp_path: Path, suffix: str, t_ms: list[int]
) -> None:
    source = VideoSource(write_at(tmp_path / f"sound{suffix}", t_ms), realtime=False)
    assert len(read_all(source)) == len(t_ms)
    assert (source.status, source.truncated, source.corrupt_frames) == ("", False, 0)


@pytest.mark.parametrize("first_ms", [0, 5000])
def test_a_file_that_counts_no_frames_tells_the_times_it_lacks(tmp_path: Path, first_ms: int) -> None:
    t_ms = times_ms(first_ms, (16, 33, 50, 120), 150)
    content = write_at(tmp_path / "whole.mkv", t_ms).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(content[: len(content) // 2])
    source = VideoSource(cut, realtime=False)
    frames = read_all(source)
    assert 50 < len(frames) < 100
    assert source.truncated
    assert source.corrupt_frames == 0
    lasts_s, ends_s = (t_ms[-1] - first_ms) / 1e3, frames[-1].t_capture_ns / 1e9
    told = re.fullmatch(r"cut\.mkv is damaged: it ends after (.*) of (.*) s", source.status)
    assert told is not None
    np.testing.assert_allclose([float(told[1]), float(told[2])], [ends_s, lasts_s], atol=0.2)


def test_frames_that_cannot_be_decoded_are_left_out_and_counted(shared_data: Path, tmp_path: Path) -> None:
    content = bytearray((shared_data / "video" / "hand_thumb_up.mp4").read_bytes())
    damage = np.random.default_rng(0)
    for start in damage.integers(200_000, len(content) - 40_000, 30):
        content[start : start + 2000] = damage.bytes(2000)
    path = tmp_path / "corrupt.mp4"
    path.write_bytes(content)
    source = VideoSource(path, realtime=False)
    frames = read_all(source)
    assert 100 < len(frames) < 195
    assert source.corrupt_frames == 195 - len(frames)
    assert not source.truncated
    assert "could not be decoded" in source.status
    assert (np.diff([f.t_capture_ns for f in frames]) > 0).all()


@pytest.mark.parametrize(
    ("clip", "count", "fps", "size_px"),
    [("hand_person_a.mp4", 330, 16.667, (640, 640)), ("hand_two_hands.gif", 41, 10.0, (600, 472))],
)
def test_real_files_have_their_known_length_rate_and_size(
    shared_data: Path, clip: str, count: int, fps: float, size_px: tuple[int, int]
) -> None:
    source = VideoSource(shared_data / "video" / clip, realtime=False)
    assert (source.frame_count, source.size_px) == (count, size_px)
    assert source.fps == pytest.approx(fps, abs=1e-3)
    frames = read_all(source)
    assert len(frames) == count
    assert frames[-1].t_capture_ns == pytest.approx((count - 1) / fps * 1e9, rel=1e-3)
    assert source.status == ""


class OddCapture:
    """A capture whose container states nonsense and whose timestamps jump about."""

    def __init__(self, t_msec: list[float], fps: float) -> None:
        self._t_msec = t_msec
        self._fps = fps
        self._at = -1

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        self._at += 1
        return self._at < len(self._t_msec)

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((4, 6, 3), np.uint8)

    def get(self, property_id: int) -> float:
        if property_id == cv2.CAP_PROP_POS_MSEC:
            return self._t_msec[self._at]
        if property_id == cv2.CAP_PROP_FPS:
            return self._fps
        return -9.2e18 if property_id == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def release(self) -> None:
        pass


def test_senseless_rates_and_timestamps_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(b"any")
    capture = OddCapture([0.0, 40.0, 40.0, float("nan"), -5.0, 1e15, 200.0], fps=90_000.0)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: capture)
    source = VideoSource(path, realtime=False)
    assert source.fps == 30.0
    assert source.frame_count is None
    t_ms = [f.t_capture_ns / 1e6 for f in read_all(source)]
    np.testing.assert_allclose(t_ms, [0.0, 40.0, 73.33, 106.67, 140.0, 173.33, 200.0], atol=0.01)


def test_a_video_whose_clock_is_set_back_goes_on_in_its_own_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where two files were joined: the second one's timestamps start again."""
    path = tmp_path / "joined.mp4"
    path.write_bytes(b"any")
    t_msec = [2000.0 + 40.0 * i for i in range(60)] + [50.0 * i for i in range(10)]
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: OddCapture(t_msec, fps=25.0))
    steps_ms = np.diff([f.t_capture_ns / 1e6 for f in read_all(VideoSource(path, realtime=False))])
    np.testing.assert_allclose(steps_ms, [40.0] * 60 + [50.0] * 9)


# --- pacing -------------------------------------------------------------------------------------------------


def test_renderers_skip_to_the_newest_due_frame() -> None:
    clock = FakeClock()
    playback = clock.playback()
    assert playback.newest_due_index(0, 30.0) == 0
    playback.start()
    clock.t_ns += 350_000_000
    assert playback.newest_due_index(1, 30.0) == 10
    assert playback.newest_due_index(12, 30.0) == 12
    assert Playback(realtime=False).newest_due_index(1, 30.0) == 1
