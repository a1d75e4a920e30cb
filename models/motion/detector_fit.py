"""Fits `detector_noise` to pairs of what a detector said and what was true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.errors import ModelError
from models.motion.detector_features import (
    DEPTH,
    GROUPS,
    NUM_3D,
    NUM_ERRORS,
    View,
    depth_features,
    place_features,
    shape_features,
)
from models.motion.detector_noise import FittedNoise, ages, log_age
from models.motion.detector_pairs import Pairs, is_wrong
from models.motion.detector_trials import calibrated

_LAGS_FRAMES = np.arange(0.0, 2.01, 0.1)
_RIDGE = 3e-3  # per frame, of features of unit size
_MAX_BELIEFS = 4096
_MIN_FRAMES = 200
_KEPT_VARIANCE = 0.98  # the finest directions cost time and add nothing
_NEWTON_STEPS = 25
_CLIP_PRIOR = 1.0  # inverse variance of how clips differ, logits
_PRIOR_EVENTS = 0.5


def fit_noise(clips: Sequence[Pairs]) -> FittedNoise:
    """The noise of a detector.

    Args:
        clips: pairs at 30 frames/s, the more the better; ten minutes make a useful fit.

    Raises:
        ModelError: hardly a frame was observed.
    """
    seen_frames = sum(int(clip.observed.sum()) for clip in clips)
    if seen_frames < _MIN_FRAMES:
        raise ModelError(
            f"The noise cannot be fitted to {seen_frames} detected frames; give at least {_MIN_FRAMES}."
        )
    lag = estimated_lag(clips)
    views = [clip.view(lag) for clip in clips]
    rows = [clip.seen_view(lag) for clip in clips]
    errors = np.concatenate([clip.errors(lag) for clip in clips])
    features_3d = np.concatenate([shape_features(view) for view in rows])
    features_place = np.concatenate([place_features(view) for view in rows])
    conditions = np.concatenate([view.conditions for view in rows])
    clip_of = np.repeat(np.arange(len(clips)), [len(view.size_px) for view in rows])
    frame_of = np.concatenate([np.flatnonzero(clip.observed) for clip in clips])

    wrong = is_wrong(errors)
    right = ~wrong
    bias_depth = _depth_bias(rows, clips, features_3d, errors, right)
    bias_3d = _ridge(features_3d[right], errors[right, :NUM_3D])
    bias_place = _ridge(features_place[right], errors[right, NUM_3D:])
    left = errors - np.concatenate([features_3d @ bias_3d, features_place @ bias_place], axis=1)
    strength, spread, log_strength = _strength(left[right], conditions[right], clip_of[right])
    even = left[right] / np.exp(log_strength)[:, None]
    basis, lasting, share, restlessness = _directions(even, clip_of[right], frame_of[right])
    start, lose, regain, of_clips = _loss_chain(views, clips)
    believe, release = _belief_chain(wrong, conditions, clip_of, frame_of)
    kept = np.flatnonzero(wrong)
    if len(kept) > _MAX_BELIEFS:
        kept = kept[np.linspace(0, len(kept) - 1, _MAX_BELIEFS).astype(int)]
    hands = np.concatenate([view.frame for view in rows])[kept]
    noise = FittedNoise(
        np.array(lag), bias_3d, bias_place, bias_depth, basis, lasting, share, restlessness, strength,
        np.full(len(GROUPS), spread), np.zeros(len(GROUPS)), lose, regain, start, of_clips,
        believe, np.array(release), errors[kept], hands,
    )  # fmt: skip
    return calibrated(noise, clips)


def _depth_bias(
    rows: Sequence[View],
    clips: Sequence[Pairs],
    features_3d: np.ndarray,
    errors: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    """Weights of `depth_features`, found along with those of the pose; takes their part out of the errors."""
    seen_m = (np.asarray(clip.observed_m, float)[clip.observed] for clip in clips)
    features = np.concatenate([depth_features(*pair) for pair in zip(rows, seen_m, strict=True)])
    both = np.concatenate([features_3d, features], axis=1)
    weights: np.ndarray = _ridge(both[right], errors[right, DEPTH])[features_3d.shape[1] :]
    errors[:, DEPTH] -= features @ weights
    return weights


def estimated_lag(clips: Sequence[Pairs]) -> float:
    """How many frames ago (0–2) the hands were as they are seen now: where the speeds agree."""
    costs = np.zeros(len(_LAGS_FRAMES))
    for clip in clips:
        seen = np.asarray(clip.observed_px, float)
        step = np.diff(seen, axis=0)
        both = np.isfinite(step).all(axis=(1, 2))
        if both.sum() < 8:
            continue
        for i, lag in enumerate(_LAGS_FRAMES):
            view = clip.view(float(lag))
            true_step = np.diff(view.keypoints_px[0], axis=0)
            away = np.linalg.norm(step - true_step, axis=-1) / view.size_px[0, 1:, None]
            costs[i] += np.minimum(away[both], 0.1).mean(axis=1).sum()
    return float(_LAGS_FRAMES[int(np.argmin(costs))])


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    H = features.T @ features + _RIDGE * len(features) * np.eye(features.shape[1])
    H[0, 0] -= _RIDGE * len(features) * (1.0 - 1e-6)  # the mean is not drawn to zero
    return np.linalg.solve(H, features.T @ targets)


def _strength(
    left: np.ndarray, conditions: np.ndarray, clip_of: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Log strength from the conditions, its spread over clips, and its value for every row."""
    size = left / np.maximum(left.std(axis=0), 1e-9)
    log_norm = 0.5 * np.log(np.maximum((size**2).mean(axis=1), 1e-6))
    weights = _ridge(conditions, log_norm[:, None])[:, 0]
    rest = log_norm - conditions @ weights
    clips = np.unique(clip_of)
    of_clip = np.array([rest[clip_of == clip].mean() for clip in clips])
    log_strength = conditions @ weights + of_clip[np.searchsorted(clips, clip_of)]
    return weights, float(of_clip.std()), log_strength


