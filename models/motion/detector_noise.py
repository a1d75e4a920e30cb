"""A detector's habits as noise: sampled for any motion, with parameters fitted to pairs (`detector_fit`).

A detection is the truth of a moment ago, turned, sized, bent and shifted. Each of these has a bias that
depends on view and pose, a part that lasts, a part that is new every frame, and a strength that differs
from clip to clip and with the view. Now and then the detector believes in another pose altogether for a
while; and it loses the hand in bursts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from models.errors import ModelError
from models.motion.detector_features import NUM_ERRORS, Errors, View, place_features, shape_features, view_of

NUM_3D = 67  # of the errors: turn, log size, shape; then place and score
_WARM_UP_FRAMES = 30
_MAX_STRENGTH = 2.5
_TAIL = 2.5
_WRONG_STEADINESS = 0.5  # a wrong belief already holds part of the usual scatter


@dataclass(frozen=True)
class Detections:
    """What a detector says of B clips of N frames; NaN where not observed.

    Attributes:
        observed: (B,N) bool.
        observed_m: (B,N,21,3) float32 relative to the wrist, camera axes, metres.
        observed_px: (B,N,21,2) float32 pixels.
        score: (B,N) float32, 0 where not observed.
    """

    observed: np.ndarray
    observed_m: np.ndarray
    observed_px: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class FittedNoise:
    """The fitted parameters; E = 110 errors as in `detector_features.Errors`.

    Attributes:
        lag_frames: how old what is seen is.
        bias_3d: (73,67) from `shape_features`; bias_place (43,43) from `place_features` to place and score.
        basis: (E,E) columns are uncorrelated directions of what is left, scaled to unit variance.
        lasting: (E,) one-frame correlation of the lasting part of each direction; lasting_share (E,) of its
            variance.
        restlessness: (2,) how the size of what is new varies: standard deviation of its logarithm, and the
            one-frame correlation of that: detections are steady for a while, then jump about.
        strength: (8,) log strength from the conditions; strength_spread: its standard deviation over clips.
        lose, regain: (8,) logits of losing the hand in a frame and of finding it again; spread (3,) standard
            deviations of these and of the start's logit over clips; start (8,) logit of seeing it at first.
        believe: (8,) logit of taking up a wrong belief in a frame; release: probability of dropping it.
        beliefs: (M,E) wrong beliefs that were seen.
    """

    lag_frames: np.ndarray
    bias_3d: np.ndarray
    bias_place: np.ndarray
    basis: np.ndarray
    lasting: np.ndarray
    lasting_share: np.ndarray
    restlessness: np.ndarray
    strength: np.ndarray
    strength_spread: np.ndarray
    lose: np.ndarray
    regain: np.ndarray
    start: np.ndarray
    spread: np.ndarray
    believe: np.ndarray
    release: np.ndarray
    beliefs: np.ndarray

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
        try:
            with np.load(path, allow_pickle=False) as file:
                values = {f.name: file[f.name].astype(np.float64) for f in fields(FittedNoise)}
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(
                f"{path} holds no detector noise ({error}); fit it with python -m app.corpus_noise."
            ) from error
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
        lag = float(self.lag_frames)
        view = view_of(delayed(keypoints_m, lag), delayed(wrist_m, lag), focal_px, centre_px, size_px)
        errors = self._errors(rng, view)
        wrong, belief = self._beliefs(rng, view.conditions)
        unsteady = errors - self._bias(view)
        errors = np.where(wrong[..., None], belief + _WRONG_STEADINESS * unsteady, errors)
        apart = Errors.from_stacked(errors)
        observed_m, observed_px = apart.applied(view)
        observed_m = observed_m - observed_m[..., :1, :]
        observed = self._seen(rng, view.conditions)
        observed_m[~observed], observed_px[~observed] = np.nan, np.nan
        score = np.where(observed, apart.score, 0.0)
        return Detections(
            observed, observed_m.astype(np.float32), observed_px.astype(np.float32), score.astype(np.float32)
        )

    def _bias(self, view: View) -> np.ndarray:
        in_3d, in_picture = shape_features(view) @ self.bias_3d, place_features(view) @ self.bias_place
        return np.concatenate([in_3d, in_picture], axis=-1)

    def _errors(self, rng: np.random.Generator, view: View) -> np.ndarray:
        clips, frames = view.size_px.shape
        burst = self._bursts(rng, clips, frames)[..., None]
        fresh = burst * rng.standard_normal((clips, frames, NUM_ERRORS), dtype=np.float32)
        drive = burst * rng.standard_normal((clips, frames, NUM_ERRORS), dtype=np.float32)
        gain = np.sqrt(1.0 - self.lasting**2).astype(np.float32)
        keep = self.lasting.astype(np.float32)
        lasting = np.empty_like(fresh)
        state = rng.standard_normal((clips, NUM_ERRORS), dtype=np.float32)
        for i in range(frames):
            state = keep * state + gain * drive[:, i]
            lasting[:, i] = state
        mixed = np.sqrt(self.lasting_share) * lasting + np.sqrt(1.0 - self.lasting_share) * fresh
        of_clip = self.strength_spread * rng.standard_normal((clips, 1))
        strength = np.exp(np.clip(view.conditions @ self.strength + of_clip, -_MAX_STRENGTH, _MAX_STRENGTH))
        return np.asarray(self._bias(view) + strength[..., None] * (mixed @ self.basis.T))

    def _bursts(self, rng: np.random.Generator, clips: int, frames: int) -> np.ndarray:
        """How large what is new is, (B,N) float32 with a median of 1."""
        spread, keep = float(self.restlessness[0]), float(self.restlessness[1])
        dice = rng.standard_normal((clips, frames))
        level = np.empty((clips, frames))
        state = rng.standard_normal(clips)
        for i in range(frames):
            state = keep * state + np.sqrt(1.0 - keep**2) * dice[:, i]
            level[:, i] = state
        return np.exp(spread * np.clip(level, -_TAIL, _TAIL)).astype(np.float32)

    def _seen(self, rng: np.random.Generator, conditions: np.ndarray) -> np.ndarray:
        """Where the hand is found (B,N): a two-state chain whose odds follow the view."""
        clips, frames = conditions.shape[:2]
        easy = rng.standard_normal((clips, 1))  # clips that are easy are so for all three
        lose = _sigmoid(conditions @ self.lose - self.spread[0] * easy)
        regain = _sigmoid(conditions @ self.regain + self.spread[1] * easy)
        state = rng.random(clips) < _sigmoid((conditions[:, :1] @ self.start + self.spread[2] * easy)[:, 0])
        dice = rng.random((clips, frames))
        seen = np.empty((clips, frames), dtype=bool)
        for i in range(frames):
            if i:
                state = np.where(state, dice[:, i] >= lose[:, i], dice[:, i] < regain[:, i])
            seen[:, i] = state
        return seen

    def _beliefs(self, rng: np.random.Generator, conditions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the detector is wrong altogether (B,N), and the errors it then makes (B,N,E)."""
        clips, frames = conditions.shape[:2]
        wrong = np.zeros((clips, frames), dtype=bool)
        which = np.zeros((clips, frames), dtype=int)
        if not len(self.beliefs):
            return wrong, np.zeros((clips, frames, NUM_ERRORS))
        odds = _sigmoid(conditions @ self.believe)
        dice = rng.random((clips, frames + _WARM_UP_FRAMES))
        draws = rng.integers(len(self.beliefs), size=(clips, frames))
        state = np.zeros(clips, dtype=bool)
        held = draws[:, 0]
        for i in range(-_WARM_UP_FRAMES, frames):
            k = max(i, 0)
            starts = ~state & (dice[:, i + _WARM_UP_FRAMES] < odds[:, k])
            state = np.where(state, dice[:, i + _WARM_UP_FRAMES] >= self.release, starts)
            held = np.where(starts, draws[:, k], held)
            if i >= 0:
                wrong[:, i], which[:, i] = state, held
        return wrong, self.beliefs[which]


def delayed(values: np.ndarray, lag_frames: float) -> np.ndarray:
    """Values (B,N,…) of `lag_frames` ago, linearly between frames; the first one stands for all before it."""
    at = np.clip(np.arange(values.shape[1]) - lag_frames, 0.0, None)
    before = np.minimum(at.astype(int), values.shape[1] - 2)
    share = (at - before).reshape(-1, *[1] * (values.ndim - 2))
    return np.asarray((1.0 - share) * values[:, before] + share * values[:, before + 1])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))))
