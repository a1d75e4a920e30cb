"""Kinematics of the Allegro hand v5, types A and B; `robot.allegro_v5_urdf` writes URDF files of them.

Joints follow the vendor's description (Wonik Robotics, allegro_hand_ros2_v5), names and order included:
joint_0_0 … index 0–3, middle 4–7, ring 8–11, thumb 12–15. Palm frame: z to the fingertips, x out of the palm,
y to the index side on the right hand. A left thumb's zero and signs differ from a right one's: the mirror
image of a right thumb (a, b, c, d) is (−a, π − b, −c, −d), to a fifth of a millimetre.

What the vendor's description does not tell is taken from v4 or from the other hand:

* the palm's box and the fingers' cross-section are v4's, the fingertips are v4's spheres. Their centres are
  the tip frames of type A's fingers, as in v4; 12 mm before those of type B, which stand 13 mm further out;
  and v4's 42.3 mm from the last joint of the thumb;
* the left type B's fingers are the right one's, mirrored;
* the left type A's flexion joints keep the right one's upper limits, smaller than the left one's 1.9 rad.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot.allegro_model import (
    ROOT_LINK,
    THUMB_LENGTHS_M,
    TIP_RADIUS_M,
    Hand,
    Joint,
    Vector,
)
from robot.hands import ASSETS_DIR

Kind = Literal["a", "b"]
Range = tuple[float, float]

KINDS: tuple[Kind, Kind] = ("a", "b")

_LAST = (3, 7, 11, 15)  # numbers of the last links of index, middle, ring and thumb
_ZERO: Vector = (0.0, 0.0, 0.0)
_KNUCKLE_TILT_RAD = 0.08726646255
_THUMB_BASE_M: Vector = (0.002, 0.027, -0.06342)
_THUMB_METACARPAL_M: Vector = (-0.001, 0.0, 0.06874)
_THUMB_PROXIMAL_M, _THUMB_DISTAL_M = 0.038, 0.05
_THUMB_RPY: dict[Hand, Vector] = {
    "right": (0.0, -1.65806278845, -1.5707963259),
    "left": (3.14, -1.483529863, -1.5707963259),
}
_THUMB_LIMITS: dict[tuple[Kind, Hand], tuple[Range, Range, Range, Range]] = {
    ("a", "right"): ((0.0, 1.78), (-0.26, 1.78), (-0.05, 1.85), (-0.09, 1.80)),
    ("b", "right"): ((0.0, 1.78), (-0.26, 1.65), (-0.05, 1.85), (-0.09, 1.80)),
    ("a", "left"): ((-1.78, 0.5), (1.0, 3.22), (-1.85, 0.2), (-1.80, 0.2)),
    ("b", "left"): ((-1.78, 0.0), (1.57, 3.22), (-1.85, 0.05), (-1.80, 0.09)),
}


@dataclass(frozen=True)
class _Finger:
    """A finger of a right hand: its knuckle (m), its tilt about x and the limits of its joints (rad)."""

    knuckle_m: Vector
    tilt_rad: float
    limits_rad: tuple[Range, Range, Range, Range]


@dataclass(frozen=True)
class _Fingers:
    """The fingers of one type: index, middle and ring; lengths in metres, the last one to the tip frame."""

    fingers: tuple[_Finger, _Finger, _Finger]
    lengths_m: tuple[float, float, float, float]
    tip_center_m: float  # of the tip's sphere, along z of the tip frame


_A_LIMITS = ((-0.47, 0.47), (-0.196, 1.8), (-0.174, 1.709), (-0.227, 1.618))
_B_FLEXION = ((-0.21, 1.79), (-0.12, 1.86), (-0.21, 1.85))
_FINGERS: dict[Kind, _Fingers] = {
    "a": _Fingers(
        (
            _Finger((0.0, 0.0405, -0.00945), -_KNUCKLE_TILT_RAD, _A_LIMITS),
            _Finger((0.0, 0.0, -0.0079), 0.0, _A_LIMITS),
            _Finger((0.0025, -0.0405, -0.00945), _KNUCKLE_TILT_RAD, _A_LIMITS),
        ),
        (0.021, 0.051, 0.0384, 0.0267),
        0.0,
    ),
    "b": _Fingers(
        (
            _Finger(
                (0.0005, 0.0425, -0.005),
                -_KNUCKLE_TILT_RAD,
                ((-0.3, 0.3), (-0.01, 1.6), (-0.07, 1.86), (-0.02, 2.01)),
            ),
            _Finger((0.0, 0.0, -0.002), 0.0, ((-0.26, 0.26), *_B_FLEXION)),
            _Finger((0.0005, -0.0425, -0.005), _KNUCKLE_TILT_RAD, ((-0.26, 0.29), *_B_FLEXION)),
        ),
        (0.017, 0.0431, 0.038, 0.04),
        -TIP_RADIUS_M,
    ),
}


def v5_path(kind: Kind, hand: Hand) -> Path:
    """Path of the URDF that ships for type `kind` of `hand`."""
    return ASSETS_DIR / f"allegro_v5{kind}_{hand}.urdf"


def v5_joints(kind: Kind, hand: Hand) -> tuple[Joint, ...]:
    """The sixteen revolute joints of a v5 hand, in the vendor's order."""
    side = 1.0 if hand == "right" else -1.0
    table = _FINGERS[kind]
    chain: list[Joint] = []
    for first, finger in zip((0, 4, 8), _placed(table.fingers, kind, hand), strict=True):
        chain.append(
            _joint(first, ROOT_LINK, finger.knuckle_m, (finger.tilt_rad, 0.0, 0.0), "z", finger.limits_rad[0])
        )
        for k, limits in enumerate(finger.limits_rad[1:]):
            offset = (0.0, 0.0, table.lengths_m[k])
            chain.append(_joint(first + k + 1, f"link_{first + k}_0", offset, _ZERO, "y", limits))
    thumb = _THUMB_LIMITS[kind, hand]
    base = (_THUMB_BASE_M[0], side * _THUMB_BASE_M[1], _THUMB_BASE_M[2])
    chain += [
        _joint(12, ROOT_LINK, base, _THUMB_RPY[hand], "-x", thumb[0]),
        _joint(13, "link_12_0", _THUMB_METACARPAL_M, _ZERO, "z", thumb[1]),
        _joint(14, "link_13_0", _ZERO, _ZERO, "y", thumb[2]),
        _joint(15, "link_14_0", (0.0, 0.0, _THUMB_PROXIMAL_M), _ZERO, "y", thumb[3]),
    ]
    return tuple(chain)


