"""Names of methods and readings of the results of bench temporal --body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from app.bench.summary import Results, figures, mean_of

MATCHED, NEAREST, STRAIGHT = "raw, matched frames only", "raw, nearest", "raw, straight lines"
HOLD, VELOCITY = "raw, hold", "constant velocity of raw"
ONE_EURO, PRODUCT = "One-Euro, tuned", "one-euro of the product"
SAVITZKY_GOLAY, CENTRED_GOLAY = "Savitzky–Golay, tuned", "Savitzky–Golay, centred, tuned"
START, START_ONE_EURO = "start of PoseBERT, nearest", "start of PoseBERT, One-Euro"
START_GOLAY = "start of PoseBERT, Savitzky–Golay"
BEST_GOLAY = "Savitzky–Golay, centred, best window of each figure"
GRU, CENTRED_GRU = "bi-GRU", "bi-GRU, centred window"
CENTRED_PAPER = "PoseBERT of the paper, centred window"
SHIPPED, CENTRED_NETWORK = "PoseBERT", "PoseBERT, centred window"


def body_groups(results: Results) -> list[str]:
    """The groups there are, in the order of their sequences."""
    return list(dict.fromkeys(sequence["group"] for sequence in results["sequences"]))


def in_group(results: Results, group: str) -> list[str]:
    """The sequences of a group."""
    return [sequence["name"] for sequence in results["sequences"] if sequence["group"] == group]


def refined(results: Results, method: str, figure: str, group: str) -> float | None:
    """Mean of a figure over the frames of a group, the median of lags; None if it is not known."""
    if method == BEST_GOLAY:
        value = results["best_window"].get(group, {}).get(figure)
        return None if value is None else float(value)
    at, names = results["refinement"].get(method), in_group(results, group)
    return mean_of(at, figure, names) if figure == "lag" else _mean_over_frames(results, at, figure, names)


def ahead(results: Results, method: str, figure: str, horizon: int, kind: str = "future") -> float | None:
    """Mean error of what was said so many frames ahead; of kind "oracle", of what was said once seen."""
    at = results[kind].get(method, {}).get(str(horizon))
    return _mean_over_frames(results, at, figure, list(at or ()))


def gap_error(results: Results, method: str, figure: str, m: str) -> float | None:
    """Mean error of the frames that count with so many masked on either side."""
    return figures(results["gaps"].get(method), figure, [m]).get(m)


def ratio(value: float | None, reference: float | None) -> float | None:
    """value over reference; None if one of them is missing."""
    return None if value is None or not reference else value / reference


def ratios_to_nearest(results: Results) -> dict[str, Any]:
    """Every method's figures over those of the detections filled by the nearest, group → method → figure."""
    found: dict[str, Any] = {}
    for group in body_groups(results):
        found[group] = {}
        for method in (*results["refinement"], BEST_GOLAY):
            each = {
                figure: ratio(
                    refined(results, method, figure, group), refined(results, NEAREST, figure, group)
                )
                for figure in ("mpjpe", "pa", "accel")
            }
            found[group][method] = {name: value for name, value in each.items() if value is not None}
    return found


def measured(results: Results, names: Iterable[str]) -> list[str]:
    """Those of the methods that were measured, in their order in the results."""
    wanted = set(names)
    return [method for method in results["methods"] if method in wanted]


def _mean_over_frames(
    results: Results, at: dict[str, Any] | None, figure: str, names: list[str]
) -> float | None:
    """Mean over sequences, each counting for as many frames as it has."""
    frames = {sequence["name"]: sequence["frames"] for sequence in results["sequences"]}
    values = figures(at, figure, names)
    if not values:
        return None
    return float(np.average(list(values.values()), weights=[frames[name] for name in values]))
