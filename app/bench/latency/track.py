"""Signals over time, sampled anew: what the judge works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Track:
    """Values over time.

    Attributes:
        t_s: (M,) increasing.
        values: (M,…) one entry a time.
    """

    t_s: np.ndarray
    values: np.ndarray

    def at(self, t_s: np.ndarray) -> np.ndarray:
        """(T,…) at other times, linear in between; before and after, the nearest value holds."""
        columns = self.values.reshape(len(self.values), -1)
        found = np.stack([np.interp(t_s, self.t_s, column) for column in columns.T], axis=1)
        return found.reshape(len(t_s), *self.values.shape[1:])


def smoothed(values: np.ndarray, width: int) -> np.ndarray:
    """Centred moving average (T,…) over `width` samples, an odd number; shorter toward the ends.

    The window shrinks on both sides alike, so a straight line stays where it is.
    """
    count = len(values)
    index = np.arange(count)
    half = np.minimum(np.minimum(width // 2, index), count - 1 - index)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    size = (2 * half + 1).reshape(-1, *[1] * (values.ndim - 1))
    average: np.ndarray = (sums[index + half + 1] - sums[index - half]) / size
    return average


def runs(flags: np.ndarray) -> list[slice]:
    """Where (T,) bool is true without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