def v5_lengths_m(kind: Kind) -> dict[str, float]:
    """How long each link with a body is, the last ones to their tip frames, m."""
    table = _FINGERS[kind]
    length_m = {f"link_{first + k}_0": table.lengths_m[k] for first in (0, 4, 8) for k in range(4)}
    thumb_m = {
        "link_12_0": _THUMB_METACARPAL_M[2],
        "link_14_0": _THUMB_PROXIMAL_M,
        "link_15_0": _THUMB_DISTAL_M,
    }
    return length_m | thumb_m


def v5_tips_m(kind: Kind) -> dict[str, Vector]:
    """Centre of each fingertip's sphere in its last link, m, by the name of the tip's link."""
    finger_m = _FINGERS[kind].lengths_m[3] + _FINGERS[kind].tip_center_m
    return {f"link_{i}_0_tip": (0.0, 0.0, THUMB_LENGTHS_M[2] if i == 15 else finger_m) for i in _LAST}


def _placed(fingers: tuple[_Finger, ...], kind: Kind, hand: Hand) -> list[_Finger]:
    """Index, middle and ring where they are on `hand`."""
    if hand == "right":
        return list(fingers)
    placed = []
    # On both of the vendor's type A hands the finger on −y stands 2.5 mm forward: the left one's index.
    x_m = [finger.knuckle_m[0] for finger in (reversed(fingers) if kind == "a" else fingers)]
    for finger, x in zip(fingers, x_m, strict=True):
        low, high = finger.limits_rad[0]
        _, y, z = finger.knuckle_m
        placed.append(_Finger((x, -y, z), -finger.tilt_rad, ((-high, -low), *finger.limits_rad[1:])))
    return placed


_AXES: dict[str, Vector] = {"-x": (-1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def _joint(index: int, parent: str, xyz: Vector, rpy: Vector, axis: str, limits: Range) -> Joint:
    return Joint(f"joint_{index}_0", parent, f"link_{index}_0", xyz, rpy, _AXES[axis], *limits)
