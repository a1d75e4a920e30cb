"""One operator's hand through the pipeline: observation in, joint trajectory out."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from app.clock import Clock
from app.horizon import Horizon
from app.run_camera import RunCamera
from app.timing import StageTimer
from app.window import ObservationWindow
from models.observation import Observation
from models.rotations import encode_6d
from models.temporal import TemporalStage
from models.trajectory import HandTrajectory
from retarget import Retargeter, to_hand_frame
from robot import JointTrajectory, WristTrajectory


@dataclass(frozen=True)
class LaneFrame:
    """Everything one frame became.

    Attributes:
        observation: what the detector said.
        trajectory: what the temporal stage made of it.
        estimate_px: (21,2) where the camera would see the trajectory's first hand; NaN while lost.
        q_rad: (K,n) the trajectory retargeted; NaN while the hand is lost.
        message: what is sent to the robot.
        q_sent_rad: (n,) the joint target the message holds for the instant it is sent; NaN while lost.
        ahead_ms: how far past capture that target is aimed.
        actuator_ms: how late the robot's joints were believed to be.
    """

    observation: Observation
    trajectory: HandTrajectory
    estimate_px: np.ndarray
    q_rad: np.ndarray
    message: JointTrajectory
    q_sent_rad: np.ndarray
    ahead_ms: float
    actuator_ms: float


class HandLane:
    """Window, temporal stage and retargeter of one hand."""

    def __init__(
        self,
        window: ObservationWindow,
        temporal: TemporalStage,
        retargeter: Retargeter,
        clock: Clock,
        horizon: Horizon,
        camera: RunCamera,
    ) -> None:
        """
        Args:
            window: of this hand, as the camera's pinhole sees it.
            temporal: a stage of its own, it keeps this hand's past.
            retargeter: to the robot hand it drives.
            clock: of the run; capture times are on it.
            horizon: how far past capture to aim.
            camera: what the hand is seen with.
        """
        self.temporal = temporal
        self.retargeter = retargeter
        self._window = window
        self._clock = clock
        self.horizon = horizon
        self.camera = camera
        self._preparing: Future[None] | None = None
        self._seq = 0
        self._q_last_rad = retargeter.home_rad

    def expect(self, t_capture_ns: int, beside: Executor) -> None:
        """Prepare for a frame captured then, on another thread.

        Args:
            t_capture_ns: when it was, or will be.
            beside: runs what is prepared, one after the other.
        """
        if self._window.t_now_ns is not None and t_capture_ns <= self._window.t_now_ns:
            return
        # A guess that was not tried yet stays in the queue: what is computed from what must not depend on
        # how busy the machine is, or a replay would come out differently.
        self._preparing = beside.submit(self._prepare, t_capture_ns)

    def _prepare(self, t_capture_ns: int) -> None:
        self.temporal.prepare(self._window.snapshot(t_capture_ns))

    def _take(self, observation: Observation) -> None:
        """Into the window, which one thread at a time uses, as it does the temporal stage."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None:
            preparing.result()
        self._window.add(self.camera.straightened(observation))

    def remember(self, observation: Observation) -> None:
        """Take in an observation that a newer one has overtaken: it is of the past, and nothing is sent."""
        self._take(observation)

    def process(self, observation: Observation, timer: StageTimer) -> LaneFrame:
        """Take the newest frame's observation through temporal stage and retargeter."""
        with timer.section("temporal"):
            self._take(observation)
            trajectory = self.temporal.update(self._window.snapshot())
        with timer.section("retarget"):
            q_rad = self._retarget(trajectory)
        with timer.section("publish"):
            message, ahead_ms = self._message(trajectory, q_rad)
        q_sent_rad = message.q_rad[0] if message.valid else np.full_like(message.q_rad[0], np.nan)
        estimate_px = self.camera.project(trajectory.keypoints_m[0] + trajectory.wrist_m[0])
        actuator_ms = self.horizon.actuator_ms
        return LaneFrame(
            observation, trajectory, estimate_px, q_rad, message, q_sent_rad, ahead_ms, actuator_ms
        )

    def _retarget(self, trajectory: HandTrajectory) -> np.ndarray:
        if trajectory.source_state == "lost":
            self.retargeter.reset()  # the hand may come back anywhere: do not start from where it left
            return np.full((len(trajectory.t_ns), len(self.retargeter.joint_names)), np.nan)
        keypoints_m = to_hand_frame(trajectory.keypoints_m, trajectory.hand)
        q_rad = self.retargeter.solve_trajectory(keypoints_m, trajectory.t_ns)
        self._q_last_rad = q_rad[0]
        return q_rad

    def _message(self, trajectory: HandTrajectory, q_rad: np.ndarray) -> tuple[JointTrajectory, float]:
        """The joint trajectory as the robot shall play it, and how far past capture it is aimed, ms.

        At the moment of sending the robot plays what the hand does that long after capture; what follows
        keeps its distance from that.
        """
        t_publish_ns = self._clock.now_ns()
        age_ns = t_publish_ns - trajectory.t_capture_ns
        ahead_ms = self.horizon.ahead_ms(age_ns * 1e-6)
        t_ns = trajectory.t_ns + (age_ns - round(ahead_ms * 1e6))
        valid = trajectory.source_state != "lost"
        wrist: WristTrajectory | None = None
        if not valid:
            t_ns, q_rad = np.array([t_publish_ns]), np.asarray(self._q_last_rad)[None]
        else:
            if not self.horizon.predicts:
                t_ns = t_ns[:1]  # only the pose as seen
            now = start_now(t_ns, t_publish_ns)
            q_rad, wrist_m = now.apply(q_rad), now.apply(trajectory.wrist_m)
            if np.isfinite(wrist_m).all():
                rotation_6d = now.apply(encode_6d(trajectory.rotations[:, 0]))
                wrist = WristTrajectory(t_ns=now.t_ns, position_m=wrist_m, rotation_6d=rotation_6d)
            t_ns = now.t_ns
        self._seq += 1
        message = JointTrajectory(
            seq=self._seq,
            hand=trajectory.hand,
            valid=valid,
            source_state=trajectory.source_state,
            t_capture_ns=trajectory.t_capture_ns,
            t_publish_ns=t_publish_ns,
            joint_names=self.retargeter.joint_names,
            t_ns=t_ns,
            q_rad=q_rad,
            wrist=wrist,
        )
        return message, ahead_ms


