"""Default speed and acceleration limits of the hands, read from robot/configs/motion.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robot.errors import RobotError

MOTION_FILE = Path(__file__).resolve().parent / "configs" / "motion.yaml"
_KEYS = ("velocity_rad_s", "acceleration_rad_s2")


def motion_limits(
    robot: str, joints: int, max_velocity_rad_s: float, path: Path = MOTION_FILE
) -> tuple[np.ndarray, np.ndarray]:
    """Speed and acceleration limits, each (joints,), rad/s and rad/s².

    Args:
        robot: key in the file, such as "allegro".
        joints: how many joints it has.
        max_velocity_rad_s: what its motors can do; more is refused.
        path: the file.

    Raises:
        RobotError: the file cannot be read, lacks the robot, or a value is unusable.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RobotError(
            f"The motion limits in {path} cannot be read ({error}); restore the file."
        ) from error
    entry = content.get(robot) if isinstance(content, dict) else None
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        raise RobotError(f"{path} must give {' and '.join(_KEYS)} for {robot!r}, and nothing else.")
    velocity, acceleration = (_per_joint(path, key, entry[key], joints) for key in _KEYS)
    if (velocity > max_velocity_rad_s).any():
        raise RobotError(
            f"{path}: velocity_rad_s is {velocity.max()}; the motors do at most {max_velocity_rad_s} rad/s."
        )
    return velocity, acceleration


def _per_joint(path: Path, key: str, value: Any, joints: int) -> np.ndarray:
    try:
        array = np.broadcast_to(np.asarray(value, dtype=np.float64), (joints,)).copy()
    except (TypeError, ValueError) as error:
        raise RobotError(f"{path}: {key} is {value!r}; give one number or {joints}.") from error
    if not (np.isfinite(array).all() and (array > 0.0).all()):
        raise RobotError(f"{path}: {key} is {value!r}; every number must be greater than 0.")
    return array
