"""From `WristPose` messages to where the hand on an arm shall be: the arm controller's half of the clutch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot.arm_kinematics import ArmPose
from robot.wrist_messages import WristPose, rotation_matrix


@dataclass(frozen=True)
class _Anchor:
    """The arm's pose and the target when the wrist began to lead; what follows counts from both."""

    engagement: int
    arm: ArmPose
    target: ArmPose


class ArmFollower:
    """Goals for an arm that starts anywhere, lags behind, or is out of reach of its target.

    The message's target counts from the arm's start. Here it counts from where the arm is whenever the wrist
    begins to lead anew (`WristPose.engagement` grows), so an operator who went too far opens the clutch,
    closes it, and has the arm at once.
    """

    def __init__(self) -> None:
        self._anchor: _Anchor | None = None

    def goal(self, wrist: WristPose, arm: ArmPose, t_ns: int) -> ArmPose:
        """Where the arm shall be.

        Args:
            wrist: the newest message.
            arm: where the arm is commanded to be now.
            t_ns: now, on the publisher's clock.
        """
        target = target_at(wrist, t_ns)
        if self._anchor is None or self._anchor.engagement != wrist.engagement:
            self._anchor = _Anchor(wrist.engagement, arm, target)
        anchor = self._anchor
        return ArmPose(
            anchor.arm.position_m + target.position_m - anchor.target.position_m,
            target.rotation @ anchor.target.rotation.T @ anchor.arm.rotation,
        )


def target_at(wrist: WristPose, t_ns: int) -> ArmPose:
    """The target at `t_ns`: linear between the message's instants, the nearest one's outside them."""
    t = np.clip(t_ns, wrist.t_ns[0], wrist.t_ns[-1])
    after = min(int(np.searchsorted(wrist.t_ns, t, side="right")), len(wrist.t_ns) - 1)
    before = max(after - 1, 0)
    span = float(wrist.t_ns[after] - wrist.t_ns[before])
    share = float(t - wrist.t_ns[before]) / span if span else 0.0
    position_m, sixd = (
        (1.0 - share) * values[before] + share * values[after]
        for values in (wrist.target_position_m, wrist.target_rotation_6d)
    )
    return ArmPose(position_m, rotation_matrix(sixd))
