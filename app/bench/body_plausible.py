"""How steady and how human a body moves, of footage whose truth nobody knows."""

from __future__ import annotations

import numpy as np

from models.body_canonical import body_bone_lengths
from models.body_keypoints import MIRRORED_KEYPOINTS
from models.lag import jitter

MOST_BENT_DEG = 160.0
"""Elbow and knee: calf on thigh, forearm on upper arm."""
BACKWARD_DEG = 20.0
"""A knee bent forward by more is broken."""
MOST_TRUNK_DEG, MOST_NECK_DEG = 70.0, 80.0
SWAP_S = 0.2
"""A person does not turn round in so short a time: who seems to, has had left and right swapped."""
_SWAPPED_RATIO = 0.5  # so much nearer must the mirrored labels be
_LEGS, _ARMS = (1, 2, 3, 4, 5, 6), (11, 12, 13, 14, 15, 16)
_KNEES = ((1, 2, 3), (4, 5, 6))
_ELBOWS = ((11, 12, 13), (14, 15, 16))
_HIP, _LEFT_HIP, _RIGHT_HIP, _SPINE, _NECK, _HEAD = 0, 1, 4, 7, 8, 9


def plausibility(keypoints_m: np.ndarray, fps: float) -> dict[str, float]:
    """What of a motion (N,17,3), NaN where nothing was said, can be judged without the truth.

    Returns:
        `jitter`, mean second difference, mm/frame²; `bones`, how much bone lengths vary, standard deviation
        over mean, %, mean of the bones; `limits`, share of the frames in which a joint is bent as no human's
        is; `swaps`, how often a minute left and right of legs or arms change places; `known`, share of the
        frames of which anything was said.
    """
    known = np.isfinite(keypoints_m).all(axis=(1, 2))
    seen_m = keypoints_m[known]
    if not len(seen_m):
        return {"known": 0.0, **dict.fromkeys(("jitter", "bones", "limits", "swaps"), float("nan"))}
    lengths = body_bone_lengths(seen_m)
    return {
        "known": float(known.mean()),
        "jitter": 1e3 * jitter(keypoints_m),
        "bones": 100.0 * float((lengths.std(axis=0) / lengths.mean(axis=0)).mean()),
        "limits": float(beyond_limits(seen_m).mean()),
        "swaps": 60.0 * fps * count_swaps(keypoints_m, fps) / len(seen_m),
    }


def beyond_limits(keypoints_m: np.ndarray) -> np.ndarray:
    """(N,) bool: frames in which an elbow, a knee, the trunk or the neck is bent as no human's is.

    Args:
        keypoints_m: (N,17,3) finite, any frame of right-handed axes.
    """
    beyond = np.zeros(len(keypoints_m), dtype=bool)
    leftward = _unit(keypoints_m[:, _LEFT_HIP] - keypoints_m[:, _RIGHT_HIP])
    for root, middle, end in (*_KNEES, *_ELBOWS):
        upper = _unit(keypoints_m[:, middle] - keypoints_m[:, root])
        lower = _unit(keypoints_m[:, end] - keypoints_m[:, middle])
        beyond |= (upper * lower).sum(axis=-1) < np.cos(np.radians(MOST_BENT_DEG))
        if (root, middle, end) in _KNEES:
            # A knee bends backward: that turns the shank about the axis that points to the body's left.
            bent = (np.cross(upper, lower) * leftward).sum(axis=-1)
            beyond |= bent < -np.sin(np.radians(BACKWARD_DEG))
    loin, chest, neck = (
        _unit(keypoints_m[:, end] - keypoints_m[:, begin])
        for begin, end in ((_HIP, _SPINE), (_SPINE, _NECK), (_NECK, _HEAD))
    )
    beyond |= (loin * chest).sum(axis=-1) < np.cos(np.radians(MOST_TRUNK_DEG))
    beyond |= (chest * neck).sum(axis=-1) < np.cos(np.radians(MOST_NECK_DEG))
    return beyond


def count_swaps(keypoints_m: np.ndarray, fps: float) -> int:
    """How often left and right of legs or of arms change places within `SWAP_S`, there and back counted each.

    Args:
        keypoints_m: (N,17,3), NaN where nothing was said.
        fps: frames a second.
    """
    apart = max(round(SWAP_S * fps), 1)
    if len(keypoints_m) <= apart:
        return 0
    count = 0
    for limbs in (_LEGS, _ARMS):
        of = list(limbs)
        before, now = keypoints_m[:-apart][:, of], keypoints_m[apart:][:, of]
        other = keypoints_m[apart:][:, MIRRORED_KEYPOINTS[of]]
        same = np.linalg.norm(now - before, axis=-1).sum(axis=1)
        swapped = np.linalg.norm(other - before, axis=-1).sum(axis=1) < _SWAPPED_RATIO * same
        count += int((np.diff(np.concatenate([[False], swapped]).astype(int)) == 1).sum())
    return count


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.clip(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9, None)
