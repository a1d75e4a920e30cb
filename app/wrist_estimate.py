"""Where a wrist is and how it is turned, from the hand's trajectory, the body's, or both.

Both see the same wrist from the same camera, and each is good at what the other is not. The hand gives its
direction from the camera to a few millimetres, but its distance only by its size in the image: a hand is
small, and turns. The body is five times as large, so its distance is steadier, but its wrist sits at the end
of a chain of three estimated limbs. So the two positions are put together as two measurements with errors
along and across the ray from the camera, each weighted by the other's variance. That is the best linear
estimate if the errors are independent; they differ by a near-constant as well, as neither knows how large
this person is, which only matters when one of them comes or goes (`retarget.clutch` takes a new reference
then).

The orientation is the hand's whenever there is one. The body's keypoints end at the wrist: its rotation there
tells where the forearm points, and of the twist and the bend of the wrist only what bodies usually do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body_keypoints import BODY_JOINT_NAMES, BODY_JOINT_PARENTS, BODY_KEYPOINT_NAMES
from models.body_trajectory import BodyTrajectory
from models.hand_model import REST_FROM_OPERATOR
from models.observation import Hand
from models.trajectory import HandTrajectory, SourceState
from retarget.clutch import instants
from retarget.pose_path import PosePath
from robot.wrist_messages import WristSource


@dataclass(frozen=True)
class WristErrors:
    """Standard deviations of a wrist's position, as shares of its distance from the camera.

    The hand's are measured on a rendered clip against its truth, constant errors taken off. The body's are
    estimates: a keypoint 2 cm off in the image plane and 3 cm in depth, two metres away.

    Attributes:
        hand_across, hand_along: of the hand's, across the ray from the camera and along it.
        body_across, body_along: of the body's.
    """

    hand_across: float = 0.004
    hand_along: float = 0.022
    body_across: float = 0.010
    body_along: float = 0.016

    @property
    def shares(self) -> tuple[float, float]:
        """The body's weight across and along the ray, 0–1; the hand has the rest."""
        return (
            self.hand_across**2 / (self.hand_across**2 + self.body_across**2),
            self.hand_along**2 / (self.hand_along**2 + self.body_along**2),
        )


@dataclass(frozen=True)
class WristEstimate:
    """One wrist now and at the next instants.

    Attributes:
        source_state: "tracking", "predicting" or "lost", of what it is made from.
        source: what it is made from; None while lost.
        t_capture_ns: capture of the newest frame behind it, 0 where there was none.
        path: its poses in the camera frame; the columns of the rotations are the hand's own axes, x out of
            the palm, z toward the fingers, y to the thumb of a right hand and away from that of a left one.
            None while lost.
    """

    source_state: SourceState
    source: WristSource | None
    t_capture_ns: int
    path: PosePath | None


def rest_from_hand_axes(hand: Hand) -> np.ndarray:
    """(3,3) the hand's own axes (`WristEstimate.path`) in the rest pose of MANO and of SMPL: they agree."""
    side = 1.0 if hand == "right" else -1.0
    return np.diag([side, 1.0, 1.0]) @ REST_FROM_OPERATOR @ np.diag([1.0, side, 1.0])


def wrist_of_hand(trajectory: HandTrajectory) -> PosePath | None:
    """The wrist's path as the hand's translation branch and first rotation tell it; None if they do not."""
    if trajectory.source_state == "lost":
        return None
    rotations = trajectory.rotations[:, 0] @ rest_from_hand_axes(trajectory.hand)
    return _sound(PosePath(trajectory.t_ns, trajectory.wrist_m, rotations))


def wrist_of_body(trajectory: BodyTrajectory, hand: Hand) -> PosePath | None:
    """The path of a body's wrist; None where it is lost."""
    if trajectory.source_state == "lost":
        return None
    keypoint = BODY_KEYPOINT_NAMES.index(f"{hand}_wrist")
    joint = BODY_JOINT_NAMES.index(f"{hand}_wrist")
    rotations = rest_from_hand_axes(hand)
    while joint >= 0:  # each joint's rotation acts inside its parent's
        rotations = trajectory.rotations[:, joint] @ rotations
        joint = BODY_JOINT_PARENTS[joint]
    position_m = trajectory.hip_m + trajectory.keypoints_m[:, keypoint]
    return _sound(PosePath(trajectory.t_ns, position_m, rotations))


def fuse(hand: PosePath, body: PosePath, errors: WristErrors) -> PosePath:
    """Both measurements of one wrist as one path, at the instants of `hand`; its rotations are the hand's."""
    across, along = errors.shares
    difference_m = body.sampled(hand.t_ns).position_m - hand.position_m
    distance_m = np.linalg.norm(hand.position_m, axis=1, keepdims=True)
    ray = hand.position_m / np.maximum(distance_m, 1e-6)
    deeper_m = np.sum(difference_m * ray, axis=1, keepdims=True) * ray
    position_m = hand.position_m + along * deeper_m + across * (difference_m - deeper_m)
    return PosePath(hand.t_ns, position_m, hand.rotations)


def estimate_wrist(
    hand: Hand,
    trajectory: HandTrajectory | None,
    body: BodyTrajectory | None,
    t_now_ns: int,
) -> WristEstimate:
    """The wrist from `t_now_ns` on.

    Args:
        hand: whose wrist, the operator's right or left.
        trajectory: of that hand, if one is looked for.
        body: of the operator's body, if one is looked for.
        t_now_ns: when the estimate is handed on, on the clock of the trajectories.
    """
    of_hand = None if trajectory is None else wrist_of_hand(trajectory)
    of_body = None if body is None else wrist_of_body(body, hand)
    known = [t for t, path in ((trajectory, of_hand), (body, of_body)) if t is not None and path is not None]
    if of_hand is not None and of_body is not None:
        source: WristSource = "both"
        path = fuse(of_hand.sampled(instants(of_hand, t_now_ns)), of_body, WristErrors())
    elif of_hand is not None:
        source, path = "hand", of_hand.sampled(instants(of_hand, t_now_ns))
    elif of_body is not None:
        source, path = "body", of_body.sampled(instants(of_body, t_now_ns))
    else:
        seen = [t.t_capture_ns for t in (trajectory, body) if t is not None]
        return WristEstimate("lost", None, max(seen, default=0), None)
    state: SourceState = "tracking" if any(t.source_state == "tracking" for t in known) else "predicting"
    return WristEstimate(state, source, max(t.t_capture_ns for t in known), path)


def _sound(path: PosePath) -> PosePath | None:
    return path if path.sound else None
