"""A person's 24 rotations as joint values of PyBullet's humanoid: the way back of `motion_of_humanoid`.

The humanoid (`pybullet_data`, humanoid/humanoid.urdf) has ball joints at chest, neck, shoulders, hips and
ankles and hinges at elbows and knees; no collars, wrists or toes. At rest x is ahead of it, y up, z to its
right, and its arms hang. Trunk, head and feet take the person's rotations. Upper arms, forearms, thighs and
shins take the person's directions, by `app.humanoid.hinge`, collars included in them.

The frame it lives in is the camera's, seen the humanoid's way: x from the scene to the camera, y up, z to the
left of the camera's image, so that a person who faces the camera is a humanoid without rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.humanoid.hinge import Hinge
from models.body_keypoints import NUM_BODY_JOINTS
from models.body_model import BodyModel, global_from_local
from models.body_retarget import HUMANOID_LEG_M, OURS_FROM_HUMANOID
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle

SPHERICAL_JOINTS = (
    "chest", "neck", "right_hip", "right_ankle", "right_shoulder", "left_hip", "left_ankle", "left_shoulder",
)  # fmt: skip
"""The humanoid's ball joints."""

HINGE_JOINTS = ("right_knee", "right_elbow", "left_knee", "left_elbow")
"""Its hinges; knees from -π to 0, elbows from 0 to π, rad."""

_HUMANOID_FROM_CAMERA = OURS_FROM_HUMANOID.T @ np.diag([1.0, -1.0, -1.0])

_CHEST, _HEAD = 9, 15
# Upper link, hinge; SMPL's joints at the three ends of the limb; how the hinge bends.
_LIMBS = (
    ("right_hip", "right_knee", (2, 5, 8), -1.0),
    ("left_hip", "left_knee", (1, 4, 7), -1.0),
    ("right_shoulder", "right_elbow", (17, 19, 21), 1.0),
    ("left_shoulder", "left_elbow", (16, 18, 20), 1.0),
)
_FEET = (("right_ankle", "right_hip", "right_knee", 8), ("left_ankle", "left_hip", "left_knee", 7))


@dataclass(frozen=True)
class HumanoidPose:
    """Everything that moves on the humanoid.

    Attributes:
        position_m: (3,) its root, the middle between its hips.
        rotation: (3,3) of its root.
        spherical: (8,4) quaternions x, y, z, w of SPHERICAL_JOINTS, w ≥ 0.
        hinges_rad: (4,) angles of HINGE_JOINTS, within their limits.
    """

    position_m: np.ndarray
    rotation: np.ndarray
    spherical: np.ndarray
    hinges_rad: np.ndarray


class HumanoidPoser:
    """Turns a person's poses into the humanoid's, one after the other.

    Args:
        body: whose rotations they are; the default shape if None. Steps are scaled to the humanoid's legs.
    """

    def __init__(self, body: BodyModel | None = None) -> None:
        body = body or BodyModel.load()
        joints = body.joints_m
        self._steps = HUMANOID_LEG_M / float(np.linalg.norm(np.diff(joints[[1, 4, 7]], axis=0), axis=1).sum())
        self._bones = {
            upper: (joints[knee] - joints[hip], joints[ankle] - joints[knee])
            for upper, _, (hip, knee, ankle), _ in _LIMBS
        }
        self._limbs = {upper: Hinge(flexion) for upper, _, _, flexion in _LIMBS}

    def pose(self, rotations: np.ndarray, hip_m: np.ndarray, t_s: float) -> HumanoidPose:
        """The humanoid's pose at one instant.

        Args:
            rotations: (24,3,3) SMPL order, the pelvis' from the rest pose to camera axes; finite.
            hip_m: (3,) the middle of the hips, camera frame, metres.
            t_s: when; limbs remember how they lay half a second ago at most.

        Raises:
            ValueError: `rotations` has another shape.
        """
        rotations = np.asarray(rotations, dtype=np.float64)
        if rotations.shape != (NUM_BODY_JOINTS, 3, 3):
            raise ValueError(f"a humanoid takes rotations (24,3,3) in SMPL order, not {rotations.shape}")
        G = global_from_local(rotations)
        # Rotations of the person's bones, in the humanoid's axes at rest and in its frame.
        H = _HUMANOID_FROM_CAMERA @ G @ OURS_FROM_HUMANOID
        balls = {"chest": H[0].T @ H[_CHEST], "neck": H[_CHEST].T @ H[_HEAD]}
        hinges: dict[str, float] = {}
        links: dict[str, np.ndarray] = {}
        for upper, hinge, (first, second, _), _ in _LIMBS:
            arm = first in (16, 17)
            above = H[_CHEST] if arm else H[0]
            to_bone, to_end = self._bones[upper]
            along = _direction(_HUMANOID_FROM_CAMERA @ G[first] @ to_bone)
            beyond = _direction(_HUMANOID_FROM_CAMERA @ G[second] @ to_end)
            own = H[first] @ _HUNG[first] if arm else H[first]
            links[upper], hinges[hinge] = self._limbs[upper].solve(along, beyond, own[:, 2], t_s)
            balls[upper] = above.T @ links[upper]
        for ankle, upper, hinge, joint in _FEET:
            shin = links[upper] @ matrix_from_axis_angle(np.array([0.0, 0.0, hinges[hinge]]))
            balls[ankle] = shin.T @ H[joint]
        return HumanoidPose(
            position_m=_HUMANOID_FROM_CAMERA @ np.asarray(hip_m, dtype=np.float64) * self._steps,
            rotation=H[0],
            spherical=quaternions_of(np.stack([balls[name] for name in SPHERICAL_JOINTS])),
            hinges_rad=np.array([hinges[name] for name in HINGE_JOINTS]),
        )


def quaternions_of(R: np.ndarray) -> np.ndarray:
    """Quaternions (…,4) x, y, z, w with w ≥ 0, as PyBullet has them, of rotations (…,3,3)."""
    vector = axis_angle_from_matrix(R)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    # sin(angle/2)/angle, exact down to no turn at all.
    xyz = 0.5 * np.sinc(0.5 * angle / np.pi) * vector
    return np.concatenate([xyz, np.cos(0.5 * angle)], axis=-1)


def _hung(side: float) -> np.ndarray:
    """(3,3) from a hanging arm to the T pose, in the humanoid's axes; `side` is 1 for left arms."""
    hang = matrix_from_axis_angle(np.array([0.0, 0.0, -0.5 * np.pi * side]))
    return np.asarray(OURS_FROM_HUMANOID.T @ hang.T @ OURS_FROM_HUMANOID)


_HUNG = {16: _hung(1.0), 17: _hung(-1.0)}


def _direction(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))
