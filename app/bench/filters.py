"""The filters that temporal models are compared with, each causal (online) and without delay (offline).

They see hands as vectors, a row a frame, at 30 frames/s; a row of NaN is a frame without a detection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.filtered_motion import VELOCITY_TRUSTED_S
from models.one_euro import OneEuroFilter
from models.window import SLOT_RATE_HZ

_TRUSTED_FRAMES = round(VELOCITY_TRUSTED_S * SLOT_RATE_HZ)


@dataclass(frozen=True)
class Filtered:
    """What a filter says after each frame.

    Attributes:
        value: (N,D); NaN before the first detection.
        rate: (N,D) change per frame to expect; None if the filter has no opinion and stays where it is.
    """

    value: np.ndarray
    rate: np.ndarray | None = None


class Filter(Protocol):
    """A way to smooth."""

    def online(self, x: np.ndarray) -> Filtered:
        """Row t of the answer from rows 0 … t of x (N,D)."""
        ...

    def offline(self, x: np.ndarray) -> np.ndarray:
        """(N,D), every row knowing all of x (N,D)."""
        ...


@dataclass(frozen=True)
class Hold:
    """Nothing but the last detection, held; offline, straight lines across gaps."""

    def online(self, x: np.ndarray) -> Filtered:
        return Filtered(held(x))

    def offline(self, x: np.ndarray) -> np.ndarray:
        return bridged(x)


@dataclass(frozen=True)
class ConstantVelocity:
    """On from the last detection as from the one before it to the last, for as long as nothing is seen."""

    def online(self, x: np.ndarray) -> Filtered:
        value, rate = np.full_like(x, np.nan), np.zeros_like(x)
        before: int | None = None
        for t, row in enumerate(x):
            if np.isfinite(row).all():
                if before is not None:
                    rate[t] = (row - x[before]) / (t - before)
                value[t], before = row, t
            elif before is not None:
                rate[t] = rate[t - 1]
                value[t] = value[t - 1] + rate[t]
        return Filtered(value, rate)

    def offline(self, x: np.ndarray) -> np.ndarray:
        return bridged(x)


@dataclass(frozen=True)
class OneEuro:
    """The One-Euro filter, `models.one_euro`.

    Attributes:
        min_cutoff_hz: cut-off at rest.
        beta: Hz per m/s.
    """

    min_cutoff_hz: float
    beta: float

    def online(self, x: np.ndarray) -> Filtered:
        one_euro = OneEuroFilter(self.min_cutoff_hz, self.beta)
        value, rate = np.full_like(x, np.nan), np.zeros_like(x)
        before: int | None = None
        for t, row in enumerate(x):
            if np.isfinite(row).all():
                value[t] = one_euro.update(row, 0.0 if before is None else (t - before) / SLOT_RATE_HZ)
                # Its own rate is of what comes in against what went out: too large for a filter that lags.
                rate[t] = 0.0 if before is None else (value[t] - value[before]) / (t - before)
                before = t
            elif before is not None:
                value[t], rate[t] = value[t - 1], rate[t - 1]
        return Filtered(value, rate)

    def offline(self, x: np.ndarray) -> np.ndarray:
        return both_ways(self, x)


@dataclass(frozen=True)
class Ema:
    """An exponential mean: each detection counts for `share`, all before it for the rest."""

    share: float = 0.2

    def online(self, x: np.ndarray) -> Filtered:
        value = np.full_like(x, np.nan)
        state: np.ndarray | None = None
        for t, row in enumerate(x):
            if np.isfinite(row).all():
                state = row if state is None else state + self.share * (row - state)
            if state is not None:
                value[t] = state
        return Filtered(value)

    def offline(self, x: np.ndarray) -> np.ndarray:
        return both_ways(self, x)


@dataclass(frozen=True)
class Median:
    """The median of the last frames, or of those around; gaps hold the last detection."""

    window: int = 5

    def online(self, x: np.ndarray) -> Filtered:
        return Filtered(np.median(_windows(held(x), self.window - 1, 0), axis=-1))

    def offline(self, x: np.ndarray) -> np.ndarray:
        half = self.window // 2
        return np.asarray(np.median(_windows(bridged(x), half, half), axis=-1))


@dataclass(frozen=True)
class SavitzkyGolay:
    """A polynomial fitted to the last frames, taken at its end; offline to those around, in the middle."""

    window: int = 9
    order: int = 2

    def online(self, x: np.ndarray) -> Filtered:
        return Filtered(_windows(held(x), self.window - 1, 0) @ self._weights(self.window - 1))

    def offline(self, x: np.ndarray) -> np.ndarray:
        half = self.window // 2
        return np.asarray(_windows(bridged(x), half, half) @ self._weights(half))

    def _weights(self, at: int) -> np.ndarray:
        """(window,) what each frame counts for the polynomial's value at the frame `at`."""
        powers = np.vander(np.arange(self.window) - at, self.order + 1, increasing=True)
        return np.asarray(np.linalg.pinv(powers.astype(float))[0])


