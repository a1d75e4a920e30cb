"""Clips of whole bodies for training: CMU's motions and PyBullet's humanoid's, moved to our skeleton.

A clip is 30 frames a second in a frame with y up; `models.clips.Clips` cuts windows from them, and
`models.body_noise.seen_by_a_camera` turns those before a camera. Every clip comes with its mirror image.
Train, validation and test are of different people.
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from models.body_keypoints import MIRRORED_KEYPOINTS
from models.body_mending import mended
from models.body_model import BodyModel, mirror_body_points, mirror_body_rotations
from models.body_retarget import BodyMotion, motion_of_bvh, motion_of_humanoid, resampled
from models.bvh import read_bvh
from models.errors import ModelError
from models.rotations import mirror_points
from models.window import SLOT_RATE_HZ

logger = logging.getLogger(__name__)

Split = Literal["train", "validation", "test"]

SUBJECT_SPLIT: dict[int, Split] = {
    1: "train",
    2: "test",
    3: "validation",
    5: "train",
    6: "train",
    7: "train",
}
"""CMU's subjects: 1 climbs, 2 walks, runs, jumps, punches, bends, fences and washes, 3 walks on uneven
ground, 5 dances, 6 plays basketball, 7 walks. Of whoever is not listed we learn. PyBullet's clips are all for
training."""

MIN_CLIP_FRAMES = 20


@dataclass(frozen=True)
class BodyClip:
    """One clip at 30 frames a second.

    Attributes:
        name: of its file, its piece and "mirrored" if it is.
        split: what it is for.
        rotations: (N,24,3,3) float32, SMPL order, the pelvis' from the rest pose to a frame with y up.
        keypoints_m: (N,17,3) float32, H36M, relative to the hip keypoint, same axes.
        hip_m: (N,3) float32, the hip keypoint in that frame.
    """

    name: str
    split: Split
    rotations: np.ndarray
    keypoints_m: np.ndarray
    hip_m: np.ndarray

    def __len__(self) -> int:
        return len(self.rotations)


def read_body_clips(
    bvh_directory: Path | None,
    body: BodyModel | None = None,
    humanoid_directory: Path | None = None,
    mirror: bool = True,
) -> list[BodyClip]:
    """All clips there are, with their mirror images.

    Args:
        bvh_directory: with CMU's .bvh files, named SUBJECT_TRIAL.bvh; None for none.
        body: who moves; the default shape if None.
        humanoid_directory: with PyBullet's humanoid3d_*.txt; see `humanoid_directory`; None for none.
        mirror: add the mirror images.

    Raises:
        ModelError: a directory has no such file, or a file is unreadable.
    """
    body = body or BodyModel.load()
    clips: list[BodyClip] = []
    if bvh_directory is not None:
        files = _files(bvh_directory, "*.bvh")
        for file in tqdm(files, desc=f"reading {bvh_directory}", unit="clip", leave=False):
            motions = mended(motion_of_bvh(read_bvh(file), body))
            clips += _clips_of(file.stem, split_of(file.stem), motions, body, mirror)
    if humanoid_directory is not None:
        for file in _files(humanoid_directory, "humanoid3d_*.txt"):
            clips += _clips_of(file.stem, "train", [motion_of_humanoid(file, body)], body, mirror)
    return clips


def split_of(name: str) -> Split:
    """What a clip of CMU's named SUBJECT_TRIAL is for.

    Raises:
        ModelError: the name does not begin with a subject's number.
    """
    subject = re.match(r"(\d+)_", name)
    if subject is None:
        raise ModelError(f"the clip {name!r} tells no subject; name it as CMU does, 07_01 for example")
    return SUBJECT_SPLIT.get(int(subject[1]), "train")


def humanoid_directory() -> Path | None:
    """Where the installed `pybullet_data` keeps its motions; None if it is not installed."""
    spec = importlib.util.find_spec("pybullet_data")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / "motions"


def write_body_clips(directory: Path, clips: list[BodyClip]) -> None:
    """One .npz for each clip, as `models.clips.read_clip` reads them, in a folder for each split."""
    for clip in clips:
        folder = directory / clip.split
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / f"{clip.name}.npz",
            rotations=clip.rotations,
            keypoints_m=clip.keypoints_m,
            wrist_m=clip.hip_m,
            fps=SLOT_RATE_HZ,
        )


def _files(directory: Path, pattern: str) -> list[Path]:
    files = sorted(Path(directory).glob(pattern))
    if not files:
        raise ModelError(f"there are no {pattern} files in {directory}; give their directory")
    return files


def _clips_of(
    name: str, split: Split, motions: list[BodyMotion], body: BodyModel, mirror: bool
) -> Iterator[BodyClip]:
    for piece, motion in enumerate(motions):
        steady = resampled(motion, SLOT_RATE_HZ)
        if len(steady) < MIN_CLIP_FRAMES:
            logger.debug("%s: a piece of %d frames is left out", name, len(steady))
            continue
        keypoints = body.keypoints(steady.rotations, steady.pelvis_m)
        hip, keypoints = keypoints[:, 0], keypoints - keypoints[:, :1]
        called = name if len(motions) == 1 else f"{name}_{piece}"
        yield _clip(called, split, steady.rotations, keypoints, hip)
        if mirror:
            yield _clip(
                f"{called}_mirrored",
                split,
                mirror_body_rotations(steady.rotations),
                mirror_body_points(keypoints, MIRRORED_KEYPOINTS),
                mirror_points(hip),
            )


def _clip(
    name: str, split: Split, rotations: np.ndarray, keypoints_m: np.ndarray, hip_m: np.ndarray
) -> BodyClip:
    arrays = (np.ascontiguousarray(a, dtype=np.float32) for a in (rotations, keypoints_m, hip_m))
    return BodyClip(name, split, *arrays)
