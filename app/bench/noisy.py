"""Recorded hand motion with a detector's errors added: the truth is exact, the noise is not real."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from app.bench.sequence import LEAP_GROUP, REST_GROUP, Sequence, observations_of
from app.corpus_bank import default_bank_path
from app.corpus_clip import HELD_OUT_SHARE, SPLIT_SEED, TEST_SHAPES
from app.corpus_noise import default_noise_path
from models.camera import Camera
from models.errors import ModelError
from models.hand_model import HandModel
from models.motion.bank import SOURCES, PoseBank
from models.motion.detector_noise import FittedNoise
from models.rotations import matrix_from_axis_angle
from models.window import SLOT_PERIOD_NS

logger = logging.getLogger(__name__)

LEAST_FRAMES = 45  # fewer are too few to tell a lag by
_REST_FRAMES, _RESTS = 150, 4
_GAUSSIAN_STD_M, _GAUSSIAN_STD_PX, _MISSED = 0.01, 3.0, 0.05
# The Leap looks up from the table, as a camera there would: its y is depth, its z is up in the picture.
_LEAP_TO_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_DISTANCE_M = 0.45
_CAMERA = Camera.assumed((640, 480))


@dataclass(frozen=True)
class NoisyMotion:
    """The sequences of both groups.

    Attributes:
        sequences: of leap motion and of resting hands.
        about: one sentence on the noise they have.
    """

    sequences: list[Sequence]
    about: str


def noisy_motion(seed: int = 0) -> NoisyMotion:
    """Leap motion that training holds out, played on hands that training never sees, and hands at rest."""
    path = default_bank_path()
    if not path.is_file():
        logger.warning(
            "no bank of recorded motion at %s: leap motion is left out; make it with: "
            "python -m app.corpus_bank --data DIR",
            path,
        )
        return NoisyMotion([], "left out: there is no bank of recorded motion")
    _, held_out = PoseBank.load(path).split(HELD_OUT_SHARE, SPLIT_SEED)
    hands = [HandModel.load(name) for name in TEST_SHAPES]
    motions: list[tuple[str, str, np.ndarray]] = []
    for rows in held_out.motion_clips():
        if SOURCES[held_out.source[rows.start]] != "leap" or rows.stop - rows.start < LEAST_FRAMES:
            continue
        hand = hands[len(motions) % len(hands)]
        wrist = _LEAP_TO_CAMERA @ held_out.wrist[rows]
        rotations = hand.rotations_of_angles(held_out.angles_rad[rows], wrist)
        motions.append((f"leap_{held_out.clip[rows.start]:04d}", LEAP_GROUP, hand.keypoints(rotations)))
    rng = np.random.default_rng([seed, 1])
    for i in range(_RESTS):
        row = int(rng.integers(len(held_out)))
        # Upright, palm to the camera, turned a little: how a hand is held before a webcam.
        wrist = _LEAP_TO_CAMERA @ matrix_from_axis_angle(rng.uniform(-0.4, 0.4, 3))
        rotations = hands[i % 2].rotations_of_angles(held_out.angles_rad[row][None], wrist[None])
        still = np.repeat(hands[i % 2].keypoints(rotations), _REST_FRAMES, axis=0)
        motions.append((f"rest_{i}", REST_GROUP, still))
    try:
        noise = FittedNoise.load(default_noise_path())
        about = "noise fitted to the detector on rendered training clips"
    except ModelError as error:
        logger.warning("%s Gaussian noise stands in.", error)
        noise = None
        about = f"Gaussian noise of {1e3 * _GAUSSIAN_STD_M:.0f} mm, {100 * _MISSED:.0f} % of frames missed"
    sequences = []
    for i, (name, group, keypoints_m) in enumerate(motions):
        dice = np.random.default_rng([seed, 2, i])
        sequences.append(_seen(name, group, keypoints_m - keypoints_m[:, :1], noise, dice))
    return NoisyMotion(sequences, about)


def _seen(
    name: str, group: str, truth_m: np.ndarray, noise: FittedNoise | None, rng: np.random.Generator
) -> Sequence:
    """What a detector might say of a motion half a metre before the camera."""
    frames = len(truth_m)
    wrist_m = np.array([0.0, 0.05, _DISTANCE_M]) + np.zeros((frames, 3))
    depth_px = np.full((frames, 21), np.nan)
    if noise is None:
        observed = rng.random(frames) >= _MISSED
        observed_m = truth_m + rng.normal(0.0, _GAUSSIAN_STD_M, truth_m.shape)
        observed_m -= observed_m[:, :1]
        observed_px = _CAMERA.project(truth_m + wrist_m[:, None])
        observed_px += rng.normal(0.0, _GAUSSIAN_STD_PX, observed_px.shape)
        score = np.where(observed, 0.95, 0.0)
    else:
        said = noise.sample(
            rng, truth_m[None], wrist_m[None], np.array([_CAMERA.focal_px]),
            np.array([_CAMERA.centre_px]), np.array([_CAMERA.size_px], float),
        )  # fmt: skip
        observed, observed_m = said.observed[0], said.observed_m[0]
        observed_px, score = said.observed_px[0], said.score[0]
        depth_px = said.observed_depth_px[0]
    t_ns = np.arange(frames) * SLOT_PERIOD_NS
    observations = observations_of(t_ns, observed, observed_m, observed_px, depth_px, score, _CAMERA.size_px)
    return Sequence(name, group, _CAMERA, observations, truth_m)
