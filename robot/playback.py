"""Plays a joint trajectory at the time it really is: between its instants, never past the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot.limits import JointLimits
from robot.messages import JointTrajectory


@dataclass(frozen=True)
class Playback:
    """A trajectory in the robot's joint order, within its limits.

    Attributes:
        t_ns: (k,) int64 increasing instants, server clock.
        q_rad: (k,n) float64, robot joint order, finite and within the joint limits.
        clipped: how many joints had to be clipped to a joint limit at some instant.
    """

    t_ns: np.ndarray
    q_rad: np.ndarray
    clipped: int

    @staticmethod
    def of(trajectory: JointTrajectory, columns: list[int], limits: JointLimits) -> Playback:
        """The playback of a valid trajectory; `columns[i]` is the column of the robot's joint i."""
        q_rad, changed = limits.clip(trajectory.q_rad[:, columns])
        return Playback(trajectory.t_ns, q_rad, int(changed.any(axis=0).sum()))

    def at(self, t_ns: int) -> np.ndarray:
        """(n,) rad at the instant `t_ns`; the first instant's angles before it, the last one's after it."""
        after = int(np.searchsorted(self.t_ns, t_ns, side="right"))
        if after == 0:
            return self.q_rad[0]
        if after == len(self.t_ns):
            return self.q_rad[-1]
        start, end = int(self.t_ns[after - 1]), int(self.t_ns[after])
        share = (t_ns - start) / (end - start)
        return (1.0 - share) * self.q_rad[after - 1] + share * self.q_rad[after]
