"""Who may arm the robot: once by itself, again only after the watchdog, never against somebody's word."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.auto_arm import AutoArm
from app.robot_port import NoRobot, ServerRobot, open_robot
from app.settings import TeleopSettings
from app.teleop import run_teleop
from robot import JointTrajectory, RobotError, RobotState, connect, hand_spec, spawn_simulation

SPEC = hand_spec("right")
MS = 1_000_000
ROOT = Path(__file__).resolve().parent.parent


def state(mode: str) -> RobotState:
    zeros = np.zeros(16)
    return RobotState(
        seq=0,
        t_ns=0,
        mode=mode,
        joint_names=SPEC.joint_names,
        q_rad=SPEC.home_rad,
        dq_rad_s=zeros,
        target_rad=SPEC.home_rad,
        limits_hit=0,
        fault="",
    )


def watch(auto_arm: AutoArm, *modes: str, watchdog_disarms: int = 0) -> bool:
    for mode in modes:
        newest = state(mode)
        auto_arm.observe(newest, watchdog_disarms if auto_arm.disarmed_now(newest) else None)
    return auto_arm.allowed


def test_a_fresh_robot_is_armed():
    assert watch(AutoArm(True), "DISARMED", "DISARMED")
    assert not watch(AutoArm(False), "DISARMED")


def test_after_the_watchdog_it_is_armed_again():
    assert watch(AutoArm(True), "DISARMED", "TRACKING", "HOLD", "DISARMED", watchdog_disarms=1)


def test_somebody_elses_disarm_is_the_last_word():
    assert not watch(AutoArm(True), "DISARMED", "TRACKING", "DISARMED")
    assert not watch(AutoArm(True), "DISARMED", "TRACKING", "HOLD", "DISARMED")


def test_what_the_watchdog_did_before_the_run_does_not_count():
    auto_arm = AutoArm(True)
    for mode in ("DISARMED", "TRACKING", "DISARMED"):
        auto_arm.observe(state(mode), 7)
    assert not auto_arm.allowed


def test_a_reset_after_a_stop_starts_nothing():
    auto_arm = AutoArm(True)
    assert not watch(auto_arm, "DISARMED", "TRACKING", "STOPPED", "DISARMED", watchdog_disarms=1)
    auto_arm.obey("arm")
    assert auto_arm.allowed


def test_the_operators_word_counts_at_once():
    auto_arm = AutoArm(True)
    watch(auto_arm, "DISARMED", "TRACKING")
    auto_arm.obey("disarm")
    assert not auto_arm.allowed


def test_a_disarm_of_a_robot_at_rest_is_the_last_word_too():
    auto_arm = AutoArm(True)
    for mode, disarms in (("DISARMED", 0), ("TRACKING", 0), ("HOLD", 0), ("DISARMED", 1)):
        auto_arm.observe(state(mode), disarms, rest_commands=3)
    assert auto_arm.allowed
    auto_arm.observe(state("DISARMED"), 1, rest_commands=4)
    assert not auto_arm.allowed
    auto_arm.obey("arm")
    auto_arm.observe(state("DISARMED"), 1, rest_commands=4)
    assert auto_arm.allowed


def message(seq: int, t_ns: int, source_state: str = "tracking") -> JointTrajectory:
    return JointTrajectory(
        seq=seq,
        hand="right",
        valid=source_state != "lost",
        source_state=source_state,
        t_capture_ns=t_ns,
        t_publish_ns=t_ns,
        joint_names=SPEC.joint_names,
        t_ns=np.array([t_ns]),
        q_rad=SPEC.home_rad[None],
    )


@pytest.fixture
def live():
    """A running simulation, a port that arms by itself, and another console."""
    with spawn_simulation("right") as simulation:
        port = ServerRobot(simulation.endpoint, simulation.connect(), arm=True)
        console = connect(simulation.endpoint, "right")
        yield port, console
        console.close()
        port.close()


def drive(port: ServerRobot, seconds: float, seq: int, source_state: str = "tracking") -> int:
    for _ in range(round(seconds * 30)):
        port.send(message(seq, time.monotonic_ns(), source_state))
        seq += 1
        time.sleep(1 / 30)
    return seq


def test_a_stop_at_another_console_stays_even_after_its_reset(live):
    port, console = live
    seq = drive(port, 0.5, 1)
    assert console.status().state.mode in ("ENGAGING", "TRACKING")
    console.stop()
    seq = drive(port, 0.3, seq)
    assert console.status().state.mode == "STOPPED"
    console.reset()
    drive(port, 0.3, seq)
    assert console.status().state.mode == "DISARMED"


def test_a_disarm_at_another_console_after_the_watchdogs_stays_too(live):
    port, console = live
    seq = drive(port, 0.5, 1)
    while console.status().counters.watchdog_disarms == 0:
        seq = drive(port, 0.1, seq, "lost")
    console.disarm()
    seq = drive(port, 0.3, seq, "lost")
    drive(port, 0.5, seq)
    assert console.status().state.mode == "DISARMED"
    port.command("arm")
    assert console.status().state.mode in ("ENGAGING", "TRACKING")


def test_a_server_that_falls_silent_is_said_so(live, monkeypatch):
    port, _ = live
    seq = drive(port, 0.5, 1)
    newest = port._link.state()
    monkeypatch.setattr(port._link, "state", lambda: newest)  # a link gives what came last, however old
    t_ns = time.monotonic_ns()
    port.send(message(seq, t_ns))
    port.send(message(seq + 1, t_ns + 1000 * MS))
    with pytest.raises(RobotError, match="fell silent"):
        port.send(message(seq + 2, t_ns + 4000 * MS))


def test_what_the_robot_refuses_is_handed_back(live):
    port, _ = live
    assert "send arm first" in port.command("home")
    assert port.command("arm") == ""
    assert "nothing to reset" in port.command("reset")


def test_a_refused_arm_does_not_end_the_run(live):
    port, console = live
    console.stop()
    drive(port, 0.3, 1)
    assert console.status().state.mode == "STOPPED"


def test_a_recording_with_a_long_pause_is_stepped_through():
    port = open_robot("sim", "right", realtime=False, arm=False)
    try:
        modes = []
        for seq, t_ns in enumerate((0, 33 * MS, 67 * MS, 70_000 * MS, 70_033 * MS, 70_067 * MS), start=1):
            shown = port.send(message(seq, t_ns))
            modes.append("" if shown is None else shown.mode)
        assert modes[2] in ("ENGAGING", "TRACKING")
        assert modes[3] == "DISARMED", "the watchdog slept through the pause"
        assert modes[5] in ("ENGAGING", "TRACKING"), "after the watchdog it is armed again"
    finally:
        port.close()


def test_a_simulation_that_dies_is_said_in_one_sentence():
    port = open_robot("sim", "right", realtime=False, arm=False)
    try:
        port.send(message(1, 0))
        port._process._process.kill()
        port._process._process.wait()
        with pytest.raises(RobotError, match="ended unexpectedly"):
            port.send(message(2, 33 * MS))
    finally:
        port.close()


def test_teleop_drives_a_hand_of_another_version_with_its_own_joints(tmp_path):
    command = [
        sys.executable,
        "launch.py",
        "robot",
        "--robot",
        "allegro",
        "--version",
        "v5b",
        "--hand",
        "left",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, "--dry-run", "--port", "0"], cwd=ROOT, **pipes) as server:
        try:
            address = json.loads(server.stdout.readline())["endpoint"]
            settings = TeleopSettings(
                source="synthetic", hand="left", mirror=True, robot=address, arm=True, temporal="one-euro",
                headless=True, max_frames=30, run_dir=tmp_path,
            )  # fmt: skip
            files = dict(run_teleop(settings).files)
            with connect(address, "left") as console:
                status = console.status()
        finally:
            server.terminate()
    assert status.robot == "allegro_v5b_left"
    assert status.counters.unknown_joints == 0, status.last_refusal
    assert status.counters.accepted > 10
    assert status.counters.acceleration_limited > 0, "it was armed and followed"
    assert {"report", "video"} <= set(files)


class OtherRobot:
    """A link to a robot that is none of ours, or no longer."""

    hand, endpoint = "right", "tcp://127.0.0.1:5570"

    def __init__(self, robot: str, joint_names: tuple[str, ...]) -> None:
        self.robot, self.joint_names = robot, joint_names


@pytest.mark.parametrize(
    ("robot", "says"),
    [("shadow_right", "known right hands are allegro_right"), ("allegro_right", "has other joints than")],
)
def test_a_robot_that_cannot_be_driven_is_refused_before_the_run(robot, says):
    link = OtherRobot(robot, ("wrist", "thumb"))
    with pytest.raises(RobotError, match=says):
        ServerRobot(link.endpoint, link, arm=False)


def test_no_robot_takes_everything_and_says_nothing():
    port = open_robot("none", "right", realtime=True, arm=True)
    assert isinstance(port, NoRobot)
    assert port.send(message(1, 0)) is None
    assert port.command("stop") == ""
    assert port.counters() == {}
    port.close()
