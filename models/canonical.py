"""Hands brought to one size and one orientation, and back: what PoseBERT sees of a keypoint detection.

Every function takes numpy arrays or torch tensors and gives back the same kind, with any leading dimensions.
Keypoints are 21 in MediaPipe order, of a right hand.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from models.keypoints import KEYPOINT_PARENTS

Array = Any
"""A numpy array or a torch tensor."""

_TINY = 1e-9  # m or m²: shorter vectors have no direction
_INDEX_BASE, _MIDDLE_BASE, _PINKY_BASE = 5, 9, 17
MIN_DEPTH_M, MAX_DEPTH_M = 0.05, 5.0  # where a hand in front of a webcam can be
MAX_ASIDE = 5.0  # x/z and y/z: no lens sees further aside


def namespace(x: Array) -> ModuleType:
    """numpy or torch, whichever made `x`; torch is only imported by those who already use it."""
    return np if isinstance(x, np.ndarray) else importlib.import_module("torch")


def bone_lengths(keypoints: Array) -> Array:
    """Lengths (…,20), in the unit of the keypoints (…,21,3), of the bones that end at keypoints 1–20."""
    bones = keypoints[..., 1:, :] - keypoints[..., list(KEYPOINT_PARENTS[1:]), :]
    return namespace(keypoints).sqrt((bones * bones).sum(-1))


def with_bone_lengths(keypoints: Array, lengths: Array) -> Array:
    """The same hand with other bone lengths; directions stay, positions accumulate from the wrist.

    PoseBERT (PAMI 2022, §3.4). Its own inverse: giving the original lengths restores the original.

    Args:
        keypoints: (…,21,3), any frame, any origin.
        lengths: (20,) or (…,20) lengths wanted; a bone of no length keeps it.

    Returns:
        (…,21,3), the wrist where it was.
    """
    old = bone_lengths(keypoints)
    xp = namespace(keypoints)
    factor = xp.where(old > _TINY, lengths / xp.clip(old, _TINY, None), xp.ones_like(old))
    bones = keypoints[..., 1:, :] - keypoints[..., list(KEYPOINT_PARENTS[1:]), :]
    fingers = (bones * factor[..., None]).reshape(*bones.shape[:-2], 5, 4, 3)  # each from the wrist on
    wrist = keypoints[..., :1, :]
    points = wrist + xp.cumsum(fingers, -2).reshape(bones.shape)
    return xp.concatenate([wrist, points], -2)


def canonical_frame(keypoints: Array) -> Array:
    """The rotation M that brings a hand into canonical orientation: canonical = M (x − wrist).

    Its rows are X from the pinky's to the index's base, Y from the wrist to the middle finger's base made
    orthogonal to X, and Z = X × Y (out of a right hand's palm), so X is exact and Y approximate: the
    closed form of PoseBERT's alternating alignment.

    Args:
        keypoints: (…,21,3), any frame, any origin.

    Returns:
        (…,3,3) rotation matrices; not a rotation where the three points and the wrist lie on one line.
    """
    xp = namespace(keypoints)
    X = _unit(keypoints[..., _INDEX_BASE, :] - keypoints[..., _PINKY_BASE, :])
    ahead = keypoints[..., _MIDDLE_BASE, :] - keypoints[..., 0, :]
    Y = _unit(ahead - (ahead * X).sum(-1)[..., None] * X)
    return xp.stack([X, Y, cross(X, Y)], -2)


def to_canonical(keypoints: Array, M: Array) -> Array:
    """Canonical keypoints (…,21,3), wrist at the origin, by the rotation M (…,3,3) of `canonical_frame`."""
    return (keypoints - keypoints[..., :1, :]) @ namespace(M).swapaxes(M, -1, -2)


def from_canonical(canonical: Array, M: Array) -> Array:
    """Keypoints (…,21,3) back in the frame they came from, wrist-relative; undoes `to_canonical`."""
    return canonical @ M


def encode_6d(R: Array) -> Array:
    """The first two columns, row-major, (…,6) of rotations (…,3,3); as `models.rotations.encode_6d`."""
    return R[..., :2].reshape(*R.shape[:-2], 6)


def decode_6d(sixd: Array) -> Array:
    """Rotations (…,3,3) from 6D (…,6) by Gram–Schmidt; finite for every finite input."""
    xp = namespace(sixd)
    columns = sixd.reshape(*sixd.shape[:-1], 3, 2)
    x = _unit(columns[..., 0])
    c1 = columns[..., 1]
    y = _unit(c1 - (x * c1).sum(-1)[..., None] * x)
    return xp.stack([x, y, cross(x, y)], -1)


def rays_of_pixels(pixels: Array, focal_px: Array, centre_px: Array) -> Array:
    """Where pixels look: (…,21,2) x/z and y/z from pixels (…,21,2), focal length and principal point (2,)."""
    return (pixels - centre_px) / focal_px


def locate_wrist(keypoints_m: Array, rays: Array) -> Array:
    """The wrist's position that best explains in which directions the keypoints are seen.

    A point X seen along the ray u obeys X + t_x = u·(Z + t_z): least squares in t, in closed form; the same
    as `models.camera.Camera.locate_wrist` but for any number of hands and with the depth kept in bounds.

    Args:
        keypoints_m: (…,21,3) wrist-relative, camera axes, metres.
        rays: (…,21,2) x/z and y/z of the directions they are seen in.

    Returns:
        (…,3) wrist in the camera frame, metres.
    """
    xp = namespace(rays)
    depth_m, aside_m, ray = fit_wrist(keypoints_m, rays)
    depth_m = xp.clip(depth_m, MIN_DEPTH_M, MAX_DEPTH_M)
    return xp.concatenate([aside_m + ray * depth_m, depth_m], -1)


def fit_wrist(keypoints_m: Array, rays: Array) -> tuple[Array, Array, Array]:
    """Where `locate_wrist` finds the wrist, for its arguments, before any bounds.

    Returns:
        The depth (…,1) that explains them best, and `aside_m` and `ray` (…,2): at whatever depth the wrist
        is, it had best be at x, y = aside_m + ray · depth.
    """
    xp = namespace(rays)
    a = rays * keypoints_m[..., 2:] - keypoints_m[..., :2]  # t_x − u t_z = u Z − X
    a_mean, ray_mean = a.mean(-2), rays.mean(-2)
    spread = rays - ray_mean[..., None, :]
    shared = ((a - a_mean[..., None, :]) * spread).sum(-1).sum(-1)
    depth_m = -shared / xp.clip((spread * spread).sum(-1).sum(-1), _TINY, None)
    return depth_m[..., None], a_mean, ray_mean


def location_of_wrist(wrist_m: Array, depths_m: tuple[float, float] = (MIN_DEPTH_M, MAX_DEPTH_M)) -> Array:
    """The regressed location (…,3): x/z, y/z and the nearness log(1/z), z in metres (PAMI 2022, §3.3).

    Args:
        wrist_m: (…,3) camera frame.
        depths_m: least and most depth there can be.
    """
    xp = namespace(wrist_m)
    depth_m = xp.clip(wrist_m[..., 2:], *depths_m)
    return xp.concatenate([wrist_m[..., :2] / depth_m, -xp.log(depth_m)], -1)


def wrist_of_location(location: Array, depths_m: tuple[float, float] = (MIN_DEPTH_M, MAX_DEPTH_M)) -> Array:
    """The wrist (…,3) in the camera frame, metres; undoes `location_of_wrist`, within its bounds."""
    xp = namespace(location)
    least_m, most_m = depths_m
    nearness = xp.clip(location[..., 2:], -float(np.log(most_m)), -float(np.log(least_m)))
    depth_m = xp.exp(-nearness)
    aside = xp.clip(location[..., :2], -MAX_ASIDE, MAX_ASIDE)
    return xp.concatenate([aside * depth_m, depth_m], -1)


def _unit(v: Array) -> Array:
    xp = namespace(v)
    return v / xp.sqrt(xp.clip((v * v).sum(-1), _TINY**2, None))[..., None]


def cross(a: Array, b: Array) -> Array:
    """a × b (…,3); both libraries' own take several times as long for few vectors."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return namespace(a).stack([y * w - z * v, z * u - x * w, x * v - y * u], -1)
