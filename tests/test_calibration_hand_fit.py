import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.finger_range import FIST_FLEXION_RAD, FingerRange, stretch_fingers
from calibration.hand_guide import FIST, OPEN, PINCHES, STEPS
from calibration.hand_shape import FINGERS, bone_lengths_m, flexions_rad, pinch_distances_m
from models.hand_model import HandModel
from models.posebert_input import mean_bone_lengths
from tests.hand_examples import fit, held_samples, seen_hand

MEAN_M = mean_bone_lengths(HandModel.load())


@pytest.mark.parametrize("gap_m", [0.005, 0.02, 0.035])
def test_pinches_close_where_they_were_seen_to_touch(gap_m: float) -> None:
    samples = held_samples(gap_m)
    calibration = fit(samples)
    for i, finger in enumerate(FINGERS):
        pinch = calibration.pinches[finger]
        seen_m = pinch_distances_m(calibration.adjust(samples[PINCHES[finger]].keypoints_m))[:, i]
        apart_m = pinch_distances_m(calibration.adjust(samples[OPEN].keypoints_m))[:, i]
        assert pinch.touch_m == pytest.approx(np.median(seen_m), abs=1e-4)
        assert np.percentile(seen_m, 75) < pinch.project_m < pinch.escape_m < apart_m.min()
        assert pinch.escape_m - pinch.project_m >= 0.0105 - 1e-9
        assert pinch.project_m - pinch.touch_m < 0.015


def test_a_flat_hand_becomes_flat_and_a_fist_closed() -> None:
    samples = held_samples()
    calibration = fit(samples)
    flat = flexions_rad(calibration.adjust(samples[OPEN].keypoints_m))
    assert np.abs(np.median(flat, axis=0)).max() < np.radians(1.5)
    seen = np.median(flexions_rad(samples[FIST].keypoints_m), axis=0)
    fist = np.median(flexions_rad(calibration.adjust(samples[FIST].keypoints_m)), axis=0)
    assert np.allclose(fist, np.maximum(seen, FIST_FLEXION_RAD), atol=np.radians(3.0))
    assert seen.max() < FIST_FLEXION_RAD


def test_scale_brings_every_hand_to_the_size_of_the_mean_one() -> None:
    samples = held_samples()
    small = {
        step: dataclasses.replace(held, keypoints_m=0.8 * held.keypoints_m) for step, held in samples.items()
    }
    assert fit(samples).scale == pytest.approx(1.0, abs=0.005)
    assert fit(small).scale == pytest.approx(1.25, abs=0.006)


def test_a_measured_palm_gives_bones_their_size() -> None:
    true_m = 0.83 * MEAN_M
    calibration = fit(held_samples(), palm_m=float(true_m[8]))
    assert calibration.palm_measured
    assert calibration.palm_m == pytest.approx(true_m[8], abs=1e-5)
    assert np.abs(np.array(calibration.bones_m) - true_m).max() < 0.002
    assert not fit(held_samples()).palm_measured


@pytest.mark.parametrize("step", STEPS)
def test_a_missing_step_is_named(step: str) -> None:
    samples = held_samples()
    del samples[step]
    with pytest.raises(CalibrationError, match=f"the step '{step}' was not seen long enough; repeat"):
        fit(samples)


@pytest.mark.parametrize("finger", FINGERS)
def test_a_pinch_that_was_not_performed_is_refused(finger: str) -> None:
    samples = held_samples()
    samples[PINCHES[finger]] = samples[OPEN]
    with pytest.raises(CalibrationError, match=f"thumb and {finger} finger did not pinch.*repeat"):
        fit(samples)


def test_a_fist_that_was_not_closed_is_refused() -> None:
    samples = held_samples()
    samples[FIST] = samples[OPEN]
    with pytest.raises(CalibrationError, match=r"bent too little.*closed fist"):
        fit(samples)


def test_single_wild_frames_change_nothing_much() -> None:
    samples = held_samples()
    usual = fit(samples)
    wild = {}
    for step, held in samples.items():
        hands_m = held.keypoints_m.copy()
        hands_m[5] = seen_hand(STEPS[(STEPS.index(step) + 3) % len(STEPS)])
        wild[step] = dataclasses.replace(held, keypoints_m=hands_m)
    for finger, pinch in fit(wild).pinches.items():
        assert pinch.project_m == pytest.approx(usual.pinches[finger].project_m, abs=0.006)
        assert pinch.escape_m > pinch.project_m


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-0.3, 0.6), st.floats(0.4, 1.3), st.floats(0.2, 1.2), st.floats(0.3, 1.8), st.integers(0, 2**31)
)
def test_stretching_keeps_bone_lengths_and_everything_but_fingers(
    open_rad: float, travel_rad: float, pinch_curl: float, beyond: float, seed: int
) -> None:
    finger = FingerRange(open_rad, open_rad + travel_rad, pinch_curl, min(pinch_curl + beyond, 3.0))
    hand_m = np.random.default_rng(seed).normal(0.0, 0.05, (2, 21, 3))
    stretched = stretch_fingers(hand_m, [finger] * 4)
    assert np.allclose(bone_lengths_m(stretched), bone_lengths_m(hand_m), atol=1e-12)
    kept = [0, 1, 2, 3, 4, 5, 9, 13, 17]
    assert np.array_equal(stretched[:, kept], hand_m[:, kept])


def test_stretching_is_continuous() -> None:
    finger = FingerRange(0.3, 1.0, 0.9, 1.7)
    flat, fist = seen_hand(OPEN), seen_hand(FIST)
    path = flat + np.linspace(0.0, 1.0, 400)[:, None, None] * (fist - flat)
    steps_m = np.linalg.norm(np.diff(stretch_fingers(path, [finger] * 4), axis=0), axis=-1)
    own_m = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    assert steps_m.max() < 8.0 * own_m.max()
