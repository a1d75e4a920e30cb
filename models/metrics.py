"""How far an estimated hand is from the true one."""

from __future__ import annotations

import numpy as np


def mpjpe(estimate_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
    """Mean joint error per frame (…,), metres, of wrist-relative keypoints (…,21,3)."""
    estimate_m = estimate_m - estimate_m[..., :1, :]
    truth_m = truth_m - truth_m[..., :1, :]
    return np.linalg.norm(estimate_m - truth_m, axis=-1).mean(axis=-1)


def pa_mpjpe(estimate_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
    """Mean joint error per frame (…,), metres, after the best rotation, scale and shift of each frame.

    Similarity Procrustes with the determinant fixed, so a mirrored hand is an error and not a match.
    """
    estimate_m = estimate_m - estimate_m.mean(axis=-2, keepdims=True)
    truth_m = truth_m - truth_m.mean(axis=-2, keepdims=True)
    K = np.swapaxes(estimate_m, -1, -2) @ truth_m  # (…,3,3)
    U, S, Vt = np.linalg.svd(K)
    sign = np.sign(np.linalg.det(U @ Vt))
    S[..., -1] *= sign
    U[..., :, -1] *= sign[..., None]
    R = U @ Vt
    scale = S.sum(axis=-1) / (estimate_m**2).sum(axis=(-1, -2))
    aligned_m = scale[..., None, None] * (estimate_m @ R)
    return np.linalg.norm(aligned_m - truth_m, axis=-1).mean(axis=-1)


def accel_error(estimate_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
    """Mean difference of second differences (N−2,), metres per frame², of one sequence (N,21,3).

    Not divided by Δt², as the papers of this field compute it whatever unit they print.
    """
    second = np.diff(estimate_m, n=2, axis=0) - np.diff(truth_m, n=2, axis=0)
    return np.linalg.norm(second, axis=-1).mean(axis=-1)
