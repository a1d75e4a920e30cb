"""One person before one camera, with the truth beside it: what every method for bodies is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.body_keypoints import NUM_BODY_KEYPOINTS
from models.body_observation import BodyObservation
from models.camera import Camera
from models.window import SLOT_PERIOD_NS

DETECTOR_GROUP = "CMU, the detector's noise"
PAPER_GROUP = "CMU, the paper's noise"
SHAPES_GROUP = "CMU, the detector's noise, other bodies"
DRAWN_GROUP = "CMU, drawn, the real detector"
VIEWS_GROUP = "filmed, four cameras"
FOOTAGE_GROUP = "filmed, one camera"


@dataclass(frozen=True)
class BodySequence:
    """One body in N frames.

    Attributes:
        name: of the recording and the view.
        group: what kind it is of; results are averaged within groups.
        camera: that saw it.
        t_ns: (N,) int64 times of the frames, ns.
        detected: (N,) bool.
        raw_m: (N,17,3) what the detector says, relative to the hip, camera axes, metres; NaN where it says
            nothing.
        raw_px: (N,17,2) the same in the picture; NaN where it says nothing.
        visibility: (N,17) of each keypoint, 0–1; 0 where nothing was detected.
        truth_m: (N,17,3) relative to the hip, camera axes, metres; NaN where unknown.
        metric: False if only the truth's shape can be trusted: then only PA-MPJPE counts.
    """

    name: str
    group: str
    camera: Camera
    t_ns: np.ndarray
    detected: np.ndarray
    raw_m: np.ndarray
    raw_px: np.ndarray
    visibility: np.ndarray
    truth_m: np.ndarray
    metric: bool = True

    def __len__(self) -> int:
        return len(self.t_ns)

    @cached_property
    def started(self) -> np.ndarray:
        """(N,) bool, from the first detection on; before it nobody can know anything."""
        return np.maximum.accumulate(self.detected)

    @cached_property
    def known(self) -> np.ndarray:
        """(N,) bool, where the truth is known."""
        return np.isfinite(self.truth_m).all(axis=(1, 2))

    @cached_property
    def observations(self) -> tuple[BodyObservation, ...]:
        """The detections as they come from the detector, frame by frame."""
        size_px = self.camera.size_px
        return tuple(
            BodyObservation(int(t), True, self.raw_m[i], self.raw_px[i], self.visibility[i], size_px)
            if self.detected[i]
            else BodyObservation.missing(int(t), size_px)
            for i, t in enumerate(self.t_ns)
        )

    def without(self, dropped: np.ndarray) -> BodySequence:
        """The same recording with the detections of `dropped` (N,) bool lost."""
        lost = dropped[:, None, None]
        return replace(
            self,
            detected=self.detected & ~dropped,
            raw_m=np.where(lost, np.nan, self.raw_m),
            raw_px=np.where(lost, np.nan, self.raw_px),
            visibility=np.where(dropped[:, None], 0.0, self.visibility),
        )


def steady_times(frames: int) -> np.ndarray:
    """(frames,) int64 ns, one slot period apart."""
    return np.arange(frames, dtype=np.int64) * SLOT_PERIOD_NS


def sequence_of_observations(
    name: str,
    group: str,
    camera: Camera,
    seen: tuple[BodyObservation, ...],
    truth_m: np.ndarray | None = None,
    metric: bool = True,
) -> BodySequence:
    """A sequence of what the real detector said; without `truth_m` (N,17,3) the truth is unknown."""
    unknown_m = np.full((len(seen), NUM_BODY_KEYPOINTS, 3), np.nan)
    return BodySequence(
        name=name,
        group=group,
        camera=camera,
        t_ns=np.array([o.t_capture_ns for o in seen], dtype=np.int64),
        detected=np.array([o.detected for o in seen]),
        raw_m=np.array([o.keypoints_m for o in seen]),
        raw_px=np.array([o.keypoints_px for o in seen]),
        visibility=np.array([o.score for o in seen]),
        truth_m=unknown_m if truth_m is None else truth_m,
        metric=metric,
    )
