"""Noise for training: gaps, foreign poses, rolled cameras, a detector's errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_examples import truth_windows

from models.canonical import canonical_frame
from models.metrics import pa_mpjpe
from models.noise import (
    DetectorNoise,
    GapConfig,
    GaussianNoise,
    eased,
    mask_slots,
    refocus,
    reshape,
    roll,
    shifted,
    swap_poses,
)

T, S = 64, 70
TRUTH = truth_windows(16, S)
CLEAN = GaussianNoise(joint_std_m=(0.0,), ray_std=0.0)
NO_GAPS = GapConfig(0.0, 0.0, 0, 0.0, 0, 0.0, 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clean():
    return CLEAN(TRUTH, T, generator())


def test_gaussian_noise_has_one_of_its_sizes_per_window():
    seen = GaussianNoise(joint_std_m=(1e-2, 1e-3))(TRUTH, T, generator())
    # Joints and wrist are both noisy, the difference √2 times as much.
    std_m = (seen.keypoints_m - TRUTH.keypoints_m[:, :T])[:, :, 1:].std((1, 2, 3)) / 2**0.5
    sizes = sorted({round(float(std), 3) for std in std_m})
    assert sizes == pytest.approx([0.001, 0.01], abs=1e-3)


def test_no_window_loses_its_last_detection():
    harsh = GapConfig(1.0, 1.0, 200, 1.0, 64, 1.0, 0.0)
    assert harsh(clean(), generator()).observed.any(1).all()


def test_unobserved_stays_unobserved():
    seen = clean()
    none = replace(seen, observed=seen.observed & False)
    assert not GapConfig()(none, generator()).observed.any()


def test_gap_now_masks_the_newest_slots_only():
    seen = mask_slots(clean(), replace(NO_GAPS, newest_rate=1.0, newest_slots=5), generator())
    assert seen.observed[:, : T - 5].all()
    assert not seen.observed[:, -1].any()


def test_blocks_are_contiguous():
    seen = mask_slots(clean(), replace(NO_GAPS, block_rate=1.0, block_slots=20), generator())
    edges = (seen.observed[:, 1:] != seen.observed[:, :-1]).sum(1)
    assert (edges <= 2).all()
    assert (~seen.observed).any()


def test_swapped_poses_are_other_windows_poses():
    seen = swap_poses(clean(), 0.25, generator())
    changed = (seen.keypoints_m != clean().keypoints_m).any(-1).any(-1)
    assert 0.1 < changed.float().mean() < 0.3
    row, slot = torch.nonzero(changed)[0]
    assert (seen.keypoints_m[row, slot] == clean().keypoints_m[:, slot]).all(-1).all(-1).any()


def test_rolling_turns_truth_and_detection_alike():
    truth, seen = roll(TRUTH, clean(), generator())
    torch.testing.assert_close(seen.keypoints_m, truth.keypoints_m[:, :T])
    torch.testing.assert_close(seen.image_m, truth.keypoints_m[:, :T])
    points_m = truth.keypoints_m + truth.wrist_m[:, :, None]
    rays = points_m[..., :2] / points_m[..., 2:]
    torch.testing.assert_close(seen.rays, rays[:, :T])
    assert not torch.allclose(truth.keypoints_m, TRUTH.keypoints_m)


def test_hands_of_other_proportions_keep_them_all_along():
    seen, plain = reshape(TRUTH, clean(), 0.01, generator()), clean()
    off_m = (seen.keypoints_m - plain.keypoints_m) @ canonical_frame(plain.keypoints_m).transpose(-1, -2)
    torch.testing.assert_close(off_m, off_m[:, :1].expand_as(off_m), atol=1e-5, rtol=0.0)
    assert off_m[:, 0, 1:].std(0).min() > 0.001  # each hand its own
    wrist_m = (seen.rays - plain.rays)[:, 0, 0].norm(dim=-1) * TRUTH.wrist_m[:, 0, 2]
    tip_m = (seen.rays - plain.rays)[:, 0, 8].norm(dim=-1) * TRUTH.wrist_m[:, 0, 2]
    assert wrist_m.mean() > 2.0 * tip_m.mean()
    torch.testing.assert_close(seen.keypoints_m[:, :, 0], plain.keypoints_m[:, :, 0])
    torch.testing.assert_close(seen.image_m - plain.image_m, seen.keypoints_m - plain.keypoints_m)
    moved_m = (seen.rays - plain.rays) * TRUTH.wrist_m[:, :T, None, 2:]
    expected_m = (seen.keypoints_m - plain.keypoints_m)[..., :2]
    torch.testing.assert_close(moved_m - moved_m[:, :, :1], expected_m, atol=1e-5, rtol=0.0)


def test_a_mistaken_focal_length_moves_the_wrist_along_its_new_rays():
    truth, seen = refocus(TRUTH, clean(), 0.3, generator())
    factor = TRUTH.wrist_m[..., 2] / truth.wrist_m[..., 2]
    assert factor.std(0).min() > 0.1  # one per window
    assert factor.std(1).max() < 1e-5
    wrist = truth.wrist_m[:, :T]
    torch.testing.assert_close(seen.rays[:, :, 0], wrist[..., :2] / wrist[..., 2:])
    torch.testing.assert_close(truth.keypoints_m, TRUTH.keypoints_m)


def test_the_second_opinion_of_a_made_up_detector_errs_in_its_own_way():
    seen = DetectorNoise()(TRUTH, T, generator())
    truth_m = TRUTH.keypoints_m[:, :T]
    first, second = seen.keypoints_m - truth_m, seen.image_m - truth_m
    assert 0.003 < second.norm(dim=-1).mean() < 0.04
    depth = torch.stack([first[..., 1:, 2].flatten(), second[..., 1:, 2].flatten()])
    assert torch.corrcoef(depth)[0, 1] < 0.9


def test_detector_noise_is_about_as_large_as_measured():
    seen = DetectorNoise()(TRUTH, T, generator())
    error_m = pa_mpjpe(seen.keypoints_m.numpy(), TRUTH.keypoints_m[:, :T].numpy()).mean()
    assert 0.005 < error_m < 0.020


def test_detector_noise_without_errors_is_the_truth():
    none = (0.0, 0.0, 0.0)
    quiet = DetectorNoise(none, none, 2.0, 1.0, 0.0, 0.0, 1.0, 0.0, none, 8.0, 0.0, 0.0)
    seen = quiet(TRUTH, T, generator())
    torch.testing.assert_close(seen.keypoints_m, TRUTH.keypoints_m[:, :T], atol=1e-6, rtol=0.0)
    torch.testing.assert_close(seen.rays, clean().rays)


def test_shift_interpolates():
    values = torch.arange(5.0).view(1, 5, 1)
    late = shifted(values, torch.tensor([[0.0, 0.25, -0.5, 0.0, 1.0]]))
    torch.testing.assert_close(late.flatten(), torch.tensor([0.0, 1.25, 1.5, 3.0, 4.0]))


def test_eased_detections_keep_a_share_of_their_error():
    noisy = GaussianNoise(joint_std_m=(1e-2,), ray_std=3e-3)(TRUTH, T, generator())

    def error(seen):
        return (seen.keypoints_m - TRUTH.keypoints_m[:, :T])[:, :, 1:].std((1, 2, 3))

    shares = error(eased(TRUTH, noisy, 0.2, generator())) / error(noisy)
    assert 0.19 < shares.min() < 0.5
    assert 0.6 < shares.max() < 1.01
    unchanged = eased(TRUTH, noisy, 1.0, generator())
    torch.testing.assert_close(unchanged.keypoints_m, noisy.keypoints_m)
    torch.testing.assert_close(unchanged.rays, noisy.rays)
