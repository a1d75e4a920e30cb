"""Rotations of hands: 6D, axis-angle, mirroring, aligning vectors.

Everything takes any number of leading dimensions; matrices are (…,3,3) and act on column vectors.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType

import numpy as np

MIN_NORM = 1e-12
MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Left ↔ right: x → −x."""


@functools.cache
def kernels() -> ModuleType:
    """The compiled inner loops, loaded when first asked for, which takes half a second, or three to compile.

    Whoever works in real time asks before the first frame does.
    """
    return importlib.import_module("models.rotation_kernels")


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
    return _one_by_one(kernels().gram_schmidt, sixd, (6,), (3, 3))


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
    return _one_by_one(kernels().matrices, axis_angle, (3,), (3, 3))


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
    return _one_by_one(kernels().axis_angles, R, (3, 3), (3,))


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
    source, target = (np.asarray(v, dtype=np.float64) for v in (source, target))
    lead = np.broadcast_shapes(source.shape, target.shape, (3,))
    s, t = (np.array(np.broadcast_to(v, lead), order="C").reshape(-1, 3) for v in (source, target))
    out = np.empty((len(s), 3, 3))
    kernels().least_turns(s, t, out)
    return out.reshape(*lead, 3)


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


def _one_by_one(
    kernel: Callable[[np.ndarray, np.ndarray], None],
    given: np.ndarray,
    shape: tuple[int, ...],
    made: tuple[int, ...],
) -> np.ndarray:
    """What a kernel makes of items (…,*shape): (…,*made)."""
    given = np.array(given, dtype=np.float64, order="C")  # a copy, as kernels take nothing that is read-only
    if given.shape[-len(shape) :] != shape:  # kernels do not look where an array ends
        raise ValueError(f"items have shape {shape}, got an array of {given.shape}")
    lead = given.shape[: given.ndim - len(shape)]
    out = np.empty((*lead, *made))
    kernel(given.reshape(-1, *shape), out.reshape(-1, *made))
    return out
