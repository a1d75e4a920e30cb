"""How a limb of two bones lies in a ball joint and a hinge: both bones point where they should.

The hinge's axis must stand across the plane of the two bones, so the plane tells how the upper bone is
twisted. A straight limb has no plane, and a nearly straight one has a plane made of noise: there the axis
stays where it was and drifts to where the person's own joint has it. What the plane says counts the more the
more the limb is bent, and the axis turns no faster than `MAX_TWIST_RAD_S`, so that no limb flips even where
the plane does, as it does when an elbow seems to bend backwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

STRAIGHT = 0.2
"""Sine of the bend at which the plane and the axis' past count the same."""

MAX_TWIST_RAD_S = 20.0
"""Faster than anybody turns an arm or a leg about its own length; half a turn takes 0.16 s."""

_DRIFT_S = 0.3  # how long a straight limb's axis takes to go to where the person's own joint has it
_MEMORY_S = 0.5  # older than that a limb's past says nothing


@dataclass(frozen=True)
class _Past:
    along: np.ndarray
    axis: np.ndarray
    t_s: float


class Hinge:
    """One limb, over time.

    Args:
        flexion: 1.0 if the hinge bends the lower bone towards the upper link's x for growing angles, as
            elbows do, -1.0 if towards its −x for falling angles, as knees do.
    """

    def __init__(self, flexion: float) -> None:
        self._flexion = flexion
        self._past: _Past | None = None

    def solve(
        self, upper: np.ndarray, lower: np.ndarray, hint: np.ndarray, t_s: float
    ) -> tuple[np.ndarray, float]:
        """Rotation of the upper bone's link and angle of the hinge.

        Args:
            upper, lower: (3,) unit directions of the two bones, any frame.
            hint: (3,) where the hinge's axis is on the person's own joint, same frame.
            t_s: when; times that go back or jump make the limb forget its past.

        Returns:
            (3,3) rotation of the link, whose bone points along its −y and whose hinge is its z, to that
            frame; and the hinge's angle, rad, of the sign of `flexion` and at most π.
        """
        past = self._recent(t_s)
        plane = self._flexion * _cross(upper, lower)
        plane = plane * float(np.linalg.norm(plane))  # as long as the square of the bend's sine
        own = _across(hint, upper, fallback=plane if past is None else past.axis)
        if past is None:
            axis = _across(plane + STRAIGHT**2 * own, upper, fallback=own)
        else:
            dt_s = t_s - past.t_s
            carried = _carried(past.axis, past.along, upper)
            rest = _turned(carried, own, upper, share=min(1.0, dt_s / _DRIFT_S))
            axis = _turned(carried, plane + STRAIGHT**2 * rest, upper, limit_rad=MAX_TWIST_RAD_S * dt_s)
        self._past = _Past(upper, axis, t_s)
        ahead = _cross(axis, upper)  # x = y × z, and y is −upper
        bend = math.atan2(self._flexion * (lower @ ahead), lower @ upper)
        if bend < 0.0:  # backwards: the end of the range that is nearer
            bend = 0.0 if bend > -0.5 * math.pi else math.pi
        return np.stack([ahead, -upper, axis], axis=1), self._flexion * bend

    def _recent(self, t_s: float) -> _Past | None:
        if self._past is not None and 0.0 <= t_s - self._past.t_s <= _MEMORY_S:
            return self._past
        return None


def _across(vector: np.ndarray, along: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """(3,) unit: the part of `vector` across the unit vector `along`; of `fallback` if there is none."""
    for candidate in (vector, fallback, np.eye(3)[np.argmin(np.abs(along))]):
        across = candidate - (candidate @ along) * along
        length = math.sqrt(across @ across)
        if length > 1e-3:
            return np.asarray(across / length)
    raise ValueError(f"{along} is no direction")


def _turned(
    start: np.ndarray, goal: np.ndarray, about: np.ndarray, share: float = 1.0, limit_rad: float = math.pi
) -> np.ndarray:
    """(3,) unit: `start` turned about the unit vector `about`, across both, a share of the way to `goal`."""
    beside = _cross(about, start)
    angle = share * math.atan2(beside @ goal, start @ goal)
    angle = min(max(angle, -limit_rad), limit_rad)
    return _across(math.cos(angle) * start + math.sin(angle) * beside, about, fallback=start)


def _carried(axis: np.ndarray, before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(3,) unit: `axis`, across `before`, turned as the rotation without twist turns `before` into `now`."""
    turn, cos = _cross(before, now), float(before @ now)
    if cos < -1.0 + 1e-6:  # about which axis, nobody knows
        return _across(axis, now, fallback=turn)
    once = _cross(turn, axis)
    return _across(axis + once + _cross(turn, once) / (1.0 + cos), now, fallback=axis)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(3,) of single vectors, ten times as fast as numpy's of any number of them."""
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])
