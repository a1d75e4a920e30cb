"""Bodies brought to one size and one orientation, and back: what PoseBERT sees of a body detection.

Every function takes numpy arrays or torch tensors and gives back the same kind, with any leading dimensions.
Keypoints are the 17 of H36M.
"""

from __future__ import annotations

from models.body_keypoints import BODY_KEYPOINT_PARENTS
from models.canonical import (
    Array,
    encode_6d,
    location_of_wrist,
    namespace,
    to_canonical,
    wrist_of_location,
)

_TINY = 1e-9  # m: shorter vectors have no direction
_HIP, _LEFT_HIP, _RIGHT_HIP, _SPINE = 0, 1, 4, 7
MIN_BODY_DEPTH_M, MAX_BODY_DEPTH_M = 0.3, 15.0  # where a body before a webcam can be


def body_bone_lengths(keypoints: Array) -> Array:
    """Lengths (…,16), in the unit of the keypoints (…,17,3), of the bones that end at keypoints 1–16."""
    bones = keypoints[..., 1:, :] - keypoints[..., list(BODY_KEYPOINT_PARENTS[1:]), :]
    return namespace(keypoints).sqrt((bones * bones).sum(-1))


def with_body_bone_lengths(keypoints: Array, lengths: Array) -> Array:
    """The same pose with other bone lengths; directions stay, positions accumulate from the hip.

    PoseBERT (PAMI 2022, §3.4). Its own inverse: giving the original lengths restores the original.

    Args:
        keypoints: (…,17,3), any frame, any origin.
        lengths: (16,) or (…,16) lengths wanted; a bone of no length keeps it.

    Returns:
        (…,17,3), the hip where it was.
    """
    old = body_bone_lengths(keypoints)
    xp = namespace(keypoints)
    factor = xp.where(old > _TINY, lengths / xp.clip(old, _TINY, None), xp.ones_like(old))
    points = [keypoints[..., 0, :]]
    for k in range(1, len(BODY_KEYPOINT_PARENTS)):
        p = BODY_KEYPOINT_PARENTS[k]
        bone = keypoints[..., k, :] - keypoints[..., p, :]
        points.append(points[p] + bone * factor[..., k - 1, None])
    return xp.stack(points, -2)


def canonical_body_frame(keypoints: Array) -> Array:
    """The rotation M that brings a body into canonical orientation: canonical = M (x − hip).

    Its rows are X from the right to the left hip, Y from the spine to the hip made orthogonal to X, and
    Z = X × Y. PoseBERT's body code turns the one and the other onto its axis five times over, X last; this is
    where that leads (the paper's text has the shoulders instead of the hips).

    Args:
        keypoints: (…,17,3), any frame, any origin.

    Returns:
        (…,3,3) rotation matrices; not a rotation where hips and spine lie on one line.
    """
    xp = namespace(keypoints)
    X = _unit(keypoints[..., _LEFT_HIP, :] - keypoints[..., _RIGHT_HIP, :])
    down = keypoints[..., _HIP, :] - keypoints[..., _SPINE, :]
    Y = _unit(down - (down * X).sum(-1)[..., None] * X)
    return xp.stack([X, Y, xp.linalg.cross(X, Y)], -2)


def describe_body(keypoints_m: Array, lengths_m: Array) -> Array:
    """The paper's input of a body: 6D of the rotation removed, then 16 canonical keypoints without the hip.

    Args:
        keypoints_m: (…,17,3) camera axes, metres.
        lengths_m: (16,) bone lengths of the mean body.

    Returns:
        (…,54).
    """
    normal = with_body_bone_lengths(keypoints_m, lengths_m)
    M = canonical_body_frame(normal)
    canonical = to_canonical(normal, M)[..., 1:, :]
    return namespace(normal).concatenate([encode_6d(M), canonical.reshape(*canonical.shape[:-2], 48)], -1)


def locate_hip(keypoints_m: Array, rays: Array, score: Array) -> Array:
    """The hip's position that best explains in which directions the keypoints are seen.

    As `models.canonical.locate_wrist`, but for bodies, of which parts may be out of sight.

    Args:
        keypoints_m: (…,17,3) hip-relative, camera axes, metres.
        rays: (…,17,2) x/z and y/z of the directions they are seen in.
        score: (…,17) how much each counts, ≥ 0.

    Returns:
        (…,3) hip in the camera frame, metres; a depth between MIN_BODY_DEPTH_M and MAX_BODY_DEPTH_M.
    """
    xp = namespace(rays)
    share = (score / xp.clip(score.sum(-1), _TINY, None)[..., None])[..., None]
    a = rays * keypoints_m[..., 2:] - keypoints_m[..., :2]  # t_x − u t_z = u Z − X
    a_mean, ray_mean = (share * a).sum(-2), (share * rays).sum(-2)
    spread = rays - ray_mean[..., None, :]
    shared = (share * (a - a_mean[..., None, :]) * spread).sum(-1).sum(-1)
    depth_m = -shared / xp.clip((share * spread * spread).sum(-1).sum(-1), _TINY**2, None)
    depth_m = xp.clip(depth_m, MIN_BODY_DEPTH_M, MAX_BODY_DEPTH_M)[..., None]
    return xp.concatenate([a_mean + ray_mean * depth_m, depth_m], -1)


def location_of_hip(hip_m: Array) -> Array:
    """The regressed location (…,3) of a hip in the camera frame; see `models.canonical.location_of_wrist`."""
    return location_of_wrist(hip_m, (MIN_BODY_DEPTH_M, MAX_BODY_DEPTH_M))


def hip_of_location(location: Array) -> Array:
    """The hip (…,3) in the camera frame, metres; undoes `location_of_hip`, within its bounds."""
    return wrist_of_location(location, (MIN_BODY_DEPTH_M, MAX_BODY_DEPTH_M))


def _unit(v: Array) -> Array:
    xp = namespace(v)
    return v / xp.sqrt(xp.clip((v * v).sum(-1), _TINY**2, None))[..., None]
