"""Up with what the hand holds and down again, by touch alone; and what fell is put back."""

from __future__ import annotations

import numpy as np

HEIGHT_M = 0.08
_HELD_N = 0.10  # of the thumb and of a finger; the object's weight needs less than this
_HELD_NS = 400_000_000
_LOST_NS = 1_000_000_000
_LYING_NS = 2_000_000_000


class Lift:
    """Up once thumb and finger have both pushed for 0.4 s, down once they have not for 1 s."""

    def __init__(self) -> None:
        self.height_m = 0.0
        self._since_ns: int | None = None  # when what is felt began to ask for the other height

    def step(self, t_ns: int, holding: bool) -> float:
        """The height wanted now, m.

        Args:
            t_ns: simulated time.
            holding: whether thumb and finger push on the object, see `holds`.
        """
        if holding == (self.height_m > 0.0):
            self._since_ns = None
            return self.height_m
        if self._since_ns is None:
            self._since_ns = t_ns
        if t_ns - self._since_ns >= (_HELD_NS if holding else _LOST_NS):
            self.height_m = HEIGHT_M if holding else 0.0
            self._since_ns = None
        return self.height_m

    def reset(self) -> None:
        """Be down."""
        self.height_m, self._since_ns = 0.0, None


class PutBack:
    """Says when a thing has lain beside its place for 2 s, untouched and with the wrist down."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def step(self, t_ns: int, lost: bool) -> bool:
        """Whether to put it back now.

        Args:
            t_ns: simulated time.
            lost: whether it lies beside its place and the hand is not at it.
        """
        if not lost:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = t_ns
        return self._since_ns is not None and t_ns - self._since_ns >= _LYING_NS


def holds(forces_n: np.ndarray) -> bool:
    """Whether the forces (4,) N of thumb, index, middle and ring on an object are a grip."""
    return bool(forces_n[0] >= _HELD_N and forces_n[1:].max() >= _HELD_N)
