"""Scores of sequences: what counts, what does not, and what is taken away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench_examples import sequence

from app.bench import gaps
from app.bench.filters import Hold, OneEuro
from app.bench.scores import score, score_raw
from app.bench.sequence import Sequence
from app.bench.summary import mean_of
from app.bench.tuning import best, trials


def test_the_truth_has_no_error():
    made = sequence()
    scores = score(made.truth_m, made)
    for name in ("mpjpe", "pa", "accel", "mpjpe_seen", "pa_seen", "accel_seen", "silent"):
        assert scores[name] == pytest.approx(0.0, abs=1e-6)
    assert scores["lag"] == pytest.approx(0.0, abs=0.1)


def test_an_estimate_two_frames_late_lags_two_frames():
    made = sequence()
    late = np.concatenate([made.truth_m[:1], made.truth_m[:1], made.truth_m[:-2]])
    assert score(late, made)["lag"] == pytest.approx(2e3 / 30.0, abs=1.0)


def test_frames_before_the_first_detection_do_not_count():
    made = sequence()
    early = made.truth_m.copy()
    early[:3] += np.random.default_rng(0).normal(size=(21, 3))
    assert score(early, made)["mpjpe"] == pytest.approx(0.0, abs=1e-6)


def test_raw_is_scored_on_seen_frames_only():
    scores = score_raw(sequence())
    assert "mpjpe" not in scores
    assert scores["mpjpe_seen"] > 1.0


def test_an_estimate_that_falls_silent_is_held_at_its_last_word():
    made = sequence()
    silent, holding = made.truth_m.copy(), made.truth_m.copy()
    silent[60:], holding[60:] = np.nan, made.truth_m[59]
    scores = score(silent, made)
    assert scores["mpjpe"] == pytest.approx(score(holding, made)["mpjpe"])
    assert scores["silent"] == pytest.approx(80 / 137)


def test_silence_excuses_no_seen_frame():
    made = sequence()
    silent, holding = made.truth_m.copy(), made.truth_m.copy()
    silent[60:], holding[60:] = np.nan, made.truth_m[59]
    for name in ("pa_seen", "mpjpe_seen", "accel_seen"):
        assert score(silent, made)[name] == pytest.approx(score(holding, made)[name])


def test_accelerations_that_touch_an_unseen_frame_do_not_count():
    made = sequence()  # unseen: frames 20 to 23
    wrong = made.truth_m.copy()
    wrong[20:24] += np.random.default_rng(0).normal(size=(21, 3))
    scores = score(wrong, made)
    assert scores["accel_seen"] == pytest.approx(0.0, abs=1e-6)
    assert scores["accel"] > 1.0


def test_only_pa_counts_against_a_truth_of_unknown_scale():
    made = replace(sequence(), metric=False)
    assert set(score(3.0 * made.truth_m, made)) == {"pa", "pa_seen", "silent"}
    assert score(3.0 * made.truth_m, made)["pa"] == pytest.approx(0.0, abs=1e-6)


def test_sequences_are_averaged_and_lags_take_the_median():
    at = {"a": {"pa": 1.0, "lag": 0.0}, "b": {"pa": 2.0, "lag": 10.0}, "c": {"pa": None, "lag": 300.0}}
    assert mean_of(at, "pa", ["a", "b", "c"]) == 1.5
    assert mean_of(at, "lag", ["a", "b", "c"]) == 10.0
    assert mean_of(at, "pa", ["c", "d"]) is None


def test_rest_is_found_where_the_truth_is_still():
    made = sequence()
    still = made.truth_m.copy()
    still[50:70] = still[50]
    resting = replace(made, truth_m=still)
    assert resting.resting == [slice(50, 70)]
    shaken = still.copy()
    shaken[60] += 0.001
    assert score(shaken, resting)["rest"] > score(still, resting)["rest"]


def test_drop_masks_are_seeded_and_nested():
    detected = sequence().detected
    masks = [gaps.dropped_at_random(detected, share, 0, 1) for share in (0.1, 0.5, 0.9)]
    np.testing.assert_array_equal(masks[1], gaps.dropped_at_random(detected, 0.5, 0, 1))
    assert (masks[1] != gaps.dropped_at_random(detected, 0.5, 0, 2)).any()
    assert not (masks[0] & ~masks[1]).any()
    assert not (masks[1] & ~masks[2]).any()
    assert masks[1].sum() == round(0.5 * (detected.sum() - 1))
    assert not (masks[2] & ~detected).any()
    assert not masks[2][np.flatnonzero(detected)[0]]


def test_gaps_are_cut_where_the_hand_is_seen_before_and_after():
    detected = np.ones(200, dtype=bool)
    detected[105] = False
    assert gaps.gap_starts(detected) == [40, 160]
    assert gaps.cut(200, [40]).sum() == gaps.GAP_FRAMES


def test_the_jump_at_a_gaps_end_is_measured():
    hands_m = np.zeros((60, 21, 3))
    hands_m[50:] = [0.0, 0.03, 0.0]
    assert gaps.jump_m(hands_m, 40) == pytest.approx(0.03)
    assert gaps.jump_m(hands_m, 20) == 0.0
    assert gaps.travelled_m(hands_m, 40) == 0.0
    assert gaps.travelled_m(hands_m, 45) == pytest.approx(0.03)


def test_dropped_detections_are_gone():
    made = sequence()
    less = made.without(gaps.cut(len(made), [40]))
    assert not less.detected[40:50].any()
    assert np.isnan(less.raw_m[40:50]).all()
    assert less.detected.sum() == made.detected.sum() - 10


def test_tuning_takes_the_cheapest_and_respects_the_lag():
    clips: list[Sequence] = [sequence(seed=seed, noise_m=0.01) for seed in range(2)]
    grid = [OneEuro(cutoff_hz, 0.0) for cutoff_hz in (0.3, 3.0, 30.0)]
    tried = trials(grid, clips)
    free, prompt = best(grid, tried, np.inf), best(grid, tried, 20.0)
    assert free.cost == min(cost for cost, _ in tried)
    assert prompt.lag <= 20.0 or prompt.lag == min(lag for _, lag in tried)
    assert best([Hold()], trials([Hold()], clips), np.inf).at_edge == ()
