"""What is drawn of the arm: the hand's mesh continued by a forearm and a sleeve, and its texture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERS, TIP_JOINTS
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle, unit

# Distance behind the wrist (m), and how much wider than the wrist the arm is there, across and through.
_SKIN_RINGS = (
    (0.008, 1.00, 1.00),
    (0.020, 0.99, 1.02),
    (0.035, 1.00, 1.08),
    (0.055, 1.05, 1.20),
    (0.080, 1.13, 1.38),
    (0.110, 1.24, 1.55),
)
_CUFF_RINGS = (
    (0.074, 1.16, 1.46),
    (0.072, 1.32, 1.74),
    (0.078, 1.36, 1.80),
    (0.100, 1.40, 1.90),
    (0.140, 1.50, 2.05),
    (0.200, 1.66, 2.30),
    (0.300, 1.85, 2.60),
)
_BEND_LENGTH_M = 0.05  # the arm takes over from the hand's orientation within this distance of the wrist
_PALM_SHARE = 0.4  # of the texture's length is wrist to knuckles, a third of the rest each phalanx


@dataclass(frozen=True)
class Mesh:
    """Triangles with texture coordinates.

    Attributes:
        faces: (F,3) int32, counter-clockwise from outside.
        uv: (V,2) texture coordinates, 0–1.
    """

    faces: np.ndarray
    uv: np.ndarray


class ArmSurface:
    """The drawn meshes of one hand model: skin (hand and wrist) and sleeve.

    Args:
        model: the hand; its mesh must be open at the wrist by one loop, as the open hand's is.
    """

    def __init__(self, model: HandModel) -> None:
        self._model = model
        self._loop = boundary_loop(model.faces)
        n = len(self._loop)
        uv_hand = texture_coordinates(model)
        uv_tube = [self._ring_uv(uv_hand, s) for s, *_ in _SKIN_RINGS]
        wrist_rings = _ring_indices(len(model.vertices_m), len(_SKIN_RINGS), n)
        self.skin = Mesh(
            np.concatenate([model.faces, _tube_faces([self._loop, *wrist_rings])]).astype(np.int32),
            np.concatenate([uv_hand, *uv_tube]),
        )
        cuff_rings = _ring_indices(0, len(_CUFF_RINGS), n)
        self.sleeve = Mesh(_tube_faces(cuff_rings).astype(np.int32), np.full((len(_CUFF_RINGS) * n, 2), 0.5))

    def vertices(
        self, rotations: np.ndarray, wrist_m: np.ndarray, forearm: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Skin and sleeve in the camera frame.

        Args:
            rotations: (16,3,3) of the hand.
            wrist_m: (3,) camera frame, metres.
            forearm: (3,3) rotation of the forearm: the hand's own when the wrist is straight.

        Returns:
            skin (V,3) and sleeve (W,3), metres.
        """
        hand = self._model.vertices(rotations, wrist_m)
        skin = np.concatenate([hand, self._rings(_SKIN_RINGS, rotations[0], wrist_m, forearm)])
        return skin, self._rings(_CUFF_RINGS, rotations[0], wrist_m, forearm)

    def _rings(
        self,
        table: tuple[tuple[float, float, float], ...],
        hand: np.ndarray,
        wrist_m: np.ndarray,
        forearm: np.ndarray,
    ) -> np.ndarray:
        """Cross-sections of the arm, one after the other, camera frame."""
        loop = self._model.vertices_m[self._loop]
        centre = loop.mean(axis=0)
        section = loop - centre
        section[:, 0] = 0.0  # a flat cross-section from the first ring on
        half_height, half_width = 0.5 * np.ptp(section[:, 1]), 0.5 * np.ptp(section[:, 2])
        around = np.arctan2(section[:, 2] / half_width, section[:, 1] / half_height)
        ellipse = np.zeros_like(section)
        ellipse[:, 1], ellipse[:, 2] = half_height * np.cos(around), half_width * np.sin(around)
        turn = axis_angle_from_matrix(hand.T @ forearm)
        points = []
        for s, across, through in table:
            share = min(s / _BEND_LENGTH_M, 1.0)
            R = hand @ matrix_from_axis_angle(turn * share)
            roundness = min(s / 0.03, 1.0)
            shape = (1.0 - roundness) * section + roundness * ellipse
            # The arm bends along the way: half of the bend's chord follows the hand, the rest the forearm.
            along = s * ((1.0 - 0.5 * share) * hand[:, 0] + 0.5 * share * forearm[:, 0])
            points.append(wrist_m + hand @ centre + along + (shape * [1.0, through, across]) @ R.T)
        return np.concatenate(points)

    def _ring_uv(self, uv_hand: np.ndarray, distance_m: float) -> np.ndarray:
        uv = uv_hand[self._loop].copy()
        uv[:, 0] = np.clip(uv[:, 0] - distance_m, 0.0, 1.0)
        return uv


