"""Names and orders of joints in the vendor's ROS packages, for those who bridge to them.

ROS 1 counts index, middle, ring, thumb, as the driver and this project do; ROS 2 starts with the thumb and
has names of its own. Sources: allegro_hand_controllers (ROS 1), allegro_hand_ros2 (ROS 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot.allegro_model import Hand
from robot.errors import RobotError
from robot.hands import JOINT_NAMES

ROS1_COMMAND_TOPIC, ROS1_STATE_TOPIC = "allegroHand/joint_cmd", "allegroHand/joint_states"
ROS2_COMMAND_TOPIC, ROS2_STATE_TOPIC = "/allegro_hand_position_controller/commands", "/joint_states"

_JOINTS_PER_FINGER = 4
_THUMB_FIRST = (3, 0, 1, 2)  # which of our fingers each of ROS 2's is


def ros1_joint_names() -> tuple[str, ...]:
    """Names and order of ROS 1's JointState messages: joint_0.0 to joint_15.0, the index first."""
    return JOINT_NAMES


def ros2_joint_names(hand: Hand | None = None) -> tuple[str, ...]:
    """Names and order of ROS 2's commands, the thumb first; `hand` adds the _r or _l of a pair of hands."""
    suffix = "" if hand is None else f"_{hand[0]}"
    return tuple(f"ah_joint{finger}{joint}{suffix}" for finger in range(4) for joint in range(4))


def to_ros2(joint_names: Sequence[str], q_rad: np.ndarray) -> np.ndarray:
    """Angles (…,16) named by `joint_names`, in the order of ROS 2's Float64MultiArray command.

    Raises:
        RobotError: the names are not those of this hand, in any order.
    """
    return in_order(joint_names, q_rad)[..., _ros2_order()]


def from_ros2(q_rad: np.ndarray) -> np.ndarray:
    """Angles (…,16) in ROS 2's order, the thumb first, in this project's order, the index first."""
    ours = np.empty_like(np.asarray(q_rad, dtype=np.float64))
    ours[..., _ros2_order()] = q_rad
    return ours


def in_order(joint_names: Sequence[str], q_rad: np.ndarray) -> np.ndarray:
    """Angles (…,16) named by `joint_names`, in this project's and ROS 1's order.

    Raises:
        RobotError: the names are not those of this hand, in any order.
    """
    if sorted(joint_names) != sorted(JOINT_NAMES):
        raise RobotError(
            f"The joints are {', '.join(joint_names)}; give each of {', '.join(JOINT_NAMES)} once."
        )
    columns = [list(joint_names).index(name) for name in JOINT_NAMES]
    return np.asarray(q_rad, dtype=np.float64)[..., columns]


def _ros2_order() -> list[int]:
    return [
        _JOINTS_PER_FINGER * finger + joint for finger in _THUMB_FIRST for joint in range(_JOINTS_PER_FINGER)
    ]
