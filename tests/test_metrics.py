"""Error measures."""

import numpy as np

from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.rotations import matrix_from_axis_angle


def hand(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.05, (21, 3))


def test_mpjpe_is_relative_to_the_wrist():
    truth = hand()
    assert mpjpe(truth + 0.3, truth) < 1e-15
    moved = truth.copy()
    moved[5] += [0.0, 0.021, 0.0]
    np.testing.assert_allclose(mpjpe(moved, truth), 0.001)


def test_procrustes_forgives_rotation_scale_and_shift_but_not_mirroring():
    truth = hand()
    R = matrix_from_axis_angle(np.array([0.3, -1.2, 0.7]))
    same = 1.7 * truth @ R.T + np.array([0.1, 0.2, 0.3])
    assert pa_mpjpe(same, truth) < 1e-12
    assert pa_mpjpe(truth * np.array([-1.0, 1.0, 1.0]), truth) > 0.01


def test_procrustes_agrees_with_the_published_formula():
    for seed in range(20):
        X1, X2 = hand(seed).T, hand(seed + 100).T
        mu1, mu2 = X1.mean(1, keepdims=True), X2.mean(1, keepdims=True)
        A, B = X1 - mu1, X2 - mu2
        U, _, Vt = np.linalg.svd(A @ B.T)
        Z = np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
        R = Vt.T @ Z @ U.T
        scale = np.trace(R @ (A @ B.T)) / (A**2).sum()
        expected = np.linalg.norm(scale * R @ A - B, axis=0).mean()
        np.testing.assert_allclose(pa_mpjpe(X1.T, X2.T), expected)


def test_accel_error_of_a_jerking_hand():
    truth = np.tile(hand(), (5, 1, 1))
    assert accel_error(truth, truth).max() == 0.0
    estimate = truth.copy()
    estimate[2] += np.array([0.001, 0.0, 0.0])
    np.testing.assert_allclose(accel_error(estimate, truth), [0.001, 0.002, 0.001])
