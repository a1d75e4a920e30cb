"""The vocabulary of hand poses, as anatomical angles of one hand."""

from __future__ import annotations

import numpy as np

from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERS
from models.pinch import lay_thumb, touch_tips

# Degrees: flexion of MCP, PIP, DIP and abduction of MCP (+ toward the pinky), for index, middle, ring, pinky.
_STRAIGHT = {"index": (2, 4, 2), "middle": (2, 4, 2), "ring": (3, 4, 2), "pinky": (3, 5, 3)}
_CURLED = {"index": (72, 98, 58), "middle": (78, 100, 60), "ring": (80, 100, 60), "pinky": (78, 96, 56)}
_RELAXED = {"index": (18, 22, 10), "middle": (24, 26, 12), "ring": (28, 28, 13), "pinky": (30, 28, 14)}
_HALF = {"index": (42, 45, 22), "middle": (44, 46, 23), "ring": (45, 46, 23), "pinky": (45, 45, 23)}
_SPREAD = {"index": -9, "middle": 0, "ring": 13, "pinky": 28}
_TOGETHER = {"index": 4, "middle": 2, "ring": 6, "pinky": 12}

# Degrees: CMC flexion, abduction, twist; MCP flexion; IP flexion.
_THUMB_OUT = (-14, 6, 0, -6, -8)
_THUMB_RELAXED = (2, -6, 4, 8, 10)
_THUMB_OPPOSED = (14, -22, 12, 22, 24)
_THUMB_FOLDED = (24, -22, 16, 38, 34)

RELEASED = ("index", "middle", "ring", "pinky")


def hand_poses(model: HandModel) -> dict[str, np.ndarray]:
    """Every named pose of a hand.

    Args:
        model: the hand whose limits and proportions count.

    Returns:
        name → (15,3) anatomical angles, rad, within the joint limits: open, flat, relaxed, fist, count_1 …
        count_5 and pinch_index … pinch_pinky with the tips in contact.
    """
    poses = {
        "open": _pose(model, dict.fromkeys(RELEASED, _STRAIGHT), _THUMB_OUT, _SPREAD),
        "flat": _pose(model, dict.fromkeys(RELEASED, _STRAIGHT), _THUMB_RELAXED, _TOGETHER),
        "half": _pose(model, dict.fromkeys(RELEASED, _HALF), _THUMB_RELAXED, _TOGETHER),
        "relaxed": _pose(model, dict.fromkeys(RELEASED, _RELAXED), _THUMB_RELAXED, _TOGETHER),
        "count_5": _pose(model, dict.fromkeys(RELEASED, _STRAIGHT), _THUMB_OUT, _SPREAD),
        "fist": lay_thumb(model, "index", _closed(model, ())),
        "count_1": lay_thumb(model, "middle", _closed(model, ("index",))),
        "count_2": lay_thumb(model, "ring", _closed(model, ("index", "middle"))),
        "count_3": lay_thumb(model, "pinky", _closed(model, ("index", "middle", "ring"))),
        "count_4": _pose(model, dict.fromkeys(RELEASED, _STRAIGHT), _THUMB_FOLDED, _SPREAD),
    }
    for finger in RELEASED:
        poses[f"pinch_{finger}"] = touch_tips(model, finger, _before_pinch(model, finger))
    return poses


def _closed(model: HandModel, straight: tuple[str, ...]) -> np.ndarray:
    """Fingers curled but for some, the thumb on its way over them."""
    flexion = {finger: _STRAIGHT if finger in straight else _CURLED for finger in RELEASED}
    spread = {name: 0.6 * _SPREAD[name] if name in straight else _TOGETHER[name] for name in RELEASED}
    return _pose(model, flexion, _THUMB_FOLDED, spread)


def _before_pinch(model: HandModel, finger: str) -> np.ndarray:
    """The pinching finger half bent, the others loosely out of the way, more so the further away."""
    flexion = dict.fromkeys(RELEASED, _STRAIGHT)
    pose = _pose(model, flexion, _THUMB_OPPOSED, _SPREAD)
    base, middle, last = (joint - 1 for joint in FINGER_JOINTS[finger])
    pose[[base, middle, last], 0] = np.radians([48.0, 50.0, 28.0])
    near = RELEASED.index(finger)
    for other, name in enumerate(RELEASED):
        # Tendons are shared: neighbours follow part of the way.
        if name != finger:
            follow = 0.35 if abs(other - near) == 1 else 0.12
            joints = [joint - 1 for joint in FINGER_JOINTS[name]]
            pose[joints, 0] += follow * np.radians([48.0, 50.0, 28.0])
    return pose


def _pose(
    model: HandModel,
    flexion: dict[str, dict[str, tuple[int, int, int]]],
    thumb: tuple[int, int, int, int, int],
    spread: dict[str, float] | dict[str, int],
) -> np.ndarray:
    degrees = np.degrees(model.rest_angles_rad)  # hinges keep their rest abduction and twist
    for finger in FINGERS:
        joints = [joint - 1 for joint in FINGER_JOINTS[finger]]
        if finger == "thumb":
            degrees[joints[0]] = thumb[:3]
            degrees[joints[1], 0], degrees[joints[2], 0] = thumb[3:]
        else:
            degrees[joints, 0] = flexion[finger][finger]
            degrees[joints[0], 1] = spread[finger]
    limits = model.joint_limits
    return np.clip(np.radians(degrees), limits[..., 0], limits[..., 1])
