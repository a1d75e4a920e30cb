"""The instruments of bench robot: a faulty network is as bad as asked, and the checker sees what it must."""

from __future__ import annotations

import numpy as np
import pytest

from app.bench.robot_side.checker import MotorChecker
from app.bench.robot_side.faults import Faults, FaultyWire
from app.bench.robot_side.motion import FRAME_NS, HandMotion, generate
from app.bench.robot_side.publisher import swing
from app.bench.robot_side.report import in_short, judge, markdown
from app.bench.robot_side.soak import memory_slope, run_soak
from robot.hands import hand_spec
from robot.messages import decode_trajectory, encode_trajectory

SPEC = hand_spec("right")
DT = 0.002


def checker() -> MotorChecker:
    return MotorChecker(SPEC.lower_rad, SPEC.upper_rad, SPEC.max_velocity_rad_s, SPEC.max_acceleration_rad_s2)


def test_wire_has_the_faults_it_was_asked_for() -> None:
    wire = FaultyWire(Faults())
    sent = [f"message {i}".encode() for i in range(6000)]
    came = []
    for i, frame in enumerate(sent):
        wire.send(frame, i * FRAME_NS)
        came += wire.arrived(i * FRAME_NS)
    came += wire.arrived(10**15)
    shares = {name: count / len(sent) for name, count in wire.counts.items()}
    assert shares["dropped"] == pytest.approx(0.05, abs=0.01)
    assert shares["duplicated"] == pytest.approx(0.02, abs=0.007)
    assert shares["reordered"] == pytest.approx(0.02, abs=0.007)
    assert shares["corrupted"] == pytest.approx(0.01, abs=0.005)
    assert shares["held"] > 0.01
    assert len(came) == len(sent) - wire.counts["dropped"] + wire.counts["duplicated"]
    numbers = [int(frame.split()[1]) for frame in came if frame in set(sent)]
    assert (np.diff(numbers) < 0).sum() >= 0.5 * wire.counts["reordered"]
    assert len([frame for frame in came if frame not in set(sent)]) >= 0.8 * wire.counts["corrupted"]


def test_clean_wire_loses_nothing() -> None:
    wire = FaultyWire(Faults(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    wire.send(b"one", 5)
    assert wire.arrived(4) == []
    assert wire.arrived(5) == [b"one"]
    assert wire.arrived(6) == []


def test_checker_sees_every_violation() -> None:
    rest = np.zeros(16)
    for what, poses in {
        "commanded position": [SPEC.upper_rad + 1e-3],
        "commanded speed": [SPEC.home_rad, SPEC.home_rad + 1.01 * SPEC.max_velocity_rad_s * DT],
        "commanded acceleration": [
            SPEC.home_rad,
            SPEC.home_rad,
            SPEC.home_rad + 1.1 * SPEC.max_acceleration_rad_s2 * DT * DT,
        ],
    }.items():
        looking = checker()
        for pose in poses:
            looking.look(pose, SPEC.home_rad, rest, DT)
        assert looking.violations[what] == 1, what
    looking = checker()
    looking.look(None, SPEC.lower_rad - 0.02, 1.01 * SPEC.max_velocity_rad_s, DT)
    assert (looking.violations["measured position"], looking.violations["measured speed"]) == (1, 1)
    calm = checker()
    for _ in range(5):
        calm.look(SPEC.home_rad, SPEC.home_rad, rest, DT)
    assert sum(calm.violations.values()) == 0


def test_messages_hold_the_motion_half_a_second_ahead() -> None:
    motion = swing()
    message = decode_trajectory(encode_trajectory(motion.message(3, 0, 10 * FRAME_NS, "me")))
    assert message.t_ns[-1] - message.t_ns[0] == 15 * FRAME_NS
    np.testing.assert_allclose(message.q_rad[0], motion.at(10 * FRAME_NS * 1e-9))
    assert np.abs(np.diff(motion.q_rad, axis=0)).max() * 30 == pytest.approx(2.0, rel=0.05)


def test_motion_goes_to_and_fro_without_a_jump() -> None:
    motion = HandMotion(("a",), np.array([[0.0], [1.0], [2.0]]))
    np.testing.assert_allclose(motion.at(np.arange(6) / 30.0)[:, 0], [0, 1, 2, 1, 0, 1])
    assert motion.at(0.5 / 30.0) == pytest.approx(0.5)


def test_soak_over_a_faulty_network_violates_nothing_and_can_be_judged() -> None:
    soak = run_soak(generate(4.0), 5.0, Faults())
    assert sum(soak["violations"].values()) == 0
    assert soak["counters"]["accepted"] > 100
    assert soak["counters"]["malformed"] + soak["counters"]["out_of_order"] > 0
    assert soak["error_max_rad"] < 0.3
    kill = {"trials": 2, "freeze_ms": [100.0, 160.0], "rest_ms": [150.0, 170.0], "froze": 1, "rested": 2}
    results = {
        "machine": {"processor": "x", "cores": 2, "memory_gib": 1, "system": "Linux", "python": "3"},
        "quick": True,
        "publisher": kill,
        "server": {"trials": 1, "latency_ms": [20.0], "in_time": 1, "stopped_before": 1},
        "robot_server": {"trials": 1, "latency_ms": [60.0], "in_time": 0},
        "stop": {"trials": 1, "latency_ms": [2.0]},
        "pace": {"period_error_ms_p50_p99_max": [0.1, 0.4, 3.0], "counters": {}, "steps": 9},
        "soak": soak,
    }
    results["targets"] = judge(results)
    assert [one["met"] for one in results["targets"]][:5] == [False, True, True, False, True]
    assert [one["met"] for one in results["targets"]][7:9] == [True, True]
    assert "1 of 2, median 130.0, max 160.0 ms" in in_short(results)[0]
    assert "stopped the hand by itself" in markdown(results)


def test_memory_slope_is_per_minute() -> None:
    assert memory_slope([10.0 + i / 60.0 for i in range(120)]) == pytest.approx(1.0)
    assert memory_slope([float("nan")] * 5) is None