def _directions(
    even: np.ndarray, clip_of: np.ndarray, frame_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Principal directions, how each one's part lasts (correlations over one and four frames), bursts."""
    unit_size = np.maximum(even.std(axis=0), 1e-9)
    variances, V = np.linalg.eigh(np.cov((even / unit_size).T) + 1e-9 * np.eye(NUM_ERRORS))
    kept = np.cumsum(variances) > (1.0 - _KEPT_VARIANCE) * variances.sum()
    variances, V = variances[kept], V[:, kept]
    deviation = np.sqrt(np.maximum(variances, 1e-9))
    z = (even / unit_size) @ V / deviation

    def pairs(apart: int) -> tuple[np.ndarray, np.ndarray]:
        number = clip_of * 1_000_000 + frame_of
        later = np.minimum(np.searchsorted(number, number + apart), len(z) - 1)
        pair = number[later] == number + apart
        return np.flatnonzero(pair), later[pair]

    def correlation(apart: int) -> np.ndarray:
        # By quartiles of the differences: jumps say nothing of how errors last between them.
        first, second = pairs(apart)
        return np.asarray(1.0 - 0.5 * (_quartile_range(z[second] - z[first]) / _quartile_range(z)) ** 2)

    one, four = np.clip(correlation(1), 0.02, 0.995), np.clip(correlation(4), 1e-3, 0.99)
    lasting = np.clip((np.minimum(four, one) / one) ** (1.0 / 3.0), 0.3, 0.995)
    share = np.clip(one / lasting, 0.0, 1.0)
    first, second = pairs(1)
    new = np.full(len(z), np.nan)
    new[second] = 0.5 * np.log(np.mean((z[second] - one * z[first]) ** 2 / (1.0 - one**2), axis=1))
    new -= np.nanmedian(new)
    product = new[first] * new[second]
    spread = float(np.sqrt(np.nanmean(new**2)))
    keep = float(np.clip(np.nanmean(product) / max(spread**2, 1e-9), 0.0, 0.98)) if len(product) else 0.0
    return unit_size[:, None] * V * deviation, lasting, share, np.array([spread, keep])


def _quartile_range(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, [25, 75], axis=0)
    return np.asarray(np.maximum(high - low, 1e-9))


def _loss_chain(
    views: Sequence[View], clips: Sequence[Pairs]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logits of seeing the hand at first, of losing it, of finding it again, and their spread over clips."""
    rows: dict[str, list[tuple[np.ndarray, ...]]] = {"start": [], "lose": [], "regain": []}
    for number, (view, clip) in enumerate(zip(views, clips, strict=True)):
        conditions, seen = view.conditions[0], np.asarray(clip.observed, bool)
        aged = np.column_stack([conditions[1:], log_age(ages(seen)[:-1])])
        rows["start"].append((conditions[:1], seen[:1], np.full(1, number)))
        was = seen[:-1]
        rows["lose"].append((aged[was], ~seen[1:][was], np.full(was.sum(), number)))
        rows["regain"].append((aged[~was], seen[1:][~was], np.full((~was).sum(), number)))
    fits = {}
    for name, parts in rows.items():
        X, y, clip_of = (np.concatenate(part) for part in zip(*parts, strict=True))
        fits[name] = _logistic(X, y.astype(float), clip_of, len(clips))
    spread = np.array([fits[name][1] for name in ("lose", "regain", "start")])
    return fits["start"][0], fits["lose"][0], fits["regain"][0], spread


def _belief_chain(
    wrong: np.ndarray, conditions: np.ndarray, clip_of: np.ndarray, frame_of: np.ndarray
) -> tuple[np.ndarray, float]:
    follows = (clip_of[1:] == clip_of[:-1]) & (frame_of[1:] == frame_of[:-1] + 1)
    before, after = wrong[:-1][follows], wrong[1:][follows]
    release = ((before & ~after).sum() + _PRIOR_EVENTS) / (before.sum() + 2.0 * _PRIOR_EVENTS)
    X, y = conditions[1:][follows][~before], after[~before].astype(float)
    believe, _ = _logistic(X, y, np.zeros(len(y), int), 1)
    return believe, float(np.clip(release, 0.01, 1.0))


def _logistic(X: np.ndarray, y: np.ndarray, clip_of: np.ndarray, clips: int) -> tuple[np.ndarray, float]:
    """Logistic regression with an own offset for every clip (Newton): weights and the offsets' spread."""
    if not len(y):
        return np.zeros(X.shape[1]), 0.0
    offsets = np.zeros((len(y), clips))
    offsets[np.arange(len(y)), clip_of] = 1.0
    A = np.concatenate([X, offsets], axis=1)
    pull = np.concatenate([np.full(X.shape[1], 0.5), np.full(clips, _CLIP_PRIOR)])
    pull[0] = 1e-2
    w = np.zeros(A.shape[1])
    rate = (y.sum() + _PRIOR_EVENTS) / (len(y) + 2.0 * _PRIOR_EVENTS)
    w[0] = np.log(rate / (1.0 - rate))
    for _ in range(_NEWTON_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(A @ w, -30.0, 30.0)))
        H = (A * (p * (1.0 - p))[:, None]).T @ A + np.diag(pull)
        step = np.linalg.solve(H, A.T @ (y - p) - pull * w)
        w = w + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-5:
            break
    return w[: X.shape[1]], float(w[X.shape[1] :].std()) if clips > 1 else 0.0
