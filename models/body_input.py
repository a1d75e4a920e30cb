"""What PoseBERT is given of bodies: features of each slot and the pose each slot's refinement starts from.

The functions take numpy arrays or torch tensors, so training and the runtime share them; `BodyEncoder` is the
runtime's, in numpy. As `models.posebert_input` for hands.
"""

from __future__ import annotations

import numpy as np

from models.body_canonical import (
    body_bone_lengths,
    canonical_body_frame,
    describe_body,
    locate_hip,
    location_of_hip,
    with_body_bone_lengths,
)
from models.body_inverse_kinematics import fit_body_rotations
from models.body_keypoints import NUM_BODY_JOINTS
from models.body_model import BodyModel
from models.body_window import BodyWindow
from models.canonical import Array, encode_6d, namespace, rays_of_pixels, to_canonical
from models.posebert_input import Layout, SlotEncoder, start_pose

BODY_IN_DIM: dict[Layout, int] = {"paper": 6 + 48, "full": 6 + 48 + 48 + 34 + 3 + 16 + 17 + 1}
BODY_POSE_DIM = NUM_BODY_JOINTS * 6 + 3  # rotations in 6D, then the hip's location

_HALF_METRES = 2.0  # per metre; brings coordinates of a body to about one
_TINY = 1e-6


def describe_bodies(
    keypoints_m: Array, rays: Array, visibility: Array, lengths_m: Array, layout: Layout
) -> tuple[Array, Array, Array]:
    """Features, hip location and best guess of detected bodies.

    "paper": 6D of the rotation removed (6) and canonical keypoints of mean bone length without the hip (48,
    metres). "full": the same in half metres; where the picture puts the keypoints, see `seen_from_camera`,
    turned alike, less the first (48); the 2D relative to the hip and scaled to one (34), where in the image
    and how large it is (3); how much longer than the mean body's each bone was, as a logarithm (16: a
    foreshortened bone tells that its depth is wrong); visibility (17); time offset (1; 0 until `set_offset`).

    Args:
        keypoints_m: (…,17,3) hip-relative, camera axes.
        rays: (…,17,2) see `models.canonical.rays_of_pixels`.
        visibility: (…,17) of each keypoint, 0–1.
        lengths_m: (16,) bone lengths of the mean body.
        layout: which of the two.

    Returns:
        (…,BODY_IN_DIM[layout]) features; (…,3) location as `models.body_canonical.location_of_hip`; and
        (…,17,3) keypoints to begin with, metres, hip-relative, camera axes.
    """
    xp = namespace(keypoints_m)
    lead = keypoints_m.shape[:-2]
    normal = with_body_bone_lengths(keypoints_m, lengths_m)
    normal = normal - normal[..., :1, :]
    hip_m = locate_hip(normal, rays, visibility)
    location = location_of_hip(hip_m)
    if layout == "paper":
        return describe_body(keypoints_m, lengths_m), location, normal
    second = seen_from_camera(normal, rays, visibility, hip_m)
    M = canonical_body_frame(normal)
    canonical = to_canonical(normal, M)[..., 1:, :].reshape(*lead, 48)
    away = to_canonical(second, M)[..., 1:, :].reshape(*lead, 48) - canonical
    hip = rays[..., 0, :]
    flat = rays - hip[..., None, :]
    size = xp.sqrt(xp.clip((flat * flat).sum(-1).mean(-1), _TINY, None))[..., None]
    stretch = xp.log(xp.clip(body_bone_lengths(keypoints_m), _TINY, None) / lengths_m)
    parts = [
        encode_6d(M),
        canonical * _HALF_METRES,
        xp.clip(away * _HALF_METRES, -2.0, 2.0),
        (flat / size[..., None]).reshape(*lead, 34),
        hip,
        xp.log(size) + 2.0,  # about zero for a body that fills the height of the image
        xp.clip(stretch, -1.0, 1.0),
        visibility,
        xp.zeros_like(hip[..., :1]),
    ]
    return xp.concatenate(parts, -1), location, second


def seen_from_camera(keypoints_m: Array, rays: Array, visibility: Array, hip_m: Array) -> Array:
    """The keypoints moved across the line of sight onto the rays they are seen in, as far as they are seen.

    Detectors of bodies place keypoints in the picture better than in space; depth is left as it is.

    Args:
        keypoints_m: (…,17,3) hip-relative, camera axes.
        rays: (…,17,2).
        visibility: (…,17) 1 moves a keypoint all the way, 0 leaves it.
        hip_m: (…,3) camera frame.

    Returns:
        (…,17,3) hip-relative, camera axes.
    """
    xp = namespace(keypoints_m)
    depth_m = xp.clip(keypoints_m[..., 2:] + hip_m[..., None, 2:], 0.1, None)
    across_m = rays * depth_m - hip_m[..., None, :2]
    moved = xp.concatenate([across_m, keypoints_m[..., 2:]], -1)
    share = xp.clip(visibility, 0.0, 1.0)[..., None]
    moved = keypoints_m + share * (moved - keypoints_m)
    return moved - moved[..., :1, :]


class BodyEncoder(SlotEncoder[BodyWindow]):
    """Of bodies."""

    def __init__(self, body: BodyModel, layout: Layout, future: int) -> None:
        """
        Args:
            body: the mean body the network was trained with.
            layout: of the features.
            future: how many instants follow the window.
        """
        super().__init__(layout, BODY_IN_DIM[layout], BODY_POSE_DIM, future)
        self._body = body
        self._lengths_m = mean_body_bone_lengths(body)

    def _described(self, window: BodyWindow, slots: list[int]) -> tuple[np.ndarray, np.ndarray]:
        camera = window.camera
        rays = rays_of_pixels(window.keypoints_px[slots], camera.focal_px, np.asarray(camera.centre_px))
        features, location, guess = describe_bodies(
            window.keypoints_m[slots], rays, window.score[slots], self._lengths_m, self._layout
        )
        return features, start_pose(fit_body_rotations(guess, self._body), location)


def mean_body_bone_lengths(body: BodyModel) -> np.ndarray:
    """Bone lengths (16,), metres, of a body model."""
    return body_bone_lengths(body.keypoints(np.tile(np.eye(3), (NUM_BODY_JOINTS, 1, 1))))
