"""The trace of a run: one row per source frame, for benchmarks and for comparing runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.files import write_atomically

STAGES = ("capture", "detect", "temporal", "retarget", "publish")


@dataclass(frozen=True)
class TraceRow:
    """What the pipeline saw, estimated and sent for one frame and one hand; shapes as in docs/trace.md."""

    t_capture_s: float
    detected: bool
    keypoints_image_px: np.ndarray
    keypoints_raw_m: np.ndarray
    keypoints_m: np.ndarray
    keypoints_future_m: np.ndarray
    rotations: np.ndarray
    wrist_m: np.ndarray
    q_rad: np.ndarray
    q_sent_rad: np.ndarray
    stage_ms: dict[str, float]
    age_ms: float


@dataclass
class Trace:
    """Rows of one hand, in the order of the frames.

    Attributes:
        horizon_s: (H,) instants of keypoints_future_m, seconds past capture.
        joint_names: order of q_rad and q_sent_rad.
    """

    horizon_s: np.ndarray
    joint_names: tuple[str, ...]
    rows: list[TraceRow] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """The trace as named arrays, one row a frame."""
        rows, n = self.rows, len(self.joint_names)
        shapes = {
            "keypoints_image_px": (21, 2),
            "keypoints_raw_m": (21, 3),
            "keypoints_m": (21, 3),
            "keypoints_future_m": (len(self.horizon_s), 21, 3),
            "rotations": (16, 3, 3),
            "wrist_m": (3,),
            "q_rad": (n,),
            "q_sent_rad": (n,),
        }
        arrays = {
            "t_capture_s": np.array([row.t_capture_s for row in rows], dtype=np.float64),
            "detected": np.array([row.detected for row in rows], dtype=bool),
            "horizon_s": self.horizon_s,
            "joint_names": np.array(self.joint_names),
            "age_ms": np.array([row.age_ms for row in rows], dtype=np.float64),
        }
        for name, shape in shapes.items():
            arrays[name] = np.array([getattr(row, name) for row in rows], dtype=np.float64).reshape(
                -1, *shape
            )
        for stage in STAGES:
            arrays[f"stage_ms_{stage}"] = np.array([row.stage_ms.get(stage, np.nan) for row in rows])
        return arrays

    def save(self, path: Path) -> None:
        """Write the trace as .npz; the file appears whole or not at all.

        Raises:
            AppError: the place cannot be written.
        """
        save_arrays(self.arrays(), path)


def save_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write named arrays as .npz; the file appears whole or not at all.

    Raises:
        AppError: the place cannot be written.
    """
    with write_atomically(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
