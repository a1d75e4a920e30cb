"""The results of bench temporal as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.bench import captions
from app.bench.gaps import VISIBLE_JUMP_M
from app.bench.methods import HORIZONS
from app.bench.sequence import LEAST_SEEN
from app.bench.summary import (
    ABLATION,
    EVERYTHING,
    FREELY,
    HOLD,
    KALMAN,
    ONE_EURO,
    RAW,
    SAVITZKY_GOLAY,
    TARGET_GROUPS,
    Results,
    compared,
    groups,
    mean_dropped,
    mean_future,
    mean_of,
    mean_online,
    most_of,
    names_in,
    own_run,
    total_of,
)
from app.machine import where_measured

NONE = "–"


def markdown(results: Results, pictures: Mapping[str, str]) -> str:
    """The whole report.

    Args:
        results: as `bench temporal` writes them.
        pictures: the pictures there are, by name, and where they lie as seen from the report.
    """
    sections = [
        _head(results),
        _targets(results),
        _refinement(results, pictures),
        _offline(results),
        _ablations(results),
        _future(results, pictures),
        _drops(results, pictures),
        _gaps(results, pictures),
        _speed(results["speed"]),
        _runs(results["runs"]),
        _per_sequence(results),
        _sequences(results),
        _tuning(results["tuning"]),
    ]
    return "\n".join(section for section in sections if section)


def summary(results: Results) -> str:
    """The few figures a reader in a hurry wants: raw, the best known filter and ours, on rendered hands."""
    rows = []
    for group in [group for group in groups(results) if group in TARGET_GROUPS]:
        for method in (RAW, ONE_EURO, results["subject"]):
            if method is None:
                continue
            names = ("mpjpe_seen", "pa_seen", "accel_seen", "lag")
            values = [mean_online(results, method, name, group) for name in names]
            ahead = mean_future(results, HOLD if method == RAW else method, "mpjpe", group, 10)
            cells = [
                number(value, 0 if name == "lag" else 1) for name, value in zip(names, values, strict=True)
            ]
            rows.append([group, _bold(results, method), *cells, number(ahead)])
    header = ["clips", "method", "MPJPE mm", "PA-MPJPE mm", "Accel mm/frame²", "lag ms", "MPJPE in ⅓ s, mm"]
    return table(header, rows, words=2)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; so many columns are words, the others are figures."""
    lines = ["| " + " | ".join(header) + " |", "|---" * words + "|--:" * (len(header) - words) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash."""
    return NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no -0


def _head(results: Results) -> str:
    quick = " Quick: fewer clips and conditions." if results["quick"] else ""
    return (
        f"# Temporal models, measured\n\nWritten by `python launch.py bench temporal`.{quick} "
        f"{where_measured(results['machine'], results['versions'])}.{_network(results['network'])}\n\n"
        f"{captions.PROTOCOL}"
    )


def _network(about: dict[str, str] | None) -> str:
    return f" The product's network: {about['file']}, SHA-256 {about['sha256'][:16]}…" if about else ""


def _targets(results: Results) -> str:
    if not results["targets"]:
        return f"## Must reach\n\n{captions.NO_SUBJECT}"
    marks = {True: "yes", False: "**no**", None: NONE}
    rows = [[t["wanted"], t["group"] or "all", t["reached"], marks[t["met"]]] for t in results["targets"]]
    return f"## Must reach\n\nOf {results['subject']}, online.\n\n" + table(
        ["target", "on", "reached", "met"], rows, words=4
    )


def _refinement(results: Results, pictures: Mapping[str, str]) -> str:
    parts = ["## Refinement, online\n\n" + _picture(pictures, "methods", "PA-MPJPE of each method")]
    for group in groups(results):
        metric = group in groups(results, metric_only=True)
        if metric:
            names = ["mpjpe", "pa", "accel", "lag", "rest", "mpjpe_seen", "pa_seen", "accel_seen"]
            header = ["method", "MPJPE", "PA", "Accel", "lag ms", "rest", "seen: MPJPE", "PA", "Accel"]
        else:
            names, header = ["pa", "pa_seen"], ["method", "PA", "seen: PA"]
        rows = []
        for method in compared(results, "online"):
            values = {name: mean_online(results, method, name, group) for name in names}
            cells = [number(value, 0 if name == "lag" else 1) for name, value in values.items()]
            if metric:
                paces = (mean_online(results, method, "accel", group, pace) for pace in ("slow", "fast"))
                cells += [number(value) for value in paces]
            rows.append([_bold(results, method), *cells])
        if metric:
            header += ["Accel slow", "fast"]
        parts.append(f"### {group}\n\n{_count(results, group)}\n\n" + table(header, rows))
    return "\n".join(parts)


def _offline(results: Results) -> str:
    methods = compared(results, "offline")
    shown = [group for group in groups(results) if group in TARGET_GROUPS]
    if not methods or not shown:
        return ""
    header = ["method", *(f"{group}: MPJPE / PA / Accel" for group in shown)]
    rows = []
    for method in methods:
        at = results["offline"][method]
        cells = []
        for group in shown:
            values = [mean_of(at, name, names_in(results, group)) for name in ("mpjpe", "pa", "accel")]
            cells.append(" / ".join(number(value) for value in values))
        rows.append([method, *cells])
    return f"## Refinement, offline\n\n{captions.OFFLINE}\n" + table(header, rows)


def _ablations(results: Results) -> str:
    names = [name for name in results["online"] if name.startswith(ABLATION)]
    # The one that leaves nothing out, trained like the others; without it, a bare network as they are.
    everything = f"{ABLATION} {EVERYTHING}"
    full = everything if everything in names else own_run(results) or results["subject"]
    if not names or full is None:
        return ""
    names = [name for name in names if name != full]
    shown = [group for group in groups(results) if group in TARGET_GROUPS]
    header = ["ingredient"]
    for group in shown:
        header += [f"{group}: MPJPE", "PA", "Accel"]
    rows = []
    for name in (full, *names):
        cells = []
        for group in shown:
            for figure in ("mpjpe", "pa", "accel"):
                value, whole = (mean_online(results, method, figure, group) for method in (name, full))
                cell = number(value, 2)
                if name != full and value is not None and whole:
                    cell += f" ({value / whole - 1.0:+.0%})"
                cells.append(cell)
        rows.append([name.removeprefix(ABLATION).strip(), *cells])
    return f"## What each ingredient gives\n\n{captions.ABLATIONS}\n" + table(header, rows)


def _future(results: Results, pictures: Mapping[str, str]) -> str:
    methods = compared(results, "future")
    parts = [f"## Future\n\n{captions.FUTURE}\n" + _picture(pictures, "future", "Error against horizon")]
    for group in groups(results):
        rows = [[_bold(results, m), *_ahead(results, m, group, "future")] for m in methods]
        oracle = results["subject"] or HOLD
        rows.append([f"oracle: {oracle}, once seen", *_ahead(results, oracle, group, "oracle")])
        parts.append(f"### {group}\n\n" + table(["method", *(f"{h} frames" for h in HORIZONS)], rows))
    return "\n".join(parts)


def _ahead(results: Results, method: str, group: str, kind: str) -> list[str]:
    """PA / MPJPE at every horizon."""
    cells = []
    for h in HORIZONS:
        pa, error = (mean_future(results, method, name, group, h, kind) for name in ("pa", "mpjpe"))
        cells.append(_pair(pa, error))
    return cells


def _pair(pa: float | None, error: float | None) -> str:
    return number(pa) + (f" / {number(error)}" if error is not None else "")


def _drops(results: Results, pictures: Mapping[str, str]) -> str:
    methods = compared(results, "drops")
    if not methods:
        return ""
    shares = list(results["drops"][methods[0]])
    picture = _picture(pictures, "drops", "Error against dropped frames")
    parts = [f"## Frames dropped at random\n\n{captions.DROPS}\n{picture}"]
    for group in [group for group in groups(results) if group in TARGET_GROUPS]:
        rows = []
        for method in methods:
            cells = []
            for share in shares:
                pa, error = (
                    mean_dropped(results, method, figure, group, share) for figure in ("pa", "mpjpe")
                )
                cells.append(_pair(pa, error))
            rows.append([_bold(results, method), *cells])
        parts.append(f"### {group}\n\n" + table(["method", *(f"{float(s):.0%}" for s in shares)], rows))
    return "\n".join(parts)


def _gaps(results: Results, pictures: Mapping[str, str]) -> str:
    methods = compared(results, "gaps")
    if not methods:
        return ""
    about = captions.GAPS.format(limit=1e3 * VISIBLE_JUMP_M)
    picture = _picture(pictures, "trace", "A fingertip through a gap")
    parts = [f"## Gaps of ten frames\n\n{about}\n{picture}"]
    header = ["method", "MPJPE", "PA", "jump", "largest", "visible", "way"]
    for group in groups(results, metric_only=True):
        sequences = names_in(results, group)
        if not any(name in results["gaps"][methods[0]] for name in sequences):
            continue
        at = results["gaps"][methods[0]]
        truth = [
            mean_of(at, "jump_truth", sequences), most_of(at, "jump_truth_most", sequences), None,
            mean_of(at, "travelled_truth", sequences),
        ]  # fmt: skip
        rows = [["*the true hand*", NONE, NONE, *(number(value) for value in truth)]]
        for method in methods:
            at = results["gaps"][method]
            errors = [mean_of(at, name, sequences) for name in ("mpjpe", "pa", "jump")]
            cells = [number(value) for value in (*errors, most_of(at, "jump_most", sequences))]
            cells += [
                number(total_of(at, "jumps", sequences), 0),
                number(mean_of(at, "travelled", sequences)),
            ]
            rows.append([_bold(results, method), *cells])
        count = f"{total_of(at, 'gaps', sequences):.0f} gaps."
        parts.append(f"### {group}\n\n{count}\n\n" + table(header, rows))
    return "\n".join(parts)


def _speed(speed: dict[str, Any]) -> str:
    names = {
        "paper_torch": "the paper's network, all 64 slots, eager torch",
        "session": "the product's network alone",
        "stage": "the product's temporal stage: window in, trajectory out",
        "prepared": "the same live, once the detector is done: the past was computed meanwhile",
    }
    rows = [
        [text, f"{speed[f'{name}_ms']:.2f} ms", number(speed.get(f"{name}_times_faster", 1.0)) + "×"]
        for name, text in names.items()
        if f"{name}_ms" in speed
    ]
    return (
        f"## Speed of one online update\n\n{speed['threads']} CPU threads, medians of {speed['rounds']} "
        "interleaved updates.\n\n" + table(["", "time", "faster"], rows)
    )


def _runs(runs: dict[str, dict[str, Any]]) -> str:
    if not runs:
        return ""
    rows = [
        [
            name, about["network"], about["noise"] or NONE, str(about["width"]),
            f"{about['parameters'] / 1e6:.2f} M", str(about["steps"]), number(about["minutes"], 0),
        ]
        for name, about in runs.items()
    ]  # fmt: skip
    header = ["run", "network", "noise on motion", "width", "parameters", "steps", "minutes"]
    return f"## The training runs\n\n{captions.RUNS}\n" + table(header, rows, words=3)


def _per_sequence(results: Results) -> str:
    shown = [name for name in (RAW, ONE_EURO, results["subject"]) if name]
    header = ["sequence"]
    for method in shown:
        header += [f"{method}: PA", "MPJPE", "Accel", "lag ms"]
    rows = []
    for sequence in results["sequences"]:
        cells = []
        for method in shown:
            at = results["online"][method].get(sequence["name"], {})
            values = [at.get(name) for name in ("pa_seen", "mpjpe_seen", "accel_seen", "lag")]
            cells += [number(value, 0 if i == 3 else 1) for i, value in enumerate(values)]
        rows.append([sequence["name"], *cells])
    return "## Sequence by sequence\n\nOnline, seen frames; lag over all.\n\n" + table(header, rows)


def _sequences(results: Results) -> str:
    rows = [
        [
            s["name"], s["group"], str(s["frames"]), f"{s['detected']:.0%}", number(s["speed_mm_s"], 0),
            s["pace"] or NONE, str(s["resting_frames"]),
        ]
        for s in results["sequences"]
    ]  # fmt: skip
    about = captions.SEQUENCES.format(
        limit=1e3 * results["fast_m_s"],
        noise=results["noise"],
        least=LEAST_SEEN,
        left_out=", ".join(results["left_out"]) or "none",
    )
    header = ["sequence", "group", "frames", "detected", "mm/s", "pace", "at rest"]
    return f"## The sequences\n\n{about}\n" + table(header, rows, words=2)


def _tuning(tuning: dict[str, Any]) -> str:
    rows = []
    for suffix, chosen in (("", tuning["prompt"]), (FREELY, tuning["free"])):
        for key, name in (("one_euro", ONE_EURO), ("kalman", KALMAN), ("savitzky_golay", SAVITZKY_GOLAY)):
            tuned = chosen[key]
            parameters = ", ".join(f"{key} {value:g}" for key, value in tuned["filter"].items())
            edge = ", ".join(tuned["at_edge"]) or NONE
            cost, lag = number(tuned["cost"], 2), number(tuned["lag"], 0)
            rows.append([name + suffix, parameters, cost, lag, str(tuned["tried"]), edge])
    header = ["filter", "parameters", "cost", "lag ms", "tried", "at the edge of the grid"]
    about = captions.TUNING.format(clips=tuning["clips"])
    return f"## Parameters of the filters\n\n{about}\n" + table(header, rows, words=2)


def _count(results: Results, group: str) -> str:
    slow, fast = (len(names_in(results, group, pace)) for pace in ("slow", "fast"))
    count = len(names_in(results, group))
    return f"{count} sequences: {slow} slow, {fast} fast." if slow + fast else f"{count} sequences."


def _bold(results: Results, method: str) -> str:
    return f"**{method}**" if method == results["subject"] else method


def _picture(pictures: Mapping[str, str], name: str, about: str) -> str:
    return f"![{about}]({pictures[name]})\n" if name in pictures else ""
