"""Rotations of a body from its 17 keypoints in closed form.

The trunk from hips and shoulders, limbs by the least turn. Numpy arrays or torch tensors in, the same
kind out, so that training and the runtime share it.
"""

from __future__ import annotations

import functools

import numpy as np

from models.body_keypoints import NUM_BODY_JOINTS
from models.body_model import KEYPOINT_JOINTS, BodyModel
from models.canonical import Array, namespace

_TINY = 1e-9

# Joint → (keypoint its bone starts at, keypoint it ends at), parents before children.
_LIMBS = {
    1: (1, 2), 4: (2, 3), 2: (4, 5), 5: (5, 6),
    16: (11, 12), 18: (12, 13), 17: (14, 15), 19: (15, 16),
    12: (8, 9), 15: (9, 10),
}  # fmt: skip
_PARENT = {1: 0, 4: 1, 2: 0, 5: 2, 16: 9, 18: 16, 17: 9, 19: 17, 12: 9, 15: 12}
_SPINE = (3, 6, 9)


def fit_body_rotations(keypoints_m: Array, body: BodyModel) -> Array:
    """The rotations that turn the body's bones to point as the keypoints' bones do.

    The pelvis turns with the line of the hips and the spine, the chest with the line of the shoulders and
    the neck, and the three joints of the spine share the difference. Limbs, neck and head then make the
    rotation without twist from the rest direction of their bone. What 17 keypoints do not tell (collars,
    feet, hands, twists) stays at rest. Bone lengths of the keypoints do not matter.

    Args:
        keypoints_m: (…,17,3) H36M, any frame, any origin.
        body: whose rest pose the rotations start from.

    Returns:
        (…,24,3,3) SMPL order, the pelvis' in the frame of the keypoints.
    """
    xp = namespace(keypoints_m)
    rest = _rest_keypoints(body.joints_m.tobytes(), body.keypoint_offsets_m.tobytes())

    def like(values: np.ndarray) -> Array:
        if isinstance(keypoints_m, np.ndarray):
            return values
        return xp.as_tensor(values, dtype=keypoints_m.dtype, device=keypoints_m.device)

    pelvis = _frame(keypoints_m, 4, 1, 0, 7) @ like(_frame(rest, 4, 1, 0, 7).T)
    chest = _frame(keypoints_m, 14, 11, 7, 8) @ like(_frame(rest, 14, 11, 7, 8).T)
    third = _third(_transposed(pelvis) @ chest)
    local = [_eye_like(pelvis)] * NUM_BODY_JOINTS
    local[0] = pelvis
    for joint in _SPINE:
        local[joint] = third
    turned = {0: pelvis, 9: chest}  # relative to the frame
    for joint, (begin, end) in _LIMBS.items():
        parent = turned[_PARENT[joint]]
        bone = keypoints_m[..., end, :] - keypoints_m[..., begin, :]
        inside = (bone[..., None, :] @ parent)[..., 0, :]  # Rᵀ v, written v R
        local[joint] = _least_turn(like(rest[end] - rest[begin]), inside)
        turned[joint] = parent @ local[joint]
    return xp.stack(local, -3)


@functools.lru_cache(maxsize=8)
def _rest_keypoints(joints: bytes, offsets: bytes) -> np.ndarray:
    joints_m = np.frombuffer(joints).reshape(-1, 3)
    return joints_m[KEYPOINT_JOINTS] + np.frombuffer(offsets).reshape(-1, 3)


def _frame(points: Array, right: int, left: int, below: int, above: int) -> Array:
    """Rotations (…,3,3) whose columns are x from right to left, y upwards made orthogonal to it, and z."""
    xp = namespace(points)
    X = _unit(points[..., left, :] - points[..., right, :])
    up = points[..., above, :] - points[..., below, :]
    Y = _unit(up - (up * X).sum(-1)[..., None] * X)
    return xp.stack([X, Y, xp.linalg.cross(X, Y)], -1)


def _third(R: Array) -> Array:
    """The rotations (…,3,3) that make R when done three times, by the shorter way."""
    xp = namespace(R)
    v = xp.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1)
    twice_sin = xp.sqrt(xp.clip((v * v).sum(-1), _TINY**2, None))
    twice_cos = R[..., 0, 0] + R[..., 1, 1] + R[..., 2, 2] - 1.0
    angle = xp.arctan2(twice_sin, twice_cos) / 3.0
    K = _cross_matrix(v / twice_sin[..., None])
    sin, cos = xp.sin(angle)[..., None, None], xp.cos(angle)[..., None, None]
    return _eye_like(R) + sin * K + (1.0 - cos) * (K @ K)


def _least_turn(source: Array, target: Array) -> Array:
    """The rotations (…,3,3) without twist from a direction (3,) to others (…,3); a half turn if opposite."""
    xp = namespace(target)
    s, t = _unit(source), _unit(target)
    cos = (s * t).sum(-1)[..., None, None]
    K = _cross_matrix(xp.linalg.cross(s + xp.zeros_like(t), t))
    eye = _eye_like(K)
    opposite = cos < -1.0 + 1e-6
    R = eye + K + (K @ K) / xp.where(opposite, xp.ones_like(cos), 1.0 + cos)
    axis = _unit(xp.linalg.cross(s, eye.reshape(-1, 3, 3)[0, int(abs(s).argmin())]))
    return xp.where(opposite, 2.0 * axis[:, None] * axis[None, :] - eye, R)


def _cross_matrix(v: Array) -> Array:
    xp = namespace(v)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = xp.zeros_like(x)
    rows = xp.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return rows.reshape(*v.shape[:-1], 3, 3)


def _eye_like(R: Array) -> Array:
    xp = namespace(R)
    eye = np.eye(3) if isinstance(R, np.ndarray) else xp.eye(3, dtype=R.dtype, device=R.device)
    return xp.zeros_like(R) + eye


def _transposed(R: Array) -> Array:
    return namespace(R).swapaxes(R, -1, -2)


def _unit(v: Array) -> Array:
    xp = namespace(v)
    return v / xp.sqrt(xp.clip((v * v).sum(-1), _TINY**2, None))[..., None]
