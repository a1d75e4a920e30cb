"""The camera of a run: the pinhole that everything computes with, and what its lens does to pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from calibration.camera import CameraCalibration
from models.body_observation import BodyObservation
from models.camera import Camera
from models.observation import Observation

Seen = TypeVar("Seen", Observation, BodyObservation)


class RunCamera:
    """A calibrated camera, or the usual one where none was calibrated.

    Attributes:
        pinhole: sees without distortion; windows and temporal stages know this one.
    """

    def __init__(self, size_px: tuple[int, int], calibration: CameraCalibration | None = None) -> None:
        """
        Args:
            size_px: (width, height) of the source.
            calibration: of this camera, at any resolution of that shape.

        Raises:
            CalibrationError: the calibration is of images of another shape.
        """
        self._lens = None if calibration is None else calibration.for_size(size_px)
        self.pinhole = Camera.assumed(size_px) if self._lens is None else self._lens.pinhole()

    def straightened(self, observation: Seen) -> Seen:
        """The observation as the pinhole would have seen it."""
        if self._lens is None or not observation.detected:
            return observation
        return replace(observation, keypoints_px=self._lens.undistort_px(observation.keypoints_px))

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Where in the source's images points (…,3), metres, camera frame, are seen: pixels (…,2)."""
        points_px = self.pinhole.project(points_m)
        return points_px if self._lens is None else self._lens.distort_px(points_px)
