"""A detector's habits as noise: sampled for any motion, with parameters fitted to pairs (`detector_fit`).

A detection is the truth of a moment ago, turned, sized, bent and shifted. Each of these has a bias that
depends on view and pose, a part that lasts, a part that is new every frame, and a strength that differs
from clip to clip, with the view, and swells now and then. At times the detector believes in another pose
altogether for a while; and it loses the hand in bursts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from models.motion.detector_features import (
    DEPTH,
    GROUPS,
    SIZE,
    Errors,
    View,
    depth_features,
    place_features,
    shape_features,
    view_of,
)
from models.npz import open_npz

_WARM_UP_FRAMES = 30
_MAX_STRENGTH = 1.2  # logarithm
_MAX_LOG_SIZE = 0.7  # strong errors in size are exponentials of exponentials
_TAIL = 2.5
_WRONG_STEADINESS = 0.5  # a wrong belief already holds part of the usual scatter
_SWELL_KEPT = 0.9  # from one frame to the next
_CANDIDATES = 32  # wrong beliefs drawn, of which the one is held that was seen of the most similar hand
_FIRST_AGE_FRAMES = 30.0


@dataclass(frozen=True)
class Detections:
    """What a detector says of B clips of N frames; NaN where not observed.

    Attributes:
        observed: (B,N) bool.
        observed_m: (B,N,21,3) float32 relative to the wrist, camera axes, metres.
        observed_px: (B,N,21,2) float32 pixels.
        observed_depth_px: (B,N,21) float32, the second opinion on depth: relative to the wrist, away from the
            camera, on the scale of observed_px.
        score: (B,N) float32, 0 where not observed.
    """

    observed: np.ndarray
    observed_m: np.ndarray
    observed_px: np.ndarray
    observed_depth_px: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class FittedNoise:
    """The fitted parameters; E = 131 errors as in `detector_features.Errors`.

    Attributes:
        lag_frames: how old what is seen is.
        bias_3d: (73,88) from `shape_features`; bias_place (43,43) from `place_features` to place and score;
            bias_depth (42,21) from `depth_features` to depth, which is what is left of it in all the rest.
        basis: (E,D) columns are uncorrelated directions of what is left, for coordinates of unit variance.
        lasting: (D,) one-frame correlation of the lasting part of each direction; lasting_share (D,) of its
            variance.
        restlessness: (2,) how the size of what is new varies: standard deviation of its logarithm, and the
            one-frame correlation of that: detections are steady for a while, then jump about.
        strength: (8,) log strength from the conditions; strength_spread, swell: (6,) its standard deviation
            over clips and within one, of each of `GROUPS`.
        lose, regain: (9,) logits of losing the hand in a frame and of finding it again, from the conditions
            and from how long it has been seen or lost (`log_age`); start (8,) logit of seeing it at first;
            spread (3,) standard deviations of the three over clips.
        believe: (8,) logit of taking up a wrong belief in a frame; release: probability of dropping it.
        beliefs: (M,E) wrong beliefs that were seen; belief_hands (M,3,3) of hands that lay so (`View.frame`).
    """

    lag_frames: np.ndarray
    bias_3d: np.ndarray
    bias_place: np.ndarray
    bias_depth: np.ndarray
    basis: np.ndarray
    lasting: np.ndarray
    lasting_share: np.ndarray
    restlessness: np.ndarray
    strength: np.ndarray
    strength_spread: np.ndarray
    swell: np.ndarray
    lose: np.ndarray
    regain: np.ndarray
    start: np.ndarray
    spread: np.ndarray
    believe: np.ndarray
    release: np.ndarray
    beliefs: np.ndarray
    belief_hands: np.ndarray

    def save(self, file: BinaryIO) -> None:
        """Write a small npz."""
        values: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name), np.float32) for f in fields(self)}
        np.savez_compressed(file, **values)

    @staticmethod
    def load(path: Path) -> FittedNoise:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is missing or holds something else.
        """
        with open_npz(path, "file of detector noise", "fit it with python -m app.corpus_noise") as file:
            values = {f.name: file[f.name].astype(np.float64) for f in fields(FittedNoise)}
        return FittedNoise(**values)

    def sample(
        self,
        rng: np.random.Generator,
        keypoints_m: np.ndarray,
        wrist_m: np.ndarray,
        focal_px: np.ndarray,
        centre_px: np.ndarray,
        size_px: np.ndarray,
    ) -> Detections:
        """What the detector might say of true motion at 30 frames/s.

        Args:
            rng: the dice.
            keypoints_m: (B,N,21,3) relative to the wrist, camera axes, metres.
            wrist_m: (B,N,3) camera frame, metres.
            focal_px: (B,); centre_px: (B,2); size_px: (B,2) width and height: the cameras.
        """
        keypoints_m, wrist_m, focal_px, centre_px, size_px = (
            np.asarray(x, np.float32) for x in (keypoints_m, wrist_m, focal_px, centre_px, size_px)
        )
        lag = float(self.lag_frames)
        view = view_of(delayed(keypoints_m, lag), delayed(wrist_m, lag), focal_px, centre_px, size_px)
        errors, usual = self._unsteady(rng, view.conditions), self._bias(view)
        wrong, which = self._beliefs(rng, view)
        errors[wrong] *= _WRONG_STEADINESS
        usual[wrong] = self.beliefs[which]
        errors += usual
        np.clip(errors[..., SIZE], -_MAX_LOG_SIZE, _MAX_LOG_SIZE, out=errors[..., SIZE])
        apart = Errors.from_stacked(errors)
        observed_m, observed_px, depth_px = apart.applied(view)
        depth_px += _times(depth_features(view, observed_m), self.bias_depth) * view.size_px[..., None]
        observed = self._seen(rng, view.conditions)
        lost = ~observed
        observed_m -= observed_m[..., :1, :].copy()
        depth_px -= depth_px[..., :1].copy()
        observed_m[lost], observed_px[lost], depth_px[lost] = np.nan, np.nan, np.nan
        score = np.where(observed, apart.score, np.float32(0.0))
        return Detections(observed, observed_m, observed_px, depth_px, score)

    def unexplained(self, view: View, observed_m: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """What view, pose and the first opinion (…,21,3) do not explain of stacked errors (…,E)."""
        left = errors - self._bias(view)
        left[..., DEPTH] -= _times(depth_features(view, observed_m), self.bias_depth)
        return left

    def _bias(self, view: View) -> np.ndarray:
        in_3d = _times(shape_features(view), self.bias_3d)
        return np.concatenate([in_3d, _times(place_features(view), self.bias_place)], axis=-1)

    def _unsteady(self, rng: np.random.Generator, conditions: np.ndarray) -> np.ndarray:
        """The errors (B,N,E) float32 that are no bias."""
        clips, frames = conditions.shape[:2]
        burst = self._bursts(rng, clips, frames)[..., None]
        keep, share = self.lasting.astype(np.float32), self.lasting_share.astype(np.float32)
        # Frames lead: every step of the chain then works on memory in one piece.
        drive = rng.standard_normal((frames, clips, len(keep)), dtype=np.float32)
        fresh = rng.standard_normal((frames, clips, len(keep)), dtype=np.float32)
        drive *= burst * np.sqrt(1.0 - keep**2)
        fresh *= burst * np.sqrt(1.0 - share)
        state = rng.standard_normal((clips, len(keep)), dtype=np.float32)
        for i in range(frames):
            state *= keep
            state += drive[i]
            fresh[i] += np.sqrt(share) * state
        unsteady = np.ascontiguousarray(_times(fresh, self.basis.T).swapaxes(0, 1))
        strength = self._strength(rng, conditions)
        for i, group in enumerate(GROUPS):
            unsteady[..., group] *= strength[..., i : i + 1]
        return unsteady

    def _strength(self, rng: np.random.Generator, conditions: np.ndarray) -> np.ndarray:
        """How strong the errors of each of `GROUPS` are (B,N,6) float32."""
        clips, frames = conditions.shape[:2]
        log_strength = (conditions @ self.strength)[..., None]
        log_strength = log_strength + self.strength_spread * rng.standard_normal((clips, 1, len(GROUPS)))
        swell = wandering(rng, frames, (clips, len(GROUPS)), _SWELL_KEPT).swapaxes(0, 1)
        log_strength += self.swell * swell
        return np.exp(np.clip(log_strength, -_MAX_STRENGTH, _MAX_STRENGTH)).astype(np.float32)

    def _bursts(self, rng: np.random.Generator, clips: int, frames: int) -> np.ndarray:
        """How large what is new is, (N,B) float32 with a mean square of 1."""
        spread, keep = float(self.restlessness[0]), float(self.restlessness[1])
        level = np.clip(wandering(rng, frames, (clips,), keep), -_TAIL, _TAIL)
        return np.exp(spread * level - spread**2)

    def _seen(self, rng: np.random.Generator, conditions: np.ndarray) -> np.ndarray:
        """Where the hand is found (B,N): a two-state chain whose odds follow the view."""
        clips, frames = conditions.shape[:2]
        easy = rng.standard_normal((clips, 1))  # clips that are easy are so for all three
        lose = conditions @ self.lose[:-1] - self.spread[0] * easy
        regain = conditions @ self.regain[:-1] + self.spread[1] * easy
        state = rng.random(clips) < _sigmoid((conditions[:, :1] @ self.start + self.spread[2] * easy)[:, 0])
        dice = _logit(rng.random((clips, frames)))
        seen = np.empty((clips, frames), dtype=bool)
        seen[:, 0] = state
        age = np.full(clips, _FIRST_AGE_FRAMES)
        for i in range(1, frames):
            logit = np.where(state, lose[:, i], regain[:, i])
            logit += np.where(state, self.lose[-1], self.regain[-1]) * log_age(age)
            changes = dice[:, i] < logit
            state = state ^ changes
            age = np.where(changes, 1.0, age + 1.0)
            seen[:, i] = state
        return seen

    def _beliefs(self, rng: np.random.Generator, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Where the detector is wrong altogether (B,N), and which of the beliefs it then holds (K,)."""
        clips, frames = view.size_px.shape
        wrong = np.zeros((clips, frames), dtype=bool)
        since = np.zeros((clips, frames), dtype=int)
        if not len(self.beliefs):
            return wrong, since[wrong]
        odds = _sigmoid(view.conditions @ self.believe)
        dice = rng.random((clips, frames + _WARM_UP_FRAMES))
        state = np.zeros(clips, dtype=bool)
        began = np.zeros(clips, dtype=int)
        for i in range(-_WARM_UP_FRAMES, frames):
            k = max(i, 0)
            starts = ~state & (dice[:, i + _WARM_UP_FRAMES] < odds[:, k])
            state = np.where(state, dice[:, i + _WARM_UP_FRAMES] >= self.release, starts)
            began = np.where(starts, k, began)
            if i >= 0:
                wrong[:, i], since[:, i] = state, began
        beginnings, which = np.unique(
            np.flatnonzero(wrong) // frames * frames + since[wrong], return_inverse=True
        )
        drawn = rng.integers(len(self.beliefs), size=(len(beginnings), _CANDIDATES))
        hands = view.frame.reshape(-1, 9)[beginnings]
        likeness = (self.belief_hands.reshape(-1, 9)[drawn] @ hands[..., None])[..., 0]
        chosen = drawn[np.arange(len(drawn)), np.argmax(likeness, axis=1)]
        return wrong, chosen[which]


def log_age(age_frames: np.ndarray) -> np.ndarray:
    """How a state that has held for some frames (≥ 1) counts in the odds of its end."""
    return np.asarray(np.log(np.minimum(age_frames, _FIRST_AGE_FRAMES) / _FIRST_AGE_FRAMES))


def ages(states: np.ndarray) -> np.ndarray:
    """For how many frames each entry's state (N,) has held; long, for the first."""
    changed = np.flatnonzero(np.diff(states)) + 1
    since = np.zeros(len(states), dtype=int)
    since[changed] = changed
    since = np.maximum.accumulate(since)
    first = _FIRST_AGE_FRAMES * (since == 0)
    return np.asarray(first + np.arange(len(states)) - since + (since > 0))


def wandering(rng: np.random.Generator, frames: int, shape: tuple[int, ...], keep: float) -> np.ndarray:
    """Normal numbers (N,*shape) float32, each the last one's `keep` and something new."""
    values = rng.standard_normal((frames, *shape), dtype=np.float32)
    gain = np.float32(np.sqrt(1.0 - keep**2))
    for i in range(1, frames):
        values[i] = np.float32(keep) * values[i - 1] + gain * values[i]
    return values


def delayed(values: np.ndarray, lag_frames: float) -> np.ndarray:
    """Values (B,N,…) of `lag_frames` ago, linearly between frames; the first one stands for all before it."""
    at = np.clip(np.arange(values.shape[1]) - lag_frames, 0.0, None)
    before = np.minimum(at.astype(int), values.shape[1] - 2)
    share = (at - before).astype(values.dtype).reshape(-1, *[1] * (values.ndim - 2))
    return np.asarray((1.0 - share) * values[:, before] + share * values[:, before + 1])


def _times(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Rows (…,n) times (n,m), in float32 and all in one product."""
    rows = values.reshape(-1, values.shape[-1]) @ matrix.astype(np.float32)
    return np.asarray(rows.reshape(*values.shape[:-1], -1))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))))


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return np.asarray(np.log(p / (1.0 - p)))
