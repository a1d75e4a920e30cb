"""The pose landmarker on a real clip, and on images that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import assets
from app.body_detector import BodyDetector
from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from models.body_keypoints import (
    BODY_KEYPOINT_PARENTS,
    BODY_SKELETON,
    KEYPOINTS_FROM_LANDMARKS,
    LEFT_KEYPOINTS,
    MIRRORED_KEYPOINTS,
    RIGHT_KEYPOINTS,
    visibility_of_keypoints,
)
from models.body_observation import BodyObservation

FRAME_NS = 50_000_000
LEFT_WRIST, RIGHT_WRIST, HEAD_TOP, LEFT_ANKLE, RIGHT_ANKLE = 13, 16, 10, 3, 6


@pytest.fixture(scope="module")
def asset() -> Path:
    try:
        return assets.resolve_pose_landmarker()
    except AppError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def clip(shared_data: Path) -> list[Frame]:
    """Every fourth frame of a person who walks in, sits, stretches and walks out."""
    capture = cv2.VideoCapture(str(shared_data / "video" / "body_sit_walk.mp4"))
    frames = []
    for i in range(187):
        ok, image = capture.read()
        if ok and i % 4 == 0:
            frames.append(Frame(len(frames), i * FRAME_NS, image))
    capture.release()
    return frames


@pytest.fixture
def detector(asset: Path) -> Iterator[BodyDetector]:
    with BodyDetector(asset) as body:
        yield body


@pytest.fixture(scope="module")
def seen(asset: Path, clip: list[Frame]) -> list[BodyObservation]:
    with BodyDetector(asset) as body:
        return [body.detect(frame) for frame in clip]


def stretched(frame: Frame) -> bool:
    """The frames in which the person stands before the camera with arms held out."""
    return 104 <= frame.t_capture_ns // FRAME_NS < 140


def test_the_person_is_found_in_nearly_every_frame(seen: list[BodyObservation]) -> None:
    assert np.mean([o.detected for o in seen]) > 0.95


def test_observations_have_the_agreed_shapes_frames_and_units(
    seen: list[BodyObservation], clip: list[Frame]
) -> None:
    for frame, o in zip(clip, seen, strict=True):
        if not (o.detected and stretched(frame)):
            continue
        assert o.t_capture_ns == frame.t_capture_ns
        assert o.image_size_px == (720, 720)
        assert o.keypoints_m.shape == (17, 3)
        assert o.keypoints_px.shape == (17, 2)
        assert o.score.shape == (17,)
        np.testing.assert_array_equal(o.keypoints_m[0], np.zeros(3))
        # The crown is above the hip by about half a body, y being down, and the ankles are below.
        assert -0.9 < o.keypoints_m[HEAD_TOP, 1] < -0.5
        assert 0.5 < o.keypoints_m[LEFT_ANKLE, 1] < 1.0
        assert o.keypoints_px[HEAD_TOP, 1] < o.keypoints_px[0, 1] < o.keypoints_px[LEFT_ANKLE, 1]
        assert o.score.min() > 0.5


def test_left_is_the_persons_left(seen: list[BodyObservation], clip: list[Frame]) -> None:
    facing = [o for frame, o in zip(clip, seen, strict=True) if stretched(frame)]
    assert len(facing) >= 8
    for o in facing:
        # Who faces us has their left hand on our right.
        assert o.keypoints_px[LEFT_WRIST, 0] > o.keypoints_px[RIGHT_WRIST, 0] + 100
        assert o.keypoints_m[LEFT_WRIST, 0] > o.keypoints_m[RIGHT_WRIST, 0] + 0.2


def test_arms_and_legs_keep_their_lengths(seen: list[BodyObservation]) -> None:
    points = np.array([o.keypoints_m for o in seen if o.detected])
    bones = np.array([np.linalg.norm(points[:, k] - points[:, p], axis=-1) for p, k in BODY_SKELETON])
    assert (bones.std(axis=1) < 0.05).all()
    thigh, arm = bones[BODY_SKELETON.index((1, 2))].mean(), bones[BODY_SKELETON.index((11, 12))].mean()
    assert 0.3 < thigh < 0.5
    assert 0.18 < arm < 0.35


def test_a_mirrored_source_gives_the_real_person(asset: Path, clip: list[Frame]) -> None:
    part = [frame for frame in clip if stretched(frame)][:3]
    with BodyDetector(asset) as direct, BodyDetector(asset, mirrored=True) as mirror:
        for frame in part:
            flipped = Frame(frame.index, frame.t_capture_ns, frame.image[:, ::-1])
            ours, theirs = direct.detect(frame), mirror.detect(flipped)
            np.testing.assert_array_equal(ours.keypoints_m, theirs.keypoints_m)
            np.testing.assert_array_equal(ours.keypoints_px, theirs.keypoints_px)


def test_times_may_repeat_and_go_backwards(detector: BodyDetector, clip: list[Frame]) -> None:
    part = [frame for frame in clip if stretched(frame)]
    times_ns = [10**9, 10**9, 5 * 10**8, 0, 10**12, -5]
    observations = [detector.detect(Frame(i, t, part[i].image)) for i, t in enumerate(times_ns)]
    assert all(o.detected for o in observations)
    assert [o.t_capture_ns for o in observations] == times_ns
    assert detector.bad_frames == 0


@pytest.mark.parametrize(
    "image",
    [None, np.zeros((48, 64), np.uint8), np.zeros((48, 64, 3), np.float32), np.zeros((0, 64, 3), np.uint8)],
    ids=["none", "grey", "float", "empty"],
)
def test_bad_frames_are_nobody(
    detector: BodyDetector, clip: list[Frame], image: object, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(2):
        missing = detector.detect(Frame(i, i, image))  # type: ignore[arg-type]
        assert not missing.detected
        assert np.isnan(missing.keypoints_m).all()
        assert not missing.score.any()
    assert detector.bad_frames == 2
    assert len([r for r in caplog.records if r.name == "app.body_detector"]) == 1
    assert detector.detect(clip[28]).detected


def test_images_of_odd_and_changing_sizes_do_no_harm(detector: BodyDetector, clip: list[Frame]) -> None:
    for shape in ((1, 1, 3), (1, 2000, 3), (3000, 2, 3), (480, 640, 3)):
        assert not detector.detect(Frame(0, 0, np.zeros(shape, np.uint8))).detected
    small = cv2.resize(clip[28].image, (360, 360))
    assert any(detector.detect(Frame(i, i * FRAME_NS, small)).detected for i in range(3))
    assert detector.detect(clip[28]).image_size_px == (720, 720)


def test_an_emptied_room_is_nobody_and_closing_twice_is_fine(asset: Path) -> None:
    detector = BodyDetector(asset)
    assert not detector.detect(Frame(0, 0, np.full((480, 640, 3), 128, np.uint8))).detected
    detector.close()
    detector.close()
    assert not detector.detect(Frame(1, 1, np.full((480, 640, 3), 128, np.uint8))).detected, "it opens again"
    detector.close()


def test_unusable_files_are_named_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.task"
    bad.write_bytes(b"no model")
    for path in (bad, tmp_path / "absent.task", tmp_path):
        with pytest.raises(AppError) as caught:
            BodyDetector(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


# --- the formulas -------------------------------------------------------------------------------------------


def test_every_formula_is_an_affine_combination_of_landmarks() -> None:
    np.testing.assert_allclose(KEYPOINTS_FROM_LANDMARKS.sum(axis=1), 1.0)
    moved = KEYPOINTS_FROM_LANDMARKS @ (np.tile([1.0, 2.0, 3.0], (33, 1)))
    np.testing.assert_allclose(moved, np.tile([1.0, 2.0, 3.0], (17, 1)))


def test_mirrored_landmarks_give_mirrored_keypoints() -> None:
    landmarks = np.random.default_rng(0).normal(size=(33, 3))
    # MediaPipe's sides: eyes 1–3 and 4–6, then pairs from the ears on.
    other = np.array([0, 4, 5, 6, 1, 2, 3, *[i + 1 if i % 2 else i - 1 for i in range(7, 33)]])
    ours = KEYPOINTS_FROM_LANDMARKS @ landmarks[other]
    np.testing.assert_allclose(ours, (KEYPOINTS_FROM_LANDMARKS @ landmarks)[MIRRORED_KEYPOINTS])


def test_the_skeleton_is_a_tree_and_its_sides_mirror() -> None:
    assert all(p < k for k, p in enumerate(BODY_KEYPOINT_PARENTS))
    np.testing.assert_array_equal(MIRRORED_KEYPOINTS[list(LEFT_KEYPOINTS)], RIGHT_KEYPOINTS)
    np.testing.assert_array_equal(MIRRORED_KEYPOINTS[MIRRORED_KEYPOINTS], np.arange(17))


def test_a_keypoint_is_as_visible_as_the_least_visible_of_its_landmarks() -> None:
    visibility = np.ones(33)
    visibility[24] = 0.25  # right hip
    score = visibility_of_keypoints(visibility)
    assert score[4] == score[0] == score[7] == score[8] == 0.25
    assert score[1] == score[9] == score[16] == 1.0
