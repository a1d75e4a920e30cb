"""Which joints bend a digit, and how far: the fingers' common axis, the straightest pose, the bent end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.check_hand.description import Description
from app.check_hand.digits import Digit
from retarget.urdf import PRISMATIC

_FLEXES = 0.7  # cosine between a joint's axis and the fingers' common one from which on it bends the finger
_STEPS = 33  # of the searches along one joint's range
_LONGER = 1.005  # half a per cent is rounding of the links, not a bent finger
_LOPSIDED = 1.3  # a joint bends to the side its range is this much longer on
_FAR_RAD = 1.5  # for joints without limits
_STUCK_RAD = 1e-3  # a joint with less room than this does not move


def lateral_axis(description: Description, fingers: Sequence[Digit]) -> np.ndarray:
    """(3,) unit, the line across the fingers: the one that their last joints turn about; its sign is any."""
    poses = description.poses(description.open_q)
    last = [axes[-1][1] for digit in fingers if (axes := _joint_axes(description, digit, poses))]
    if not last:
        tips = np.array([poses[description.tree.link_index(digit.tip), :3, 3] for digit in fingers])
        return np.linalg.svd(tips - tips.mean(axis=0))[2][0] if len(tips) > 1 else np.array([0.0, 1.0, 0.0])
    return np.linalg.svd(np.array(last))[2][0]


def bending_joints(
    description: Description, digit: Digit, lateral: np.ndarray, poses: np.ndarray
) -> list[int]:
    """Independent joints (indices) that bend a finger: those that turn about the fingers' common line."""
    axes = _joint_axes(description, digit, poses)
    bending = [link for link, axis in axes if abs(float(axis @ lateral)) > _FLEXES]
    return list(dict.fromkeys(int(description.tree.source[link]) for link in bending))


def thumb_bending_joints(description: Description, thumb: Digit) -> list[int]:
    """Independent joints that bend the thumb: the last two that turn, without the one that swings it all."""
    tree = description.tree
    turning = [int(tree.source[link]) for link in thumb.moving if tree.joint_type[link] != PRISMATIC]
    joints = list(dict.fromkeys(turning))
    return joints[1:][-2:] or joints


def range_of(description: Description, joint: int) -> tuple[float, float]:
    lower, upper = float(description.tree.lower_rad[joint]), float(description.tree.upper_rad[joint])
    return (-_FAR_RAD if math.isinf(lower) else lower), (_FAR_RAD if math.isinf(upper) else upper)


def is_stuck(description: Description, joint: int) -> bool:
    """Whether a joint's limits leave it no room."""
    return bool(description.tree.upper_rad[joint] - description.tree.lower_rad[joint] < _STUCK_RAD)


def is_limited(description: Description, joint: int) -> bool:
    """Whether a joint has both limits."""
    return math.isfinite(description.tree.upper_rad[joint] - description.tree.lower_rad[joint])


def straighten(
    description: Description, digits: Sequence[Digit], thumb: Digit | None, lateral: np.ndarray
) -> np.ndarray:
    """(n,) the pose in which every digit is longest; joints that do not matter for it stay nearest 0."""
    tree = description.tree
    q = description.open_q.copy()
    poses = description.poses(q)
    for digit in digits:
        bending = (
            thumb_bending_joints(description, digit)
            if digit is thumb
            else bending_joints(description, digit, lateral, poses)
        )
        tip, base = tree.link_index(digit.tip), base_link(description, digit, bending)
        for joint in bending * 2:
            tries = np.unique([q[joint], *np.linspace(*range_of(description, joint), _STEPS)])
            lengths = []
            for value in tries:
                trial = q.copy()
                trial[joint] = value
                placed = description.poses(trial)[:, :3, 3]
                lengths.append(float(np.linalg.norm(placed[tip] - placed[base])))
            now = lengths[int(np.flatnonzero(tries == q[joint])[0])]
            if max(lengths) > _LONGER * now:
                q[joint] = float(tries[int(np.argmax(lengths))])
    return q


def bent_end(description: Description, joint: int, straight: float) -> float | None:
    """The end of a joint's range that bends the finger.

    None if neither side is clearly longer, and for a joint without limits or without any room.
    """
    lower, upper = float(description.tree.lower_rad[joint]), float(description.tree.upper_rad[joint])
    below, above = straight - lower, upper - straight
    if not is_limited(description, joint) or max(below, above) < _STUCK_RAD:
        return None
    if max(below, above) < _LOPSIDED * min(below, above):
        return None
    return upper if above > below else lower


def _joint_axes(description: Description, digit: Digit, poses: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(link, axis (3,) in the root's axes) of the digit's turning joints, root to tip."""
    tree = description.tree
    return [
        (link, poses[link, :3, :3] @ tree.axis[link])
        for link in digit.moving
        if tree.joint_type[link] != PRISMATIC
    ]


def base_link(description: Description, digit: Digit, bending: Sequence[int]) -> int:
    """The link where the digit starts to bend: moved by the first of the joints `bending`, else its first."""
    sources = description.tree.source
    return next((link for link in digit.moving if int(sources[link]) in bending), digit.moving[0])
