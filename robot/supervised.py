"""What every supervised robot shares, simulated or real: targets in, state out, its own faults."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from robot.clock import on_server_clock
from robot.hands import HandSpec
from robot.messages import JointTrajectory, MessageError, RobotState, decode_trajectory
from robot.scene import SceneState
from robot.supervisor import Supervisor
from robot.supervisor_config import SupervisorConfig

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"\d+")
_BETWEEN_LINES_NS = 1_000_000_000


class SupervisedRobot:
    """A supervisor and what the wire says to it.

    Args:
        spec: the hand.
        config: settings of the supervisor.
    """

    def __init__(self, spec: HandSpec, config: SupervisorConfig | None = None) -> None:
        self.spec = spec
        self.supervisor = Supervisor(spec, config)
        self.last_refusal = ""
        self._logged, self._logged_ns = "", -_BETWEEN_LINES_NS
        self._state_seq = 0
        self._measured = (np.zeros(len(spec.joint_names)), np.zeros(len(spec.joint_names)))

    def offer_frame(self, frame: bytes, t_ns: int) -> None:
        """Take one target message off the wire; what is wrong is counted and kept in `last_refusal`."""
        try:
            trajectory = on_server_clock(decode_trajectory(frame))
        except MessageError as error:
            self.refuse(str(error), t_ns)
            return
        self.offer(trajectory, t_ns)

    def offer(self, trajectory: JointTrajectory, t_ns: int) -> None:
        """Take one trajectory that is already on the server's clock."""
        refusal = self.supervisor.offer(trajectory, t_ns)
        if refusal:
            self._note(refusal, t_ns)

    def refuse(self, reason: str, t_ns: int) -> None:
        """Count a frame that is no valid message."""
        self.supervisor.counters.malformed += 1
        self._note(reason, t_ns)

    def _note(self, refusal: str, t_ns: int) -> None:
        self.last_refusal = refusal
        # One line when the kind of trouble changes, not thirty a second; messages may name anything.
        kind = _NUMBER.sub("", refusal)
        if kind != self._logged and not 0 <= t_ns - self._logged_ns < _BETWEEN_LINES_NS:
            self._logged, self._logged_ns = kind, t_ns
            log.warning("refused: %s", refusal)

    def fail(self, fault: str) -> None:
        """Stop for a fault of the robot itself; the first one is the one that is told."""
        if self.supervisor.fault:
            return
        self.supervisor.fail(fault)
        log.error("%s", fault)

    def reset_scene(self) -> str:
        """Put what is to be grasped, and the wrist, back to where they started.

        Returns:
            Why it is refused, one sentence; empty when it was done.
        """
        return "There is no scene to reset; only a simulation has one, started with --scene table."

    def state_of(
        self,
        t_ns: int,
        measured: tuple[np.ndarray, np.ndarray],
        target_rad: np.ndarray,
        counters: Mapping[str, int] | None = None,
        contact_n: np.ndarray | None = None,
        scene: SceneState | None = None,
    ) -> RobotState:
        """What to tell the world.

        Args:
            t_ns: now, server clock.
            measured: (n,) joint angles, rad, and speeds, rad/s. Where they are not finite, those before are
                told again: the supervisor has stopped the robot for it, and its fault must be told.
            target_rad: (n,) what the joints are driven to, rad; the same holds for it.
            counters: what joins the supervisor's.
            contact_n: (tips,) force on each fingertip, N; None where it is not known.
            scene: where palm and object are; None without a scene.
        """
        self._state_seq += 1
        supervisor = self.supervisor
        if all(np.isfinite(values).all() for values in measured):
            self._measured = measured
        q_rad, dq_rad_s = self._measured
        return RobotState(
            seq=self._state_seq,
            t_ns=t_ns,
            mode=supervisor.mode,
            joint_names=self.spec.joint_names,
            q_rad=q_rad,
            dq_rad_s=dq_rad_s,
            target_rad=target_rad if np.isfinite(target_rad).all() else q_rad,
            limits_hit=supervisor.counters.joint_limits,
            fault=supervisor.fault,
            counters={**asdict(supervisor.counters), **(counters or {})},
            contact_n=np.empty(0) if contact_n is None else contact_n,
            scene=scene,
        )
