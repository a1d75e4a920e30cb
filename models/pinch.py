"""Poses defined by contact: fingertip on fingertip, and the thumb laid over closed fingers.

Contact depends on the hand's proportions, so it is solved for, not tabulated: a few damped Gauss–Newton steps
on the anatomical angles that take part, inside their limits, near a given pose.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGER_SLICES, JOINT_PARENTS
from models.rotations import unit

_FLEXION, _ABDUCTION, _TWIST = 0, 1, 2
_STEPS = 60
_DIFFERENCE_RAD = 1e-5
_LEAST_GAIN_MM2 = 1e-4  # a step that gains less is the last
_PRIOR_MM_PER_RAD = 0.5  # contact error traded against going away from the given pose
_PAD_WEIGHT_MM = 0.8
_END_JOINT_FOLLOWS = 0.6  # share of a finger's middle joint: one tendon bends both
_THUMB_RADIUS_M = 0.008


def touch_tips(model: HandModel, finger: str, angles_rad: np.ndarray) -> np.ndarray:
    """Bring thumb and finger together, pad on pad.

    Args:
        model: the hand.
        finger: "index", "middle", "ring" or "pinky".
        angles_rad: (15,3) pose to start from and to stay close to.

    Returns:
        (15,3) angles within the limits. The tips end up within about 2 mm of each other for the hands that
        ship.
    """
    thumb_tip, finger_tip = FINGER_SLICES["thumb"].stop - 1, FINGER_SLICES[finger].stop - 1

    def residual(angles: np.ndarray) -> np.ndarray:
        keypoints, pads = _keypoints_and_pads(model, angles, ("thumb", finger))
        gap_mm = 1e3 * (keypoints[thumb_tip] - keypoints[finger_tip])
        return np.concatenate([gap_mm, _PAD_WEIGHT_MM * (pads[0] + pads[1])])

    base, middle, last = FINGER_JOINTS[finger]
    free = [
        [(base, _FLEXION, 1.0)],
        [(base, _ABDUCTION, 1.0)],
        [(middle, _FLEXION, 1.0), (last, _FLEXION, _END_JOINT_FOLLOWS)],
    ]
    return _solve(model, angles_rad, _thumb_angles() + free, residual)


def lay_thumb(model: HandModel, finger: str, angles_rad: np.ndarray) -> np.ndarray:
    """Lay the thumb's pad on the back of a closed finger's middle phalanx, the other joints unmoved.

    Args:
        model: the hand.
        finger: the finger to lie on.
        angles_rad: (15,3) pose, that finger curled.

    Returns:
        (15,3) angles within the limits.
    """
    part = FINGER_SLICES[finger]
    thumb_tip = FINGER_SLICES["thumb"].stop - 1

    def residual(angles: np.ndarray) -> np.ndarray:
        keypoints, pads = _keypoints_and_pads(model, angles, ("thumb", finger), joint_place=1)
        back = -pads[1]
        spot = 0.5 * (keypoints[part.start + 1] + keypoints[part.start + 2]) + _THUMB_RADIUS_M * back
        return 1e3 * (keypoints[thumb_tip] - spot)

    return _solve(model, angles_rad, _thumb_angles(), residual)


Free = list[tuple[int, int, float]]
"""Angles that move as one: joint, which of its angles, share of the movement."""


def _thumb_angles() -> list[Free]:
    base, middle, last = FINGER_JOINTS["thumb"]
    own = [(base, _FLEXION), (base, _ABDUCTION), (base, _TWIST), (middle, _FLEXION), (last, _FLEXION)]
    return [[(joint, angle, 1.0)] for joint, angle in own]


def _keypoints_and_pads(
    model: HandModel, angles_rad: np.ndarray, fingers: tuple[str, str], joint_place: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (21,3) and the palm-side directions (2,3) of one phalanx of the two digits."""
    rotations = model.rotations_of_angles(angles_rad)
    pads = np.empty((2, 3))
    for i, finger in enumerate(fingers):
        joint = FINGER_JOINTS[finger][2 if finger == "thumb" else joint_place]
        G = np.eye(3)
        walk = joint
        while walk > 0:
            G = rotations[walk] @ G
            walk = JOINT_PARENTS[walk]
        pads[i] = G @ model.frames[joint - 1, :, 2]
    return model.keypoints(rotations), unit(pads)


def _solve(
    model: HandModel, start: np.ndarray, free: list[Free], residual: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    moves = np.zeros((len(free), *np.shape(start)))
    for i, group in enumerate(free):
        for joint, angle, share in group:
            moves[i, joint - 1, angle] = share
    low, high = model.joint_limits[..., 0], model.joint_limits[..., 1]

    def posed(x: np.ndarray) -> np.ndarray:
        return np.clip(start + np.tensordot(x, moves, axes=1), low, high)

    def cost(x: np.ndarray, r: np.ndarray) -> float:
        return float(r @ r + _PRIOR_MM_PER_RAD**2 * (x @ x))

    x = np.zeros(len(free))
    r = residual(posed(x))
    damping = 1.0
    for _ in range(_STEPS):
        J = np.empty((len(r), len(x)))
        for i in range(len(x)):
            ahead = x.copy()
            ahead[i] += _DIFFERENCE_RAD
            J[:, i] = (residual(posed(ahead)) - r) / _DIFFERENCE_RAD
        pull = _PRIOR_MM_PER_RAD**2
        H = J.T @ J + (pull + damping) * np.eye(len(x))
        trial = x - np.linalg.solve(H, J.T @ r + pull * x)
        r_trial = residual(posed(trial))
        gain = cost(x, r) - cost(trial, r_trial)
        if gain > 0.0:
            x, r, damping = trial, r_trial, max(0.3 * damping, 1e-3)
        else:
            damping *= 4.0
        if 0.0 <= gain < _LEAST_GAIN_MM2:
            break
    return posed(x)
