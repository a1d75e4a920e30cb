"""The body: SMPL's 24-joint tree, H36M's 17 keypoints on it, and a skinned mesh to draw.

Rest pose: SMPL's T pose, pelvis at the origin, x to the body's left, y up, z ahead, arms along ±x with palms
down, so that the same 24 rotations mean the same with the open body that ships and with a SMPL file. All
rotations are expressed in these axes: the pelvis' takes the rest pose to the camera frame, every other
joint's acts inside its parent's.

H36M's keypoints ride rigidly on the joints (`KEYPOINT_JOINTS`): the hip on the pelvis, midway between the
hips; the spine is the joint spine2; the neck on spine3, a little above the middle of the shoulders of the
rest pose; head (midway between the ears) and head top (the crown) on the head; all others are joints
themselves.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.body_keypoints import (
    BODY_JOINT_PARENTS,
    MIRRORED_JOINTS,
    NECK_ABOVE_SHOULDERS,
    NUM_BODY_JOINTS,
    NUM_BODY_KEYPOINTS,
)
from models.errors import ModelError
from models.rotations import mirror_points, mirror_rotations

BODY_ASSET = Path(__file__).parent / "assets" / "body.npz"
DEFAULT_BODY = "adult"

KEYPOINT_JOINTS = np.array([0, 1, 4, 7, 2, 5, 8, 6, 9, 15, 15, 16, 18, 20, 17, 19, 21])
"""The joint each of H36M's keypoints moves with."""


