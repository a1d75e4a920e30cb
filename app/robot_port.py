"""Where a run sends its joint trajectories: a live robot server, a simulation in lock-step, or nowhere."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Literal, Protocol

from app.auto_arm import AutoArm
from models.observation import Hand
from robot import (
    JointTrajectory,
    RobotError,
    RobotLink,
    RobotState,
    SimulationProcess,
    connect,
    spawn_simulation,
)
from robot.allegro_versions import known_spec
from robot.scene import ObjectKind

logger = logging.getLogger(__name__)

SILENCE_NS = 2_000_000_000  # a server states its joints many times a second: after this it is gone


class RobotPort(Protocol):
    """One robot hand, as the pipeline sees it."""

    endpoint: str | None
    version: str
    """Of the hand's hardware, see `robot.allegro_versions`."""

    def send(self, message: JointTrajectory) -> RobotState | None:
        """Give the robot its newest trajectory; returns the newest state known, None before the first."""
        ...

    def command(self, name: str) -> str:
        """Pass on what the operator asked for: arm, disarm, home, stop or reset.

        Returns:
            Empty on success, otherwise one sentence that says why nothing came of it.
        """
        ...

    def counters(self) -> dict[str, int]:
        """What the robot's guards rejected or limited so far, by name."""
        ...

    def close(self) -> None:
        """Disarm and let go; safe to call twice."""
        ...


class NoRobot:
    """Nothing listens: `--robot none`."""

    endpoint: str | None = None
    version: str = "v4"

    def send(self, message: JointTrajectory) -> None:
        """Drop the message."""

    def command(self, name: str) -> str:
        """Nothing to command."""
        return ""

    def counters(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """Nothing to let go of."""


class ServerRobot:
    """A robot server on its own clock, or one stepped on the publisher's clock when it runs in lock-step.

    Arms by itself only where AutoArm allows it, and only while the hand is tracked: a server whose watchdog
    disarmed because the hand was gone takes it up again (softly, see its ENGAGING mode) once it is back.
    """

    def __init__(
        self, address: str, link: RobotLink, arm: bool, process: SimulationProcess | None = None
    ) -> None:
        self._link = link
        self._auto_arm = AutoArm(arm)
        self._process = process
        self._pending: JointTrajectory | None = None
        self._state: RobotState | None = None
        self._t_last_state_ns: int | None = None
        self._closed = False
        self.endpoint: str | None = address
        self.version = _version(link)

    def send(self, message: JointTrajectory) -> RobotState | None:
        if self._process is not None and not self._process.running:
            raise RobotError("the robot simulation ended unexpectedly; start the run again")
        if self._link.lockstep:
            # The state at this instant is the work of the messages before it, as with a real robot.
            state: RobotState | None = self._link.step(self._pending, message.t_publish_ns)
            self._pending = message
        else:
            self._link.publish(message)
            state = self._link.state()
            self._check_silence(state, message.t_publish_ns)
        if state is not None:
            self._observe(state)
        disarmed = self._state is not None and self._state.mode == "DISARMED"
        if disarmed and self._auto_arm.allowed and message.source_state == "tracking":
            try:
                self._link.arm()
            except RobotError as error:
                self._auto_arm.refuse()
                logger.warning("the robot is not armed: %s", error)
        return self._state

    def _observe(self, state: RobotState) -> None:
        counters = state.counters
        self._auto_arm.observe(state, counters.get("watchdog_disarms"), counters.get("rest_commands", 0))
        self._state = state

    def _check_silence(self, state: RobotState | None, t_now_ns: int) -> None:
        # The link goes on giving the newest state there was: only another one is a sign of life.
        if state is not self._state or self._t_last_state_ns is None:
            self._t_last_state_ns = t_now_ns
        elif t_now_ns - self._t_last_state_ns > SILENCE_NS:
            raise RobotError(
                f"the robot server at {self.endpoint} fell silent; check it and start the run again"
            )

    def command(self, name: str) -> str:
        self._auto_arm.obey(name)
        try:
            getattr(self._link, name)()
        except RobotError as error:
            logger.warning("%s: %s", name, error)
            return str(error)
        return ""

    def counters(self) -> dict[str, int]:
        try:
            return asdict(self._link.status().counters)
        except RobotError as error:
            logger.warning("the robot's counters are missing in the report: %s", error)
            return {}

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._process is None or self._process.running:
                self._link.disarm()
        except RobotError as error:
            if self._state is None or self._state.mode != "STOPPED":  # which is as good
                logger.warning("could not disarm the robot: %s", error)
        finally:
            self._link.close()
            if self._process is not None:
                self._process.close()


def _version(link: RobotLink) -> str:
    """Of a link's robot, which must have the joints that are known of it."""
    spec = known_spec(link.robot, link.hand)
    if sorted(link.joint_names) != sorted(spec.joint_names):
        raise RobotError(
            f"the robot at {link.endpoint} calls itself {link.robot} and has other joints than that hand; "
            "run the same version of PoseHand on both machines"
        )
    return spec.version


def open_robot(
    spec: str,
    hand: Hand,
    realtime: bool,
    arm: bool,
    keys: Path | None = None,
    scene: ObjectKind | Literal["none"] = "none",
) -> RobotPort:
    """The robot port that `--robot SPEC` names.

    Args:
        spec: "sim", "none" or "tcp://HOST:PORT".
        hand: "right" or "left"; the robot hand of the same side is driven.
        realtime: False steps a simulation on the file's own clock.
        arm: arm a server at tcp://…; a simulation started here is always armed.
        keys: folder with this client's keys, for a server at tcp://… that has keys.
        scene: what stands on a table under a simulation started here; "none" is a hand in the air.

    Raises:
        RobotError: no server answers there, the keys are not right, or the simulation does not start.
    """
    if spec == "none":
        return NoRobot()
    if spec == "sim":
        process = spawn_simulation(hand, lockstep=not realtime, scene=scene)
        return ServerRobot(process.endpoint, process.connect(), arm=True, process=process)
    return ServerRobot(spec, connect(spec, hand, keys=keys), arm=arm)
