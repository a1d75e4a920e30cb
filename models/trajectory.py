"""What a temporal model says: the hand now and in the next instants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.observation import NUM_KEYPOINTS, Hand

SourceState = Literal["tracking", "predicting", "lost"]


@dataclass(frozen=True)
class HandTrajectory:
    """One hand at K instants; the first is the instant of capture of the newest frame.

    Attributes:
        hand: which of the operator's hands.
        source_state: "tracking" if the newest frame shows the hand, "predicting" while a gap is being
            bridged, "lost" when nothing can be said (all arrays are then NaN).
        t_capture_ns: capture time of the newest frame, ns; equals t_ns[0].
        t_ns: (K,) int64 instants, increasing.
        keypoints_m: (K,21,3) metres, wrist-relative, camera axes.
        wrist_m: (K,3) wrist in the camera frame, metres.
        rotations: (K,16,3,3) MANO-ordered rotations; the first is the wrist's in camera axes.
    """

    hand: Hand
    source_state: SourceState
    t_capture_ns: int
    t_ns: np.ndarray
    keypoints_m: np.ndarray
    wrist_m: np.ndarray
    rotations: np.ndarray

    @staticmethod
    def lost(hand: Hand, t_ns: np.ndarray) -> HandTrajectory:
        """The trajectory of a hand nothing is known about, at instants `t_ns` (K,)."""
        K = len(t_ns)
        return HandTrajectory(
            hand=hand,
            source_state="lost",
            t_capture_ns=int(t_ns[0]),
            t_ns=t_ns,
            keypoints_m=np.full((K, NUM_KEYPOINTS, 3), np.nan),
            wrist_m=np.full((K, 3), np.nan),
            rotations=np.full((K, 16, 3, 3), np.nan),
        )
