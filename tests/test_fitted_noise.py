"""The fitted detector noise in training's terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from training_examples import truth_windows

from models.fitted_noise import FittedObservations
from models.motion.detector_noise import Detections


class Blinking:
    """Says the truth, but for every third slot; its second opinion is twice as deep as the hand."""

    def sample(self, rng, keypoints_m, wrist_m, focal_px, centre_px, size_px):
        points_m = keypoints_m + wrist_m[:, :, None]
        focal_px, centre_px = focal_px[:, None, None, None], centre_px[:, None, None]
        pixels = points_m[..., :2] / points_m[..., 2:] * focal_px + centre_px
        observed = np.tile(np.arange(keypoints_m.shape[1]) % 3 > 0, (len(keypoints_m), 1))
        pixels[~observed] = np.nan
        depth_px = 2.0 * keypoints_m[..., 2] * focal_px[..., 0] / points_m[..., :1, 2]
        depth_px[~observed] = np.nan
        return Detections(observed, keypoints_m, pixels, depth_px, 0.9 * observed)


def test_what_is_said_reaches_training_whatever_the_camera():
    truth = truth_windows(5, 20)
    seen = FittedObservations(Blinking())(truth, 16, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(seen.observed[0], np.arange(16) % 3 > 0)
    torch.testing.assert_close(seen.keypoints_m, truth.keypoints_m[:, :16])
    points_m = (truth.keypoints_m + truth.wrist_m[:, :, None])[:, :16]
    rays = torch.where(seen.observed[..., None, None], points_m[..., :2] / points_m[..., 2:], 0.0)
    torch.testing.assert_close(seen.rays, rays, atol=1e-5, rtol=0.0)
    assert torch.isfinite(seen.score).all()


def test_the_second_opinion_is_a_hand_as_large_as_the_first():
    truth = truth_windows(5, 20)
    far = truth.wrist_m + torch.tensor([0.0, 0.0, 500.0])  # where perspective is weak
    seen = FittedObservations(Blinking())(replace(truth, wrist_m=far), 16, torch.Generator().manual_seed(0))
    deep_m = seen.keypoints_m * torch.tensor([1.0, 1.0, 2.0])
    size = torch.linalg.vector_norm(seen.keypoints_m, dim=(-2, -1), keepdim=True)
    expected_m = deep_m * size / torch.linalg.vector_norm(deep_m, dim=(-2, -1), keepdim=True)
    torch.testing.assert_close(seen.image_m[seen.observed], expected_m[seen.observed], atol=1e-3, rtol=0.0)
    assert torch.isfinite(seen.image_m).all()
