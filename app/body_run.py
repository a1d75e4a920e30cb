"""The body's part of a run: its lane, where it is published, and what is counted and kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from app.body_lane import BodyLane, BodyLaneFrame
from app.body_trace import BODY_STAGES, BodyTrace, BodyTraceRow
from app.frame import Frame
from app.hand_run import MAX_TRACE_ROWS
from app.report import FrameCounts
from app.timing import StageTimer
from models.body_observation import BodyObservation
from robot.body_pose import encode_body_pose
from robot.publisher import Publisher


@dataclass
class BodyRun:
    """The operator's body, during a run.

    Attributes:
        lane: its pipeline.
        statistics: its counts.
        trace: its rows; None when nobody asked for them (a live run may last for days).
        publisher: where it is told; None for nowhere.
        result: what became of the newest frame, None before the first.
    """

    lane: BodyLane
    statistics: FrameCounts
    trace: BodyTrace | None = None
    publisher: Publisher | None = None
    result: BodyLaneFrame | None = None

    def follow(self, observation: BodyObservation, timer: StageTimer) -> BodyLaneFrame:
        """Take an observation through the lane and publish what became of it."""
        self.result = self.lane.process(observation, timer)
        if self.publisher is not None:
            with timer.section("body_publish"):
                self.publisher.send(encode_body_pose(self.result.message))
        return self.result

    def account(self, frame: Frame, stage_ms: dict[str, float], realtime: bool) -> None:
        """Count and keep what became of `frame`, whose stages took `stage_ms`; `realtime`, on their clock."""
        if self.result is None:
            raise ValueError("nothing was followed yet")
        trajectory, observation = self.result.trajectory, self.result.observation
        if realtime:
            age_ms = (self.result.message.t_publish_ns - frame.t_capture_ns) * 1e-6
        else:
            age_ms = sum(stage_ms.get(stage, 0.0) for stage in BODY_STAGES)
        self.statistics.count(observation.detected, trajectory.source_state, age_ms)
        if self.trace is None or len(self.trace.rows) >= MAX_TRACE_ROWS:
            return
        self.trace.rows.append(
            BodyTraceRow(
                t_capture_s=frame.t_capture_ns * 1e-9,
                body_detected=observation.detected,
                body_keypoints_image_px=observation.keypoints_px,
                body_keypoints_raw_m=observation.keypoints_m,
                body_score=observation.score,
                body_keypoints_m=trajectory.keypoints_m[0].copy(),
                body_keypoints_future_m=trajectory.keypoints_m[1:].copy(),
                body_rotations=trajectory.rotations[0].copy(),
                body_hip_m=trajectory.hip_m[0].copy(),
                stage_ms=stage_ms,
                body_age_ms=age_ms,
            )
        )
