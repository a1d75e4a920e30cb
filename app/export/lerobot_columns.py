"""The columns of a LeRobot dataset: what each is called, and its values in one episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.export.hand_columns import HandColumns
from models.observation import NUM_KEYPOINTS, Hand

CAMERA = "observation.images.camera"
STATE = "observation.state"
ACTION = "action"


@dataclass(frozen=True)
class Column:
    """One feature of a dataset over K rows.

    Attributes:
        dtype: as LeRobot calls it: float32, float64, int64, bool or string.
        values: (K,) or (K,n).
        names: n names of the numbers in a row; None for a single one.
    """

    dtype: str
    values: np.ndarray
    names: list[str] | None = None

    @property
    def feature(self) -> dict[str, Any]:
        """Its entry in info.json."""
        width = 1 if self.values.ndim == 1 else self.values.shape[1]
        return {"dtype": self.dtype, "shape": [width], "names": self.names}


def joint_keys(hand: Hand, joint_names: Sequence[str], several: bool) -> list[str]:
    """What LeRobot's robots call these joints' positions; with the hand's name where both are driven."""
    return [f"{hand}_{name}.pos" if several else f"{name}.pos" for name in joint_names]


def recorded_columns(hands: Sequence[HandColumns], captured_s: np.ndarray) -> dict[str, Column]:
    """What was recorded, row by row of an episode.

    Only state and action have the names that policies learn from by themselves; the rest stands under names
    of its own, for whoever asks for it.

    Args:
        hands: each with K rows, at the rows' moments.
        captured_s: (K,) when each row's image was captured, from the start of the recording on, s.
    """
    several = len(hands) > 1
    keys = [key for hand in hands for key in joint_keys(hand.hand, hand.joint_names, several)]
    columns = {ACTION: _floats(np.concatenate([hand.commanded_rad for hand in hands], axis=1), keys)}
    measured_rad = np.concatenate([hand.measured_rad for hand in hands], axis=1)
    if not np.isnan(measured_rad).any():
        columns[STATE] = _floats(measured_rad, keys)
    columns["camera.capture_time_s"] = Column("float64", captured_s)
    for hand in hands:
        columns.update(_of_hand(hand))
    return columns


def counted_columns(episode: int, start: int, K: int, fps: int, task: int) -> dict[str, Column]:
    """The columns LeRobot counts rows by, for an episode of K rows that begins at row `start`."""
    rows = np.arange(K, dtype=np.int64)
    return {
        "timestamp": Column("float32", rows / fps),
        "frame_index": Column("int64", rows),
        "episode_index": Column("int64", np.full(K, episode)),
        "index": Column("int64", start + rows),
        "task_index": Column("int64", np.full(K, task)),
    }


def _of_hand(hand: HandColumns) -> dict[str, Column]:
    K = len(hand.t_capture_ns)
    metres = [f"{i}.{axis}" for i in range(NUM_KEYPOINTS) for axis in "xyz"]
    pixels = [f"{i}.{axis}" for i in range(NUM_KEYPOINTS) for axis in "xy"]
    columns = {
        "source_state": Column("string", hand.source_state),
        "detected": Column("bool", hand.detected),
        "keypoints_m": _floats(hand.keypoints_m.reshape(K, -1), metres),
        "keypoints_px": _floats(hand.keypoints_px.reshape(K, -1), pixels),
        "wrist_m": _floats(hand.wrist_m, ["x", "y", "z"]),
        "age_ms": Column("float32", hand.age_ms),
        "robot_mode": Column("string", hand.mode),
    }
    return {f"hand.{hand.hand}.{name}": column for name, column in columns.items()}


def _floats(values: np.ndarray, names: list[str]) -> Column:
    return Column("float32", values, names)
