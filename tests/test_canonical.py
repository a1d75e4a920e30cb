"""Canonical hands: what is removed comes back, in numpy and torch alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_examples import moving_hand

from models import canonical
from models.camera import Camera
from models.hand_model import HandModel
from models.rotations import encode_6d as reference_encode_6d
from models.rotations import matrix_from_axis_angle

KEYPOINTS_M = moving_hand(20)[1]


@pytest.fixture(params=["numpy", "torch"])
def keypoints(request):
    return KEYPOINTS_M if request.param == "numpy" else torch.tensor(KEYPOINTS_M)


def test_bone_lengths_become_those_wanted_and_directions_stay(keypoints):
    wanted = 0.02 + 0.01 * np.arange(20)
    if isinstance(keypoints, torch.Tensor):
        wanted = torch.tensor(wanted)
    normal = canonical.with_bone_lengths(keypoints, wanted)
    np.testing.assert_allclose(canonical.bone_lengths(normal), np.tile(wanted, (20, 1)), atol=1e-12)
    back = canonical.with_bone_lengths(normal, canonical.bone_lengths(keypoints))
    np.testing.assert_allclose(back, keypoints, atol=1e-12)


def test_a_bone_of_no_length_is_left_alone(keypoints):
    flat = keypoints * 0.0
    np.testing.assert_array_equal(canonical.with_bone_lengths(flat, canonical.bone_lengths(keypoints)), flat)


def test_canonical_hands_do_not_depend_on_the_camera(keypoints):
    R = matrix_from_axis_angle(np.array([0.4, -1.2, 2.0]))
    turned = keypoints @ (torch.tensor(R) if isinstance(keypoints, torch.Tensor) else R).T + 0.3
    M, M_turned = canonical.canonical_frame(keypoints), canonical.canonical_frame(turned)
    np.testing.assert_allclose(
        canonical.to_canonical(turned, M_turned), canonical.to_canonical(keypoints, M), atol=1e-12
    )
    back = canonical.from_canonical(canonical.to_canonical(turned, M_turned), M_turned)
    np.testing.assert_allclose(back, turned - turned[:, :1], atol=1e-12)


def test_canonical_axes(keypoints):
    x = canonical.to_canonical(keypoints, canonical.canonical_frame(keypoints))
    across = x[:, 5] - x[:, 17]
    np.testing.assert_allclose(across[:, 1:], 0.0, atol=1e-12)
    assert (across[:, 0] > 0).all()
    np.testing.assert_allclose(x[:, 9, 2], 0.0, atol=1e-12)
    assert (x[:, 9, 1] > 0).all()


def test_z_comes_out_of_the_palm():
    model = HandModel.load()
    angles = np.zeros((15, 3))
    angles[:12, 0] = 0.8
    keypoints = model.keypoints(model.rotations_of_angles(angles))
    x = canonical.to_canonical(keypoints, canonical.canonical_frame(keypoints))
    assert (x[[8, 12, 16, 20], 2] > 0.02).all()


def test_6d_is_the_one_the_rest_of_the_program_uses():
    R = matrix_from_axis_angle(np.random.default_rng(0).normal(size=(10, 3)))
    np.testing.assert_array_equal(canonical.encode_6d(R), reference_encode_6d(R))
    for sixd in (canonical.encode_6d(R), torch.tensor(canonical.encode_6d(R))):
        np.testing.assert_allclose(canonical.decode_6d(2.0 * sixd), R, atol=1e-9)
    assert np.isfinite(canonical.decode_6d(np.zeros(6))).all()


def test_wrist_is_located_as_the_camera_does(keypoints):
    camera = Camera.assumed((640, 480))
    wrist_m = moving_hand(20)[2]
    pixels = camera.project(KEYPOINTS_M + wrist_m[:, None]) + np.random.default_rng(0).normal(
        size=(20, 21, 2)
    )
    rays = canonical.rays_of_pixels(pixels, camera.focal_px, np.array(camera.centre_px))
    expected = [camera.locate_wrist(k, p) for k, p in zip(KEYPOINTS_M, pixels, strict=True)]
    if isinstance(keypoints, torch.Tensor):
        rays = torch.tensor(rays)
    located = canonical.locate_wrist(keypoints, rays)
    np.testing.assert_allclose(located, expected, atol=1e-9)
    np.testing.assert_allclose(
        canonical.wrist_of_location(canonical.location_of_wrist(located)), expected, atol=1e-12
    )


def test_wrist_that_fits_nowhere_stays_in_front_of_the_camera():
    behind = canonical.locate_wrist(KEYPOINTS_M, -3.0 * KEYPOINTS_M[..., :2])
    assert (behind[..., 2] >= canonical.MIN_DEPTH_M).all()
    assert np.isfinite(canonical.locate_wrist(KEYPOINTS_M, np.zeros((20, 21, 2)))).all()