@dataclass(frozen=True)
class StartingNow:
    """How to cut off what lies before "now" from values at several instants.

    Attributes:
        t_ns: (k,) now, and the instants after it.
        first: index of the last instant not after now.
        weight: share of the instant after it in the value at now, 0–1.
    """

    t_ns: np.ndarray
    first: int
    weight: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """(k,…) values at t_ns, from values (K,…) at the uncut instants; linear in between."""
        values = np.asarray(values)
        later = values[self.first + 1 : self.first + len(self.t_ns)]
        now = values[self.first]
        if self.weight:
            now = (1.0 - self.weight) * now + self.weight * later[0]
        return np.concatenate([now[None], later])


def start_now(t_ns: np.ndarray, t_now_ns: int) -> StartingNow:
    """Cut instants t_ns (K,), increasing, at `t_now_ns`; outside them the nearest one's value holds."""
    first = int(np.clip(np.searchsorted(t_ns, t_now_ns, side="right") - 1, 0, len(t_ns) - 1))
    later_ns = t_ns[first + 1 :]
    weight = 0.0
    if len(later_ns) and t_now_ns > t_ns[first]:
        weight = float(t_now_ns - t_ns[first]) / float(later_ns[0] - t_ns[first])
    return StartingNow(np.concatenate([[t_now_ns], later_ns[later_ns > t_now_ns]]), first, weight)
