"""A pose that moves: where something is at several instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retarget.rotation_vectors import part_way

_ORTHONORMAL = 1e-3  # largest error of an entry of RᵀR
_FARTHEST_M = 100.0


@dataclass(frozen=True)
class Pose:
    """One pose.

    Attributes:
        position_m: (3,) metres.
        rotation: (3,3).
    """

    position_m: np.ndarray
    rotation: np.ndarray

    @staticmethod
    def zero() -> Pose:
        """The origin, not turned."""
        return Pose(np.zeros(3), np.eye(3))


@dataclass(frozen=True)
class PosePath:
    """Poses at instants, linear in between, the nearest one's outside.

    Attributes:
        t_ns: (k,) int64 increasing instants.
        position_m: (k,3) metres.
        rotations: (k,3,3).
    """

    t_ns: np.ndarray
    position_m: np.ndarray
    rotations: np.ndarray

    @staticmethod
    def resting(pose: Pose, t_ns: np.ndarray) -> PosePath:
        """The path that stays at `pose`, at instants t_ns (k,)."""
        k = len(t_ns)
        return PosePath(t_ns, np.tile(pose.position_m, (k, 1)), np.tile(pose.rotation, (k, 1, 1)))

    @property
    def sound(self) -> bool:
        """Whether all of it can be followed: finite, within 100 m, and proper rotations."""
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(self.position_m) < _FARTHEST_M  # False for NaN
            square = np.swapaxes(self.rotations, -1, -2) @ self.rotations
            proper = np.abs(square - np.eye(3)) < _ORTHONORMAL
            return bool(near.all() and proper.all() and (np.linalg.det(self.rotations) > 0.0).all())

    def at(self, t_ns: int) -> Pose:
        """The pose at `t_ns`."""
        after = int(np.searchsorted(self.t_ns, t_ns, side="right"))
        if after == 0 or after == len(self.t_ns):
            k = min(after, len(self.t_ns) - 1)
            return Pose(self.position_m[k], self.rotations[k])
        share = float(t_ns - self.t_ns[after - 1]) / float(self.t_ns[after] - self.t_ns[after - 1])
        start_m, end_m = self.position_m[after - 1], self.position_m[after]
        return Pose(
            start_m + share * (end_m - start_m),
            part_way(self.rotations[after - 1], self.rotations[after], share),
        )

    def sampled(self, t_ns: np.ndarray) -> PosePath:
        """The same path at other instants t_ns (k,)."""
        if np.array_equal(t_ns, self.t_ns):
            return self
        poses = [self.at(int(t)) for t in t_ns]
        return PosePath(t_ns, np.array([p.position_m for p in poses]), np.array([p.rotation for p in poses]))
