"""The driver and its supervision against an emulated hand, in explicit time."""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path

import can
import numpy as np
import pytest

from robot.allegro import AllegroDriver
from robot.allegro_config import load_config
from robot.allegro_model import Hand
from robot.allegro_runtime import AllegroRuntime, AllegroSettings, open_allegro
from robot.allegro_versions import make_protocol, version_spec
from robot.can import Frame, HandProtocol, ProtocolV2, ProtocolV4, ProtocolV5, ZeroTable
from robot.can.bus import BusSettings, CanPort
from robot.can.messages import Rejected, Request, SetPeriod, SystemOff, SystemOn, Torque
from robot.emulator import EmulatedHand, EmulatedPort, Faults, example_serial, parse_faults
from robot.emulator.joints import EmulatedJoints, inertia_kg_m2
from robot.errors import RobotError
from robot.hands import hand_spec
from robot.messages import JointTrajectory

MS = 1_000_000
TURN = MS // 2
V4 = ProtocolV4()
ZERO_TORQUES = [f"{i} [8]{' 00' * 8}" for i in ("180", "184", "188", "18C")]
ORDERED_STOP = [*ZERO_TORQUES, "104 [0]", "204 [6] 00 00 00 00 00 00"]


class Bench:
    """A driver, an emulated hand and a time that only moves when told to."""

    def __init__(
        self,
        faults: Faults | None = None,
        hand: Hand = "right",
        protocol: HandProtocol = V4,
        serial: str = "SGAR0001",
        version: str = "v4",
    ) -> None:
        self.t_ns = 0
        spec = version_spec(version, hand)
        self.hand = EmulatedHand(protocol, spec, faults, serial)
        self.port = EmulatedPort(self.hand, protocol)
        self.driver = AllegroDriver(spec, protocol, load_config(protocol.name), self.port)
        self.target_rad: np.ndarray | None = None
        self.steps = 0

    def run(self, seconds: float) -> None:
        end_ns = self.t_ns + int(seconds * 1e9)
        while self.t_ns < end_ns:
            self.t_ns += TURN
            if self.driver.poll(self.t_ns):
                self.steps += 1
                self.driver.drive(self.target_rad, self.t_ns)

    def start(self) -> None:
        self.driver.start(self.t_ns)
        self.run(0.1)
        assert self.driver.phase == "running", self.driver.fault

    def sent(self) -> list[str]:
        return [str(frame) for _, frame in self.port.sent]


# -- start
# --------------------------------------------------------------------------------------------------


def test_start_clears_asks_and_switches_on_in_order() -> None:
    bench = Bench()
    bench.start()
    expected = [*ORDERED_STOP, "200 R", "220 R", "204 [6] 03 00 00 00 F4 01", *ZERO_TORQUES, "100 [0]"]
    assert bench.sent()[: len(expected)] == expected
    assert bench.driver.info is not None
    assert bench.driver.info.hand == "right"
    assert bench.driver.serial == "SGAR0001"


def test_questions_come_after_the_old_run_was_stopped_and_keep_their_gaps() -> None:
    bench = Bench()
    bench.start()
    times = {str(frame): t_ns for t_ns, frame in reversed(bench.port.sent)}
    assert times["200 R"] - times["104 [0]"] >= 10 * MS
    assert times["220 R"] - times["200 R"] >= 100_000


def test_the_wrong_hand_is_refused_and_stays_off() -> None:
    bench = Bench(Faults(wrong_hand=True))
    bench.driver.start(0)
    bench.run(0.5)
    assert bench.driver.phase == "off"
    assert bench.driver.fault == (
        "The hand on the bus is a left hand, not a right one; start with --hand left "
        "or connect the other hand."
    )
    assert "100 [0]" not in bench.sent()
    assert not bench.driver.powered


def test_a_silent_bus_is_said_so_after_a_second_of_asking() -> None:
    bench = Bench(Faults(silent_after_s=0.0))
    bench.driver.start(0)
    bench.run(0.9)
    assert not bench.driver.fault
    assert bench.sent().count("200 R") > 5
    bench.run(0.2)
    assert "No Allegro hand of version v4 answers" in bench.driver.fault


