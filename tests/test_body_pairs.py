"""Bodies drawn and detected: truth and detection of a clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app import assets, body_corpus, body_pairs
from app.body_pairs import Arguments, camera_rotation, one_pair, write_pairs
from app.body_picture import BodyPainter, random_look
from app.errors import AppError, UsageError
from models.body_clips import BodyClip
from models.body_model import BodyModel
from models.body_noise_fit import read_pairs
from models.camera import Camera
from models.rotations import matrix_from_axis_angle

FRAMES = 8


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load("woman")


@pytest.fixture(scope="module")
def clip(body: BodyModel) -> BodyClip:
    """Someone who raises their left arm from where it hangs."""
    angles = np.zeros((FRAMES, 24, 3))
    angles[:, 16, 2] = np.linspace(-1.3, 0.3, FRAMES)
    angles[:, 17, 2] = 1.3
    rotations = matrix_from_axis_angle(angles)
    keypoints = body.keypoints(rotations)
    return BodyClip("raise", "train", rotations, keypoints - keypoints[:, :1], keypoints[:, 0])


def test_the_picture_shows_the_body_where_the_camera_sees_it(body: BodyModel, clip: BodyClip) -> None:
    camera = Camera(500.0, (160.0, 120.0), (320, 240))
    rng = np.random.default_rng(0)
    look = random_look(rng, (320, 240))
    rotations = clip.rotations[0].copy()
    rotations[0] = camera_rotation(0.0, 0.0)
    pelvis_m = np.array([0.2, 0.0, 5.0])
    picture = BodyPainter(body, look, camera).paint(0, rotations, pelvis_m)
    assert picture.shape == (240, 320, 3)
    assert picture.dtype == np.uint8
    changed = np.abs(picture.astype(float) - look.room).max(axis=-1) > 40
    rows, columns = np.nonzero(changed)
    pixels = camera.project(body.vertices(rotations, pelvis_m))
    assert (columns.min(), columns.max()) == pytest.approx((pixels[:, 0].min(), pixels[:, 0].max()), abs=5)
    assert (rows.min(), rows.max()) == pytest.approx((pixels[:, 1].min(), pixels[:, 1].max()), abs=5)


def test_a_camera_in_front_sees_the_left_on_its_right() -> None:
    np.testing.assert_allclose(camera_rotation(0.0, 0.0) @ [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(camera_rotation(0.0, 0.0) @ [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], atol=1e-12)
    assert np.linalg.det(camera_rotation(1.0, 0.2)) == pytest.approx(1.0)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"frames": 0}, {"frames": -3}, {"seed": -1}], ids=str)
def test_senseless_settings_are_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1 and a seed"):
        write_pairs(Arguments(tmp_path, tmp_path / "out", **wrong))  # type: ignore[arg-type]


def test_motion_of_nobody_in_the_split_is_told(
    clip: BodyClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_pairs, "read_body_clips", lambda *_, **__: [clip])
    for frames, split in ((FRAMES, "test"), (FRAMES + 1, "train")):
        with pytest.raises(AppError, match=f"no motion for {split} of {frames} frames; give another --split"):
            write_pairs(Arguments(tmp_path, tmp_path / "out", frames=frames, split=split))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_pair_is_truth_and_detection_of_the_same_body(
    clip: BodyClip, body: BodyModel, tmp_path: Path
) -> None:
    try:
        asset = assets.resolve_pose_landmarker()
    except AppError as error:
        pytest.skip(str(error))
    arrays = one_pair(np.random.default_rng(7), clip, slice(0, FRAMES), body, asset)
    np.savez(tmp_path / "pair.npz", **arrays)  # type: ignore[arg-type]
    (pair,) = read_pairs(tmp_path)
    keypoints = body.keypoints(arrays["rotations"])
    np.testing.assert_allclose(pair.truth_m, keypoints - keypoints[:, :1], atol=1e-4)
    assert pair.observed.mean() > 0.8
    off = np.linalg.norm(pair.across_m[pair.observed], axis=-1)
    assert np.median(off) < 0.08, "the picture shows the body where the truth has it"
    assert (arrays["wrist_m"][:, 2] > 1.5).all()


@pytest.mark.parametrize("command", [body_corpus.main, body_pairs.main])
def test_a_directory_without_motions_gets_one_sentence(
    command: Callable[[list[str]], int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert command([str(tmp_path / "nothere"), str(tmp_path / "out")]) == 1
    assert "error: there are no *.bvh files in" in caplog.text
    assert not (tmp_path / "out").exists()
