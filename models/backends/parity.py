"""How far two computations of the same poses are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.canonical import decode_6d


@dataclass(frozen=True)
class Difference:
    """Between poses computed in two ways.

    Attributes:
        rotation_rad: the largest angle between a rotation and its counterpart.
        rotation_p99_rad: that 99 % of the rotations stay under.
        location: the largest difference of the wrist's or the hip's place: x/z, y/z, or the logarithm of the
            depth.
    """

    rotation_rad: float
    rotation_p99_rad: float
    location: float


def difference(poses: np.ndarray, reference: np.ndarray) -> Difference:
    """Between poses (…,P) and those they ought to be; infinite where something is not finite."""
    if poses.shape != reference.shape or not (np.isfinite(poses).all() and np.isfinite(reference).all()):
        return Difference(np.inf, np.inf, np.inf)
    angles = angles_between(_rotations(poses), _rotations(reference))
    place = poses[..., -3:].astype(np.float64) - reference[..., -3:]
    return Difference(float(angles.max()), float(np.percentile(angles, 99.0)), float(np.abs(place).max()))


def angles_between(R: np.ndarray, S: np.ndarray) -> np.ndarray:
    """Angles (…,), rad, of the turns that lead from R to S (…,3,3); exact for tiny ones, too.

    ‖R − S‖ is 2√2 sin(angle/2); the usual trace loses half of the digits near zero.
    """
    apart = np.linalg.norm(R - S, axis=(-2, -1))
    return 2.0 * np.arcsin(np.clip(apart / np.sqrt(8.0), 0.0, 1.0))


def _rotations(poses: np.ndarray) -> np.ndarray:
    """(…,J,3,3) of poses (…,6J+3): 6D says nothing by its length, only the rotation it decodes to counts."""
    sixd = poses[..., :-3].astype(np.float64)
    return decode_6d(sixd.reshape(*poses.shape[:-1], -1, 6))
