"""Moves a robot a little, on the ordinary path of its targets, and keeps what its joints did."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.errors import AppError
from calibration.excitation import Excitation, design
from robot import HandSpec, JointTrajectory, RobotError, RobotLink, RobotState

logger = logging.getLogger(__name__)

TICK_NS = 10_000_000  # a server tells its state as often
_TICKS_PER_MESSAGE = 2
_AHEAD_NS = np.arange(15) * TICK_NS  # of each message, as far as a server plays one
_SETTLE_NS = 800_000_000  # at home, before and after the motion
_ARRIVED_RAD = 0.06
_HOMING_NS = 12_000_000_000  # a server gives up after ten seconds
_SILENCE_NS = 1_000_000_000
_JOINTS_PER_FINGER = 4
_SIDEWAYS = (0, 4, 8)  # an Allegro hand's joints that spread its fingers


class Robot(Protocol):
    """A robot hand in time, real or virtual."""

    def now_ns(self) -> int:
        """Own monotonic clock."""
        ...

    def tick(self, message: JointTrajectory | None) -> RobotState | None:
        """Send a message if there is one, let `TICK_NS` pass, and return the newest state."""
        ...

    def offset_ns(self) -> int:
        """Robot's clock minus own."""
        ...

    def clock_steps(self) -> int:
        """How often that offset changed at once."""
        ...

    def command(self, name: str) -> None:
        """arm, home or disarm."""
        ...


class LiveRobot:
    """A robot server on its own clock."""

    def __init__(self, link: RobotLink) -> None:
        self._link = link
        self._due_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def tick(self, message: JointTrajectory | None) -> RobotState | None:
        if message is not None:
            self._link.publish(message)
        self._due_ns = max(self._due_ns + TICK_NS, time.monotonic_ns())
        time.sleep(max(0, self._due_ns - time.monotonic_ns()) * 1e-9)
        return self._link.state()

    def offset_ns(self) -> int:
        return self._link.clock_offset_ns

    def clock_steps(self) -> int:
        return self._link.clock.steps

    def command(self, name: str) -> None:
        getattr(self._link, name)()


class LockstepRobot:
    """A simulation whose time is moved by its client: the same on a busy machine, and faster than life."""

    def __init__(self, link: RobotLink) -> None:
        self._link = link
        self._now_ns = 1_000_000_000

    def now_ns(self) -> int:
        return self._now_ns

    def tick(self, message: JointTrajectory | None) -> RobotState | None:
        self._now_ns += TICK_NS
        return self._link.step(message, self._now_ns)

    def offset_ns(self) -> int:
        return 0

    def clock_steps(self) -> int:
        return 0

    def command(self, name: str) -> None:
        getattr(self._link, name)()


@dataclass(frozen=True)
class Motion:
    """What was wanted, and what came of it.

    Attributes:
        excitation: the wanted motion.
        t_s: (M,) seconds after its beginning, own clock.
        q_rad: (M,n) measured joint angles.
    """

    excitation: Excitation
    t_s: np.ndarray
    q_rad: np.ndarray


def excitation_of(spec: HandSpec, seconds: float) -> Excitation:
    """The motion for a hand; CalibrationError where it has no room."""
    joints = np.arange(len(spec.joint_names))
    return design(
        spec.home_rad,
        (spec.lower_rad, spec.upper_rad),
        spec.max_velocity_rad_s,
        spec.max_acceleration_rad_s2,
        joints // _JOINTS_PER_FINGER,
        np.isin(joints, _SIDEWAYS),
        seconds,
    )


def move_robot(
    robot: Robot, spec: HandSpec, seconds: float, cancelled: Callable[[], bool] = lambda: False
) -> Motion:
    """Arm the robot, take it home, move it, take it home again, and disarm it however this ends.

    Args:
        robot: a disarmed one.
        spec: the hand that it is.
        seconds: how long to move.
        cancelled: asked all the time; True ends it.

    Raises:
        AppError: it was stopped or fell silent, or somebody else drives it; nothing is kept then.
        RobotError: it refuses, or does not answer.
        KeyboardInterrupt: it was cancelled.
    """
    mover = _Mover(robot, spec, cancelled)
    excitation = excitation_of(spec, seconds)
    mover.refuse_unless_idle()
    try:
        robot.command("arm")
        mover.go_home()
        motion = mover.excite(excitation)
        mover.go_home()
    finally:
        try:
            robot.command("disarm")
        except RobotError as error:  # it may be what ended the motion; its watchdog disarms it
            logger.warning("could not disarm the robot: %s", error)
    return motion


