"""Speed and acceleration limits come from a file, and only sensible ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.errors import RobotError
from robot.hands import hand_spec
from robot.motion_limits import motion_limits


def test_both_hands_take_their_limits_from_the_file() -> None:
    velocity, acceleration = motion_limits("allegro", 16, 7.0)
    for hand in ("right", "left"):
        spec = hand_spec(hand)  # type: ignore[arg-type]
        np.testing.assert_array_equal(spec.max_velocity_rad_s, velocity)
        np.testing.assert_array_equal(spec.max_acceleration_rad_s2, acceleration)
    assert velocity.max() <= 7.0


def test_a_list_gives_every_joint_its_own(tmp_path: Path) -> None:
    path = tmp_path / "motion.yaml"
    path.write_text("two: {velocity_rad_s: [1.0, 2.0], acceleration_rad_s2: 50}")
    velocity, acceleration = motion_limits("two", 2, 7.0, path)
    assert (velocity.tolist(), acceleration.tolist()) == ([1.0, 2.0], [50.0, 50.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "cannot be read"),
        ("other: {}", "for 'two', and nothing else"),
        ("two: {velocity_rad_s: 1.0}", "for 'two', and nothing else"),
        ("two: {velocity_rad_s: 8.0, acceleration_rad_s2: 50}", "at most 7.0 rad/s"),
        ("two: {velocity_rad_s: 0.0, acceleration_rad_s2: 50}", "greater than 0"),
        ("two: {velocity_rad_s: .nan, acceleration_rad_s2: 50}", "greater than 0"),
        ("two: {velocity_rad_s: [1, 2, 3], acceleration_rad_s2: 50}", "one number or 2"),
        ("two: {velocity_rad_s: fast, acceleration_rad_s2: 50}", "one number or 2"),
    ],
)
def test_unusable_limits_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "motion.yaml"
    path.write_text(text)
    with pytest.raises(RobotError, match=message):
        motion_limits("two", 2, 7.0, path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RobotError, match="cannot be read"):
        motion_limits("allegro", 16, 7.0, tmp_path / "none.yaml")
