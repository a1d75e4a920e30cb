"""Delays that no clock of the pipeline sees: from light to capture time, and from target to joint."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from platformdirs import user_config_path

from calibration.errors import CalibrationError

LONGEST_MS = 500.0


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


def load_delays(path: Path | None = None) -> Delays:
    """The delays measured on this machine; all None where none were.

    Args:
        path: another file than `delays_path`.

    Raises:
        CalibrationError: the file is there and says something else.
    """
    path = delays_path() if path is None else path
    if not path.is_file():
        return Delays()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {name: None if value is None else float(value) for name, value in content.items()}
        return Delays(**values)
    except (OSError, ValueError, TypeError, AttributeError, CalibrationError) as error:
        legal = ", ".join(field.name for field in fields(Delays))
        raise CalibrationError(
            f"{path} does not hold delays ({error}); delete it, or give {legal} in milliseconds"
        ) from error


def save_delays(delays: Delays, path: Path | None = None) -> Path:
    """Keep them for the runs to come; returns where.

    Raises:
        CalibrationError: the place cannot be written.
    """
    path = delays_path() if path is None else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(asdict(delays), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror or error}") from error
    return path
