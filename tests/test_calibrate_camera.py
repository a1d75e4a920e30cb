"""Intrinsics from rendered boards of known cameras, their refusals, and the file they are kept in."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from board_examples import BOARD, BoardCamera, Pose, good_poses

from app.opencv import cv2
from calibration import camera as camera_module
from calibration.board import Board, BoardDetector, BoardView
from calibration.camera import (
    CameraCalibration,
    camera_path,
    canonical_source,
    load_camera,
    save_camera,
)
from calibration.coverage import board_pose
from calibration.errors import CalibrationError
from calibration.intrinsics import Intrinsics, fit_intrinsics, is_blurred
from calibration.lens import Lens
from models.camera import Camera

CALIBRATION = CameraCalibration(
    source="webcam:0",
    size_px=(640, 480),
    fx=520.0,
    fy=524.0,
    cx=312.0,
    cy=247.0,
    distortion=(-0.3, 0.12, 0.001, -0.002, -0.02),
    seen_radius=0.8,
    rms_px=0.2,
    images=20,
    coverage=0.95,
)


def _views(camera: BoardCamera, poses: list[Pose]) -> list[BoardView]:
    detector = BoardDetector(BOARD)
    views = [detector.detect(camera.render(pose, seed=i), f"{i}.png") for i, pose in enumerate(poses)]
    return [view for view in views if view is not None]


@pytest.fixture(scope="module")
def camera() -> BoardCamera:
    return BoardCamera()


@pytest.fixture(scope="module")
def views(camera: BoardCamera) -> list[BoardView]:
    found = _views(camera, good_poses())
    assert len(found) >= 18
    return found


@pytest.fixture(scope="module")
def fitted(views: list[BoardView]) -> Intrinsics:
    return fit_intrinsics(views, BOARD)


def _ideal_views(camera: BoardCamera, poses: list[Pose], noise_px: float = 0.05) -> list[BoardView]:
    """Corners as the camera projects them, without rendering: for sets whose images do not matter."""
    rng = np.random.default_rng(3)
    views = []
    for number, pose in enumerate(poses):
        centred_m = BOARD.corners_m - np.array([*BOARD.size_m, 0.0]) / 2
        points_m = centred_m @ pose.rotation.T + np.array([pose.x, pose.y, pose.z])
        pixels = cv2.projectPoints(points_m, np.zeros(3), np.zeros(3), camera.K, camera.distortion)[0][:, 0]
        pixels = pixels + rng.normal(0.0, noise_px, pixels.shape)
        inside = ((pixels > 0) & (pixels < np.array(camera.size_px) - 1)).all(axis=1)
        if inside.sum() >= 8:
            ids = np.flatnonzero(inside)
            views.append(BoardView(f"{number}.png", camera.size_px, ids, pixels[inside], 0.8))
    return views


# --- the board


def test_detected_corners_lie_where_the_camera_projects_them(camera: BoardCamera) -> None:
    pose = Pose(0.02, -0.01, 0.40, yaw=25, pitch=-10, roll=15)
    view = BoardDetector(BOARD).detect(camera.render(pose))
    assert view is not None
    assert len(view.ids) == 35
    (ideal,) = _ideal_views(camera, [pose], noise_px=0.0)
    errors_px = np.linalg.norm(view.corners_px - ideal.corners_px[view.ids], axis=1)
    assert np.sqrt(np.mean(errors_px**2)) < 0.15


def test_markers_beside_tilted_corners_do_not_draw_them_away() -> None:
    camera = BoardCamera((1280, 720), (1050.0, 1050.0), (640.0, 360.0), (0.0,) * 5)
    pose = Pose(-0.15, 0.0, 0.48, yaw=-40, roll=90)
    view = BoardDetector(BOARD).detect(camera.render(pose, noise=4.0, blur_px=1.0))
    assert view is not None
    (ideal,) = _ideal_views(camera, [pose], noise_px=0.0)
    where = dict(zip(ideal.ids, ideal.corners_px, strict=True))
    errors_px = [
        np.linalg.norm(corner_px - where[corner])
        for corner, corner_px in zip(view.ids, view.corners_px, strict=True)
    ]
    assert np.sqrt(np.mean(np.square(errors_px))) < 0.15  # OpenCV's own placing leaves 0.5 here


def test_board_half_outside_the_picture_still_counts(camera: BoardCamera) -> None:
    view = BoardDetector(BOARD).detect(camera.render(Pose(0.22, 0.0, 0.42)))
    assert view is not None
    assert 8 <= len(view.ids) < 35


def test_picture_without_board_has_no_view(camera: BoardCamera) -> None:
    assert BoardDetector(BOARD).detect(camera.render(None)) is None


def test_blur_is_measured_in_pixels(camera: BoardCamera) -> None:
    sharp, soft, smeared = (
        BoardDetector(BOARD).detect(camera.render(Pose(0.0, 0.0, 0.34), blur_px=blur_px, smear_px=smear_px))
        for blur_px, smear_px in ((0.5, 0), (2.2, 0), (0.5, 7))
    )
    assert sharp is not None
    assert soft is not None
    assert smeared is not None
    assert sharp.blur_px < 1.1
    assert not is_blurred(sharp, BOARD)
    assert soft.blur_px == pytest.approx(2.2, abs=0.35)
    assert is_blurred(soft, BOARD)
    assert is_blurred(smeared, BOARD)  # though edges along the motion are sharp


@pytest.mark.parametrize(
    ("pose", "away"),
    [
        (Pose(0, 0, 0.45, yaw=30), "right"),
        (Pose(0, 0, 0.45, yaw=-30), "left"),
        (Pose(0, 0, 0.45, pitch=30), "bottom"),
        (Pose(0, 0, 0.45, pitch=-30, roll=90), "top"),
        (Pose(0.1, 0.05, 0.45, yaw=5), None),
    ],
)
def test_tilt_is_told_to_its_side(camera: BoardCamera, pose: Pose, away: str | None) -> None:
    (view,) = _ideal_views(camera, [pose])
    seen = board_pose(view, BOARD)
    assert seen is not None
    assert seen.away == away
    assert math.degrees(seen.tilt_rad) == pytest.approx(max(abs(pose.yaw), abs(pose.pitch)), abs=5.0)


@pytest.mark.parametrize("square_m", [0.0, -0.03, float("nan"), 3.0])
def test_impossible_square_is_refused(square_m: float) -> None:
    with pytest.raises(CalibrationError, match="side of one square"):
        Board.printed(square_m)


# --- the fit


def test_camera_with_a_plain_lens_is_recovered(camera: BoardCamera, fitted: Intrinsics) -> None:
    _check_recovered(fitted, camera)


def test_camera_with_a_strong_barrel_lens_is_recovered() -> None:
    camera = BoardCamera(focal_px=(480.0, 482.0), distortion=(-0.33, 0.12, 0.0005, -0.001, -0.02))
    _check_recovered(fit_intrinsics(_views(camera, good_poses()), BOARD), camera)


def _check_recovered(found: Intrinsics, camera: BoardCamera) -> None:
    assert found.fx == pytest.approx(camera.K[0, 0], rel=0.005)
    assert found.fy == pytest.approx(camera.K[1, 1], rel=0.005)
    assert found.cx == pytest.approx(camera.K[0, 2], abs=3.0)
    assert found.cy == pytest.approx(camera.K[1, 2], abs=3.0)
    assert found.rms_px < 0.2
    # Coefficients trade off against each other; what counts is where rays land, over the whole picture.
    rays = camera.rays[::16, ::16].reshape(-1, 2)
    rays = rays[np.linalg.norm(rays, axis=1) < found.seen_radius]
    true_px = _project(rays, camera.K, camera.distortion)
    matrix = np.array([[found.fx, 0, found.cx], [0, found.fy, found.cy], [0, 0, 1.0]])
    shift_px = _project(rays, matrix, found.distortion) - true_px
    # A slightly turned camera explains a shift of the centre, so that does not count.
    assert np.abs(shift_px - shift_px.mean(axis=0)).max() < 1.5


def _project(rays: np.ndarray, matrix: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    points = np.concatenate([rays, np.ones((len(rays), 1))], axis=1)
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, np.asarray(distortion))[0][:, 0]


def test_distortion_coefficients_of_a_plain_lens(fitted: Intrinsics) -> None:
    assert fitted.distortion[0] == pytest.approx(-0.12, abs=0.02)
    assert fitted.distortion[1] == pytest.approx(0.05, abs=0.06)
    assert fitted.distortion[2:4] == pytest.approx([0.001, -0.0015], abs=0.001)


def test_deviations_cover_the_errors(fitted: Intrinsics) -> None:
    errors = np.abs(np.array([fitted.fx, fitted.fy, fitted.cx, fitted.cy]) - [560.0, 563.0, 326.0, 233.0])
    assert (errors < 4.0 * fitted.deviations).all()
    assert (fitted.deviations < 2.0).all()


def test_lens_terms_that_explain_nothing_are_not_fitted() -> None:
    camera = BoardCamera(distortion=(0.0,) * 5)
    found = fit_intrinsics(_ideal_views(camera, good_poses(), noise_px=0.2), BOARD)
    assert found.terms == "k1"
    assert abs(found.distortion[0]) < 0.01
    assert (found.distortion[1:] == 0.0).all()


def test_scale_of_the_print_changes_nothing(views: list[BoardView], fitted: Intrinsics) -> None:
    other = fit_intrinsics(views, Board.printed(0.0263))
    assert other.fx == pytest.approx(fitted.fx, rel=1e-4)
    assert other.distortion == pytest.approx(fitted.distortion, abs=1e-3)


def test_one_odd_image_is_left_out_and_named(views: list[BoardView], fitted: Intrinsics) -> None:
    bent = dataclasses.replace(
        views[3],
        name="bent.png",
        corners_px=views[3].corners_px + 4.0 * np.sin(views[3].corners_px[:, ::-1] / 40.0),
    )
    found = fit_intrinsics([*views, bent], BOARD)
    assert [name for name, _ in found.dropped] == ["bent.png"]
    assert found.fx == pytest.approx(fitted.fx, rel=1e-6)


def test_few_blurred_images_are_left_out_and_named(views: list[BoardView]) -> None:
    blurred = dataclasses.replace(views[2], blur_px=6.0)
    found = fit_intrinsics([*views[:2], blurred, *views[3:]], BOARD)
    assert found.dropped == (("2.png", "blurred by 6.0 pixels"),)


# --- the refusals


def test_too_few_images_are_refused(views: list[BoardView]) -> None:
    with pytest.raises(CalibrationError, match="shows in 5 images and at least 8"):
        fit_intrinsics(views[:5], BOARD)
    with pytest.raises(CalibrationError, match="in 0 images"):
        fit_intrinsics([], BOARD)


def test_mixed_sizes_are_refused(views: list[BoardView]) -> None:
    other = dataclasses.replace(views[0], size_px=(1280, 720))
    with pytest.raises(CalibrationError, match="different sizes, 640×480 and 1280×720"):
        fit_intrinsics([*views[1:], other], BOARD)


def test_board_that_always_faces_the_camera_is_refused(camera: BoardCamera) -> None:
    poses = [Pose(x, y, z) for z in (0.35, 0.5) for x in (-0.2, 0.0, 0.2) for y in (-0.12, 0.0, 0.12)]
    with pytest.raises(CalibrationError, match=r"faces the camera squarely.*focal length.*tilt it"):
        fit_intrinsics(_ideal_views(camera, poses), BOARD)


def test_board_only_in_the_middle_is_refused(camera: BoardCamera) -> None:
    poses = [dataclasses.replace(pose, x=0.0, y=0.0, z=0.75) for pose in good_poses()]
    with pytest.raises(CalibrationError, match=r"no farther out than .* corners: take images"):
        fit_intrinsics(_ideal_views(camera, poses), BOARD)


def test_blurred_images_are_refused(views: list[BoardView]) -> None:
    blurred = [dataclasses.replace(view, blur_px=5.0 + 0.1 * i) for i, view in enumerate(views)]
    with pytest.raises(CalibrationError, match=rf"{len(views)} of {len(views)} images are blurred"):
        fit_intrinsics(blurred, BOARD)


def test_corners_that_do_not_fit_a_camera_are_refused(camera: BoardCamera) -> None:
    with pytest.raises(CalibrationError, match=r"pixels from where they should be.*flat"):
        fit_intrinsics(_ideal_views(camera, good_poses(), noise_px=2.5), BOARD)


def test_many_images_that_disagree_are_refused(camera: BoardCamera) -> None:
    views = _ideal_views(camera, good_poses())
    for i in range(0, len(views), 3):
        bent_px = views[i].corners_px + 6.0 * np.sin(views[i].corners_px[:, ::-1] / 30.0)
        views[i] = dataclasses.replace(views[i], corners_px=bent_px)
    with pytest.raises(CalibrationError, match=r"agree with none of the others|from where they should be"):
        fit_intrinsics(views, BOARD)


def test_stretched_images_are_refused(camera: BoardCamera) -> None:
    views = [
        dataclasses.replace(view, size_px=(640, 720), corners_px=view.corners_px * [1.0, 1.5])
        for view in _ideal_views(camera, good_poses())
    ]
    with pytest.raises(CalibrationError, match="stretched"):
        fit_intrinsics(views, BOARD)


def test_cut_images_are_refused(camera: BoardCamera) -> None:
    wide = BoardCamera(size_px=(640, 480), centre_px=(150.0, 233.0), distortion=(0.0,) * 5)
    poses = [dataclasses.replace(pose, x=pose.x + 0.12) for pose in good_poses()]
    with pytest.raises(CalibrationError, match="far from the middle"):
        fit_intrinsics(_ideal_views(wide, poses), BOARD)


def test_telephoto_lens_is_refused() -> None:
    camera = BoardCamera(focal_px=(6000.0, 6000.0), distortion=(0.0,) * 5)
    poses = [
        dataclasses.replace(pose, z=10.0 * pose.z, yaw=1.5 * pose.yaw, pitch=1.5 * pose.pitch)
        for pose in good_poses()
    ]
    with pytest.raises(CalibrationError, match="focal length"):
        fit_intrinsics(_ideal_views(camera, poses, noise_px=0.01), BOARD)


# --- the lens and the calibration kept


def test_undistortion_agrees_with_opencv_where_the_board_was_seen() -> None:
    rng = np.random.default_rng(0)
    rays = rng.uniform(-0.5, 0.5, (400, 2))
    matrix = np.array([[520.0, 0, 312], [0, 524.0, 247], [0, 0, 1]])
    seen_px = _project(rays, matrix, np.array(CALIBRATION.distortion))
    pinhole = CALIBRATION.pinhole()
    ideal_px = rays * pinhole.focal_px + np.asarray(pinhole.centre_px)
    assert CALIBRATION.undistort_px(seen_px) == pytest.approx(ideal_px, abs=1e-3)
    assert CALIBRATION.distort_px(ideal_px) == pytest.approx(seen_px, abs=1e-6)


def test_distortion_undoes_undistortion_even_far_outside_the_picture() -> None:
    points_px = np.random.default_rng(1).uniform(-4000.0, 4000.0, (500, 21, 2))
    back_px = CALIBRATION.distort_px(CALIBRATION.undistort_px(points_px))
    assert back_px == pytest.approx(points_px, abs=1e-3)


@pytest.mark.parametrize(
    "distortion", [CALIBRATION.distortion, (0.3, -0.9, 0.0, 0.0, 0.0), (-0.5, 0.1, 0, 0, 0)]
)
def test_lens_grows_outwards_everywhere(distortion: tuple[float, ...]) -> None:
    lens = Lens(np.array(distortion), 0.6)
    radii = np.linspace(0.0, 5.0, 4000)
    for angle in np.linspace(0.0, 2.0 * np.pi, 9):
        out = np.array([math.cos(angle), math.sin(angle)])
        for move in (lens.distort, lens.undistort):
            assert (np.diff(move(radii[:, None] * out) @ out) > 0.0).all()


def test_lens_that_folds_the_picture_is_refused() -> None:
    with pytest.raises(CalibrationError, match="folds"):
        dataclasses.replace(CALIBRATION, distortion=(-1.5, 0.0, 0.0, 0.0, 0.0))


def test_nan_pixels_stay_nan_and_others_do_not() -> None:
    points_px = np.full((21, 2), 100.0)
    points_px[4] = np.nan
    for moved in (CALIBRATION.undistort_px(points_px), CALIBRATION.distort_px(points_px)):
        assert np.isnan(moved[4]).all()
        assert np.isfinite(np.delete(moved, 4, axis=0)).all()
    assert CALIBRATION.undistort_px(np.full((3, 21, 2), np.nan)).shape == (3, 21, 2)


def test_wrist_is_placed_better_with_the_calibration_than_with_the_assumed_camera() -> None:
    rng = np.random.default_rng(5)
    hand_m = rng.uniform(-0.09, 0.09, (21, 3))
    hand_m -= hand_m[0]
    wrist_m = np.array([0.18, -0.12, 0.55])
    points_m = hand_m + wrist_m
    matrix = np.array([[520.0, 0, 312], [0, 524.0, 247], [0, 0, 1]])
    seen_px = _project(points_m[:, :2] / points_m[:, 2:], matrix, np.array(CALIBRATION.distortion))
    calibrated_m = CALIBRATION.pinhole().locate_wrist(hand_m, CALIBRATION.undistort_px(seen_px))
    assumed_m = Camera.assumed((640, 480)).locate_wrist(hand_m, seen_px)
    assert np.linalg.norm(calibrated_m - wrist_m) < 1e-4
    assert np.linalg.norm(assumed_m - wrist_m) > 0.02


def test_calibration_counts_at_other_resolutions_of_its_shape() -> None:
    doubled = CALIBRATION.for_size((1280, 960))
    points_px = np.random.default_rng(2).uniform(0, 470, (21, 2))
    edge = 0.5  # image edges coincide, not pixel centres
    expected_px = 2.0 * (CALIBRATION.undistort_px(points_px) + edge) - edge
    assert doubled.undistort_px(2.0 * (points_px + edge) - edge) == pytest.approx(expected_px, abs=1e-6)
    assert CALIBRATION.pinhole((1280, 960)).focal_px == pytest.approx(2.0 * CALIBRATION.pinhole().focal_px)


def test_calibration_of_another_shape_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"calibrated at 640×480 and gives 1280×720.*another shape"):
        CALIBRATION.pinhole((1280, 720))


def test_json_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "cameras" / "webcam_0.json"
    assert save_camera(CALIBRATION, path) == path
    assert load_camera("webcam", path) == CALIBRATION
    assert [entry.name for entry in path.parent.iterdir()] == ["webcam_0.json"]


def test_no_calibration_is_none(tmp_path: Path) -> None:
    assert load_camera("webcam", tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        "null",
        "size_px=[640]",
        "fx=null",
        "fx=-3",
        "cx=NaN",
        "distortion=[1,2]",
        "distortion=[-9,0,0,0,0]",
        "images=1e999",
        "-coverage",
        "[" * 100_000,
        "fx=1" + 400 * "0",
        "cx=1e6",
        "cy=-300",
        "fy=5e5",
        "fx=1e-3",
        'size_px="64"',
        "distortion=[0, 0, 50.0, 50.0, 0]",
    ],
)
def test_damaged_file_gets_one_clear_error(tmp_path: Path, damage: str) -> None:
    path = save_camera(CALIBRATION, tmp_path / "camera.json")
    content = json.loads(path.read_text())
    if damage.startswith("-"):
        del content[damage[1:]]
        path.write_text(json.dumps(content))
    elif "=" in damage:
        key, value = damage.split("=")
        content[key] = json.loads(value)
        path.write_text(json.dumps(content))
    else:
        path.write_text(damage)
    with pytest.raises(CalibrationError, match=r"camera\.json holds no camera calibration.*delete it"):
        load_camera("webcam", path)


def test_sources_have_one_file_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "user_config_path", lambda *a, **k: tmp_path)
    monkeypatch.chdir(tmp_path)
    assert camera_path("webcam") == camera_path("webcam:0") == tmp_path / "cameras" / "webcam_0.json"
    assert canonical_source("rtsp://me:secret@10.0.0.7:554/a?b=c") == "rtsp://10.0.0.7:554/a?b=c"
    assert "secret" not in camera_path("rtsp://me:secret@10.0.0.7:554/a").name
    assert canonical_source("~clip.mp4") == str(tmp_path.resolve() / "~clip.mp4")
    others = ["webcam:1", "http://10.0.0.7/a/b", "http://10.0.0.7/a_b", "clip.mp4", "other/clip.mp4"]
    paths = {camera_path(source) for source in others}
    assert len(paths) == len(others)
    assert camera_path("clip.mp4") == camera_path(str(tmp_path / "clip.mp4"))


def test_a_file_whose_name_is_no_text_has_a_place_of_its_own(tmp_path: Path) -> None:
    places = {camera_path(str(tmp_path / name)) for name in ("clip\udce4.mp4", "clip\udcf6.mp4", "clip_.mp4")}
    assert len(places) == 3
