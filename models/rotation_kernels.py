"""The inner loops over rotations, compiled: for 16 joints numpy prepares longer than it computes.

Each takes arrays of doubles, one item after the other, and an array for what comes out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from models.keypoints import FINGER_CHAINS, JOINT_PARENTS, NUM_JOINTS
from models.rotations import MIN_NORM

_log = logging.getLogger(__name__)

_OPPOSITE = -1.0 + 1e-9
_SERIES = 1e-4  # below this many radians sine and cosine are told by their first terms, exact to the last bit


def compiled(*shapes: str) -> Callable[[Callable[..., None]], Any]:
    """Compile for C-ordered doubles of these shapes and keep the machine code on disk.

    All when this module is loaded (`models.rotations.kernels`); with no writable folder, in every run.
    """
    signature = f"void({', '.join(f'float64[{shape}]' for shape in shapes)})"

    def compile_now(function: Callable[..., None]) -> Any:
        try:
            return njit(signature, cache=True)(function)
        except (RuntimeError, OSError) as error:  # numba found no place for its cache, or the disk is full
            _log.info("%s is compiled anew in every run: %s", function.__name__, error)
            return njit(signature)(function)

    return compile_now


@compiled(":,:,::1", ":,::1")
def axis_angles(R: np.ndarray, out: np.ndarray) -> None:
    """R (N,3,3), out (N,3); see `models.rotations.axis_angle_from_matrix`."""
    q = np.empty(4)
    for n in range(len(R)):
        r = R[n]
        r00, r11, r22 = r[0, 0], r[1, 1], r[2, 2]
        a, b, c = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
        d, e, f = r[1, 0] + r[0, 1], r[0, 2] + r[2, 0], r[2, 1] + r[1, 2]
        w, x, y, z = 1 + r00 + r11 + r22, 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22
        # 4·q·qᵀ for q = (w, x, y, z): the row of the largest number gives q without cancellation near π.
        if w >= x and w >= y and w >= z:
            q[0], q[1], q[2], q[3] = w, a, b, c
        elif x >= y and x >= z:
            q[0], q[1], q[2], q[3] = a, x, d, e
        elif y >= z:
            q[0], q[1], q[2], q[3] = b, d, y, f
        else:
            q[0], q[1], q[2], q[3] = c, e, f, z
        norm = np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        sign = -1.0 if q[0] < 0.0 else 1.0
        for i in range(4):
            q[i] *= sign / norm
        sin_half = np.sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        # angle/sin(angle/2) → 2 as the angle vanishes.
        factor = 2.0 * np.arctan2(sin_half, q[0]) / sin_half if sin_half > MIN_NORM else 2.0
        for i in range(3):
            out[n, i] = q[1 + i] * factor


@compiled(":,::1", ":,:,::1")
def matrices(axis_angle: np.ndarray, out: np.ndarray) -> None:
    """axis_angle (N,3), out (N,3,3); see `models.rotations.matrix_from_axis_angle`."""
    for n in range(len(axis_angle)):
        x, y, z = axis_angle[n, 0], axis_angle[n, 1], axis_angle[n, 2]
        angle2 = x * x + y * y + z * z
        angle = np.sqrt(angle2)
        if angle < _SERIES:
            s, c = 1.0 - angle2 / 6.0, 0.5 - angle2 / 24.0
        else:
            half = np.sin(0.5 * angle)
            s, c = np.sin(angle) / angle, 2.0 * half * half / angle2
        m = out[n]
        m[0, 0] = 1.0 - c * (y * y + z * z)
        m[1, 1] = 1.0 - c * (x * x + z * z)
        m[2, 2] = 1.0 - c * (x * x + y * y)
        m[0, 1], m[1, 0] = c * x * y - s * z, c * x * y + s * z
        m[0, 2], m[2, 0] = c * x * z + s * y, c * x * z - s * y
        m[1, 2], m[2, 1] = c * y * z - s * x, c * y * z + s * x


@compiled(":,::1", ":,:,::1")
def gram_schmidt(sixd: np.ndarray, out: np.ndarray) -> None:
    """sixd (N,6), out (N,3,3); see `models.rotations.decode_6d`."""
    for n in range(len(sixd)):
        a, m = sixd[n], out[n]
        norm = np.sqrt(a[0] * a[0] + a[2] * a[2] + a[4] * a[4])
        norm = norm if norm > MIN_NORM else np.nan
        x0, x1, x2 = a[0] / norm, a[2] / norm, a[4] / norm
        along = x0 * a[1] + x1 * a[3] + x2 * a[5]
        y0, y1, y2 = a[1] - along * x0, a[3] - along * x1, a[5] - along * x2
        norm = np.sqrt(y0 * y0 + y1 * y1 + y2 * y2)
        norm = norm if norm > MIN_NORM else np.nan
        y0, y1, y2 = y0 / norm, y1 / norm, y2 / norm
        m[0, 0], m[1, 0], m[2, 0] = x0, x1, x2
        m[0, 1], m[1, 1], m[2, 1] = y0, y1, y2
        m[0, 2], m[1, 2], m[2, 2] = x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0


@compiled(":,::1", ":,::1", ":,::1")
def _turn_on(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
    """out = A B, each (3,3); `out` may be A."""
    for i in range(3):
        a, b, c = A[i, 0], A[i, 1], A[i, 2]
        for j in range(3):
            out[i, j] = a * B[0, j] + b * B[1, j] + c * B[2, j]


@compiled("::1", "::1", ":,::1")
def least_turn(s: np.ndarray, t: np.ndarray, m: np.ndarray) -> None:
    """One of `least_turns`: s and t (3,), m (3,3)."""
    s_norm = np.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    t_norm = np.sqrt(t[0] * t[0] + t[1] * t[1] + t[2] * t[2])
    norm = s_norm * t_norm if s_norm > MIN_NORM and t_norm > MIN_NORM else np.nan
    cos = (s[0] * t[0] + s[1] * t[1] + s[2] * t[2]) / norm
    if cos < _OPPOSITE:  # a half turn about an axis across s, made with the world axis furthest from it
        k = np.empty(3)
        least = 0
        for i in range(1, 3):
            if abs(s[i]) < abs(s[least]):
                least = i
        before, after = (least + 2) % 3, (least + 1) % 3
        k[least], k[after], k[before] = 0.0, s[before], -s[after]
        norm = np.sqrt(k[after] * k[after] + k[before] * k[before])
        for i in range(3):
            for j in range(3):
                m[i, j] = 2.0 * k[i] * k[j] / (norm * norm) - (1.0 if i == j else 0.0)
        return
    x = (s[1] * t[2] - s[2] * t[1]) / norm
    y = (s[2] * t[0] - s[0] * t[2]) / norm
    z = (s[0] * t[1] - s[1] * t[0]) / norm
    share = 1.0 / (1.0 + cos)
    m[0, 0], m[1, 1], m[2, 2] = share * x * x + cos, share * y * y + cos, share * z * z + cos
    m[0, 1], m[1, 0] = share * x * y - z, share * x * y + z
    m[0, 2], m[2, 0] = share * x * z + y, share * x * z - y
    m[1, 2], m[2, 1] = share * y * z - x, share * y * z + x


@compiled(":,::1", ":,::1", ":,:,::1")
def least_turns(source: np.ndarray, target: np.ndarray, out: np.ndarray) -> None:
    """source and target (N,3), out (N,3,3); see `models.rotations.minimal_rotation`."""
    for n in range(len(source)):
        least_turn(source[n], target[n], out[n])


@compiled(":,:,:,::1", ":,:,::1", ":,:,:,::1")
def finger_turns(bones: np.ndarray, rest: np.ndarray, R: np.ndarray) -> None:
    """Turn each bone of each finger, from its base on, as it is seen; see `models.inverse_kinematics`.

    Args:
        bones: (N,5,3,3) as seen, digits in keypoint order.
        rest: (5,3,3) the same at rest.
        R: (N,16,3,3) rotations, MANO order; the wrist's are given, the others are written.
    """
    above, inside = np.empty((3, 3)), np.empty(3)
    for n in range(len(bones)):
        for digit in range(5):
            above[:] = R[n, 0]
            for level in range(3):
                bone, turn = bones[n, digit, level], R[n, FINGER_CHAINS[digit, level]]
                for i in range(3):
                    inside[i] = above[0, i] * bone[0] + above[1, i] * bone[1] + above[2, i] * bone[2]
                least_turn(rest[digit, level], inside, turn)
                _turn_on(above, turn, above)


@compiled(":,:,:,::1", ":,::1", ":,:,:,::1", ":,:,::1")
def chain(R: np.ndarray, bones: np.ndarray, G: np.ndarray, joints: np.ndarray) -> None:
    """Forward kinematics; see `models.hand_model`.

    Args:
        R: (N,16,3,3) rotations inside the parent's, MANO order.
        bones: (16,3) from the parent joint at rest.
        G: (N,16,3,3) global rotations, written.
        joints: (N,16,3); the wrist's are given, the others are written.
    """
    for n in range(len(R)):
        G[n, 0] = R[n, 0]
        for j in range(1, NUM_JOINTS):
            p = JOINT_PARENTS[j]
            _turn_on(G[n, p], R[n, j], G[n, j])
            for i in range(3):
                joints[n, j, i] = joints[n, p, i] + (
                    G[n, p, i, 0] * bones[j, 0] + G[n, p, i, 1] * bones[j, 1] + G[n, p, i, 2] * bones[j, 2]
                )
