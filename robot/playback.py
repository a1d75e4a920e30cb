"""Plays a joint trajectory at the time it really is: between its instants, never past the last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robot.limits import JointLimits
from robot.messages import JointTrajectory


@dataclass(frozen=True)
class Playback:
    """A trajectory in the robot's joint order, within its limits.

    Attributes:
        t_ns: (k,) int64 increasing instants, server clock.
        q_rad: (k,n) float64, robot joint order, finite and within the joint limits.
        clipped: how many joints were beyond their limits at some instant.
        begun_ns: when it took over from the trajectory before it.
        gap_rad: (n,) how far that one was from this one then; it fades away within `blend_ns`.
        blend_ns: 0 to be followed exactly from the start.
    """

    t_ns: np.ndarray
    q_rad: np.ndarray
    clipped: int
    begun_ns: int = 0
    gap_rad: np.ndarray | None = None
    blend_ns: int = 0

    @staticmethod
    def of(
        trajectory: JointTrajectory, columns: list[int], limits: JointLimits, margin_rad: float = 0.0
    ) -> Playback:
        """The playback of a valid trajectory.

        Args:
            trajectory: the message.
            columns: `columns[i]` is the column of the robot's joint i.
            limits: what it is kept within.
            margin_rad: what is at most so far beyond them is clipped, but not counted.
        """
        wanted_rad = trajectory.q_rad[:, columns]
        q_rad, _ = limits.clip(wanted_rad)
        beyond = np.abs(wanted_rad - q_rad) > margin_rad
        return Playback(trajectory.t_ns, q_rad, int(beyond.any(axis=0).sum()))

    def after(self, goal_rad: np.ndarray, t_ns: int, blend_ns: int) -> Playback:
        """This playback taking over at `t_ns`, without a step, from the goal (n,) followed until then."""
        return replace(self, begun_ns=t_ns, gap_rad=goal_rad - self.planned(t_ns), blend_ns=blend_ns)

    def at(self, t_ns: int) -> np.ndarray:
        """(n,) rad to be followed at the instant `t_ns`: what is planned, blended in from what was before."""
        planned = self.planned(t_ns)
        since_ns = t_ns - self.begun_ns
        if self.gap_rad is None or since_ns >= self.blend_ns or self.blend_ns <= 0:
            return planned
        left = 1.0 - max(since_ns, 0) / self.blend_ns
        return planned + left * left * (3.0 - 2.0 * left) * self.gap_rad

    @property
    def largest_step_rad(self) -> float:
        """The furthest any joint goes from one instant to the next, rad."""
        return float(np.abs(np.diff(self.q_rad, axis=0)).max(initial=0.0))

    def planned(self, t_ns: int) -> np.ndarray:
        """(n,) rad at the instant `t_ns`; the first instant's angles before it, the last one's after it."""
        after = int(np.searchsorted(self.t_ns, t_ns, side="right"))
        if after == 0:
            return self.q_rad[0]
        if after == len(self.t_ns):
            return self.q_rad[-1]
        start, end = int(self.t_ns[after - 1]), int(self.t_ns[after])
        share = (t_ns - start) / (end - start)
        return (1.0 - share) * self.q_rad[after - 1] + share * self.q_rad[after]
