"""The results of bench temporal --body as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.bench import body_captions as captions
from app.bench.body_gaps import MASKED, NONE_MASKED
from app.bench.body_methods import HORIZONS
from app.bench.body_names import (
    BEST_GOLAY,
    CENTRED_GOLAY,
    CENTRED_GRU,
    CENTRED_NETWORK,
    CENTRED_PAPER,
    GRU,
    HOLD,
    MATCHED,
    NEAREST,
    ONE_EURO,
    PRODUCT,
    SAVITZKY_GOLAY,
    SHIPPED,
    START,
    START_GOLAY,
    START_ONE_EURO,
    STRAIGHT,
    VELOCITY,
    ahead,
    body_groups,
    gap_error,
    in_group,
    measured,
    refined,
)
from app.bench.body_sequence import DETECTOR_GROUP, VIEWS_GROUP
from app.bench.summary import Results
from app.bench.tables import NONE, number, table
from app.machine import where_measured

_FILLED = (NEAREST, STRAIGHT, HOLD)
_CENTRED = (CENTRED_GRU, CENTRED_PAPER, CENTRED_NETWORK)
_STARTS = (START, START_ONE_EURO, START_GOLAY)
_SMOOTHED = (ONE_EURO, PRODUCT, SAVITZKY_GOLAY, CENTRED_GOLAY, *_STARTS, GRU, *_CENTRED, SHIPPED)
_BRIDGING = (NEAREST, STRAIGHT, HOLD, PRODUCT, CENTRED_GOLAY, START, GRU, *_CENTRED, SHIPPED)
_FORESEEING = (HOLD, VELOCITY, ONE_EURO, PRODUCT, GRU, SHIPPED)
_FILMED = (HOLD, PRODUCT, GRU, SHIPPED)  # tuned filters are for thirty frames a second


def markdown(results: Results, pictures: Mapping[str, str]) -> str:
    """The whole report.

    Args:
        results: as `bench temporal --body` writes them.
        pictures: the pictures there are, by name, and where they lie as seen from the report.
    """
    sections = [
        _head(results),
        _targets(results),
        _refinement(results, pictures),
        _gaps(results, pictures),
        _future(results, pictures),
        _footage(results),
        _views(results),
        _runs(results["runs"]),
        _tuning(results),
    ]
    return "\n".join(section for section in sections if section)


def summary(results: Results) -> str:
    """The few figures a reader in a hurry wants: the detector's noise, all frames."""
    rows = [
        _refined_row(results, method, DETECTOR_GROUP, ratios=False)
        for method in (NEAREST, PRODUCT, SAVITZKY_GOLAY, START_ONE_EURO, GRU, SHIPPED)
        if method in results["methods"]
    ]
    header = ["method", "looks ahead", "MPJPE mm", "PA-MPJPE mm", "Accel mm/frame²"]
    return table(header, rows, words=2)


def _head(results: Results) -> str:
    quick = " Quick: fewer clips." if results["quick"] else ""
    network = results["network"]
    file = f" {SHIPPED}: {network['file']}, SHA-256 {network['sha256'][:16]}…." if network else ""
    left_out = "".join(f"\n* Left out: {why}." for why in results["left_out"])
    return (
        f"## Measured\n\nWritten by `python launch.py bench temporal --body`.{quick} "
        f"{where_measured(results['machine'], results['versions'])}.{file}\n{left_out}\n\n{captions.PROTOCOL}"
    )


def _targets(results: Results) -> str:
    if not results["targets"]:
        return f"### Must reach\n\n{captions.NO_NETWORK}"
    marks = {True: "reached", False: "**missed**", None: "not told"}
    rows = [[t["wanted"], t["reached"], marks[t["met"]]] for t in results["targets"]]
    return f"### Must reach\n\n{captions.TARGETS}\n" + table(["target", "measured", ""], rows, words=3)


def _refinement(results: Results, pictures: Mapping[str, str]) -> str:
    parts = [f"### Refinement\n\n{captions.REFINEMENT}\n" + _picture(pictures, "refinement", "Errors")]
    for group in body_groups(results):
        if group == VIEWS_GROUP:
            continue
        methods = [MATCHED, *measured(results, (*_FILLED, *_SMOOTHED)), BEST_GOLAY]
        rows = [_refined_row(results, method, group) for method in methods]
        header = ["method", "looks ahead", "MPJPE", "PA-MPJPE", "Accel", "of raw, nearest", "lag ms"]
        frames = sum(s["frames"] for s in results["sequences"] if s["group"] == group)
        parts.append(
            f"#### {group}\n\n{len(in_group(results, group))} sequences, {frames} frames, "
            f"{_detected(results, group):.1%} detected.\n\n" + table(header, rows, words=2)
        )
    return "\n".join(parts)


def _refined_row(results: Results, method: str, group: str, ratios: bool = True) -> list[str]:
    values = [refined(results, method, figure, group) for figure in ("mpjpe", "pa", "accel")]
    cells = [_bold(method), _looks_ahead(results, method), *(number(value) for value in values)]
    if not ratios:
        return cells
    shares = [results["ratios"][group].get(method, {}).get(figure) for figure in ("mpjpe", "pa", "accel")]
    said = " / ".join(number(share, 2) for share in shares)
    return [*cells, said, number(refined(results, method, "lag", group), 0)]


