"""Observations of one body, kept on the 64-slot, 30 Hz grid that temporal models look at."""

from __future__ import annotations

import numpy as np

from app.timeline import Timeline
from app.window import SHORTEST_BONE_M
from models.body_canonical import body_bone_lengths
from models.body_keypoints import NUM_BODY_KEYPOINTS
from models.body_observation import BodyObservation
from models.body_window import BodyWindow
from models.camera import Camera
from models.window import WINDOW_SLOTS


class BodyObservationWindow:
    """Collects observations and lays the last 64 slots out on request, see Timeline."""

    def __init__(self, camera: Camera) -> None:
        """
        Args:
            camera: where the observations' pixels come from.
        """
        self.camera = camera
        self._timeline: Timeline[BodyObservation] = Timeline()

    def add(self, observation: BodyObservation) -> None:
        """Take one frame's observation, detected or not; one that arrives late takes its place in time."""
        self.advance(observation.t_capture_ns)
        if observation.detected and _is_a_body(observation):
            self._timeline.insert(observation.t_capture_ns, observation)

    def advance(self, t_now_ns: int) -> None:
        """Move the end of the grid to `t_now_ns` (ns) if that is later: time passes without frames too."""
        self._timeline.advance(t_now_ns)

    def snapshot(self) -> BodyWindow:
        """The window that ends now.

        Raises:
            ValueError: nothing was added yet, so there is no "now".
        """
        T = WINDOW_SLOTS
        observed = np.zeros(T, dtype=bool)
        t_capture_ns = np.zeros(T, dtype=np.int64)
        keypoints_m = np.full((T, NUM_BODY_KEYPOINTS, 3), np.nan)
        keypoints_px = np.full((T, NUM_BODY_KEYPOINTS, 2), np.nan)
        score = np.zeros((T, NUM_BODY_KEYPOINTS))
        for slot, (t_seen_ns, observation) in self._timeline.slots().items():
            observed[slot] = True
            t_capture_ns[slot] = t_seen_ns
            keypoints_m[slot] = observation.keypoints_m
            keypoints_px[slot] = observation.keypoints_px
            score[slot] = observation.score
        return BodyWindow(
            camera=self.camera,
            t_ns=self._timeline.t_ns(),
            observed=observed,
            t_capture_ns=t_capture_ns,
            keypoints_m=keypoints_m,
            keypoints_px=keypoints_px,
            score=score,
        )


def _is_a_body(observation: BodyObservation) -> bool:
    """Whether all that is computed with is finite, and no two neighbouring keypoints are one."""
    numbers = (observation.keypoints_m, observation.keypoints_px, observation.score)
    if not all(np.isfinite(number).all() for number in numbers):
        return False
    return bool((body_bone_lengths(np.asarray(observation.keypoints_m)) > SHORTEST_BONE_M).all())
