"""The switches of the DexPilot objective, published (hard) and ours (smooth)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from retarget.config_file import read_config
from retarget.kernels import Projection, Targets, project
from retarget.objective import build_objective

RIGHT = read_config("allegro_right")
HARD = build_objective(dataclasses.replace(RIGHT, projection_band_m=0.0)).projection
SMOOTH = build_objective(RIGHT).projection
CHAIN = build_objective(RIGHT).kinematics.chain


def hand(index_m: float, middle_m: float = 0.2, ring_m: float = 0.2) -> np.ndarray:
    """Keypoints whose fingertips lie at these distances from the thumb's, on perpendicular axes."""
    keypoints = np.zeros((21, 3))
    keypoints[4] = [0.05, 0.05, 0.05]
    for axis, (tip, distance) in enumerate(zip((8, 12, 16), (index_m, middle_m, ring_m), strict=True)):
        keypoints[tip] = keypoints[4]
        keypoints[tip, axis] += distance
    return keypoints


def run(projection: Projection, hands: list[np.ndarray]) -> tuple[np.ndarray, Targets]:
    """Strengths (len(hands),6) one after another, and the targets of the last hand."""
    strength = np.zeros(6)
    targets = Targets(np.empty((10, 3)), np.empty(10), np.empty(10), np.empty(10))
    history = []
    for keypoints in hands:
        project(keypoints, projection, strength, targets, CHAIN)
        history.append(strength.copy())
    return np.array(history), targets


def test_hard_switch_closes_at_project_dist_and_opens_at_escape_dist() -> None:
    distances = [0.06, 0.031, 0.03, 0.031, 0.049, 0.051, 0.049]
    strength, _ = run(HARD, [hand(d) for d in distances])
    assert strength[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert not strength[:, 1:].any()


def test_finger_pair_is_projected_only_when_both_fingers_meet_the_thumb() -> None:
    one, _ = run(HARD, [hand(0.01, 0.06)])
    both, targets = run(HARD, [hand(0.01, 0.01)])
    assert one[0].tolist() == [1, 0, 0, 0, 0, 0]
    assert both[0].tolist() == [1, 1, 0, 1, 0, 0]
    assert targets.distance_weight[[0, 1, 3]].tolist() == [400, 400, 400]
    assert targets.distance[[0, 1, 3]].tolist() == [0.024, 0.024, 0.03]
    apart, _ = run(HARD, [hand(0.028, 0.028)])  # 40 mm from each other
    assert apart[0].tolist() == [1, 1, 0, 0, 0, 0]


def test_projected_pair_drops_its_scaled_vector_and_others_keep_theirs() -> None:
    keypoints = hand(0.01, 0.08)
    _, targets = run(SMOOTH, [keypoints])
    assert targets.weight.tolist() == [0, 1, 1, 1, 1, 1, 10, 10, 10, 10]
    assert targets.distance_weight[0] == RIGHT.primary_weight
    assert not targets.distance_weight[1:].any()
    beta = RIGHT.scaling_factor
    tips = beta * keypoints[[4, 8, 12, 16]] + np.array(RIGHT.finger_tip_offsets_m)
    np.testing.assert_allclose(
        targets.vector[6:8], tips[:2], atol=1e-12
    )  # thumb, and the finger that pinches
    np.testing.assert_allclose(targets.vector[1], tips[0] - tips[2], atol=1e-12)


@pytest.mark.parametrize("distances", [[0.0, 0.03, 0.04], [0.06, 0.05, 0.04, 0.06], [0.02, 0.051, 0.04]])
def test_smooth_switch_agrees_with_the_hard_one_outside_its_bands(distances: list[float]) -> None:
    hard, _ = run(HARD, [hand(d) for d in distances])
    smooth, _ = run(SMOOTH, [hand(d) for d in distances])
    np.testing.assert_allclose(smooth, hard, atol=1e-9)


def test_strength_is_a_continuous_function_with_hysteresis() -> None:
    closing = np.arange(0.06, 0.02, -1e-4)
    down, _ = run(SMOOTH, [hand(d) for d in closing])
    both, _ = run(SMOOTH, [hand(d) for d in np.concatenate([closing, closing[::-1]])])
    up = both[len(closing) :][::-1]
    assert np.abs(np.diff(both[:, 0])).max() < 0.0101
    at_40_mm = int(np.argmin(np.abs(closing - 0.04)))
    assert down[at_40_mm, 0] == pytest.approx(0.0, abs=1e-9)
    assert up[at_40_mm, 0] == pytest.approx(1.0, abs=1e-9)


def test_weights_may_be_zero() -> None:
    off = build_objective(dataclasses.replace(RIGHT, primary_weight=0.0, secondary_weight=0.0)).projection
    _, targets = run(off, [hand(0.035, 0.035), hand(0.0, 0.0, 0.0)])
    assert not targets.distance_weight.any()


def straight_hand(bend_rad: float) -> np.ndarray:
    """A hand whose index bends by `bend_rad` at each of its three joints, the thumb far away."""
    keypoints = np.zeros((21, 3))
    keypoints[1:5] = np.outer(np.arange(1, 5), [0.0, 0.03, 0.01])
    for finger, start in enumerate((5, 9, 13, 17)):
        at, angle = np.array([0.0, 0.02 - 0.02 * finger, 0.09]), 0.0
        for keypoint in range(start, start + 4):
            keypoints[keypoint] = at
            angle += bend_rad if finger == 0 else 0.0
            at = at + 0.03 * np.array([np.sin(angle), 0.0, np.cos(angle)])
    return keypoints


def test_beta_grows_as_a_finger_straightens() -> None:
    offset = np.array(RIGHT.finger_tip_offsets_m)[1]
    betas = []
    for bend_rad in (0.0, 0.4, 0.7, 1.0, 1.5):
        keypoints = straight_hand(bend_rad)
        _, targets = run(SMOOTH, [keypoints])
        betas.append(float(np.linalg.norm(targets.vector[7] - offset) / np.linalg.norm(keypoints[8])))
    assert betas[0] == pytest.approx(RIGHT.straight_scaling_factor)
    assert betas[-1] == pytest.approx(RIGHT.scaling_factor)
    assert betas == sorted(betas, reverse=True)


def test_beta_of_a_straight_finger_does_not_depend_on_the_size_of_the_hand() -> None:
    keypoints = straight_hand(0.3)
    offset = np.array(RIGHT.finger_tip_offsets_m)[1]
    _, large = run(SMOOTH, [1.3 * keypoints])
    _, small = run(SMOOTH, [keypoints])
    np.testing.assert_allclose(large.vector[7] - offset, 1.3 * (small.vector[7] - offset), rtol=1e-9)