def test_a_hand_that_lies_with_torque_of_a_dead_host_is_freed_first() -> None:
    bench = Bench()
    bench.hand.take(V4.encode(SystemOn()), 0)
    bench.hand.take(V4.encode(Torque(1, (300, 0, 0, 0))), 0)
    bench.hand.advance(1000 * MS)
    assert bench.hand.driven  # no watchdog: it keeps its torque
    bench.t_ns = 1000 * MS
    bench.driver.start(bench.t_ns)
    bench.run(0.002)
    assert not bench.hand.driven


def test_no_torque_before_a_target() -> None:
    bench = Bench()
    bench.start()
    bench.run(1.0)
    torques = [f for _, f in bench.port.sent if isinstance(V4.decode(f), Torque)]
    assert len(torques) > 1000
    assert not any(any(frame.data) for frame in torques)


# -- the loop
# --------------------------------------------------------------------------------------------------


def test_it_runs_once_per_measurement() -> None:
    bench = Bench()
    bench.start()
    before = bench.steps
    bench.run(3.0)
    assert bench.steps - before == 1000


@pytest.mark.parametrize("hand", ["right", "left"])
def test_the_hand_goes_where_it_shall(hand: Hand) -> None:
    bench = Bench(hand=hand)
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(4.0)
    # What is left is dry friction: 0.01 N·m at kp · 0.7 N·m per unit of drive.
    sticking_rad = 0.01 / (0.7 * bench.driver.config.kp_per_rad)
    assert (np.abs(bench.driver.q_rad - bench.target_rad) < sticking_rad + 0.02).all()
    assert not bench.driver.fault


def test_the_first_torque_comes_with_the_next_measurement() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    armed_ns = bench.t_ns
    bench.run(0.01)
    first_ns = min(t_ns for t_ns, f in bench.port.sent if isinstance(V4.decode(f), Torque) and any(f.data))
    assert first_ns - armed_ns <= 3 * MS + TURN


def test_drives_stay_within_the_caps() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = bench.driver.q_rad + 10.0
    bench.run(0.5)
    counts = np.array(bench.hand.report().pwm)
    np.testing.assert_array_equal(counts, [375, 675, 450, 285] * 3 + [525, 405, 270, 270])


def test_effort_is_a_share_of_the_torque() -> None:
    bench = Bench()
    bench.start()
    far_rad = bench.driver.q_rad + 10.0
    bench.driver.drive(far_rad, bench.t_ns)
    full = bench.driver.drive_u.copy()
    for effort, share in ((0.25, 0.25), (0.0, 0.0), (2.0, 1.0), (-1.0, 0.0)):
        bench.driver.drive(far_rad, bench.t_ns, effort)
        np.testing.assert_allclose(bench.driver.drive_u, share * full)
    assert np.abs(full).min() > 0.2


def test_a_late_host_takes_the_newest_measurement_and_goes_on() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(0.3)
    speed = np.abs(bench.driver.dq_rad_s).max()
    bench.t_ns += 20 * MS
    assert bench.driver.poll(bench.t_ns)
    assert not bench.driver.fault
    assert np.abs(bench.driver.dq_rad_s).max() < 2.0 * speed + 0.5


def test_a_target_that_is_no_number_stops() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.full(16, np.nan)
    bench.run(0.01)
    assert "no finite number" in bench.driver.fault
    assert bench.sent()[-6:] == ORDERED_STOP


# -- stop
# --------------------------------------------------------------------------------------------------


def test_stop_is_ordered_and_at_once() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(0.1)
    assert bench.hand.driven
    bench.driver.stop(bench.t_ns)
    assert bench.sent()[-6:] == ORDERED_STOP
    report = bench.hand.report()
    assert (report.on, report.driven, report.periods_ms) == (False, False, (0, 0, 0))
    count = len(bench.port.sent)
    bench.run(0.5)
    assert len(bench.port.sent) == count  # and it stays stopped


def test_it_can_be_started_again() -> None:
    bench = Bench()
    bench.start()
    bench.driver.stop(bench.t_ns)
    bench.run(0.2)
    bench.start()
    bench.run(0.1)
    assert not bench.driver.fault


class Refusing(EmulatedPort):
    """A bus that takes nothing for a while."""

    refuse = False

    def send(self, frame: Frame, t_ns: int) -> None:
        if self.refuse:
            raise RobotError("The bus is off.")
        super().send(frame, t_ns)


