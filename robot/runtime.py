"""One supervised robot in time: supervisor and simulated hand, advanced together by explicit times."""

from __future__ import annotations

import numpy as np

from robot.allegro_model import Hand
from robot.messages import RobotState
from robot.scene import SceneConfig
from robot.simulation import STEP_NS, HandSimulation
from robot.supervised import SupervisedRobot
from robot.supervisor_config import SupervisorConfig

MAX_LAG_NS = 100_000_000  # a loop further behind than this skips time instead of racing to catch up


class RobotRuntime(SupervisedRobot):
    """A simulated hand under supervision.

    Args:
        hand: "right" or "left".
        config: settings of the supervisor.
        scene: a table under the hand and something on it; None for a hand in the air.
        gui: show it in the physics engine's own window, too.

    Raises:
        RobotError: no such hand, PyBullet is missing, or there is no display for a window.
    """

    def __init__(
        self,
        hand: Hand,
        config: SupervisorConfig | None = None,
        scene: SceneConfig | None = None,
        gui: bool = False,
    ) -> None:
        self.simulation = HandSimulation(hand, scene, gui)
        super().__init__(self.simulation.spec, config)
        self._origin_ns: int | None = None  # server time of simulated time zero
        self._driven = False
        self._closed = False

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

    def fileno(self) -> int | None:
        """Nothing to wait for: a simulation steps when its time has come."""
        return None

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
                simulation.set_target(target_rad, self.supervisor.effort)
            elif self._driven:
                simulation.set_target(simulation.q_rad)  # the brake of a simulated hand: stay where it is
            self._driven = target_rad is not None
            simulation.step()

    def reset_scene(self) -> str:
        if self.simulation.scene_state() is None:
            return super().reset_scene()
        self.simulation.reset_scene()
        return ""

    def state(self) -> RobotState:
        """What to tell the world now."""
        simulation = self.simulation
        return self.state_of(
            self.t_ns,
            (simulation.q_rad, simulation.dq_rad_s),
            simulation.target_rad if self._driven else np.array(simulation.q_rad),
            contact_n=None if self._closed else simulation.contact_forces_n(),
            scene=None if self._closed else simulation.scene_state(),
        )

    def close(self) -> None:
        """Disarm and give the simulation back."""
        self.supervisor.command("disarm", self.t_ns)
        self._closed = True
        self.simulation.close()
