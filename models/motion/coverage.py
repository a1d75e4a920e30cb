"""How near generated poses come to real ones: the distance from each real pose to its nearest neighbour."""

from __future__ import annotations

import numpy as np

from models.hand_model import HandModel
from models.keypoints import KEYPOINT_PARENTS, KNUCKLES
from models.metrics import pa_mpjpe
from models.rotations import procrustes_rotation, unit

_CANDIDATES = 48
_CHUNK = 64
_PALM = (1, *KNUCKLES)
_PALM_WEIGHTS = np.array([0.1, 1.0, 1.0, 1.0, 1.0])


def normalised_keypoints(keypoints_m: np.ndarray, model: HandModel) -> np.ndarray:
    """Poses (N,21,3) with one hand's bone lengths and the palm turned to its rest pose, metres.

    Bone directions are kept, lengths replaced (PoseBERT §3.4), so that only the pose differs.
    """
    rest = model.keypoints(np.broadcast_to(np.eye(3), (16, 3, 3)))
    points = np.zeros_like(keypoints_m, dtype=np.float64)
    for k, parent in enumerate(KEYPOINT_PARENTS):
        if parent >= 0:
            length_m = np.linalg.norm(rest[k] - rest[parent])
            points[:, k] = points[:, parent] + length_m * unit(keypoints_m[:, k] - keypoints_m[:, parent])
    R = procrustes_rotation(
        points[:, _PALM], np.broadcast_to(rest[list(_PALM)], (len(points), 5, 3)), _PALM_WEIGHTS
    )
    return points @ np.swapaxes(R, -1, -2)


def nearest_pa_mpjpe(poses_m: np.ndarray, among_m: np.ndarray) -> np.ndarray:
    """PA-MPJPE (N,), metres, of each pose to the nearest of many.

    Args:
        poses_m: (N,21,3) and
        among_m: (M,21,3), both from `normalised_keypoints`.
    """
    many = among_m.reshape(len(among_m), -1).astype(np.float32)
    squares = (many**2).sum(axis=1)
    distances = np.empty(len(poses_m))
    for start in range(0, len(poses_m), _CHUNK):
        part = poses_m[start : start + _CHUNK]
        flat = part.reshape(len(part), -1).astype(np.float32)
        apart = squares - 2.0 * (flat @ many.T)
        count = min(_CANDIDATES, len(many))
        nearest = np.argpartition(apart, count - 1, axis=1)[:, :count]
        errors = pa_mpjpe(among_m[nearest], np.broadcast_to(part[:, None], (*nearest.shape, 21, 3)))
        distances[start : start + _CHUNK] = errors.min(axis=1)
    return distances
