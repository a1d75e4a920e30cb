"""Keeps joint targets within position, velocity and acceleration limits, joint by joint.

Failure prevented: a target that jumps (a new trajectory, a glitch, an operator far from the robot's pose)
must not become a jump of the motors. Policy, in this order:

    lead          a target far from the measured joint is brought closer to it: a joint that is held up does
                  not wind its servo up, to snap when it comes free
    position      a target outside [lower, upper] is clipped to it; a joint that starts outside moves in
    velocity      a joint moves at most `max_velocity` · dt between two steps
    acceleration  its speed changes by at most `max_acceleration` · dt, and it brakes in time
                  for its target and for its joint limit

Sources: standard trapezoidal motion; the braking speed from a distance d at deceleration a, sampled at dt, is
the positive root of v·dt + v²/2a = d.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robot.errors import RobotError

_ROUNDING_RAD_S = 1e-9


@dataclass(frozen=True)
class JointLimits:
    """Limits of n joints, each (n,).

    Attributes:
        lower_rad, upper_rad: position limits, rad; lower < upper.
        max_velocity_rad_s: positive.
        max_acceleration_rad_s2: positive.

    Raises:
        RobotError: shapes differ or a value is out of range; the message names the field.
    """

    lower_rad: np.ndarray
    upper_rad: np.ndarray
    max_velocity_rad_s: np.ndarray
    max_acceleration_rad_s2: np.ndarray

    def __post_init__(self) -> None:
        shape = self.lower_rad.shape
        for name in ("lower_rad", "upper_rad", "max_velocity_rad_s", "max_acceleration_rad_s2"):
            array = getattr(self, name)
            if array.shape != shape or array.ndim != 1 or not np.isfinite(array).all():
                raise RobotError(
                    f"Joint limits {name} have shape {array.shape}; all must be {shape} and finite."
                )
        if not (self.lower_rad < self.upper_rad).all():
            raise RobotError(
                "Joint limits lower_rad reach or pass upper_rad; every lower limit must be below its upper."
            )
        for name in ("max_velocity_rad_s", "max_acceleration_rad_s2"):
            if not (getattr(self, name) > 0.0).all():
                raise RobotError(f"Joint limits {name} hold zero or less; every value must be positive.")

    def within(self, margin_rad: float) -> JointLimits:
        """Limits narrower by `margin_rad` at either end, or by a third of a joint's range if that is less."""
        margin = np.minimum(margin_rad, (self.upper_rad - self.lower_rad) / 3.0)
        return replace(self, lower_rad=self.lower_rad + margin, upper_rad=self.upper_rad - margin)

    def clip(self, q_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`q_rad` (...,n) brought within the position limits, and (...,n) bool where that changed it."""
        clipped = np.clip(q_rad, self.lower_rad, self.upper_rad)
        return clipped, clipped != q_rad


class MotionLimiter:
    """Follows a target within `limits`; remembers position and velocity between steps.

    Args:
        limits: the joints' limits.
        q_rad: (n,) where the joints are now, rad; outside the limits they may only move inward.
    """

    def __init__(self, limits: JointLimits, q_rad: np.ndarray) -> None:
        self.limits = limits
        self.q_rad = np.array(q_rad, dtype=np.float64)
        self.dq_rad_s = np.zeros_like(self.q_rad)

    def rest(self) -> None:
        """Take the joints for standing still: nothing was commanded for long enough to come to rest."""
        self.dq_rad_s = np.zeros_like(self.q_rad)

    def stopping_point(self) -> np.ndarray:
        """(n,) rad where the joints come to rest when braking starts now."""
        brake = np.abs(self.dq_rad_s) * self.dq_rad_s / (2.0 * self.limits.max_acceleration_rad_s2)
        return self.limits.clip(self.q_rad + brake)[0]

    def step(
        self,
        target_rad: np.ndarray,
        dt_s: float,
        velocity_scale: float = 1.0,
        near_rad: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, bool, bool]:
        """The next commanded position on the way to `target_rad`.

        Args:
            target_rad: (n,) finite, rad.
            dt_s: time since the last step, s; 0 or less moves nothing.
            velocity_scale: share of the velocity limit allowed now, 0–1.
            near_rad: lowest and highest (n,) target that is near enough to the measured joints, rad; all if
                None.

        Returns:
            (n,) rad, a fresh array, and whether the velocity and the acceleration limit held any joint back.
        """
        if dt_s <= 0.0:
            return self.q_rad.copy(), False, False
        limits = self.limits
        acceleration = limits.max_acceleration_rad_s2
        lower_rad = np.minimum(limits.lower_rad, self.q_rad)
        upper_rad = np.maximum(limits.upper_rad, self.q_rad)
        target_rad, _ = limits.clip(target_rad)
        if near_rad is not None:
            target_rad = np.clip(np.clip(target_rad, *near_rad), lower_rad, upper_rad)
        error = target_rad - self.q_rad
        wanted = error / dt_s
        ceiling = limits.max_velocity_rad_s * velocity_scale
        approach = np.minimum(np.abs(wanted), _braking_speed(np.abs(error), acceleration, dt_s))
        held_back = bool((approach > ceiling).any())
        velocity = np.copysign(np.minimum(approach, ceiling), error)

        change = acceleration * dt_s
        wished = velocity
        velocity = np.clip(velocity, self.dq_rad_s - change, self.dq_rad_s + change)
        too_sudden = bool((np.abs(wished - velocity) > _ROUNDING_RAD_S).any())
        # No target lies beyond a joint limit, so a joint that can always brake for its targets never needs to
        # brake harder for a limit; the clip of the position only takes rounding off.
        moved = np.clip(self.q_rad + velocity * dt_s, lower_rad, upper_rad)
        self.q_rad, self.dq_rad_s = moved, velocity
        return moved.copy(), held_back, too_sudden


def _braking_speed(distance_rad: np.ndarray, acceleration: np.ndarray, dt_s: float) -> np.ndarray:
    """(n,) the highest speed from which a joint still stops within `distance_rad` (n,) ≥ 0."""
    return acceleration * (np.sqrt(dt_s * dt_s + 2.0 * np.maximum(distance_rad, 0.0) / acceleration) - dt_s)
