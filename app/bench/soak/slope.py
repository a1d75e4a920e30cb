"""How fast a figure grows, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_NORMAL_95 = 1.959964  # two-sided
_FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Slope:
    """Growth an hour, with its 95 % interval.

    Attributes:
        per_hour: the slope.
        low, high: the interval.
        blocks: means it was told from.
        autocorrelation: of neighbouring means about the line.
    """

    per_hour: float
    low: float
    high: float
    blocks: int
    autocorrelation: float


def block_means(
    t_s: np.ndarray, values: np.ndarray, block_s: float, skip_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean time and mean value of every whole block after the first `skip_s`.

    Args:
        t_s: (N,) times of the samples, seconds, increasing.
        values: (N,) samples.
        block_s: length of a block.
        skip_s: what comes before this is left out.
    """
    t_s, values = np.asarray(t_s, dtype=float), np.asarray(values, dtype=float)
    number = np.floor((t_s - skip_s) / block_s).astype(int)
    last = math.floor((t_s[-1] - skip_s) / block_s) if len(t_s) else 0  # not whole
    blocks = [np.flatnonzero(number == i) for i in range(last)]
    blocks = [block for block in blocks if len(block)]
    return (
        np.array([t_s[block].mean() for block in blocks]),
        np.array([values[block].mean() for block in blocks]),
    )


def growth(t_s: np.ndarray, values: np.ndarray, block_s: float = 60.0, skip_s: float = 120.0) -> Slope | None:
    """The slope of block means after Theil and Sen; None with fewer than four blocks.

    Neighbouring samples of a process's memory are nearly the same sample, means over blocks much less so.
    What is left of that widens the interval: Sen's (J. Am. Stat. Assoc. 63, 1968), its variance corrected for
    the autocorrelation r of neighbours by (1 + r) / (1 - r), as Hamed and Rao do (J. Hydrology 204, 1998).

    Args:
        t_s: (N,) times of the samples, seconds, increasing.
        values: (N,) samples.
        block_s: length of a block.
        skip_s: the beginning, which is left out.
    """
    t_s, means = block_means(t_s, values, block_s, skip_s)
    n = len(means)
    if n < _FEWEST_BLOCKS:
        return None
    first, second = np.triu_indices(n, 1)
    slopes = np.sort(3600.0 * (means[second] - means[first]) / (t_s[second] - t_s[first]))
    slope = float(np.median(slopes))
    r = _autocorrelation(means - slope / 3600.0 * t_s)
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0 * (1.0 + r) / (1.0 - r))
    low = round((len(slopes) - _NORMAL_95 * deviation) / 2.0)
    high = round((len(slopes) + _NORMAL_95 * deviation) / 2.0)
    return Slope(
        slope,
        float(slopes[low - 1]) if low >= 1 else -math.inf,
        float(slopes[high]) if high < len(slopes) else math.inf,
        n,
        r,
    )


def _autocorrelation(residuals: np.ndarray) -> float:
    """Of neighbours, 0 to 0.9: what is negative would narrow an interval, and few values cannot tell.

    About a line through few values it comes out too low, by about (2 + 4 r) / n.
    """
    residuals = residuals - residuals.mean()
    power = float((residuals**2).sum())
    if power < 1e-12:
        return 0.0
    r = float((residuals[1:] * residuals[:-1]).sum()) / power
    return float(np.clip(r + (2.0 + 4.0 * r) / len(residuals), 0.0, 0.9))
