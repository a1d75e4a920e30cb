"""Joint torques: compliant where a joint is held up, never over the caps, no lag or sag in free motion."""

from __future__ import annotations

import numpy as np
import pytest

from robot.allegro_model import EFFORT_NM
from robot.hands import hand_spec
from robot.scene import SceneConfig
from robot.servo import TorqueServo, allegro_gains
from robot.simulation import STEP_NS, HandSimulation

DT_S = STEP_NS * 1e-9
MASS = 1e-4 * np.eye(16)
STILL = np.zeros(16)

# Allegro v4 driver: caps of 1,200 counts.
CAPS = np.array([375, 675, 450, 285] * 3 + [525, 405, 270, 270]) / 1200.0


def settled(servo: TorqueServo, target_rad: np.ndarray, q_rad: np.ndarray) -> np.ndarray:
    """Torque (16,) on joints that are held at `q_rad` until nothing changes any more."""
    torque_nm = STILL
    for _ in range(1000):
        torque_nm = servo.torque(q_rad, STILL, servo.plan(target_rad), STILL, MASS)
    return torque_nm


def test_a_joint_that_is_held_up_pushes_like_a_spring_up_to_its_cap() -> None:
    gains = allegro_gains()
    np.testing.assert_allclose(gains.cap_nm, EFFORT_NM * CAPS, rtol=1e-9)
    servo = TorqueServo(gains, DT_S, STILL)
    np.testing.assert_allclose(settled(servo, STILL + 0.1, STILL), 0.1 * gains.kp_nm_rad, rtol=1e-6)
    np.testing.assert_allclose(settled(servo, STILL - 3.0, STILL), -gains.cap_nm, rtol=1e-9)


def test_torque_never_exceeds_the_caps() -> None:
    with HandSimulation("right") as simulation:
        spec = simulation.spec
        rng = np.random.default_rng(5)
        for target in rng.uniform(spec.lower_rad, spec.upper_rad, (10, 16)):
            simulation.set_target(target)
            for _ in range(50):
                simulation.step()
                assert (np.abs(simulation.torque_nm) <= EFFORT_NM * CAPS + 1e-12).all()


@pytest.mark.parametrize("rate_hz", [1.0, 2.0])
def test_swings_are_followed_with_the_lag_of_the_reference(rate_hz: float) -> None:
    spec = hand_spec("right")
    swing = 0.4 * np.where(spec.lower_rad + spec.upper_rad >= 2 * spec.home_rad, 1.0, -1.0)

    def target(t_s: float) -> np.ndarray:
        return spec.home_rad + swing * (1 - np.cos(2 * np.pi * rate_hz * t_s)) / 2

    with HandSimulation("right") as simulation:
        wanted, reached = np.zeros(16, complex), np.zeros(16, complex)
        for k in range(750):
            t_s = k * DT_S
            simulation.set_target(target(t_s))
            simulation.step()
            if k >= 250:  # a second from here: whole periods
                turn = np.exp(-2j * np.pi * rate_hz * (t_s + DT_S))
                wanted += turn * target(t_s + DT_S)
                reached += turn * simulation.q_rad
        lag_s = -np.angle(reached / wanted) / (2 * np.pi * rate_hz)
        assert (lag_s > 0.010).all()
        assert (lag_s < 0.0175).all()
        np.testing.assert_allclose(np.abs(reached / wanted), 1.0, atol=0.04)


def test_an_outstretched_hand_does_not_sag() -> None:
    with HandSimulation("left") as simulation:
        straight = np.clip(STILL, simulation.spec.lower_rad + 0.01, simulation.spec.upper_rad)
        simulation.set_target(straight)
        simulation.advance_to(800_000_000)
        np.testing.assert_allclose(simulation.q_rad, straight, atol=1e-3)
        assert np.abs(simulation.dq_rad_s).max() < 1e-2


def test_a_hand_that_is_let_go_while_moving_stops_and_stays() -> None:
    with HandSimulation("right") as simulation:
        simulation.set_target(simulation.spec.home_rad + np.array([0.0, 0.9, 0.5, 0.5] * 3 + [0.2] * 4))
        simulation.advance_to(60_000_000)
        assert np.abs(simulation.dq_rad_s).max() > 1.0
        for _ in range(100):  # as the runtime does while nothing shall drive the joints
            simulation.set_target(simulation.q_rad)
            simulation.step()
        assert np.abs(simulation.dq_rad_s).max() < 0.05
        stopped = simulation.q_rad
        for _ in range(1000):
            simulation.set_target(simulation.q_rad)
            simulation.step()
        np.testing.assert_allclose(simulation.q_rad, stopped, atol=5e-3)


def test_without_effort_the_hand_goes_limp_and_comes_back() -> None:
    with HandSimulation("right", SceneConfig(arm=False)) as simulation:
        home_rad = simulation.spec.home_rad
        simulation.set_target(home_rad, effort=0.0)
        simulation.advance_to(1_500_000_000)
        assert np.abs(simulation.q_rad - home_rad).max() > 0.2  # it hangs
        assert np.abs(simulation.dq_rad_s).max() < 0.5
        simulation.set_target(home_rad)
        simulation.advance_to(2_500_000_000)
        np.testing.assert_allclose(simulation.q_rad, home_rad, atol=5e-3)
