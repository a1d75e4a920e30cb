"""Delays that no clock of the pipeline sees: from light to capture time, and from target to joint."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from calibration.camera import canonical_source
from calibration.errors import CalibrationError

LONGEST_MS = 500.0
ANY = "*"  # a camera or a robot without a delay of its own


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


def load_delays(source: str, robot: str, path: Path | None = None) -> Delays:
    """The delays measured on this machine; None where none were.

    Args:
        source: as `--source` names it.
        robot: as `--robot` names it.
        path: another file than `delays_path`.

    Raises:
        CalibrationError: the file is there and says something else.
    """
    path = delays_path() if path is None else path
    by_camera, by_robot = _read(path)
    return Delays(_of(canonical_source(source), by_camera), _of(robot, by_robot))


def save_delays(delays: Delays, source: str, robot: str, path: Path | None = None) -> Path:
    """Keep them for the runs to come, beside those of other cameras and robots; returns where.

    Raises:
        CalibrationError: the place cannot be written, or what is there is damaged.
    """
    path = delays_path() if path is None else path
    by_camera, by_robot = _read(path)
    camera = canonical_source(source)
    if delays.camera_ms not in (None, _of(camera, by_camera)):
        by_camera[camera] = delays.camera_ms
    if delays.actuator_ms not in (None, _of(robot, by_robot)):
        by_robot[robot] = delays.actuator_ms
    content = {"camera_ms": by_camera, "actuator_ms": by_robot}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _of(name: str, delays_ms: dict[str, float]) -> float | None:
    """The delay of a camera or a robot, or of any where it has none of its own."""
    return delays_ms.get(name, delays_ms.get(ANY))


def _read(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """The delays of the cameras, and those of the robots, by name, ms."""
    if not path.is_file():
        return {}, {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        by_camera = _by_name(content.pop("camera_ms", None))
        by_robot = _by_name(content.pop("actuator_ms", None))
        if content:
            raise ValueError(f"it tells of {', '.join(content)}")
        for camera_ms in by_camera.values():
            Delays(camera_ms=camera_ms)
        for actuator_ms in by_robot.values():
            Delays(actuator_ms=actuator_ms)
    except (
        OSError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        AttributeError,
        CalibrationError,
    ) as error:
        legal = ", ".join(field.name for field in fields(Delays))
        raise CalibrationError(
            f"{path} does not hold delays ({error}); delete it, or give {legal} in milliseconds"
        ) from error
    return by_camera, by_robot


def _by_name(plain: Any) -> dict[str, float]:
    """The delays of one kind; one for all is as it was before cameras and robots had their own."""
    if plain is None:
        return {}
    named = plain if isinstance(plain, dict) else {ANY: plain}
    return {name: float(delay_ms) for name, delay_ms in named.items()}
