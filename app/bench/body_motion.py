"""Captured motion of a person training never sees, before cameras, with a detector's errors added."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from app.bench.body_sequence import (
    DETECTOR_GROUP,
    PAPER_GROUP,
    SHAPES_GROUP,
    BodySequence,
    steady_times,
)
from app.errors import AppError
from models.body_clips import MIN_CLIP_FRAMES, Split, split_of
from models.body_mending import mended
from models.body_model import DEFAULT_BODY, BodyModel, body_shape_names
from models.body_noise import (
    CameraPlace,
    PaperBodyNoise,
    PoseDetectorNoise,
    seen_by_a_camera,
)
from models.body_retarget import motion_of_bvh, resampled
from models.bvh import read_bvh
from models.camera import Camera
from models.noise import BodySeen, ObservationNoise, Truth
from models.window import SLOT_RATE_HZ

logger = logging.getLogger(__name__)

CAMERAS, CAMERAS_QUICK = 2, 1
"""Around each clip."""
PAPER_CLIPS_EVERY = 2
"""Of the paper's noise and of other bodies every other clip is enough for a mean."""
_QUICK_CLIPS = 3
_TUNING_CLIPS, _TUNING_CLIPS_QUICK = 12, 3
_TUNING_FRAMES = 240
_CAMERA = Camera.assumed((640, 480))
_SUFFIXES = {PAPER_GROUP: ", paper's noise"}
_SEEDS = {DETECTOR_GROUP: 1, PAPER_GROUP: 2, SHAPES_GROUP: 3, "tuning": 4}


@dataclass(frozen=True)
class Motion:
    """One clip at 30 frames a second, in a frame with y up; see `models.body_clips.BodyClip`."""

    name: str
    rotations: np.ndarray
    keypoints_m: np.ndarray
    hip_m: np.ndarray

    def __len__(self) -> int:
        return len(self.hip_m)


def test_sequences(directory: Path, quick: bool) -> list[BodySequence]:
    """The test person's clips before cameras: with the detector's noise, the paper's, and on other bodies.

    Args:
        directory: of CMU's .bvh files.
        quick: fewer clips and cameras.

    Raises:
        AppError: the directory has no clip of the test person.
        ModelError: a file is unreadable.
    """
    body = BodyModel.load()
    motions = _motions(directory, "test", body)
    if not motions:
        raise AppError(
            f"there is no .bvh file of the test person (02_01.bvh and so on) in {directory}; "
            "give --bvh the directory of CMU's files"
        )
    if quick:
        motions = motions[:_QUICK_CLIPS]
    cameras = CAMERAS_QUICK if quick else CAMERAS
    fewer = motions if quick else motions[::PAPER_CLIPS_EVERY]
    sequences = [
        *before_cameras(motions, DETECTOR_GROUP, PoseDetectorNoise(), cameras),
        *before_cameras(fewer, PAPER_GROUP, PaperBodyNoise(), 1, missed=True),
    ]
    others = [name for name in body_shape_names() if name != DEFAULT_BODY]
    for i, motion in enumerate(fewer):
        shape = others[i % len(others)]
        (reshaped,) = _moved_to([motion], BodyModel.load(shape))
        sequences += before_cameras([reshaped], SHAPES_GROUP, PoseDetectorNoise(), 1, seed=i)
    return sequences


def tuning_sequences(directory: Path, quick: bool) -> list[BodySequence]:
    """Clips of people that training learns from, with the detector's noise: filters are tuned on these."""
    motions = _motions(directory, "train", BodyModel.load(), every=5)
    motions = [_cut(motion) for motion in motions if len(motion) >= SLOT_RATE_HZ]
    wanted = _TUNING_CLIPS_QUICK if quick else _TUNING_CLIPS
    return before_cameras(motions[:wanted], "tuning", PoseDetectorNoise(), 1)


