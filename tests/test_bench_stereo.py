"""Triangulation from two calibrated cameras."""

from __future__ import annotations

import numpy as np
import pytest

from app.bench.filmed import rendered_clips, stereo_pair
from app.bench.stereo import PALM_M, read_projections, triangulate, triangulated_hand
from app.errors import AppError
from models.observation import Observation

K = np.array([[700.0, 0.0, 360.0], [0.0, 710.0, 350.0], [0.0, 0.0, 1.0]])
TURN = np.array([[0.8, 0.0, -0.6], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
AHEAD = np.array([0.0, 0.0, 2.0])
CAMERAS = (
    K @ np.eye(3, 4),
    K @ np.hstack([TURN, [[0.9], [0.1], [0.4]]]),
)


def seen(camera: np.ndarray, points: np.ndarray) -> np.ndarray:
    image = points @ camera[:, :3].T + camera[:, 3]
    return image[..., :2] / image[..., 2:]


def observed(pixels: np.ndarray) -> list[Observation]:
    hands = np.zeros((21, 3))
    return [Observation(i, "right", True, hands, px, (720, 720), 0.9) for i, px in enumerate(pixels)]


def test_points_projected_into_two_cameras_come_back():
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (5, 21, 3)) + AHEAD
    found = triangulate(CAMERAS, *(seen(camera, points) for camera in CAMERAS))
    np.testing.assert_allclose(found, points, atol=1e-6)


def test_a_frame_that_one_camera_misses_is_unknown():
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (3, 21, 3)) + AHEAD
    left, right = (observed(seen(camera, points)) for camera in CAMERAS)
    right[1] = Observation.missing(1, "right", (720, 720))
    hand_m = triangulated_hand(CAMERAS, left, right)
    assert np.isnan(hand_m[1]).all()
    palms = np.linalg.norm(hand_m[:, 5] - hand_m[:, 0], axis=1)
    assert np.nanmedian(palms) == pytest.approx(PALM_M)


def test_a_folder_without_calibration_gets_one_sentence(tmp_path):
    with pytest.raises(AppError, match=r"c0\.dat"):
        read_projections(tmp_path)


def test_the_real_calibration_is_read(shared_data):
    for projection in read_projections(shared_data / "video" / "stereo_calibration"):
        assert projection.shape == (3, 4)


def test_a_broken_rendered_clip_gets_one_sentence(tmp_path):
    clip = tmp_path / "rendered" / "clip.npz"
    clip.parent.mkdir()
    clip.write_bytes(b"nothing of the kind")
    with pytest.raises(AppError, match=r"clip\.npz"):
        rendered_clips(tmp_path)
    np.savez(clip, kp=np.zeros((3, 21, 3)), f=700.0, cx=320.0, cy=240.0)
    with pytest.raises(AppError, match=r"clip\.mp4"):
        rendered_clips(tmp_path)


def test_missing_recordings_leave_their_group_out(tmp_path):
    assert rendered_clips(tmp_path) == []
    assert stereo_pair(tmp_path) == []
