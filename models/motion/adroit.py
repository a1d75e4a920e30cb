"""Forward kinematics of the Adroit hand: the 24 joint angles of its demonstrations as 21 keypoints.

Dimensions as published with the hand's model (vikashplus/Adroit). Palm frame: x to the thumb, z to the
fingers, back of the hand +y; a right hand.
"""

from __future__ import annotations

import numpy as np

from models.keypoints import FINGER_SLICES
from models.rotations import matrix_from_axis_angle

_X, _Y, _Z = np.eye(3)
_WRIST = np.zeros(3)
_KNUCKLES_M = {
    "index": (0.033, 0.0, 0.095),
    "middle": (0.011, 0.0, 0.099),
    "ring": (-0.011, 0.0, 0.095),
}
_FIRST_ANGLE = {"index": 2, "middle": 6, "ring": 10}  # abduction; then three flexions
_PHALANGES_M = (0.045, 0.025, 0.026)
_PINKY_METACARPAL_M = np.array([-0.017, 0.0, 0.044])
_PINKY_METACARPAL_AXIS = np.array([0.571, 0.0, 0.821])
_PINKY_KNUCKLE_M = np.array([-0.017, 0.0, 0.044])
_THUMB_BASE_M = np.array([0.034, -0.009, 0.029])
_THUMB_TILT_RAD = 0.785
_THUMB_PHALANGES_M = (0.038, 0.032, 0.0275)


def adroit_keypoints(q_rad: np.ndarray) -> np.ndarray:
    """Keypoints in the palm frame.

    Args:
        q_rad: (N,24) WRJ1 WRJ0, FFJ3–0, MFJ3–0, RFJ3–0, LFJ4–0, THJ4–0.

    Returns:
        (N,21,3) metres, the wrist at the origin.
    """
    q_rad = np.asarray(q_rad, dtype=np.float64)
    keypoints = np.empty((len(q_rad), 21, 3))
    keypoints[:, 0] = _WRIST
    unturned = np.broadcast_to(np.eye(3), (len(q_rad), 3, 3))
    for finger, knuckle in _KNUCKLES_M.items():
        angles = q_rad[:, _FIRST_ANGLE[finger] :][:, :4]
        base = np.broadcast_to(np.array(knuckle), (len(q_rad), 3))
        keypoints[:, FINGER_SLICES[finger]] = _finger(base, unturned, angles)
    metacarpal = _about(_PINKY_METACARPAL_AXIS / np.linalg.norm(_PINKY_METACARPAL_AXIS), q_rad[:, 14])
    base = _PINKY_METACARPAL_M + metacarpal @ _PINKY_KNUCKLE_M
    keypoints[:, FINGER_SLICES["pinky"]] = _finger(base, metacarpal, q_rad[:, 15:19])
    keypoints[:, FINGER_SLICES["thumb"]] = _thumb(q_rad[:, 19:24])
    return keypoints


def _finger(base_m: np.ndarray, turn: np.ndarray, angles_rad: np.ndarray) -> np.ndarray:
    points = [base_m]
    turn = turn @ _about(_Y, angles_rad[:, 0])
    for i, length_m in enumerate(_PHALANGES_M):
        turn = turn @ _about(_X, angles_rad[:, 1 + i])
        points.append(points[-1] + length_m * turn[..., 2])
    return np.stack(points, axis=1)


def _thumb(angles_rad: np.ndarray) -> np.ndarray:
    points = [np.broadcast_to(_THUMB_BASE_M, (len(angles_rad), 3))]
    turn = matrix_from_axis_angle(_THUMB_TILT_RAD * _Y) @ _about(-_Z, angles_rad[:, 0])
    turn = turn @ _about(_X, angles_rad[:, 1])
    points.append(points[-1] + _THUMB_PHALANGES_M[0] * turn[..., 2])
    turn = turn @ _about(_X, angles_rad[:, 2]) @ _about(_Y, angles_rad[:, 3])
    points.append(points[-1] + _THUMB_PHALANGES_M[1] * turn[..., 2])
    turn = turn @ _about(_Y, angles_rad[:, 4])
    points.append(points[-1] + _THUMB_PHALANGES_M[2] * turn[..., 2])
    return np.stack(points, axis=1)


def _about(axis: np.ndarray, angles_rad: np.ndarray) -> np.ndarray:
    return matrix_from_axis_angle(angles_rad[:, None] * axis)
