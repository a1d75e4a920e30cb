"""The control loop's arithmetic, its settings, and when measurements are not believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.allegro_config import CONFIGS_DIR, load_config
from robot.allegro_control import PoseAssembler, VelocityFilter, pd_drive
from robot.allegro_health import FeedbackGuard
from robot.allegro_versions import HAND_VERSIONS, make_protocol
from robot.can import ProtocolV4, ProtocolV5
from robot.can.messages import HandInfo, Pose, Temperature
from robot.emulator.joints import REST_RAD
from robot.errors import RobotError
from robot.hands import hand_spec

MS = 1_000_000
SPEC = hand_spec("right")
CONFIG = load_config("v4")
HOME = np.array(SPEC.home_rad)


def guard() -> FeedbackGuard:
    return FeedbackGuard(SPEC, CONFIG.feedback, 3 * MS)


def pose(finger: int, value: float = 0.0) -> Pose:
    return Pose(finger, (value, value, value, value))


# -- complete measurements
# ---------------------------------------------------------------------------------------------


def test_four_fingers_make_a_measurement() -> None:
    assembler = PoseAssembler()
    assert [assembler.add(pose(f, 0.1 * f)) for f in range(3)] == [None] * 3
    q_rad = assembler.add(pose(3, 0.3))
    assert q_rad is not None
    np.testing.assert_allclose(q_rad, np.repeat([0.0, 0.1, 0.2, 0.3], 4))
    assert assembler.incomplete == 0


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_frame_costs_one_cycle_and_mixes_nothing(lost: int) -> None:
    assembler = PoseAssembler()
    complete = []
    for cycle in range(5):
        for finger in range(4):
            if (cycle, finger) == (2, lost):
                continue
            q_rad = assembler.add(pose(finger, float(cycle)))
            if q_rad is not None:
                complete.append(q_rad)
    assert [set(q) for q in complete] == [{0.0}, {1.0}, {3.0}, {4.0}]
    assert assembler.incomplete == 0


def test_a_dead_finger_is_counted_cycle_by_cycle() -> None:
    assembler = PoseAssembler()
    for _ in range(5):
        for finger in (0, 1, 3):
            assert assembler.add(pose(finger)) is None
    assert assembler.incomplete == 4


# -- speeds
# ------------------------------------------------------------------------------------------------------------


def test_the_filter_passes_a_constant_unchanged() -> None:
    velocity = VelocityFilter(30.0, 0.003)
    velocity.update(np.zeros(16))
    for _ in range(2000):
        dq = velocity.update(np.full(16, 0.7))
    np.testing.assert_allclose(velocity.filtered_rad, 0.7, rtol=1e-12)  # DC gain 1, not 0.99
    np.testing.assert_allclose(dq, 0.0, atol=1e-9)


def test_the_coefficients_are_those_of_30_hz_at_333_hz() -> None:
    a, b = VelocityFilter(30.0, 0.003).coefficients(0.003)
    assert a == pytest.approx(0.5498, abs=2e-4)
    assert b == pytest.approx(0.2251, abs=1e-4)


@given(st.floats(1.0, 160.0), st.integers(1, 20))
def test_the_gain_is_one_at_any_cutoff_and_gap(cutoff_hz: float, cycles: int) -> None:
    a, b = VelocityFilter(cutoff_hz, 0.003).coefficients(0.003 * cycles)
    assert 2.0 * b / (1.0 - a) == pytest.approx(1.0)
    assert -1.0 < a < 1.0


@pytest.mark.parametrize("cycles", [1, 2])
def test_a_ramp_has_its_speed_whatever_the_gap(cycles: int) -> None:
    velocity = VelocityFilter(30.0, 0.003)
    for k in range(300):
        dq = velocity.update(np.full(16, 2.0 * k * cycles * 0.003), cycles)
    np.testing.assert_allclose(dq, 2.0, rtol=1e-6)


def test_an_engaging_joint_starts_at_rest() -> None:
    velocity = VelocityFilter(30.0, 0.003)
    assert not velocity.update(HOME).any()
    velocity.update(HOME + 0.5)
    velocity.reset()
    assert not velocity.update(HOME).any()


# -- drives and settings
# -----------------------------------------------------------------------------------------------


def test_drive_is_proportional_damped_and_capped() -> None:
    zero, one = np.zeros(16), np.ones(16)
    small = pd_drive(CONFIG, zero, zero, 0.1 * one, one)
    np.testing.assert_allclose(small, 0.1 * CONFIG.kp_per_rad)
    np.testing.assert_allclose(pd_drive(CONFIG, zero, one, zero, one), -CONFIG.kd_s_per_rad)
    np.testing.assert_allclose(pd_drive(CONFIG, zero, zero, 9.0 * one, one), CONFIG.torque_caps)
    np.testing.assert_allclose(
        pd_drive(CONFIG, zero, zero, -9.0 * one, 0.25 * one), -0.25 * CONFIG.torque_caps
    )


@pytest.mark.parametrize("version", HAND_VERSIONS)
def test_every_version_ships_settings_within_the_vendors_caps(version: str, tmp_path: Path) -> None:
    zeros = tmp_path / "zeros.yaml"
    table = ", ".join(["1"] * 16)
    zeros.write_text(f"S: {{offsets: [{table}], directions: [{table}], motor_directions: [{table}]}}")
    protocol = make_protocol(version, zeros, "S")
    config = load_config(protocol.name)
    assert config.protocol == protocol.name
    assert (config.torque_caps <= protocol.torque_caps + 1e-4).all()


def test_v4_settings_are_the_vendors_defaults() -> None:
    np.testing.assert_allclose(CONFIG.kp_per_rad[:4] * 1200, [600, 600, 600, 1000], rtol=1e-3)
    np.testing.assert_allclose(CONFIG.kp_per_rad[12:] * 1200, [1000, 1000, 1000, 600], rtol=1e-3)
    np.testing.assert_allclose(CONFIG.torque_caps[:4] * 1200, [375, 675, 450, 285])
    np.testing.assert_allclose(CONFIG.torque_caps[12:] * 1200, [525, 405, 270, 270])
    assert CONFIG.period_ms == 3


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("protocol: v4", "protocol: v9", "no protocol"),
        ("period_ms: 3", "period_ms: 0", "period_ms"),
        ("velocity_cutoff_hz: 30.0", "velocity_cutoff_hz: 300", "velocity_cutoff_hz"),
        ("  - [0.833, 0.833, 0.833, 0.5]", "  - [0.833, 0.833, 0.833]", "wrong kind"),
        ("  - [0.833, 0.833, 0.833, 0.5]", "  - [0.833, 0.833, 0.833, .nan]", "finite"),
        ("reduce_above_c: 60.0", "reduce_above_c: 90.0", "rise"),
        ("max_jumps: 3", "max_jumps: many", "wrong kind"),
        ("period_ms: 3", "period_ms: .inf", "wrong kind"),
        ("max_jumps: 3", "max_junps: 3", "max_junps"),
        ("stop_status_bits: [1, 3, 4]", "stop_status_bits: [9]", "bits are 0 to 7"),
    ],
)
def test_wrong_settings_name_the_field(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = (CONFIGS_DIR / "allegro_v4.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(RobotError, match=complaint):
        load_config(path)


def test_first_motions_can_be_gentle() -> None:
    gentle = CONFIG.scaled(0.2)
    np.testing.assert_allclose(gentle.torque_caps, 0.2 * CONFIG.torque_caps)
    np.testing.assert_allclose(gentle.kp_per_rad, 0.2 * CONFIG.kp_per_rad)
    with pytest.raises(RobotError, match="share"):
        CONFIG.scaled(1.5)


def test_protocol_versions_are_named() -> None:
    assert make_protocol("v4", device=2) == ProtocolV4(2)
    assert make_protocol("v5b") == ProtocolV5(hand_type="B")
    with pytest.raises(RobotError, match="zeros"):
        make_protocol("v3")
    with pytest.raises(RobotError, match="no hand version"):
        make_protocol("v6")


# -- belief
# ------------------------------------------------------------------------------------------------------------


def test_a_healthy_thumb_below_its_limit_is_believed() -> None:
    health = guard()
    assert REST_RAD[12] < SPEC.lower_rad[12]
    np.testing.assert_array_equal(health.believe(np.array(REST_RAD), 1, 0), REST_RAD)
    assert not health.fault


def test_a_joint_far_outside_its_limits_stops() -> None:
    health = guard()
    q_rad = HOME.copy()
    q_rad[5] = SPEC.upper_rad[5] + CONFIG.feedback.limit_tolerance_rad + 0.01
    health.believe(q_rad, 1, 0)
    assert "joint_5.0 reads" in health.fault


def test_one_impossible_reading_is_bridged_and_persistent_ones_stop() -> None:
    health = guard()
    health.believe(HOME, 1, 0)
    wild = HOME.copy()
    wild[7] += 1.0
    believed = health.believe(wild, 1, 3 * MS)
    assert believed[7] == HOME[7]
    assert not health.fault
    health.believe(HOME, 1, 6 * MS)
    assert health.counters.bridged_jumps == 1
    for k in range(4):
        assert not health.fault
        health.believe(wild if k % 2 else HOME - (wild - HOME), 1, (9 + 3 * k) * MS)
    assert "joint_7.0 jumps" in health.fault


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-20.0, 20.0), min_size=16, max_size=16))
def test_motion_at_any_possible_speed_is_believed(speeds: list[float]) -> None:
    health = guard()
    speed = np.array(speeds)
    for k in range(20):
        q_rad = 0.5 + 0.02 * np.sin(speed * k * 0.003 / 0.02)
        q_rad[[0, 4, 8]] -= 0.5
        np.testing.assert_array_equal(health.believe(q_rad, 1, k * 3 * MS), q_rad)
    assert health.counters.bridged_jumps == 0


def test_silence_stops_after_ten_milliseconds() -> None:
    health = guard()
    health.believe(HOME, 1, 0)
    for k in range(11):
        health.check(k * MS)
        assert not health.fault
    health.check(10 * MS + 1)
    assert "No complete measurement" in health.fault


def test_a_host_that_comes_late_is_not_the_hands_silence() -> None:
    health = guard()
    health.believe(HOME, 1, 0)
    health.check(60 * MS)  # the measurement that waits is only half there
    assert not health.fault
    health.believe(HOME, 1, 61 * MS)
    health.check(61 * MS)
    assert not health.fault


def test_more_than_three_incomplete_cycles_stop() -> None:
    health = guard()
    for in_a_row in (1, 2, 2, 3):
        health.note_incomplete(in_a_row)
    assert not health.fault
    health.note_incomplete(4)
    assert "4 measurements in a row" in health.fault
    assert health.counters.incomplete_cycles == 4


def test_an_impossible_temperature_is_no_temperature() -> None:
    health = guard()
    for _ in range(5):
        health.note_temperature(Temperature(3, (48, 38, 36, 246)))  # the byte a real hand sent
    assert not health.fault
    assert health.counters.implausible_temperatures == 5
    assert health.celsius[12] == 48
    assert np.isnan(health.celsius[15])
    assert (health.share == 1.0).all()


def test_a_hot_joint_gets_less_torque_and_a_very_hot_one_stops() -> None:
    health = guard()
    health.note_temperature(Temperature(0, (40, 60, 65, 69)))
    np.testing.assert_allclose(health.share[:4], [1.0, 1.0, 0.5, 0.1])
    health.note_temperature(Temperature(0, (40, 40, 70, 40)))
    assert health.share[2] == 0.0
    assert not health.fault  # one reading may be a bad byte
    health.note_temperature(Temperature(0, (40, 40, 71, 40)))
    assert "joint_2.0 is 71 °C hot" in health.fault


def test_a_hand_that_cools_gets_its_torque_back() -> None:
    health = guard()
    health.note_temperature(Temperature(1, (69, 40, 40, 40)))
    health.restart(0)
    assert health.share[4] < 1.0
    health.note_temperature(Temperature(1, (45, 40, 40, 40)))
    assert health.share[4] == 1.0


@pytest.mark.parametrize(
    ("status", "fault"),
    [(0b1, ""), (0b101, ""), (0b11, "joint temperature"), (0b1001, "joint comm"), (0b10001, "palm temp")],
)
def test_status_faults_stop_and_the_bit_of_a_healthy_hand_does_not(status: int, fault: str) -> None:
    health = guard()
    health.note_info(HandInfo("right", 0, 0, 40, status))
    assert (fault in health.fault) if fault else (health.fault == "")
    assert health.counters.warnings == int(status == 0b101)


def test_servos_that_switch_themselves_off_stop() -> None:
    health = guard()
    health.note_info(HandInfo("right", 0, 0, 40, 0))
    assert not health.fault
    health.note_info(HandInfo("right", 0, 0, 40, 0))
    assert "servos off" in health.fault


def feed(health: FeedbackGuard, seconds: float, start_s: float, celsius: tuple[int, int, int, int]) -> None:
    """Run with measurements every 3 ms; finger 0 sends `celsius` twice a second, the others 40 °C."""
    for k in range(round(start_s * 1000 / 3), round((start_s + seconds) * 1000 / 3)):
        health.believe(HOME, 1, k * 3 * MS)
        if k % 166 == 0:
            health.note_temperature(Temperature(0, celsius))
            for finger in (1, 2, 3):
                health.note_temperature(Temperature(finger, (40, 40, 40, 40)))
        health.check(k * 3 * MS)


def test_a_joint_of_unknown_temperature_gets_half_the_torque_after_ten_seconds() -> None:
    health = guard()
    feed(health, 9.9, 0.0, (40, 246, 40, 40))
    assert (health.share == 1.0).all()
    feed(health, 1.0, 9.9, (40, 246, 40, 40))
    assert health.share[1] == 0.5
    assert (np.delete(health.share, 1) == 1.0).all()
    assert health.counters.unknown_temperatures == 1
    assert not health.fault
    feed(health, 1.0, 10.9, (40, 41, 40, 40))
    assert (health.share == 1.0).all()


def test_temperatures_that_never_come_halve_the_torque_where_the_hand_has_sensors() -> None:
    for has_temperatures, share, unknown in ((True, 0.5, 16), (False, 1.0, 0)):
        health = FeedbackGuard(SPEC, CONFIG.feedback, 3 * MS, has_temperatures)
        for k in range(11_000):
            health.believe(HOME, 1, k * MS)
            health.check(k * MS)
        assert (health.share == share).all()
        assert health.counters.unknown_temperatures == unknown


def test_a_host_that_stood_still_does_not_make_temperatures_unknown() -> None:
    health = guard()
    health.believe(HOME, 1, 0)
    health.check(0)
    health.check(60_000 * MS)
    assert (health.share == 1.0).all()


@pytest.mark.parametrize(("celsius", "fault"), [(70, ""), (71, "The palm is 71 °C hot"), (246, "")])
def test_a_hot_palm_stops(celsius: int, fault: str) -> None:
    health = guard()
    health.note_info(HandInfo("right", 0, 0, celsius, 1))
    assert (fault in health.fault) if fault else (health.fault == "")
    assert health.counters.implausible_temperatures == (celsius == 246)
