"""Anatomical angles of the 15 finger joints: flexion, abduction, twist, their axes and their limits.

Each joint has a right-handed frame F = [x y z] at its *straight* pose, in rest-pose world axes:
    y  the bone axis: along the parent bone, for a knuckle along wrist → middle knuckle;
    x  the flexion axis: turning about +x curls the finger toward the palm;
    z  the abduction axis x × y: turning about +z swings a finger toward the pinky, the thumb back toward the
       side of the palm; about −z the thumb leaves the palm's plane to oppose the fingers.
With E(flexion, abduction, twist) = Rz(abduction) Rx(flexion) Ry(twist), a joint's rotation from rest is
    R = F E(angles) E(rest_angles)ᵀ Fᵀ,
so all-zero angles are a flat hand, and `rest_angles` are those of the rest pose. The thumb's carpal and
knuckle joints have no natural zero; there the rest pose is zero.
"""

from __future__ import annotations

import numpy as np

from models.keypoints import FINGER_JOINTS, FINGERS, JOINT_PARENTS
from models.rotations import unit

ANGLES = ("flexion", "abduction", "twist")

# Degrees, flexion | abduction | twist. Wide enough for the active motion of healthy adults, the thumb's
# wide enough that it reaches every fingertip; a hinge's abduction and twist stay at the rest pose's.
_LIMITS_DEG = {
    "index_mcp": ((-25.0, 90.0), (-25.0, 20.0), (-5.0, 5.0)),
    "middle_mcp": ((-25.0, 90.0), (-15.0, 15.0), (-5.0, 5.0)),
    "ring_mcp": ((-25.0, 90.0), (-15.0, 25.0), (-5.0, 5.0)),
    "pinky_mcp": ((-25.0, 95.0), (-20.0, 40.0), (-5.0, 5.0)),
    "pip": ((-5.0, 110.0), (0.0, 0.0), (0.0, 0.0)),
    "dip": ((-10.0, 85.0), (0.0, 0.0), (0.0, 0.0)),
    "thumb_cmc": ((-25.0, 50.0), (-45.0, 45.0), (-30.0, 45.0)),
    "thumb_mcp": ((-20.0, 70.0), (-10.0, 10.0), (-5.0, 5.0)),
    "thumb_ip": ((-25.0, 85.0), (0.0, 0.0), (0.0, 0.0)),
}


def rotation_of_angles(angles_rad: np.ndarray) -> np.ndarray:
    """E(flexion, abduction, twist) = Rz(abduction) Rx(flexion) Ry(twist).

    Args:
        angles_rad: (…,3).

    Returns:
        (…,3,3) in the joint's frame.
    """
    angles_rad = np.asarray(angles_rad, dtype=np.float64)
    cf, ca, ct = (np.cos(angles_rad[..., i]) for i in range(3))
    sf, sa, st = (np.sin(angles_rad[..., i]) for i in range(3))
    return np.stack(
        [
            np.stack([ca * ct - sa * sf * st, -sa * cf, ca * st + sa * sf * ct], -1),
            np.stack([sa * ct + ca * sf * st, ca * cf, sa * st - ca * sf * ct], -1),
            np.stack([-cf * st, sf, cf * ct], -1),
        ],
        axis=-2,
    )


def angles_of_rotation(E: np.ndarray) -> np.ndarray:
    """Inverse of `rotation_of_angles` for flexion inside ±90°; beyond it the equivalent angles.

    Args:
        E: (…,3,3) rotations in the joint's frame.

    Returns:
        (…,3) flexion, abduction, twist, rad.
    """
    flexion = np.arcsin(np.clip(E[..., 2, 1], -1.0, 1.0))
    abduction = np.arctan2(-E[..., 0, 1], E[..., 1, 1])
    twist = np.arctan2(-E[..., 2, 0], E[..., 2, 2])
    # Past 90° of flexion asin folds back: the other solution has abduction and twist turned by π.
    beyond = np.abs(abduction) > 0.5 * np.pi
    flexion = np.where(beyond, np.where(flexion >= 0.0, np.pi, -np.pi) - flexion, flexion)
    abduction = np.where(beyond, _wrapped(abduction + np.pi), abduction)
    twist = np.where(beyond, _wrapped(twist + np.pi), twist)
    return np.stack([flexion, abduction, twist], axis=-1)


def joint_frames(
    joints_m: np.ndarray, tips_m: np.ndarray, flexion_axes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Straight-pose frames and rest angles of a hand given by its rest pose.

    Args:
        joints_m: (16,3) rest joints, MANO order.
        tips_m: (5,3) rest fingertips, thumb to pinky.
        flexion_axes: (15,3) rough flexion axis of each finger joint, rest-pose world axes.

    Returns:
        frames (15,3,3) with columns x, y, z; rest_angles_rad (15,3).
    """
    palm = unit(joints_m[FINGER_JOINTS["middle"][0]] - joints_m[0])
    frames = np.empty((15, 3, 3))
    rest = np.zeros((15, 3))
    for finger, tip in zip(FINGERS, tips_m, strict=True):
        chain = FINGER_JOINTS[finger]
        ends = [*(joints_m[j] for j in chain[1:]), tip]
        for place, (joint, end) in enumerate(zip(chain, ends, strict=True)):
            bone = unit(end - joints_m[joint])
            if finger == "thumb" and place < 2:
                straight = bone
            elif place == 0:
                straight = palm
            else:
                straight = unit(joints_m[joint] - joints_m[JOINT_PARENTS[joint]])
            axis = flexion_axes[joint - 1]
            x = unit(axis - (axis @ straight) * straight)
            frame = np.column_stack([x, straight, np.cross(x, straight)])
            along = frame.T @ bone
            frames[joint - 1] = frame
            rest[joint - 1, :2] = np.arcsin(np.clip(along[2], -1.0, 1.0)), np.arctan2(-along[0], along[1])
    return frames, rest


def joint_limits(rest_angles_rad: np.ndarray) -> np.ndarray:
    """Lower and upper bound of every angle.

    Args:
        rest_angles_rad: (15,3) of the hand; hinges keep its abduction and twist.

    Returns:
        (15,3,2) rad: joint, (flexion, abduction, twist), (lower, upper).
    """
    limits = np.empty((15, 3, 2))
    for finger in FINGERS:
        kinds = (f"{finger}_mcp", "pip", "dip")
        if finger == "thumb":
            kinds = ("thumb_cmc", "thumb_mcp", "thumb_ip")
        for joint, kind in zip(FINGER_JOINTS[finger], kinds, strict=True):
            limits[joint - 1] = np.radians(_LIMITS_DEG[kind])
            if kind in ("pip", "dip", "thumb_ip"):
                limits[joint - 1, 1:] = rest_angles_rad[joint - 1, 1:, None]
    # A rest pose just outside the range belongs to the hand all the same.
    limits[..., 0] = np.minimum(limits[..., 0], rest_angles_rad)
    limits[..., 1] = np.maximum(limits[..., 1], rest_angles_rad)
    return limits


def _wrapped(angle_rad: np.ndarray) -> np.ndarray:
    return np.arctan2(np.sin(angle_rad), np.cos(angle_rad))
