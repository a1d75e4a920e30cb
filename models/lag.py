"""How late and how shaky an estimated motion is."""

from __future__ import annotations

import numpy as np


def lag_frames(estimate_m: np.ndarray, truth_m: np.ndarray, most: int = 10) -> float:
    """By how many frames an estimate trails the truth, to a fraction of a frame; negative if it runs ahead.

    The peak of the cross-correlation of both hands' joint velocities, normalised at each shift, refined by
    the parabola through its highest three values. Velocities, so that constant errors do not count; joints in
    one correlation, so that those that move weigh most.

    Args:
        estimate_m: (N,21,3) wrist-relative, metres; a frame with a NaN in it is left out.
        truth_m: (N,21,3).
        most: frames to look ahead and back, each; N must be more than four times that.

    Returns:
        The lag in frames; NaN if nothing moves.

    Raises:
        ValueError: the sequences differ in length or are too short.
    """
    if estimate_m.shape != truth_m.shape or len(truth_m) <= 4 * most:
        raise ValueError(
            f"lag needs two sequences of one length above {4 * most} frames, "
            f"got {estimate_m.shape} and {truth_m.shape}"
        )
    v = np.diff(estimate_m, axis=0).reshape(len(estimate_m) - 1, -1)
    u = np.diff(truth_m, axis=0).reshape(len(truth_m) - 1, -1)
    known = ~np.isnan(v.sum(axis=1))
    v = np.where(known[:, None], v, 0.0)
    correlation = np.array([_correlation(v, u, known, shift) for shift in range(-most, most + 1)])
    if not np.isfinite(correlation).all():
        return float("nan")
    peak = int(np.clip(np.argmax(correlation), 1, 2 * most - 1))
    before, top, after = correlation[peak - 1 : peak + 2]
    bend = before - 2.0 * top + after
    fraction = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return float(peak - most + np.clip(fraction, -1.0, 1.0))


def jitter(estimate_m: np.ndarray) -> float:
    """Mean length of the second differences of keypoints (N,21,3), metres per frame²; NaN frames left out."""
    second = np.linalg.norm(np.diff(estimate_m, n=2, axis=0), axis=-1)
    return float(np.nanmean(second)) if np.isfinite(second).any() else float("nan")


def _correlation(v: np.ndarray, u: np.ndarray, known: np.ndarray, shift: int) -> float:
    """Of v `shift` frames after u."""
    late, early = slice(max(shift, 0), len(v) + min(shift, 0)), slice(max(-shift, 0), len(v) - max(shift, 0))
    a, b = v[late], u[early] * known[late][:, None]
    norm = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / norm) if norm > 0.0 else float("nan")
