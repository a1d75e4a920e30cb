"""Placing a hand in front of a pinhole camera."""

import numpy as np
import pytest

from models.camera import Camera


def test_the_wrist_is_found_where_the_hand_was_projected_from():
    rng = np.random.default_rng(0)
    camera = Camera.assumed((640, 480))
    for _ in range(50):
        keypoints_m = rng.normal(0.0, 0.05, (21, 3))
        keypoints_m -= keypoints_m[0]
        wrist_m = np.array([rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(0.4, 1.5)])
        found_m = camera.locate_wrist(keypoints_m, camera.project(keypoints_m + wrist_m))
        np.testing.assert_allclose(found_m, wrist_m, atol=1e-9)


def test_sixty_degrees_across():
    camera = Camera.assumed((1280, 720))
    edge = camera.project(np.array([np.tan(np.radians(30.0)), 0.0, 1.0]))
    np.testing.assert_allclose(edge, [1280.0, 360.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unusable_keypoints_give_no_wrist(value):
    camera = Camera.assumed((640, 480))
    assert np.isnan(camera.locate_wrist(np.full((21, 3), value), np.zeros((21, 2)))).all()


def test_a_hand_behind_the_lens_is_refused():
    camera = Camera.assumed((640, 480))
    keypoints_m = np.random.default_rng(0).normal(0.0, 0.05, (21, 3))
    behind_px = camera.project(keypoints_m + np.array([0.0, 0.0, -0.5]))
    assert np.isnan(camera.locate_wrist(keypoints_m, behind_px)).all()


def test_a_hand_beyond_any_room_is_refused():
    camera = Camera.assumed((640, 480))
    keypoints_m = np.random.default_rng(0).normal(0.0, 0.05, (21, 3))
    far_px = camera.project(keypoints_m + np.array([0.0, 0.0, 500.0]))
    assert np.isnan(camera.locate_wrist(keypoints_m, far_px)).all()
    assert np.isnan(camera.locate_wrist(1e9 * keypoints_m, np.zeros((21, 2)))).all()
