"""What console and video are shown of a body: what was seen, what is made of it, how the humanoid stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.body_lane import BodyLaneFrame
from app.console.source_phase import SourcePhase


@dataclass(frozen=True)
class BodySnapshot:
    """The operator's body in the newest frame.

    Attributes:
        keypoints_px: (17,2) where the detector saw the body, pixels of the source; NaN where it did not.
        estimate_px: (17,2) where the temporal stage says it is; NaN while it is lost.
        rotations: (24,3,3) SMPL order, camera axes; NaN while lost.
        hip_m: (3,) camera frame; NaN while lost.
        t_s: capture time of the frame, seconds on the run's clock.
        source_state: "searching", "tracking", "predicting" or "lost".
    """

    keypoints_px: np.ndarray
    estimate_px: np.ndarray
    rotations: np.ndarray
    hip_m: np.ndarray
    t_s: float
    source_state: SourcePhase

    @staticmethod
    def of(frame: BodyLaneFrame, source_state: SourcePhase) -> BodySnapshot:
        """From what became of a frame in the body's lane."""
        trajectory = frame.trajectory
        return BodySnapshot(
            keypoints_px=frame.observation.keypoints_px,
            estimate_px=frame.estimate_px,
            rotations=trajectory.rotations[0].astype(np.float32),
            hip_m=trajectory.hip_m[0].copy(),
            t_s=trajectory.t_capture_ns * 1e-9,
            source_state=source_state,
        )

    def encode(self) -> dict[str, Any]:
        """Plain values, for msgpack."""
        arrays = {name: np.asarray(getattr(self, name)).ravel().tolist() for name in _SHAPES}
        return {**arrays, "t_s": self.t_s, "source_state": self.source_state}

    @staticmethod
    def decode(data: dict[str, Any]) -> BodySnapshot:
        """The snapshot in what `encode` gave."""
        arrays = {
            name: np.array(data[name], dtype=np.float64).reshape(shape) for name, shape in _SHAPES.items()
        }
        return BodySnapshot(**{**data, **arrays})


_SHAPES: dict[str, tuple[int, ...]] = {
    "keypoints_px": (-1, 2),
    "estimate_px": (-1, 2),
    "rotations": (-1, 3, 3),
    "hip_m": (-1,),
}
