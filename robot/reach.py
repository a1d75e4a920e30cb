"""Where an arm would hold the hand: over the object, so that thumb and index finger close about it.

People pinch a few centimetres nearer to or further from their palm. An operator with an arm makes up for it
without a thought; this does it for a hand on its own.
"""

from __future__ import annotations

import numpy as np

_RANGE_M = (0.06, 0.06, 0.05)  # either way from where the wrist starts
_CLEARANCE_M = 0.003  # of the lowest fingertip above the table
_STAY_NS = 1_000_000_000  # how long a touch keeps the wrist where it is


class Reach:
    """Follows the fingers until they touch the object.

    Args:
        start_m: (3,) palm position at the wrist's offset zero, world frame.
    """

    def __init__(self, start_m: np.ndarray) -> None:
        self._start_m = start_m
        self.reset()

    def reset(self) -> None:
        """Be at the start."""
        self._offset_m = np.zeros(3)
        self._touched_ns: int | None = None

    def step(
        self, t_ns: int, tips_m: np.ndarray, radius_m: float, grip_m: np.ndarray, touching: bool
    ) -> np.ndarray:
        """The wrist's offset (3,) wanted now, m.

        Args:
            t_ns: simulated time.
            tips_m: (4,3) centres of the fingertips, thumb and index first, from the palm, world axes.
            radius_m: of a fingertip.
            grip_m: (3,) where the object is to be held, world frame.
            touching: whether a finger touches the object.
        """
        if touching:
            self._touched_ns = t_ns
        if self._touched_ns is None or t_ns - self._touched_ns > _STAY_NS:
            wanted_m = grip_m - tips_m[:2].mean(axis=0)
            wanted_m[2] = max(wanted_m[2], _CLEARANCE_M + radius_m - tips_m[:, 2].min())
            self._offset_m = np.clip(wanted_m - self._start_m, np.negative(_RANGE_M), _RANGE_M)
        return self._offset_m
