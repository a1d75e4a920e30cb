"""Measures a body detector's errors on pairs of truth and detection: `python -m models.body_noise_fit DIR`.

Each clip's detections are taken apart: which frames have the sides swapped; how far they trail; how much
longer each bone is, in the clip's mean; how the whole body is turned, and what is then left at every
keypoint. Of turns and of what is left, the clip's mean is the bias, and the rest the drift, less what is new
in every frame.
"""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.body_canonical import body_bone_lengths, with_body_bone_lengths
from models.body_keypoints import MIRRORED_KEYPOINTS
from models.body_noise import NOISE_ASSET, MeasuredErrors
from models.errors import ModelError
from models.metrics import mpjpe
from models.rotations import axis_angle_from_matrix, procrustes_rotation

logger = logging.getLogger(__name__)

_LAGS = np.arange(0.0, 4.01, 0.5)  # frames
_SHRINK = 0.15  # of covariances of few clips towards their diagonals
_MIN_FRAMES = 30
_TURNED_RAD = math.radians(60.0)  # turned so far, the body is misread and not just seen askew
# Depth that is off makes bones longer or shorter; of their spread, what is left besides tells the rest.
_UNEXPLAINED = 0.5
_ELSEWHERE_M = 0.15
_NORMAL_MEDIAN = 0.6745  # of the size of a standard normal number
_THIRD_DIFFERENCE_GAIN = 20.0  # variance of white noise's third differences


@dataclass(frozen=True)
class Pair:
    """One clip.

    Attributes:
        truth_m, seen_m: (N,17,3) relative to the hip, camera axes, metres.
        across_m: (N,17,2) how far from where they are in the picture they were seen, metres at the hip's
            distance.
        observed: (N,) bool; what stands in the frames of which it is false is unused.
        score: (N,17) visibility.
    """

    truth_m: np.ndarray
    seen_m: np.ndarray
    across_m: np.ndarray
    observed: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class _Parts:
    """What one clip was taken apart into."""

    lag: float
    stretch: np.ndarray
    turn: np.ndarray
    left: np.ndarray
    swapped: np.ndarray
    turned: np.ndarray


def read_pairs(directory: Path) -> list[Pair]:
    """The files that `app.body_pairs` wrote.

    Raises:
        ModelError: there are none.
    """
    pairs = []
    for file in sorted(Path(directory).glob("*.npz")):
        with np.load(file, allow_pickle=False) as data:
            truth_m, hip_m = data["keypoints_m"].astype(np.float64), data["wrist_m"].astype(np.float64)
            points_m = truth_m + hip_m[:, None]
            rays = (data["observed_px"] - data["centre_px"]) / data["focal_px"]
            pairs.append(
                Pair(
                    truth_m,
                    data["observed_m"].astype(np.float64),
                    (rays - points_m[..., :2] / points_m[..., 2:]) * hip_m[:, None, 2:],
                    data["observed"].astype(bool),
                    data["score"].astype(np.float64),
                )
            )
    if not pairs:
        raise ModelError(f"there are no pairs (.npz) in {directory}; make some with python -m app.body_pairs")
    return pairs


def fit(pairs: list[Pair]) -> MeasuredErrors:
    """The errors of all pairs together."""
    parts = [_taken_apart(pair) for pair in pairs if pair.observed.sum() >= _MIN_FRAMES]
    usual = [p for p in parts if np.count_nonzero(~p.turned & ~p.swapped) >= _MIN_FRAMES]
    left = [p.left[~p.turned & ~p.swapped] for p in usual]
    turn = [p.turn[~p.turned & ~p.swapped] for p in usual]
    turn_bias, turn_drift, _, turn_frames = _split(turn)
    joint_bias, joint_drift, joint_frame, joint_frames = _split(left)
    stretch = np.array([part.stretch for part in parts])
    lag = np.array([part.lag for part in parts])
    turned_rate, turned_frames = _spells([part.turned for part in parts])
    swap_rate, swap_frames = _spells([part.swapped for part in parts])
    miss_rate, miss_frames = _spells([~pair.observed for pair in pairs])
    score = np.concatenate([pair.score[pair.observed] for pair in pairs])
    return MeasuredErrors(
        turn_bias=turn_bias,
        turn_drift=turn_drift,
        stretch_mean=stretch.mean(axis=0),
        stretch_factor=_UNEXPLAINED * _factor(np.cov(stretch.T)),
        joint_bias=joint_bias,
        joint_drift=joint_drift,
        joint_frame_m=joint_frame,
        drift_frames=np.array([turn_frames, joint_frames]),
        lag_frames=np.array([lag.mean(), lag.std()]),
        turned_rate=np.array(turned_rate),
        turned_frames=np.array(turned_frames),
        swap_rate=np.array(swap_rate),
        swap_frames=np.array(swap_frames),
        miss_rate=np.array(miss_rate),
        miss_frames=np.array(miss_frames),
        visibility=score.mean(axis=0),
    )


def swapped_sides(pair: Pair) -> np.ndarray:
    """(n,) of the observed frames: whether left and right fit better the other way round, by a third."""
    truth, seen = pair.truth_m[pair.observed], pair.seen_m[pair.observed]
    # Where the sides cannot be told apart, as seen from beside, both ways fit.
    return mpjpe(seen[:, MIRRORED_KEYPOINTS], truth) < 0.67 * mpjpe(seen, truth)


