"""The hand: MANO's 16-joint tree with fingertips, a skinned mesh and joint limits.

Rest pose: right hand, wrist at the origin, MANO's axes — fingers along −x, back of the hand +y, thumb side
+z — so that the same 16 rotations mean the same with the open hand that ships and with a MANO file. All
rotations are expressed in these world-aligned axes: the wrist's takes the rest pose to the camera frame, a
finger joint's acts inside its parent's. Left hands are right hands mirrored
(`models.rotations.mirror_points`, `mirror_rotations`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from models.errors import ModelError
from models.joint_frames import angles_of_rotation, joint_frames, joint_limits, rotation_of_angles
from models.keypoints import FINGER_CHAINS, JOINT_PARENTS, KEYPOINTS_FROM_MANO, NUM_JOINTS, TIP_JOINTS
from models.rotations import kernels

ASSET = Path(__file__).parent / "assets" / "hand.npz"
DEFAULT_SHAPE = "adult_medium"

REST_FROM_OPERATOR = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rotates the operator frame (x out of the palm, y to the thumb, z to the fingers) to the rest axes."""


@dataclass(frozen=True)
class HandModel:
    """One hand of one shape.

    Attributes:
        name: shape or file name.
        joints_m: (16,3) rest joints, MANO order, metres, wrist at the origin.
        tip_offsets_m: (5,3) fingertips thumb…pinky from their last joint at rest, metres.
        tip_vertices: (5,) the mesh vertices the tips sit on.
        vertices_m: (V,3) rest mesh, metres.
        faces: (F,3) int32 triangles, counter-clockwise from outside.
        skin_weights: (V,16), rows sum to 1.
        flexion_axes: (15,3) rough flexion axis of each finger joint, rest axes.
        pose_blend: (V,3,135) metres per entry of the 15 (R − I), or None; only MANO files have it.
        frames: (15,3,3) anatomical frames, see `models.joint_frames`.
        rest_angles_rad: (15,3) flexion, abduction, twist of the rest pose.
        joint_limits: (15,3,2) rad: joint, (flexion, abduction, twist), (lower, upper).
    """

    name: str
    joints_m: np.ndarray
    tip_offsets_m: np.ndarray
    tip_vertices: np.ndarray
    vertices_m: np.ndarray
    faces: np.ndarray
    skin_weights: np.ndarray
    flexion_axes: np.ndarray
    pose_blend: np.ndarray | None = None
    frames: np.ndarray = field(init=False)
    rest_angles_rad: np.ndarray = field(init=False)
    joint_limits: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        tips_m = self.joints_m[list(TIP_JOINTS)] + self.tip_offsets_m
        frames, rest = joint_frames(self.joints_m, tips_m, self.flexion_axes)
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "rest_angles_rad", rest)
        object.__setattr__(self, "joint_limits", joint_limits(rest))

    @staticmethod
    def load(shape: str | int = DEFAULT_SHAPE) -> HandModel:
        """The open hand that ships, in one of its shapes.

        Args:
            shape: a name of `shape_names()`, or its index.

        Raises:
            ModelError: no such shape.
        """
        names = shape_names()
        if isinstance(shape, str) and shape in names:
            index = names.index(shape)
        elif isinstance(shape, int) and 0 <= shape < len(names):
            index = shape
        else:
            raise ModelError(
                f"There is no hand shape {shape!r}; give one of {', '.join(names)} "
                f"or an index from 0 to {len(names) - 1}."
            )
        asset = _asset()
        vertices_m = asset["vertices_m"][index].astype(np.float64)
        joints_m = asset["joints_m"][index].astype(np.float64)
        tip_vertices = asset["tip_vertices"]
        weights = asset["skin_weights"].astype(np.float64)
        return HandModel(
            name=names[index],
            joints_m=joints_m,
            tip_offsets_m=vertices_m[tip_vertices] - joints_m[list(TIP_JOINTS)],
            tip_vertices=tip_vertices,
            vertices_m=vertices_m,
            faces=asset["faces"],
            skin_weights=weights / weights.sum(axis=1, keepdims=True),
            flexion_axes=asset["flexion_axes"].astype(np.float64),
        )

    @staticmethod
    def from_mano(path: str | Path, betas: np.ndarray | None = None) -> HandModel:
        """A hand from a user's own MANO_RIGHT.pkl or MANO_LEFT.pkl (a left one is mirrored to right).

        Args:
            path: the file.
            betas: (n,) shape coefficients, n ≤ 10; None is the mean shape.

        Raises:
            ModelError: the file is missing, is no MANO model, or holds objects other than arrays.
        """
        from models.mano_file import read_mano

        mano = read_mano(path, betas)
        return HandModel(
            name=Path(path).stem,
            joints_m=mano.joints_m,
            tip_offsets_m=mano.vertices_m[mano.tip_vertices] - mano.joints_m[list(TIP_JOINTS)],
            tip_vertices=mano.tip_vertices,
            vertices_m=mano.vertices_m,
            faces=mano.faces,
            skin_weights=mano.skin_weights,
            flexion_axes=_asset()["flexion_axes"].astype(np.float64),
            pose_blend=mano.pose_blend,
        )

    def scaled(self, factor: float) -> HandModel:
        """The same hand, `factor` times as large."""
        return replace(
            self,
            name=f"{self.name}×{factor:g}",
            joints_m=self.joints_m * factor,
            tip_offsets_m=self.tip_offsets_m * factor,
            vertices_m=self.vertices_m * factor,
            pose_blend=None if self.pose_blend is None else self.pose_blend * factor,
        )

    def forward(self, rotations: np.ndarray, wrist_m: np.ndarray | None = None) -> np.ndarray:
        """Forward kinematics.

        Args:
            rotations: (…,16,3,3) MANO order; the first takes the rest pose to the frame wanted.
            wrist_m: (…,3) wrist in that frame, metres; None puts it at the origin.

        Returns:
            (…,16,3) joints, metres.
        """
        return self._global(rotations, wrist_m)[1]

    def keypoints(self, rotations: np.ndarray, wrist_m: np.ndarray | None = None) -> np.ndarray:
        """The 21 keypoints (…,21,3), MediaPipe order, metres; arguments as for `forward`.

        Tips are rigid points of the last bones: a MANO file's pose blending does not move them.
        """
        G, joints = self._global(rotations, wrist_m)
        last = list(TIP_JOINTS)
        tips = joints[..., last, :] + (G[..., last, :, :] @ self.tip_offsets_m[:, :, None])[..., 0]
        return np.concatenate([joints, tips], axis=-2)[..., KEYPOINTS_FROM_MANO, :]

    @functools.cached_property
    def finger_bones_m(self) -> np.ndarray:
        """(5,3,3) the three bones of each digit at rest, thumb first, from its first joint to its tip."""
        inner = np.diff(self.joints_m[FINGER_CHAINS], axis=1)
        return np.concatenate([inner, self.tip_offsets_m[:, None]], axis=1)

    @functools.cached_property
    def _bones_m(self) -> np.ndarray:
        """(16,3) each joint from its parent at rest; the wrist's is not used."""
        return np.asarray(self.joints_m - self.joints_m[list(JOINT_PARENTS)])

    def vertices(self, rotations: np.ndarray, wrist_m: np.ndarray | None = None) -> np.ndarray:
        """The mesh (…,V,3) by linear blend skinning, metres; arguments as for `forward`."""
        G, joints = self._global(rotations, wrist_m)
        rest = self.vertices_m
        if self.pose_blend is not None:
            bend = (np.asarray(rotations)[..., 1:, :, :] - np.eye(3)).reshape(*joints.shape[:-2], 135)
            rest = rest + np.einsum("vcp,...p->...vc", self.pose_blend, bend)
        offsets = joints - (G @ self.joints_m[:, :, None])[..., 0]  # (…,16,3) translation of x ↦ G x + offset
        blended = np.tensordot(G, self.skin_weights, axes=([-3], [1]))  # (…,3,3,V)
        shifted = np.swapaxes(offsets, -1, -2) @ self.skin_weights.T  # (…,3,V)
        return np.einsum("...ijv,...vj->...vi", blended, rest) + np.swapaxes(shifted, -1, -2)

    def rotations_of_angles(self, angles_rad: np.ndarray, wrist: np.ndarray | None = None) -> np.ndarray:
        """The 16 rotations of anatomical angles; all zero is a flat hand.

        Args:
            angles_rad: (…,15,3) flexion, abduction, twist of MANO joints 1–15.
            wrist: (…,3,3) global rotation; None is the identity.

        Returns:
            (…,16,3,3).
        """
        angles_rad = np.asarray(angles_rad, dtype=np.float64)
        rest = rotation_of_angles(self.rest_angles_rad)
        F = self.frames
        fingers = F @ rotation_of_angles(angles_rad) @ np.swapaxes(F @ rest, -1, -2)
        first = np.eye(3) if wrist is None else np.asarray(wrist, dtype=np.float64)
        first = np.broadcast_to(first, (*angles_rad.shape[:-2], 3, 3))
        return np.concatenate([first[..., None, :, :], fingers], axis=-3)

    def angles_of_rotations(self, rotations: np.ndarray) -> np.ndarray:
        """The anatomical angles (…,15,3), rad, of rotations (…,16,3,3); inverse of `rotations_of_angles`."""
        rest = rotation_of_angles(self.rest_angles_rad)
        F = self.frames
        E = np.swapaxes(F, -1, -2) @ np.asarray(rotations)[..., 1:, :, :] @ F @ rest
        return angles_of_rotation(E)

    def _global(self, rotations: np.ndarray, wrist_m: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Global rotations (…,16,3,3) and joints (…,16,3)."""
        R = np.asarray(rotations, dtype=np.float64)
        if R.shape[-3:] != (NUM_JOINTS, 3, 3):
            raise ValueError(f"A hand takes rotations (…,16,3,3) in MANO order, not an array {R.shape}.")
        lead = R.shape[:-3]
        # A copy, as kernels take nothing that is read-only.
        R = np.array(R.reshape(-1, NUM_JOINTS, 3, 3), order="C")
        G = np.empty_like(R)
        joints = np.empty(R.shape[:-1])
        joints.reshape(*lead, NUM_JOINTS, 3)[..., 0, :] = 0.0 if wrist_m is None else wrist_m
        kernels().chain(R, self._bones_m, G, joints)
        return G.reshape(*lead, NUM_JOINTS, 3, 3), joints.reshape(*lead, NUM_JOINTS, 3)


def shape_names() -> list[str]:
    """The shapes of the open hand, small to large."""
    return [str(name) for name in _asset()["shape_names"]]


@functools.cache
def _asset() -> dict[str, np.ndarray]:
    if not ASSET.is_file():
        raise ModelError(
            f"The hand model {ASSET} is missing; install PoseHand again or run python -m models.bake_hand."
        )
    with np.load(ASSET, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
