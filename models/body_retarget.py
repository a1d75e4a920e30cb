"""Motion capture moved to the 24-joint body: CMU's .bvh files and the clips of PyBullet's humanoid.

Rotations are carried over, not positions: where both skeletons rest, each of our bones is turned onto the one
it takes after (legs, and the humanoid's hanging arms), and from then on moves as that one does. Our body then
has its own proportions and the performer's directions. The pelvis is placed so that the middle of the hips
goes the performer's way, scaled by the length of the legs, which keeps the feet on the ground.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.body_keypoints import BODY_JOINT_PARENTS, NUM_BODY_JOINTS
from models.body_model import BodyModel, global_from_local, local_from_global
from models.bvh import Bvh
from models.errors import ModelError
from models.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    minimal_rotation,
)

CMU_UNIT_M = 0.0254 / 0.45
"""Metres of one unit of CMU's files: an inch over 0.45."""

_FIRST_CMU_FRAME = 1  # the first one is the skeleton's rest pose, put in for editors
_CMU_OF_JOINT = (
    "Hips", "LeftUpLeg", "RightUpLeg", "LowerBack", "LeftLeg", "RightLeg", "Spine", "LeftFoot", "RightFoot",
    "Spine1", "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm",
    "RightArm", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand", "LeftHand", "RightHand",
)  # fmt: skip
"""CMU's joint that each of ours turns with."""

_STRAIGHT_LIMBS = ((1, 4), (2, 5), (4, 7), (5, 8), (16, 18), (17, 19), (18, 20), (19, 21))
"""Our joints whose bones, up to the second joint of a pair, take CMU's directions at rest."""


@dataclass(frozen=True)
class BodyMotion:
    """A body that moves.

    Attributes:
        rotations: (N,24,3,3) SMPL order, the pelvis' from the rest pose to a frame with y up.
        pelvis_m: (N,3) in that frame, metres; the ground is near y = 0.
        t_s: (N,) increasing.
    """

    rotations: np.ndarray
    pelvis_m: np.ndarray
    t_s: np.ndarray

    def __len__(self) -> int:
        return len(self.t_s)


def motion_of_bvh(bvh: Bvh, body: BodyModel) -> BodyMotion:
    """One of CMU's motions (in cgspeed's .bvh conversion) on our body.

    Args:
        bvh: the motion.
        body: who shall move.

    Raises:
        ModelError: it lacks a joint of CMU's skeleton.
    """
    G, joints = bvh.forward()
    G, joints = G[_FIRST_CMU_FRAME:], joints[_FIRST_CMU_FRAME:] * CMU_UNIT_M
    at = [bvh.index(name) for name in _CMU_OF_JOINT]
    rest = _cmu_rest_m(bvh)
    align = np.tile(np.eye(3), (NUM_BODY_JOINTS, 1, 1))
    for joint, end in _STRAIGHT_LIMBS:
        align[joint] = minimal_rotation(
            body.joints_m[end] - body.joints_m[joint], rest[at[end]] - rest[at[joint]]
        )
    ours = G[:, at] @ align
    # CMU has two joints in the neck, we have one.
    ours[:, 12] = _between(G[:, bvh.index("Neck")], G[:, bvh.index("Neck1")])
    hips = joints[:, [at[1], at[2]]].mean(axis=1)
    legs_m = _leg_m(rest[at])
    t_s = bvh.frame_time_s * np.arange(len(joints))
    return _placed(ours, hips, legs_m, body, t_s)


def cmu_skeleton(bvh: Bvh) -> np.ndarray:
    """The performer's own rest joints (24,3), metres, in SMPL's T pose: what their motion fits exactly."""
    at = [bvh.index(name) for name in _CMU_OF_JOINT]
    rest = _cmu_rest_m(bvh)
    at[22:] = [bvh.index("LeftHandIndex1"), bvh.index("RightHandIndex1")]
    down = np.array([0.0, -1.0, 0.0])
    joints = np.zeros((NUM_BODY_JOINTS, 3))
    for j in range(1, NUM_BODY_JOINTS):
        p = BODY_JOINT_PARENTS[j]
        bone = rest[at[j]] - rest[at[p]]
        joints[j] = joints[p] + (np.linalg.norm(bone) * down if p in (1, 2, 4, 5) else bone)
    return joints


