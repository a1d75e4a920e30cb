"""Which instant of the operator's motion the robot's joints are aimed at."""

from __future__ import annotations

from app.actuator_delay import ActuatorDelay
from calibration.delays import Delays
from robot import RobotState

# Until the robot has moved: a real hand's and the simulated one's joints are both behind by about this.
TYPICAL_ACTUATOR_MS = 15.0
LONGEST_MS = 500.0  # farther than any temporal stage looks ahead


class Horizon:
    """How far past capture to aim, in every message anew.

    On auto at the instant of actuation: what the joints do when they have done what they are told now is what
    the hand does then. That is the age of the frame, which each message knows, and two delays that no clock
    sees: the camera's, calibrated, and the joints', calibrated or typical at first and then followed as the
    robot moves.

    Attributes:
        camera_ms: from the light to the capture time, ms.
    """

    def __init__(self, fixed_ms: float | None, delays: Delays | None = None) -> None:
        """
        Args:
            fixed_ms: how far past capture to aim at the moment of sending, ms; None is auto.
            delays: what was calibrated.
        """
        delays = delays or Delays()
        self.camera_ms = delays.camera_ms or 0.0
        self._fixed_ms = fixed_ms
        self._aimed_ms = fixed_ms or 0.0
        known_ms = TYPICAL_ACTUATOR_MS if delays.actuator_ms is None else delays.actuator_ms
        self._actuator = ActuatorDelay(known_ms)

    @property
    def automatic(self) -> bool:
        """False for a fixed one."""
        return self._fixed_ms is None

    @property
    def actuator_ms(self) -> float:
        """How far the joints are behind, ms."""
        return self._actuator.ms

    @property
    def predicts(self) -> bool:
        """False where only the pose as seen is to be sent."""
        return self._fixed_ms != 0.0

    def ahead_ms(self, age_ms: float) -> float:
        """How far past capture to aim with a message that is sent `age_ms` after it."""
        if self._fixed_ms is None:
            self._aimed_ms = age_ms + self.camera_ms + self.actuator_ms
        else:
            self._aimed_ms = self._fixed_ms
        return self._aimed_ms

    def shift(self, by_ms: float) -> None:
        """Aim so much later, or earlier, from now on; from auto, to a step next to what it last aimed at.

        Args:
            by_ms: the step, ms; results are whole steps from 0 to LONGEST_MS.
        """
        if by_ms == 0.0:
            return
        step_ms = abs(by_ms)
        aimed_ms = round((self._aimed_ms + by_ms) / step_ms) * step_ms
        self._fixed_ms = self._aimed_ms = min(max(aimed_ms, 0.0), LONGEST_MS)

    def give_back_to_auto(self) -> None:
        """Aim at the instant of actuation from now on."""
        self._fixed_ms = None

    def follow(self, state: RobotState) -> None:
        """Learn from the robot's newest state."""
        if self.automatic:
            self._actuator.observe(state)
