"""A human pinch, replayed through retargeting and the supervisor, picks things up from the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot.allegro_model import EFFORT_NM
from robot.scene import ObjectKind, SceneConfig
from tests.grasp_examples import FRAME_NS, grasp, retargeted, synthetic_pinch

CLIP = "motion/leap/PinchGesture-57fps_right_31.npz"
CLOSED_S = 1.9  # the person opens the hand again after this
LIFT_AND_HOLD_S = 7.0  # 0.4 s to be sure of the grip, 0.9 s up, and more than 5 s held


@pytest.fixture(scope="module")
def pinch_rad(shared_data: Path) -> np.ndarray:
    """(k,16) a person's pinch, from open to closed, seen by a Leap Motion."""
    with np.load(shared_data / CLIP) as clip:
        t_s, keypoints_m = clip["ts"] - clip["ts"][0], clip["kp"]
    frames = np.searchsorted(t_s, np.arange(0.0, CLOSED_S, FRAME_NS * 1e-9))
    return retargeted(keypoints_m[frames])


def test_a_real_pinch_lifts_the_cube_and_holds_it_for_five_seconds(pinch_rad: np.ndarray) -> None:
    result = grasp(pinch_rad, SceneConfig("cube"), LIFT_AND_HOLD_S)
    assert result.held_s() > 5.0
    held = result.t_s > result.t_s[-1] - 5.0
    assert np.ptp(result.height_m[held]) < 0.003  # it does not slip
    assert np.ptp(result.palm_m[held]) < 0.001
    assert (result.forces_n[held][:, :2] > 0.2).all()  # thumb and index
    assert (result.forces_n[held][:, 2:] == 0.0).all()
    assert result.forces_n[held].max() < EFFORT_NM / 0.1  # no more than a motor can push a finger with


def test_the_same_grasp_is_the_same_to_the_last_bit(pinch_rad: np.ndarray) -> None:
    first, second = (grasp(pinch_rad, SceneConfig("cube"), 1.5) for _ in range(2))
    np.testing.assert_array_equal(first.height_m, second.height_m)
    np.testing.assert_array_equal(first.forces_n, second.forces_n)


@pytest.mark.parametrize("offset_mm", [(-20, 0), (20, 0), (0, -15), (0, 15)])
def test_the_cube_may_stand_centimetres_off(pinch_rad: np.ndarray, offset_mm: tuple[int, int]) -> None:
    scene = SceneConfig("cube", offset_m=(1e-3 * offset_mm[0], 1e-3 * offset_mm[1]))
    assert grasp(pinch_rad, scene, 3.5).held_s() > 1.0


def test_without_friction_the_cube_is_not_held(pinch_rad: np.ndarray) -> None:
    result = grasp(pinch_rad, SceneConfig("cube", friction=0.0), 3.5)
    assert result.held_s() == 0.0
    assert result.height_m.max() < 0.03


@pytest.mark.parametrize("kind", ["ball", "cup", "pen"])
def test_a_real_pinch_lifts_the_other_things_too(pinch_rad: np.ndarray, kind: ObjectKind) -> None:
    assert grasp(pinch_rad, SceneConfig(kind), 3.5).held_s() > 1.0


def test_a_made_up_pinch_lifts_the_cube() -> None:
    result = grasp(retargeted(synthetic_pinch()), SceneConfig("cube"), LIFT_AND_HOLD_S)
    assert result.held_s() > 5.0
