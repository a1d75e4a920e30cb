"""The 21 hand keypoints, the 16 MANO joints, and how one maps to the other."""

from __future__ import annotations

import numpy as np

NUM_JOINTS = 16
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
"""The digits in the order of the keypoints."""

KEYPOINT_NAMES = (
    "wrist",
    "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip",
    "index_mcp", "index_pip", "index_dip", "index_tip",
    "middle_mcp", "middle_pip", "middle_dip", "middle_tip",
    "ring_mcp", "ring_pip", "ring_dip", "ring_tip",
    "pinky_mcp", "pinky_pip", "pinky_dip", "pinky_tip",
)  # fmt: skip
"""MediaPipe's 21 landmarks, the same order as OpenPose, FreiHAND and DexYCB."""

KEYPOINT_PARENTS = (-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19)
"""The keypoint each bone starts at; -1 for the wrist."""

SKELETON: tuple[tuple[int, int], ...] = tuple((p, k) for k, p in enumerate(KEYPOINT_PARENTS) if p >= 0)
"""The 20 bones as (parent, child) keypoints, for drawing."""

FINGER_SLICES = {name: slice(1 + 4 * i, 5 + 4 * i) for i, name in enumerate(FINGERS)}
"""Keypoints of each digit, base to tip."""

FINGERTIPS = (4, 8, 12, 16, 20)
KNUCKLES = (5, 9, 13, 17)

JOINT_NAMES = (
    "wrist",
    "index_mcp", "index_pip", "index_dip",
    "middle_mcp", "middle_pip", "middle_dip",
    "pinky_mcp", "pinky_pip", "pinky_dip",
    "ring_mcp", "ring_pip", "ring_dip",
    "thumb_cmc", "thumb_mcp", "thumb_ip",
)  # fmt: skip
"""MANO's 16 joints: pinky before ring, thumb last."""

JOINT_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
"""The joint each of the 16 rotates with; -1 for the wrist, whose rotation is the global one."""

FINGER_JOINTS = {
    "thumb": (13, 14, 15),
    "index": (1, 2, 3),
    "middle": (4, 5, 6),
    "ring": (10, 11, 12),
    "pinky": (7, 8, 9),
}
"""The three MANO joints of each digit, base to end; tips are attached to the last."""

FINGER_CHAINS = np.array([FINGER_JOINTS[name] for name in FINGERS])
"""The same as (5,3) numbers, digits in keypoint order."""

TIP_JOINTS = tuple(FINGER_JOINTS[name][2] for name in FINGERS)
"""The joint each fingertip moves with, digits in keypoint order."""

KEYPOINTS_FROM_MANO = np.array([0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20])
"""Index into [16 MANO joints, tips of thumb, index, middle, ring, pinky] that gives the 21 keypoints."""

KEYPOINT_OF_JOINT = np.array([int(np.flatnonzero(j == KEYPOINTS_FROM_MANO)[0]) for j in range(NUM_JOINTS)])
"""The keypoint that sits at each MANO joint."""
