"""How far a robot's joints are behind what they are driven to, measured while it moves."""

from __future__ import annotations

import math

import numpy as np

from robot import RobotState

_MEMORY_S = 8.0  # of motion: what was seen fades within this
# Weight of what was known before, as motion, (rad/s)² s over all joints; closing the hand is ten times that.
_PRIOR = 1.0
_LONGEST_MS = 150.0
_SLOWEST_RAD_S = 0.3  # of a joint; slower, gravity and friction hold it back more than its delay


class ActuatorDelay:
    """Compares the joints of each state with their targets.

    A joint that is late by L is at q(t) = target(t − L) ≈ target(t) − L · speed. Least squares over all
    joints and the last seconds of motion gives L; at rest nothing is learnt.

    Attributes:
        ms: the delay, ms.
    """

    def __init__(self, known_ms: float) -> None:
        """
        Args:
            known_ms: what to believe before the robot has moved, ms.
        """
        self.ms = known_ms
        self._known_s = known_ms * 1e-3
        self._moment = self._weight = 0.0
        self._t_last_ns: int | None = None

    def observe(self, state: RobotState) -> None:
        """Learn from a state of the robot; one that is not newer than the last says nothing."""
        last_ns, self._t_last_ns = self._t_last_ns, state.t_ns
        if last_ns is None or state.t_ns <= last_ns or state.mode != "TRACKING":
            return
        dt_s = min((state.t_ns - last_ns) * 1e-9, 0.1)
        moving = np.abs(state.dq_rad_s) > _SLOWEST_RAD_S
        if not moving.any():
            return
        speed_rad_s = state.dq_rad_s[moving]
        behind_rad = (state.target_rad - state.q_rad)[moving]
        kept = math.exp(-dt_s / _MEMORY_S)
        self._moment = kept * self._moment + dt_s * float(behind_rad @ speed_rad_s)
        self._weight = kept * self._weight + dt_s * float(speed_rad_s @ speed_rad_s)
        late_s = (self._moment + _PRIOR * self._known_s) / (self._weight + _PRIOR)
        self.ms = float(np.clip(1e3 * late_s, 0.0, _LONGEST_MS))
