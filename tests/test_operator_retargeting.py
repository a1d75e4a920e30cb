import dataclasses
import logging

import numpy as np
import pytest

from app.operator_retargeting import OperatorRetargeter, load_retargeter, operator_config
from calibration.hand_guide import OPEN, PINCHES
from calibration.operator import OperatorCalibration
from retarget import Retargeter, RetargetError, read_config
from tests.hand_examples import fit, held_samples, seen_hand

FINGERS = ("index", "middle", "ring")


@pytest.fixture(scope="module")
def far_pinches() -> OperatorCalibration:
    """An operator whose touching fingertips are seen some 45 mm apart."""
    return fit(held_samples(0.045))


@pytest.fixture(scope="module")
def anybody() -> Retargeter:
    return load_retargeter("allegro_right")


@pytest.fixture(scope="module")
def own(far_pinches: OperatorCalibration) -> Retargeter:
    return load_retargeter("allegro_right", far_pinches)


def gap_mm(retargeter: Retargeter, hand_m: np.ndarray, finger: int) -> float:
    retargeter.reset()
    for i in range(10):
        q_rad = retargeter.solve(hand_m, i * 33_000_000)
    tips_m, radii_m = retargeter.tip_positions(q_rad), retargeter.tip_radii_m
    distance_m = np.linalg.norm(tips_m[0] - tips_m[finger + 1])
    return float(1e3 * (distance_m - radii_m[0] - radii_m[finger + 1]))


@pytest.mark.parametrize("finger", range(3))
def test_pinches_close_for_an_operator_whose_fingertips_are_seen_apart(
    anybody: Retargeter, own: Retargeter, finger: int
) -> None:
    hand_m = seen_hand(PINCHES[FINGERS[finger]], 0.045)
    assert gap_mm(anybody, hand_m, finger) > 5.0
    assert abs(gap_mm(own, hand_m, finger)) < 2.0


def test_an_open_hand_opens_further(anybody: Retargeter, own: Retargeter) -> None:
    def short_mm(retargeter: Retargeter) -> float:
        retargeter.reset()
        tips_m = retargeter.tip_positions(retargeter.solve(seen_hand(OPEN), 0))[1:]
        straight_m = retargeter.tip_positions(
            np.clip(np.zeros(16), retargeter.lower_rad, retargeter.upper_rad)
        )
        return float(1e3 * np.linalg.norm(tips_m - straight_m[1:], axis=-1).mean())

    assert short_mm(own) < 0.6 * short_mm(anybody)


def test_a_horizon_is_solved_as_single_instants_are(own: Retargeter) -> None:
    hands_m = np.stack([seen_hand(OPEN), seen_hand(OPEN)])
    own.reset()
    ahead = own.solve_trajectory(hands_m, np.array([0, 33_000_000]))
    own.reset()
    assert np.array_equal(own.solve(hands_m[0], 0), ahead[0])
    assert own.cost(ahead[0], hands_m[0]) < own.cost(ahead[0] + 0.2, hands_m[0])
    assert own.cost_gradient(ahead[0], hands_m[0]).shape == (16,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 1e300])
def test_what_is_no_hand_is_refused_with_the_usual_reason(
    anybody: Retargeter, own: Retargeter, bad: float
) -> None:
    hand_m = np.full((21, 3), bad)
    for retargeter in (anybody, own):
        retargeter.reset()
        assert np.array_equal(retargeter.solve(hand_m, 0), retargeter.home_rad)
    assert own.status.rejected
    assert own.status.rejected == anybody.status.rejected
    with pytest.raises(RetargetError, match="shape"):
        own.solve(np.zeros((20, 3)), 0)
    with pytest.raises(RetargetError, match="numbers"):
        own.solve(np.full((21, 3), "a"), 0)


def test_config_takes_each_finger_of_the_robot_from_its_own(far_pinches: OperatorCalibration) -> None:
    config = read_config("allegro_right")
    operator = dataclasses.replace(far_pinches, scale=1.2)
    changed = operator_config(config, operator)
    assert changed.scaling_factor == pytest.approx(1.2 * config.scaling_factor)
    assert changed.straight_scaling_factor == pytest.approx(1.2 * config.straight_scaling_factor)
    pinches = [operator.pinches[finger] for finger in FINGERS]
    assert np.allclose(changed.pinch_dists_m, [(p.project_m, p.escape_m) for p in pinches], atol=2e-6)


def test_a_wide_ramp_of_another_hand_is_kept_legal(far_pinches: OperatorCalibration) -> None:
    config = dataclasses.replace(read_config("allegro_right"), projection_band_m=0.02, escape_dist=0.06)
    for project_m, escape_m in operator_config(config, far_pinches).pinch_dists_m:
        assert escape_m - project_m >= 0.02


@pytest.mark.parametrize(
    ("distances", "why"),
    [
        (((0.03, 0.05),), "give project_dist and escape_dist for each of the 3 fingers"),
        (((0.03,), (0.03,), (0.03,)), "give project_dist and escape_dist"),
        (((0.03, 0.05), (0.03, 0.035), (0.03, 0.05)), "larger by at least projection_band_m"),
        (((0.03, 0.05), (0.0, 0.05), (0.03, 0.05)), "greater than 0"),
    ],
)
def test_illegal_pinch_distances_are_refused(distances: tuple[tuple[float, ...], ...], why: str) -> None:
    with pytest.raises(RetargetError, match=why):
        dataclasses.replace(read_config("allegro_right"), pinch_dists_m=distances)


def test_the_usual_distances_given_for_each_finger_change_nothing(anybody: Retargeter) -> None:
    config = read_config("allegro_right")
    same = Retargeter(dataclasses.replace(config, pinch_dists_m=((0.03, 0.05),) * 3))
    anybody.reset()
    path = np.linspace(0.0, 1.0, 30)[:, None, None]
    start, end = seen_hand(OPEN), seen_hand(PINCHES["middle"])
    for i, hand_m in enumerate(start + path * (end - start)):
        assert np.array_equal(anybody.solve(hand_m, i * 33_000_000), same.solve(hand_m, i * 33_000_000))


def test_another_temporal_stage_is_worth_a_warning(
    far_pinches: OperatorCalibration, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert isinstance(load_retargeter("allegro_right", far_pinches, "posebert"), OperatorRetargeter)
        assert not caplog.messages
        load_retargeter("allegro_right", far_pinches, "one-euro")
    assert "calibrated with --temporal posebert" in caplog.text
