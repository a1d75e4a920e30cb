"""The arithmetic of the Allegro's control loop: complete measurements, joint speeds, drives."""

from __future__ import annotations

import math

import numpy as np

from robot.allegro_config import AllegroConfig
from robot.can.messages import FINGERS, JOINTS_PER_FINGER, Pose

_ALL = (1 << FINGERS) - 1


class PoseAssembler:
    """Puts the four fingers' frames together to one measurement.

    A cycle begins with the index and ends when all four were there. A finger that comes again before, or an
    index within a cycle, means that a frame was lost: the cycle is given up, counted in `incomplete`, and the
    new frame begins the next. So no measurement is put together from two cycles.
    """

    def __init__(self) -> None:
        self.incomplete = 0  # cycles in a row that were given up
        self._seen = 0
        self._q_rad = np.zeros(FINGERS * JOINTS_PER_FINGER)

    def add(self, pose: Pose) -> np.ndarray | None:
        """(16,) rad when `pose` completes a cycle, otherwise None."""
        bit = 1 << pose.finger
        if self._seen & bit or (self._seen and pose.finger == 0):
            self.incomplete += 1
            self._seen = 0
        first = pose.finger * JOINTS_PER_FINGER
        self._q_rad[first : first + JOINTS_PER_FINGER] = pose.q_rad
        self._seen |= bit
        if self._seen != _ALL:
            return None
        self._seen = 0
        self.incomplete = 0
        return self._q_rad.copy()


class VelocityFilter:
    """Joint speeds from angles: a first-order low pass (bilinear), then the backward difference.

    The low pass passes a constant unchanged. A published driver's filter, 0.6·f + 0.198·(x₋₁ + x), does not:
    its gain of 0.99 makes every angle 1 % wrong. Here both coefficients come from one number: 2·b = 1 - a.
    Source: allegro_hand_ros2 (30 Hz at 333 Hz: a = 0.5498, b = 0.2251).

    Args:
        cutoff_hz: below half the sampling rate.
        period_s: time between two samples, s.
    """

    def __init__(self, cutoff_hz: float, period_s: float) -> None:
        self._cutoff_hz = cutoff_hz
        self._period_s = period_s
        self._input: np.ndarray | None = None
        self._output = np.zeros(0)

    def coefficients(self, period_s: float) -> tuple[float, float]:
        """a and b of f = a·f₋₁ + b·(x₋₁ + x)."""
        w = math.tan(math.pi * min(self._cutoff_hz * period_s, 0.49))
        return (1.0 - w) / (1.0 + w), w / (1.0 + w)

    def reset(self) -> None:
        """Forget everything: the next sample finds the joints at rest."""
        self._input = None

    def update(self, q_rad: np.ndarray, cycles: int = 1) -> np.ndarray:
        """The speeds, rad/s.

        Args:
            q_rad: (n,) angles, rad.
            cycles: how many periods after the last sample it was taken.
        """
        if self._input is None:
            self._input = self._output = q_rad
            return np.zeros_like(q_rad)
        period_s = cycles * self._period_s
        a, b = self.coefficients(period_s)
        output = a * self._output + b * (self._input + q_rad)
        dq_rad_s = (output - self._output) / period_s
        self._input, self._output = q_rad, output
        return dq_rad_s

    @property
    def filtered_rad(self) -> np.ndarray:
        """(n,) the low pass's output, rad."""
        return self._output


def pd_drive(
    config: AllegroConfig,
    q_rad: np.ndarray,
    dq_rad_s: np.ndarray,
    target_rad: np.ndarray,
    share: np.ndarray,
) -> np.ndarray:
    """(16,) dimensionless drives u = kp·(target - q) - kd·dq, each within ± share · cap.

    Args:
        config: gains and caps.
        q_rad, dq_rad_s: (16,) measured; the angle unfiltered, so that the filter delays the damping only.
        target_rad: (16,) rad.
        share: (16,) 0–1, of the caps that is allowed now.
    """
    drive = config.kp_per_rad * (target_rad - q_rad) - config.kd_s_per_rad * dq_rad_s
    limit = config.torque_caps * share
    return np.clip(drive, -limit, limit)
