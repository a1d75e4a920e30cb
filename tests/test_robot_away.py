"""A robot server that is away for a while: what was asked for meanwhile, once it is back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import msgpack
import numpy as np
import pytest

from robot import JointTrajectory, RobotError, SimulationProcess, connect, hand_spec, spawn_simulation
from robot.client import RobotLink
from robot.control import answer
from robot.owed import Owed
from robot.runtime import RobotRuntime

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot halt a process by a signal")

SPEC = hand_spec("right")
PATIENCE_S = 20.0
TIMEOUT_S = 0.3
NUMBERS = count()  # a publisher's targets are numbered without gaps: else the robot takes it for two


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulationProcess]:
    with spawn_simulation("right") as process:
        yield process


@pytest.fixture
def link(simulation: SimulationProcess) -> Iterator[RobotLink]:
    with simulation.connect() as setting_up:
        setting_up.stop()
        setting_up.reset()
    with connect(simulation.endpoint, timeout_s=TIMEOUT_S) as opened:
        yield opened


@pytest.fixture
def witness(simulation: SimulationProcess) -> Iterator[RobotLink]:
    """Another client, which owes the robot nothing."""
    with simulation.connect() as opened:
        yield opened


@contextmanager
def away(process: SimulationProcess) -> Iterator[None]:
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def unanswered(command: Callable[[], None]) -> None:
    with pytest.raises(RobotError, match="does not answer any more"):
        command()


def target() -> JointTrajectory:
    t_ns = time.monotonic_ns()
    return JointTrajectory(
        seq=next(NUMBERS),
        hand="right",
        valid=True,
        source_state="tracking",
        t_capture_ns=t_ns,
        t_publish_ns=t_ns,
        joint_names=SPEC.joint_names,
        t_ns=np.array([t_ns]),
        q_rad=SPEC.home_rad[None],
    )


def modes_until(wanted: str, link: RobotLink, witness: RobotLink) -> list[str]:
    """The robot's modes on the way to one, while fresh targets for it keep coming."""
    modes: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    while not modes or modes[-1] != wanted:
        assert time.monotonic() < deadline, modes
        link.publish(target())
        modes.append(witness.status().state.mode)
        time.sleep(0.01)
    return modes


@pytest.mark.parametrize("command", ["stop", "disarm"])
def test_an_arm_that_was_not_answered_is_not_carried_out_but_what_came_after_it_is(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink, command: str
) -> None:
    before = witness.status().counters
    with away(simulation):
        unanswered(link.arm)
        unanswered(getattr(link, command))
    modes, rest_commands = set(), before.rest_commands
    deadline = time.monotonic() + PATIENCE_S
    while rest_commands == before.rest_commands:
        assert time.monotonic() < deadline, "it was never asked again"
        status = witness.status()
        modes.add(status.state.mode)
        rest_commands = status.counters.rest_commands
    rest = {"stop": "STOPPED", "disarm": "DISARMED"}[command]
    assert modes <= {"DISARMED", rest}
    assert witness.status().state.mode == rest


def test_an_arm_that_was_not_answered_never_arms_though_targets_keep_coming(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink
) -> None:
    with away(simulation):
        unanswered(link.arm)
    for _ in range(50):
        link.publish(target())
        assert witness.status().state.mode == "DISARMED"
        time.sleep(0.01)
    link.arm()
    assert "TRACKING" in modes_until("TRACKING", link, witness)


def test_a_reset_that_was_not_answered_does_not_undo_the_stop(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink
) -> None:
    link.stop()
    with away(simulation):
        unanswered(link.reset)
    for _ in range(20):
        assert witness.status().state.mode == "STOPPED"
        time.sleep(0.02)
    link.reset()
    assert witness.status().state.mode == "DISARMED"


@pytest.mark.parametrize(("command", "rest"), [("stop", "STOPPED"), ("disarm", "DISARMED")])
def test_an_armed_robot_comes_to_rest_as_soon_as_it_is_back_though_targets_keep_coming(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink, command: str, rest: str
) -> None:
    link.arm()
    modes_until("TRACKING", link, witness)
    disarms = witness.status().counters.watchdog_disarms
    with away(simulation):
        unanswered(getattr(link, command))
    modes_until(rest, link, witness)
    assert witness.status().counters.watchdog_disarms == disarms


def test_what_is_owed_goes_before_what_is_asked_next(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink
) -> None:
    with away(simulation):
        unanswered(link.stop)
        unanswered(link.disarm)  # no reason to forget the stop
    with pytest.raises(RobotError, match="STOPPED and refuses arm"):
        link.arm()
    link.reset()
    link.arm()
    assert witness.status().state.mode == "ENGAGING"


def test_after_ctrl_c_during_a_request_the_link_still_stops_the_robot(
    simulation: SimulationProcess, link: RobotLink, witness: RobotLink
) -> None:
    link.arm()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with away(simulation):
            signal.setitimer(signal.ITIMER_REAL, TIMEOUT_S / 3)
            with pytest.raises(KeyboardInterrupt):
                link.home()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    link.stop()
    assert witness.status().state.mode == "STOPPED"


@pytest.fixture(scope="module")
def runtime() -> Iterator[RobotRuntime]:
    opened = RobotRuntime("right")
    opened.start(0)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"command": "arm", "not_after_ns": 4_999_999_999}, "came 0.0 s later than it was wanted"),
        ({"command": "reset", "not_after_ns": 2_000_000_000}, "came 3.0 s later"),
        ({"command": "home", "not_after_ns": 1.5e12}, "must be a whole number"),
        ({"command": "arm", "not_after_ns": -1}, "must be a whole number"),
        ({"command": "stop", "not_after_ns": 9_000_000_000}, "it takes command."),
        ({"command": "disarm", "not_after_ns": 9_000_000_000}, "it takes command."),
    ],
)
def test_requests_out_of_time_change_nothing(
    runtime: RobotRuntime, request_: dict[str, object], says: str
) -> None:
    reply = msgpack.unpackb(answer([msgpack.packb(request_)], runtime, 5_000_000_000, lockstep=False))
    assert reply["ok"] is False
    assert says in reply["error"]
    assert runtime.supervisor.mode == "DISARMED"


def test_a_request_in_time_is_carried_out(runtime: RobotRuntime) -> None:
    for name, mode in (("arm", "ENGAGING"), ("home", "ENGAGING")):
        asked = msgpack.packb({"command": name, "not_after_ns": 5_000_000_000})
        reply = msgpack.unpackb(answer([asked], runtime, 5_000_000_000, lockstep=False))
        assert reply == {"ok": True, "mode": mode}
    runtime.supervisor.command("disarm", 5_000_000_000)


def test_a_stop_outweighs_a_disarm_and_nothing_else_is_owed() -> None:
    owed = Owed()
    for command, left in (
        ("arm", ""),
        ("status", ""),
        ("disarm", "disarm"),
        ("stop", "stop"),
        ("disarm", "stop"),
    ):
        owed.remember(command)
        assert owed.command == left
