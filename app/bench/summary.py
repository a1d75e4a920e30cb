"""Reading the results of a benchmark: names of methods, means over the sequences of a group."""

from __future__ import annotations

import statistics
from typing import Any

from app.bench.sequence import OWN_GROUP, RENDERED_GROUP

RAW, HOLD, SHIPPED = "raw", "raw, hold", "PoseBERT (ours)"
PRODUCT, VELOCITY = "one-euro of the product", "constant velocity of raw"
ONE_EURO, KALMAN, SAVITZKY_GOLAY = "One-Euro, tuned", "Kalman, tuned", "Savitzky–Golay, tuned"
FREELY = " at any lag"
ABLATION = "ablation:"
EVERYTHING = "all"  # the ablation that leaves nothing out
TARGET_GROUPS = (OWN_GROUP, RENDERED_GROUP)
"""The groups that show rendered hands to the real detector."""

Results = dict[str, Any]


def groups(results: Results, metric_only: bool = False) -> list[str]:
    """The groups there are, in the order of their sequences."""
    return list(dict.fromkeys(s["group"] for s in results["sequences"] if s["metric"] or not metric_only))


def names_in(results: Results, group: str, pace: str | None = None) -> list[str]:
    """Sequences of a group; only the slow or the fast ones if `pace` is given."""
    return [
        s["name"] for s in results["sequences"] if s["group"] == group and (pace is None or s["pace"] == pace)
    ]


def figures(at: dict[str, Any] | None, figure: str, sequences: list[str]) -> dict[str, float]:
    """A figure by sequence where it is known, from `sequence → figures`."""
    found = {}
    for name in sequences:
        value = (at or {}).get(name, {}).get(figure)
        if value is not None and value == value:
            found[name] = float(value)
    return found


def mean_of(at: dict[str, Any] | None, figure: str, sequences: list[str]) -> float | None:
    """Mean over sequences, None if no sequence has the figure; of lags the median.

    On clips where little moves, or the estimate is wrong throughout, a lag can come out as anything.
    """
    values = list(figures(at, figure, sequences).values())
    if not values:
        return None
    return statistics.median(values) if figure == "lag" else statistics.fmean(values)


def total_of(at: dict[str, Any] | None, figure: str, sequences: list[str]) -> float | None:
    """Sum over sequences, None if no sequence has the figure."""
    values = list(figures(at, figure, sequences).values())
    return sum(values) if values else None


def most_of(at: dict[str, Any] | None, figure: str, sequences: list[str]) -> float | None:
    """The largest of all sequences, None if no sequence has the figure."""
    return max(figures(at, figure, sequences).values(), default=None)


def at_step(at: dict[str, Any] | None, step: str) -> dict[str, Any]:
    """Of `sequence → step → figures`, the `sequence → figures` of one step, such as a horizon."""
    return {name: steps[step] for name, steps in (at or {}).items() if step in steps}


def mean_online(
    results: Results, method: str, figure: str, group: str, pace: str | None = None
) -> float | None:
    """Mean of an online figure over a group."""
    return mean_of(results["online"].get(method), figure, names_in(results, group, pace))


def mean_future(
    results: Results, method: str, figure: str, group: str, horizon: int, kind: str = "future"
) -> float | None:
    """Mean error of what was said so many frames ahead; of kind "oracle", of what was said once seen."""
    at = at_step(results[kind].get(method), str(horizon))
    return mean_of(at, figure, names_in(results, group))


def mean_dropped(results: Results, method: str, figure: str, group: str, share: str) -> float | None:
    """Mean error with a share of the detections lost."""
    return mean_of(results["drops"].get(method, {}).get(share), figure, names_in(results, group))


def compared(results: Results, kind: str) -> list[str]:
    """The methods of one kind of result, in order, without ablations."""
    return [name for name in results["methods"] if name in results[kind] and not name.startswith(ABLATION)]


def own_run(results: Results) -> str | None:
    """The first training run of our own kind of network, None if there is none."""
    return next(
        (
            name
            for name, about in results["runs"].items()
            if about["network"] == "ours" and not name.startswith(ABLATION)
        ),
        None,
    )


def baselines(results: Results) -> dict[str, str]:
    """The runs PoseBERT is to beat, by kind of network: gru and paper."""
    return {
        about["network"]: name
        for name, about in reversed(results["runs"].items())
        if about["network"] in ("gru", "paper") and not name.startswith(ABLATION)
    }
