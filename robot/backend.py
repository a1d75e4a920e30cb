"""What a robot has to offer to be run under supervision, whether it is simulated or made of metal."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from robot.hands import HandSpec


class RobotBackend(Protocol):
    """One robot hand; it reads no clock, every call says what time it is.

    The runtime calls, in a loop: `poll`; where that says a control step is due, the supervisor's step and
    `drive` with what it says; `stop` as soon as the mode is STOPPED.

    Attributes:
        spec: the hand.
        period_ns: how often a control step is due, ns.
        q_rad, dq_rad_s: (n,) newest believed measurement, rad and rad/s.
        target_rad: (n,) what the joints are driven to, rad; the measured angles while nothing drives them.
        fault: empty while healthy, otherwise one sentence; a fault has already stopped the robot.
        powered: whether anything this robot does could still move it.
    """

    @property
    def spec(self) -> HandSpec: ...

    @property
    def period_ns(self) -> int: ...

    @property
    def q_rad(self) -> np.ndarray: ...

    @property
    def dq_rad_s(self) -> np.ndarray: ...

    @property
    def target_rad(self) -> np.ndarray: ...

    @property
    def fault(self) -> str: ...

    @property
    def powered(self) -> bool: ...

    def start(self, t_ns: int) -> None:
        """Begin to bring the robot up, without torque; `poll` carries it on. Clears a fault."""
        ...

    def poll(self, t_ns: int) -> bool:
        """Take what the robot measured and watch over it, without waiting.

        Returns:
            Whether a new measurement is there, so that a control step is due.
        """
        ...

    def drive(self, target_rad: np.ndarray | None, t_ns: int, effort: float = 1.0) -> None:
        """Drive the joints to (n,) rad with a share of their effort, 0–1; None: nothing drives them."""
        ...

    def stop(self, t_ns: int) -> None:
        """Take all drive away now and switch the servos off; `start` brings the robot up again."""
        ...

    def fileno(self) -> int | None:
        """Descriptor that becomes readable when a measurement came; None where there is none to wait for."""
        ...

    def close(self, t_ns: int) -> None:
        """Stop and give everything back."""
        ...
