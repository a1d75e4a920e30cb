"""Human hands built from bone lengths, to see how a robot follows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.keypoints import FINGERS, FINGERTIPS
from models.observation import Hand

Kind = Literal["open", "fist", "pinch", "relaxed"]

# A middle-sized right hand in the hand frame, metres: 0.189 from the wrist to the middle finger's tip.
KNUCKLES_M = np.array([[0, 0.022, 0.094], [0, 0, 0.097], [0, -0.02, 0.09], [0, -0.037, 0.08]])
_BONES_M = np.array(
    [[0.034, 0.021, 0.022], [0.039, 0.026, 0.027], [0.035, 0.025, 0.025], [0.028, 0.018, 0.02]]
)
_THUMB_ROOT_M = np.array([0.012, 0.025, 0.03])
_OPEN_THUMB_M = np.array(
    [[0.005, 0.025, 0.03], [0.007, 0.047, 0.055], [0.008, 0.064, 0.082], [0.008, 0.078, 0.107]]
)
_FIST_THUMB_M = np.array(
    [[0.012, 0.025, 0.03], [0.03, 0.034, 0.055], [0.045, 0.022, 0.08], [0.05, -0.003, 0.086]]
)
_RELAXED_THUMB_M = np.array(
    [[0.010, 0.025, 0.03], [0.025, 0.042, 0.053], [0.038, 0.050, 0.078], [0.046, 0.050, 0.102]]
)
_STRAIGHT_RAD = (0.0, 0.0, 0.0)
_FIST_RAD = (1.4, 1.7, 1.0)
_RELAXED_RAD = (0.35, 0.5, 0.3)
_PINCH_RAD = (0.7, 0.9, 0.5)


@dataclass(frozen=True)
class Pose:
    """A pose of the human hand.

    Attributes:
        kind: what is asked of the robot.
        keypoints: (21,3) metres, hand frame, MediaPipe order.
        finger: 1–4, index to pinky, that pinches; 0 in other poses.
    """

    kind: Kind
    keypoints: np.ndarray
    finger: int = 0

    @property
    def name(self) -> str:
        """In words."""
        return f"{FINGERS[self.finger]} pinch" if self.kind == "pinch" else self.kind


def canned_poses(hand: Hand, fingers: tuple[int, ...]) -> tuple[Pose, ...]:
    """Open hand, fist, and a pinch of the thumb with each of `fingers` (1–4, index to pinky)."""
    poses = [Pose("open", _hand(_STRAIGHT_RAD, _OPEN_THUMB_M)), Pose("fist", _hand(_FIST_RAD, _FIST_THUMB_M))]
    poses += [Pose("pinch", _pinch(finger), finger) for finger in fingers]
    return tuple(Pose(pose.kind, _on_side(pose.keypoints, hand), pose.finger) for pose in poses)


def relaxed_pose(hand: Hand) -> Pose:
    """A hand at rest, fingers slightly bent, the thumb in front of the palm."""
    return Pose("relaxed", _on_side(_hand(_RELAXED_RAD, _RELAXED_THUMB_M), hand))


def knuckles_m(hand: Hand) -> np.ndarray:
    """(4,3) knuckles, index to pinky, from the wrist, hand frame."""
    return KNUCKLES_M * (1.0, 1.0 if hand == "right" else -1.0, 1.0)


def _on_side(keypoints: np.ndarray, hand: Hand) -> np.ndarray:
    return keypoints * (1.0, 1.0 if hand == "right" else -1.0, 1.0)


def _hand(bend_rad: tuple[float, float, float], thumb_m: np.ndarray, only: int = 0) -> np.ndarray:
    """(21,3) of a right hand with all fingers bent alike, or only one (1–4)."""
    keypoints = np.zeros((21, 3))
    keypoints[1:5] = thumb_m
    for finger in range(4):
        point, angle = KNUCKLES_M[finger], 0.0
        keypoints[5 + 4 * finger] = point
        for bone in range(3):
            angle += bend_rad[bone] if only in (0, finger + 1) else 0.0
            point = point + _BONES_M[finger, bone] * np.array([np.sin(angle), 0.0, np.cos(angle)])
            keypoints[6 + 4 * finger + bone] = point
    return keypoints


def _pinch(finger: int) -> np.ndarray:
    """A finger and the thumb touch, the other fingers are straight."""
    keypoints = _hand(_PINCH_RAD, _OPEN_THUMB_M, only=finger)
    tip = keypoints[FINGERTIPS[finger]]
    keypoints[1:5] = _THUMB_ROOT_M + np.array([0.0, 0.4, 0.72, 1.0])[:, None] * (tip - _THUMB_ROOT_M)
    return keypoints
