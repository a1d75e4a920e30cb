"""The noise model against the detector it was fitted to: here one whose habits are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.hand_model import HandModel
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.motion.detector_features import Errors, view_of
from models.motion.detector_fit import estimated_lag, fit_noise
from models.motion.detector_noise import FittedNoise, ages, delayed
from models.motion.detector_pairs import Pairs
from models.motion.generator import MotionGenerator
from models.rotations import matrix_from_axis_angle

FRAMES, CLIPS = 150, 24


def camera_arrays(clips: list[Pairs]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centre, size = (
        np.array([getattr(clip, name) for clip in clips], float) for name in ("centre_px", "size_px")
    )
    return np.array([clip.focal_px for clip in clips]), centre, size


def toy_detector(truth: Pairs, rng: np.random.Generator, lag_frames: float = 0.6) -> Pairs:
    """Late, too small, tips drawn outward, slow wander, a little jitter, lost in bursts when edge-on."""
    view = truth.view(lag_frames)
    count = len(truth.keypoints_m)
    wander = np.zeros((count, 64))
    for i in range(1, count):
        wander[i] = 0.9 * wander[i - 1] + np.sqrt(1.0 - 0.9**2) * rng.standard_normal(64)
    said = view.keypoints_m[0] * 0.88
    said = said + 0.003 * wander[:, :63].reshape(count, 21, 3) + 0.0008 * rng.standard_normal((count, 21, 3))
    said[:, [8, 12, 16, 20]] += 0.006 * view.frame[0, :, None, :, 1]
    turn = matrix_from_axis_angle(np.array([0.12, 0.0, 0.0]) + 0.05 * wander[:, 61:])
    said = (said - said[:, :1]) @ np.swapaxes(turn, 1, 2)
    pixels = view.keypoints_px[0] + 0.02 * view.size_px[0][:, None, None] * wander[:, :42].reshape(
        count, 21, 2
    )
    # The second opinion is too flat, and errs in depth as the first does.
    in_depth = 0.015 * wander[:, :63].reshape(count, 21, 3)[..., 2]
    depth_px = 0.7 * view.depth_px[0] + view.size_px[0][:, None] * (in_depth - in_depth[:, :1])
    seen = np.zeros(count, bool)
    state = True
    for i in range(count):
        edge_on = abs(view.frame[0, i, 2, 2]) < 0.35
        state = rng.random() > (0.10 if edge_on else 0.01) if state else bool(rng.random() < 0.12)
        seen[i] = state
    said[~seen], pixels[~seen], depth_px[~seen] = np.nan, np.nan, np.nan
    return replace(
        truth,
        observed=seen,
        observed_m=said,
        observed_px=pixels,
        observed_depth_px=depth_px,
        score=np.where(seen, 0.9, 0.0),
    )


@pytest.fixture(scope="module")
def truths() -> list[Pairs]:
    batch = MotionGenerator(HandModel.load()).batch(np.random.default_rng(0), CLIPS, FRAMES)
    nothing = np.zeros(FRAMES)
    return [
        Pairs(
            batch.keypoints_m[i], batch.wrist_m[i], nothing.astype(bool), nothing, nothing, nothing, nothing,
            camera.focal_px, np.array(camera.centre_px), np.array(camera.size_px),
        )
        for i, camera in enumerate(batch.cameras)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(truths: list[Pairs]) -> list[Pairs]:
    rng = np.random.default_rng(1)
    return [toy_detector(truth, rng) for truth in truths]


@pytest.fixture(scope="module")
def noise(corpus: list[Pairs]) -> FittedNoise:
    return fit_noise(corpus)


@pytest.fixture(scope="module")
def sampled(noise: FittedNoise, corpus: list[Pairs]) -> list[Pairs]:
    keypoints_m = np.stack([clip.keypoints_m for clip in corpus])
    wrist_m = np.stack([clip.wrist_m for clip in corpus])
    made = noise.sample(np.random.default_rng(2), keypoints_m, wrist_m, *camera_arrays(corpus))
    return [
        replace(
            clip,
            observed=made.observed[i],
            observed_m=made.observed_m[i].astype(float),
            observed_px=made.observed_px[i],
            observed_depth_px=made.observed_depth_px[i],
            score=made.score[i],
        )
        for i, clip in enumerate(corpus)
    ]


def mean_mm(clips: list[Pairs], measure: object) -> float:
    values = [measure(c.observed_m[c.observed], c.keypoints_m[c.observed].astype(float)) for c in clips]  # type: ignore[operator]
    return 1e3 * float(np.concatenate(values).mean())


def gap_frames(clips: list[Pairs]) -> float:
    lost = np.concatenate([np.append(~clip.observed, False) for clip in clips]).astype(int)
    return lost.sum() / max(1, (np.diff(lost, prepend=0) == 1).sum())


def test_errors_come_apart_and_together_again(corpus: list[Pairs]) -> None:
    clip = corpus[0]
    view = clip.seen_view(0.0)
    seen = clip.observed
    again_m, again_px, again_depth_px = Errors.from_stacked(clip.errors(0.0)).applied(view)
    assert np.abs(again_m - clip.observed_m[seen]).max() < 1e-9
    assert np.abs(again_px - clip.observed_px[seen]).max() < 1e-6
    assert np.abs(again_depth_px - clip.observed_depth_px[seen]).max() < 1e-6


def test_depth_in_the_picture_is_what_weak_perspective_makes_of_it() -> None:
    hand_m = np.zeros((1, 2, 21, 3))
    hand_m[..., 1:, :2] = np.random.default_rng(0).normal(0.0, 0.05, (20, 2))
    hand_m[..., 8, 2] = 0.03
    camera = np.array([600.0]), np.array([[320.0, 240.0]]), np.array([[640.0, 480.0]])
    view = view_of(hand_m, np.tile([0.0, 0.0, 0.5], (1, 2, 1)), *camera)
    assert view.depth_px[0, :, 8] == pytest.approx(36.0)
    assert view.depth_px[0, :, 4] == pytest.approx(0.0)


def test_states_age() -> None:
    states = np.array([True, True, False, False, False, True])
    assert ages(states).tolist() == [30, 31, 1, 2, 3, 1]


def test_lag_is_found(corpus: list[Pairs]) -> None:
    assert estimated_lag(corpus) == pytest.approx(0.6, abs=0.25)


def test_samples_err_as_much_as_the_detector(corpus: list[Pairs], sampled: list[Pairs]) -> None:
    for measure in (mpjpe, pa_mpjpe):
        assert mean_mm(sampled, measure) == pytest.approx(mean_mm(corpus, measure), rel=0.2)


def test_samples_jitter_as_much_as_the_detector(corpus: list[Pairs], sampled: list[Pairs]) -> None:
    def accel_mm(clips: list[Pairs]) -> float:
        values = np.concatenate([accel_error(c.observed_m, c.keypoints_m.astype(float)) for c in clips])
        return 1e3 * float(np.nanmedian(values))

    assert accel_mm(sampled) == pytest.approx(accel_mm(corpus), rel=0.3)


def test_samples_have_the_detector_s_bias(corpus: list[Pairs], sampled: list[Pairs]) -> None:
    def size(clips: list[Pairs]) -> float:
        lengths = [
            np.linalg.norm(c.observed_m[c.observed, 9], axis=1)
            / np.linalg.norm(c.keypoints_m[c.observed, 9], axis=1)
            for c in clips
        ]
        return float(np.concatenate(lengths).mean())

    assert size(sampled) == pytest.approx(size(corpus), abs=0.03)


def depth_errors(clips: list[Pairs]) -> tuple[np.ndarray, np.ndarray]:
    """Of the first opinion, hand axes left aside, and of the second, both flattened."""
    first, second = [], []
    for clip in clips:
        view, seen = clip.seen_view(0.6), clip.observed
        apart = Errors.from_stacked(clip.errors(0.6))
        bent = apart.shape_m @ np.swapaxes(view.frame, 1, 2)
        first.append(bent[:, 1:, 2] - bent[:, :1, 2])
        said = clip.observed_depth_px[seen] / view.size_px[:, None]
        second.append((said - 0.7 * view.depth_px / view.size_px[:, None])[:, 1:])
    return np.concatenate(first).ravel(), np.concatenate(second).ravel()


def test_second_opinion_errs_as_the_detector_s(corpus: list[Pairs], sampled: list[Pairs]) -> None:
    (first, second), (first_made, second_made) = depth_errors(corpus), depth_errors(sampled)
    assert abs(second_made.mean()) < 0.01  # as flat
    assert second_made.std() == pytest.approx(second.std(), rel=0.2)
    shared, shared_made = np.corrcoef(first, second)[0, 1], np.corrcoef(first_made, second_made)[0, 1]
    assert shared > 0.4
    assert shared_made == pytest.approx(shared, abs=0.2)


def test_samples_are_lost_as_often_and_as_long(corpus: list[Pairs], sampled: list[Pairs]) -> None:
    def rate(clips: list[Pairs]) -> float:
        return float(np.mean([clip.observed.mean() for clip in clips]))

    assert rate(sampled) == pytest.approx(rate(corpus), abs=0.1)
    assert gap_frames(sampled) == pytest.approx(gap_frames(corpus), rel=0.5)


def test_edge_on_hands_are_lost_more_often(sampled: list[Pairs]) -> None:
    edge_on, seen = [], []
    for clip in sampled:
        view = clip.view(0.0)
        edge_on.append(np.abs(view.frame[0, :, 2, 2]) < 0.35)
        seen.append(clip.observed)
    edge, found = np.concatenate(edge_on), np.concatenate(seen)
    assert found[~edge].mean() > found[edge].mean() + 0.05


def test_unobserved_frames_hold_nothing(sampled: list[Pairs]) -> None:
    for clip in sampled:
        assert np.isnan(clip.observed_m[~clip.observed]).all()
        assert np.isfinite(clip.observed_m[clip.observed]).all()
        assert (clip.score[~clip.observed] == 0.0).all()
        assert np.isnan(clip.observed_depth_px[~clip.observed]).all()
        assert np.isfinite(clip.observed_depth_px[clip.observed]).all()
        assert np.abs(clip.observed_m[clip.observed][:, 0]).max() < 1e-7
        assert np.abs(clip.observed_depth_px[clip.observed][:, 0]).max() < 1e-7


def test_wrong_beliefs_are_learnt_and_repeated(truths: list[Pairs], corpus: list[Pairs]) -> None:
    """A detector that now and then takes the back of the hand for the palm."""
    half_turn = matrix_from_axis_angle(np.array([0.0, np.pi, 0.0]))
    flipping = []
    for clip in corpus:
        said = clip.observed_m.copy()
        said[40:60] = said[40:60] @ half_turn.T
        flipping.append(replace(clip, observed_m=said))
    made = fit_noise(flipping)
    assert len(made.beliefs) > 100
    keypoints_m = np.stack([clip.keypoints_m for clip in corpus])
    wrist_m = np.stack([clip.wrist_m for clip in corpus])
    out = made.sample(np.random.default_rng(0), keypoints_m, wrist_m, *camera_arrays(corpus))
    kinds = {getattr(out, name).dtype for name in vars(out)}
    assert kinds == {np.dtype(bool), np.dtype(np.float32)}
    view = view_of(keypoints_m, wrist_m, *camera_arrays(corpus))
    error = np.linalg.norm(out.observed_m[..., 9, :] - view.keypoints_m[..., 9, :], axis=-1)[out.observed]
    assert 0.03 < (error > 0.05).mean() < 0.3


def test_noise_survives_its_file(noise: FittedNoise, tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    with path.open("wb") as file:
        noise.save(file)
    loaded = FittedNoise.load(path)
    assert np.allclose(loaded.basis, noise.basis, atol=1e-5)
    assert path.stat().st_size < 3_000_000


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    np.savez(path, nothing=np.zeros(3))
    with pytest.raises(ModelError, match="corpus_noise"):
        FittedNoise.load(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"is damaged or no .*corpus_noise"):
        FittedNoise.load(path)


def test_too_little_footage_is_refused(truths: list[Pairs]) -> None:
    with pytest.raises(ModelError, match="at least"):
        fit_noise(truths)


def test_delay_interpolates() -> None:
    ramp = np.arange(10.0)[None, :, None]
    assert delayed(ramp, 0.25)[0, 3:, 0] == pytest.approx(np.arange(3.0, 10.0) - 0.25)