@dataclass(frozen=True)
class BodyModel:
    """One body of one shape.

    Attributes:
        name: shape or file name.
        joints_m: (24,3) rest joints, SMPL order, metres, pelvis at the origin.
        keypoint_offsets_m: (17,3) each keypoint from its joint at rest, metres.
        vertices_m: (V,3) rest mesh, metres.
        faces: (F,3) int32 triangles, counter-clockwise from outside.
        skin_weights: (V,24), rows sum to 1.
    """

    name: str
    joints_m: np.ndarray
    keypoint_offsets_m: np.ndarray
    vertices_m: np.ndarray
    faces: np.ndarray
    skin_weights: np.ndarray

    @staticmethod
    def load(shape: str | int = DEFAULT_BODY) -> BodyModel:
        """The open body that ships, in one of its shapes.

        Args:
            shape: a name of `body_shape_names()`, or its index.

        Raises:
            ModelError: no such shape.
        """
        names = body_shape_names()
        if isinstance(shape, str) and shape in names:
            index = names.index(shape)
        elif isinstance(shape, int) and 0 <= shape < len(names):
            index = shape
        else:
            raise ModelError(
                f"There is no body shape {shape!r}; give one of {', '.join(names)} "
                f"or an index from 0 to {len(names) - 1}."
            )
        asset = _asset()
        weights = asset["skin_weights"].astype(np.float64)
        return BodyModel(
            name=names[index],
            joints_m=asset["joints_m"][index].astype(np.float64),
            keypoint_offsets_m=asset["keypoint_offsets_m"][index].astype(np.float64),
            vertices_m=asset["vertices_m"][index].astype(np.float64),
            faces=asset["faces"],
            skin_weights=weights / weights.sum(axis=1, keepdims=True),
        )

    @staticmethod
    def from_smpl(path: str | Path, betas: np.ndarray | None = None) -> BodyModel:
        """A body from a user's own SMPL file (.pkl or .npz).

        Args:
            path: the file.
            betas: (n,) shape coefficients, n ≤ 10; None is the mean shape.

        Raises:
            ModelError: the file is missing, is no SMPL model, or holds objects other than arrays.
        """
        from models.smpl_file import read_smpl

        smpl = read_smpl(path, betas)
        return BodyModel(
            name=Path(path).stem,
            joints_m=smpl.joints_m,
            keypoint_offsets_m=keypoint_offsets_of_mesh(smpl.joints_m, smpl.vertices_m, smpl.skin_weights),
            vertices_m=smpl.vertices_m,
            faces=smpl.faces,
            skin_weights=smpl.skin_weights,
        )

    def scaled(self, factor: float) -> BodyModel:
        """The same body, `factor` times as large."""
        return replace(
            self,
            name=f"{self.name}×{factor:g}",
            joints_m=self.joints_m * factor,
            keypoint_offsets_m=self.keypoint_offsets_m * factor,
            vertices_m=self.vertices_m * factor,
        )

    @property
    def height_m(self) -> float:
        """How tall it stands, metres."""
        return float(np.ptp(self.vertices_m[:, 1]))

    def forward(self, rotations: np.ndarray, pelvis_m: np.ndarray | None = None) -> np.ndarray:
        """Forward kinematics.

        Args:
            rotations: (…,24,3,3) SMPL order; the first takes the rest pose to the frame wanted.
            pelvis_m: (…,3) pelvis in that frame, metres; None puts it at the origin.

        Returns:
            (…,24,3) joints, metres.
        """
        return self._global(rotations, pelvis_m)[1]

    def keypoints(self, rotations: np.ndarray, pelvis_m: np.ndarray | None = None) -> np.ndarray:
        """H36M's 17 keypoints (…,17,3), metres; arguments as for `forward`."""
        G, joints = self._global(rotations, pelvis_m)
        turned = G[..., KEYPOINT_JOINTS, :, :] @ self.keypoint_offsets_m[:, :, None]
        return joints[..., KEYPOINT_JOINTS, :] + turned[..., 0]

    def vertices(self, rotations: np.ndarray, pelvis_m: np.ndarray | None = None) -> np.ndarray:
        """The mesh (…,V,3) by linear blend skinning, metres; arguments as for `forward`."""
        G, joints = self._global(rotations, pelvis_m)
        offsets = joints - (G @ self.joints_m[:, :, None])[..., 0]  # (…,24,3) translation of x ↦ G x + offset
        blended = np.tensordot(G, self.skin_weights, axes=([-3], [1]))  # (…,3,3,V)
        shifted = np.swapaxes(offsets, -1, -2) @ self.skin_weights.T  # (…,3,V)
        return np.einsum("...ijv,vj->...vi", blended, self.vertices_m) + np.swapaxes(shifted, -1, -2)

    def _global(self, rotations: np.ndarray, pelvis_m: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        R = np.asarray(rotations, dtype=np.float64)
        if R.shape[-3:] != (NUM_BODY_JOINTS, 3, 3):
            raise ValueError(f"A body takes rotations (…,24,3,3) in SMPL order, not an array {R.shape}.")
        offsets = self.joints_m - self.joints_m[[max(p, 0) for p in BODY_JOINT_PARENTS]]
        G = np.empty_like(R)
        joints = np.empty(R.shape[:-1])
        G[..., 0, :, :] = R[..., 0, :, :]
        joints[..., 0, :] = 0.0 if pelvis_m is None else pelvis_m
        for j in range(1, NUM_BODY_JOINTS):
            p = BODY_JOINT_PARENTS[j]
            G[..., j, :, :] = G[..., p, :, :] @ R[..., j, :, :]
            joints[..., j, :] = joints[..., p, :] + G[..., p, :, :] @ offsets[j]
        return G, joints


def body_shape_names() -> tuple[str, ...]:
    """The shapes that ship."""
    return tuple(str(name) for name in _asset()["shape_names"])


def global_from_local(local: np.ndarray) -> np.ndarray:
    """(…,24,3,3) from the rest pose to camera axes, of rotations inside the parents'."""
    G = local.copy()
    for j in range(1, NUM_BODY_JOINTS):
        G[..., j, :, :] = G[..., BODY_JOINT_PARENTS[j], :, :] @ local[..., j, :, :]
    return G


def local_from_global(G: np.ndarray) -> np.ndarray:
    """Rotations (…,24,3,3) relative to the parents', of those relative to the frame; SMPL order."""
    local = np.array(G, dtype=np.float64)
    children, parents = list(range(1, NUM_BODY_JOINTS)), list(BODY_JOINT_PARENTS[1:])
    local[..., children, :, :] = np.swapaxes(G[..., parents, :, :], -1, -2) @ G[..., children, :, :]
    return local


def mirror_body_rotations(R: np.ndarray) -> np.ndarray:
    """The rotations (…,24,3,3) of the mirror image: left and right swapped, seen in a mirror across x."""
    return mirror_rotations(np.asarray(R)[..., MIRRORED_JOINTS, :, :])


def mirror_body_points(points: np.ndarray, swap: np.ndarray) -> np.ndarray:
    """Joints or keypoints (…,n,3) of the mirror image; `swap` is MIRRORED_JOINTS or MIRRORED_KEYPOINTS."""
    return mirror_points(np.asarray(points)[..., swap, :])


def keypoint_offsets_of_mesh(joints_m: np.ndarray, vertices_m: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Where H36M's keypoints (17,3) are from the joints they move with, metres.

    Args:
        joints_m: (24,3), vertices_m: (V,3) of a body in T pose.
        weights: (V,24) of its skin.

    Raises:
        ModelError: no vertex moves with the head.
    """
    head = 15
    of_head = vertices_m[weights[:, head] > 0.9]
    if not len(of_head):
        raise ModelError(
            "The body's mesh has no head: no vertex moves with joint 15; give another SMPL file."
        )
    # The ears are the widest of a head.
    ears = 0.5 * (of_head[np.argmax(of_head[:, 0])] + of_head[np.argmin(of_head[:, 0])])
    hips, shoulders = joints_m[[1, 2]].mean(axis=0), joints_m[[16, 17]].mean(axis=0)
    offsets = np.zeros((NUM_BODY_KEYPOINTS, 3))
    offsets[0] = hips - joints_m[0]
    offsets[8] = shoulders + NECK_ABOVE_SHOULDERS * (shoulders - hips) - joints_m[9]
    offsets[9] = ears - joints_m[head]
    offsets[10] = of_head[np.argmax(of_head[:, 1])] - joints_m[head]
    return offsets


@functools.cache
def _asset() -> dict[str, np.ndarray]:
    if not BODY_ASSET.is_file():
        raise ModelError(
            f"The body model {BODY_ASSET} is missing; install PoseHand again "
            "or run python -m models.bake_body."
        )
    with np.load(BODY_ASSET, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
