"""Bodies that move, for the tests of the humanoid."""

from __future__ import annotations

import numpy as np

from models.body_keypoints import BODY_JOINT_NAMES, NUM_BODY_JOINTS
from models.body_model import BodyModel
from models.body_retarget import BodyMotion
from models.rotations import matrix_from_axis_angle

CAMERA_FROM_UPRIGHT = np.diag([1.0, -1.0, -1.0])
"""Of a frame with y up and z from the scene to the camera."""


def before_a_camera(motion: BodyMotion, body: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (N,24,3,3) and hip (N,3), metres, as a camera sees a motion whose z is towards it."""
    rotations = motion.rotations.copy()
    rotations[:, 0] = CAMERA_FROM_UPRIGHT @ rotations[:, 0]
    hip_m = body.keypoints(motion.rotations, motion.pelvis_m)[:, 0] @ CAMERA_FROM_UPRIGHT.T
    return rotations, hip_m


def facing(**turns: tuple[float, float, float]) -> np.ndarray:
    """Rotations (24,3,3) of somebody in a T pose who faces the camera.

    Args:
        turns: axis times angle, rad, of joints named as in SMPL; x to the body's left, y up, z ahead.
    """
    rotations = np.tile(np.eye(3), (NUM_BODY_JOINTS, 1, 1))
    rotations[0] = CAMERA_FROM_UPRIGHT
    for name, turn in turns.items():
        joint = BODY_JOINT_NAMES.index(name)
        rotations[joint] = rotations[joint] @ matrix_from_axis_angle(np.array(turn))
    return rotations


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (…) between directions (…,3), degrees."""
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))
