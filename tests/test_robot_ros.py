"""Joint names and orders of the vendor's ROS packages."""

from __future__ import annotations

import numpy as np
import pytest

from robot.errors import RobotError
from robot.hands import JOINT_NAMES
from robot.ros import from_ros2, in_order, ros1_joint_names, ros2_joint_names, to_ros2


def test_ros1_has_the_index_first_and_ros2_the_thumb() -> None:
    assert ros1_joint_names()[:2] == ("joint_0.0", "joint_1.0")
    assert ros1_joint_names()[-1] == "joint_15.0"
    names = ros2_joint_names()
    assert (names[0], names[4], names[15]) == ("ah_joint00", "ah_joint10", "ah_joint33")
    assert ros2_joint_names("left")[0] == "ah_joint00_l"
    assert ros2_joint_names("right")[15] == "ah_joint33_r"
    q = np.arange(16.0)  # our order: index 0–3, middle 4–7, ring 8–11, thumb 12–15
    assert to_ros2(JOINT_NAMES, q).tolist() == [12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_names_decide_whatever_their_order() -> None:
    rng = np.random.default_rng(0)
    q = rng.normal(size=(5, 16))
    shuffled = rng.permutation(16)
    names = [JOINT_NAMES[i] for i in shuffled]
    np.testing.assert_array_equal(in_order(names, q[:, shuffled]), q)
    np.testing.assert_array_equal(from_ros2(to_ros2(names, q[:, shuffled])), q)


@pytest.mark.parametrize("names", [JOINT_NAMES[:15], (*JOINT_NAMES[:15], "joint_14.0"), ros2_joint_names()])
def test_other_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(RobotError, match="once"):
        to_ros2(names, np.zeros(len(names)))
