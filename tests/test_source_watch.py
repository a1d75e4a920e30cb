"""Sources that misbehave: what is mended, what counts as seen, and what the operator reads."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.frame import Frame
from app.opencv import cv2
from app.sources.watch import Look, SourceWatch

PERIOD_NS = 33_333_333
AGE_NS = 20_000_000
START_NS = 10**15
NOISE = tuple(np.random.default_rng(0).integers(40, 200, (64, 96, 128, 3), dtype=np.uint8))
ANY_TIME = st.integers(-(2**63), 2**63 - 1)


def noisy(k: int) -> np.ndarray:
    """What a camera gives: no two images are alike."""
    return NOISE[k % len(NOISE)]


def play(
    watch: SourceWatch,
    images: Iterable[np.ndarray],
    first: int = 0,
    period_ns: int = PERIOD_NS,
    realtime: bool = True,
) -> list[Look]:
    looks = []
    for k, image in enumerate(images, first):
        t_ns = START_NS + k * period_ns
        looks.append(watch.look(Frame(k, t_ns, image), t_ns + AGE_NS if realtime else None))
    return looks


def camera() -> SourceWatch:
    return SourceWatch("camera 0", 30.0, live=True)


def counts(watch: SourceWatch) -> dict[str, int]:
    return {name: count for name, count in dataclasses.asdict(watch.counters).items() if count}


def test_a_healthy_source_is_passed_on_untouched() -> None:
    watch = camera()
    for k, look in enumerate(play(watch, (noisy(k) for k in range(120)))):
        assert look.frame.image is noisy(k)
        assert (look.frame.index, look.frame.t_capture_ns) == (k, START_NS + k * PERIOD_NS)
        assert (look.fresh, look.notice) == (True, "")
    assert counts(watch) == {}
    assert watch.rate_hz == pytest.approx(30.0)


# --- frozen and dark ----------------------------------------------------------------------------------------


def test_a_frozen_camera_is_no_observation_after_a_moment_and_recovers_at_once() -> None:
    watch = camera()
    looks = play(watch, [*(noisy(k) for k in range(10)), *[noisy(10)] * 60, noisy(11)])
    frozen_from = next(k for k, look in enumerate(looks) if not look.fresh)
    assert 0.3 < (frozen_from - 10) * PERIOD_NS / 1e9 < 0.4
    assert not any(look.fresh for look in looks[frozen_from:70])
    assert {look.notice for look in looks[frozen_from:70]} == {
        "camera 0 shows the same image over and over: it is frozen; unplug it and plug it in again"
    }
    assert (looks[70].fresh, looks[70].notice) == (True, "")
    assert counts(watch) == {"repeated_images": 59}
    assert (np.diff([look.frame.t_capture_ns for look in looks]) > 0).all()


def test_a_frozen_stream_is_to_be_restarted() -> None:
    watch = SourceWatch("rtsp://camera.local/live", 30.0, live=True)
    assert play(watch, [noisy(0)] * 20)[-1].notice.endswith("it is frozen; restart it")


def test_the_image_from_before_a_stall_is_nothing_new_after_it() -> None:
    watch = camera()
    play(watch, [noisy(0)])
    t_ns = START_NS + 5 * 10**9
    assert not watch.look(Frame(1, t_ns, noisy(0)), t_ns + AGE_NS).fresh


def test_an_image_that_differs_in_one_value_is_new() -> None:
    def almost_the_same(k: int) -> np.ndarray:
        image = noisy(0).copy()
        image[95, 127, 2] = k
        return image

    watch = camera()
    assert all(look.fresh for look in play(watch, (almost_the_same(k) for k in range(60))))
    assert counts(watch) == {}


def test_a_camera_that_sends_every_image_twice_is_not_frozen() -> None:
    watch = camera()
    assert all(look.fresh and not look.notice for look in play(watch, (noisy(k // 2) for k in range(90))))


@pytest.mark.parametrize("realtime", [True, False])
def test_a_file_may_stand_still(realtime: bool) -> None:
    watch = SourceWatch("clip.mp4", 30.0, live=False)
    looks = play(watch, [noisy(0)] * 90, realtime=realtime)
    assert all(look.fresh for look in looks)
    assert {look.notice for look in looks[:60]} == {""}
    assert looks[-1].notice == "clip.mp4 shows the same image over and over"


def test_a_covered_lens_is_said_and_still_looked_at() -> None:
    noise = np.random.default_rng(0)

    def black(k: int) -> np.ndarray:
        return noise.integers(0, 12, (96, 128, 3), dtype=np.uint8)

    watch = camera()
    looks = play(watch, [*(noisy(k) for k in range(10)), *(black(k) for k in range(30)), noisy(0)])
    assert all(look.fresh for look in looks)
    assert {look.notice for look in looks[:25]} == {""}
    assert {look.notice for look in looks[26:40]} == {
        "camera 0 sees only black: take off its cap, open its shutter, or turn on a light"
    }
    assert looks[40].notice == ""
    assert counts(watch) == {"dark_images": 30}


def test_the_same_black_over_and_over_is_dark_and_not_frozen() -> None:
    looks = play(camera(), [np.zeros((96, 128, 3), np.uint8)] * 60)
    assert all(look.fresh for look in looks)
    assert "black" in looks[-1].notice


def test_a_dim_picture_is_not_dark() -> None:
    dim = [(noisy(k) // 8).astype(np.uint8) for k in range(4)]
    for image in dim:
        image[:, :64] = 0
        image[40:60, 30:60] = 60  # a face by the light of a screen
    assert {look.notice for look in play(camera(), (dim[k % 4] for k in range(60)))} == {""}


def test_the_real_recordings_are_healthy(shared_data: Path) -> None:
    clips = sorted((shared_data / "video").glob("*.mp4"))
    assert clips
    for path in clips:
        capture = cv2.VideoCapture(str(path))
        watch = SourceWatch(path.name, 30.0, live=True)
        looks = play(watch, (image for _ in range(30) for good, image in [capture.read()] if good))
        capture.release()
        assert len(looks) == 30
        assert all(look.fresh and not look.notice for look in looks), path.name


# --- times --------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-5, 100), ANY_TIME, st.integers(1, 10**9)), max_size=50))
def test_live_times_increase_and_are_never_in_the_future(frames: list[tuple[int, int, int]]) -> None:
    watch = camera()
    t_now_ns, t_last_ns = START_NS, -(2**63) - 1
    for index, t_came_ns, step_ns in frames:
        t_now_ns += step_ns
        t_ns = watch.look(Frame(index, t_came_ns, noisy(0)), t_now_ns).frame.t_capture_ns
        assert t_last_ns < t_ns <= t_now_ns
        t_last_ns = t_ns


@given(st.lists(st.tuples(st.integers(-5, 100), ANY_TIME), max_size=50))
def test_the_times_of_a_file_increase(frames: list[tuple[int, int]]) -> None:
    watch = SourceWatch("clip.mp4", 30.0, live=False)
    t_last_ns = -(2**63) - 1
    for index, t_came_ns in frames:
        t_ns = watch.look(Frame(index, t_came_ns, noisy(0)), None).frame.t_capture_ns
        assert t_ns > t_last_ns
        t_last_ns = t_ns


def test_wrong_times_are_counted_by_their_kind_and_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = camera()
    came_ns = [k * PERIOD_NS for k in range(10)]
    came_ns[3] = came_ns[2]
    came_ns[5] = came_ns[1]
    came_ns[7] += 10**9
    came_ns[8] -= 10**9
    with caplog.at_level(logging.WARNING):
        looks = [
            watch.look(Frame(k, START_NS + t_ns, noisy(k)), START_NS + k * PERIOD_NS + AGE_NS)
            for k, t_ns in enumerate(came_ns)
        ]
    assert counts(watch) == {"repeated_times": 1, "backward_times": 2, "future_times": 1}
    assert [look.frame.t_capture_ns for look in looks] == [START_NS + k * PERIOD_NS for k in range(10)]
    assert [record.getMessage() for record in caplog.records] == [
        "camera 0 gives a wrong time with frame 3 (repeated); such times are mended and counted"
    ]


def test_frames_left_out_of_a_file_count_when_a_time_is_made_up() -> None:
    watch = SourceWatch("clip.mp4", 30.0, live=False)
    watch.look(Frame(0, START_NS, noisy(0)), None)
    assert watch.look(Frame(3, START_NS, noisy(1)), None).frame.t_capture_ns == START_NS + 3 * PERIOD_NS


# --- the rate -----------------------------------------------------------------------------------------------


def test_half_the_rate_is_said_after_two_seconds_and_changes_nothing_else() -> None:
    watch = camera()
    play(watch, (noisy(k) for k in range(60)))
    looks = play(watch, (noisy(k) for k in range(60)), first=31, period_ns=2 * PERIOD_NS)
    assert all(look.fresh for look in looks)
    assert [look.frame.t_capture_ns for look in looks] == [
        START_NS + 2 * k * PERIOD_NS for k in range(31, 91)
    ]
    assert watch.rate_hz == pytest.approx(15.0)
    assert {look.notice for look in looks[:30]} == {""}
    assert {look.notice for look in looks[47:]} == {
        "camera 0 gives 15 images a second instead of 30: more light or a lower resolution helps"
    }
    looks = play(watch, (noisy(k) for k in range(60)), first=182)
    assert looks[30].notice == ""
    assert watch.rate_hz == pytest.approx(30.0)


def test_a_rate_at_the_border_does_not_come_and_go() -> None:
    watch = camera()
    t_ns, notices = START_NS, []
    for k in range(300):
        t_ns += round(1e9 / (17.5 if k < 100 or k % 60 < 30 else 18.5))
        notices.append(watch.look(Frame(k, t_ns, noisy(k)), t_ns).notice)
    assert len(set(notices[60:])) == 1
    assert notices[-1]


def test_a_file_of_another_rate_than_it_says_is_no_matter() -> None:
    watch = SourceWatch("clip.mp4", 30.0, live=False)
    assert {look.notice for look in play(watch, (noisy(k) for k in range(90)), period_ns=10**8)} == {""}


def test_frames_we_skip_are_not_the_cameras_fault() -> None:
    watch = camera()
    for k in range(0, 400, 4):
        t_ns = START_NS + k * PERIOD_NS
        assert watch.look(Frame(k, t_ns, noisy(k)), t_ns + AGE_NS).notice == ""
    assert watch.rate_hz == pytest.approx(30.0)


@pytest.mark.parametrize("fps", [0.0, -30.0, float("nan"), float("inf")])
def test_what_is_no_rate_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="give a number above 0"):
        SourceWatch("camera 0", fps, live=True)


# --- the size -----------------------------------------------------------------------------------------------


def bright_left(width: int, height: int) -> np.ndarray:
    image = np.random.default_rng(width).integers(0, 60, (height, width, 3), dtype=np.uint8)
    image[:, : width // 2] += 180
    return image


@pytest.mark.parametrize(("width", "height"), [(64, 48), (256, 192), (128, 96)])
def test_an_image_of_the_same_shape_is_scaled(width: int, height: int) -> None:
    watch = camera()
    looks = play(watch, [noisy(0), bright_left(width, height)])
    assert looks[1].frame.image.shape == (96, 128, 3)
    assert looks[1].frame.image[:, :63].min() > 120
    assert looks[1].frame.image[:, 66:].max() < 100
    assert (looks[1].fresh, looks[1].notice) == (True, "")


@pytest.mark.parametrize(("width", "height"), [(128, 72), (96, 128), (300, 10), (1, 1), (2, 500)])
def test_an_image_of_another_shape_is_shown_and_not_observed(width: int, height: int) -> None:
    watch = camera()
    looks = play(watch, [noisy(0), bright_left(width, height), noisy(1)])
    assert looks[1].frame.image.shape == (96, 128, 3)
    assert not looks[1].fresh
    assert looks[1].notice == (
        f"camera 0 gives images of {width}×{height} now and gave 128×96: set it back, or start again"
    )
    assert (looks[2].fresh, looks[2].notice) == (True, "")
    assert counts(watch) == {"resized_images": 1}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: image[:, :, 0],
        lambda image: image.astype(np.float32),
        lambda image: image[:0],
        lambda image: None,
    ],
)
def test_what_is_no_image_is_left_to_the_detector_to_count(spoil: Callable[[np.ndarray], object]) -> None:
    watch = camera()
    bad = spoil(noisy(0))
    looks = [
        watch.look(Frame(k, START_NS + k * PERIOD_NS, image), START_NS + k * PERIOD_NS)  # type: ignore[arg-type]
        for k, image in enumerate([bad, noisy(0), bad, noisy(1)])
    ]
    assert looks[2].frame.image is bad
    assert [look.fresh for look in looks] == [True] * 4


def test_images_that_are_views_are_looked_at_too() -> None:
    wide = np.repeat(noisy(0), 2, axis=1)
    assert not play(camera(), [wide[:, ::2, ::-1]] * 20)[-1].fresh
