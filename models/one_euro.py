"""The One-Euro filter: a low-pass whose cut-off rises with speed (Casiez, Roussel, Vogel, CHI 2012)."""

from __future__ import annotations

import math

import numpy as np


def smoothing_factor(cutoff_hz: np.ndarray | float, dt_s: float) -> np.ndarray | float:
    """Weight of the new sample in a first-order low-pass of `cutoff_hz` sampled every `dt_s`."""
    r = 2.0 * math.pi * cutoff_hz * dt_s
    return r / (r + 1.0)


class OneEuroFilter:
    """Filters every component of a vector on its own, at uneven sample times.

    Attributes:
        value: (D,) filtered value, None before the first sample.
        rate: (D,) low-passed derivative, per second.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, derivative_cutoff_hz: float = 1.0) -> None:
        """
        Args:
            min_cutoff_hz: cut-off at rest, Hz, > 0; lower is steadier.
            beta: cut-off gained per unit of speed, ≥ 0; higher lags less.
            derivative_cutoff_hz: cut-off of the speed estimate, Hz, > 0.
        """
        if min_cutoff_hz <= 0 or derivative_cutoff_hz <= 0 or beta < 0:
            raise ValueError(
                f"One-Euro needs cut-offs > 0 and beta >= 0, got min_cutoff_hz={min_cutoff_hz}, "
                f"derivative_cutoff_hz={derivative_cutoff_hz}, beta={beta}"
            )
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._derivative_cutoff_hz = derivative_cutoff_hz
        self.value: np.ndarray | None = None
        self.rate = np.zeros(0)

    def update(self, x: np.ndarray, dt_s: float) -> np.ndarray:
        """The filtered value after sample `x` (D,), `dt_s` > 0 seconds after the one before."""
        if self.value is None:
            self.value, self.rate = x.copy(), np.zeros_like(x)
            return self.value
        speed = (x - self.value) / dt_s
        self.rate = self.rate + smoothing_factor(self._derivative_cutoff_hz, dt_s) * (speed - self.rate)
        cutoff_hz = self._min_cutoff_hz + self._beta * np.abs(self.rate)
        self.value = self.value + smoothing_factor(cutoff_hz, dt_s) * (x - self.value)
        return self.value

    def reset(self) -> None:
        """Forget everything: the next sample passes unchanged."""
        self.value, self.rate = None, np.zeros(0)
