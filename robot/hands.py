"""What the robot side knows about each hand: joint names, limits, home pose and where its URDF lies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from robot.allegro_model import HANDS, VELOCITY_RAD_S, Hand, joints
from robot.errors import RobotError
from robot.motion_limits import motion_limits

ASSETS_DIR = Path(__file__).resolve().parent / "assets"

# The vendor's home pose in degrees, right hand, driver order (allegro_node_pd.cpp).
_HOME_DEG = (0, -10, 45, 45, 0, -10, 45, 45, 5, -5, 50, 45, 60, 25, 15, 45)
_ABDUCTION_INDICES = (0, 4, 8)  # these change sign between the hands, all others keep it


@dataclass(frozen=True)
class HandSpec:
    """One robot hand.

    Attributes:
        hand: "right" or "left".
        name: name of the robot, used as the topic of its state messages.
        joint_names: n names in driver order; every (n,) array below follows it.
        lower_rad, upper_rad: (n,) joint limits, rad.
        home_rad: (n,) home pose, rad, within the limits.
        max_velocity_rad_s, max_acceleration_rad_s2: (n,) default motion limits.
        urdf_path: the URDF file that describes it.
        version: how it is built, of `allegro_versions.BUILDS`.
    """

    hand: Hand
    name: str
    joint_names: tuple[str, ...]
    lower_rad: np.ndarray
    upper_rad: np.ndarray
    home_rad: np.ndarray
    max_velocity_rad_s: np.ndarray
    max_acceleration_rad_s2: np.ndarray
    urdf_path: Path
    version: str = "v4"


JOINT_NAMES: tuple[str, ...] = tuple(joint.name for joint in joints("right"))


def urdf_path(hand: Hand) -> Path:
    """Path of the URDF that ships for `hand`."""
    return ASSETS_DIR / f"allegro_{hand}.urdf"


def mirror_q(q_rad: np.ndarray) -> np.ndarray:
    """Joint angles (...,16) of the other hand in the mirrored pose: only the abduction joints change sign."""
    mirrored = np.array(q_rad, dtype=np.float64)
    mirrored[..., list(_ABDUCTION_INDICES)] *= -1.0
    return mirrored


@lru_cache(maxsize=2)
def hand_spec(hand: Hand) -> HandSpec:
    """The Allegro hand on the given side.

    Raises:
        RobotError: `hand` is neither "right" nor "left".
    """
    if hand not in HANDS:
        raise RobotError(f'There is no "{hand}" robot hand; choose right or left.')
    chain = joints(hand)
    home_rad = np.radians(np.array(_HOME_DEG, dtype=np.float64))
    if hand == "left":
        home_rad = mirror_q(home_rad)
    velocity_rad_s, acceleration_rad_s2 = motion_limits("allegro", len(chain), VELOCITY_RAD_S)
    arrays = {
        "lower_rad": np.array([joint.lower_rad for joint in chain]),
        "upper_rad": np.array([joint.upper_rad for joint in chain]),
        "home_rad": home_rad,
        "max_velocity_rad_s": velocity_rad_s,
        "max_acceleration_rad_s2": acceleration_rad_s2,
    }
    for array in arrays.values():
        array.setflags(write=False)  # the spec is cached and shared
    return HandSpec(hand, f"allegro_{hand}", JOINT_NAMES, urdf_path=urdf_path(hand), version="v4", **arrays)
