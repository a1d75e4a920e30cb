"""Observations of one hand, kept on the 64-slot, 30 Hz grid that temporal models look at."""

from __future__ import annotations

import numpy as np

from app.timeline import Timeline
from models.camera import Camera
from models.canonical import bone_lengths
from models.observation import NUM_KEYPOINTS, Hand, Observation
from models.window import WINDOW_SLOTS, Window

SHORTEST_BONE_M = 1e-5  # shorter ones have no direction


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
        self._timeline: Timeline[tuple[Observation, np.ndarray]] = Timeline()  # detections with wrist_m

    def add(self, observation: Observation) -> None:
        """Take one frame's observation, detected or not; one that arrives late takes its place in time.

        Raises:
            ValueError: the observation is of the other hand.
        """
        if observation.hand != self._hand:
            raise ValueError(f"this window holds the {self._hand} hand, got the {observation.hand} hand")
        self.advance(observation.t_capture_ns)
        if not observation.detected or not _is_a_hand(observation):
            return
        wrist_m = self.camera.locate_wrist(observation.keypoints_m, observation.keypoints_px)
        self._timeline.insert(observation.t_capture_ns, (observation, wrist_m))

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
        keypoints_m = np.full((T, NUM_KEYPOINTS, 3), np.nan)
        keypoints_px = np.full((T, NUM_KEYPOINTS, 2), np.nan)
        depth_px = np.full((T, NUM_KEYPOINTS), np.nan)
        wrist_m = np.full((T, 3), np.nan)
        score = np.zeros(T)
        for slot, (t_seen_ns, (observation, wrist)) in self._timeline.slots(t_now_ns).items():
            observed[slot] = True
            t_capture_ns[slot] = t_seen_ns
            keypoints_m[slot] = observation.keypoints_m
            keypoints_px[slot] = observation.keypoints_px
            depth_px[slot] = observation.depth_px
            wrist_m[slot] = wrist
            score[slot] = observation.score
        return Window(
            hand=self._hand,
            camera=self.camera,
            t_ns=self._timeline.t_ns(t_now_ns),
            observed=observed,
            t_capture_ns=t_capture_ns,
            keypoints_m=keypoints_m,
            keypoints_px=keypoints_px,
            depth_px=depth_px,
            wrist_m=wrist_m,
            score=score,
        )


def _is_a_hand(observation: Observation) -> bool:
    """Whether all that is computed with is finite, and no two neighbouring keypoints are one."""
    numbers = (observation.keypoints_m, observation.keypoints_px, observation.score)
    if not all(np.isfinite(number).all() for number in numbers):
        return False
    return bool((bone_lengths(np.asarray(observation.keypoints_m)) > SHORTEST_BONE_M).all())
