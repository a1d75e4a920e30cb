"""What a robot hand is told, moment by moment: it follows, it holds, and it never jumps.

    targets                                     the robot is told to
    valid and fresh                             follow them, at most at `speed_rad_s`
    valid and fresh, after a hold or at first   approach them at `engage_speed_rad_s` until it is there
    lost, or older than `stale_s`, or none      hold where it was last told to be

A hand that comes back anywhere is approached softly, and so is one after nobody asked for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from posehand_link.targets import Targets


@dataclass(frozen=True)
class FollowLimits:
    """How fast, and how patient.

    Attributes:
        speed_rad_s: fastest a target moves while following, rad/s.
        engage_speed_rad_s: fastest it moves while approaching, rad/s.
        engaged_rad: approached, once every joint is this near, rad.
        stale_s: targets older than this are not followed, s.
        longest_step_s: time between two moments counts up to this, s: after a pause nothing leaps.
    """

    speed_rad_s: float = 6.0
    engage_speed_rad_s: float = 1.0
    engaged_rad: float = 0.05
    stale_s: float = 0.25
    longest_step_s: float = 0.1

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a number greater than 0")


class HandFollower:
    """One hand's targets.

    Attributes:
        q_rad: (n,) what the robot was last told, rad.
        following: False while it holds.
    """

    def __init__(self, start_rad: np.ndarray, limits: FollowLimits) -> None:
        """
        Args:
            start_rad: (n,) where it begins, rad.
            limits: how fast it may go.
        """
        self.q_rad = np.array(start_rad, dtype=np.float64)
        self.following = False
        self._limits = limits
        self._engaged = False
        self._t_last_ns: int | None = None
        self._t_followed_ns: int | None = None

    def step(self, targets: Targets | None, t_now_ns: int) -> np.ndarray:
        """What to tell the robot at `t_now_ns`, (n,) rad, given the newest targets."""
        limits = self._limits
        step_s = 0.0 if self._t_last_ns is None else max(0.0, (t_now_ns - self._t_last_ns) * 1e-9)
        self._t_last_ns = t_now_ns
        if step_s > limits.longest_step_s:
            step_s, self._engaged = limits.longest_step_s, False
        fresh = targets is not None and (t_now_ns - targets.t_publish_ns) * 1e-9 <= limits.stale_s
        if targets is None or not (targets.valid and fresh):
            self.following = self._engaged = False
            return self.q_rad.copy()
        self.following = True
        self._t_followed_ns = t_now_ns
        goal_rad = targets.at(t_now_ns)
        speed_rad_s = limits.speed_rad_s if self._engaged else limits.engage_speed_rad_s
        away_rad = goal_rad - self.q_rad
        self.q_rad = self.q_rad + np.clip(away_rad, -speed_rad_s * step_s, speed_rad_s * step_s)
        if not self._engaged:
            self._engaged = bool(np.abs(goal_rad - self.q_rad).max() <= limits.engaged_rad)
        return self.q_rad.copy()

    def held_s(self, t_now_ns: int) -> float:
        """For how long it has not followed, s; infinite before it ever did."""
        if self.following:
            return 0.0
        if self._t_followed_ns is None:
            return float("inf")
        return (t_now_ns - self._t_followed_ns) * 1e-9
