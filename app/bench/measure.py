"""Running every method on every sequence: all the scores of bench temporal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench import gaps
from app.bench.filters import held
from app.bench.methods import HORIZONS, Estimate, Method
from app.bench.scores import errors_mm, mean, score, score_raw
from app.bench.sequence import Sequence
from app.bench.summary import ABLATION, FREELY, RAW, TARGET_GROUPS, VELOCITY

logger = logging.getLogger(__name__)

DROP_SEED = 0
DROPS_EVERY = 5
"""Of figure 9 every fifth frame is scored: networks need estimate no others, and neighbours err alike."""
_AROUND_GAP = 6  # frames before and after a gap that its scores look at, and a few more


def measure(
    sequences: list[Sequence], methods: list[Method], drops: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """All scores, `kind → method → sequence → figures`; drops have a share between method and sequence."""
    kinds = ("online", "offline", "future", "oracle", "drops", "gaps")
    results: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
    results["online"][RAW] = {sequence.name: score_raw(sequence) for sequence in sequences}
    with tqdm(total=len(methods) * len(sequences), desc="bench", unit="clip", disable=None) as bar:
        for method in methods:
            began_s = time.monotonic()
            for index, sequence in enumerate(sequences):
                bar.set_postfix_str(method.name)
                for kind, value in measure_one(sequence, index, method, drops).items():
                    results[kind].setdefault(method.name, {})[sequence.name] = value
                bar.update()
            logger.info("%s: %.1f s", method.name, time.monotonic() - began_s)
    results["drops"] = {
        name: {str(share): {s: at[s][str(share)] for s in at} for share in drops}
        for name, at in results["drops"].items()
    }
    return results


def measure_one(
    sequence: Sequence, index: int, method: Method, drops: tuple[float, ...]
) -> dict[str, dict[str, Any]]:
    """The scores of one method on one sequence, by kind; kinds it has no answer to are absent."""
    estimate = method.online(sequence)
    found: dict[str, dict[str, Any]] = {}
    if method.name != VELOCITY:
        found["online"] = score(estimate.now_m, sequence)
    if method.name != VELOCITY and not method.name.startswith(ABLATION) and not method.name.endswith(FREELY):
        if sequence.group in TARGET_GROUPS:
            offline_m = method.offline(sequence)
            if offline_m is not None:
                found["offline"] = score(offline_m, sequence)
            found["drops"] = {str(s): _dropped(sequence, index, method, s, estimate) for s in drops}
        if sequence.metric:
            found |= {"gaps": one} if (one := _gap_scores(sequence, method)) else {}
    if estimate.ahead_m:
        # Who falls silent in a long gap is held at its last word here too: gaps are what is hard to foresee.
        found["future"] = {
            str(h): _ahead_scores(sequence, held(ahead_m), h) for h, ahead_m in estimate.ahead_m.items()
        }
        now_m = held(estimate.now_m)
        found["oracle"] = {str(h): _ahead_scores(sequence, _later(now_m, h), h) for h in HORIZONS}
    return found


def _dropped(
    sequence: Sequence, index: int, method: Method, share: float, whole: Estimate
) -> dict[str, float]:
    """Errors on every so many frames from the first detection on."""
    wanted = np.arange(len(sequence)) % DROPS_EVERY == 0
    estimate_m = whole.now_m
    if share > 0.0:
        given = sequence.without(gaps.dropped_at_random(sequence.detected, share, DROP_SEED, index))
        estimate_m = method.online(given, wanted).now_m
    return errors_mm(held(estimate_m), sequence, wanted & sequence.started)


def _gap_scores(sequence: Sequence, method: Method) -> dict[str, float] | None:
    """Errors inside ten-frame gaps, and how the hand moves through their ends; None if there is no gap."""
    starts = gaps.gap_starts(sequence.detected)
    if not starts:
        return None
    inside = gaps.cut(len(sequence), starts)
    about = np.convolve(inside, np.ones(2 * _AROUND_GAP + 1), "same") > 0
    estimate_m = held(method.online(sequence.without(inside), about).now_m)
    truth_m = sequence.truth_m

    def millimetres(measure: Callable[[np.ndarray, int], float], hands_m: np.ndarray) -> list[float]:
        return [1e3 * measure(hands_m, start) for start in starts]

    jumps, own_jumps = millimetres(gaps.jump_m, estimate_m), millimetres(gaps.jump_m, truth_m)
    paths, own_paths = millimetres(gaps.travelled_m, estimate_m), millimetres(gaps.travelled_m, truth_m)
    return {
        **errors_mm(estimate_m, sequence, inside),
        "gaps": len(starts),
        "jump": mean(jumps),
        "jump_most": float(np.max(jumps)),
        "jump_truth": mean(own_jumps),
        "jump_truth_most": float(np.max(own_jumps)),
        "jumps": sum(a > b + 1e3 * gaps.VISIBLE_JUMP_M for a, b in zip(jumps, own_jumps, strict=True)),
        "travelled": mean(paths),
        "travelled_truth": mean(own_paths),
    }


def _ahead_scores(sequence: Sequence, ahead_m: np.ndarray, horizon: int) -> dict[str, float]:
    """Errors of what was said at t of t + horizon, over the frames t from the first detection on."""
    at_target = np.full_like(ahead_m, np.nan)
    at_target[horizon:] = ahead_m[:-horizon]
    frames = np.zeros(len(sequence), dtype=bool)
    frames[horizon:] = sequence.started[:-horizon]
    return errors_mm(at_target, sequence, frames)


def _later(now_m: np.ndarray, horizon: int) -> np.ndarray:
    """(N,21,3) row t is the estimate of frame t + horizon once that frame is seen."""
    later = np.full_like(now_m, np.nan)
    later[:-horizon] = now_m[horizon:]
    return later
