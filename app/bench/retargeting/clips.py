"""The hands every solver is given: recorded ones from beside the repository, and generated ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from app.errors import AppError
from models.hand_model import HandModel
from models.motion.generator import MotionGenerator
from models.motion.poses import Mix
from models.motion.recordings import Recording, read_recordings
from retarget import to_hand_frame

logger = logging.getLogger(__name__)

RATE_HZ = 30.0
REFERENCE = "human_joint_right"
"""The clip that ships with dex-retargeting: the one everybody times on."""
RENDERED, GENERATED = "rendered manipulation", "generated motion"
PINCHES = "generated pinches"
_SOURCES = {"leap": "Leap Motion", "intel": "Intel depth camera", "dexmv": "MANO fit of a video"}
_LEAST_FRAMES = 30  # a second; in less a solver is still arriving from wherever it started
_MAX_GAP_S = 0.1  # longer holes in a recording cut it in two
_GENERATED_CLIPS, _GENERATED_CLIPS_QUICK, _GENERATED_FRAMES, _SEED = 4, 2, 300, 0
_ONLY_PINCHES = Mix(gesture=0.1, grasp=0.0, broad=0.0, pinch=0.9, real=0.0, mixed=0.0, between=0.0)
_QUICK_CLIPS, _QUICK_FRAMES = 2, 150  # clips of a group, frames of a clip


@dataclass(frozen=True)
class Clip:
    """One right hand in motion.

    Attributes:
        name: of the recording.
        group: what kind it is of.
        keypoints_m: (N,21,3) metres, hand frame, 30 a second.
    """

    name: str
    group: str
    keypoints_m: np.ndarray

    def __len__(self) -> int:
        return len(self.keypoints_m)


def gather_clips(data: Path, quick: bool) -> list[Clip]:
    """The reference clip first, where there is one, then the other recordings, then generated motion.

    Args:
        data: directory with motion/ and rendered/; what it lacks is left out.
        quick: a few seconds of a few clips.

    Raises:
        AppError: a file that is there cannot be read.
    """
    recorded = [*_reference(data), *_recordings(data), *_rendered(data)]
    if not recorded:
        logger.warning("there are no recordings in %s: only generated motion is measured", data)
    clips = [*recorded, *_generated(_GENERATED_CLIPS_QUICK if quick else _GENERATED_CLIPS)]
    return _shortened(clips) if quick else clips


def _shortened(clips: list[Clip]) -> list[Clip]:
    """The longest clips of each group, and little of them; all of the one that is timed."""
    kept: dict[str, list[Clip]] = {}
    for clip in clips:
        kept.setdefault(clip.group, []).append(clip)
    chosen = [clip for group in kept.values() for clip in sorted(group, key=len, reverse=True)[:_QUICK_CLIPS]]
    return [chosen[0], *(Clip(one.name, one.group, one.keypoints_m[:_QUICK_FRAMES]) for one in chosen[1:])]


def _reference(data: Path) -> list[Clip]:
    path = data / "motion" / f"{REFERENCE}.npz"
    if not path.is_file():
        return []
    return [Clip(REFERENCE, "counting hand, filmed", _read(path, "keypoints"))]


def _recordings(data: Path) -> list[Clip]:
    folder = data / "motion"
    if not folder.is_dir():
        return []
    found = [one for one in read_recordings(folder) if one.source in _SOURCES]
    return [clip for recording in found for clip in _pieces(recording)]


def _pieces(recording: Recording) -> list[Clip]:
    """The trusted stretches of a recording, at 30 Hz."""
    trusted = np.flatnonzero(recording.trusted)
    if not len(trusted):
        return []
    cuts = np.flatnonzero(np.diff(recording.t_s[trusted]) > _MAX_GAP_S) + 1
    clips: list[Clip] = []
    for rows in np.split(trusted, cuts):
        t_s = recording.t_s[rows]
        frames = int((t_s[-1] - t_s[0]) * RATE_HZ) + 1
        if frames < _LEAST_FRAMES:
            continue
        at_s = t_s[0] + np.arange(frames) / RATE_HZ
        flat = recording.keypoints_m[rows].reshape(len(rows), -1)
        even = np.stack([np.interp(at_s, t_s, column) for column in flat.T], axis=1)
        name = f"{recording.source}_{recording.name}" + (f"_{len(clips)}" if clips else "")
        keypoints_m = to_hand_frame(even.reshape(frames, 21, 3), "right")
        clips.append(Clip(name, _SOURCES[recording.source], keypoints_m))
    return clips


def _rendered(data: Path) -> list[Clip]:
    """The truth behind rendered clips; its axes are a camera's, right-handed, which is all that matters."""
    return [
        Clip(path.stem, RENDERED, to_hand_frame(_read(path, "kp"), "right"))
        for path in sorted((data / "rendered").glob("*.npz"))
    ]


def _read(path: Path, key: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            keypoints_m = file[key].astype(np.float64)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise AppError(f"{path} is no clip of a hand ({error}); fetch it again or remove it") from error
    if keypoints_m.ndim != 3 or keypoints_m.shape[1:] != (21, 3) or len(keypoints_m) < _LEAST_FRAMES:
        raise AppError(
            f"{path} holds {keypoints_m.shape}, not (N,21,3) with N of {_LEAST_FRAMES} or more; "
            "fetch it again or remove it"
        )
    return keypoints_m


def _generated(count: int) -> list[Clip]:
    """Motion of our own hand model, the same in every run: as it comes, and from pinch to pinch."""
    model = HandModel.load()
    clips: list[Clip] = []
    for group, mix in ((GENERATED, Mix()), (PINCHES, _ONLY_PINCHES)):
        rng = np.random.default_rng(_SEED)
        batch = MotionGenerator(model, mix=mix).batch(rng, count, _GENERATED_FRAMES)
        keypoints_m = to_hand_frame(batch.keypoints_m.astype(np.float64), "right")
        clips += [Clip(f"{group.replace(' ', '_')}_{i}", group, clip) for i, clip in enumerate(keypoints_m)]
    return clips
