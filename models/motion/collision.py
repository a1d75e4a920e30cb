"""Which poses a body cannot take: a finger inside another finger or inside the palm."""

from __future__ import annotations

import itertools

import numpy as np

from models.hand_model import HandModel
from models.keypoints import FINGER_SLICES, FINGERS, KNUCKLES

_FINGER_GAP_M = 0.009  # bones' centre lines nearer than this, fingers would be inside each other
_PALM_GAP_M = 0.006  # so near the bones of the palm (or behind them) a finger would be inside it
_PALM_SPAN = (0.15, 0.9)  # of the way from the wrist to the knuckles


def collides(angles_rad: np.ndarray, model: HandModel) -> np.ndarray:
    """Whether each pose (N,15,3) is impossible, (N,) bool."""
    keypoints = model.keypoints(model.rotations_of_angles(angles_rad))
    size = np.linalg.norm(keypoints[0, 9])
    chains = {}
    for finger in FINGERS:
        joints = keypoints[:, FINGER_SLICES[finger]]
        middles = 0.5 * (joints[:, 1:] + joints[:, :-1])
        # Knuckles and what is near them belong to the palm; tips may touch.
        chains[finger] = np.stack([middles[:, 1], joints[:, 2], middles[:, 2]], axis=1)
    scale = size / 0.1
    bad = np.zeros(len(keypoints), dtype=bool)
    for a, b in itertools.combinations(FINGERS, 2):
        apart = np.linalg.norm(chains[a][:, :, None] - chains[b][:, None], axis=-1)
        bad |= apart.min(axis=(1, 2)) < _FINGER_GAP_M * scale
    # In the rest pose's axes the fingers point to −x and the palm faces −y.
    knuckles = keypoints[:, list(KNUCKLES)]
    along_end = knuckles[..., 0].mean(axis=1)[:, None]
    low, high = knuckles[..., 2].min(axis=1)[:, None], knuckles[..., 2].max(axis=1)[:, None]
    depth_end = knuckles[..., 1].mean(axis=1)[:, None]
    tips = keypoints[:, [8, 12, 16, 20, 4]]
    points = np.concatenate([*chains.values(), tips], axis=1)
    along = points[..., 0] / along_end
    over = (
        (along > _PALM_SPAN[0]) & (along < _PALM_SPAN[1]) & (points[..., 2] > low) & (points[..., 2] < high)
    )
    under = points[..., 1] > depth_end * along - _PALM_GAP_M * scale
    return bad | (over & under).any(axis=1)
