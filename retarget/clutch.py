"""A wrist leads an arm through a clutch: where the arm's target goes, without a jump, ever.

While the clutch is engaged the target moves as the wrist does; while it is not, the target rests and the
wrist is free to go somewhere more comfortable. What moves the arm is never where the wrist is but how far it
came from a *reference*, and the reference is taken anew, with the target as it is at that time, whenever the
next poses have nothing to do with the last: on engaging, after the wrist was lost or nothing was heard for a
while, and when the wrist is measured by something else than before (hand, body or both: they disagree by
centimetres).

Three things hold whatever comes in, because of how a path is made and not because a case was thought of:

    no jump    each path begins where the path before it is at that time, so that an arm that plays them one
               after the other moves on one continuous path
    limits     within a path, speed and turning are limited and the target stays in the workspace's box
    hold       poses that are not finite, not rotations, or absent leave the target where it is

A prediction that was wrong is therefore made up for on the way to the next instant, not at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retarget.arm_workspace import ArmWorkspace
from retarget.pose_path import Pose, PosePath
from retarget.rotation_vectors import rotation_of, unwrapped, vector_of

STRIDE_NS = 33_333_333  # of a path whose poses say nothing about what comes: one video frame
MAX_SILENCE_NS = 250_000_000  # the wrist may be anywhere after that


@dataclass(frozen=True)
class Reference:
    """What the target's motion is counted from.

    Attributes:
        wrist: the wrist then, camera frame.
        target: the arm's target then, base axes from the arm's start.
        source: what the wrist was measured by.
        turn_rad: (3,) how far the wrist has turned since, base axes; past half a turn it counts on.
    """

    wrist: Pose
    target: Pose
    source: str
    turn_rad: np.ndarray


@dataclass(frozen=True)
class Clutch:
    """An arm's target and what leads it; a value, each method gives the next one.

    Positions and rotations of the target are those of the arm's flange from where it was at the start, along
    and about the axes of the arm's base: goal position = start position + position, goal rotation =
    rotation · start rotation.

    Attributes:
        workspace: axes, scale and limits.
        path: the target now and at the next instants; at rest until the first `follow`.
        engaged: whether the wrist leads.
        engagement: grows by one whenever the wrist begins to lead anew: after an engage, a loss, a silence.
        reference: None while nothing leads.
        t_heard_ns: when the wrist was last followed.
    """

    workspace: ArmWorkspace
    path: PosePath
    engaged: bool = False
    engagement: int = 0
    reference: Reference | None = None
    t_heard_ns: int = 0

    @staticmethod
    def at_start(workspace: ArmWorkspace, engaged: bool = False) -> Clutch:
        """The target of an arm that has not moved yet."""
        return Clutch(workspace, PosePath.resting(Pose.zero(), np.zeros(1, dtype=np.int64)), engaged)

    def engage(self, arm: Pose | None = None) -> Clutch:
        """The wrist leads from the next pose on.

        Args:
            arm: where the arm is, from its start in base axes, if that is known: the target starts from
                there. Otherwise, or if that is no pose, it starts from where it rests.
        """
        told = None if arm is None else PosePath.resting(arm, self.path.t_ns[:1])
        path = told if told is not None and told.sound else self.path
        return replace(self, engaged=True, reference=None, path=path)

    def disengage(self) -> Clutch:
        """The target rests from the next `follow` on, where it is at that time."""
        return replace(self, engaged=False, reference=None)

    def follow(self, wrist: PosePath | None, source: str, t_now_ns: int) -> Clutch:
        """The clutch with its path from `t_now_ns` on.

        Args:
            wrist: the wrist at instants, camera frame, of which `t_now_ns` may be any; None while it is lost.
            source: what it is measured by; any text that changes when that does.
            t_now_ns: when the path is handed on; it does not go backwards.
        """
        held = self.path.at(t_now_ns)
        if wrist is None or not self.engaged or not wrist.sound:
            path = PosePath.resting(held, np.array([t_now_ns]))
            return replace(self, path=path, reference=None)
        t_ns = instants(wrist, t_now_ns)
        wrist = wrist.sampled(t_ns)
        reference, engagement = self.reference, self.engagement
        if reference is None or t_now_ns - self.t_heard_ns > MAX_SILENCE_NS:
            reference, engagement = None, engagement + 1
        if reference is None or reference.source != source:
            reference = Reference(wrist.at(t_now_ns), held, source, np.zeros(3))
        path, turn_rad = self._led(wrist, reference, held)
        return replace(
            self,
            path=path,
            engagement=engagement,
            reference=replace(reference, turn_rad=turn_rad),
            t_heard_ns=t_now_ns,
        )

    def _led(self, wrist: PosePath, reference: Reference, held: Pose) -> tuple[PosePath, np.ndarray]:
        """The target's path, and how far the wrist has turned at its first instant."""
        space, A = self.workspace, self.workspace.base_from_camera
        poses = [held]
        turn_rad = turn_now_rad = reference.turn_rad
        for k in range(len(wrist.t_ns)):
            turn = A @ wrist.rotations[k] @ reference.wrist.rotation.T @ A.T
            turn_rad = unwrapped(vector_of(turn), turn_rad)
            if k == 0:
                turn_now_rad = turn_rad
                continue
            moved_m = space.scale * (A @ (wrist.position_m[k] - reference.wrist.position_m))
            goal = Pose(
                np.clip(reference.target.position_m + moved_m, space.lower_m, space.upper_m),
                rotation_of(space.rotation_factor * turn_rad) @ reference.target.rotation,
            )
            dt_s = 1e-9 * float(wrist.t_ns[k] - wrist.t_ns[k - 1])
            poses.append(limited(poses[-1], goal, space.max_speed_m_s * dt_s, space.max_turn_rad_s * dt_s))
        path = PosePath(
            wrist.t_ns,
            np.array([pose.position_m for pose in poses]),
            np.array([pose.rotation for pose in poses]),
        )
        return path, turn_now_rad


def instants(wrist: PosePath, t_now_ns: int) -> np.ndarray:
    """(k,) int64, k ≥ 2: now and the instants of `wrist` after it, or one stride ahead where it has none."""
    later = wrist.t_ns[wrist.t_ns > t_now_ns]
    return np.concatenate([[t_now_ns], later if len(later) else [t_now_ns + STRIDE_NS]]).astype(np.int64)


def limited(start: Pose, goal: Pose, most_m: float, most_rad: float) -> Pose:
    """The pose toward `goal` that is at most `most_m` and `most_rad` from `start`."""
    way_m, turn_rad = goal.position_m - start.position_m, vector_of(goal.rotation @ start.rotation.T)
    share_m = min(1.0, most_m / max(float(np.linalg.norm(way_m)), 1e-12))
    share_rad = min(1.0, most_rad / max(float(np.linalg.norm(turn_rad)), 1e-12))
    return Pose(start.position_m + share_m * way_m, _tidy(rotation_of(share_rad * turn_rad) @ start.rotation))


def _tidy(R: np.ndarray) -> np.ndarray:
    """The rotation (3,3) again, free of the rounding that hours of small turns add up to."""
    x = R[:, 0] / np.linalg.norm(R[:, 0])
    y = R[:, 1] - (x @ R[:, 1]) * x
    y = y / np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)
