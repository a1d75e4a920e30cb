"""What the body detector says about one person in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body_keypoints import NUM_BODY_KEYPOINTS


@dataclass(frozen=True)
class BodyObservation:
    """One person in one frame, detected or not.

    Attributes:
        t_capture_ns: monotonic time of the frame, ns.
        detected: False when the detector saw nobody; the arrays are then all NaN, but `score`, which is zero.
        keypoints_m: (17,3) float64, H36M order, metres, relative to the hip (keypoint 0), camera axes
            (x right, y down, z forward).
        keypoints_px: (17,2) float64, image pixels, x right, y down, of the unmirrored image; outside it for
            what the detector believes to be there.
        score: (17,) how visible the detector says each keypoint is, 0–1.
        image_size_px: (width, height) of that image.
    """

    t_capture_ns: int
    detected: bool
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    score: np.ndarray
    image_size_px: tuple[int, int]

    @staticmethod
    def missing(t_capture_ns: int, image_size_px: tuple[int, int]) -> BodyObservation:
        """The observation of a frame in which nobody was seen."""
        return BodyObservation(
            t_capture_ns=t_capture_ns,
            detected=False,
            keypoints_m=np.full((NUM_BODY_KEYPOINTS, 3), np.nan),
            keypoints_px=np.full((NUM_BODY_KEYPOINTS, 2), np.nan),
            score=np.zeros(NUM_BODY_KEYPOINTS),
            image_size_px=image_size_px,
        )
