"""Kinematics, masses and joint limits of the Allegro hand v3/v4, right and left, as plain tables.

Numbers follow the vendor's description (Wonik Robotics, allegro_hand_ros_v4), joint order and names included:
index 0–3, middle 4–7, ring 8–11, thumb 12–15 on both hands. The vendor's inertia tensors are physically
impossible for seven of eleven links, so masses are kept and moments are recomputed for uniform boxes about
their own centres.

Palm frame: z to the fingertips, x out of the palm, y to the index side on the right hand (ring side on the
left).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Hand = Literal["right", "left"]
Vector = tuple[float, float, float]

HANDS: tuple[Hand, Hand] = ("right", "left")
ROOT_LINK = "palm_link"
WRIST_LINK = "wrist"
WRIST_OFFSET_M: Vector = (0.0, 0.0, -0.095)  # lower face of the palm, where retargeting puts the human wrist
TIP_LINKS = ("link_15.0_tip", "link_3.0_tip", "link_7.0_tip", "link_11.0_tip")  # thumb, index, middle, ring
TIP_RADIUS_M = 0.012

# Stall torque of the geared motors, and the joint speed the vendor's description allows. The description's
# own effort of 15 N·m is a placeholder twenty times above what the hand can do.
EFFORT_NM = 0.7
VELOCITY_RAD_S = 7.0

FINGER_WIDTH_M = (0.0196, 0.0275)  # cross-section of every phalanx, along x and y
FINGER_LENGTHS_M = (
    0.0164,
    0.054,
    0.0384,
    0.0267,
)  # base, proximal, medial, distal up to the tip sphere's centre
THUMB_LENGTHS_M = (0.0177, 0.0514, 0.0423)  # links 13, 14, 15

_KNUCKLE_TILT_RAD = 0.08726646255
_THUMB_PITCH_RAD = -1.65806278845
_THUMB_YAW_RAD = -1.5707963259


@dataclass(frozen=True)
class Joint:
    """One revolute joint: pose of the child link in its parent at zero (m, rad), axis, limits (rad)."""

    name: str
    parent: str
    child: str
    xyz: Vector
    rpy: Vector
    axis: Vector
    lower_rad: float
    upper_rad: float


@dataclass(frozen=True)
class Body:
    """The solid part of a link: a box of `size_m` about `center_m`, or a sphere where `size_m` is None."""

    link: str
    mass_kg: float
    center_m: Vector
    size_m: Vector | None = None
    radius_m: float = 0.0

    @property
    def inertia_kg_m2(self) -> Vector:
        """Principal moments (Ixx, Iyy, Izz) about the body's own centre, for uniform density."""
        if self.size_m is None:
            moment = 0.4 * self.mass_kg * self.radius_m**2
            return (moment, moment, moment)
        x, y, z = self.size_m
        twelfth = self.mass_kg / 12.0
        return (twelfth * (y * y + z * z), twelfth * (x * x + z * z), twelfth * (x * x + y * y))


_ABDUCTION = (-0.47, 0.47)
_FLEXION = ((-0.196, 1.61), (-0.174, 1.709), (-0.227, 1.618))


def _finger_joints(first: int, xyz: Vector, roll_rad: float) -> list[Joint]:
    """The four joints of a finger: abduction about z at the knuckle, then three flexions about y."""
    joints = [
        Joint(
            f"joint_{first}.0",
            ROOT_LINK,
            f"link_{first}.0",
            xyz,
            (roll_rad, 0.0, 0.0),
            (0.0, 0.0, 1.0),
            *_ABDUCTION,
        )
    ]
    for k, limits in enumerate(_FLEXION):
        i = first + k
        offset = (0.0, 0.0, FINGER_LENGTHS_M[k])
        joints.append(
            Joint(
                f"joint_{i + 1}.0",
                f"link_{i}.0",
                f"link_{i + 1}.0",
                offset,
                (0.0,) * 3,
                (0.0, 1.0, 0.0),
                *limits,
            )
        )
    return joints


def joints(hand: Hand) -> tuple[Joint, ...]:
    """The sixteen revolute joints of `hand` in driver order."""
    side = 1.0 if hand == "right" else -1.0
    chain = [
        *_finger_joints(0, (0.0, side * 0.0435, -0.001542), -side * _KNUCKLE_TILT_RAD),
        *_finger_joints(4, (0.0, 0.0, 0.0007), 0.0),
        *_finger_joints(8, (0.0, -side * 0.0435, -0.001542), side * _KNUCKLE_TILT_RAD),
        Joint(
            "joint_12.0",
            ROOT_LINK,
            "link_12.0",
            (-0.0182, side * 0.019333, -0.045987),
            (0.0, _THUMB_PITCH_RAD, side * _THUMB_YAW_RAD),
            (-side, 0.0, 0.0),
            0.263,
            1.396,
        ),
        Joint(
            "joint_13.0",
            "link_12.0",
            "link_13.0",
            (-0.027, side * 0.005, 0.0399),
            (0.0, 0.0, 0.0),
            (0.0, 0.0, side),
            -0.105,
            1.163,
        ),
    ]
    for i, length, limits in (
        (14, THUMB_LENGTHS_M[0], (-0.189, 1.644)),
        (15, THUMB_LENGTHS_M[1], (-0.162, 1.719)),
    ):
        offset = (0.0, 0.0, length)
        chain.append(
            Joint(
                f"joint_{i}.0", f"link_{i - 1}.0", f"link_{i}.0", offset, (0.0,) * 3, (0.0, 1.0, 0.0), *limits
            )
        )
    return tuple(chain)


def tip_offset_m(tip_link: str) -> Vector:
    """Centre of the fingertip sphere in its distal link, m."""
    return (0.0, 0.0, THUMB_LENGTHS_M[2] if tip_link == "link_15.0_tip" else FINGER_LENGTHS_M[3])


def _phalanx(link: str, mass_kg: float, length_m: float) -> Body:
    return Body(link, mass_kg, (0.0, 0.0, length_m / 2), (*FINGER_WIDTH_M, length_m))


_FINGER_MASSES_KG = (0.0119, 0.065, 0.0355, 0.0096)
_THUMB_MASSES_KG = (0.0119, 0.038, 0.0388)
_TIP_MASS_KG = 0.0168


def bodies(hand: Hand) -> dict[str, Body]:
    """Every solid link of `hand` by name; the palm's mass sits in its box, where the vendor's sign slips."""
    parts = [Body(ROOT_LINK, 0.4154, (-0.0093, 0.0, -0.0475), (0.0408, 0.113, 0.095))]
    for first in (0, 4, 8):
        for k, (mass, length) in enumerate(zip(_FINGER_MASSES_KG, FINGER_LENGTHS_M, strict=True)):
            parts.append(_phalanx(f"link_{first + k}.0", mass, length))
    parts.append(Body("link_12.0", 0.0176, (-0.0179, 0.009, 0.0145), (0.0358, 0.034, 0.0455)))
    for i, (mass, length) in enumerate(zip(_THUMB_MASSES_KG, THUMB_LENGTHS_M, strict=True)):
        parts.append(_phalanx(f"link_{13 + i}.0", mass, length))
    parts.extend(Body(link, _TIP_MASS_KG, (0.0, 0.0, 0.0), None, TIP_RADIUS_M) for link in TIP_LINKS)
    if hand == "left":
        parts = [replace(b, center_m=(b.center_m[0], -b.center_m[1], b.center_m[2])) for b in parts]
    return {body.link: body for body in parts}
