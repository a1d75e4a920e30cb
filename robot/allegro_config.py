"""Settings of the Allegro driver: one YAML file per hardware version, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from robot.errors import RobotError

CONFIGS_DIR = Path(__file__).resolve().parent / "configs"
VERSIONS = ("v2", "v3", "v4", "v5")
_JOINTS = 16


@dataclass(frozen=True)
class FeedbackConfig:
    """What measurements must look like to be believed; see `robot.allegro_health`.

    Attributes:
        limit_tolerance_rad: how far outside the joint limits a healthy reading may lie, rad.
        max_speed_rad_s: fastest change of a reading that is motion, rad/s.
        max_jumps: implausible readings of a joint in a row that are bridged.
        max_missed_cycles: measurement cycles in a row that may be incomplete.
        max_silence_ms: longest time without a complete measurement, ms.
        reduce_above_c, stop_at_c: joint temperatures between which the torque falls to nothing, °C.
        plausible_c: lowest and highest reading that is a temperature, °C.
        stop_status_bits: bits of the status byte that stop the hand.
    """

    limit_tolerance_rad: float
    max_speed_rad_s: float
    max_jumps: int
    max_missed_cycles: int
    max_silence_ms: float
    reduce_above_c: float
    stop_at_c: float
    plausible_c: tuple[float, float]
    stop_status_bits: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("limit_tolerance_rad", "max_speed_rad_s", "max_silence_ms"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise RobotError(
                    f"The setting feedback.{name} is {getattr(self, name)}; it must be positive."
                )
        for name in ("max_jumps", "max_missed_cycles"):
            if getattr(self, name) < 0:
                raise RobotError(
                    f"The setting feedback.{name} is {getattr(self, name)}; it must be 0 or more."
                )
        low, high = self.plausible_c
        if not low < self.reduce_above_c < self.stop_at_c <= high:
            raise RobotError(
                f"The temperatures reduce_above_c {self.reduce_above_c}, stop_at_c {self.stop_at_c} must "
                f"rise, within plausible_c {list(self.plausible_c)}."
            )
        if not all(0 <= bit <= 7 for bit in self.stop_status_bits):
            raise RobotError(f"stop_status_bits are {list(self.stop_status_bits)}; bits are 0 to 7.")

    @property
    def stop_mask(self) -> int:
        """`stop_status_bits` as a byte."""
        return sum(1 << bit for bit in set(self.stop_status_bits))


@dataclass(frozen=True)
class AllegroConfig:
    """Settings of one hardware version.

    Attributes:
        protocol: "v2", "v3", "v4" or "v5".
        period_ms: how often the hand measures, ms; the control loop follows it.
        temperature_period_ms: how often it sends temperatures, ms.
        kp_per_rad: (16,) drive per angle, 1/rad, driver order.
        kd_s_per_rad: (16,) drive per speed, s/rad.
        torque_caps: (16,) limits of |u|, 0–1.
        velocity_cutoff_hz: of the filter before the speeds, Hz.
        feedback: what to believe.
    """

    protocol: str
    period_ms: int
    temperature_period_ms: int
    kp_per_rad: np.ndarray
    kd_s_per_rad: np.ndarray
    torque_caps: np.ndarray
    velocity_cutoff_hz: float
    feedback: FeedbackConfig

    def __post_init__(self) -> None:
        if self.protocol not in VERSIONS:
            raise RobotError(f'There is no protocol "{self.protocol}"; choose {", ".join(VERSIONS)}.')
        if not 1 <= self.period_ms <= 100 or not 0 <= self.temperature_period_ms <= 65535:
            raise RobotError(
                f"period_ms is {self.period_ms} and temperature_period_ms {self.temperature_period_ms}; "
                "they must be 1–100 and 0–65535."
            )
        nyquist_hz = 500.0 / self.period_ms
        if not 0.0 < self.velocity_cutoff_hz < nyquist_hz:
            raise RobotError(
                f"velocity_cutoff_hz is {self.velocity_cutoff_hz}; it must be above 0 and below "
                f"{nyquist_hz:.0f}, half the measuring rate."
            )
        for name in ("kp_per_rad", "kd_s_per_rad", "torque_caps"):
            array = getattr(self, name)
            if array.shape != (_JOINTS,) or not (np.isfinite(array) & (array >= 0.0)).all():
                raise RobotError(f"The setting {name} must be {_JOINTS} finite numbers, none below zero.")
        if (self.torque_caps > 1.0).any():
            raise RobotError(f"torque_caps reach {self.torque_caps.max()}; 1 is the full pulse width.")

    def scaled(self, share: float) -> AllegroConfig:
        """These settings with gains and caps times `share`, 0–1: the first motion of a new hand.

        Raises:
            RobotError: `share` is not in that range.
        """
        if not 0.0 < share <= 1.0:
            raise RobotError(f"The share of the gains is {share}; it must be above 0 and at most 1.")
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("kp_per_rad", "kd_s_per_rad", "torque_caps"):
            values[name] = values[name] * share
        return AllegroConfig(**values)


def load_config(version_or_path: str | Path) -> AllegroConfig:
    """Settings that ship for a version, or those of a YAML file.

    Args:
        version_or_path: "v2", "v3", "v4", "v5", or a path.

    Raises:
        RobotError: the file is missing or wrong; the message says where.
    """
    given = str(version_or_path)
    path = CONFIGS_DIR / f"allegro_{given}.yaml" if given in VERSIONS else Path(version_or_path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RobotError(f"The hand settings {path} cannot be read: {error}.") from error
    try:
        return _config(content)
    except RobotError as error:
        raise RobotError(f"{path.name}: {error}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise RobotError(f"{path.name}: a setting is of the wrong kind ({error}).") from None


def _config(content: Any) -> AllegroConfig:
    whole = _mapping("the file", content, AllegroConfig)
    feedback = _mapping("feedback", whole["feedback"], FeedbackConfig)
    return AllegroConfig(
        protocol=str(whole["protocol"]),
        period_ms=int(whole["period_ms"]),
        temperature_period_ms=int(whole["temperature_period_ms"]),
        kp_per_rad=_joints(whole["kp_per_rad"]),
        kd_s_per_rad=_joints(whole["kd_s_per_rad"]),
        torque_caps=_joints(whole["torque_caps"]),
        velocity_cutoff_hz=float(whole["velocity_cutoff_hz"]),
        feedback=FeedbackConfig(
            limit_tolerance_rad=float(feedback["limit_tolerance_rad"]),
            max_speed_rad_s=float(feedback["max_speed_rad_s"]),
            max_jumps=int(feedback["max_jumps"]),
            max_missed_cycles=int(feedback["max_missed_cycles"]),
            max_silence_ms=float(feedback["max_silence_ms"]),
            reduce_above_c=float(feedback["reduce_above_c"]),
            stop_at_c=float(feedback["stop_at_c"]),
            plausible_c=_pair(feedback["plausible_c"]),
            stop_status_bits=tuple(int(bit) for bit in feedback["stop_status_bits"]),
        ),
    )


def _mapping(name: str, value: Any, kind: type) -> Mapping[str, Any]:
    expected = {field.name for field in fields(kind)}
    if not isinstance(value, dict) or set(value) != expected:
        given = set(value) if isinstance(value, dict) else set()
        raise RobotError(
            f"{name} lacks {sorted(expected - given) or 'nothing'} and has unknown "
            f"{sorted(str(key) for key in given - expected) or 'nothing'}."
        )
    return value


def _joints(value: Any) -> np.ndarray:
    """(16,) from four lists of four."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (4, 4):
        raise ValueError(f"four lists of four numbers expected, shape {array.shape} came")
    flat = array.reshape(_JOINTS).copy()
    flat.setflags(write=False)
    return flat


def _pair(value: Any) -> tuple[float, float]:
    low, high = value
    return float(low), float(high)
