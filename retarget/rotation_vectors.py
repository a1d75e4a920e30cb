"""Rotations as vectors: axis times angle, the shortest turn, and turns counted on past a half one."""

from __future__ import annotations

import numpy as np

_TINY = 1e-9  # rad; below it a turn has no axis worth the name
_NEARLY_HALF = 1e-4  # of the cosine; beyond it the sine is too small to tell the axis


def rotation_of(vector: np.ndarray) -> np.ndarray:
    """The rotation (3,3) of a vector (3,), axis times angle in rad (Rodrigues' formula)."""
    angle = float(np.linalg.norm(vector))
    if angle < _TINY:
        return np.eye(3)
    x, y, z = np.asarray(vector, dtype=np.float64) / angle
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * (K @ K)


def vector_of(R: np.ndarray) -> np.ndarray:
    """The shortest vector (3,), axis times angle in rad, angle in [0, π], of a rotation (3,3)."""
    w = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = float(np.linalg.norm(w)), 0.5 * (float(np.trace(R)) - 1.0)
    angle = float(np.arctan2(sine, cosine))
    if angle < _TINY:
        return w
    if cosine > _NEARLY_HALF - 1.0:
        return w * (angle / sine)
    # The symmetric part is cos·I + (1 − cos)·a·aᵀ: its longest column is along the axis a.
    square = (0.5 * (R + R.T) - cosine * np.eye(3)) / (1.0 - cosine)
    axis = square[:, int(np.argmax(np.diag(square)))]
    axis = axis / np.linalg.norm(axis)
    return angle * (axis if axis @ w >= 0.0 else -axis)


def unwrapped(vector: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The vector (3,) nearest to `near` (3,) among those of the same rotation as `vector`, rad.

    A rotation is the same after each full turn about its axis; a scaled one is not.
    """
    angle = float(np.linalg.norm(vector))
    along = vector if angle > _TINY else near
    length = float(np.linalg.norm(along))
    if length < _TINY:
        return vector
    axis = along / length
    turns = np.round((float(near @ axis) - angle) / (2.0 * np.pi))
    return vector + 2.0 * np.pi * turns * axis


def part_way(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """The rotation (3,3) that lies `share` (0–1) of the shortest way from `start` to `end` (3,3)."""
    return rotation_of(share * vector_of(end @ start.T)) @ start
