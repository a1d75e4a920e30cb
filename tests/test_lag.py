"""Lag to a fraction of a frame, and jitter."""

from __future__ import annotations

import numpy as np
import pytest
from training_examples import moving_hand

from models.lag import jitter, lag_frames


def delayed(keypoints_m: np.ndarray, frames: float) -> np.ndarray:
    at = np.clip(np.arange(len(keypoints_m)) - frames, 0, len(keypoints_m) - 1)
    before = np.minimum(at.astype(int), len(keypoints_m) - 2)
    weight = (at - before)[:, None, None]
    return (1.0 - weight) * keypoints_m[before] + weight * keypoints_m[before + 1]


@pytest.mark.parametrize("frames", [-2.0, -0.3, 0.0, 0.5, 1.0, 3.7])
def test_a_delay_is_found_through_noise_and_gaps(frames):
    truth_m = moving_hand(300)[1]
    estimate_m = delayed(truth_m, frames) + np.random.default_rng(0).normal(0.0, 0.001, truth_m.shape)
    estimate_m[50:60] = np.nan
    assert lag_frames(estimate_m, truth_m) == pytest.approx(frames, abs=0.1)


def test_constant_errors_are_no_lag():
    truth_m = moving_hand(300)[1]
    assert lag_frames(1.2 * truth_m + 0.1, truth_m) == pytest.approx(0.0, abs=0.02)


def test_nothing_to_correlate():
    still_m = np.tile(moving_hand(1)[1], (100, 1, 1))
    assert np.isnan(lag_frames(still_m, still_m))
    with pytest.raises(ValueError, match="40 frames"):
        lag_frames(still_m[:40], still_m[:40])


def test_jitter_is_the_second_difference():
    steady_m = np.arange(10.0)[:, None, None] * np.ones((21, 3))
    assert jitter(steady_m) == 0.0
    shaking_m = np.zeros((10, 21, 3))
    shaking_m[::2, :, 0] = 0.001
    assert jitter(shaking_m) == pytest.approx(0.002)
    shaking_m[4] = np.nan
    assert jitter(shaking_m) == pytest.approx(0.002)
    assert np.isnan(jitter(np.full((5, 21, 3), np.nan)))
