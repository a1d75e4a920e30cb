"""The last two seconds of one hand on a fixed time grid: what a temporal model looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from models.camera import Camera
from models.observation import Hand

WINDOW_SLOTS = 64
SLOT_RATE_HZ = 30
SLOT_PERIOD_NS = 1_000_000_000 // SLOT_RATE_HZ
# What was computed ahead for a window that ends so much earlier or later holds: older detections are
# said to be off their slots by a thirtieth of a slot too little or too much, no more.
SAME_END_NS = 1_000_000


class SlottedWindow(Protocol):
    """What windows of hands and of bodies have in common; see `Window`."""

    @property
    def t_ns(self) -> np.ndarray: ...
    @property
    def observed(self) -> np.ndarray: ...
    @property
    def t_capture_ns(self) -> np.ndarray: ...
    @property
    def t_now_ns(self) -> int: ...


@dataclass(frozen=True)
class Window:
    """Observations of one hand in T slots, oldest first; the last slot is "now".

    Attributes:
        hand: which of the operator's hands.
        camera: the camera that saw it.
        t_ns: (T,) int64 slot times, one slot period apart; t_ns[-1] is the newest frame's capture time.
        observed: (T,) bool, True where a detection fell into the slot.
        t_capture_ns: (T,) int64 capture time of that detection, 0 where there is none.
        keypoints_m: (T,21,3) metres, wrist-relative, camera axes; NaN where not observed.
        keypoints_px: (T,21,2) pixels; NaN where not observed.
        depth_px: (T,21) second opinion on depth, see Observation; NaN where there is none.
        wrist_m: (T,3) wrist in the camera frame, metres; NaN where not observed.
        score: (T,) detector confidence, 0 where not observed.
    """

    hand: Hand
    camera: Camera
    t_ns: np.ndarray
    observed: np.ndarray
    t_capture_ns: np.ndarray
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    depth_px: np.ndarray
    wrist_m: np.ndarray
    score: np.ndarray

    @property
    def t_now_ns(self) -> int:
        """Time of the last slot, ns."""
        return int(self.t_ns[-1])

    def without_newest(self) -> Window:
        """The same before anything is known of its newest slot."""
        observed = self.observed.copy()
        observed[-1] = False
        return replace(self, observed=observed)
