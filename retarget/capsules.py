"""What of a robot must not overlap: capsules from its collision shapes, and the pairs that can meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retarget.config import Capsule
from retarget.kernels import Capsules, missing_distances
from retarget.kinematics import Kinematics
from retarget.urdf import Primitive, RobotTree

# A box up to this much wider than thick is one capsule of its mean thickness, a wider one a row of them.
_MAX_WIDTH_RATIO = 1.8
_MAX_ROW = 6
# Random poses that show which pairs can meet, and how near counts as meeting.
_SAMPLES, _NEARLY_M = 600, 0.004
_FAR_RAD = 3.0  # for joints without limits


@dataclass(frozen=True)
class TipSphere:
    """A fingertip's surface.

    Attributes:
        link: the fingertip's link.
        center_m: (3,) in that link's frame.
        radius_m: 0 where nothing is known of it.
    """

    link: str
    center_m: tuple[float, ...]
    radius_m: float


def tip_sphere(tree: RobotTree, link: str) -> TipSphere:
    """The surface of a fingertip as the URDF has it: the smallest collision sphere of its link."""
    spheres = [shape for shape in tree.shapes if shape.link == link and shape.kind == "sphere"]
    if not spheres:
        return TipSphere(link, (0.0, 0.0, 0.0), 0.0)
    sphere = min(spheres, key=lambda shape: shape.size_m[0])
    return TipSphere(link, tuple(sphere.pose[:3, 3].tolist()), sphere.size_m[0])


def capsules_of(tree: RobotTree, tips: Sequence[TipSphere] = ()) -> list[Capsule]:
    """Capsules for a robot's boxes, cylinders and spheres, without the spheres of the links of `tips`."""
    surfaces = {tip.link for tip in tips}
    return [
        capsule
        for shape in tree.shapes
        if not (shape.kind == "sphere" and shape.link in surfaces)
        for capsule in _capsules_of(shape)
    ]


def can_meet(
    kinematics: Kinematics, capsules: Capsules, body: np.ndarray, open_rad: np.ndarray
) -> np.ndarray:
    """Which of the pairs in `capsules` are worth watching.

    Capsules of one body or of neighbouring bodies always touch, those that overlap in the open hand or in
    most poses do so because they are rounder than the robot, and most others can never meet.

    Args:
        kinematics: FK of the capsules' ends.
        capsules: every pair.
        body: (C,) moving body each capsule is fixed to, −1 for the base.
        open_rad: (n,) the open hand.

    Returns:
        (P,) bool.
    """
    lower = np.where(np.isfinite(kinematics.lower_rad), kinematics.lower_rad, -_FAR_RAD)
    upper = np.where(np.isfinite(kinematics.upper_rad), kinematics.upper_rad, _FAR_RAD)
    poses = np.random.default_rng(0).uniform(lower, upper, (_SAMPLES, len(lower)))
    above = np.append(kinematics.chain.parent, -2)  # body −1, the base, hangs on nothing
    first, second = body[capsules.first], body[capsules.second]
    apart = (first != second) & (above[first] != second) & (above[second] != first)
    apart &= _missing(kinematics, capsules, open_rad) == 0.0
    wider = capsules._replace(touch=capsules.touch + _NEARLY_M)
    share = np.mean([_missing(kinematics, wider, q) > 0.0 for q in poses], axis=0)
    return apart & (share > 0.0) & (share < 0.5)


def deepest_overlap_m(kinematics: Kinematics, capsules: Capsules, q_rad: np.ndarray) -> float:
    """The deepest overlap of any pair at q_rad (n,), metres; 0 when nothing overlaps."""
    return float(_missing(kinematics, capsules, q_rad).max(initial=0.0))


def _missing(kinematics: Kinematics, capsules: Capsules, q_rad: np.ndarray) -> np.ndarray:
    missing = np.empty(len(capsules.first))
    missing_distances(capsules, kinematics.positions(q_rad), missing)
    return missing


def _capsules_of(shape: Primitive) -> list[Capsule]:
    if shape.kind == "sphere":
        return [_capsule(shape, np.zeros(3), np.zeros(3), shape.size_m[0])]
    if shape.kind == "cylinder":
        radius, length = shape.size_m
        if length < 2.0 * radius:  # a disc
            return [_capsule(shape, np.zeros(3), np.zeros(3), 0.5 * (radius + 0.5 * length))]
        reach = np.array([0.0, 0.0, 0.5 * length - radius])
        return [_capsule(shape, -reach, reach, radius)]
    return _box(shape)


def _box(shape: Primitive) -> list[Capsule]:
    """One capsule along the longest side, or a row of parallel ones that fills the box's breadth."""
    thin, broad, long = np.argsort(shape.size_m, kind="stable")
    thickness, breadth, length = (shape.size_m[axis] for axis in (thin, broad, long))
    if breadth <= _MAX_WIDTH_RATIO * thickness:
        radius, count, spread = 0.25 * (thickness + breadth), 1, 0.0
    else:
        radius, spread = 0.5 * thickness, breadth - thickness
        count = min(math.ceil(spread / thickness) + 1, _MAX_ROW)
    reach = np.zeros(3)
    reach[long] = max(0.5 * length - radius, 0.0)
    row = []
    for place in np.linspace(-0.5, 0.5, count) if count > 1 else (0.0,):
        middle = np.zeros(3)
        middle[broad] = place * spread
        row.append(_capsule(shape, middle - reach, middle + reach, radius))
    return row


def _capsule(shape: Primitive, start: np.ndarray, end: np.ndarray, radius_m: float) -> Capsule:
    R, p = shape.pose[:3, :3], shape.pose[:3, 3]
    return Capsule(shape.link, tuple((R @ start + p).tolist()), tuple((R @ end + p).tolist()), radius_m)
