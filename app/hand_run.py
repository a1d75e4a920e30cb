"""One hand's part of a run: its lane, its robot, and what is counted and kept of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.frame import Frame
from app.lane import HandLane, LaneFrame
from app.report import RunStatistics
from app.robot_port import RobotPort
from app.timing import StageTimer
from app.trace import Trace, TraceRow
from models.observation import Observation
from robot import RobotState

MAX_TRACE_ROWS = 200_000  # nearly two hours at 30 Hz and about 1.5 GB; a live run may last for days


@dataclass
class HandRun:
    """One of the operator's hands, during a run.

    Attributes:
        lane: its pipeline.
        robot: what it drives.
        statistics: its counts.
        trace: its rows; None when nobody asked for them (a live run may last for days).
        truth_m: (N,21,3) true keypoints per frame, camera frame, where the source knows them.
        state: the robot's newest state, None before the first.
        result: what became of the newest frame, None before the first.
    """

    lane: HandLane
    robot: RobotPort
    statistics: RunStatistics
    trace: Trace | None
    truth_m: np.ndarray | None
    state: RobotState | None = None
    result: LaneFrame | None = None

    def drive(self, observation: Observation, timer: StageTimer, send_stage: str) -> LaneFrame:
        """Take an observation to the robot; sending is timed as `send_stage`."""
        self.result = self.lane.process(observation, timer)
        with timer.section(send_stage):
            self.state = self.robot.send(self.result.message)
        if self.state is not None:
            self.lane.horizon.follow(self.state)
        return self.result

    def account(self, frame: Frame, stage_ms: dict[str, float], age_ms: float) -> None:
        """Count and keep what became of `frame`, whose stages took `stage_ms`."""
        if self.result is None:
            raise ValueError("nothing was driven yet")
        truth_m = None if self.truth_m is None else self.truth_m[frame.index]
        self.statistics.add(self.result, age_ms, truth_m)
        if self.trace is None or len(self.trace.rows) >= MAX_TRACE_ROWS:
            return
        trajectory, observation = self.result.trajectory, self.result.observation
        self.trace.rows.append(
            TraceRow(
                t_capture_s=frame.t_capture_ns * 1e-9,
                detected=observation.detected,
                keypoints_image_px=observation.keypoints_px,
                keypoints_raw_m=observation.keypoints_m,
                keypoints_m=trajectory.keypoints_m[0].copy(),
                keypoints_future_m=trajectory.keypoints_m[1:].copy(),
                rotations=trajectory.rotations[0].copy(),
                wrist_m=trajectory.wrist_m[0].copy(),
                q_rad=self.result.q_rad[0].copy(),
                q_sent_rad=self.result.q_sent_rad.copy(),
                stage_ms=stage_ms,
                age_ms=age_ms,
            )
        )