def motion_of_humanoid(path: str | Path, body: BodyModel) -> BodyMotion:
    """A clip of PyBullet's humanoid (`pybullet_data`, data/motions/humanoid3d_*.txt) on our body.

    Its frames are lists: how long the frame lasts, the root's position and then, as quaternions (w,x,y,z),
    the rotations of root, chest and neck, and of hip, ankle and shoulder of each side, right first, with one
    angle each for knee and elbow; x is ahead, y up and z to the right, and at rest the arms hang.

    Raises:
        ModelError: the file cannot be read or is no such clip.
    """
    path = Path(path)
    try:
        frames = np.array(json.loads(path.read_text(encoding="utf-8"))["Frames"], dtype=np.float64)
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror or error}); check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no humanoid motion ({error}); give a humanoid3d_*.txt file") from error
    if frames.ndim != 2 or frames.shape[1] != _HUMANOID_WIDTH or not np.isfinite(frames).all():
        raise ModelError(
            f"{path} has frames of shape {frames.shape}, not (N,{_HUMANOID_WIDTH}); "
            "give a humanoid3d_*.txt file"
        )

    def quaternion(column: int) -> np.ndarray:
        w_last = np.roll(frames[:, column : column + 4], -1, axis=1)
        return OURS_FROM_HUMANOID @ matrix_from_quaternion(w_last) @ OURS_FROM_HUMANOID.T

    def hinge(column: int) -> np.ndarray:
        # The hinges turn about the humanoid's z, the right, which is our −x.
        return matrix_from_axis_angle(frames[:, column, None] * np.array([-1.0, 0.0, 0.0]))

    local = np.tile(np.eye(3), (len(frames), NUM_BODY_JOINTS, 1, 1))
    local[:, 0] = quaternion(4)
    third = matrix_from_axis_angle(axis_angle_from_matrix(quaternion(8)) / 3.0)
    local[:, 3] = local[:, 6] = local[:, 9] = third
    half = matrix_from_axis_angle(axis_angle_from_matrix(quaternion(12)) / 2.0)
    local[:, 12] = local[:, 15] = half
    for hip, knee, ankle, shoulder, elbow, column in ((2, 5, 8, 17, 19, 16), (1, 4, 7, 16, 18, 30)):
        local[:, hip] = quaternion(column)
        local[:, knee] = hinge(column + 4)
        local[:, ankle] = quaternion(column + 5)
        # From T pose to hanging arms, and from there as the humanoid's; the elbow's hinge is hung likewise.
        side = 1.0 if shoulder == 16 else -1.0
        hung = matrix_from_axis_angle(np.array([0.0, 0.0, -0.5 * np.pi * side]))
        local[:, shoulder] = quaternion(column + 9) @ hung
        local[:, elbow] = hung.T @ hinge(column + 13) @ hung

    t_s = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    root_m = frames[:, 1:4] @ OURS_FROM_HUMANOID.T
    G = global_from_local(local)
    return _placed(G, root_m, HUMANOID_LEG_M, body, t_s)  # its hips are on both sides of its root


OURS_FROM_HUMANOID = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""PyBullet's humanoid: x ahead, y up, z to the right. Ours: x to the left, y up, z ahead."""

HUMANOID_SCALE = 0.25
"""Size of a person relative to pybullet_data's humanoid.urdf, which is four times as large."""

HUMANOID_LEG_M = HUMANOID_SCALE * (1.686184 + 1.639480)
"""Hip to knee to ankle."""

_HUMANOID_WIDTH = 44


def resampled(motion: BodyMotion, fps: float) -> BodyMotion:
    """The same motion at a steady rate; shortest turns and straight lines between its frames.

    Args:
        motion: at any rate.
        fps: frames a second wanted.
    """
    t_s = np.arange(motion.t_s[0], motion.t_s[-1] + 1e-6, 1.0 / fps)
    before = np.clip(np.searchsorted(motion.t_s, t_s + 1e-9, side="right") - 1, 0, max(len(motion) - 2, 0))
    after = np.minimum(before + 1, len(motion) - 1)
    span = np.where(after > before, motion.t_s[after] - motion.t_s[before], 1.0)
    part = np.clip((t_s - motion.t_s[before]) / span, 0.0, 1.0)
    R0, R1 = motion.rotations[before], motion.rotations[after]
    step = axis_angle_from_matrix(np.swapaxes(R0, -1, -2) @ R1)
    rotations = R0 @ matrix_from_axis_angle(part[:, None, None] * step)
    pelvis = motion.pelvis_m[before] + part[:, None] * (motion.pelvis_m[after] - motion.pelvis_m[before])
    return BodyMotion(rotations, pelvis, t_s - t_s[0])


def _cmu_rest_m(bvh: Bvh) -> np.ndarray:
    """CMU's joints (n,3) at zero angles, metres, root at the origin."""
    rest = np.zeros_like(bvh.offsets)
    for j, parent in enumerate(bvh.parents):
        if parent >= 0:
            rest[j] = rest[parent] + bvh.offsets[j] * CMU_UNIT_M
    return rest


def _leg_m(joints_m: np.ndarray) -> float:
    """Hip to knee to ankle, mean of both sides, of rest joints (24,3)."""
    bones = joints_m[[4, 7, 5, 8]] - joints_m[[1, 4, 2, 5]]
    return float(np.linalg.norm(bones, axis=-1).sum() / 2.0)


def _placed(G: np.ndarray, hips: np.ndarray, legs_m: float, body: BodyModel, t_s: np.ndarray) -> BodyMotion:
    """The motion of global rotations (N,24,3,3), with the hips' middle going the way `hips` (N,3) does."""
    own_hips = body.joints_m[[1, 2]].mean(axis=0)
    pelvis = hips * (_leg_m(body.joints_m) / legs_m) - G[:, 0] @ own_hips
    return BodyMotion(local_from_global(G), pelvis, t_s)


def _between(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Half way from rotations A (…,3,3) to B."""
    return A @ matrix_from_axis_angle(0.5 * axis_angle_from_matrix(np.swapaxes(A, -1, -2) @ B))
