"""The last two seconds of one body on the fixed time grid of `models.window`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.camera import Camera


@dataclass(frozen=True)
class BodyWindow:
    """Observations of one body in T = WINDOW_SLOTS slots, oldest first; the last slot is "now".

    Attributes:
        camera: the camera that saw it.
        t_ns: (T,) int64 slot times, one slot period apart; t_ns[-1] is the newest frame's capture time.
        observed: (T,) bool, True where a detection fell into the slot.
        t_capture_ns: (T,) int64 capture time of that detection, 0 where there is none.
        keypoints_m: (T,17,3) H36M, metres, hip-relative, camera axes; NaN where not observed.
        keypoints_px: (T,17,2) pixels; NaN where not observed.
        score: (T,17) how visible the detector says each keypoint is, 0–1; 0 where not observed.
    """

    camera: Camera
    t_ns: np.ndarray
    observed: np.ndarray
    t_capture_ns: np.ndarray
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    score: np.ndarray

    @property
    def t_now_ns(self) -> int:
        """Time of the last slot, ns."""
        return int(self.t_ns[-1])
