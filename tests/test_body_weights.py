"""The body network that ships does what it is for, on motion with a detector's errors."""

from __future__ import annotations

import functools

import numpy as np
import torch

from app.body_window import BodyObservationWindow
from models.body_clips import humanoid_directory, read_body_clips
from models.body_noise import CameraPlace, PoseDetectorNoise, seen_by_a_camera
from models.body_observation import BodyObservation
from models.body_temporal import load_body_temporal
from models.body_trajectory import BodyTrajectory
from models.camera import Camera
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.noise import BodySeen, Truth
from models.window import SLOT_PERIOD_NS

CAMERA = Camera.assumed((640, 480))
CLIPS = ("dance_b", "jump", "kick", "punch", "walk")
CAMERAS = 3
Seen = tuple[np.ndarray, tuple[BodyObservation, ...]]


@functools.cache
def seen() -> tuple[Seen, ...]:
    """Of PyBullet's clips before cameras: true keypoints (N,17,3) and what a detector said of them."""
    directory = humanoid_directory()
    assert directory is not None
    rng = torch.Generator().manual_seed(0)
    parts = []
    for clip in read_body_clips(None, None, directory, mirror=False):
        if clip.name.removeprefix("humanoid3d_") not in CLIPS:
            continue
        motion = (clip.rotations, clip.keypoints_m, clip.hip_m)
        world = Truth(*(torch.from_numpy(values).expand(CAMERAS, *values.shape) for values in motion))
        truth = seen_by_a_camera(world, CameraPlace(), rng)
        told = PoseDetectorNoise()(truth, len(clip), rng)
        parts += [(truth.keypoints_m[i].double().numpy(), observations(told, i)) for i in range(CAMERAS)]
    assert len(parts) == CAMERAS * len(CLIPS)
    return tuple(parts)


def observations(told: BodySeen, i: int) -> tuple[BodyObservation, ...]:
    """What the detector said of window i, frame by frame."""
    pixels = told.rays[i].double().numpy() * CAMERA.focal_px + np.asarray(CAMERA.centre_px)
    return tuple(
        BodyObservation(
            t_capture_ns=t * SLOT_PERIOD_NS,
            detected=True,
            keypoints_m=told.keypoints_m[i, t].double().numpy(),
            keypoints_px=pixels[t],
            score=told.visibility[i, t].double().numpy(),
            image_size_px=(640, 480),
        )
        if bool(told.observed[i, t])
        else BodyObservation.missing(t * SLOT_PERIOD_NS, (640, 480))
        for t in range(told.observed.shape[1])
    )


def followed(observations: tuple[BodyObservation, ...]) -> list[BodyTrajectory]:
    stage, window = load_body_temporal("posebert"), BodyObservationWindow(CAMERA)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    stage.close()
    return trajectories


@functools.cache
def seen_and_followed() -> tuple[tuple[np.ndarray, tuple[BodyObservation, ...], list[BodyTrajectory]], ...]:
    """The same, with what the stage says after each frame."""
    return tuple((truth, told, followed(told)) for truth, told in seen())


def nearest(observations: tuple[BodyObservation, ...]) -> np.ndarray:
    """(N,17,3) each frame's detection, or the nearest one's."""
    (found,) = np.nonzero([observation.detected for observation in observations])
    at = found[np.abs(np.arange(len(observations))[:, None] - found).argmin(1)]
    return np.array([observations[i].keypoints_m for i in at])


def test_it_is_nearer_the_truth_and_calmer_than_the_detections():
    ours, theirs, spoken = [], [], []
    for truth, told, trajectories in seen_and_followed():
        estimate = np.array([trajectory.keypoints_m[0] for trajectory in trajectories])
        spoke = np.isfinite(estimate).all((1, 2))
        spoken.append(spoke)
        truth, estimate, raw = truth[spoke], estimate[spoke], nearest(told)[spoke]
        for errors, said in ((ours, estimate), (theirs, raw)):
            errors.append([error(said, truth).mean() for error in (mpjpe, pa_mpjpe, accel_error)])
    assert np.concatenate(spoken).mean() > 0.9
    shares = np.mean(ours, axis=0) / np.mean(theirs, axis=0)
    assert shares[0] < 0.85
    assert shares[1] < 0.9
    assert shares[2] < 0.5


def test_rotations_are_rotations_and_bones_keep_their_lengths():
    for trajectory in seen_and_followed()[0][2][20:50:10]:
        R = trajectory.rotations
        np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-6)
        thigh_m = np.linalg.norm(trajectory.keypoints_m[:, 2] - trajectory.keypoints_m[:, 1], axis=-1)
        np.testing.assert_allclose(thigh_m, thigh_m[0], rtol=1e-6)


def test_a_gap_of_ten_frames_is_bridged_better_than_by_the_last_detection():
    gap = slice(20, 30)
    errors = []
    for truth, told in seen():
        holed = list(told[: gap.stop])
        holed[gap] = [BodyObservation.missing(o.t_capture_ns, o.image_size_px) for o in told[gap]]
        estimate = np.array([trajectory.keypoints_m[0] for trajectory in followed(tuple(holed))[gap]])
        if np.isfinite(estimate).all():  # who was hardly seen before is lost
            held = np.broadcast_to(nearest(tuple(holed[: gap.start]))[-1], estimate.shape)
            errors.append([mpjpe(said, truth[gap]).mean() for said in (estimate, held)])
    assert len(errors) > 10
    ours, theirs = np.mean(errors, axis=0)
    assert ours < theirs


def test_the_next_third_of_a_second_is_foreseen_better_than_by_standing_still():
    errors = []
    for truth, _, trajectories in seen_and_followed():
        for i, trajectory in enumerate(trajectories[: len(truth) - 10]):
            if i >= 15 and trajectory.source_state == "tracking":
                came = truth[i + 10 : i + 11]
                errors.append([mpjpe(trajectory.keypoints_m[k : k + 1], came)[0] for k in (10, 0)])
    foreseen, still = np.mean(errors, axis=0)
    assert foreseen < still
