"""Errors of estimates, each sequence on its own: a difference across a border of two would be no motion."""

from __future__ import annotations

import numpy as np

from app.bench.filters import held
from app.bench.sequence import Sequence
from models.lag import jitter, lag_frames
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.window import SLOT_RATE_HZ

_LAG_MOST = 10  # frames to either side


def score(estimate_m: np.ndarray, sequence: Sequence) -> dict[str, float]:
    """Errors of one sequence; NaN where a figure cannot be told.

    `mpjpe`, `pa`, `accel` count every frame from the first detection on, `…_seen` those with a detection;
    of estimates that say nothing for a while the last word counts meanwhile. Accel of seen frames counts
    where three neighbours are seen.

    Args:
        estimate_m: (N,21,3) wrist-relative, NaN where there is none.
        sequence: with the truth; all detections it was recorded with.

    Returns:
        mm; mm/frame² for accel and for rest, the jitter of a resting hand; ms for lag; a share for silent,
        the frames after the first detection of which the estimate said nothing.
    """
    truth_m = sequence.truth_m
    everywhere = held(estimate_m)
    every = sequence.started & sequence.known & np.isfinite(everywhere).all(axis=(1, 2))
    seen = sequence.detected & every
    started = sequence.started & sequence.known
    spoken = np.isfinite(estimate_m).all(axis=(1, 2))
    scores = {
        "pa": _mean(pa_mpjpe(everywhere[every], truth_m[every])),
        "pa_seen": _mean(pa_mpjpe(everywhere[seen], truth_m[seen])),
        "silent": float(1.0 - spoken[started].mean()) if started.any() else float("nan"),
    }
    if not sequence.metric:
        return scores
    only_every, only_seen = _only(everywhere, every), _only(everywhere, seen)
    scores |= {
        "mpjpe": _mean(mpjpe(everywhere[every], truth_m[every])),
        "mpjpe_seen": _mean(mpjpe(everywhere[seen], truth_m[seen])),
        "accel": _mean(accel_error(only_every, truth_m)),
        "accel_seen": _mean(accel_error(only_seen, truth_m)),
        "lag": lag_ms(only_every, truth_m),
        "rest": _rest(only_every, sequence),
    }
    return scores


def score_raw(sequence: Sequence) -> dict[str, float]:
    """Errors of the detections themselves: there are some on seen frames only."""
    scores = score(sequence.raw_m, sequence)
    only_seen = _only(sequence.raw_m, sequence.detected & sequence.known)
    for name in ("pa", "mpjpe", "accel"):
        scores.pop(name, None)
    if sequence.metric:
        scores |= {"lag": lag_ms(only_seen, sequence.truth_m), "rest": _rest(only_seen, sequence)}
    return scores


def errors_mm(estimate_m: np.ndarray, sequence: Sequence, frames: np.ndarray) -> dict[str, float]:
    """`pa` and, of metric truth, `mpjpe` over the frames (N,) bool, mm."""
    frames = frames & sequence.known & np.isfinite(estimate_m).all(axis=(1, 2))
    scores = {"pa": _mean(pa_mpjpe(estimate_m[frames], sequence.truth_m[frames]))}
    if sequence.metric:
        scores["mpjpe"] = _mean(mpjpe(estimate_m[frames], sequence.truth_m[frames]))
    return scores


def lag_ms(estimate_m: np.ndarray, truth_m: np.ndarray) -> float:
    """How late, ms; NaN if too little can be compared."""
    if len(truth_m) <= 4 * _LAG_MOST:
        return float("nan")
    return 1e3 / SLOT_RATE_HZ * lag_frames(estimate_m, truth_m, _LAG_MOST)


def mean(values: list[float]) -> float:
    """Of what is known of them; NaN if nothing is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _rest(estimate_m: np.ndarray, sequence: Sequence) -> float:
    return mean([1e3 * jitter(estimate_m[rows]) for rows in sequence.resting])


def _only(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.where(rows[:, None, None], values, np.nan)


def _mean(errors_m: np.ndarray) -> float:
    """mm of the mean of what is finite."""
    finite = errors_m[np.isfinite(errors_m)]
    return 1e3 * float(finite.mean()) if len(finite) else float("nan")
