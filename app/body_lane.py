"""The operator's body through the pipeline: observation in, the body now and in the next instants out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.body_window import BodyObservationWindow
from app.clock import Clock
from app.run_camera import RunCamera
from app.timing import StageTimer
from models.body_keypoints import BODY_JOINT_NAMES, BODY_KEYPOINT_NAMES
from models.body_observation import BodyObservation
from models.body_temporal import BodyTemporalStage
from models.body_trajectory import BodyTrajectory
from models.rotations import encode_6d
from robot.body_pose import MAX_BODY_INSTANTS, BodyPose
from robot.fields import MAX_NUMBER


@dataclass(frozen=True)
class BodyLaneFrame:
    """Everything one frame became.

    Attributes:
        observation: what the detector said.
        trajectory: what the temporal stage made of it.
        estimate_px: (17,2) where the camera would see the trajectory's first body; NaN while lost.
        message: what is published.
    """

    observation: BodyObservation
    trajectory: BodyTrajectory
    estimate_px: np.ndarray
    message: BodyPose


class BodyLane:
    """Window and temporal stage of the body. Nothing in it knows of a robot: bodies move none."""

    def __init__(self, temporal: BodyTemporalStage, clock: Clock, camera: RunCamera) -> None:
        """
        Args:
            temporal: a stage of its own, it keeps the body's past.
            clock: of the run; capture times are on it.
            camera: what the body is seen with.
        """
        self.temporal = temporal
        self.camera = camera
        self._window = BodyObservationWindow(camera.pinhole)
        self._clock = clock
        self._seq = 0

    def remember(self, observation: BodyObservation) -> None:
        """Take in an observation that a newer one has overtaken."""
        self._window.add(self.camera.straightened(observation))

    def process(self, observation: BodyObservation, timer: StageTimer) -> BodyLaneFrame:
        """Take the newest frame's observation through the temporal stage."""
        with timer.section("body_temporal"):
            self._window.add(self.camera.straightened(observation))
            trajectory = self.temporal.update(self._window.snapshot())
        with timer.section("body_publish"):
            message = self._message(trajectory)
        estimate_px = self.camera.project(trajectory.keypoints_m[0] + trajectory.hip_m[0])
        return BodyLaneFrame(observation, trajectory, estimate_px, message)

    def _message(self, trajectory: BodyTrajectory) -> BodyPose:
        K = min(len(trajectory.t_ns), MAX_BODY_INSTANTS)
        told = [encode_6d(trajectory.rotations[:K]), trajectory.keypoints_m[:K], trajectory.hip_m[:K]]
        known = all((np.abs(values) <= MAX_NUMBER).all() for values in told)  # neither NaN nor nonsense
        valid = trajectory.source_state != "lost" and known
        if not valid:
            told = [np.full_like(values, np.nan) for values in told]
        rotations_6d, keypoints_m, hip_m = told
        self._seq += 1
        return BodyPose(
            seq=self._seq,
            valid=valid,
            source_state=trajectory.source_state if valid else "lost",
            t_capture_ns=trajectory.t_capture_ns,
            t_publish_ns=self._clock.now_ns(),
            joint_names=BODY_JOINT_NAMES,
            keypoint_names=BODY_KEYPOINT_NAMES,
            t_ns=trajectory.t_ns[:K],
            rotations_6d=rotations_6d,
            keypoints_m=keypoints_m,
            hip_m=hip_m,
        )
