"""The hand frame in a robot's root: measured against the convention, and said in words."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

SNAP_DEG = 15.0
"""A measured frame this near to one along the root's axes is that one."""

_AXES = "xyz"
_PURPOSE = ("leaves the palm", "points {thumb} the thumb", "points to the fingertips")


@dataclass(frozen=True)
class WristFrame:
    """Where the hand frame lies in the URDF's root.

    Attributes:
        R: (3,3) its axes x, y, z as columns, along the root's axes where it is snapped to them.
        measured: (3,3) as the shape has it.
        off_deg: between the two.
    """

    R: np.ndarray
    measured: np.ndarray
    off_deg: float

    @property
    def snapped(self) -> bool:
        """Whether it lies along the root's axes, as nearly all hands' do."""
        return self.R is not self.measured

    @property
    def rpy(self) -> tuple[float, float, float]:
        """(roll, pitch, yaw) rad, for the key hand_frame_rpy."""
        return rpy_of(self.R)

    @property
    def follows_convention(self) -> bool:
        """Whether the root's own axes are the hand's."""
        return self.snapped and bool(np.allclose(self.R, np.eye(3)))


def wrist_frame(measured: np.ndarray) -> WristFrame:
    """The hand frame to use for one measured (3,3) on the robot's shape."""
    nearest = max(_right_angled(), key=lambda R: float(np.trace(R.T @ measured)))
    off = turn_deg(nearest, measured)
    return WristFrame(nearest if off <= SNAP_DEG else measured, measured, off)


def turn_deg(a: np.ndarray, b: np.ndarray) -> float:
    """Angle between two rotations (3,3), degrees."""
    return math.degrees(math.acos(float(np.clip((np.trace(a.T @ b) - 1.0) / 2.0, -1.0, 1.0))))


def rpy_of(R: np.ndarray) -> tuple[float, float, float]:
    """Roll, pitch, yaw about the fixed axes x, y, z (as in a URDF) of a rotation (3,3), rad."""
    level = math.hypot(R[0, 0], R[1, 0])
    pitch = math.atan2(-R[2, 0], level)
    if level > 1e-6:
        return math.atan2(R[2, 1], R[2, 2]), pitch, math.atan2(R[1, 0], R[0, 0])
    # Straight up or down only the sum of roll and yaw is known; all of it is given to the roll.
    return math.atan2(-R[1, 2], R[1, 1]), pitch, 0.0


def rpy_text(rpy: tuple[float, ...]) -> str:
    """As the YAML key's value, four decimals."""
    return "[" + ", ".join(f"{value + 0.0:.4f}".rstrip("0").rstrip(".") for value in rpy) + "]"


def describe_turn(R: np.ndarray) -> str:
    """A rotation (3,3) in words, such as "90° about z", about the root's fixed axes one after the other."""
    turns = [(math.degrees(value), axis) for value, axis in zip(rpy_of(R), _AXES, strict=True)]
    words = [f"{angle:.0f}° about {axis}" for angle, axis in turns if abs(angle) >= 0.5]
    return ", then ".join(words) or "not at all"


def describe_axes(R: np.ndarray, hand: str | None) -> list[str]:
    """What each axis of the root does for the hand frame R (3,3) in it, in three sentences' parts."""
    thumb = "away from" if hand == "left" else "to"
    lines = []
    for axis, purpose in enumerate(_PURPOSE):
        direction = R[:, axis]
        main = int(np.abs(direction).argmax())
        sign = "+" if direction[main] > 0.0 else "-"
        off = math.degrees(math.acos(min(1.0, abs(float(direction[main])))))
        about = f" ({off:.0f}° off)" if off > 2.0 else ""
        lines.append(f"root {sign}{_AXES[main]}{about} {purpose.format(thumb=thumb)}")
    return lines


def _right_angled() -> list[np.ndarray]:
    """The 24 rotations along the axes."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            R = np.zeros((3, 3))
            R[list(order), range(3)] = signs
            if np.linalg.det(R) > 0.0:
                found.append(R)
    return found
