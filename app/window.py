"""Observations of one hand, kept on the 64-slot, 30 Hz grid that temporal models look at."""

from __future__ import annotations

from collections import deque

import numpy as np

from models.camera import Camera
from models.canonical import bone_lengths
from models.observation import NUM_KEYPOINTS, Hand, Observation
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS, Window

SHORTEST_BONE_M = 1e-5  # shorter ones have no direction


class ObservationWindow:
    """Collects observations and lays the last 64 slots out on request.

    The grid ends at the newest frame, so that frame always sits exactly in the last slot and a camera whose
    clock drifts against 30 Hz never slides across a slot border. An earlier detection falls into the slot
    nearest its capture time; a slot no detection falls into stays masked; of two detections in one slot the
    one nearer to the slot's time is kept.
    """

    def __init__(self, hand: Hand, camera: Camera) -> None:
        """
        Args:
            hand: the hand whose observations are added.
            camera: where its pixels come from; used to place the wrist.
        """
        self._hand = hand
        self.camera = camera
        self._seen: deque[tuple[Observation, np.ndarray]] = deque()  # detections, oldest first, with wrist_m
        self._t_now_ns: int | None = None

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
        position = len(self._seen)
        while position and self._seen[position - 1][0].t_capture_ns > observation.t_capture_ns:
            position -= 1
        self._seen.insert(position, (observation, wrist_m))

    def advance(self, t_now_ns: int) -> None:
        """Move the end of the grid to `t_now_ns` (ns) if that is later: time passes without frames too."""
        if self._t_now_ns is None or t_now_ns > self._t_now_ns:
            self._t_now_ns = t_now_ns
        oldest_ns = self._t_now_ns - WINDOW_SLOTS * SLOT_PERIOD_NS
        while self._seen and self._seen[0][0].t_capture_ns < oldest_ns:
            self._seen.popleft()

    def snapshot(self) -> Window:
        """The window that ends now.

        Raises:
            ValueError: nothing was added yet, so there is no "now".
        """
        if self._t_now_ns is None:
            raise ValueError("the window is empty: add an observation first")
        T = WINDOW_SLOTS
        observed = np.zeros(T, dtype=bool)
        t_capture_ns = np.zeros(T, dtype=np.int64)
        keypoints_m = np.full((T, NUM_KEYPOINTS, 3), np.nan)
        keypoints_px = np.full((T, NUM_KEYPOINTS, 2), np.nan)
        depth_px = np.full((T, NUM_KEYPOINTS), np.nan)
        wrist_m = np.full((T, 3), np.nan)
        score = np.zeros(T)
        for observation, wrist in self._seen:
            age_ns = self._t_now_ns - observation.t_capture_ns
            slot = T - 1 - (age_ns + SLOT_PERIOD_NS // 2) // SLOT_PERIOD_NS
            if slot < 0:
                continue
            t_slot_ns = self._t_now_ns - (T - 1 - slot) * SLOT_PERIOD_NS
            away_ns = abs(observation.t_capture_ns - t_slot_ns)
            if observed[slot] and abs(int(t_capture_ns[slot]) - t_slot_ns) <= away_ns:
                continue
            observed[slot] = True
            t_capture_ns[slot] = observation.t_capture_ns
            keypoints_m[slot] = observation.keypoints_m
            keypoints_px[slot] = observation.keypoints_px
            depth_px[slot] = observation.depth_px
            wrist_m[slot] = wrist
            score[slot] = observation.score
        return Window(
            hand=self._hand,
            camera=self.camera,
            t_ns=self._t_now_ns - np.arange(T - 1, -1, -1, dtype=np.int64) * SLOT_PERIOD_NS,
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
