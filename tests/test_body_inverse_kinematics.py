"""Rotations of a body from its keypoints: bones point where the keypoints' do, in numpy and in torch."""

from __future__ import annotations

import numpy as np
import torch
from body_examples import BODY, moving_body

from models.body_inverse_kinematics import fit_body_rotations
from models.body_keypoints import BODY_SKELETON
from models.body_model import BodyModel
from models.body_torch import BodyKinematics
from models.rotations import matrix_from_axis_angle


def directions(keypoints_m: np.ndarray) -> np.ndarray:
    bones = np.stack([keypoints_m[:, k] - keypoints_m[:, p] for p, k in BODY_SKELETON], 1)
    return bones / np.linalg.norm(bones, axis=-1, keepdims=True)


def test_limbs_point_as_the_keypoints_do():
    _, keypoints_m, _ = moving_body(60)
    fitted = BODY.keypoints(fit_body_rotations(keypoints_m, BODY))
    cosines = (directions(fitted) * directions(keypoints_m)).sum(-1)
    of = {k: i for i, (_, k) in enumerate(BODY_SKELETON)}
    limbs = [of[k] for k in (2, 3, 5, 6, 12, 13, 15, 16)]
    assert cosines[:, limbs].min() > 1.0 - 1e-9
    assert np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).max() < 12.0  # the trunk's bend is a guess


def test_keypoints_are_met_but_for_the_bend_of_the_trunk():
    _, keypoints_m, _ = moving_body(60)
    fitted = BODY.keypoints(fit_body_rotations(keypoints_m, BODY))
    error_m = np.linalg.norm(fitted - fitted[:, :1] - keypoints_m, axis=-1)
    assert error_m[:, [1, 2, 3, 4, 5, 6]].max() < 0.01
    assert error_m.mean() < 0.02


def test_rest_fits_to_rest_and_turns_along():
    rest = BODY.keypoints(np.tile(np.eye(3), (24, 1, 1)))
    np.testing.assert_allclose(fit_body_rotations(rest, BODY), np.tile(np.eye(3), (24, 1, 1)), atol=1e-12)
    R = matrix_from_axis_angle(np.array([0.3, -1.0, 2.0]))
    turned = fit_body_rotations(rest @ R.T, BODY)
    np.testing.assert_allclose(turned[0], R, atol=1e-9)
    np.testing.assert_allclose(turned[1:], np.tile(np.eye(3), (23, 1, 1)), atol=1e-7)


def test_bone_lengths_do_not_matter():
    _, keypoints_m, _ = moving_body(10)
    np.testing.assert_allclose(
        fit_body_rotations(1.3 * keypoints_m, BODY), fit_body_rotations(keypoints_m, BODY), atol=1e-9
    )


def test_an_arm_opposite_to_rest_gives_rotations():
    rest = BODY.keypoints(np.tile(np.eye(3), (24, 1, 1)))
    for elbow, wrist in ((12, 13), (15, 16)):
        rest[wrist] = 2.0 * rest[elbow] - rest[wrist]
    R = fit_body_rotations(rest, BODY)
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.tile(np.eye(3), (24, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(R), 1.0)


def test_torch_gives_the_same_numbers():
    rotations, keypoints_m, _ = moving_body(20)
    fitted = fit_body_rotations(torch.tensor(keypoints_m), BODY)
    np.testing.assert_allclose(fitted.numpy(), fit_body_rotations(keypoints_m, BODY), atol=1e-9)
    figure = BodyKinematics(BodyModel.load())
    np.testing.assert_allclose(figure(torch.tensor(rotations).float()).numpy(), keypoints_m, atol=1e-5)
