"""What the detector says about one hand in one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Hand = Literal["right", "left"]

NUM_KEYPOINTS = 21


@dataclass(frozen=True)
class Observation:
    """One hand in one frame, detected or not.

    Attributes:
        t_capture_ns: monotonic time of the frame, ns.
        hand: which of the operator's hands, as the person would say it.
        detected: False when the detector saw no such hand; the arrays are then all NaN.
        keypoints_m: (21,3) float64, MediaPipe order, metres, relative to the wrist, camera axes
            (x right, y down, z forward).
        keypoints_px: (21,2) float64, image pixels, x right, y down, of the unmirrored image.
        image_size_px: (width, height) of that image.
        score: detector confidence of the hand label, 0–1; 0 when not detected.
        depth_px: (21,) float64, a second opinion on depth: relative to the wrist, away from the camera, on
            the scale of keypoints_px; NaN where the detector has none.
    """

    t_capture_ns: int
    hand: Hand
    detected: bool
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    image_size_px: tuple[int, int]
    score: float
    depth_px: np.ndarray = field(default_factory=lambda: np.full(NUM_KEYPOINTS, np.nan))

    @staticmethod
    def missing(t_capture_ns: int, hand: Hand, image_size_px: tuple[int, int]) -> Observation:
        """The observation of a frame in which `hand` was not seen."""
        return Observation(
            t_capture_ns=t_capture_ns,
            hand=hand,
            detected=False,
            keypoints_m=np.full((NUM_KEYPOINTS, 3), np.nan),
            keypoints_px=np.full((NUM_KEYPOINTS, 2), np.nan),
            image_size_px=image_size_px,
            score=0.0,
        )
