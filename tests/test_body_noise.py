"""Bodies before cameras, what is made of them by noise, and how that noise is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import body_noise
from models.body_canonical import body_bone_lengths
from models.body_keypoints import MIRRORED_KEYPOINTS
from models.body_model import BodyModel
from models.body_noise import (
    CameraPlace,
    MeasuredErrors,
    PaperBodyNoise,
    PoseDetectorNoise,
    seen_by_a_camera,
    smooth_noise,
)
from models.body_noise_fit import Pair, fit, read_pairs, swapped_sides
from models.errors import ModelError
from models.metrics import mpjpe
from models.noise import GapConfig, Truth, project
from models.rotations import matrix_from_axis_angle

B, T = 24, 48


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


@pytest.fixture(scope="module")
def world(body: BodyModel) -> Truth:
    """Windows of waving bodies that walk along x, y up."""
    t = np.arange(T)[None, :, None, None] / 30.0
    size = np.random.default_rng(0).normal(0.0, 0.3, (B, 1, 24, 3))
    rotations = matrix_from_axis_angle(size * np.sin(2.0 * t))
    keypoints = body.keypoints(rotations)
    hip = np.tile([0.0, 0.9, 0.0], (B, T, 1))
    hip[..., 0] = 0.3 * t[:, :, 0, 0]
    arrays = (rotations, keypoints - keypoints[..., :1, :], hip)
    return Truth(*(torch.tensor(a, dtype=torch.float32) for a in arrays))


@pytest.fixture(scope="module")
def truth(world: Truth) -> Truth:
    return seen_by_a_camera(world, CameraPlace(), dice())


# --- cameras ------------------------------------------------------------------------------------------------


def test_cameras_change_where_bodies_are_and_not_what_they_do(
    world: Truth, truth: Truth, body: BodyModel
) -> None:
    lengths = [body_bone_lengths(t.keypoints_m.numpy()) for t in (world, truth)]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=1e-5)
    torch.testing.assert_close(truth.rotations[:, :, 1:], world.rotations[:, :, 1:])
    turned = body.keypoints(truth.rotations.numpy())
    np.testing.assert_allclose(turned - turned[..., :1, :], truth.keypoints_m.numpy(), atol=1e-4)
    steps = torch.linalg.vector_norm(truth.wrist_m[:, -1] - truth.wrist_m[:, 0], dim=-1)
    torch.testing.assert_close(steps, torch.full((B,), 0.3 * (T - 1) / 30.0), atol=1e-3, rtol=0.0)


def test_bodies_stand_upright_before_the_camera_and_face_every_way(truth: Truth) -> None:
    place = CameraPlace()
    assert (truth.wrist_m[:, 0, 2] >= place.distance_m[0] - 1e-3).all()
    assert (truth.wrist_m[:, 0, 2] <= place.distance_m[1] + 1e-3).all()
    assert truth.keypoints_m[:, 0, 10, 1].mean() < -0.5, "heads are up, which is −y"
    facing = truth.rotations[:, 0, 0, 2, 2]
    assert (facing < -0.5).any()
    assert (facing > 0.5).any()


def test_nobody_walks_through_the_camera(world: Truth) -> None:
    fast = replace(world, wrist_m=world.wrist_m * torch.tensor([20.0, 1.0, 1.0]))  # 9 m, towards some cameras
    place = CameraPlace()
    seen = seen_by_a_camera(fast, place, dice())
    assert (seen.wrist_m[..., 2] >= place.nearest_m - 1e-3).all()
    steps = torch.linalg.vector_norm(seen.wrist_m.diff(dim=1), dim=-1)
    torch.testing.assert_close(steps, torch.linalg.vector_norm(fast.wrist_m.diff(dim=1), dim=-1))


# --- noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [PaperBodyNoise(), PoseDetectorNoise()])
def test_what_is_seen_is_complete_finite_and_the_same_for_the_same_dice(
    truth: Truth, noise: PaperBodyNoise | PoseDetectorNoise
) -> None:
    seen, again, other = noise(truth, 40, dice(1)), noise(truth, 40, dice(1)), noise(truth, 40, dice(2))
    assert seen.keypoints_m.shape == seen.image_m.shape == (B, 40, 17, 3)
    assert seen.rays.shape == (B, 40, 17, 2)
    assert seen.visibility.shape == (B, 40, 17)
    assert seen.observed.shape == seen.score.shape == seen.offset.shape == (B, 40)
    for name in ("keypoints_m", "rays", "visibility"):
        assert torch.isfinite(getattr(seen, name)).all()
        torch.testing.assert_close(getattr(seen, name), getattr(again, name))
    assert not torch.equal(seen.keypoints_m, other.keypoints_m)
    assert seen.keypoints_m[:, :, 0].abs().max() == 0.0
    assert (seen.visibility >= 0).all()
    assert (seen.visibility <= 1).all()
    assert seen.observed.any(1).all()


def test_without_errors_the_truth_is_seen(truth: Truth) -> None:
    still = replace(
        MeasuredErrors.load(),
        stretch_mean=np.zeros(16),
        lag_frames=np.zeros(2),
        **{name: np.array(0.0) for name in ("turned_rate", "swap_rate", "miss_rate")},
    )
    seen = PoseDetectorNoise(scale=0.0, errors=still)(truth, T, dice())
    torch.testing.assert_close(seen.keypoints_m, truth.keypoints_m, atol=1e-5, rtol=0.0)
    rays = project(truth.keypoints_m + truth.wrist_m[:, :, None])
    torch.testing.assert_close(seen.rays, rays, atol=1e-5, rtol=0.0)
    assert seen.observed.all()


def test_measured_noise_is_as_large_as_measured_and_worse_in_depth(truth: Truth) -> None:
    """MediaPipe on drawn bodies: MPJPE 127 mm, depth 1.8 times as wrong as each other axis."""
    seen = PoseDetectorNoise()(truth, T, dice(3))
    o = seen.observed.numpy()
    said, true = seen.keypoints_m.double().numpy()[o], truth.keypoints_m.double().numpy()[o]
    assert 0.09 < mpjpe(said, true).mean() < 0.18
    error = np.abs(said - true).mean(axis=(0, 1))
    assert error[2] > 1.2 * error[:2].mean()
    assert 0.85 < o.mean() < 1.0


def test_errors_last(truth: Truth) -> None:
    seen = PoseDetectorNoise()(truth, T, dice(4))
    error = (seen.keypoints_m - truth.keypoints_m).flatten(2)
    step = (error[:, 1:] - error[:, :-1]).square().mean().sqrt()
    assert step < 0.4 * error.square().mean().sqrt()


def test_sides_get_swapped_when_they_do(truth: Truth) -> None:
    always = replace(
        MeasuredErrors.load(),
        swap_rate=np.array(1.0),
        swap_frames=np.array(1e6),
        turned_rate=np.array(0.0),
        miss_rate=np.array(0.0),
    )
    seen = PoseDetectorNoise(scale=0.0, errors=always)(truth, T, dice())
    there, back = seen.keypoints_m.numpy(), truth.keypoints_m.numpy()
    assert (mpjpe(there[:, 1:], back[:, 1:, MIRRORED_KEYPOINTS]) < mpjpe(there[:, 1:], back[:, 1:])).all()


def test_masks_and_random_poses_of_hands_work_on_bodies(truth: Truth) -> None:
    seen = GapConfig()(PaperBodyNoise()(truth, T, dice()), dice(5))
    assert 0.2 < seen.observed.float().mean() < 0.95
    assert seen.observed.any(1).all()


def test_random_joints_are_another_windows(truth: Truth) -> None:
    noise = PaperBodyNoise(joint_std_m=0.0, ray_std=0.0, random_joint_rate=0.2)
    moved = torch.linalg.vector_norm(noise(truth, T, dice()).keypoints_m - truth.keypoints_m, dim=-1) > 0.01
    assert 0.1 < moved[:, :, 1:].float().mean() < 0.45


def test_smooth_noise_has_unit_variance_and_no_corners() -> None:
    noise = smooth_noise(torch.randn(200, 300, 4, generator=dice()), 8.0)[:, 60:]
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    bend = (noise[:, 2:] - 2.0 * noise[:, 1:-1] + noise[:, :-2]).std()
    assert bend < 0.25


def test_a_missing_file_of_errors_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_noise, "NOISE_ASSET", tmp_path / "absent.npz")
    with pytest.raises(ModelError, match=r"absent\.npz"):
        MeasuredErrors.load()


# --- measured -----------------------------------------------------------------------------------------------


def made_pairs(truth: Truth, errors: MeasuredErrors, seed: int) -> list[Pair]:
    seen = PoseDetectorNoise(spread=0.0, errors=errors)(truth, T, dice(seed))
    rays = project(truth.keypoints_m + truth.wrist_m[:, :, None])
    across = (seen.rays - rays) * truth.wrist_m[:, :, None, 2:]
    points = (c.double().numpy() for c in (truth.keypoints_m, seen.keypoints_m, across))
    rows = zip(*points, seen.observed.numpy(), seen.visibility.double().numpy(), strict=True)
    return [Pair(*row) for row in rows]


def test_a_fit_finds_the_errors_that_were_made(truth: Truth) -> None:
    def plain(std_m: float) -> np.ndarray:
        off = np.full(85, std_m)
        off[:3] = 0.0  # the hip is the origin
        return np.diag(off)

    made = replace(
        MeasuredErrors.load(),
        turn_bias=np.diag([0.1, 0.2, 0.05]),
        turn_drift=np.diag([0.05, 0.1, 0.02]),
        stretch_mean=np.full(16, -0.1),
        stretch_factor=np.zeros((16, 16)),
        joint_bias=plain(0.03),
        joint_drift=plain(0.02),
        joint_frame_m=np.full(85, 0.002),
        lag_frames=np.array([1.0, 0.0]),
        **{name: np.array(0.0) for name in ("turned_rate", "swap_rate", "miss_rate")},
    )
    found = fit(made_pairs(truth, made, 0))
    turn, joint = (np.sqrt(np.diag(m @ m.T)) for m in (found.turn_bias, found.joint_bias))
    np.testing.assert_allclose(turn, [0.1, 0.2, 0.05], rtol=0.5, atol=0.02)
    assert 0.015 < np.median(joint[3:51]) < 0.045, "the mean of a short clip's drift adds to it"
    assert found.stretch_mean.mean() == pytest.approx(-0.1, abs=0.04)
    assert found.lag_frames[0] == pytest.approx(1.0, abs=0.6)
    assert np.median(joint[51:]) == pytest.approx(0.03, rel=0.4), "in the picture"
    assert 0.001 < np.median(found.joint_frame_m[3:]) < 0.004
    assert found.swap_rate == found.miss_rate == 0.0


def test_swapped_sides_are_told_from_bad_detections(truth: Truth) -> None:
    true = truth.keypoints_m[0].double().numpy()
    seen = true + 0.02
    seen[10:15] = true[10:15][:, MIRRORED_KEYPOINTS]
    seen[20] += 0.3
    pair = Pair(true, seen, np.zeros((T, 17, 2)), np.ones(T, bool), np.ones((T, 17)))
    np.testing.assert_array_equal(np.flatnonzero(swapped_sides(pair)), np.arange(10, 15))


def test_directories_without_pairs_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="body_pairs"):
        read_pairs(tmp_path)


def test_turns_of_the_measured_noise_are_about_the_vertical_most() -> None:
    errors = MeasuredErrors.load()
    pitch, yaw, roll = np.sqrt(np.diag(errors.turn_bias @ errors.turn_bias.T))
    assert yaw > pitch > roll
