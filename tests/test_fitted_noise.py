"""The fitted detector noise in training's terms."""

from __future__ import annotations

import numpy as np
import torch
from training_examples import truth_windows

from models.fitted_noise import FittedObservations
from models.motion.detector_noise import Detections


class Blinking:
    """Says the truth, but for every third slot."""

    def sample(self, rng, keypoints_m, wrist_m, focal_px, centre_px, size_px):
        points_m = keypoints_m + wrist_m[:, :, None]
        focal_px, centre_px = focal_px[:, None, None, None], centre_px[:, None, None]
        pixels = points_m[..., :2] / points_m[..., 2:] * focal_px + centre_px
        observed = np.tile(np.arange(keypoints_m.shape[1]) % 3 > 0, (len(keypoints_m), 1))
        pixels[~observed] = np.nan
        return Detections(observed, keypoints_m, pixels, 0.9 * observed)


def test_what_is_said_reaches_training_whatever_the_camera():
    truth = truth_windows(5, 20)
    seen = FittedObservations(Blinking())(truth, 16, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(seen.observed[0], np.arange(16) % 3 > 0)
    torch.testing.assert_close(seen.keypoints_m, truth.keypoints_m[:, :16])
    points_m = (truth.keypoints_m + truth.wrist_m[:, :, None])[:, :16]
    rays = torch.where(seen.observed[..., None, None], points_m[..., :2] / points_m[..., 2:], 0.0)
    torch.testing.assert_close(seen.rays, rays, atol=1e-5, rtol=0.0)
    assert torch.isfinite(seen.score).all()
