"""Rotations from keypoints in closed form: the wrist from the palm, every finger bone by the least turn."""

from __future__ import annotations

import numpy as np

from models.hand_model import HandModel
from models.keypoints import KEYPOINT_OF_JOINT, NUM_JOINTS
from models.rotations import kernels, procrustes_rotation

# The palm is rigid but for the thumb's base, which detectors also place worst.
_PALM_JOINTS = (1, 4, 7, 10, 13)
_PALM_WEIGHTS = np.array([1.0, 1.0, 1.0, 1.0, 0.1])


def fit_rotations(keypoints_m: np.ndarray, model: HandModel) -> np.ndarray:
    """The rotations that turn the model's bones to point as the keypoints' bones do.

    The wrist is the best rigid turn of the palm (Kabsch); each finger joint then makes the rotation without
    twist from the rest direction of its bone to the one seen, in its parent's frame. Bone lengths of the
    keypoints do not matter.

    Args:
        keypoints_m: (…,21,3) of a right hand, any frame, any origin, MediaPipe order; left hands are mirrored
        first.
        model: the hand whose rest pose the rotations start from.

    Returns:
        (…,16,3,3) MANO order; all NaN where a keypoint is not finite.
    """
    keypoints_m = np.asarray(keypoints_m, dtype=np.float64)
    lead = keypoints_m.shape[:-2]
    points = keypoints_m.reshape(-1, *keypoints_m.shape[-2:])
    rotations = np.full((len(points), NUM_JOINTS, 3, 3), np.nan)
    finite = np.isfinite(points).all(axis=(-2, -1))
    if finite.any():
        rotations[finite] = _fit_finite(points[finite], model)
    return rotations.reshape(*lead, NUM_JOINTS, 3, 3)


def _fit_finite(points: np.ndarray, model: HandModel) -> np.ndarray:
    R = np.empty((len(points), NUM_JOINTS, 3, 3))
    palm = list(_PALM_JOINTS)
    seen = points[:, KEYPOINT_OF_JOINT[palm]] - points[:, :1]
    R[:, 0] = procrustes_rotation(model.joints_m[palm], seen, _PALM_WEIGHTS)
    bones = np.diff(points[:, 1:].reshape(-1, 5, 4, 3), axis=2)  # a finger's four keypoints follow each other
    kernels().finger_turns(bones, model.finger_bones_m, R)
    return R
