"""Delays that no clock of the pipeline sees: from light to capture time, and from target to joint."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from calibration.errors import CalibrationError

LONGEST_MS = 500.0
ANY_ROBOT = "*"  # one without a delay of its own


@dataclass(frozen=True)
class Delays:
    """What was measured once for this camera and this robot; None where nothing was.

    Attributes:
        camera_ms: from the middle of the exposure to the capture time that frames carry, ms.
        actuator_ms: from the instant a target is for until the joint is there, ms.
    """

    camera_ms: float | None = None
    actuator_ms: float | None = None

    def __post_init__(self) -> None:
        for delay in fields(self):
            value = getattr(self, delay.name)
            if value is not None and not (math.isfinite(value) and 0.0 <= value <= LONGEST_MS):
                raise CalibrationError(
                    f"{delay.name} is {value}; give milliseconds from 0 to {LONGEST_MS:.0f}"
                )

    def for_source(self, live: bool) -> Delays:
        """The delays that count: files carry the true times of their frames, only cameras are late."""
        return self if live else replace(self, camera_ms=None)


def delays_path() -> Path:
    """Where they are kept."""
    return user_config_path("posehand", appauthor=False) / "delays.json"


def load_delays(robot: str, path: Path | None = None) -> Delays:
    """The delays measured on this machine; None where none were.

    Args:
        robot: as `--robot` names it.
        path: another file than `delays_path`.

    Raises:
        CalibrationError: the file is there and says something else.
    """
    path = delays_path() if path is None else path
    camera_ms, by_robot = _read(path)
    return Delays(camera_ms, _of(robot, by_robot))


def save_delays(delays: Delays, robot: str, path: Path | None = None) -> Path:
    """Keep them for the runs to come, beside those of other robots; returns where.

    Raises:
        CalibrationError: the place cannot be written, or what is there is damaged.
    """
    path = delays_path() if path is None else path
    by_robot = _read(path)[1]
    if delays.actuator_ms not in (None, _of(robot, by_robot)):
        by_robot[robot] = delays.actuator_ms
    content = {"camera_ms": delays.camera_ms, "actuator_ms": by_robot}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _of(robot: str, by_robot: dict[str, float]) -> float | None:
    """The delay of a robot, or of any where it has none of its own."""
    return by_robot.get(robot, by_robot.get(ANY_ROBOT))


def _read(path: Path) -> tuple[float | None, dict[str, float]]:
    """The camera's delay, and those of the robots by name."""
    if not path.is_file():
        return None, {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        camera_ms, by_robot = content.pop("camera_ms", None), content.pop("actuator_ms", None)
        if content:
            raise ValueError(f"it tells of {', '.join(content)}")
        if not isinstance(by_robot, dict):  # as it was before robots had delays of their own
            by_robot = {} if by_robot is None else {ANY_ROBOT: by_robot}
        camera = Delays(camera_ms=None if camera_ms is None else float(camera_ms))
        delays = {robot: Delays(actuator_ms=float(delay_ms)) for robot, delay_ms in by_robot.items()}
    except (OSError, ValueError, TypeError, AttributeError, CalibrationError) as error:
        legal = ", ".join(field.name for field in fields(Delays))
        raise CalibrationError(
            f"{path} does not hold delays ({error}); delete it, or give {legal} in milliseconds"
        ) from error
    return camera.camera_ms, {
        robot: one.actuator_ms for robot, one in delays.items() if one.actuator_ms is not None
    }
