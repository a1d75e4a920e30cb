"""The joints' delay is found to within 3 ms, by motions that are safe, or nothing is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.calibrate.latency_robot import TICK_NS, Motion, excitation_of, move_robot
from app.errors import AppError
from calibration.errors import CalibrationError
from calibration.excitation import Excitation, design
from calibration.joint_delay import ActuatorEstimate, estimate_actuator_delay
from robot import HANDS, Hand, JointTrajectory, RobotError, RobotState, hand_spec
from robot.clock import OFFSET_KEY, on_server_clock
from robot.runtime import RobotRuntime
from robot.simulation import STEP_NS

SECONDS = 4.0
NAMES = hand_spec("right").joint_names


class SimulatedRobot:
    """The real supervisor and physics in this process, on virtual time; drives its joints late if asked."""

    def __init__(self, hand: Hand = "right", late_ms: float = 0.0, ahead_ns: int = 0) -> None:
        self.runtime = RobotRuntime(hand)
        self.ahead_ns = ahead_ns  # the server's clock, of this one's
        self.steps = 0
        self.commands: list[str] = []
        self.on_tick: Callable[[SimulatedRobot], None] = lambda robot: None
        self.deaf = self.mute = False
        self.contact_n = 0.0
        self._now_ns = 5_000_000_000
        self.runtime.start(self._now_ns + ahead_ns)
        self._delay(round(late_ms * 1e6 / STEP_NS))

    def _delay(self, steps: int) -> None:
        drive = self.runtime.simulation.set_target
        waiting: deque[np.ndarray] = deque()

        def late(q_rad: np.ndarray, effort: float = 1.0) -> None:
            waiting.append(np.array(q_rad))
            drive(waiting.popleft() if len(waiting) > steps else waiting[0], effort)

        self.runtime.simulation.set_target = late  # type: ignore[method-assign]

    def now_ns(self) -> int:
        return self._now_ns

    def tick(self, message: JointTrajectory | None) -> RobotState | None:
        self.on_tick(self)
        if message is not None and not self.deaf:
            meta = {OFFSET_KEY: self.ahead_ns}
            sent = JointTrajectory(**{**vars(message), "meta": meta})
            self.runtime.offer(on_server_clock(sent), self._now_ns + self.ahead_ns)
        self._now_ns += TICK_NS
        self.runtime.advance_to(self._now_ns + self.ahead_ns)
        state = self.runtime.state()
        self.contact_n = max(self.contact_n, float(state.contact_n.max(initial=0.0)))
        return None if self.mute else state

    def offset_ns(self) -> int:
        return self.ahead_ns

    def clock_steps(self) -> int:
        return self.steps

    def command(self, name: str) -> None:
        self.commands.append(name)
        refusal = self.runtime.supervisor.command(name, self._now_ns + self.ahead_ns)
        if refusal:
            raise RobotError(refusal)


def measure(robot: SimulatedRobot) -> ActuatorEstimate:
    motion = move_robot(robot, robot.runtime.spec, SECONDS)
    return estimate(motion)


def estimate(motion: Motion) -> ActuatorEstimate:
    return estimate_actuator_delay(motion.t_s, motion.q_rad, motion.excitation.at, NAMES)


@pytest.fixture
def robot() -> Iterator[SimulatedRobot]:
    simulated = SimulatedRobot()
    yield simulated
    simulated.runtime.close()


@pytest.fixture(scope="module")
def undelayed_ms() -> float:
    return measure(SimulatedRobot()).actuator_ms


# -- the motion
# --------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    seconds=st.floats(4.0, 20.0),
    velocity=st.floats(0.2, 10.0),
    acceleration=st.floats(2.0, 400.0),
)
def test_the_motion_keeps_all_limits_and_begins_and_ends_at_home(
    seed: int, seconds: float, velocity: float, acceleration: float
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 24))
    lower, upper = -rng.uniform(0.05, 2.0, n), rng.uniform(0.05, 2.0, n)
    home = rng.uniform(lower, upper)
    limits = np.full(n, velocity), np.full(n, acceleration)
    try:
        motion = design(
            home, (lower, upper), *limits, np.arange(n) // 4, rng.random(n) < 0.3, seconds
        )  # fmt: skip
    except CalibrationError:
        assume(False)
    t_s = np.arange(-0.5, seconds + 0.5, 1e-3)
    q_rad = motion.at(t_s)
    dq_rad_s = np.gradient(q_rad, t_s, axis=0)
    assert ((q_rad >= lower) & (q_rad <= upper)).all()
    assert np.abs(q_rad - home).max() <= 0.15
    assert np.abs(dq_rad_s).max() <= 0.51 * velocity
    assert np.abs(np.gradient(dq_rad_s, t_s, axis=0)).max() <= 0.55 * acceleration
    np.testing.assert_array_equal(q_rad[t_s <= 0.0], np.broadcast_to(home, q_rad[t_s <= 0.0].shape))
    np.testing.assert_array_equal(q_rad[t_s >= seconds], np.broadcast_to(home, q_rad[t_s >= seconds].shape))


@pytest.mark.parametrize("hand", HANDS)
def test_no_two_joints_of_a_hand_move_alike(hand: Hand) -> None:
    motion = excitation_of(hand_spec(hand), 10.0)
    moving = motion.swing_rad > 0.0
    assert moving.sum() >= 12
    alike = np.corrcoef(motion.at(np.arange(0.0, 10.0, 0.01))[:, moving].T) - np.eye(int(moving.sum()))
    assert np.abs(alike).max() < 0.97


@pytest.mark.parametrize("seconds", [0.0, 3.9, 121.0, float("nan"), float("inf")])
def test_a_time_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(CalibrationError, match="give from 4 to 120 s"):
        excitation_of(hand_spec("right"), seconds)


def test_a_robot_at_its_limits_is_refused() -> None:
    one = np.ones(4)
    with pytest.raises(CalibrationError, match="no joint of the robot can swing"):
        design(0 * one, (0 * one, one), one, one, np.arange(4), one > 0, 10.0)


# -- the estimate
# --------------------------------------------------------------------------------------------------------


def followed(motion: Excitation, dead_s: float, lag_s: float, t_s: np.ndarray) -> np.ndarray:
    """(M,n) joint angles of first-order joints behind a dead time, from a simulation in small steps."""
    fine_s = np.arange(-0.5, t_s[-1] + 0.01, 1e-3)
    wanted = motion.at(fine_s - dead_s)
    if lag_s > 0.0:
        gain = 1.0 - np.exp(-1e-3 / lag_s)
        q_rad = wanted.copy()
        for i in range(1, len(q_rad)):
            # Held over a step, a target would come half a step late.
            q_rad[i] = q_rad[i - 1] + gain * (0.5 * (wanted[i] + wanted[i - 1]) - q_rad[i - 1])
        wanted = q_rad
    return np.stack([np.interp(t_s, fine_s, joint) for joint in wanted.T], axis=1)


@settings(deadline=None, max_examples=10)
@given(
    dead_ms=st.floats(0.0, 200.0), lag_ms=st.floats(0.0, 35.0), noise_rad=st.floats(0.0, 0.01),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_dead_time_and_lag_are_found_together(
    dead_ms: float, lag_ms: float, noise_rad: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    motion = excitation_of(hand_spec("right"), 8.0)
    t_s = np.sort(rng.uniform(0.0, 8.6, 700))
    measured = followed(motion, dead_ms * 1e-3, lag_ms * 1e-3, t_s)
    measured += rng.normal(0.0, noise_rad, measured.shape) + 0.05
    found = estimate_actuator_delay(t_s, measured, motion.at, NAMES)
    assert found.actuator_ms == pytest.approx(dead_ms + lag_ms, abs=3.0)


def test_joints_that_do_not_follow_are_left_out_and_too_many_of_them_named() -> None:
    motion = excitation_of(hand_spec("right"), 8.0)
    t_s = np.arange(0.0, 8.6, 0.01)
    measured = followed(motion, 0.040, 0.0, t_s)
    rng = np.random.default_rng(0)
    measured[:, 2:6] = rng.normal(0.0, 0.1, (len(t_s), 4))
    found = estimate_actuator_delay(t_s, measured, motion.at, NAMES)
    assert found.actuator_ms == pytest.approx(40.0, abs=3.0)
    assert not {"joint_2.0", "joint_3.0"} & {joint.name for joint in found.followed}
    measured[:, :13] = 0.3
    with pytest.raises(CalibrationError, match=r"joints followed the motion, not .*joint_4\.0"):
        estimate_actuator_delay(t_s, measured, motion.at, NAMES)


def test_what_cannot_be_measured_is_refused_with_the_reason() -> None:
    motion = excitation_of(hand_spec("right"), 8.0)
    t_s = np.arange(0.0, 8.6, 0.01)
    good = followed(motion, 0.040, 0.0, t_s)
    apart = np.concatenate(
        [followed(motion, 0.02 + 0.012 * j, 0.0, t_s)[:, [j]] for j in range(16)], axis=1
    )  # fmt: skip
    gap = (t_s < 3.0) | (t_s > 3.4)
    cases = [
        (t_s[:50], good[:50], "told its joint angles 50 times"),
        (t_s[gap], good[gap], "told nothing for 0.4"),
        (t_s, apart, "joints' delays differ by"),
        (t_s, followed(motion, -0.05, 0.0, t_s), "actuation-lead-ms"),
        (t_s, followed(motion, 0.9, 0.0, t_s), "joints followed the motion"),
    ]
    for times, angles, reason in cases:
        with pytest.raises(CalibrationError, match=reason) as caught:
            estimate_actuator_delay(times, angles, motion.at, NAMES)
        assert "\n" not in str(caught.value)


# -- the run
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_ms", [10.0, 36.0, 80.0])
def test_a_delay_injected_into_the_simulation_is_found(undelayed_ms: float, late_ms: float) -> None:
    found = measure(SimulatedRobot(late_ms=late_ms))
    print(f"{late_ms}: {found.actuator_ms - undelayed_ms - late_ms:+.2f} ms")
    assert found.actuator_ms - undelayed_ms == pytest.approx(late_ms, abs=3.0)


def test_the_left_hand_and_a_server_with_another_clock_give_the_same(undelayed_ms: float) -> None:
    robot = SimulatedRobot("left", ahead_ns=7_123_456_789_000)
    assert measure(robot).actuator_ms == pytest.approx(undelayed_ms, abs=1.0)


def test_the_robot_begins_and_ends_at_rest_and_touches_nothing(robot: SimulatedRobot) -> None:
    motion = move_robot(robot, robot.runtime.spec, SECONDS)
    assert robot.commands == ["arm", "home", "home", "disarm"]
    assert robot.runtime.supervisor.mode == "DISARMED"
    assert robot.contact_n == 0.0
    counters = robot.runtime.supervisor.counters
    assert counters.velocity_limited == counters.acceleration_limited == counters.joint_limits == 0
    np.testing.assert_allclose(robot.runtime.simulation.q_rad, robot.runtime.spec.home_rad, atol=0.02)
    assert len(motion.t_s) > 100 * SECONDS


def after_s(seconds: float, what: Callable[[SimulatedRobot], None]) -> Callable[[SimulatedRobot], None]:
    def act(robot: SimulatedRobot) -> None:
        if robot.now_ns() >= 5_000_000_000 + seconds * 1e9:
            what(robot)

    return act


def deafen(robot: SimulatedRobot) -> None:
    robot.deaf = True


def silence(robot: SimulatedRobot) -> None:
    robot.mute = True


def jump(robot: SimulatedRobot) -> None:
    robot.steps = 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda robot: robot.runtime.supervisor.command("stop", 0), "the robot was stopped"),
        (lambda robot: robot.runtime.fail("A motor is hot."), "A motor is hot"),
        (lambda robot: robot.runtime.supervisor.command("disarm", 0), "was disarmed"),
        (deafen, "targets come late"),
        (silence, "fell silent"),
        (jump, "clock jumped"),
    ],
    ids=["stop", "fault", "disarm", "late targets", "silence", "clock"],
)
def test_what_interrupts_the_motion_ends_it(
    robot: SimulatedRobot, what: Callable[[SimulatedRobot], None], reason: str
) -> None:
    robot.on_tick = after_s(3.0, what)
    with pytest.raises(AppError, match=reason):
        move_robot(robot, robot.runtime.spec, SECONDS)
    assert robot.commands[-1] == "disarm"
    assert robot.runtime.supervisor.mode in ("DISARMED", "STOPPED")


def test_cancelling_disarms_the_robot(robot: SimulatedRobot) -> None:
    with pytest.raises(KeyboardInterrupt):
        move_robot(robot, robot.runtime.spec, SECONDS, lambda: robot.now_ns() > 7_000_000_000)
    assert robot.runtime.supervisor.mode == "DISARMED"


def test_a_robot_that_somebody_drives_or_stopped_is_not_armed(robot: SimulatedRobot) -> None:
    robot.runtime.supervisor.command("stop", 0)
    with pytest.raises(AppError, match="STOPPED"):
        move_robot(robot, robot.runtime.spec, SECONDS)
    robot.runtime.supervisor.command("reset", 0)
    robot.runtime.supervisor.command("arm", 0)
    with pytest.raises(AppError, match="somebody drives it"):
        move_robot(robot, robot.runtime.spec, SECONDS)
    assert robot.commands == []


def test_a_robot_that_is_held_is_told_so(robot: SimulatedRobot) -> None:
    held = np.array(robot.runtime.spec.home_rad)
    held[6] += 0.3
    robot.runtime.simulation._read = lambda: None  # type: ignore[method-assign]
    robot.runtime.simulation.q_rad = held
    with pytest.raises(AppError, match=r"does not reach its home pose, joint_6\.0 is 0\.30 rad away"):
        move_robot(robot, robot.runtime.spec, SECONDS)
    assert robot.commands[-1] == "disarm"