@dataclass(frozen=True)
class Kalman:
    """A Kalman filter for constant velocity with its steady gain; predicts for 0.1 s, then stays.

    Attributes:
        agility: variance of the acceleration over that of a detection, frames⁻⁴: higher follows faster.
    """

    agility: float

    @property
    def gain(self) -> tuple[float, float]:
        """How much of a surprise goes into the value and into the rate (Kalata, the α-β tracker, 1984)."""
        index = math.sqrt(self.agility)
        r = (4.0 + index - math.sqrt(8.0 * index + index**2)) / 4.0
        return 1.0 - r**2, 2.0 * (1.0 - r) ** 2

    def online(self, x: np.ndarray) -> Filtered:
        values, rates = np.full_like(x, np.nan), np.zeros_like(x)
        into_value, into_rate = self.gain
        value: np.ndarray | None = None
        rate, missed = np.zeros(x.shape[1]), 0
        for t, row in enumerate(x):
            seen = bool(np.isfinite(row).all())
            missed = 0 if seen else missed + 1
            if value is None:
                value = row if seen else None
            else:
                rate = np.zeros_like(rate) if missed > _TRUSTED_FRAMES else rate
                value = value + rate
                if seen:
                    surprise = row - value
                    value, rate = value + into_value * surprise, rate + into_rate * surprise
            if value is not None:
                values[t], rates[t] = value, rate
        return Filtered(values, rates)

    def offline(self, x: np.ndarray) -> np.ndarray:
        return both_ways(self, x)


def held(x: np.ndarray) -> np.ndarray:
    """x (N,…) with the last finite frame repeated where one is NaN; NaN before the first."""
    seen = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    last = np.maximum.accumulate(np.where(seen, np.arange(len(x)), -1))
    return np.where((last >= 0).reshape(-1, *[1] * (x.ndim - 1)), x[np.maximum(last, 0)], np.nan)


def bridged(x: np.ndarray) -> np.ndarray:
    """x (N,D) with straight lines across its gaps and its ends repeated."""
    (seen,) = np.nonzero(np.isfinite(x).all(axis=1))
    frames = np.arange(len(x))
    return np.stack([np.interp(frames, seen, column) for column in x[seen].T], axis=1)


def both_ways(smoother: Filter, x: np.ndarray) -> np.ndarray:
    """Filtered forward, then backward: what one direction delays the other advances."""
    forward = smoother.online(bridged(x)).value
    return smoother.online(forward[::-1]).value[::-1]


def _windows(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """(N,D,before+1+after) the frames around each; past the ends the outermost finite frame is repeated."""
    (seen,) = np.nonzero(np.isfinite(x).all(axis=1))
    filled = x.copy()
    filled[: seen[0]] = x[seen[0]]
    padded = np.pad(filled, ((before, after), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, before + 1 + after, axis=0).copy()
    windows[: seen[0]] = np.nan
    return windows
