"""Rotations of hands: 6D, axis-angle, mirroring, aligning vectors.

Everything takes any number of leading dimensions; matrices are (…,3,3) and act on column vectors.
"""

from __future__ import annotations

import numpy as np

from models.canonical import cross

MIN_NORM = 1e-12
MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Left ↔ right: x → −x."""


def encode_6d(R: np.ndarray) -> np.ndarray:
    """The first two columns, row-major: (r00, r01, r10, r11, r20, r21).

    Args:
        R: (…,3,3) rotation matrices.

    Returns:
        (…,6). Note that PyTorch3D stacks two rows instead.
    """
    R = np.asarray(R)
    return R[..., :2].reshape(*R.shape[:-2], 6)


def decode_6d(sixd: np.ndarray) -> np.ndarray:
    """Gram–Schmidt on the two columns of a 6D rotation (Zhou et al. 2019, in SPIN's layout).

    Args:
        sixd: (…,6) as `encode_6d` gives, any scale, columns not parallel.

    Returns:
        (…,3,3) rotation matrices; NaN where the columns are zero or parallel.
    """
    sixd = np.asarray(sixd)
    columns = sixd.reshape(*sixd.shape[:-1], 3, 2)
    x = unit(columns[..., 0])
    c1 = columns[..., 1]
    y = unit(c1 - np.sum(x * c1, axis=-1, keepdims=True) * x)
    return np.stack([x, y, cross(x, y)], axis=-1)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (…,n) of length 1 along `v`; NaN where `v` has no direction."""
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    return v / np.where(norm > MIN_NORM, norm, np.nan)


def matrix_from_axis_angle(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula.

    Args:
        axis_angle: (…,3) axis times angle, rad.

    Returns:
        (…,3,3) rotation matrices.
    """
    axis_angle = np.asarray(axis_angle, dtype=np.float64)
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    K = cross_matrix(axis_angle)
    # np.sinc keeps sin(a)/a and (1 − cos a)/a² exact down to a = 0.
    return np.eye(3) + np.sinc(angle / np.pi) * K + 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2 * (K @ K)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Rotations (…,3,3) of quaternions (…,4), x, y, z, w, of any length above zero."""
    q = np.asarray(q, dtype=np.float64)
    x, y, z, w = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def axis_angle_from_matrix(R: np.ndarray) -> np.ndarray:
    """The shortest axis-angle vector of a rotation, through its unit quaternion.

    Args:
        R: (…,3,3) rotation matrices.

    Returns:
        (…,3) axis times angle, rad, angle in [0, π].
    """
    R = np.asarray(R, dtype=np.float64)
    r00, r11, r22 = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    a = R[..., 2, 1] - R[..., 1, 2]
    b = R[..., 0, 2] - R[..., 2, 0]
    c = R[..., 1, 0] - R[..., 0, 1]
    d, e, f = R[..., 1, 0] + R[..., 0, 1], R[..., 0, 2] + R[..., 2, 0], R[..., 2, 1] + R[..., 1, 2]
    # 4·q·qᵀ for q = (w, x, y, z): the row of the largest number gives q without cancellation, also near π.
    rows = np.empty((*R.shape[:-2], 4, 4))
    rows[..., 0, 0] = 1 + r00 + r11 + r22
    rows[..., 1, 1] = 1 + r00 - r11 - r22
    rows[..., 2, 2] = 1 - r00 + r11 - r22
    rows[..., 3, 3] = 1 - r00 - r11 + r22
    rows[..., 0, 1] = rows[..., 1, 0] = a
    rows[..., 0, 2] = rows[..., 2, 0] = b
    rows[..., 0, 3] = rows[..., 3, 0] = c
    rows[..., 1, 2] = rows[..., 2, 1] = d
    rows[..., 1, 3] = rows[..., 3, 1] = e
    rows[..., 2, 3] = rows[..., 3, 2] = f
    best = np.argmax(np.diagonal(rows, axis1=-2, axis2=-1), axis=-1)
    q = np.take_along_axis(rows, best[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0.0, -q, q)
    sin_half = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sin_half, q[..., :1])
    # angle/sin(angle/2) → 2 as the angle vanishes.
    factor = np.where(sin_half > MIN_NORM, angle / np.where(sin_half > MIN_NORM, sin_half, 1.0), 2.0)
    return q[..., 1:] * factor


def cross_matrix(v: np.ndarray) -> np.ndarray:
    """The matrices (…,3,3) with `cross_matrix(v) @ w == cross(v, w)` for v (…,3)."""
    K = np.zeros((*v.shape, 3))
    K[..., 2, 1] = v[..., 0]
    K[..., 0, 2] = v[..., 1]
    K[..., 1, 0] = v[..., 2]
    return K - np.swapaxes(K, -1, -2)


def mirror_rotations(R: np.ndarray) -> np.ndarray:
    """M R M with M = diag(−1,1,1): a left hand's rotations as a right hand's, and back."""
    return MIRROR @ R @ MIRROR


def mirror_points(points: np.ndarray) -> np.ndarray:
    """Points (…,3) with x negated: a left hand's points as a right hand's, and back."""
    return np.asarray(points) * np.array([-1.0, 1.0, 1.0])


def minimal_rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation without twist that turns one direction into another.

    Args:
        source: (…,3) directions, any length above zero.
        target: (…,3) directions to turn them to.

    Returns:
        (…,3,3); for opposite directions a half turn about some axis across them. NaN where either has no
        direction.
    """
    s, t = np.broadcast_arrays(unit(source), unit(target))
    cos = np.sum(s * t, axis=-1)[..., None, None]
    K = cross_matrix(cross(s, t))
    opposite = cos < -1.0 + 1e-9
    R = np.eye(3) + K + (K @ K) / np.where(opposite, 1.0, 1.0 + cos)
    if not np.any(opposite):
        return R
    least = np.eye(3)[np.argmin(np.abs(s), axis=-1)]  # the world axis furthest from s
    axis = unit(cross(s, least))
    half_turn = 2.0 * axis[..., :, None] * axis[..., None, :] - np.eye(3)
    return np.where(opposite, half_turn, R)


def procrustes_rotation(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rotation that best turns one set of vectors into another (Kabsch, without translation or scale).

    Args:
        source: (…,n,3) vectors.
        target: (…,n,3) vectors, the same ones after the rotation sought; finite.
        weights: (n,) importance of each.

    Returns:
        (…,3,3) proper rotations R minimising Σ w‖R·source − target‖².
    """
    H = np.swapaxes(target * weights[:, None], -1, -2) @ source
    U, _, Vt = np.linalg.svd(H)
    sign = np.sign(np.linalg.det(U @ Vt))
    U[..., :, 2] *= sign[..., None]
    return U @ Vt
