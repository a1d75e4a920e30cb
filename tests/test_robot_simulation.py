"""The simulated hand holds and follows its targets; the picture shows the pose it is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from robot.allegro_model import HANDS, TIP_LINKS, Hand
from robot.errors import RobotError
from robot.hands import mirror_q
from robot.link_poses import LinkPoses
from robot.simulation import STEP_NS, HandSimulation
from robot.view import HandView
from tests.test_robot_urdf import GOLDEN_MM, pose

FIST = np.array([0.0, 1.5, 1.5, 1.2] * 3 + [1.2, 0.5, 0.7, 0.9])


@pytest.fixture(params=HANDS)
def simulation(request: pytest.FixtureRequest) -> Iterator[HandSimulation]:
    with HandSimulation(request.param) as opened:
        yield opened


def test_holds_its_home_pose_against_gravity(simulation: HandSimulation) -> None:
    simulation.advance_to(1_000_000_000)
    np.testing.assert_allclose(simulation.q_rad, simulation.spec.home_rad, atol=2e-3)
    assert np.abs(simulation.dq_rad_s).max() < 1e-3


def test_follows_a_step_within_forty_milliseconds_and_does_not_overshoot(simulation: HandSimulation) -> None:
    start = simulation.q_rad
    move = np.clip(start + 0.1, simulation.spec.lower_rad, simulation.spec.upper_rad) - start
    simulation.set_target(start + move)
    progress = []
    for _ in range(200):
        simulation.step()
        progress.append((simulation.q_rad - start) / move)
    curve = np.array(progress)
    assert (curve[40_000_000 // STEP_NS] > 0.63).all()
    assert (curve < 1.02).all()
    np.testing.assert_allclose(curve[-1], 1.0, atol=0.02)


def test_closes_to_a_fist(simulation: HandSimulation) -> None:
    target = FIST if simulation.spec.hand == "right" else mirror_q(FIST)
    simulation.set_target(target)
    simulation.advance_to(800_000_000)
    np.testing.assert_allclose(simulation.q_rad, target, atol=0.02)


def test_crossing_fingers_touch_and_stay_calm() -> None:
    with HandSimulation("right") as simulation:
        spec = simulation.spec
        crossing = np.array(spec.home_rad)
        crossing[[0, 4]] = [spec.upper_rad[0], spec.lower_rad[4]]
        crossing[[8]] = spec.upper_rad[8]
        crossing[12:] = [1.39, 1.1, 1.2, 1.2]
        simulation.set_target(crossing)
        simulation.advance_to(1_000_000_000)
        seen = []
        for _ in range(100):
            simulation.step()
            seen.append(simulation.q_rad)
        assert np.isfinite(seen).all()
        assert np.ptp(seen, axis=0).max() < 0.02


def test_random_targets_never_make_it_diverge() -> None:
    with HandSimulation("right") as simulation:
        spec = simulation.spec
        rng = np.random.default_rng(3)
        for target in rng.uniform(spec.lower_rad, spec.upper_rad, (25, 16)):
            simulation.set_target(target)
            simulation.advance_to(simulation.t_ns + 150_000_000)
            assert np.isfinite(simulation.q_rad).all()
            assert (simulation.q_rad > spec.lower_rad - 0.1).all()
            assert (simulation.q_rad < spec.upper_rad + 0.1).all()


def test_same_targets_give_the_same_motion_to_the_last_bit() -> None:
    runs = []
    for _ in range(2):
        with HandSimulation("left") as simulation:
            for scale in (0.2, 1.0, 0.5):
                simulation.set_target(scale * mirror_q(FIST) + (1 - scale) * simulation.spec.home_rad)
                simulation.advance_to(simulation.t_ns + 200_000_000)
            runs.append(simulation.q_rad)
    np.testing.assert_array_equal(runs[0], runs[1])


@pytest.mark.parametrize(("hand", "name"), list(GOLDEN_MM))
def test_drawing_puts_the_fingertips_where_the_urdf_does(hand: Hand, name: str) -> None:
    kinematics = LinkPoses(hand)
    poses = dict(zip(kinematics.links, kinematics.of(pose(hand, name)), strict=True))
    thumb, index, middle, ring = (1000.0 * poses[tip][:3, 3] for tip in TIP_LINKS)
    np.testing.assert_allclose([index, middle, ring, thumb], GOLDEN_MM[hand, name], atol=0.01)


def rubber(image: np.ndarray) -> np.ndarray:
    """(h,w) bool where the picture shows the pale fingertips: backdrop blueish, rubber yellowish."""
    blue, red = image[:, :, 0].astype(int), image[:, :, 2].astype(int)
    return (red > 150) & (red > blue)


def test_open_hand_is_drawn_taller_than_a_fist() -> None:
    view = HandView("right", (320, 240))
    names = view.spec.joint_names

    def top(q_rad: np.ndarray) -> int:
        return int(np.nonzero((view.render(q_rad, names).max(axis=2) < 120).any(axis=1))[0][0])

    assert top(np.zeros(16)) < top(FIST) - 30


@pytest.mark.parametrize(("hand", "thumb_side"), [("right", 1), ("left", -1)])
def test_thumb_is_on_the_side_a_camera_sees_it(hand: Hand, thumb_side: int) -> None:
    view = HandView(hand, (320, 240))
    tips = rubber(view.render(np.zeros(16), view.spec.joint_names))
    lower = np.nonzero(tips[120:])[1]
    upper = np.nonzero(tips[:120])[1]
    assert len(lower) > 20
    assert len(upper) > 20
    assert thumb_side * (lower.mean() - upper.mean()) > 30


def test_left_picture_is_the_right_one_mirrored() -> None:
    right, left = (HandView(hand, (320, 240)) for hand in HANDS)
    names = right.spec.joint_names
    image = right.render(FIST, names).astype(int)
    mirrored = left.render(mirror_q(FIST), names)[:, ::-1].astype(int)
    assert (np.abs(image - mirrored).max(axis=2) > 40).mean() < 0.01


def test_joints_are_drawn_by_name_and_gaps_keep_the_last_pose() -> None:
    view = HandView("right", (160, 120))
    names = view.spec.joint_names
    expected = view.render(FIST, names)
    order = np.random.default_rng(0).permutation(16)
    shuffled = view.render(FIST[order], tuple(names[i] for i in order))
    np.testing.assert_array_equal(shuffled, expected)
    np.testing.assert_array_equal(view.render(np.full(16, np.nan), names), expected)


def test_impossible_pictures_are_refused_with_the_legal_ones() -> None:
    with pytest.raises(RobotError, match="16 to 4096"):
        HandView("right", (0, 480))
    view = HandView("right", (64, 64))
    with pytest.raises(RobotError, match=r"joint_15\.0"):
        view.render(np.zeros(15), view.spec.joint_names[:15])
    with pytest.raises(RobotError, match="one angle per name"):
        view.render(np.zeros(3), view.spec.joint_names)