def _taken_apart(pair: Pair) -> _Parts:
    swapped = swapped_sides(pair)
    (frames,) = np.nonzero(pair.observed)
    seen = pair.seen_m[frames]
    seen = np.where(swapped[:, None, None], seen[:, MIRRORED_KEYPOINTS], seen)
    lag = min(_LAGS, key=lambda lag: _misfit(seen, _delayed(pair.truth_m, frames - lag)))
    truth = _delayed(pair.truth_m, frames - lag)
    stretch = np.log(body_bone_lengths(seen) / body_bone_lengths(truth)).mean(axis=0)
    truth = with_body_bone_lengths(truth, body_bone_lengths(truth) * np.exp(stretch))
    Q = procrustes_rotation(truth, seen, np.ones(truth.shape[1]))
    turn = axis_angle_from_matrix(Q)
    left = (seen - truth @ np.swapaxes(Q, -1, -2)).reshape(len(seen), -1)
    # Where something else is taken for the body, it is not seen askew but elsewhere.
    across = np.clip(pair.across_m[frames].reshape(len(seen), -1), -_ELSEWHERE_M, _ELSEWHERE_M)
    both = np.concatenate([left, across], axis=1)
    return _Parts(float(lag), stretch, turn, both, swapped, np.linalg.norm(turn, axis=-1) > _TURNED_RAD)


def _misfit(seen: np.ndarray, truth: np.ndarray) -> float:
    """How differently the two move: biases do not count."""
    return float(np.linalg.norm(np.diff(seen, axis=0) - np.diff(truth, axis=0), axis=-1).mean())


def _delayed(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (N,…) at fractional frames (n,); the ends hold."""
    at = np.clip(at, 0.0, len(values) - 1.0)
    before = np.minimum(at.astype(int), len(values) - 2)
    part = (at - before).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1.0 - part) + values[before + 1] * part


def _split(series: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Of series (N,n) of several clips: factors (n,n) of bias and drift, frame noise (n,), drift's frames."""
    bias = np.array([s.mean(axis=0) for s in series])
    rest = [s - s.mean(axis=0) for s in series]
    whole = np.concatenate(rest)
    total = whole.T @ whole / len(whole)

    # What is new in every frame stands out in third differences; the median, as jumps are no such noise.
    third = np.concatenate([np.diff(r, n=3, axis=0) for r in rest])
    frame = np.median(np.abs(third), axis=0) / (_NORMAL_MEDIAN * np.sqrt(_THIRD_DIFFERENCE_GAIN))
    drift = total - np.diag(np.minimum(frame**2, 0.9 * np.diag(total)))
    mean_square = bias.T @ bias / len(bias)  # about zero: a mean error of all clips is an error too
    # As smooth as it usually is: a median again, as a jump outweighs many frames.
    bend = np.median(np.abs(np.concatenate([np.diff(r, n=2, axis=0) for r in rest])), axis=0) / _NORMAL_MEDIAN
    size = np.sqrt(np.diag(drift))
    frames = _frames_of_drift(float(np.median(bend[size > 0.0] / size[size > 0.0])))
    return _factor(mean_square), _factor(drift), frame, frames


def _frames_of_drift(ratio: float) -> float:
    """How slow `models.body_noise.smooth_noise` must be for its second differences to be so large a share."""
    choices = np.linspace(0.5, 40.0, 400)
    keep = np.exp(-2.0 / choices)
    slope = (1.0 - keep**2) / (1.0 + keep**2)
    once, twice = keep * (1.0 + slope), keep**2 * (1.0 + 2.0 * slope)  # its correlations
    shares = np.sqrt(6.0 - 8.0 * once + 2.0 * twice)
    return float(choices[np.argmin(np.abs(shares - ratio))])


def _factor(covariance: np.ndarray) -> np.ndarray:
    """L with L Lᵀ = the covariance, shrunk a little to its diagonal."""
    diagonal = np.diag(np.diag(covariance))
    values, vectors = np.linalg.eigh((1.0 - _SHRINK) * covariance + _SHRINK * diagonal)
    return vectors * np.sqrt(np.clip(values, 0.0, None))


def _spells(flags: list[np.ndarray]) -> tuple[float, float]:
    """Of flags (N,) of several clips: how many spells begin per free frame, and their mean length, frames."""
    begun = sum(int(np.count_nonzero(np.diff(f.astype(int), prepend=0) > 0)) for f in flags)
    inside = sum(int(f.sum()) for f in flags)
    free = sum(len(f) for f in flags) - inside
    return begun / max(free, 1), inside / max(begun, 1)


def main() -> None:
    """Measure and write the asset."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m models.body_noise_fit DIRECTORY")
    errors = fit(read_pairs(Path(sys.argv[1])))
    np.savez_compressed(
        NOISE_ASSET,
        **{k: np.asarray(v, dtype=np.float32) for k, v in asdict(errors).items()},  # type: ignore[arg-type]
    )
    for name, value in asdict(errors).items():
        if value.size <= 17:
            logger.info("%s %s", name, np.round(value, 3).tolist())


if __name__ == "__main__":
    main()