def test_a_stop_the_bus_did_not_take_is_sent_again() -> None:
    bench = Bench()
    bench.driver.port = port = Refusing(bench.hand, V4)
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(0.1)
    port.refuse = True
    bench.run(0.1)
    assert bench.driver.fault == "The bus is off."
    assert bench.driver.powered
    assert bench.hand.driven
    port.refuse = False
    bench.run(0.05)
    assert not bench.hand.driven
    assert not bench.driver.powered


# -- faults of the hand
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        (Faults(silent_after_s=0.3), "No complete measurement"),
        (Faults(dead_finger=2), "No complete measurement|in a row were incomplete"),
        (Faults(drop=0.5), "incomplete|No complete"),
        (Faults(hot_joint=6, hot_c=80), "joint_6.0 is 80 °C hot"),
        (Faults(jump_joint=9), "joint_9.0 jumps"),
        (Faults(status=0b1000), "joint communication fault"),
    ],
)
def test_a_broken_hand_is_stopped_with_its_reason(faults: Faults, complaint: str) -> None:
    bench = Bench(faults)
    bench.driver.start(0)
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(3.0)
    assert bench.driver.phase == "off"
    assert re.search(complaint, bench.driver.fault)
    assert bench.sent()[-6:] == ORDERED_STOP


def test_silence_stops_within_its_limit() -> None:
    bench = Bench(Faults(silent_after_s=0.3))
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(1.0)
    assert bench.hand.report().changed_ns <= (300 + 10) * MS + TURN


@pytest.mark.parametrize(
    "faults", [Faults(drop=0.005), Faults(delay_ms=2.0), Faults(babble_hz=3000.0), Faults(status=0b100)]
)
def test_small_trouble_is_counted_and_survived(faults: Faults) -> None:
    bench = Bench(faults)
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(3.0)
    assert not bench.driver.fault
    counters = bench.driver.health.counters
    if faults.drop:
        assert 0 < counters.incomplete_cycles < 60
    if faults.babble_hz:
        assert bench.driver.frames["unknown"] > 5000
    if faults.status:
        assert counters.warnings == 3


def test_a_hot_joint_is_driven_with_less() -> None:
    bench = Bench(Faults(hot_joint=1, hot_c=65))
    bench.start()
    bench.target_rad = bench.driver.q_rad + 10.0
    bench.run(1.0)
    assert bench.hand.report().pwm[1] == pytest.approx(675 / 2, abs=1)
    assert bench.hand.report().pwm[5] == 675


def test_garbage_on_the_bus_is_counted_and_moves_nothing() -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    random = np.random.default_rng(1)
    real = bench.hand.advance

    def noisy(t_ns: int) -> list[Frame]:
        junk = []
        for _ in range(8):
            identifier = int(random.integers(0x800))
            frame = Frame(identifier, random.bytes(int(random.integers(9))))
            # Well-formed frames with the hand's own identifiers are another hand, not garbage.
            if isinstance(V4.decode(frame), Rejected | SystemOff | SetPeriod):
                junk.append(frame)
        return junk + real(t_ns)

    bench.hand.advance = noisy  # type: ignore[method-assign]
    bench.run(2.0)
    assert not bench.driver.fault
    assert bench.driver.frames["unknown"] > 10_000
    assert bench.driver.frames["malformed"] > 10


@pytest.mark.parametrize("message", [SystemOn(), Torque(2, (0, 0, 1, 0))])
def test_a_second_master_of_the_hand_is_a_fault(message: SystemOn | Torque) -> None:
    bench = Bench()
    bench.start()
    real = bench.hand.advance
    bench.hand.advance = lambda t_ns: [V4.encode(message), *real(t_ns)]  # type: ignore[method-assign]
    bench.run(0.01)
    assert "Another program commands this hand" in bench.driver.fault
    assert bench.sent()[-6:] == ORDERED_STOP


def test_a_guardian_that_takes_power_away_is_no_second_master() -> None:
    bench = Bench()
    bench.start()
    real = bench.hand.advance
    stop = list(V4.stop_frames())
    bench.hand.advance = lambda t_ns: stop + real(t_ns)  # type: ignore[method-assign]
    bench.run(0.01)
    assert not bench.driver.fault
    assert bench.driver.frames["host"] > 50