def before_cameras(
    motions: list[Motion],
    group: str,
    noise: ObservationNoise,
    cameras: int,
    missed: bool = False,
    seed: int = 0,
) -> list[BodySequence]:
    """Every motion before so many cameras, detected with noise; the same ones in every run.

    All of them are drawn in one batch, as some noise takes joints of other people.

    Args:
        motions: at 30 frames a second.
        group: of the sequences; decides the dice, too.
        noise: what the detector does.
        cameras: around each motion.
        missed: lose the frames that `PoseDetectorNoise` would, of a noise that loses none.
        seed: of the dice, beside the group.
    """
    if not motions:
        return []
    rng = torch.Generator().manual_seed(1000 * _SEEDS[group] + seed)
    shown = [motion for motion in motions for _ in range(cameras)]
    frames = max(len(motion) for motion in shown)
    world = Truth(
        rotations=_batch([motion.rotations for motion in shown], frames),
        keypoints_m=_batch([motion.keypoints_m for motion in shown], frames),
        wrist_m=_batch([motion.hip_m for motion in shown], frames),
    )
    truth = seen_by_a_camera(world, CameraPlace(), rng)
    seen = noise(truth, frames, rng)
    assert isinstance(seen, BodySeen)
    observed = seen.observed
    if missed:
        observed = observed & PoseDetectorNoise()(truth, frames, rng).observed
    made = []
    for i, motion in enumerate(shown):
        N = len(motion)
        lost = ~observed[i, :N].numpy()
        pixels = seen.rays[i, :N].double().numpy() * _CAMERA.focal_px + np.asarray(_CAMERA.centre_px)
        sequence = BodySequence(
            name=f"{motion.name}, camera {i % cameras + 1}{_SUFFIXES.get(group, '')}",
            group=group,
            camera=_CAMERA,
            t_ns=steady_times(N),
            detected=np.ones(N, dtype=bool),
            raw_m=seen.keypoints_m[i, :N].double().numpy(),
            raw_px=pixels,
            visibility=seen.visibility[i, :N].double().numpy(),
            truth_m=truth.keypoints_m[i, :N].double().numpy(),
        )
        made.append(sequence.without(lost))
    return made


def _motions(directory: Path, split: Split, body: BodyModel, every: int = 1) -> list[Motion]:
    """Every so many clips of the people of a split."""
    files = [file for file in sorted(Path(directory).glob("*_*.bvh")) if split_of(file.stem) == split]
    return [motion for file in files[::every] for motion in _read(file, body)]


def _read(file: Path, body: BodyModel) -> Iterator[Motion]:
    pieces = mended(motion_of_bvh(read_bvh(file), body))
    for number, piece in enumerate(pieces):
        steady = resampled(piece, SLOT_RATE_HZ)
        if len(steady) >= MIN_CLIP_FRAMES:
            name = file.stem if len(pieces) == 1 else f"{file.stem}_{number}"
            yield _motion(name, steady.rotations, steady.pelvis_m, body)


def _moved_to(motions: list[Motion], body: BodyModel) -> Iterator[Motion]:
    """The same rotations on another body, its hips where those were."""
    for motion in motions:
        hip_m = body.keypoints(motion.rotations)[:, 0]
        yield _motion(f"{motion.name} {body.name}", motion.rotations, motion.hip_m - hip_m, body)


def _motion(name: str, rotations: np.ndarray, pelvis_m: np.ndarray, body: BodyModel) -> Motion:
    keypoints = body.keypoints(rotations, pelvis_m)
    return Motion(name, rotations, keypoints - keypoints[:, :1], keypoints[:, 0])


def _cut(motion: Motion) -> Motion:
    part = slice(0, _TUNING_FRAMES)
    return Motion(motion.name, motion.rotations[part], motion.keypoints_m[part], motion.hip_m[part])


def _batch(arrays: list[np.ndarray], frames: int) -> torch.Tensor:
    """(B,frames,…) of arrays (N,…) that hold still at their ends."""
    rows = [array[np.minimum(np.arange(frames), len(array) - 1)] for array in arrays]
    return torch.from_numpy(np.stack(rows).astype(np.float32))
