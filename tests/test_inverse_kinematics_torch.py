"""Inverse kinematics in torch gives numpy's numbers."""

from __future__ import annotations

import numpy as np
import torch
from training_examples import moving_hand

from models.hand_model import HandModel
from models.inverse_kinematics import fit_rotations
from models.inverse_kinematics_torch import HandFit


def test_equals_numpy_on_noisy_hands():
    keypoints_m = np.stack([moving_hand(30, seed)[1] for seed in range(4)])
    keypoints_m = keypoints_m + np.random.default_rng(0).normal(0.0, 0.008, keypoints_m.shape)
    expected = fit_rotations(keypoints_m, HandModel.load())
    fitted = HandFit(HandModel.load())(torch.tensor(keypoints_m, dtype=torch.float32))
    np.testing.assert_allclose(fitted, expected, atol=2e-4)


def test_a_bone_that_points_backwards_makes_a_half_turn():
    model = HandModel.load()
    keypoints_m = model.keypoints(np.tile(np.eye(3), (16, 1, 1)))
    keypoints_m[8] = 2.0 * keypoints_m[7] - keypoints_m[8]
    R = HandFit(model)(torch.tensor(keypoints_m, dtype=torch.float32))[3].double()
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(torch.trace(R), -1.0, atol=1e-5)


def test_finite_even_for_no_hand_at_all():
    assert torch.isfinite(HandFit(HandModel.load())(torch.zeros(2, 21, 3))).all()
