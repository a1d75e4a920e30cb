"""Motion carried on, stops not overshot, rest kept still, and trust that follows what came."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.foresight import Foresight, ForesightConfig
from models.poses import Poses
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from models.window import SLOT_PERIOD_NS

AHEAD = 16
INDEX = slice(1, 4)
PLAIN = ForesightConfig(
    late_slots=0.0, reach=1.0, slots=6, most_rad=99.0, fading=0.999, most_trust=1.0, still_rad=1e-4
)


def poses_at(t_ns: int, angle_rad: float, place_m: float = 0.0) -> Poses:
    """The index finger bent by an angle at each of its joints; the network sees it stay so."""
    turn = np.zeros((16, 3))
    turn[INDEX, 2] = angle_rad
    rotations = np.tile(matrix_from_axis_angle(turn), (AHEAD, 1, 1, 1))
    wrist_m = np.tile([place_m, 0.0, 0.5], (AHEAD, 1))
    return Poses(t_ns + np.arange(AHEAD, dtype=np.int64) * SLOT_PERIOD_NS, rotations, wrist_m)


def bend(poses: Poses) -> np.ndarray:
    """(K,) the bend of the index finger's first joint."""
    return axis_angle_from_matrix(poses.rotations[:, 1])[:, 2]


def watch(angles_rad, config: ForesightConfig = PLAIN, period_ns: int = SLOT_PERIOD_NS) -> list[Poses]:
    foresight = Foresight(config)
    return [foresight.look(poses_at(i * period_ns, float(a)))[0] for i, a in enumerate(angles_rad)]


def test_steady_motion_is_carried_on_whatever_the_frame_rate():
    for fps in (15, 30, 60):
        said = watch(np.arange(13) * 3.0 / fps, period_ns=30 * SLOT_PERIOD_NS // fps)[-1]
        expected = 12 * 3.0 / fps + np.arange(7) * 0.1
        np.testing.assert_allclose(bend(said)[:7], expected, atol=0.02)
        np.testing.assert_allclose(bend(said)[7:], expected[6], atol=0.02)  # no further than is known


@pytest.mark.parametrize("fps", [5.0, 6.0, 7.0, 7.5, 8.0, 10.0])
def test_slow_and_uneven_frames_are_carried_on_alike(fps):
    rng = np.random.default_rng(0)
    t_ns = (np.arange(20) / fps * 1e9 + rng.uniform(-2e6, 2e6, 20)).astype(np.int64)
    foresight = Foresight(PLAIN)
    said = [foresight.look(poses_at(int(t), 0.6e-9 * t), int(1e9 / fps))[0] for t in t_ns]
    ahead_rad = [bend(poses)[2] - bend(poses)[0] for poses in said[3:]]
    np.testing.assert_allclose(ahead_rad, 2 * 0.6 / 30.0, atol=0.003)


def test_only_the_part_that_moves_is_carried_on():
    said = watch(np.arange(20) * 0.1)[-1]
    others = np.delete(np.arange(16), [1, 2, 3])
    still = np.broadcast_to(np.eye(3), (AHEAD, 13, 3, 3))
    np.testing.assert_allclose(said.rotations[:, others], still, atol=1e-9)


def test_the_place_of_the_hand_is_carried_on_too():
    foresight = Foresight(PLAIN)
    for i in range(20):
        said, _ = foresight.look(poses_at(i * SLOT_PERIOD_NS, 0.0, 0.01 * i))
    np.testing.assert_allclose(said.wrist_m[:4, 0], 0.01 * np.arange(19, 23), atol=2e-3)


def test_a_place_that_moves_is_not_led_beyond_its_own_speed():
    foresight = Foresight()
    for i in range(30):
        said, _ = foresight.look(poses_at(i * SLOT_PERIOD_NS, 0.0, 0.005 * i))
    assert 0.004 < said.wrist_m[1, 0] - said.wrist_m[0, 0] < 0.0055


def test_a_hand_that_slows_down_is_not_overshot():
    share = np.linspace(0.0, 1.0, 16)
    move = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)  # minimum jerk, half a second
    angles = np.concatenate([np.zeros(5), move, np.ones(10)])

    def overshoot(braking: float) -> float:
        config = ForesightConfig(braking=braking, late_slots=0.0, reach=1.0)
        return max(bend(said)[3] - 1.0 for said in watch(angles, config))

    assert overshoot(4.0) < 0.7 * overshoot(0.0)