def boundary_loop(faces: np.ndarray) -> np.ndarray:
    """The vertices (n,) around a mesh's only hole, in the order in which its triangles pass them."""
    edges = {(int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3)}
    following = {a: b for a, b in edges if (b, a) not in edges}
    start = min(following)
    loop = [start]
    while following[loop[-1]] != start:
        loop.append(following[loop[-1]])
    return np.array(loop)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (V,3) of a mesh."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    of_face = np.cross(b - a, c - a)
    normals = np.empty_like(vertices)
    corners = faces.ravel()
    for axis in range(3):
        shares = np.repeat(of_face[:, axis], 3)
        normals[:, axis] = np.bincount(corners, weights=shares, minlength=len(vertices))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def texture_coordinates(model: HandModel) -> np.ndarray:
    """(V,2): along the finger from wrist 0 to tip 1, and around it from palm 0 to back 1."""
    start, length = np.zeros(16), np.full(16, 1.0)
    ends = np.empty((16, 3))
    ends[0] = model.joints_m[FINGER_JOINTS["middle"][0]]
    step = (1.0 - _PALM_SHARE) / 3.0
    length[0] = _PALM_SHARE
    for finger in FINGERS:
        chain = FINGER_JOINTS[finger]
        for place, joint in enumerate(chain):
            start[joint], length[joint] = _PALM_SHARE + place * step, step
            if place < 2:
                ends[joint] = model.joints_m[chain[place + 1]]
    tips = list(TIP_JOINTS)
    ends[tips] = model.joints_m[tips] + model.tip_offsets_m
    bones = ends - model.joints_m
    relative = model.vertices_m[:, None] - model.joints_m
    share = np.clip(np.sum(relative * bones, axis=-1) / np.sum(bones * bones, axis=-1), -0.3, 1.0)
    along = np.sum(model.skin_weights * (start + length * share), axis=1)
    # The palm's side of a finger is −z of its frame; of the hand, −y of the rest pose.
    backs = np.concatenate([[[0.0, 1.0, 0.0]], -model.frames[:, :, 2]])
    bones_unit = unit(bones[1:])
    backs[1:] = unit(backs[1:] - np.sum(backs[1:] * bones_unit, axis=1, keepdims=True) * bones_unit)
    normals = vertex_normals(model.vertices_m, model.faces)
    around = 0.5 + 0.5 * np.sum(normals * (model.skin_weights @ backs), axis=1)
    return np.clip(np.column_stack([0.1 + 0.9 * along, around]), 0.0, 1.0)


def _ring_indices(first: int, rings: int, per_ring: int) -> list[np.ndarray]:
    """Vertex indices of rings stored one after the other."""
    return list(first + np.arange(rings * per_ring).reshape(rings, per_ring))


def _tube_faces(rings: list[np.ndarray]) -> np.ndarray:
    """Triangles between rings of equal size, facing as the mesh whose boundary the first one is."""
    faces = []
    for ring, following in itertools.pairwise(rings):
        a, b, c, d = ring, np.roll(ring, -1), following, np.roll(following, -1)
        faces += [np.column_stack([b, a, c]), np.column_stack([b, c, d])]
    return np.concatenate(faces)
