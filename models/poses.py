"""Hands at several instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle


@dataclass(frozen=True)
class Poses:
    """Hands of the right side at K instants.

    Attributes:
        t_ns: (K,) instants.
        rotations: (K,16,3,3) MANO order, the wrist's in camera axes.
        wrist_m: (K,3) camera frame.
    """

    t_ns: np.ndarray
    rotations: np.ndarray
    wrist_m: np.ndarray

    def at(self, t_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (16,3,3) and wrist (3,) at one instant; the first and the last last."""
        i = int(np.clip(np.searchsorted(self.t_ns, t_ns, side="right") - 1, 0, len(self.t_ns) - 2))
        share = float(np.clip((t_ns - self.t_ns[i]) / (self.t_ns[i + 1] - self.t_ns[i]), 0.0, 1.0))
        turn = axis_angle_from_matrix(self.rotations[i + 1] @ np.swapaxes(self.rotations[i], -1, -2))
        rotations = matrix_from_axis_angle(share * turn) @ self.rotations[i]
        return rotations, (1.0 - share) * self.wrist_m[i] + share * self.wrist_m[i + 1]

    def from_on(self, t_ns: np.ndarray) -> Poses:
        """These hands at other instants t_ns (K,)."""
        rotations, wrist_m = zip(*(self.at(int(one_ns)) for one_ns in t_ns), strict=True)
        return Poses(t_ns, np.array(rotations), np.array(wrist_m))

    def beginning_with(self, rotations: np.ndarray, wrist_m: np.ndarray) -> Poses:
        """These hands, but for the first."""
        return Poses(
            self.t_ns,
            np.concatenate([rotations[None], self.rotations[1:]]),
            np.concatenate([wrist_m[None], self.wrist_m[1:]]),
        )