@pytest.mark.parametrize("frames", [V4.stop_frames(), (V4.encode(SystemOff()),)], ids=["silent", "measuring"])
def test_a_hand_that_others_switched_off_is_not_said_to_have_a_bad_cable(frames: tuple[Frame, ...]) -> None:
    bench = Bench()
    bench.start()
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(1.0)
    real = bench.hand.advance
    overheard = list(frames)

    def advance(t_ns: int) -> list[Frame]:
        heard = overheard + real(t_ns)
        for frame in overheard:
            bench.hand.take(frame, t_ns)
        overheard.clear()
        return heard

    bench.hand.advance = advance  # type: ignore[method-assign]
    bench.run(3.0)
    assert "Another program on the CAN bus, or this server's guardian, switched" in bench.driver.fault
    bench.start()
    bench.hand.advance = lambda t_ns: []  # type: ignore[method-assign]
    bench.run(0.1)
    assert "check its power and the CAN cable" in bench.driver.fault


def test_caps_above_the_vendors_are_refused() -> None:
    with pytest.raises(RobotError, match=r"joint_1\.0 is 0\.5625; the vendor's driver allows 0\.1678"):
        AllegroDriver(hand_spec("right"), ProtocolV5(), load_config("v4"), Bench().port)


# -- other versions
# --------------------------------------------------------------------------------------------------

ZEROS = ZeroTable("S1", tuple(range(-800, 800, 100)), (1, -1) * 8, (-1, 1) * 8)


@pytest.mark.parametrize("hand", ["right", "left"])
@pytest.mark.parametrize("version", ["v3", "v5a", "v5b"])
def test_other_versions_run_the_same_way(version: str, hand: Hand) -> None:
    protocol = ProtocolV2(ZEROS) if version == "v3" else make_protocol(version)
    bench = Bench(None, hand, protocol, example_serial(version, hand), version)
    bench.driver.start(0)
    bench.run(0.3)
    assert bench.driver.phase == "running", bench.driver.fault
    bench.target_rad = np.array(bench.driver.spec.home_rad)
    bench.run(4.0)
    assert not bench.driver.fault
    assert np.abs(bench.driver.q_rad - bench.target_rad).max() < 0.08


@pytest.mark.parametrize(
    ("serial", "complaint"),
    [
        ("SGAL0001", "is a left hand"),
        ("SGBR0001", "of type B, not A"),
        ("SG1R0001", "of type unknown, not A"),
    ],
)
def test_a_v5_hand_of_another_kind_is_refused_by_its_serial_number(serial: str, complaint: str) -> None:
    bench = Bench(protocol=ProtocolV5(), serial=serial, version="v5a")
    bench.driver.start(0)
    bench.run(0.3)
    assert complaint in bench.driver.fault
    assert "100 [0]" not in bench.sent()


@pytest.mark.parametrize("hand", ["right", "left"])
@pytest.mark.parametrize("version", ["v5a", "v5b"])
def test_a_v5_hand_has_joints_and_limits_of_its_own(version: str, hand: Hand) -> None:
    spec = version_spec(version, hand)
    assert spec.joint_names[12] == "joint_12_0"
    assert spec.urdf_path.is_file()
    assert ((spec.home_rad >= spec.lower_rad) & (spec.home_rad <= spec.upper_rad)).all()
    assert spec.upper_rad[1] == (1.8 if version == "v5a" else 1.6)


# -- the emulated hand itself
# --------------------------------------------------------------------------------------------------


def test_emulated_joints_obey_drive_friction_and_stops() -> None:
    joints = EmulatedJoints(hand_spec("right"))
    rest = joints.q_rad.copy()
    joints.advance(np.full(16, 0.01), 1.0)  # 0.007 N·m does not overcome 0.01 N·m of friction
    np.testing.assert_array_equal(joints.q_rad, rest)
    joints.advance(np.full(16, 0.2), 0.05)
    assert (joints.q_rad > rest).all()
    joints.advance(np.full(16, 1.0), 5.0)
    np.testing.assert_allclose(joints.q_rad, hand_spec("right").upper_rad + 0.05)
    assert not joints.dq_rad_s.any()
    joints.advance(np.zeros(16), 5.0)
    np.testing.assert_allclose(joints.q_rad, hand_spec("right").upper_rad + 0.05)


def test_inertias_follow_the_masses_beyond_each_joint() -> None:
    inertia = inertia_kg_m2("right")
    # The proximal joint carries 0.065, 0.0355, 0.0096 and its tip is left out of the finger's links.
    expected = 1e-4 + 1.788e-5 + 0.065 * 0.027**2 + 5.499e-6 + 0.0355 * 0.0732**2
    expected += 8.78e-7 + 0.0096 * (0.054 + 0.0384 + 0.01335) ** 2
    assert inertia[1] == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(inertia[:4], inertia[4:8])


