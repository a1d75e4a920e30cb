"""One supervised robot in time: supervisor and simulated hand, advanced together by explicit times."""

from __future__ import annotations

import logging
from dataclasses import asdict

import numpy as np

from robot.allegro_model import Hand
from robot.clock import on_server_clock
from robot.messages import JointTrajectory, MessageError, RobotState, decode_trajectory
from robot.simulation import STEP_NS, HandSimulation
from robot.supervisor import Supervisor
from robot.supervisor_config import SupervisorConfig

log = logging.getLogger(__name__)

MAX_LAG_NS = 100_000_000  # a loop further behind than this skips time instead of racing to catch up


class RobotRuntime:
    """A simulated hand under supervision.

    Args:
        hand: "right" or "left".
        config: settings of the supervisor.

    Raises:
        RobotError: no such hand, or PyBullet is missing.
    """

    def __init__(self, hand: Hand, config: SupervisorConfig | None = None) -> None:
        self.simulation = HandSimulation(hand)
        self.spec = self.simulation.spec
        self.supervisor = Supervisor(self.spec, config)
        self.last_refusal = ""
        self._origin_ns: int | None = None  # server time of simulated time zero
        self._driven = False
        self._state_seq = 0

    @property
    def started(self) -> bool:
        """Whether the clock runs."""
        return self._origin_ns is not None

    @property
    def t_ns(self) -> int:
        """The server time that has been reached, ns; zero before the start."""
        return 0 if self._origin_ns is None else self._origin_ns + self.simulation.t_ns

    def start(self, t_ns: int) -> None:
        """Let the clock begin at `t_ns`, server time."""
        self._origin_ns = t_ns - self.simulation.t_ns

    def offer_frame(self, frame: bytes, t_ns: int) -> None:
        """Take one target message off the wire; what is wrong is counted and kept in `last_refusal`."""
        try:
            trajectory = on_server_clock(decode_trajectory(frame))
        except MessageError as error:
            self.refuse(str(error))
            return
        self.offer(trajectory, t_ns)

    def offer(self, trajectory: JointTrajectory, t_ns: int) -> None:
        """Take one trajectory that is already on the server's clock."""
        refusal = self.supervisor.offer(trajectory, t_ns)
        if refusal:
            self._note(refusal)

    def refuse(self, reason: str) -> None:
        """Count a frame that is no valid message."""
        self.supervisor.counters.malformed += 1
        self._note(reason)

    def _note(self, refusal: str) -> None:
        if (
            refusal[:24] != self.last_refusal[:24]
        ):  # one line when the kind of trouble changes, not thirty a second
            log.warning("refused: %s", refusal)
        self.last_refusal = refusal

    def skip_lag(self, t_ns: int) -> None:
        """Drop simulated time when the loop has fallen far behind `t_ns`, and count it."""
        if self._origin_ns is not None and t_ns - self.t_ns > MAX_LAG_NS:
            self.supervisor.counters.overruns += 1
            self.start(t_ns - STEP_NS)

    def advance_to(self, t_ns: int) -> None:
        """Supervise and simulate, one physics step at a time, until less than a step is missing to `t_ns`."""
        if self._origin_ns is None:
            self.start(t_ns)
        simulation = self.simulation
        while self.t_ns + STEP_NS <= t_ns:
            target_rad = self.supervisor.step(self.t_ns, simulation.q_rad)
            if target_rad is not None:
                simulation.set_target(target_rad)
            elif self._driven:
                simulation.set_target(simulation.q_rad)  # the brake of a simulated hand: stay where it is
            self._driven = target_rad is not None
            simulation.step()

    def state(self) -> RobotState:
        """What to tell the world now."""
        self._state_seq += 1
        simulation, supervisor = self.simulation, self.supervisor
        return RobotState(
            seq=self._state_seq,
            t_ns=self.t_ns,
            mode=supervisor.mode,
            joint_names=self.spec.joint_names,
            q_rad=simulation.q_rad,
            dq_rad_s=simulation.dq_rad_s,
            target_rad=simulation.target_rad if self._driven else np.array(simulation.q_rad),
            limits_hit=supervisor.counters.joint_limits,
            fault=supervisor.fault,
            counters=asdict(supervisor.counters),
        )

    def close(self) -> None:
        """Disarm and give the simulation back."""
        self.supervisor.command("disarm", self.t_ns)
        self.simulation.close()
