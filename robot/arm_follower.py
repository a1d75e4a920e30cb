"""From `WristPose` messages to where the hand on an arm shall be: the arm controller's half of the clutch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robot.arm_kinematics import ArmPose
from robot.arm_solver import turn_between
from robot.errors import RobotError
from robot.wrist_messages import WristPose, rotation_matrix

MAX_SILENCE_NS = 250_000_000  # after it the wrist may be anywhere; no message is played or heeded later
_LONGEST_STEP_S = 0.05  # a controller that was held up for longer goes no farther for it


@dataclass(frozen=True)
class _Anchor:
    """The arm's pose and the target when the wrist began to lead; what follows counts from both."""

    arm: ArmPose
    target: ArmPose


class ArmFollower:
    """Goals for an arm that starts anywhere, lags behind, is out of reach of its target, or hears badly.

    The message's target counts from the arm's start. Here it counts from where the arm is whenever the wrist
    begins to lead anew (`WristPose.engagement` changes), so an operator who went too far opens the clutch,
    closes it, and has the arm at once. The same after a silence, and when messages count from anew: the
    publisher was started again, or another one speaks.

    A message that is old when it comes moves nothing, and one that grew old no longer: a link that stalls
    and then lets go of all it held back would lead the arm through what is long over, though the clutch was
    opened since. What comes from the future was told by another clock, and nobody knows how old it is.

    Messages make one continuous path only for who plays each from its publication to that of the next. They
    arrive later, and some never, so goals keep to a speed and a box of their own, whatever is told.

    Args:
        box_m: how far goals may go from where the arm was first, either way along each of the base's axes.
        max_speed_m_s, max_turn_rad_s: of goals; those of the publisher, or a little more.

    Raises:
        RobotError: the box or a speed is none.
    """

    def __init__(self, box_m: float = 0.4, max_speed_m_s: float = 0.5, max_turn_rad_s: float = 2.0) -> None:
        if not 0.0 <= box_m < math.inf:  # a negative one would lie beside the arm, which would go there
            raise RobotError(f"box_m is {box_m}; it must be a finite number of metres, at least 0.")
        for name, speed in (("max_speed_m_s", max_speed_m_s), ("max_turn_rad_s", max_turn_rad_s)):
            if not 0.0 < speed < math.inf:
                raise RobotError(f"{name} is {speed}; it must be a finite number above 0.")
        self._box_m = box_m
        self._max_speed_m_s = max_speed_m_s
        self._max_turn_rad_s = max_turn_rad_s
        self._start_m: np.ndarray | None = None
        self._heard: WristPose | None = None
        self._anchor: _Anchor | None = None
        self._goal: ArmPose | None = None
        self._t_ns = 0

    def goal(self, wrist: WristPose, arm: ArmPose, t_ns: int) -> ArmPose:
        """Where the arm shall be.

        Args:
            wrist: the newest message.
            arm: where the arm is commanded to be now.
            t_ns: now, on the publisher's clock.
        """
        if self._start_m is None:
            self._start_m, self._t_ns = arm.position_m, t_ns
        age_ns = t_ns - wrist.t_publish_ns
        if age_ns < -MAX_SILENCE_NS or (age_ns > MAX_SILENCE_NS and wrist is not self._heard):
            self._anchor, self._t_ns = None, t_ns
            return self._goal or arm
        target = target_at(wrist, t_ns)
        if self._anchor is None or self._goal is None or _begins_anew(self._heard, wrist):
            self._anchor, self._goal = _Anchor(arm, target), arm
        self._heard = wrist
        anchor = self._anchor
        wanted_m = anchor.arm.position_m + target.position_m - anchor.target.position_m
        wanted = ArmPose(
            np.clip(wanted_m, self._start_m - self._box_m, self._start_m + self._box_m),
            target.rotation @ anchor.target.rotation.T @ anchor.arm.rotation,
        )
        until_ns = min(t_ns, wrist.t_publish_ns + MAX_SILENCE_NS)
        dt_s = min(max(1e-9 * (until_ns - self._t_ns), 0.0), _LONGEST_STEP_S)
        self._goal = _toward(self._goal, wanted, self._max_speed_m_s * dt_s, self._max_turn_rad_s * dt_s)
        self._t_ns = t_ns
        return self._goal


def target_at(wrist: WristPose, t_ns: int) -> ArmPose:
    """The target at `t_ns`: linear between the message's instants, the nearest one's outside them.

    What was foreseen for later than `MAX_SILENCE_NS` after publication is not played.
    """
    t = np.clip(min(t_ns, wrist.t_publish_ns + MAX_SILENCE_NS), wrist.t_ns[0], wrist.t_ns[-1])
    after = min(int(np.searchsorted(wrist.t_ns, t, side="right")), len(wrist.t_ns) - 1)
    before = max(after - 1, 0)
    span = float(wrist.t_ns[after] - wrist.t_ns[before])
    share = float(t - wrist.t_ns[before]) / span if span else 0.0
    start_m, end_m = wrist.target_position_m[before], wrist.target_position_m[after]
    start, end = rotation_matrix(wrist.target_rotation_6d[[before, after]])
    return ArmPose(start_m + share * (end_m - start_m), _turned(start, share * turn_between(start, end)))


def _begins_anew(last: WristPose | None, wrist: WristPose) -> bool:
    """Whether `wrist` does not go on from where `last` was."""
    if last is None or last.engagement != wrist.engagement:
        return True
    if wrist is last:
        return False
    silence_ns = wrist.t_publish_ns - last.t_publish_ns
    return wrist.seq < last.seq or not 0 <= silence_ns <= MAX_SILENCE_NS


def _toward(start: ArmPose, end: ArmPose, most_m: float, most_rad: float) -> ArmPose:
    """The pose toward `end`, at most so far from `start`."""
    way_m, turn_rad = end.position_m - start.position_m, turn_between(start.rotation, end.rotation)
    share_m = min(1.0, most_m / max(float(np.linalg.norm(way_m)), 1e-12))
    share_rad = min(1.0, most_rad / max(float(np.linalg.norm(turn_rad)), 1e-12))
    return ArmPose(start.position_m + share_m * way_m, _turned(start.rotation, share_rad * turn_rad))


def _turned(R: np.ndarray, turn_rad: np.ndarray) -> np.ndarray:
    """R (3,3) turned by a vector (3,), about base axes (Rodrigues' formula), free of rounding's sum."""
    angle = float(np.linalg.norm(turn_rad))
    x, y, z = turn_rad / max(angle, 1e-12)
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned = (np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * (K @ K)) @ R
    return rotation_matrix(turned[:, :2].reshape(6))
