"""One recording with the truth beside it: what every method is given, and what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.camera import Camera
from models.observation import Observation
from models.window import SLOT_RATE_HZ

OWN_GROUP, RENDERED_GROUP = "own test clips", "rendered manipulation"
LEAP_GROUP, REST_GROUP = "leap motion, noise added", "resting hand, noise added"
STEREO_GROUP = "filmed hand, two cameras"

FAST_M_S = 0.05
"""A hand whose keypoints move faster than this about the wrist, in the median frame, is fast."""
LEAST_SEEN = 30
"""Detections; with fewer a sequence's means are chance."""
RESTING_M_S = 0.01
RESTING_FRAMES = 10
"""A hand slower than RESTING_M_S for so many frames on end is at rest."""


@dataclass(frozen=True)
class Sequence:
    """One right hand at 30 frames/s.

    Attributes:
        name: of the recording.
        group: what kind it is of; results are averaged within groups.
        camera: that saw it.
        observations: N of them, one a frame, detected or not.
        truth_m: (N,21,3) relative to the wrist, camera axes, metres; NaN where unknown.
        metric: False if the truth's size and orientation mean nothing: then only PA-MPJPE counts.
    """

    name: str
    group: str
    camera: Camera
    observations: tuple[Observation, ...]
    truth_m: np.ndarray
    metric: bool = True

    def __len__(self) -> int:
        return len(self.observations)

    @cached_property
    def detected(self) -> np.ndarray:
        """(N,) bool."""
        return np.array([observation.detected for observation in self.observations])

    @cached_property
    def started(self) -> np.ndarray:
        """(N,) bool, from the first detection on; before it nobody can know anything."""
        return np.maximum.accumulate(self.detected)

    @cached_property
    def known(self) -> np.ndarray:
        """(N,) bool, where the truth is known."""
        return np.isfinite(self.truth_m).all(axis=(1, 2))

    @cached_property
    def raw_m(self) -> np.ndarray:
        """(N,21,3) what the detector says, NaN where it says nothing."""
        return np.array([observation.keypoints_m for observation in self.observations])

    @cached_property
    def speeds_m_s(self) -> np.ndarray:
        """(N−1,) mean speed of the true keypoints about the wrist."""
        return np.linalg.norm(np.diff(self.truth_m, axis=0), axis=-1).mean(axis=1) * SLOT_RATE_HZ

    @property
    def speed_m_s(self) -> float:
        """Of the median frame; NaN where the truth is not metric."""
        return float(np.nanmedian(self.speeds_m_s)) if self.metric else float("nan")

    @property
    def pace(self) -> str:
        """slow or fast."""
        return "fast" if self.speed_m_s > FAST_M_S else "slow"

    @cached_property
    def resting(self) -> list[slice]:
        """Stretches of frames in which the hand is at rest."""
        if not self.metric:
            return []
        still = np.concatenate([[False], self.speeds_m_s < RESTING_M_S, [False]])
        edges = np.flatnonzero(np.diff(still.astype(int)))
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [slice(int(a), int(b) + 1) for a, b in pairs if b + 1 - a >= RESTING_FRAMES]

    def without(self, dropped: np.ndarray) -> Sequence:
        """The same recording with the detections of `dropped` (N,) bool lost."""
        observations = tuple(
            Observation.missing(o.t_capture_ns, o.hand, o.image_size_px) if drop else o
            for o, drop in zip(self.observations, dropped, strict=True)
        )
        return replace(self, observations=observations)


def observations_of(
    t_capture_ns: np.ndarray,
    observed: np.ndarray,
    keypoints_m: np.ndarray,
    keypoints_px: np.ndarray,
    depth_px: np.ndarray,
    score: np.ndarray,
    size_px: tuple[int, int],
) -> tuple[Observation, ...]:
    """Observations of a right hand from arrays.

    Args:
        t_capture_ns: (N,) ns.
        observed: (N,) bool; the other arrays are not read where it is False.
        keypoints_m: (N,21,3) wrist-relative, camera axes, metres.
        keypoints_px: (N,21,2) pixels.
        depth_px: (N,21) see Observation; may be NaN.
        score: (N,).
        size_px: (width, height) of the image.
    """
    made = []
    for i, seen in enumerate(observed):
        t_ns = int(t_capture_ns[i])
        if not seen:
            made.append(Observation.missing(t_ns, "right", size_px))
            continue
        metres, pixels, depth = (np.asarray(v[i], np.float64) for v in (keypoints_m, keypoints_px, depth_px))
        made.append(Observation(t_ns, "right", True, metres, pixels, size_px, float(score[i]), depth))
    return tuple(made)