def test_faults_are_read_from_words() -> None:
    assert parse_faults(["drop=0.1", "hot-joint=3", "wrong-hand"]) == Faults(
        drop=0.1, hot_joint=3, wrong_hand=True
    )
    for bad in ("dorp=1", "drop=x", "drop=2", "hot_joint=16"):
        with pytest.raises(RobotError):
            parse_faults([bad])


def test_a_deaf_hand_keeps_its_torque() -> None:
    hand = EmulatedHand(V4, hand_spec("right"), Faults(deaf=True))
    hand.take(V4.encode(SystemOn()), 0)
    hand.take(V4.encode(Request("info")), 0)
    assert hand.advance(10 * MS) == []


# -- supervision
# --------------------------------------------------------------------------------------------------


class Robot:
    """An `AllegroRuntime` on an emulated hand, fed with targets at 30 Hz."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.bench = Bench(faults)
        self.runtime = AllegroRuntime(self.bench.driver, None)
        self.t_ns = 1000 * MS
        self.bench.hand.advance(self.t_ns)
        self.seq = 0
        self.feed = True

    def run(self, seconds: float) -> None:
        end_ns = self.t_ns + int(seconds * 1e9)
        while self.t_ns < end_ns:
            self.t_ns += TURN
            self.runtime.advance_to(self.t_ns)
            if self.feed and self.t_ns % (33 * MS) == 0:
                self.runtime.offer(self.target(), self.t_ns)

    def target(self) -> JointTrajectory:
        self.seq += 1
        spec = self.runtime.spec
        return JointTrajectory(
            seq=self.seq,
            hand=spec.hand,
            valid=True,
            source_state="tracking",
            t_capture_ns=self.t_ns,
            t_publish_ns=self.t_ns,
            joint_names=spec.joint_names,
            t_ns=np.array([self.t_ns]),
            q_rad=np.array(spec.home_rad)[None],
        )

    def command(self, name: str) -> None:
        assert self.runtime.supervisor.command(name, self.t_ns) == ""


def test_a_supervised_hand_follows_its_targets() -> None:
    robot = Robot()
    robot.run(0.3)
    assert robot.runtime.state().mode == "DISARMED"
    assert not robot.bench.hand.driven
    robot.command("arm")
    robot.run(5.0)
    state = robot.runtime.state()
    assert state.mode == "TRACKING"
    assert np.abs(state.q_rad - robot.runtime.spec.home_rad).max() < 0.08
    assert state.counters["frames_accepted"] > 6000


def test_stop_sends_zero_torque_first_and_within_a_period() -> None:
    robot = Robot()
    robot.run(0.3)
    robot.command("arm")
    robot.run(1.0)
    assert robot.bench.hand.driven
    robot.bench.port.sent.clear()
    robot.command("stop")
    robot.run(0.003)
    t_ns, first = robot.bench.port.sent[0]
    assert str(first) == ZERO_TORQUES[0]
    assert robot.bench.sent() == ORDERED_STOP
    assert t_ns <= robot.t_ns - 3 * MS + TURN


class Ear:
    """A guardian that only listens."""

    def __init__(self) -> None:
        self.beats: list[bool] = []

    def check(self, t_ns: int) -> str:
        return ""

    def beat(self, t_ns: int, powered: bool) -> None:
        self.beats.append(powered)


def test_a_stop_that_does_not_reach_the_hand_is_told_and_left_to_the_guardian() -> None:
    robot = Robot()
    robot.bench.driver.port = port = Refusing(robot.bench.hand, V4)
    robot.runtime.guardian = ear = Ear()  # type: ignore[assignment]
    robot.run(0.3)
    robot.command("arm")
    robot.run(0.5)
    port.refuse = True
    robot.command("stop")
    robot.run(0.001)
    ear.beats.clear()
    robot.run(0.1)
    state = robot.runtime.state()
    assert robot.bench.hand.driven
    assert state.mode == "STOPPED"
    assert state.fault == (
        "The stop did not reach the hand, which may still have torque: cut the power. The bus is off."
    )
    assert state.counters["unsent_stops"] >= 5
    assert state.counters["faults"] == 1
    assert ear.beats == []
    port.refuse = False
    robot.run(0.1)
    assert not robot.bench.hand.driven
    assert robot.runtime.state().fault == "The bus is off."
    assert set(ear.beats) == {False}
    robot.command("reset")
    robot.run(0.5)
    assert robot.runtime.state().mode == "DISARMED"


def test_a_guardian_is_told_of_power_before_a_refused_first_stop_is_left_to_it() -> None:
    robot = Robot()
    robot.bench.driver.port = port = Refusing(robot.bench.hand, V4)
    robot.runtime.guardian = ear = Ear()  # type: ignore[assignment]
    port.refuse = True
    robot.run(0.1)
    assert ear.beats == [True]


def test_a_stopped_hand_moves_again_only_after_reset_and_arm() -> None:
    robot = Robot()
    robot.run(0.3)
    robot.command("arm")
    robot.run(0.5)
    robot.command("stop")
    robot.run(0.5)
    assert not robot.bench.hand.report().on
    robot.command("reset")
    robot.run(0.5)
    assert robot.bench.hand.report().on
    assert not robot.bench.hand.driven
    robot.command("arm")
    robot.run(0.5)
    assert robot.bench.hand.driven


def test_a_fault_of_the_hand_stops_the_supervisor_and_is_told() -> None:
    robot = Robot(Faults(silent_after_s=2.0))
    robot.run(0.3)
    robot.command("arm")
    robot.run(2.0)
    state = robot.runtime.state()
    assert state.mode == "STOPPED"
    assert "No complete measurement" in state.fault
    assert state.counters["faults"] == 1
    assert not robot.bench.hand.driven


def test_targets_that_end_take_the_torque_away_in_the_end() -> None:
    robot = Robot()
    robot.run(0.3)
    robot.command("arm")
    robot.run(1.0)
    robot.feed = False
    robot.run(2.5)  # the watchdog has disarmed it, and lets the effort fade
    assert robot.runtime.state().mode == "DISARMED"
    assert 0.0 < robot.runtime.supervisor.effort < 1.0
    robot.run(2.5)
    assert robot.runtime.state().mode == "DISARMED"
    assert not robot.bench.hand.driven


def test_closing_stops_the_hand() -> None:
    robot = Robot()
    robot.run(0.3)
    robot.command("arm")
    robot.run(0.5)
    robot.runtime.close()
    assert robot.bench.sent()[-6:] == ORDERED_STOP


# -- dry run and buses
# -------------------------------------------------------------------------------------------------


def test_a_dry_run_opens_no_bus_and_logs_what_it_would_send(caplog: pytest.LogCaptureFixture) -> None:
    settings = AllegroSettings(bus=BusSettings("no-such-interface"), dry_run=True)
    with caplog.at_level(logging.INFO, logger="robot.emulator.port"):
        runtime = open_allegro(settings, 5000 * MS)
        t_ns = 5000 * MS
        for _ in range(400):
            t_ns += TURN
            runtime.advance_to(t_ns)
        runtime.close()
    said = Counter(record.getMessage() for record in caplog.records)
    assert said["not sent: 100 [0]"] == 1
    assert said["not sent: 104 [0]"] == 2
    assert runtime.guardian is None


def test_a_bus_that_is_not_there_is_said_in_one_sentence() -> None:
    with pytest.raises(RobotError, match="cannot be opened"):
        CanPort(BusSettings("no-such-interface"))


def test_one_process_buses_need_the_guardian_given_up() -> None:
    with pytest.raises(RobotError, match="--no-guardian"):
        open_allegro(AllegroSettings(bus=BusSettings("virtual", "unused")), 0)


def test_the_port_carries_frames_both_ways_and_counts_strangers(tmp_path: Path) -> None:
    bus = BusSettings("virtual", f"test-{tmp_path.name}-{id(tmp_path)}")
    one, other = CanPort(bus), CanPort(bus)
    try:
        one.send(Frame(0x100))
        one.send(Frame(0x200, remote=True))
        one.send(Frame(0x123, b"\x01\x02"))
        assert other.receive() == [Frame(0x100), Frame(0x200, remote=True), Frame(0x123, b"\x01\x02")]
        one._bus.send(can.Message(arbitration_id=0x12345, is_extended_id=True, data=b"1"))
        one._bus.send(can.Message(is_error_frame=True))
        assert other.receive() == []
        assert other.foreign == {"extended": 1, "error": 1}
        assert other.fileno() is None
    finally:
        one.close()
        other.close()
