"""Where the humanoid stands on its floor, so that steps are seen and the feet are on the ground.

A camera tells well how far to the side a person is, less well how far away, and hardly how high: how it is
tilted and what height it has are unknown. So the humanoid goes as far to the side as the person does, counted
from the middle of the image; forwards and backwards from where the person was first, which drifts to where
the person is mostly; and its height is such that the lowest point of it touches the floor. Somebody who sits
has the feet there and the hips low; somebody who jumps stays on the ground. Past the edge of what the picture
shows the humanoid comes closer and closer to a last place within it.
"""

from __future__ import annotations

import math

import numpy as np

_DRIFT_S = 20.0  # how long it takes until wherever a person is counts as the middle of the depth
_FREE = 0.6  # share of the way to the last place that is not shortened
_FORGET_S = 5.0  # who was not seen for so long comes anew


class Place:
    """Keeps the humanoid in the picture.

    Args:
        aside_m: how far to the side it may go.
        ahead_m: how far to the front and to the back.
    """

    def __init__(self, aside_m: float, ahead_m: float) -> None:
        self._aside_m, self._ahead_m = aside_m, ahead_m
        self._middle_m: float | None = None
        self._t_s = 0.0

    def of(self, root_m: np.ndarray, lowest_m: float, t_s: float) -> np.ndarray:
        """How to move the humanoid (3,), metres, its own frame: x to the camera, y up, z to the left.

        Args:
            root_m: (3,) its root as it is.
            lowest_m: height of its lowest point as it is.
            t_s: when.
        """
        ahead, _, left = root_m.tolist()
        dt_s, self._t_s = t_s - self._t_s, t_s
        if self._middle_m is None or not 0.0 <= dt_s <= _FORGET_S:
            self._middle_m = ahead
        self._middle_m += (ahead - self._middle_m) * min(1.0, dt_s / _DRIFT_S) if dt_s > 0.0 else 0.0
        place = np.array([_within(ahead - self._middle_m, self._ahead_m), 0.0, _within(left, self._aside_m)])
        return place - root_m * (1.0, 0.0, 1.0) - np.array([0.0, lowest_m, 0.0])

    def forget(self) -> None:
        """Begin anew: the next place is the middle of the depth."""
        self._middle_m = None


def _within(value: float, most: float) -> float:
    """`value` as it is while it is small, and less and less beyond, never past `most`."""
    free = _FREE * most
    if abs(value) <= free:
        return value
    return math.copysign(free + (most - free) * math.tanh((abs(value) - free) / (most - free)), value)