class _Mover:
    """The steps of the motion; each watches the robot's state at every tick."""

    def __init__(self, robot: Robot, spec: HandSpec, cancelled: Callable[[], bool]) -> None:
        self._robot = robot
        self._spec = spec
        self._cancelled = cancelled
        self._seq = 0
        self._state: RobotState | None = None
        self._heard_ns = robot.now_ns()

    def _tick(self, message: JointTrajectory | None = None) -> RobotState | None:
        """The newest state, if it is a new one; ends the motion where it has to end."""
        if self._cancelled():
            raise KeyboardInterrupt
        before, state = self._state, self._robot.tick(message)
        if state is None or (before is not None and state.seq == before.seq):
            if self._robot.now_ns() - self._heard_ns > _SILENCE_NS:
                raise AppError("the robot fell silent; nothing was saved, check its server and the network")
            return None
        self._state, self._heard_ns = state, self._robot.now_ns()
        return state

    def refuse_unless_idle(self) -> None:
        state = None
        while state is None:
            state = self._tick()
        if state.mode == "STOPPED":
            why = state.fault or "reset it first"
            raise AppError(f"the robot is STOPPED and was not moved: {why}")
        if state.mode != "DISARMED":
            raise AppError(
                f"the robot is {state.mode}, so somebody drives it; end that, or disarm it, and try again"
            )

    def go_home(self) -> None:
        """Move home as slowly as the server does by itself."""
        self._robot.command("home")
        begin_ns, away_rad = self._robot.now_ns(), np.full(1, np.inf)
        while self._robot.now_ns() - begin_ns < _HOMING_NS:
            state = self._tick()
            if state is None or state.t_ns - self._robot.offset_ns() < begin_ns:
                continue  # what it says may be of before the command
            away_rad = np.abs(state.q_rad - self._spec.home_rad)
            if state.mode == "HOLD" and away_rad.max() <= _ARRIVED_RAD:
                return
            self._refuse_stopped(state)
        name = self._spec.joint_names[int(away_rad.argmax())]
        raise AppError(
            f"the robot does not reach its home pose, {name} is {away_rad.max():.2f} rad away; nothing was "
            "saved, check that nothing holds it and that its motors have power"
        )

    def excite(self, excitation: Excitation) -> Motion:
        robot, steps = self._robot, self._robot.clock_steps()
        begin_ns = robot.now_ns() + _SETTLE_NS
        end_ns = begin_ns + round(excitation.seconds * 1e9)
        t_s: list[float] = []
        q_rad: list[np.ndarray] = []
        tick = 0
        while robot.now_ns() < end_ns + _SETTLE_NS:
            message = self._message(excitation, begin_ns) if tick % _TICKS_PER_MESSAGE == 0 else None
            tick += 1
            state = self._tick(message)
            if state is None:
                continue
            self._refuse_stopped(state)
            after_ns = state.t_ns - robot.offset_ns() - begin_ns
            if after_ns < 0:
                continue
            if state.mode != "TRACKING":
                raise AppError(
                    f"the robot stopped following during the motion (it is {state.mode}), as it does when "
                    "targets come late; nothing was saved, check the network and what keeps the machine busy"
                )
            t_s.append(after_ns * 1e-9)
            q_rad.append(state.q_rad)
        if robot.clock_steps() != steps:
            raise AppError("the robot server's clock jumped during the motion; nothing was saved, try again")
        return Motion(excitation, np.array(t_s), np.array(q_rad).reshape(len(q_rad), -1))

    def _message(self, excitation: Excitation, begin_ns: int) -> JointTrajectory:
        now_ns = self._robot.now_ns()
        t_ns = now_ns + _AHEAD_NS
        self._seq += 1
        return JointTrajectory(
            seq=self._seq,
            hand=self._spec.hand,
            valid=True,
            source_state="tracking",
            t_capture_ns=now_ns,
            t_publish_ns=now_ns,
            joint_names=self._spec.joint_names,
            t_ns=t_ns,
            q_rad=excitation.at((t_ns - begin_ns) * 1e-9),
        )

    def _refuse_stopped(self, state: RobotState) -> None:
        if state.mode == "STOPPED":
            why = f": {state.fault}" if state.fault else ""
            raise AppError(f"the robot was stopped and nothing was saved{why}")
        if state.mode == "DISARMED":
            raise AppError("the robot was disarmed during the measurement; nothing was saved")
