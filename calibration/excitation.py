"""Small motions about a robot's home pose that tell how late its joints are.

Each joint swings by three frequencies at once, which have no period in common within the measurement, so that
only one delay lays the measured motion over the wanted one. No two joints swing alike, and neighbouring
fingers are out of step, so that a joint cannot be taken for another. The swing swells and fades, so that it
begins and ends at rest at home.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationError

SHORTEST_S, LONGEST_S = 4.0, 120.0
_FREQUENCIES_HZ = (0.45, 0.8, 1.3)  # as hands move; slower, friction counts for more than delay
_WEIGHTS = (0.3, 0.4, 0.3)
_FADE_S = 1.0
_SWING_RAD = 0.15  # a finger bends by less than nine degrees to either side of home
_SIDEWAYS_RAD = 0.04  # for joints that move fingers towards each other: they never touch
_LEAST_SWING_RAD = 0.02  # less drowns in friction and play
_LIMIT_MARGIN_RAD = 0.02
_MOTION_SHARE = 0.5  # of the limits of speed and acceleration


@dataclass(frozen=True)
class Excitation:
    """The wanted motion of n joints.

    Attributes:
        home_rad: (n,) pose at the beginning and at the end.
        swing_rad: (n,) how far each joint goes from there at most; 0 for one that stays.
        phases_rad: (n,3) of its frequencies.
        seconds: how long it is.
    """

    home_rad: np.ndarray
    swing_rad: np.ndarray
    phases_rad: np.ndarray
    seconds: float

    def at(self, t_s: np.ndarray) -> np.ndarray:
        """(...,n) joint angles, rad, at (...) seconds after the beginning; home before and after."""
        t_s = np.asarray(t_s, dtype=np.float64)
        angles = 2.0 * math.pi * t_s[..., None, None] * np.array(_FREQUENCIES_HZ) + self.phases_rad
        wave = (np.array(_WEIGHTS) * np.sin(angles)).sum(axis=-1)
        pose: np.ndarray = self.home_rad + self.swing_rad * _fade(t_s, self.seconds)[..., None] * wave
        return pose


def _fade(t_s: np.ndarray, seconds: float) -> np.ndarray:
    """0 outside, 1 within, without a corner between them."""
    inside_s = np.clip(np.minimum(t_s, seconds - t_s), 0.0, _FADE_S)
    return 0.5 - 0.5 * np.cos(math.pi * inside_s / _FADE_S)


def design(
    home_rad: np.ndarray,
    limits_rad: tuple[np.ndarray, np.ndarray],
    max_velocity_rad_s: np.ndarray,
    max_acceleration_rad_s2: np.ndarray,
    fingers: np.ndarray,
    sideways: np.ndarray,
    seconds: float,
) -> Excitation:
    """An excitation that keeps every joint well within its limits.

    Args:
        home_rad: (n,) pose to swing about.
        limits_rad: (n,) lower and upper joint limits.
        max_velocity_rad_s, max_acceleration_rad_s2: (n,) limits of motion.
        fingers: (n,) int, which finger each joint belongs to.
        sideways: (n,) bool, joints that move a finger towards its neighbours.
        seconds: how long, from `SHORTEST_S` to `LONGEST_S`.

    Raises:
        CalibrationError: the time is out of range, or no joint has room to move.
    """
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise CalibrationError(
            f"the robot cannot be measured in {seconds:g} s; give from {SHORTEST_S:.0f} to {LONGEST_S:.0f} s"
        )
    lower, upper = limits_rad
    swing = np.where(sideways, _SIDEWAYS_RAD, _SWING_RAD)
    swing = np.minimum(swing, np.minimum(home_rad - lower, upper - home_rad) - _LIMIT_MARGIN_RAD)
    swing = np.minimum(swing, _MOTION_SHARE * max_velocity_rad_s / _largest(1))
    swing = np.minimum(swing, _MOTION_SHARE * max_acceleration_rad_s2 / _largest(2))
    swing = np.where(swing < _LEAST_SWING_RAD, 0.0, swing)
    if not swing.any():
        raise CalibrationError(
            f"no joint of the robot can swing by {_LEAST_SWING_RAD} rad about its home pose within its "
            "limits; the delay of its joints is followed anyway while it moves, without a calibration"
        )
    return Excitation(np.array(home_rad, dtype=np.float64), swing, _phases(fingers), seconds)


def _largest(derivative: int) -> float:
    """Of the wave's derivative, at most, per radian of swing; the fade adds to each by its own rate."""
    rates = 2.0 * math.pi * np.array(_FREQUENCIES_HZ) + math.pi / _FADE_S
    return float((np.array(_WEIGHTS) * rates**derivative).sum())


def _phases(fingers: np.ndarray) -> np.ndarray:
    """(n,3) phases that differ from joint to joint; a turn is shared out evenly among the fingers."""
    count = int(fingers.max()) + 1
    turn = 2.0 * math.pi * fingers / count
    joint = np.arange(len(fingers))
    # Steps of the golden ratio: no two joints of a hand come near each other in all three.
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    steps = 2.0 * math.pi * np.array([0.0, golden, golden**2])
    phases: np.ndarray = turn[:, None] + steps * joint[:, None]
    return phases
