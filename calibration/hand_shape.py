"""What a hand's keypoints say of its pose: how straight, how curled, how near to the thumb each finger is.

All keypoints here are (…,21,3) in MediaPipe order, metres, in the hand frame: origin wrist, x out of the
palm, z toward the fingers, y toward the thumb of a right hand. Of a left hand y is reversed, which changes
nothing here. Fingers come in the order of FINGERS, without the thumb.
"""

from __future__ import annotations

import numpy as np

FINGERS = ("index", "middle", "ring", "pinky")
THUMB_TIP = 4
KNUCKLES = np.array([5, 9, 13, 17])
TIPS = KNUCKLES + 3
_PARENTS = np.array([0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
_TINY_M = 1e-6
_BEHIND_RAD = -0.5 * np.pi  # a finger seen bent back farther has curled in instead: angles go on past π


def bone_lengths_m(keypoints_m: np.ndarray) -> np.ndarray:
    """(…,20) lengths of the bones that end at keypoints 1–20."""
    return np.linalg.norm(keypoints_m[..., 1:, :] - keypoints_m[..., _PARENTS, :], axis=-1)


def hand_length_m(bones_m: np.ndarray) -> np.ndarray:
    """(…) wrist to the tip of a straight middle finger, of bone lengths (…,20)."""
    return np.asarray(bones_m)[..., 8:12].sum(-1)


def pinch_distances_m(keypoints_m: np.ndarray) -> np.ndarray:
    """(…,4) thumb tip to each fingertip."""
    return np.linalg.norm(keypoints_m[..., TIPS, :] - keypoints_m[..., [THUMB_TIP], :], axis=-1)


def extensions(keypoints_m: np.ndarray) -> np.ndarray:
    """(…,4) wrist to fingertip over the length of the bones between; 1 is straight, a fist is about 0.45."""
    reach_m = np.linalg.norm(keypoints_m[..., TIPS, :] - keypoints_m[..., [0], :], axis=-1)
    bones_m = bone_lengths_m(keypoints_m)[..., 4:].reshape(*reach_m.shape, 4)
    return np.asarray(reach_m / np.maximum(bones_m.sum(-1), _TINY_M))


def spans(keypoints_m: np.ndarray) -> np.ndarray:
    """(…) index tip to pinky tip over wrist to middle knuckle."""
    across_m = np.linalg.norm(keypoints_m[..., TIPS[0], :] - keypoints_m[..., TIPS[3], :], axis=-1)
    palm_m = np.linalg.norm(keypoints_m[..., KNUCKLES[1], :] - keypoints_m[..., 0, :], axis=-1)
    return np.asarray(across_m / np.maximum(palm_m, _TINY_M))


def flexions_rad(keypoints_m: np.ndarray) -> np.ndarray:
    """(…,4) how far each finger is bent at the knuckle, out of the plane of the hand, −π/2 … 3π/2."""
    bone = keypoints_m[..., KNUCKLES + 1, :] - keypoints_m[..., KNUCKLES, :]
    angle = np.arctan2(bone[..., 0], bone[..., 2])
    return np.asarray(np.where(angle < _BEHIND_RAD, angle + 2.0 * np.pi, angle))


def curls_rad(keypoints_m: np.ndarray) -> np.ndarray:
    """(…,4) angle between each finger's first and second bone, 0–π."""
    first = keypoints_m[..., KNUCKLES + 1, :] - keypoints_m[..., KNUCKLES, :]
    second = keypoints_m[..., KNUCKLES + 2, :] - keypoints_m[..., KNUCKLES + 1, :]
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine = np.sum(first * second, axis=-1) / np.maximum(lengths, _TINY_M**2)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))
