"""The network that ships: it loads, knows its limits, and is better than what it is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app.window import ObservationWindow
from models.camera import Camera
from models.errors import ModelError
from models.hand_model import HandModel
from models.metrics import accel_error, pa_mpjpe
from models.motion.generator import MotionGenerator
from models.noise import DetectorNoise, Truth
from models.observation import Observation
from models.temporal import NETWORK_FILE, load_temporal
from models.window import SLOT_PERIOD_NS

MOST_BYTES = 16_000_000
CLIPS, FRAMES = 6, 150
CAMERA = Camera.assumed((640, 480))
ALWAYS = np.ones(FRAMES, dtype=bool)


@pytest.fixture(scope="module")
def filmed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hands in motion and what a detector with rough errors says: truth, metric and image keypoints."""
    cameras = (CAMERA,) * CLIPS
    motion = MotionGenerator(HandModel.load()).batch(np.random.default_rng(3), CLIPS, FRAMES, cameras)
    truth = Truth(*(torch.tensor(x) for x in (motion.rotations, motion.keypoints_m, motion.wrist_m)))
    seen = DetectorNoise(offset_rate=0.0)(truth, FRAMES, torch.Generator().manual_seed(0))
    pixels = seen.rays.numpy() * CAMERA.focal_px + np.array(CAMERA.centre_px)
    return motion.keypoints_m, seen.keypoints_m.numpy(), pixels


def watched(seen_m: np.ndarray, pixels: np.ndarray, observed: np.ndarray = ALWAYS) -> list:
    """What the stage says after each frame of one clip."""
    stage = load_temporal("posebert")
    window = ObservationWindow("right", CAMERA)
    trajectories = []
    for i, there in enumerate(observed):
        t_ns = i * SLOT_PERIOD_NS
        if there:
            window.add(Observation(t_ns, "right", True, seen_m[i], pixels[i], (640, 480), 0.95))
        else:
            window.add(Observation.missing(t_ns, "right", (640, 480)))
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


@pytest.fixture(scope="module")
def followed(filmed) -> list[np.ndarray]:
    """(N,21,3) estimates of each frame's instant, clip by clip, with nothing lost."""
    _, seen_m, pixels = filmed
    return [hands_now(watched(seen_m[c], pixels[c])) for c in range(CLIPS)]


def hands_now(trajectories: list) -> np.ndarray:
    """(N,21,3) estimates of each frame's instant."""
    return np.array([trajectory.keypoints_m[0] for trajectory in trajectories])


def test_the_file_is_small_enough_to_ship():
    assert NETWORK_FILE.stat().st_size <= MOST_BYTES


def test_it_speaks_from_the_first_frame_on_for_half_a_second(filmed):
    truth_m, seen_m, pixels = filmed
    (trajectory,) = watched(seen_m[0], pixels[0], ALWAYS[:1])
    assert trajectory.source_state == "tracking"
    assert np.isfinite(trajectory.keypoints_m).all()
    ahead_s = (trajectory.t_ns - trajectory.t_capture_ns) * 1e-9
    np.testing.assert_allclose(ahead_s, np.arange(16) / 30.0, atol=1e-6)
    assert pa_mpjpe(trajectory.keypoints_m[0], truth_m[0, 0]) < 0.03


def test_it_is_nearer_the_truth_and_calmer_than_the_detections(filmed, followed):
    truth_m, seen_m, _ = filmed
    for error, share in ((pa_mpjpe, 0.95), (accel_error, 0.5)):
        ours, raw = (
            np.mean([error(hands[c], truth_m[c]).mean() for c in range(CLIPS)])
            for hands in (followed, seen_m)
        )
        assert ours < share * raw, error.__name__


def test_a_gap_is_predicted_and_does_not_end_in_a_jump(filmed):
    truth_m, seen_m, pixels = filmed
    observed = ALWAYS[:100].copy()
    observed[80:90] = False
    for c in range(CLIPS):
        trajectories = watched(seen_m[c], pixels[c], observed)
        assert {trajectory.source_state for trajectory in trajectories[80:90]} == {"predicting"}
        steps_m = np.linalg.norm(np.diff(hands_now(trajectories), axis=0), axis=-1).mean(axis=1)
        true_m = np.linalg.norm(np.diff(truth_m[c], axis=0), axis=-1).mean(axis=1)
        assert steps_m[79:98].max() < true_m[79:98].max() + 0.012


def test_half_of_the_frames_will_do(filmed, followed):
    truth_m, seen_m, pixels = filmed
    observed = np.random.default_rng(1).random(FRAMES) < 0.5
    observed[0] = True
    halved = [hands_now(watched(seen_m[c], pixels[c], observed)) for c in range(CLIPS)]
    whole, half = (
        np.mean([pa_mpjpe(hands[c], truth_m[c]).mean() for c in range(CLIPS)]) for hands in (followed, halved)
    )
    assert half < 1.2 * whole


def test_a_missing_network_is_told(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        load_temporal("posebert", tmp_path / "nowhere.onnx")
