"""Errors of estimated bodies, each sequence on its own."""

from __future__ import annotations

import numpy as np

from app.bench.body_sequence import BodySequence
from app.bench.filters import held
from app.bench.scores import lag_ms
from models.metrics import accel_error, mpjpe, pa_mpjpe

FIGURES = ("mpjpe", "pa", "accel")


def score_body(estimate_m: np.ndarray, sequence: BodySequence) -> dict[str, float]:
    """Errors of one sequence; NaN where a figure cannot be told.

    Every frame from the first detection on counts; of estimates that say nothing for a while the last word
    counts meanwhile.

    Args:
        estimate_m: (N,17,3) hip-relative, NaN where there is none.
        sequence: with the truth.

    Returns:
        `mpjpe`, `pa` in mm, `accel` in mm/frame², `lag` in ms; `silent`, the share of the frames of which
        the estimate said nothing. Without metric truth only `pa` and `silent`.
    """
    everywhere = held(estimate_m)
    counted = sequence.started & sequence.known & np.isfinite(everywhere).all(axis=(1, 2))
    started = sequence.started & sequence.known
    spoken = np.isfinite(estimate_m).all(axis=(1, 2))
    silent = float(1.0 - spoken[started].mean()) if started.any() else float("nan")
    return {**_errors(everywhere, sequence, counted), "silent": silent}


def score_matched(sequence: BodySequence) -> dict[str, float]:
    """Errors of the detections themselves, on the frames that have one; Accel where three neighbours do."""
    return _errors(sequence.raw_m, sequence, sequence.detected & sequence.known)


def frame_errors_mm(
    estimate_m: np.ndarray, sequence: BodySequence, frames: np.ndarray
) -> dict[str, list[float]]:
    """`mpjpe` and `pa` of each of the frames (N,) bool where estimate and truth are known, mm."""
    frames = frames & sequence.known & np.isfinite(estimate_m).all(axis=(1, 2))
    said_m, true_m = estimate_m[frames], sequence.truth_m[frames]
    return {
        "mpjpe": [1e3 * float(error) for error in mpjpe(said_m, true_m)],
        "pa": [1e3 * float(error) for error in pa_mpjpe(said_m, true_m)],
    }


def _errors(said_m: np.ndarray, sequence: BodySequence, frames: np.ndarray) -> dict[str, float]:
    true_m = sequence.truth_m
    errors = {"pa": _mean_mm(pa_mpjpe(said_m[frames], true_m[frames]))}
    if not sequence.metric:
        return errors
    only = np.where(frames[:, None, None], said_m, np.nan)
    return errors | {
        "mpjpe": _mean_mm(mpjpe(said_m[frames], true_m[frames])),
        "accel": _mean_mm(accel_error(only, true_m)),
        "lag": lag_ms(only, true_m),
    }


def _mean_mm(errors_m: np.ndarray) -> float:
    """mm of the mean of what is finite."""
    finite = errors_m[np.isfinite(errors_m)]
    return 1e3 * float(finite.mean()) if len(finite) else float("nan")