def _gaps(results: Results, pictures: Mapping[str, str]) -> str:
    keys = [NONE_MASKED, *(str(m) for m in MASKED)]
    methods = measured(results, _BRIDGING)
    count = results["gaps"][methods[0]][NONE_MASKED]["targets"]
    rows = _by_step(
        results, methods, keys, lambda method, figure, key: gap_error(results, method, figure, key)
    )
    header = ["method", "looks ahead", "none", *(f"m = {m}" for m in MASKED)]
    about = captions.GAPS.format(count=count)
    picture = _picture(pictures, "gaps", "Error against masked frames")
    return f"### Gaps\n\n{about}\n{picture}" + table(header, rows, words=2)


def _future(results: Results, pictures: Mapping[str, str]) -> str:
    methods = [method for method in measured(results, _FORESEEING) if method in results["future"]]
    rows = _by_step(results, methods, HORIZONS, lambda method, figure, h: ahead(results, method, figure, h))
    oracle = SHIPPED if SHIPPED in results["oracle"] else PRODUCT
    cells = [
        _pair(*(ahead(results, oracle, figure, h, "oracle") for figure in ("mpjpe", "pa"))) for h in HORIZONS
    ]
    rows.append([f"oracle: {oracle}, once seen", NONE, *cells])
    header = ["method", "looks ahead", *(f"{h} frame{'s' * (h > 1)}" for h in HORIZONS)]
    picture = _picture(pictures, "future", "Error against horizon")
    return f"### Future\n\n{captions.FUTURE}\n{picture}" + table(header, rows, words=2)


def _by_step(
    results: Results,
    methods: Iterable[str],
    steps: Iterable[Any],
    of: Callable[..., float | None],
) -> list[list[str]]:
    """Rows of MPJPE / PA-MPJPE, a column a step."""
    rows = []
    for method in methods:
        cells = [_pair(of(method, "mpjpe", step), of(method, "pa", step)) for step in steps]
        rows.append([_bold(method), _looks_ahead(results, method), *cells])
    return rows


def _footage(results: Results) -> str:
    methods = measured(results, (m for m in _FILMED if m in results["footage"]))
    if not methods:
        return ""
    rows = []
    for method in methods:
        at = results["footage"][method]
        limits = at["limits"]
        rows.append(
            [
                _bold(method), number(at["jitter"]), number(at["bones"]),
                NONE if limits is None else f"{limits:.1%}", number(at["swaps"]), f"{at['known']:.1%}",
            ]
        )  # fmt: skip
    header = ["method", "jitter mm/frame²", "bones vary %", "beyond limits", "swaps a minute", "frames told"]
    return f"### A filmed person\n\n{captions.FOOTAGE}\n" + table(header, rows)


def _views(results: Results) -> str:
    about = results["views"]
    if about is None:
        return ""
    names = in_group(results, VIEWS_GROUP)
    rows = []
    for method in measured(results, (*_FILLED, *_SMOOTHED)):
        cells = [number(results["refinement"][method][name]["pa"]) for name in names]
        mean_pa = number(refined(results, method, "pa", VIEWS_GROUP))
        rows.append([_bold(method), _looks_ahead(results, method), *cells, mean_pa])
    swapped = ", ".join(f"{name} {count}" for name, count in about["swapped"].items())
    said = captions.VIEWS.format(frames=about["frames"], residual=about["residual_px"], swapped=swapped)
    header = ["method", "looks ahead", *names, "mean"]
    return f"### Four cameras\n\n{said}\n" + table(header, rows, words=2)


def _runs(runs: Mapping[str, Any]) -> str:
    if not runs:
        return ""
    rows = [
        [
            name, about["network"], str(about["width"]), f"{about['parameters'] / 1e6:.2f} M",
            str(about["steps"]), number(about["minutes"], 0),
        ]
        for name, about in runs.items()
    ]  # fmt: skip
    header = ["run", "network", "width", "parameters", "steps", "minutes"]
    return f"### The training runs\n\n{captions.RUNS}\n" + table(header, rows, words=2)


def _tuning(results: Results) -> str:
    rows = []
    for key, name in (
        ("one_euro", ONE_EURO),
        ("savitzky_golay", SAVITZKY_GOLAY),
        ("centred", CENTRED_GOLAY),
    ):
        tuned = results["tuning"][key]
        parameters = ", ".join(f"{key} {value:g}" for key, value in tuned["filter"].items())
        edge = ", ".join(tuned["at_edge"]) or NONE
        rows.append([name, parameters, number(tuned["cost"]), number(tuned["lag"], 0), edge])
    header = ["filter", "parameters", "MPJPE + Accel", "lag ms", "at the edge of the grid"]
    about = captions.TUNING.format(clips=results["tuning"]["clips"])
    return f"### Parameters of the filters\n\n{about}\n" + table(header, rows, words=2)


def _detected(results: Results, group: str) -> float:
    """Share of all frames of a group."""
    of = [sequence for sequence in results["sequences"] if sequence["group"] == group]
    return sum(s["detected"] * s["frames"] for s in of) / sum(s["frames"] for s in of)


def _looks_ahead(results: Results, method: str) -> str:
    if method == BEST_GOLAY:
        return "the clip, and hindsight"
    return results["looks_ahead"].get(method, "") or NONE


def _pair(error: float | None, pa: float | None) -> str:
    return NONE if error is None else f"{number(error)} / {number(pa)}"


def _bold(method: str) -> str:
    return f"**{method}**" if method == SHIPPED else method


def _picture(pictures: Mapping[str, str], name: str, about: str) -> str:
    return f"![{about}]({pictures[name]})\n\n" if name in pictures else ""
