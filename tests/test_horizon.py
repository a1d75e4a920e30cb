"""Where messages are aimed: age, camera and actuator delay made up for, the last one measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app.actuator_delay import ActuatorDelay
from app.horizon import TYPICAL_ACTUATOR_MS, Horizon
from app.run_calibration import RunCalibration
from calibration.delays import Delays, load_delays, save_delays
from calibration.errors import CalibrationError
from robot import RobotState

MS = 1_000_000
CAMERA = "webcam:0"
NAMES = tuple(f"joint_{i}" for i in range(4))


def state_of(t_ms: float, late_ms: float, mode: str = "TRACKING", speed: float = 1.0) -> RobotState:
    """Four joints that swing at 1 Hz, so many ms behind their targets."""

    def angle(at_ms: float) -> np.ndarray:
        return np.sin(2e-3 * np.pi * speed * at_ms + np.arange(4.0))

    q, later, target = angle(t_ms), angle(t_ms + 0.1), angle(t_ms + late_ms)
    return RobotState(int(t_ms), int(t_ms * MS), mode, NAMES, q, (later - q) * 1e4, target)


def run(late_ms: float, known_ms: float = 15.0, **how: float) -> float:
    delay = ActuatorDelay(known_ms)
    for t_ms in range(0, 4000, 33):
        delay.observe(state_of(t_ms, late_ms, **how))
    return delay.ms


@pytest.mark.parametrize("late_ms", [0.0, 14.0, 40.0])
def test_the_delay_of_moving_joints_is_found(late_ms):
    assert run(late_ms) == pytest.approx(late_ms, abs=0.1 * late_ms + 1.0)


def test_nothing_is_learnt_at_rest_or_while_the_robot_does_not_follow():
    assert run(60.0, speed=0.01) == 15.0
    assert run(60.0, mode="ENGAGING") == 15.0


def test_a_state_that_was_seen_already_counts_once():
    delay, again = ActuatorDelay(15.0), ActuatorDelay(15.0)
    for t_ms in range(0, 1000, 33):
        delay.observe(state_of(t_ms, 40.0))
        for _ in range(5):
            again.observe(state_of(t_ms, 40.0))
    assert again.ms == delay.ms


def test_a_robot_that_is_stuck_does_not_send_the_horizon_far_away():
    delay = ActuatorDelay(15.0)
    for t_ms in range(0, 4000, 33):
        moving = state_of(t_ms, 0.0)
        delay.observe(replace(moving, target_rad=moving.q_rad + 9.0 * moving.dq_rad_s))
    assert delay.ms <= 150.0


def test_auto_aims_at_the_instant_of_actuation():
    horizon = Horizon(None, Delays(camera_ms=12.0, actuator_ms=20.0))
    assert horizon.ahead_ms(18.0) == 50.0
    for t_ms in range(0, 4000, 33):
        horizon.follow(state_of(t_ms, 40.0))
    assert horizon.ahead_ms(18.0) == pytest.approx(70.0, abs=5.0)


def test_a_fixed_horizon_stays_what_it_is():
    horizon = Horizon(66.0)
    for t_ms in range(0, 4000, 33):
        horizon.follow(state_of(t_ms, 40.0))
    assert horizon.ahead_ms(18.0) == 66.0
    assert horizon.predicts
    assert not Horizon(0.0).predicts


def test_without_calibration_the_joints_are_taken_for_typical_ones():
    assert Horizon(None).ahead_ms(0.0) == TYPICAL_ACTUATOR_MS


def test_only_cameras_are_late():
    delays = Delays(camera_ms=33.0, actuator_ms=20.0)
    assert delays.for_source(live=True) == delays
    assert delays.for_source(live=False) == Delays(None, 20.0)


def test_delays_survive_on_disk_and_absence_is_no_error(tmp_path):
    path = tmp_path / "deep" / "delays.json"
    assert load_delays(CAMERA, "sim", path) == Delays()
    assert load_delays(CAMERA, "sim", save_delays(Delays(33.0, None), CAMERA, "sim", path)) == Delays(
        33.0, None
    )


def test_each_robot_has_a_delay_of_its_own(tmp_path):
    path, metal = tmp_path / "delays.json", "tcp://192.168.0.7:5555"
    save_delays(Delays(33.0, 40.0), CAMERA, metal, path)
    save_delays(Delays(33.0, 16.0), CAMERA, "sim", path)
    assert load_delays(CAMERA, metal, path) == Delays(33.0, 40.0)
    assert load_delays(CAMERA, "sim", path) == Delays(33.0, 16.0)
    assert load_delays(CAMERA, "tcp://elsewhere:5555", path) == Delays(33.0, None)
    save_delays(Delays(31.0, None), CAMERA, "none", path)  # the camera alone was measured
    assert load_delays(CAMERA, metal, path) == Delays(31.0, 40.0)


def test_a_delay_from_before_robots_had_their_own_is_of_any_robot(tmp_path):
    path = tmp_path / "delays.json"
    path.write_text('{"camera_ms": 33.0, "actuator_ms": 25.0}')
    save_delays(Delays(31.0, 25.0), CAMERA, "sim", path)  # the camera alone was measured
    assert json.loads(path.read_text())["actuator_ms"] == {"*": 25.0}
    save_delays(Delays(33.0, 16.0), CAMERA, "sim", path)
    assert load_delays(CAMERA, "tcp://localhost:5555", path) == Delays(33.0, 25.0)
    assert load_delays(CAMERA, "sim", path) == Delays(33.0, 16.0)


def test_each_camera_has_a_delay_of_its_own(tmp_path):
    path, stream = tmp_path / "delays.json", "rtsp://ann:secret@cam/x"
    save_delays(Delays(180.0, 16.0), "webcam:1", "sim", path)
    save_delays(Delays(240.0, 16.0), stream, "sim", path)
    assert load_delays("webcam:1", "sim", path) == Delays(180.0, 16.0)
    assert load_delays("webcam", "sim", path) == Delays(None, 16.0)
    save_delays(Delays(33.0, None), "webcam", "sim", path)
    assert load_delays("webcam:0", "sim", path) == Delays(33.0, 16.0)
    assert load_delays("rtsp://cam/x", "sim", path) == Delays(240.0, 16.0)
    assert "secret" not in path.read_text()


def test_a_run_takes_the_delay_of_its_own_camera(tmp_path, monkeypatch):
    monkeypatch.setattr("calibration.delays.delays_path", lambda: tmp_path / "delays.json")
    save_delays(Delays(camera_ms=180.0), "webcam:1", "sim")
    for source, camera_ms in (("webcam:1", 180.0), ("webcam:0", None), ("rtsp://cam/x", None)):
        assert RunCalibration.load(source, True, "sim", None, ()).delays.camera_ms == camera_ms


def test_a_delay_from_before_cameras_had_their_own_is_of_any_camera(tmp_path):
    path = tmp_path / "delays.json"
    path.write_text('{"camera_ms": 33.0, "actuator_ms": {"sim": 16.0}}')
    save_delays(Delays(33.0, 17.0), CAMERA, "sim", path)  # the robot alone was measured
    assert json.loads(path.read_text())["camera_ms"] == {"*": 33.0}
    save_delays(Delays(180.0, 17.0), "webcam:1", "sim", path)
    assert load_delays(CAMERA, "sim", path) == Delays(33.0, 17.0)
    assert load_delays("webcam:1", "sim", path) == Delays(180.0, 17.0)


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[1]", '{"camera_ms": "soon"}', '{"camera_ms": -1}', '{"lens": 1}', '{"actuator_ms": -1}'),
        *('{"actuator_ms": {"sim": "late"}}', '{"actuator_ms": {"sim": 9999}}', '{"actuator_ms": [1]}'),
        *('{"actuator_ms": {"sim": null}}', '{"camera_ms": {"webcam:0": -1}}', '{"camera_ms": [1]}'),
    ],
)
def test_a_file_that_holds_no_delays_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "delays.json"
    path.write_text(content)
    with pytest.raises(CalibrationError, match="delete it, or give camera_ms, actuator_ms"):
        load_delays(CAMERA, "sim", path)
