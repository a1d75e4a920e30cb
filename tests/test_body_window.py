"""Bodies on the 64-slot time grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from body_run_examples import CAMERA, body_seen, waving

from app.body_window import BodyObservationWindow
from app.timeline import Timeline
from models.body_observation import BodyObservation
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS


def test_the_newest_frame_sits_in_the_last_slot_and_gaps_stay_masked():
    window = BodyObservationWindow(CAMERA)
    for i in range(70):
        t_ns = i * SLOT_PERIOD_NS
        window.add(BodyObservation.missing(t_ns, (640, 480)) if i in (60, 61) else body_seen(t_ns, waving(i)))
    snapshot = window.snapshot()
    assert snapshot.t_now_ns == 69 * SLOT_PERIOD_NS
    assert snapshot.observed.sum() == WINDOW_SLOTS - 2
    assert not snapshot.observed[54:56].any()
    np.testing.assert_array_equal(snapshot.keypoints_m[-1], waving(69))
    np.testing.assert_array_equal(snapshot.keypoints_px[-1], body_seen(0, waving(69)).keypoints_px)
    assert np.isnan(snapshot.keypoints_m[54]).all()
    assert (snapshot.score[54] == 0.0).all()
    assert (snapshot.score[-1] == 0.9).all()
    assert snapshot.t_capture_ns[54] == 0


def test_a_late_body_takes_its_place_in_time():
    window = BodyObservationWindow(CAMERA)
    for i in (0, 2, 1):
        window.add(body_seen(i * SLOT_PERIOD_NS, waving(i)))
    snapshot = window.snapshot()
    assert snapshot.observed[-3:].all()
    np.testing.assert_array_equal(snapshot.keypoints_m[-2], waving(1))


def test_time_passes_without_frames():
    window = BodyObservationWindow(CAMERA)
    window.add(body_seen(0))
    window.advance(10 * SLOT_PERIOD_NS)
    assert np.flatnonzero(window.snapshot().observed).tolist() == [WINDOW_SLOTS - 11]
    window.advance(100 * SLOT_PERIOD_NS)
    assert not window.snapshot().observed.any()


def test_what_is_no_body_is_left_out():
    window = BodyObservationWindow(CAMERA)
    body = body_seen(0)
    for name in ("keypoints_m", "keypoints_px", "score"):
        broken = getattr(body, name).copy()
        broken[3] = np.nan
        window.add(replace(body, **{name: broken}))
    one_point = body.keypoints_m.copy()
    one_point[3] = one_point[2]
    window.add(replace(body, keypoints_m=one_point))
    assert not window.snapshot().observed.any()


def test_an_empty_window_has_no_now():
    with pytest.raises(ValueError, match="add an observation first"):
        BodyObservationWindow(CAMERA).snapshot()


def test_of_two_in_one_slot_the_nearer_is_kept_whatever_came_first():
    for order in ((0, 1), (1, 0)):
        timeline: Timeline[str] = Timeline()
        timeline.advance(SLOT_PERIOD_NS)
        near_and_far = [(1_000_000, "near"), (-3_000_000, "far")]
        for i in order:
            timeline.insert(*near_and_far[i])
        assert timeline.slots() == {WINDOW_SLOTS - 2: (1_000_000, "near")}
