"""Generated motion: within the joints' ranges, smooth, in view, with real contact, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest

from models.hand_model import HandModel
from models.keypoints import FINGERTIPS
from models.motion.bank import PoseBank
from models.motion.collision import collides
from models.motion.fitting import wide_limits
from models.motion.generator import FPS, MotionBatch, MotionGenerator
from models.motion.poses import KINDS, Mix, PoseSampler
from models.motion.timing import Schedule, minimum_jerk, smooth_noise, smoothed, travel
from models.motion.vocabulary import FOUR


def only(kind: str) -> Mix:
    return Mix(**{name: float(name == kind) for name in KINDS})


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel.load("adult_large")


@pytest.fixture(scope="module")
def generator(model: HandModel) -> MotionGenerator:
    return MotionGenerator(model)


@pytest.fixture(scope="module")
def batch(generator: MotionGenerator) -> MotionBatch:
    return generator.batch(np.random.default_rng(3), 48, 120)


@pytest.fixture(scope="module")
def bank(model: HandModel) -> PoseBank:
    """Two seconds in which only the index finger moves."""
    angles = np.zeros((60, 15, 3)) + model.rest_angles_rad
    angles[:, 0, 0] = np.linspace(0.0, 1.2, 60)
    turn = np.broadcast_to(np.eye(3), (60, 3, 3))
    zeros = np.zeros(60, int)
    return PoseBank(angles, turn, zeros, zeros, np.ones(60, bool))


def test_same_seed_gives_the_same_motion(model: HandModel, batch: MotionBatch) -> None:
    again = MotionGenerator(model).batch(np.random.default_rng(3), 48, 120)
    assert np.array_equal(again.rotations, batch.rotations)
    assert np.array_equal(again.wrist_m, batch.wrist_m)
    assert again.cameras == batch.cameras


def test_keypoints_are_those_of_the_rotations(model: HandModel, batch: MotionBatch) -> None:
    expected = model.keypoints(batch.rotations[:4].astype(float))
    assert np.abs(batch.keypoints_m[:4] - expected).max() < 1e-5


def test_angles_stay_within_the_wide_limits(model: HandModel, batch: MotionBatch) -> None:
    angles = model.angles_of_rotations(batch.rotations.astype(float))
    limits = wide_limits(model)
    assert (angles >= limits[..., 0] - 1e-3).all()
    assert (angles <= limits[..., 1] + 1e-3).all()


def test_motion_is_smooth_and_ranges_from_still_to_fast(batch: MotionBatch) -> None:
    tips = batch.keypoints_m[:, :, list(FINGERTIPS)] - batch.keypoints_m[:, :, :1]
    step_m = np.linalg.norm(np.diff(tips, axis=1), axis=-1)
    peak_m_s = step_m.max(axis=(1, 2)) * FPS
    assert peak_m_s.min() < 0.15
    assert 0.8 < peak_m_s.max() < 6.0
    second_m = np.linalg.norm(np.diff(tips, n=2, axis=1), axis=-1)
    assert second_m.max() < 0.12  # m/frame²: a flick of the wrist, no jump
    assert np.percentile(second_m, 99.5) < 0.05


def test_hands_are_mostly_in_view(batch: MotionBatch) -> None:
    points = batch.keypoints_m + batch.wrist_m[:, :, None]
    assert points[..., 2].min() > 0.05
    shares = []
    for camera, clip in zip(batch.cameras, points, strict=True):
        pixels = camera.project(clip)
        shares.append(((pixels >= 0) & (pixels <= camera.size_px)).all(axis=-1).mean())
    assert 0.85 < np.mean(shares) < 0.999  # some leave: real hands do


def test_scale_scales_the_hand(generator: MotionGenerator) -> None:
    one = generator.batch(np.random.default_rng(5), 2, 20)
    two = generator.batch(np.random.default_rng(5), 2, 20, scale=1.1)
    assert np.allclose(two.keypoints_m, 1.1 * one.keypoints_m, atol=1e-6)


def test_cameras_must_match_the_clips(generator: MotionGenerator) -> None:
    with pytest.raises(ValueError, match="cameras"):
        generator.batch(np.random.default_rng(0), 2, 20, cameras=())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "real"])
def test_poses_of_every_kind_are_possible(model: HandModel, kind: str) -> None:
    angles, kinds = PoseSampler(model, None, only(kind)).sample(np.random.default_rng(0), 400)
    limits = wide_limits(model)
    assert (kinds == KINDS.index(kind)).all()
    assert (angles >= limits[..., 0] - 1e-9).all()
    assert (angles <= limits[..., 1] + 1e-9).all()
    assert collides(angles, model).mean() < 0.05


def test_pinches_touch_with_every_finger(model: HandModel) -> None:
    angles, _ = PoseSampler(model, None, only("pinch")).sample(np.random.default_rng(0), 200)
    keypoints = model.keypoints(model.rotations_of_angles(angles))
    gaps = np.linalg.norm(keypoints[:, list(FINGERTIPS[1:])] - keypoints[:, 4:5], axis=-1)
    assert np.percentile(gaps.min(axis=1), 95) < 3e-3
    assert set(gaps.argmin(axis=1)) == set(range(len(FOUR)))


def test_fingers_are_less_correlated_than_in_a_fist(model: HandModel) -> None:
    angles, _ = PoseSampler(model).sample(np.random.default_rng(0), 3000)
    flexion = np.degrees(angles[..., 0])
    between = np.corrcoef(flexion[:, [0, 3, 9, 6]].T)
    assert between[0, 3] < 0.7
    assert np.percentile(flexion[:, :12:3], 2) < -15.0  # bent back
    assert np.percentile(flexion[:, 1:12:3], 98) > 95.0  # fully curled


def test_bank_poses_and_motion_appear(model: HandModel, bank: PoseBank) -> None:
    angles, _ = PoseSampler(model, bank, only("real")).sample(np.random.default_rng(0), 100)
    others = np.delete(angles, 0, axis=1)
    assert np.degrees(np.abs(others - np.delete(bank.angles_rad[:1], 0, axis=1))).mean() < 2.0
    rng = np.random.default_rng(1)
    with_bank = MotionGenerator(model, bank).batch(rng, 40, 60)
    assert np.isfinite(with_bank.keypoints_m).all()


def test_impossible_poses_are_recognised(model: HandModel) -> None:
    fine = np.zeros((1, 15, 3)) + model.rest_angles_rad
    crossed = fine.copy()
    crossed[0, 0, 1], crossed[0, 3, 1] = np.radians(20.0), np.radians(-20.0)  # index into middle
    assert list(collides(np.concatenate([fine, crossed]), model)) == [False, True]


def test_moves_start_and_end_at_rest() -> None:
    share = minimum_jerk(np.linspace(0.0, 1.0, 101))
    assert share[0] == 0.0
    assert share[-1] == 1.0
    assert np.abs(np.diff(share)[[0, -1]]).max() < 1e-4
    assert (np.diff(share) >= 0.0).all()


def test_schedule_holds_and_passes_every_keyframe_in_order() -> None:
    schedule = Schedule.random(
        np.random.default_rng(0), np.array([0.2, 1.0, 30.0]), np.array([0.2, 0.0, 1.0]), 4.0
    )
    t = np.broadcast_to(np.arange(0.0, 4.0, 0.01), (3, 400))
    k, share = schedule.place(t)
    assert (np.diff(k, axis=1) >= 0).all()
    assert k.max() < schedule.count
    keyframes = np.random.default_rng(1).normal(size=(3, schedule.count, 2))
    assert np.abs(np.diff(travel(keyframes, k, share), axis=1)).max() < 0.7
    assert k[0, -1] > k[1, -1]


def test_noise_has_its_amplitude_and_bandwidth() -> None:
    amplitude, cutoff_hz = np.array([0.1, 1.0]), np.array([0.5, 5.0])
    noise = smooth_noise(np.random.default_rng(0), 3000, 20, amplitude, cutoff_hz, FPS)
    assert noise.std(axis=(1, 2)) == pytest.approx(amplitude, rel=0.15)
    speed = np.diff(noise, axis=1).std(axis=(1, 2)) / noise.std(axis=(1, 2))
    assert speed[1] > 5.0 * speed[0]


def test_smoothing_keeps_constants_and_leaves_what_it_should() -> None:
    values = np.random.default_rng(0).normal(size=(2, 50, 3))
    blurred = smoothed(values, np.array([0.0, 3.0]))
    assert np.allclose(blurred[0], values[0])
    assert blurred[1].std() < 0.6 * values[1].std()
    assert np.allclose(smoothed(np.ones((1, 50, 1)), np.array([4.0])), 1.0)
