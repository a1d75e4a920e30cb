"""The trace of a body: one row per source frame, beside the hand's rows or alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.body_keypoints import NUM_BODY_JOINTS, NUM_BODY_KEYPOINTS

BODY_STAGES = ("capture", "body_detect", "body_temporal", "body_publish")


@dataclass(frozen=True)
class BodyTraceRow:
    """What the pipeline saw and estimated of the body in one frame; shapes as in docs/trace.md."""

    t_capture_s: float
    body_detected: bool
    body_keypoints_image_px: np.ndarray
    body_keypoints_raw_m: np.ndarray
    body_score: np.ndarray
    body_keypoints_m: np.ndarray
    body_keypoints_future_m: np.ndarray
    body_rotations: np.ndarray
    body_hip_m: np.ndarray
    stage_ms: dict[str, float]
    body_age_ms: float


@dataclass
class BodyTrace:
    """Rows of the body, in the order of the frames.

    Attributes:
        horizon_s: (H,) instants of body_keypoints_future_m, seconds past capture.
    """

    horizon_s: np.ndarray
    rows: list[BodyTraceRow] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """The trace as named arrays, one row a frame."""
        rows, K = self.rows, NUM_BODY_KEYPOINTS
        shapes: dict[str, tuple[int, ...]] = {
            "t_capture_s": (),
            "body_keypoints_image_px": (K, 2),
            "body_keypoints_raw_m": (K, 3),
            "body_score": (K,),
            "body_keypoints_m": (K, 3),
            "body_keypoints_future_m": (len(self.horizon_s), K, 3),
            "body_rotations": (NUM_BODY_JOINTS, 3, 3),
            "body_hip_m": (3,),
            "body_age_ms": (),
        }
        arrays = {
            "body_detected": np.array([row.body_detected for row in rows], dtype=bool),
            "body_horizon_s": self.horizon_s,
        }
        for name, shape in shapes.items():
            values = np.array([getattr(row, name) for row in rows], dtype=np.float64)
            arrays[name] = values.reshape(-1, *shape)
        for stage in BODY_STAGES:
            arrays[f"stage_ms_{stage}"] = np.array([row.stage_ms.get(stage, np.nan) for row in rows])
        return arrays
