"""The 64-slot time grid."""

from dataclasses import replace

import numpy as np
import pytest

from app.window import ObservationWindow
from models.camera import Camera
from models.observation import Observation
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS

CAMERA = Camera.assumed((640, 480))
MS = 1_000_000


def seen(t_ns: int, mark: float = 0.0, hand: str = "right") -> Observation:
    keypoints_m = np.random.default_rng(0).normal(0.0, 0.05, (21, 3))
    keypoints_m -= keypoints_m[0]
    keypoints_px = CAMERA.project(keypoints_m + np.array([0.0, 0.0, 0.5]))
    keypoints_m[1] = [mark, 0.03, 0.0]
    return Observation(t_ns, hand, True, keypoints_m, keypoints_px, (640, 480), 0.9)


def marks(window) -> np.ndarray:
    return window.keypoints_m[window.observed, 1, 0]


def test_a_steady_30_hz_camera_fills_every_slot():
    window = ObservationWindow("right", CAMERA)
    for i in range(100):
        window.add(seen(i * 33_366_700, mark=i))  # 29.97 Hz
    snapshot = window.snapshot()
    assert snapshot.observed.all()
    np.testing.assert_array_equal(marks(snapshot), np.arange(36, 100))


def test_capture_jitter_loses_no_frame():
    window = ObservationWindow("right", CAMERA)
    rng = np.random.default_rng(1)
    for i in range(100):
        window.add(seen(i * SLOT_PERIOD_NS + int(rng.uniform(-8, 8) * MS), mark=i))
    snapshot = window.snapshot()
    assert snapshot.observed[1:].all()  # the very first slot may look past the window's edge
    assert np.all(np.diff(marks(snapshot)) == 1)


def test_a_drifting_clock_never_slides_across_a_slot_border():
    window = ObservationWindow("right", CAMERA)
    for i in range(3000):
        window.add(seen(round(i * SLOT_PERIOD_NS * 1.003), mark=i))
        if i > 80 and i % 97 == 0:
            assert window.snapshot().observed.all()


def test_missing_frames_leave_masked_slots():
    window = ObservationWindow("right", CAMERA)
    for i in range(70):
        if i in (65, 66):
            continue
        t_ns = i * SLOT_PERIOD_NS
        window.add(seen(t_ns, mark=i) if i != 68 else Observation.missing(t_ns, "right", (640, 480)))
    snapshot = window.snapshot()
    hidden = WINDOW_SLOTS - 1 - np.flatnonzero(~snapshot.observed)
    np.testing.assert_array_equal(sorted(hidden), [1, 3, 4])
    assert np.isnan(snapshot.keypoints_m[~snapshot.observed]).all()


def test_two_frames_in_one_slot_keep_the_one_nearer_to_its_time():
    window = ObservationWindow("right", CAMERA)
    for i in range(200):
        window.add(seen(i * SLOT_PERIOD_NS // 2 + (i % 2) * MS, mark=i))  # 60 fps, unsteady
    np.testing.assert_array_equal(marks(window.snapshot()), np.arange(73, 200, 2))
    for t_ms in (6667.0, 6673.0):  # both belong to the slot before the newest
        window.add(seen(round(t_ms * MS), mark=t_ms))
    window.advance(round(6700.0 * MS))
    assert marks(window.snapshot())[-1] == 6667.0


@pytest.mark.parametrize("broken", ["keypoints_m", "keypoints_px", "score", "one point", "two points"])
def test_what_is_no_hand_is_not_taken(broken):
    window = ObservationWindow("right", CAMERA)
    hand = seen(0)
    keypoints_m, keypoints_px = hand.keypoints_m.copy(), hand.keypoints_px.copy()
    if broken == "keypoints_m":
        keypoints_m[3, 1] = np.inf
    elif broken == "keypoints_px":
        keypoints_px[3, 1] = np.nan
    elif broken == "one point":
        keypoints_m[:] = 0.0
    elif broken == "two points":
        keypoints_m[7] = keypoints_m[6]
    score = np.nan if broken == "score" else hand.score
    hand = replace(hand, keypoints_m=keypoints_m, keypoints_px=keypoints_px, score=score)
    window.add(hand)
    assert not window.snapshot().observed.any()


def test_a_late_frame_takes_its_place_in_time():
    window = ObservationWindow("right", CAMERA)
    for i in (0, 1, 3, 2):
        window.add(seen(i * SLOT_PERIOD_NS, mark=i))
    snapshot = window.snapshot()
    assert snapshot.t_now_ns == 3 * SLOT_PERIOD_NS
    np.testing.assert_array_equal(marks(snapshot), [0, 1, 2, 3])


def test_a_late_frame_never_replaces_a_newer_one_in_its_slot():
    window = ObservationWindow("right", CAMERA)
    window.add(seen(100 * MS, mark=1))
    window.add(seen(95 * MS, mark=0))  # the newest frame's own time is its slot's
    assert marks(window.snapshot()).tolist() == [1.0]


def test_time_passes_without_frames():
    window = ObservationWindow("right", CAMERA)
    window.add(seen(0))
    window.advance(10 * SLOT_PERIOD_NS)
    assert np.flatnonzero(window.snapshot().observed).tolist() == [WINDOW_SLOTS - 11]
    window.advance(1000 * SLOT_PERIOD_NS)
    assert not window.snapshot().observed.any()


def test_a_16_fps_video_leaves_every_other_slot_masked():
    window = ObservationWindow("right", CAMERA)
    for i in range(60):
        window.add(seen(round(i * 1e9 / 16.67)))
    assert window.snapshot().observed.sum() == pytest.approx(WINDOW_SLOTS * 16.67 / 30, abs=1)


def test_not_a_number_counts_as_not_seen():
    window = ObservationWindow("right", CAMERA)
    bad = seen(0)
    bad.keypoints_m[3, 1] = np.nan
    window.add(bad)
    assert not window.snapshot().observed.any()


def test_the_other_hand_is_refused():
    with pytest.raises(ValueError, match="holds the right hand"):
        ObservationWindow("right", CAMERA).add(seen(0, hand="left"))


def test_an_empty_window_has_no_now():
    with pytest.raises(ValueError, match="empty"):
        ObservationWindow("right", CAMERA).snapshot()
