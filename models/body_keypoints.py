"""The 17 body keypoints of Human3.6M, the 24 joints of SMPL, and MediaPipe's 33 pose landmarks.

MediaPipe's landmarks lack six of the 17. They are linear in the landmarks, so the same formulas hold in
metres and in pixels; L and R are the person's left and right:

    hip       ½ (L hip + R hip)
    neck      S + 0.12 (S − hip), S = ½ (L shoulder + R shoulder): the base of the neck is above that line
    spine     ½ (hip + S)
    head      ½ (L ear + R ear): the middle of the head
    head top  head + 1.9 (E − M), E and M the middles of the eyes and of the mouth: they tell which way is up

The last factor and the neck's are those of the open body's own skeleton (`models.body_model`); how far the
formulas are from it, bent spines included, is part of the noise that `models.body_noise` has measured.
"""

from __future__ import annotations

import numpy as np

BODY_KEYPOINT_NAMES = (
    "hip",
    "left_hip", "left_knee", "left_ankle",
    "right_hip", "right_knee", "right_ankle",
    "spine", "neck", "head", "head_top",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""Human3.6M's 17 keypoints in the order of PoseBERT's body code."""

NUM_BODY_KEYPOINTS = 17
BODY_KEYPOINT_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
"""The keypoint each bone starts at; -1 for the hip."""

BODY_SKELETON: tuple[tuple[int, int], ...] = tuple(
    (p, k) for k, p in enumerate(BODY_KEYPOINT_PARENTS) if p >= 0
)
"""The 16 bones as (parent, child) keypoints, for drawing."""

MIRRORED_KEYPOINTS = np.array([0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13])
"""The keypoint on the other side of the body."""

LEFT_KEYPOINTS = (1, 2, 3, 11, 12, 13)
RIGHT_KEYPOINTS = (4, 5, 6, 14, 15, 16)

BODY_JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
"""SMPL's 24 joints."""

NUM_BODY_JOINTS = 24
BODY_JOINT_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""The joint each of the 24 rotates with; -1 for the pelvis, whose rotation is the global one."""

MIRRORED_JOINTS = np.array(
    [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
)
"""The joint on the other side of the body; SMPL's flip permutation."""

NUM_LANDMARKS = 33
_L_EYE, _R_EYE, _L_EAR, _R_EAR, _L_MOUTH, _R_MOUTH = 2, 5, 7, 8, 9, 10
_L_SHOULDER, _R_SHOULDER, _L_HIP, _R_HIP = 11, 12, 23, 24
NECK_ABOVE_SHOULDERS = 0.12  # of the distance from hips to shoulders
_CROWN_ABOVE_EARS = 1.9
# Keypoint → landmark of those MediaPipe has.
_SAME = {1: 23, 2: 25, 3: 27, 4: 24, 5: 26, 6: 28, 11: 11, 12: 13, 13: 15, 14: 12, 15: 14, 16: 16}


def _keypoints_from_landmarks() -> np.ndarray:
    """(17,33) weights; each row sums to one."""
    of = np.eye(NUM_LANDMARKS)
    hip = 0.5 * (of[_L_HIP] + of[_R_HIP])
    shoulders = 0.5 * (of[_L_SHOULDER] + of[_R_SHOULDER])
    ears = 0.5 * (of[_L_EAR] + of[_R_EAR])
    face_up = 0.5 * (of[_L_EYE] + of[_R_EYE]) - 0.5 * (of[_L_MOUTH] + of[_R_MOUTH])
    weights = np.zeros((NUM_BODY_KEYPOINTS, NUM_LANDMARKS))
    for keypoint, landmark in _SAME.items():
        weights[keypoint, landmark] = 1.0
    weights[0] = hip
    weights[7] = 0.5 * (hip + shoulders)
    weights[8] = shoulders + NECK_ABOVE_SHOULDERS * (shoulders - hip)
    weights[9] = ears
    weights[10] = ears + _CROWN_ABOVE_EARS * face_up
    return weights


KEYPOINTS_FROM_LANDMARKS = _keypoints_from_landmarks()
"""(17,33): `KEYPOINTS_FROM_LANDMARKS @ landmarks` gives the 17 keypoints, in metres or in pixels."""


def visibility_of_keypoints(visibility: np.ndarray) -> np.ndarray:
    """Confidence (…,17) of the keypoints: that of the least visible landmark each is made of.

    Args:
        visibility: (…,33) of the landmarks, 0–1.
    """
    used = KEYPOINTS_FROM_LANDMARKS != 0.0
    return np.where(used, np.asarray(visibility)[..., None, :], 1.0).min(axis=-1)
