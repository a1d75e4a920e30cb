"""Pairs of what a detector said and what was true, as the noise is fitted to them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from models.motion.detector_features import Errors, View, view_of
from models.motion.detector_noise import delayed

_WRONG_TURN_RAD = np.radians(50.0)  # turned further, or bent more than this, it is not this hand any more
_WRONG_SHAPE_M = 0.045
_WRONG_PLACE = 0.6  # hand sizes


@dataclass(frozen=True)
class Pairs:
    """One clip; attributes as in the corpus's files.

    Attributes:
        keypoints_m, wrist_m: (N,21,3) and (N,3) truth.
        observed, observed_m, observed_px, observed_depth_px, score: what the detector said.
        focal_px, centre_px, size_px: the camera.
    """

    keypoints_m: np.ndarray
    wrist_m: np.ndarray
    observed: np.ndarray
    observed_m: np.ndarray
    observed_px: np.ndarray
    observed_depth_px: np.ndarray
    score: np.ndarray
    focal_px: float
    centre_px: np.ndarray
    size_px: np.ndarray

    def view(self, lag_frames: float) -> View:
        """The truth as the camera saw it some frames ago, (1,N)."""
        keypoints_m = delayed(np.asarray(self.keypoints_m, np.float64)[None], lag_frames)
        wrist_m = delayed(np.asarray(self.wrist_m, np.float64)[None], lag_frames)
        centre, size = np.asarray(self.centre_px, float)[None], np.asarray(self.size_px, float)[None]
        return view_of(keypoints_m, wrist_m, np.array([float(self.focal_px)]), centre, size)

    def seen_view(self, lag_frames: float) -> View:
        """The same of the observed frames only, (K,)."""
        view = self.view(lag_frames)
        return View(**{field.name: getattr(view, field.name)[0, self.observed] for field in fields(View)})

    def errors(self, lag_frames: float) -> np.ndarray:
        """Errors stacked (K,131) of the observed frames, against the truth some frames ago."""
        said = (self.observed_m, self.observed_px, self.observed_depth_px, self.score)
        seen = (np.asarray(values, np.float64)[self.observed] for values in said)
        return Errors.of(self.seen_view(lag_frames), *seen).stacked()


def is_wrong(errors: np.ndarray) -> np.ndarray:
    """Whether stacked errors (N,131) are so large that the detector means another pose."""
    apart = Errors.from_stacked(errors)
    wrong: np.ndarray = (
        (np.linalg.norm(apart.turn, axis=1) > _WRONG_TURN_RAD)
        | (np.linalg.norm(apart.shape_m, axis=-1).mean(axis=1) > _WRONG_SHAPE_M)
        | (np.linalg.norm(apart.place, axis=-1).mean(axis=1) > _WRONG_PLACE)
    )
    return wrong
