"""Sets right by trial what the parts of a fitted noise get wrong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from models.motion.detector_features import GROUPS
from models.motion.detector_noise import FittedNoise
from models.motion.detector_pairs import Pairs, is_wrong

_TRIALS = 7
_MAX_CLIPS = 240
_FEW = 0.005  # of all frames
_MIN_ROWS = 20  # of a clip, for its own strength


@dataclass(frozen=True)
class _Outcome:
    """What detections are compared by.

    Attributes:
        detected: share of frames; gap_frames: mean length of what is missing.
        wrong: share of detections.
        change_m: median second difference of the other detections' errors.
        level: (6,) logarithm of the mean size of their errors beyond the bias, of each of `GROUPS`; between,
            within (6,) the logarithm's variance over clips and in one.
    """

    detected: float
    gap_frames: float
    wrong: float
    change_m: float
    level: np.ndarray
    between: np.ndarray
    within: np.ndarray


def calibrated(noise: FittedNoise, clips: Sequence[Pairs]) -> FittedNoise:
    """The noise whose samples are lost, wrong, restless and strong as often and as much as the clips.

    Usual errors reach beyond the border of wrong ones too; lasting, restless and swelling parts add up; easy
    and hard clips mix: all of this shows only in samples.
    """
    if len(clips) > _MAX_CLIPS:
        clips = [clips[i] for i in np.linspace(0, len(clips) - 1, _MAX_CLIPS).astype(int)]
    wanted = _outcome(noise, clips)
    for trial in range(_TRIALS):
        made = _outcome(noise, sampled_pairs(noise, clips, trial))
        # Shorter and shorter steps, so that the last trial's luck counts little.
        noise = _corrected(noise, wanted, made, 1.0 / (1.0 + trial / 3.0))
    return noise


def _corrected(noise: FittedNoise, wanted: _Outcome, made: _Outcome, pull: float) -> FittedNoise:
    believe, lose, regain = noise.believe.copy(), noise.lose.copy(), noise.regain.copy()
    believe[0] += pull * np.clip(np.log((wanted.wrong + _FEW) / (made.wrong + _FEW)), -1.0, 1.0)
    longer = pull * np.clip(np.log(made.gap_frames / wanted.gap_frames), -1.0, 1.0)
    rarer = pull * np.clip(_odds(wanted.detected) - _odds(made.detected), -1.0, 1.0)
    regain[0] += longer
    lose[0] += longer - rarer
    calm = float(np.clip((wanted.change_m / max(made.change_m, 1e-9)) ** 2, 0.4, 2.0)) ** pull
    basis = noise.basis.copy()
    for group, factor in zip(GROUPS, np.exp(pull * (wanted.level - made.level)), strict=True):
        basis[group] *= factor
    return replace(
        noise,
        believe=believe,
        lose=lose,
        regain=regain,
        basis=basis,
        lasting=np.clip(1.0 - calm * (1.0 - noise.lasting), 0.3, 0.998),
        lasting_share=np.clip(1.0 - calm * (1.0 - noise.lasting_share), 0.0, 1.0),
        strength_spread=_spread(noise.strength_spread, pull * (wanted.between - made.between)),
        swell=_spread(noise.swell, pull * (wanted.within - made.within)),
    )


def _spread(deviation: np.ndarray, missing: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.clip(deviation**2 + missing, 0.0, 1.0)))


def _odds(share: float) -> float:
    return float(np.log((share + _FEW) / (1.0 - share + _FEW)))


def sampled_pairs(noise: FittedNoise, clips: Sequence[Pairs], seed: int) -> list[Pairs]:
    """The same true motion with sampled detections instead of the real ones."""
    rng = np.random.default_rng(seed)
    sampled = []
    for clip in clips:
        focal, centre, size = (
            np.asarray(x, float)[None] for x in (clip.focal_px, clip.centre_px, clip.size_px)
        )
        truth = (np.asarray(clip.keypoints_m)[None], np.asarray(clip.wrist_m)[None])
        made = noise.sample(rng, *truth, focal, centre, size)
        values = {field.name: getattr(made, field.name)[0] for field in fields(made)}
        sampled.append(replace(clip, **values))
    return sampled


def gap_lengths(observed: np.ndarray) -> np.ndarray:
    """How many frames each gap of (N,) bool lasts."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], observed, [True]]).astype(int)))
    return np.asarray(np.diff(edges)[::2])


def _outcome(noise: FittedNoise, clips: Sequence[Pairs]) -> _Outcome:
    wrongs, changes, levels, sizes = [], [], [], []
    for clip in clips:
        if not clip.observed.any():
            continue
        errors, view = clip.errors(float(noise.lag_frames)), clip.seen_view(float(noise.lag_frames))
        wrong = is_wrong(errors)
        wrongs.append(wrong)
        changes.append(_changes(clip, wrong))
        if (~wrong).sum() >= _MIN_ROWS:
            left = noise.unexplained(view, np.asarray(clip.observed_m, float)[clip.observed], errors)[~wrong]
            size = np.stack([(left[:, group] ** 2).mean(axis=1) for group in GROUPS], axis=1)
            expected = view.conditions[~wrong] @ noise.strength
            sizes.append(size)
            levels.append(0.5 * np.log(size + 1e-9) - expected[:, None])
    seen = np.concatenate([clip.observed for clip in clips])
    gaps = np.concatenate([gap_lengths(clip.observed) for clip in clips])
    of_clips = np.array([level.mean(axis=0) for level in levels] or np.zeros((1, len(GROUPS))))
    return _Outcome(
        detected=float(seen.mean()),
        gap_frames=float(gaps.mean()) if len(gaps) else 1.0,
        wrong=float(np.concatenate(wrongs).mean()) if wrongs else 0.0,
        change_m=float(np.median(np.concatenate(changes))) if changes else 0.0,
        level=np.log(np.sqrt(np.concatenate(sizes)).mean(axis=0)) if sizes else np.zeros(len(GROUPS)),
        between=of_clips.var(axis=0),
        within=np.mean([level.var(axis=0) for level in levels], axis=0) if levels else np.zeros(len(GROUPS)),
    )


def _changes(clip: Pairs, wrong: np.ndarray) -> np.ndarray:
    """Second differences of the errors where three detections in a row are not wrong, metres."""
    error = np.full(clip.keypoints_m.shape, np.nan)
    rows = np.flatnonzero(clip.observed)[~wrong]
    error[rows] = np.asarray(clip.observed_m)[rows] - np.asarray(clip.keypoints_m)[rows]
    change = np.linalg.norm(np.diff(error, n=2, axis=0), axis=-1).mean(axis=1)
    return np.asarray(change[np.isfinite(change)])
