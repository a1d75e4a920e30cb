"""Closed-form inverse kinematics undoes forward kinematics."""

from __future__ import annotations

import numpy as np
import pytest

from models.hand_model import HandModel, shape_names
from models.inverse_kinematics import fit_rotations
from models.keypoints import KEYPOINT_PARENTS
from models.rotations import matrix_from_axis_angle, mirror_points, mirror_rotations, unit


def posed(model: HandModel, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angles = rng.uniform(model.joint_limits[..., 0], model.joint_limits[..., 1], size=(count, 15, 3))
    return model.rotations_of_angles(angles, matrix_from_axis_angle(2.0 * rng.normal(size=(count, 3))))


def bones(keypoints: np.ndarray) -> np.ndarray:
    return keypoints[..., 1:, :] - keypoints[..., list(KEYPOINT_PARENTS[1:]), :]


@pytest.mark.parametrize("shape", shape_names())
def test_keypoints_come_back(shape: str) -> None:
    model = HandModel.load(shape)
    truth = model.keypoints(posed(model, 50, seed=0))
    fitted = fit_rotations(truth, model)
    np.testing.assert_allclose(np.linalg.det(fitted), 1.0, atol=1e-9)
    np.testing.assert_allclose(model.keypoints(fitted), truth, atol=1e-6)


def test_wrist_comes_back_whatever_the_origin_and_size() -> None:
    model = HandModel.load()
    R = posed(model, 20, seed=1)
    fitted = fit_rotations(1.3 * model.keypoints(R, np.full((20, 3), 0.4)), model)
    np.testing.assert_allclose(fitted[:, 0], R[:, 0], atol=1e-6)


def test_finger_bones_point_as_seen_on_a_hand_of_other_proportions() -> None:
    seen = HandModel.load("child").keypoints(posed(HandModel.load("child"), 30, seed=2))
    model = HandModel.load("adult_large_thick")
    directions = unit(bones(model.keypoints(fit_rotations(seen, model))))
    fingers = [k - 1 for k in range(1, 21) if KEYPOINT_PARENTS[k] != 0]
    np.testing.assert_allclose(directions[:, fingers], unit(bones(seen))[:, fingers], atol=1e-6)


def test_finger_joints_do_not_twist() -> None:
    model = HandModel.load()
    fitted = fit_rotations(model.keypoints(posed(model, 30, seed=3)), model)
    from models.rotations import axis_angle_from_matrix

    for joint, bone in ((2, model.joints_m[3] - model.joints_m[2]), (3, model.tip_offsets_m[1])):
        turn = axis_angle_from_matrix(fitted[:, joint])
        np.testing.assert_allclose(turn @ unit(bone), 0.0, atol=1e-9)


def test_left_hand_by_mirroring_outside() -> None:
    model = HandModel.load()
    R = posed(model, 10, seed=4)
    left = mirror_points(model.keypoints(R))
    fitted = fit_rotations(mirror_points(left), model)
    np.testing.assert_allclose(mirror_rotations(fitted[:, 0]), mirror_rotations(R[:, 0]), atol=1e-6)


def test_noise_gives_rotations_still() -> None:
    model = HandModel.load()
    noisy = model.keypoints(posed(model, 50, seed=5)) + np.random.default_rng(0).normal(0, 0.02, (50, 21, 3))
    fitted = fit_rotations(noisy, model)
    np.testing.assert_allclose(np.linalg.det(fitted), 1.0, atol=1e-9)


def test_nan_frames_stay_nan_and_do_not_touch_others() -> None:
    model = HandModel.load()
    keypoints = model.keypoints(posed(model, 6, seed=6)).reshape(2, 3, 21, 3)
    clean = fit_rotations(keypoints, model)
    keypoints[1, 2, 7, 0] = np.nan
    fitted = fit_rotations(keypoints, model)
    assert fitted.shape == (2, 3, 16, 3, 3)
    assert np.isnan(fitted[1, 2]).all()
    np.testing.assert_array_equal(fitted[0], clean[0])
    assert np.isnan(fit_rotations(np.full((21, 3), np.nan), model)).all()