def test_what_trembles_is_smoothed_and_not_foreseen():
    rng = np.random.default_rng(0)
    angles = 0.3 + 0.004 * rng.standard_normal(200)

    def said(still_rad: float) -> np.ndarray:
        config = ForesightConfig(still_rad=still_rad)
        return np.array([bend(one)[[0, 3]] for one in watch(angles, config)])[50:].T

    now, ahead = said(ForesightConfig.still_rad)
    assert now.std() < 0.5 * angles.std()
    now_believed, ahead_believed = said(1e-6)
    assert (ahead - now).std() < 0.4 * (ahead_believed - now_believed).std()
    assert now.mean() == pytest.approx(0.3, abs=2e-3)


def test_a_tremble_is_hardly_carried_on_and_a_motion_nearly_all():
    config = replace(PLAIN, still_rad=0.02)
    step_rad = 0.02 * np.sqrt(3.0)  # one of each joint's three angles moves, so this much is 0.02 of all

    def carried(times: float) -> float:
        angles = np.arange(20) * times * step_rad
        return float(bend(watch(angles, config)[-1])[1] - bend(watch(angles, config)[-1])[0]) / (
            times * step_rad
        )

    assert carried(0.5) < 0.1
    assert carried(1.0) == pytest.approx(0.5, abs=0.02)
    assert carried(3.0) > 0.95


def test_trust_falls_where_motion_was_foreseen_too_far_and_returns():
    config = ForesightConfig()
    foresight = Foresight(config)
    zigzag = np.cumsum(0.15 * (-1.0) ** np.arange(60))
    for i, angle in enumerate(zigzag):
        foresight.look(poses_at(i * SLOT_PERIOD_NS, float(angle)))
    assert foresight.trust[1] < 0.5  # the index finger
    assert foresight.trust[2] == 1.0  # the middle finger did nothing
    for i, angle in enumerate(zigzag[-1] + 0.1 * np.arange(120)):
        foresight.look(poses_at((60 + i) * SLOT_PERIOD_NS, float(angle)))
    assert foresight.trust[1] > 0.8


def test_a_pause_without_sight_ends_the_motion_but_not_the_trust():
    foresight = Foresight(PLAIN)
    for i in range(20):
        foresight.look(poses_at(i * SLOT_PERIOD_NS, 0.1 * i))
    trust = foresight.trust
    said, _ = foresight.look(poses_at(40 * SLOT_PERIOD_NS, 0.0))
    np.testing.assert_allclose(bend(said), 0.0, atol=1e-9)
    np.testing.assert_array_equal(foresight.trust, trust)
    foresight.reset()
    np.testing.assert_array_equal(foresight.trust, 1.0)


def test_what_moves_goes_on_through_a_gap_ever_slower_and_what_rests_stays():
    moving, resting = Foresight(), Foresight()
    for i in range(20):
        _, goes_on = moving.look(poses_at(i * SLOT_PERIOD_NS, 0.03 * i))
        _, stays = resting.look(poses_at(i * SLOT_PERIOD_NS, 0.3))
    steps = np.diff(bend(goes_on))
    assert (steps > 0.0).all()
    assert (np.diff(steps) < 0.0).all()
    assert 0.1 < steps[:10].sum() < 0.3, "of the 0.3 rad that it would go in ten slots"
    np.testing.assert_allclose(bend(stays), 0.3, atol=1e-6)


def test_the_estimate_goes_on_without_a_jump_beside_what_is_led():
    foresight = Foresight()
    for i in range(20):
        led, own = foresight.look(poses_at(i * SLOT_PERIOD_NS, 0.1 * i))
    assert bend(own)[0] == bend(led)[0]
    assert 0.05 < bend(own)[1] - bend(own)[0] < 0.12
    assert bend(led)[1] > bend(own)[1] + 0.05
