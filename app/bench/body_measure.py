"""Running every method on every body: all the scores of bench temporal --body."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.body_footage import frames_a_second
from app.bench.body_gaps import gap_study
from app.bench.body_methods import HORIZONS, BodyMethod
from app.bench.body_names import MATCHED
from app.bench.body_plausible import plausibility
from app.bench.body_scores import FIGURES, frame_errors_mm, score_body, score_matched
from app.bench.body_sequence import DETECTOR_GROUP, BodySequence
from app.bench.body_tuning import SAVITZKY_GOLAYS
from app.bench.filters import held
from app.bench.scores import mean
from models.body_keypoints import NUM_BODY_KEYPOINTS

logger = logging.getLogger(__name__)


def measure_bodies(
    sequences: Sequence[BodySequence], methods: Sequence[BodyMethod], clip: BodySequence | None
) -> dict[str, dict[str, Any]]:
    """All scores.

    Args:
        sequences: with a truth.
        methods: to be measured, of different names.
        clip: without a truth, to be judged for itself.

    Returns:
        `refinement`, method → sequence → figures; `future` and `oracle`, method → horizon → sequence →
        figures; `gaps`, method → frames masked on either side → figures; `footage`, method → figures.
    """
    results: dict[str, dict[str, Any]] = {
        kind: {} for kind in ("refinement", "future", "oracle", "gaps", "footage")
    }
    results["refinement"][MATCHED] = {sequence.name: score_matched(sequence) for sequence in sequences}
    noisy = [sequence for sequence in sequences if sequence.group == DETECTOR_GROUP]
    with tqdm(total=len(methods) * len(sequences), desc="bench", unit="clip", disable=None) as bar:
        for method in methods:
            began_s = time.monotonic()
            bar.set_postfix_str(method.name)
            for sequence in sequences:
                _measure_one(results, sequence, method)
                bar.update()
            results["gaps"][method.name] = gap_study(noisy, method)
            if clip is not None:
                said_m = method.estimate(clip).now_m
                results["footage"][method.name] = plausibility(said_m, frames_a_second(clip))
            logger.info("%s: %.1f s", method.name, time.monotonic() - began_s)
    return results


def best_window(sequences: Sequence[BodySequence]) -> dict[str, dict[str, float]]:
    """What centred Savitzky–Golay filters reach at most, group → figure: each figure's best window.

    Chosen with hindsight on what is measured, and another one for every figure, so no such filter exists:
    the strictest that smoothing can be taken for.
    """
    found: dict[str, dict[str, float]] = {}
    groups = dict.fromkeys(sequence.group for sequence in sequences if sequence.metric)
    for group in groups:
        every: list[dict[str, float]] = []
        of_group = [sequence for sequence in sequences if sequence.group == group]
        frames = [len(sequence) for sequence in of_group]
        for smoother in SAVITZKY_GOLAYS:
            scores = []
            for sequence in of_group:
                flat = smoother.offline(sequence.raw_m.reshape(len(sequence), -1))
                scores.append(score_body(flat.reshape(-1, NUM_BODY_KEYPOINTS, 3), sequence))
            every.append(
                {name: float(np.average([one[name] for one in scores], weights=frames)) for name in FIGURES}
            )
        found[group] = {name: min(one[name] for one in every) for name in every[0]}
    return found


def _measure_one(results: dict[str, dict[str, Any]], sequence: BodySequence, method: BodyMethod) -> None:
    estimate = method.estimate(sequence)
    figures = score_body(estimate.now_m, sequence)
    results["refinement"].setdefault(method.name, {})[sequence.name] = figures
    if sequence.group != DETECTOR_GROUP or not estimate.ahead_m:
        return
    now_m = held(estimate.now_m)
    for horizon in HORIZONS:
        # Who falls silent is held at the last word here, too: gaps are what is hard to foresee.
        once_seen_m = np.full_like(now_m, np.nan)
        once_seen_m[:-horizon] = now_m[horizon:]
        said = {"oracle": once_seen_m}
        if horizon in estimate.ahead_m:
            said["future"] = held(estimate.ahead_m[horizon])
        for kind, ahead_m in said.items():
            errors = _ahead_errors(sequence, ahead_m, horizon)
            results[kind].setdefault(method.name, {}).setdefault(str(horizon), {})[sequence.name] = errors


def _ahead_errors(sequence: BodySequence, ahead_m: np.ndarray, horizon: int) -> dict[str, float]:
    """Errors of what was said at t of t + horizon, over the frames t from the first detection on."""
    at_target = np.full_like(ahead_m, np.nan)
    at_target[horizon:] = ahead_m[:-horizon]
    frames = np.zeros(len(sequence), dtype=bool)
    frames[horizon:] = sequence.started[:-horizon]
    return {name: mean(values) for name, values in frame_errors_mm(at_target, sequence, frames).items()}
