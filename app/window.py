"""Observations of one hand, kept on the 64-slot, 30 Hz grid that temporal models look at."""

from __future__ import annotations

import numpy as np

from app.timeline import Timeline
from models.camera import Camera
from models.canonical import bone_lengths
from models.observation import NUM_KEYPOINTS, Hand, Observation
from models.window import WINDOW_SLOTS, Window

SHORTEST_BONE_M = 1e-5  # shorter ones have no direction

# What is kept of a detection, in one row, as a window is laid out anew for every frame.
_LENGTHS = (NUM_KEYPOINTS * 3, NUM_KEYPOINTS * 2, 1, NUM_KEYPOINTS, 3)
_M, _PX, _SCORE, _DEPTH, _WRIST = (
    slice(end - length, end) for length, end in zip(_LENGTHS, np.cumsum(_LENGTHS), strict=True)
)
_NEEDED = slice(0, _SCORE.stop)  # a detection without these is none


class ObservationWindow:
    """Collects observations and lays the last 64 slots out on request, see Timeline."""

    def __init__(self, hand: Hand, camera: Camera) -> None:
        """
        Args:
            hand: the hand whose observations are added.
            camera: where its pixels come from; used to place the wrist.
        """
        self._hand = hand
        self.camera = camera
        self._timeline: Timeline[np.ndarray] = Timeline()

    def add(self, observation: Observation) -> None:
        """Take one frame's observation, detected or not; one that arrives late takes its place in time.

        Raises:
            ValueError: the observation is of the other hand.
        """
        if observation.hand != self._hand:
            raise ValueError(f"this window holds the {self._hand} hand, got the {observation.hand} hand")
        self.advance(observation.t_capture_ns)
        if not observation.detected:
            return
        row = np.empty(sum(_LENGTHS))
        row[_M] = np.ravel(observation.keypoints_m)
        row[_PX] = np.ravel(observation.keypoints_px)
        row[_SCORE] = observation.score
        row[_DEPTH] = observation.depth_px
        if not np.isfinite(row[_NEEDED]).all():
            return
        keypoints_m, keypoints_px = _keypoints_m(row), _keypoints_px(row)
        if (bone_lengths(keypoints_m) > SHORTEST_BONE_M).all():
            row[_WRIST] = self.camera.locate_wrist(keypoints_m, keypoints_px)
            self._timeline.insert(observation.t_capture_ns, row)

    def advance(self, t_now_ns: int) -> None:
        """Move the end of the grid to `t_now_ns` (ns) if that is later: time passes without frames too."""
        self._timeline.advance(t_now_ns)

    @property
    def t_now_ns(self) -> int | None:
        """Where the grid ends; None before anything was added."""
        return self._timeline.t_now_ns

    def snapshot(self, t_now_ns: int | None = None) -> Window:
        """The window that ends now.

        Args:
            t_now_ns: as it would be then, were nothing more seen; None is now.

        Raises:
            ValueError: nothing was added yet, so there is no "now".
        """
        T = WINDOW_SLOTS
        observed = np.zeros(T, dtype=bool)
        t_capture_ns = np.zeros(T, dtype=np.int64)
        rows = np.full((T, sum(_LENGTHS)), np.nan)
        seen = self._timeline.slots(t_now_ns)
        if seen:
            slots = list(seen)
            times_ns, detections = zip(*seen.values(), strict=True)
            observed[slots] = True
            t_capture_ns[slots] = times_ns
            rows[slots] = detections
        return Window(
            hand=self._hand,
            camera=self.camera,
            t_ns=self._timeline.t_ns(t_now_ns),
            observed=observed,
            t_capture_ns=t_capture_ns,
            keypoints_m=_keypoints_m(rows),
            keypoints_px=_keypoints_px(rows),
            depth_px=rows[:, _DEPTH],
            wrist_m=rows[:, _WRIST],
            score=np.where(observed, rows[:, _SCORE.start], 0.0),
        )


def _keypoints_m(rows: np.ndarray) -> np.ndarray:
    return rows[..., _M].reshape(*rows.shape[:-1], NUM_KEYPOINTS, 3)


def _keypoints_px(rows: np.ndarray) -> np.ndarray:
    return rows[..., _PX].reshape(*rows.shape[:-1], NUM_KEYPOINTS, 2)
