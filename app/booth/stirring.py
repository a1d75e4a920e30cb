"""Notices that a hand has not stirred for long: it may be a picture of one."""

from __future__ import annotations

import numpy as np

from app.booth.palm import HandPlace
from models.observation import Observation
from retarget import to_hand_frame

STIRRED_M = 0.02  # mean way of the keypoints within the hand; of a hand held still they stray by 0.01
MOVED_LENGTHS = 0.25


class Stirring:
    """When one hand last moved its fingers or went elsewhere."""

    def __init__(self, t_s: float) -> None:
        self._since_s = t_s
        self._keypoints_m: np.ndarray | None = None
        self._place: HandPlace | None = None

    def idle_s(self, t_s: float) -> float:
        """How long it has not stirred."""
        return t_s - self._since_s

    def update(self, t_s: float, observation: Observation, place: HandPlace) -> None:
        """Take in a sight of the hand."""
        keypoints_m = to_hand_frame(observation.keypoints_m, observation.hand)
        if not np.isfinite(keypoints_m).all():
            return
        if self._keypoints_m is not None and self._place is not None:
            way_m = float(np.linalg.norm(keypoints_m - self._keypoints_m, axis=1).mean())
            if way_m <= STIRRED_M and place.away_from(self._place) <= MOVED_LENGTHS:
                return
        self._keypoints_m, self._place, self._since_s = keypoints_m, place, t_s
