"""A filter on what is seen, then constant velocity: what the filters for hands and for bodies share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from models.trajectory import SourceState
from models.window import SLOT_PERIOD_NS, SlottedWindow

FUTURE_SLOTS = 5  # instants past the newest frame, one slot apart

# A velocity taken from noisy detections is worth little after 0.1 s: later instants repeat that pose.
VELOCITY_TRUSTED_S = 0.1
# A gap longer than this is not bridged: what was followed counts as lost and the filter starts afresh.
GAP_BRIDGED_S = 0.25
# Detections nearer in time than this, as of frames that come in a burst, tell of no velocity.
SHORTEST_STEP_S = 0.004


class MotionFilter(Protocol):
    """A vector's value and its rate of change, from uneven samples."""

    value: np.ndarray | None
    rate: np.ndarray

    def update(self, x: np.ndarray, dt_s: float) -> np.ndarray: ...

    def reset(self) -> None: ...


class Passthrough:
    """No filter: the newest sample, and the difference quotient of the last two that lie apart."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None
        self.rate = np.zeros(0)

    def update(self, x: np.ndarray, dt_s: float) -> np.ndarray:
        if self.value is None:
            self.rate = np.zeros_like(x)
        elif dt_s >= SHORTEST_STEP_S:
            self.rate = (x - self.value) / dt_s
        self.value = x
        return x

    def reset(self) -> None:
        self.value, self.rate = None, np.zeros(0)


class FilteredMotion:
    """Follows the newest detection of window after window with a filter.

    Attributes:
        horizon_s: (H,) the instants foreseen, seconds past the newest frame.
    """

    def __init__(self, motion: MotionFilter) -> None:
        self.horizon_s = np.arange(1, FUTURE_SLOTS + 1) * (SLOT_PERIOD_NS * 1e-9)
        self._motion = motion
        self._t_last_ns: int | None = None

    @property
    def value(self) -> np.ndarray | None:
        """(D,) what the filter holds; None before the first detection and after a long gap."""
        return self._motion.value

    def instants(self, window: SlottedWindow) -> np.ndarray:
        """(1+H,) int64 ns: the newest frame's, and those foreseen."""
        return window.t_now_ns + np.arange(FUTURE_SLOTS + 1, dtype=np.int64) * SLOT_PERIOD_NS

    def follow(
        self, window: SlottedWindow, vector_of: Callable[[int], np.ndarray]
    ) -> tuple[SourceState, np.ndarray | None]:
        """Take in a window.

        Args:
            window: called for once per frame, in order of time.
            vector_of: what to follow of the detection in a slot, (D,).

        Returns:
            How well it is known, and the vectors (1+H,D) at `instants`; None when lost.
        """
        t_now_ns = window.t_now_ns
        if self._t_last_ns is not None and (t_now_ns - self._t_last_ns) * 1e-9 > GAP_BRIDGED_S:
            self._motion.reset()
        state: SourceState = "tracking" if window.observed[-1] else "predicting"
        # A frame that comes late, after time went on without it, stands in an earlier slot.
        newest = int(np.flatnonzero(window.observed)[-1]) if window.observed.any() else -1
        t_seen_ns = int(window.t_capture_ns[newest])
        if window.observed[newest] and (self._t_last_ns is None or t_seen_ns > self._t_last_ns):
            vector = vector_of(newest)
            dt_s = 0.0 if self._t_last_ns is None else (t_seen_ns - self._t_last_ns) * 1e-9
            self._motion.update(vector, dt_s)
            self._t_last_ns = t_seen_ns
            state = "tracking"
        if self._t_last_ns is None or self._motion.value is None:
            return "lost", None
        ahead_s = np.minimum((self.instants(window) - self._t_last_ns) * 1e-9, VELOCITY_TRUSTED_S)
        return state, self._motion.value + ahead_s[:, None] * self._motion.rate

    def reset(self) -> None:
        """Forget the past."""
        self._t_last_ns = None
        self._motion.reset()
