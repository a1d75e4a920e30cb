"""Kinematics of the Allegro hand v5, types A and B, and the URDF files that retargeting uses.

`python -m robot.allegro_v5` writes the four files into robot/assets. They hold joints, limits and simple
collision shapes, no masses: the vendor's inertias are no physical ones, and only v4 is simulated here.

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

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from robot.allegro_model import (
    FINGER_WIDTH_M,
    HANDS,
    ROOT_LINK,
    THUMB_LENGTHS_M,
    TIP_RADIUS_M,
    WRIST_LINK,
    WRIST_OFFSET_M,
    Hand,
    Joint,
    Vector,
    bodies,
)
from robot.allegro_urdf import add_fixed, add_revolute, geometry, origin
from robot.hands import ASSETS_DIR

log = logging.getLogger(__name__)

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


def allegro_v5_urdf(kind: Kind, hand: Hand) -> str:
    """The whole URDF as text; the same text every time."""
    robot = ElementTree.Element("robot", name=f"allegro_v5{kind}_{hand}")
    chain = v5_joints(kind, hand)
    palm = bodies(hand)[ROOT_LINK]
    _add_link(robot, ROOT_LINK, "box", palm.size_m or (), palm.center_m)
    length_m = v5_lengths_m(kind)
    tip_frame_m = {f"link_{i}_0": length_m[f"link_{i}_0"] for i in _LAST}
    tip_center_m = {
        link: v5_tips_m(kind)[f"{link}_tip"][2] - frame_m for link, frame_m in tip_frame_m.items()
    }
    for joint in chain:
        link = joint.child
        if link in length_m:
            solid_m = length_m[link] + tip_center_m.get(link, 0.0)
            _add_link(robot, link, "box", (*FINGER_WIDTH_M, solid_m), (0.0, 0.0, solid_m / 2))
        else:
            ElementTree.SubElement(robot, "link", name=link)
    for link in tip_frame_m:
        _add_link(robot, f"{link}_tip", "sphere", (TIP_RADIUS_M,), (0.0, 0.0, tip_center_m[link]))
    ElementTree.SubElement(robot, "link", name=WRIST_LINK)
    for joint in chain:
        add_revolute(robot, joint)
    for link, distance in tip_frame_m.items():
        add_fixed(robot, f"{link.replace('link', 'joint')}_tip", link, f"{link}_tip", (0.0, 0.0, distance))
    add_fixed(robot, "wrist_joint", ROOT_LINK, WRIST_LINK, WRIST_OFFSET_M)
    ElementTree.indent(robot, space="  ")
    note = "<!-- Written by robot/allegro_v5.py, which tells its sources; change that, not this. -->"
    return f'<?xml version="1.0"?>\n{note}\n' + ElementTree.tostring(robot, encoding="unicode") + "\n"


def main() -> None:
    """Write all four files."""
    for kind in KINDS:
        for hand in HANDS:
            path = v5_path(kind, hand)
            path.write_text(allegro_v5_urdf(kind, hand), encoding="utf-8", newline="\n")
            log.info("wrote %s", path)


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


def _add_link(
    robot: ElementTree.Element, name: str, kind: str, size_m: tuple[float, ...], center_m: Vector
) -> None:
    collision = ElementTree.SubElement(ElementTree.SubElement(robot, "link", name=name), "collision")
    origin(collision, center_m)
    geometry(collision, kind, size_m)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
