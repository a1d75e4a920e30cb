"""The booth's gate before a simulated robot in lock-step: who moves it, and how it comes to rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from booth_examples import CAMERA, NS, nobody, seen

from app.booth.gate import BoothGate, Gated
from app.clock import FileClock
from app.hand_run import HandRun
from app.horizon import Horizon
from app.lane import HandLane
from app.report import RunStatistics
from app.robot_port import open_robot
from app.run_camera import RunCamera
from app.timing import StageTimer
from app.window import ObservationWindow
from calibration.delays import Delays
from models.observation import Observation
from models.temporal import load_temporal
from retarget import load
from robot import hand_spec

HOME_RAD = hand_spec("right").home_rad
MOVED_RAD = 0.05


class Stand:
    """Gate, lane and a simulation that is always armed by itself, as in a booth on one machine."""

    def __init__(self) -> None:
        self.clock = FileClock()
        lane = HandLane(
            ObservationWindow("right", CAMERA),
            load_temporal("one-euro"),
            load("allegro_right"),
            self.clock,
            Horizon(None, Delays(0.0, 0.0)),
            RunCamera((640, 480)),
        )
        robot = open_robot("sim", "right", realtime=False, arm=True)
        self.run = HandRun(lane, robot, RunStatistics(), None, None)
        self.gate = BoothGate()
        self.frame = 0
        self.told: list[str] = []
        self.modes: list[str] = []
        self.fastest_rad = 0.0  # the largest step of a joint from frame to frame

    def look(self, observation: Observation) -> Gated:
        """One frame, done as the loop does it."""
        t_ns = observation.t_capture_ns
        self.clock.capture(t_ns)
        before = None if self.run.state is None else self.run.state.q_rad
        gated = self.gate.filter(t_ns, {"right": observation}, {"right": self.run.state})
        for command in gated.commands.get("right", ()):
            self.told.append(command)
            self.run.robot.command(command)
        self.run.drive(gated.observations["right"], StageTimer(), "simulate")
        self.modes.append(self.run.state.mode)
        if before is not None:
            self.fastest_rad = max(self.fastest_rad, np.abs(self.run.state.q_rad - before).max())
        self.frame += 1
        return gated

    def show(
        self, seconds: float, pose: str = "open", at_m: tuple[float, float, float] = (0, 0.1, 0.7)
    ) -> str:
        for _ in range(round(seconds * 30)):
            gated = self.look(seen(self.t_ns, pose, at_m))
        return gated.status.phase

    def wait(self, seconds: float) -> str:
        for _ in range(round(seconds * 30)):
            gated = self.look(nobody(self.t_ns))
        return gated.status.phase

    @property
    def t_ns(self) -> int:
        return NS + self.frame * NS // 30

    @property
    def away_rad(self) -> float:
        """How far the joint that is farthest from home is away from it."""
        return float(np.abs(self.run.state.q_rad - HOME_RAD).max())


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    stand.run.robot.close()


def test_a_passer_by_moves_nothing(stand):
    for i in range(4):
        stand.show(1.0, ("open", "fist", "count_2", "relaxed")[i], (0.1 * i, 0.1, 0.7))
        stand.wait(0.5)
    stand.show(3.0, at_m=(0.0, 0.1, 2.5))
    assert set(stand.modes) == {"DISARMED"}
    assert not stand.told
    assert stand.fastest_rad < 1e-3


def test_a_turn_from_the_palm_to_the_rest(stand):
    assert stand.show(2.0) == "engaged"
    stand.show(1.5, "fist")
    assert stand.modes[-1] == "TRACKING"
    assert stand.away_rad > 0.5
    stand.show(1.0, "fist", (0.0, 0.1, 2.0))  # a passer-by, where the operator's hand just was
    assert stand.modes[-1] == "HOLD"
    stand.wait(2.5)
    assert stand.told == ["arm", "home", "home"]
    assert stand.away_rad < MOVED_RAD, "it went home before the turn was over"
    stand.wait(5.0)
    assert stand.told == ["arm", "home", "home", "disarm"]
    assert stand.modes[-1] == "DISARMED"
    rest_rad = stand.run.state.q_rad
    stand.show(1.0, "fist")
    assert stand.modes[-1] == "DISARMED", "it is not armed again by itself"
    assert np.abs(stand.run.state.q_rad - rest_rad).max() < 1e-3
    assert stand.show(2.0) == "engaged"
    assert stand.modes[-1] in ("ENGAGING", "TRACKING"), "the next visitor arms it again"


def test_an_operator_who_comes_back_in_time_goes_on_softly(stand):
    stand.show(2.0)
    stand.show(1.5, "fist")
    stand.wait(2.0)
    assert stand.told == ["arm", "home"]
    stand.fastest_rad = 0.0
    stand.show(0.4, "fist")
    # A fifth of 6 rad/s for the way home, growing in 1.5 s: no jump to the fist.
    assert stand.fastest_rad < 0.12
    assert stand.show(3.0, "fist") == "engaged"
    assert stand.modes[-1] == "TRACKING"
    assert stand.away_rad > 0.5


def test_a_stop_stays_whoever_comes(stand):
    stand.show(2.0)
    stand.run.robot.command("stop")
    stand.show(8.0)
    assert set(stand.modes[-200:]) == {"STOPPED"}
    assert stand.told == ["arm"]
    stand.run.robot.command("reset")
    stand.show(0.1, "fist")
    assert stand.modes[-1] == "DISARMED"
    assert stand.show(3.0) != "engaged"
    assert stand.modes[-1] == "DISARMED"
    stand.gate.heed("arm")
    assert stand.show(2.0) == "engaged"
    assert stand.modes[-1] in ("ENGAGING", "TRACKING")
