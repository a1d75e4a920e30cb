"""Looks at the motors alone and knows nothing of the supervisor: were limits kept, was the hand followed?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Beyond the rounding of positions that were added up from steps.
_ROUNDING = 1e-6


@dataclass
class MotorChecker:
    """What the motors were told and did, step by step.

    Attributes:
        lower_rad, upper_rad, velocity_rad_s, acceleration_rad_s2: (n,) the limits.
        steps: how many steps were looked at.
        violations: steps by what was violated, of commands and of measured joints.
        worst: the largest share of each limit that was used, 1 = all of it; positions in rad beyond it.
        errors_rad: the largest joint error of each step that was looked at while the robot followed; the
            rest of it is NaN. As long as steps are expected: what grew would look like a leak.
    """

    lower_rad: np.ndarray
    upper_rad: np.ndarray
    velocity_rad_s: np.ndarray
    acceleration_rad_s2: np.ndarray
    steps: int = 0
    violations: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    errors_rad: np.ndarray = field(default_factory=lambda: np.full(100, np.nan))
    _followed: int = 0
    _command_rad: np.ndarray | None = None
    _speed_rad_s: np.ndarray | None = None

    def look(
        self, command_rad: np.ndarray | None, q_rad: np.ndarray, dq_rad_s: np.ndarray, dt_s: float
    ) -> None:
        """One control step.

        Args:
            command_rad: (n,) what the motors were told, rad; None for nothing.
            q_rad, dq_rad_s: (n,) what was measured after it.
            dt_s: its length.
        """
        self.steps += 1
        self._note("measured position", self._beyond(q_rad), 0.01)  # a finger may press another so far
        self._note("measured speed", float((np.abs(dq_rad_s) / self.velocity_rad_s).max()), 1.0 + _ROUNDING)
        if command_rad is None:
            self._command_rad = self._speed_rad_s = None
            return
        self._note("commanded position", self._beyond(command_rad), _ROUNDING)
        if self._command_rad is not None:
            speed = (command_rad - self._command_rad) / dt_s
            share = float((np.abs(speed) / self.velocity_rad_s).max())
            self._note("commanded speed", share, 1.0 + _ROUNDING)
            if self._speed_rad_s is not None:
                change = np.abs(speed - self._speed_rad_s) / dt_s
                share = float((change / self.acceleration_rad_s2).max())
                self._note("commanded acceleration", share, 1.0 + 1e-4)
            self._speed_rad_s = speed
        self._command_rad = command_rad

    def follow(self, q_rad: np.ndarray, wanted_rad: np.ndarray) -> None:
        """Note how far the joints (n,) are from where the hand is now."""
        self.errors_rad[self._followed] = np.abs(q_rad - wanted_rad).max()
        self._followed += 1

    def _beyond(self, q_rad: np.ndarray) -> float:
        return float(np.maximum(self.lower_rad - q_rad, q_rad - self.upper_rad).max())

    def _note(self, what: str, value: float, legal: float) -> None:
        self.worst[what] = max(self.worst.get(what, value), value)
        self.violations[what] = self.violations.get(what, 0) + (value > legal)
