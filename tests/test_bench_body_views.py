"""Triangulating a body from several calibrated cameras, and reading their calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from body_examples import moving_body

from app.bench.body_views import View, read_qualisys, triangulate, triangulate_body
from app.errors import AppError
from app.opencv import cv2
from models.body_keypoints import MIRRORED_KEYPOINTS
from models.rotations import matrix_from_axis_angle

FRAMES = 12
LENS = np.array([-0.05, 0.14, 0.0006, 0.0007])


def ring(count: int, distortion: np.ndarray = LENS) -> list[View]:
    """Cameras around a body, four metres away, that look at it a little from above."""
    views = []
    focal_px, centre_px = np.array([1680.0, 1681.0]), np.array([540.0, 950.0])
    for i in range(count):
        yaw = matrix_from_axis_angle(np.array([0.0, 2.0 * np.pi * i / count + 0.3, 0.0]))
        pitch = matrix_from_axis_angle(np.array([0.2, 0.0, 0.0]))
        R = pitch @ np.diag([1.0, -1.0, -1.0]) @ yaw
        views.append(View(R, -R.T @ np.array([0.0, 0.0, 4.0]), focal_px, centre_px, distortion))
    return views


def room_body() -> np.ndarray:
    """(N,17,3) a body that moves in the room, y up, metres."""
    _, keypoints_m, _ = moving_body(FRAMES, seed=3)
    return keypoints_m * (1.0, -1.0, -1.0)


def pixels_of(view: View, points_m: np.ndarray) -> np.ndarray:
    K = np.diag([*view.focal_px, 1.0])
    K[:2, 2] = view.centre_px
    flat = view.seen_from(points_m).reshape(-1, 3)
    projected, _ = cv2.projectPoints(flat, np.zeros(3), np.zeros(3), K, view.distortion)
    return projected.reshape(*points_m.shape[:-1], 2)


@pytest.fixture(scope="module")
def views() -> list[View]:
    return ring(4)


@pytest.fixture(scope="module")
def pixels(views: list[View]) -> np.ndarray:
    return np.array([pixels_of(view, room_body()) for view in views])


def test_a_body_seen_from_all_sides_is_found_again(views, pixels):
    found = triangulate_body(views, pixels, np.ones(pixels.shape[:-1]))
    np.testing.assert_allclose(found.keypoints_m, room_body(), atol=1e-4)
    assert not found.swapped.any()
    assert found.residual_px.max() < 0.1


def test_rays_undo_the_lens_and_keep_what_is_unknown(views):
    points_m = room_body()[:2]
    seen = pixels_of(views[0], points_m)
    seen[1, 3] = np.nan
    rays = views[0].rays(seen)
    ahead = views[0].seen_from(points_m)
    expected = ahead[..., :2] / ahead[..., 2:]
    expected[1, 3] = np.nan
    np.testing.assert_allclose(rays, expected, atol=1e-5)


def test_a_view_that_takes_left_for_right_is_swapped_back(views, pixels):
    confused = pixels.copy()
    confused[2, 4:9] = confused[2, 4:9][:, MIRRORED_KEYPOINTS]
    found = triangulate_body(views, confused, np.ones(pixels.shape[:-1]))
    np.testing.assert_allclose(found.keypoints_m, room_body(), atol=1e-4)
    expected = np.zeros((4, FRAMES), dtype=bool)
    expected[2, 4:9] = True
    np.testing.assert_array_equal(found.swapped, expected)


def test_two_views_do_and_one_is_not_enough(views, pixels):
    lost = pixels.copy()
    lost[2:, 0] = np.nan
    lost[1:, 1] = np.nan
    found = triangulate_body(views, lost, np.ones(pixels.shape[:-1]))
    np.testing.assert_allclose(found.keypoints_m[0], room_body()[0], atol=1e-4)
    assert np.isnan(found.keypoints_m[1]).all()
    np.testing.assert_allclose(found.keypoints_m[2:], room_body()[2:], atol=1e-4)


def test_a_view_that_counts_less_pulls_less(views, pixels):
    rays = np.array([view.rays(seen) for view, seen in zip(views, pixels, strict=True)])
    rays[3] += 0.02
    errors = []
    for weight in (1.0, 0.1):
        weights = np.ones(rays.shape[:-1])
        weights[3] = weight
        off = np.linalg.norm(triangulate(views, rays, weights) - room_body(), axis=-1)
        errors.append(off.mean())
    assert errors[1] < 0.1 * errors[0]


def write_calibration(path: Path, views: list[View]) -> Path:
    """As Qualisys writes it: millimetres, sixty-fourths of pixels, y up and z backward."""
    cameras = []
    for view in views:
        R = np.diag([1.0, -1.0, -1.0]) @ view.rotation
        turn = " ".join(f'r{i + 1}{j + 1}="{float(R[i, j])}"' for i in range(3) for j in range(3))
        place = " ".join(f'{axis}="{1e3 * float(m)}"' for axis, m in zip("xyz", view.position_m, strict=True))
        lens = " ".join(
            f'{name}{axis}="{64.0 * float(value)}"'
            for name, values in (("focalLength", view.focal_px), ("centerPoint", view.centre_px))
            for axis, value in zip("UV", values, strict=True)
        )
        names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
        bend = " ".join(f'{name}="{float(k)}"' for name, k in zip(names, view.distortion, strict=True))
        cameras.append(f"<camera><transform {turn} {place}/><intrinsic {lens} {bend}/></camera>")
    path.write_text(f"<calibration><cameras>{''.join(cameras)}</cameras></calibration>", encoding="utf-8")
    return path


def test_a_calibration_is_read_as_it_was_written(tmp_path, views):
    read = read_qualisys(write_calibration(tmp_path / "Calib.qca.txt", views))
    assert len(read) == len(views)
    for ours, theirs in zip(read, views, strict=True):
        for name in ("rotation", "position_m", "focal_px", "centre_px", "distortion"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "not xml", "<calibration/>", "<calibration><camera/><camera/></calibration>"],
)
def test_a_file_that_is_no_calibration_gets_one_sentence(tmp_path, text):
    path = tmp_path / "Calib.qca.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AppError) as told:
        read_qualisys(path)
    assert path.name in str(told.value)
    assert "\n" not in str(told.value)
