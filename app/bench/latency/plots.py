"""Pictures of the results of bench latency."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bench.latency.contestants import (
    NONE_OFF,
    ONE_EURO_OFF,
    PEER,
    POSEBERT_FIXED,
    POSEBERT_OFF,
    SHOWN,
    SUBJECT,
    is_posebert,
)
from app.bench.latency.labels import SIZE_PT, place
from app.bench.latency.targets import DELAY_MS
from app.bench.style import INK, OURS, draw_all, new_figure, tidy
from app.trace import STAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Results = dict[str, Any]
_COLOURS = {
    SHOWN["none"]: "#9a9a9a",
    SHOWN["one-euro"]: "#30638e",
    SHOWN["posebert"]: OURS,
    PEER.name: "#edae49",
}
_OFF = (NONE_OFF.name, ONE_EURO_OFF.name, POSEBERT_OFF.name)
_JITTER_TICKS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_STAGE_COLOURS = {
    "capture": "#d9d9d9",
    "detect": "#30638e",
    "wait": "#a9b8c6",
    "temporal": OURS,
    "retarget": "#5a9367",
    "publish": "#edae49",
}
_PANEL_PT = (520.0, 275.0)  # of the picture below, about
_ROOM = 1.35  # beside the outermost points, times


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes latency_*.png into `folder`; their paths by name.

    Pictures of which there are no figures are left out, and all without matplotlib.
    """
    makers = {"front": front_picture, "example": example_picture, "stages": stages_picture}
    return draw_all(results, folder, "latency", makers)


def front_picture(results: Results) -> Figure | None:
    """Delay against jitter of every pipeline; those of one temporal stage are joined."""
    points = {
        name: (row["delay_ms"], row["jitter_mm"])
        for name, row in results["rows"].items()
        if row["delay_ms"] is not None and row["jitter_mm"]
    }
    if not points:
        return None
    figure = new_figure(8.0, 4.4)
    panel = figure.subplots()
    delays, jitters = zip(*points.values(), strict=True)
    first, last = min(0.0, *delays), max(DELAY_MS, *delays)
    room = 0.08 * (last - first)
    left, right = first - room, last + 3.3 * room  # names stand to the right
    panel.axvspan(left, DELAY_MS, color="#eef6ee", linewidth=0)
    for stage in dict.fromkeys(_stage(name) for name in points):
        line = sorted(point for name, point in points.items() if _stage(name) == stage)
        panel.plot(*zip(*line, strict=True), color=_colour(stage), linewidth=1.3, alpha=0.4)
    for name, (delay_ms, jitter_mm) in points.items():
        colour = _colour(name)
        panel.scatter(
            delay_ms, jitter_mm, s=140 if name == SUBJECT else 55, edgecolors=colour, linewidths=1.8,
            color="white" if name in _OFF else colour, zorder=4 if is_posebert(name) else 3,
            marker="s" if name == PEER.name else "o",
        )  # fmt: skip
    low, high = min(jitters) / _ROOM, max(jitters) * _ROOM
    panel.set(
        xlim=(left, right), yscale="log", ylim=(low, high),
        xlabel=f"delay from hand to robot, ms; shaded: up to {DELAY_MS:g} ms; hollow: no horizon",
        ylabel="jitter of a still hand at the fingertips, mm",
    )  # fmt: skip
    across, up = _PANEL_PT[0] / (right - left), _PANEL_PT[1] / math.log(high / low)
    points_pt = {
        name: (across * (delay_ms - left), up * math.log(jitter_mm / low))
        for name, (delay_ms, jitter_mm) in points.items()
    }
    labels = {name: _label(name) for name in sorted(points, key=lambda name: name != SUBJECT)}
    for name, placed in place(labels, points_pt, _PANEL_PT).items():
        panel.annotate(
            labels[name], points[name], placed.offset_pt, textcoords="offset points", ha=placed.end,
            fontsize=SIZE_PT, color=OURS if is_posebert(name) else INK,
            fontweight="bold" if name == SUBJECT else "normal",
        )  # fmt: skip
    ticks = [value for value in _JITTER_TICKS if low <= value <= high]
    panel.set_yticks(ticks, [f"{value:g}" for value in ticks])
    panel.set_yticks([], minor=True)
    tidy(panel, "both")
    return figure


def example_picture(results: Results) -> Figure | None:
    """The bending of a finger: the hand, and what the robots make of it."""
    example: Results | None = results["example"]
    if example is None:
        return None
    figure = new_figure(9.0, 3.5)
    panel = figure.subplots()
    t_s = example["t_s"]
    panel.plot(t_s, example["hand"], color="black", linewidth=2.4, alpha=0.85, label="the hand")
    for name, values in example["robots"].items():
        width, order = (2.2, 4) if name == SUBJECT else (1.5, 3)
        panel.plot(t_s, values, color=_colour(name), linewidth=width, zorder=order, label=name)
    panel.set(
        xlim=(t_s[0], t_s[-1]), xlabel=f"time, s, {example['clip']}", ylabel="bending of the index finger, %"
    )
    tidy(panel, "both")
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure


def stages_picture(results: Results) -> Figure:
    """The median time of each stage, one bar a pipeline, and how old poses are when they leave."""
    rows = results["rows"]
    names = list(rows)
    figure = new_figure(8.0, 0.32 * len(names) + 1.3)
    panel = figure.subplots()
    lefts = [0.0] * len(names)
    for stage in STAGES:
        widths = [row["stage_ms"].get(stage, {"p50": 0.0})["p50"] for row in rows.values()]
        panel.barh(
            range(len(names)), widths, left=lefts, height=0.62, color=_STAGE_COLOURS.get(stage, INK),
            label=stage, edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    p99 = [row["age_ms"]["p99"] for row in rows.values()]
    p99_mark = panel.scatter(p99, range(len(names)), s=110, marker="|", color=INK, linewidths=2.0, zorder=4)
    panel.set_yticks(range(len(names)), names)
    for label, name in zip(panel.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name == SUBJECT else "normal")
    panel.invert_yaxis()
    panel.set(xlabel="ms after capture, medians", xlim=(0.0, 1.05 * max(*p99, *lefts)))
    tidy(panel, "x")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(
        [*handles, p99_mark], [*labels, "age at publish, 99 %"], loc="outside upper center",
        ncols=len(STAGES) + 1, frameon=False, fontsize=8,
    )  # fmt: skip
    return figure


def _stage(name: str) -> str:
    """What of a pipeline's name is the same for all its horizons."""
    return name.partition(",")[0]


def _label(name: str) -> str:
    """Fixed horizons stand beside a line that is named already."""
    text = name.replace("horizon ", "")
    return text.partition(", ")[2] if name in {one.name for one in POSEBERT_FIXED} else text


def _colour(name: str) -> str:
    return _COLOURS.get(_stage(name), INK)
