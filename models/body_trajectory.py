"""What a temporal model says of a body: now and in the next instants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body_keypoints import NUM_BODY_JOINTS, NUM_BODY_KEYPOINTS
from models.trajectory import SourceState


@dataclass(frozen=True)
class BodyTrajectory:
    """One body at K instants; the first is the instant of capture of the newest frame.

    Attributes:
        source_state: "tracking" if the newest frame shows the body, "predicting" while a gap is being
            bridged, "lost" when nothing can be said (all arrays are then NaN).
        t_capture_ns: capture time of the newest frame, ns; equals t_ns[0].
        t_ns: (K,) int64 instants, increasing.
        keypoints_m: (K,17,3) H36M, metres, hip-relative, camera axes.
        hip_m: (K,3) the hip keypoint in the camera frame, metres.
        rotations: (K,24,3,3) SMPL order; the pelvis' takes the rest pose to camera axes.
    """

    source_state: SourceState
    t_capture_ns: int
    t_ns: np.ndarray
    keypoints_m: np.ndarray
    hip_m: np.ndarray
    rotations: np.ndarray

    @staticmethod
    def lost(t_ns: np.ndarray) -> BodyTrajectory:
        """The trajectory of a body nothing is known about, at instants `t_ns` (K,)."""
        K = len(t_ns)
        return BodyTrajectory(
            source_state="lost",
            t_capture_ns=int(t_ns[0]),
            t_ns=t_ns,
            keypoints_m=np.full((K, NUM_BODY_KEYPOINTS, 3), np.nan),
            hip_m=np.full((K, 3), np.nan),
            rotations=np.full((K, NUM_BODY_JOINTS, 3, 3), np.nan),
        )
