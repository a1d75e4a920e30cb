"""Pictures of the results of bench temporal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bench.methods import HORIZONS
from app.bench.style import INK, OURS, draw_all, new_figure, tidy
from app.bench.summary import (
    FREELY,
    HOLD,
    KALMAN,
    ONE_EURO,
    PRODUCT,
    RAW,
    SAVITZKY_GOLAY,
    TARGET_GROUPS,
    VELOCITY,
    Results,
    compared,
    groups,
    mean_dropped,
    mean_future,
    mean_online,
)
from models.window import SLOT_RATE_HZ

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    RAW: "#9a9a9a",
    HOLD: "#6f6f6f",
    VELOCITY: "#b08968",
    ONE_EURO: "#30638e",
    PRODUCT: "#00798c",
    "EMA 0.2": "#8fb8de",
    "median of 5": "#a5c882",
    SAVITZKY_GOLAY: "#5a9367",
    KALMAN: "#edae49",
    ONE_EURO + FREELY: "#b9c7d5",
    SAVITZKY_GOLAY + FREELY: "#c5d6c8",
    KALMAN + FREELY: "#f3dfb8",
}
_RUN_COLOURS = ("#7b2d8b", "#e07a3f", "#3d405b", "#b56576", "#588157", "#227c9d")


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes temporal_*.png into `folder`; their paths by name.

    Pictures of which there are no figures are left out, and all without matplotlib.
    """
    makers = {
        "methods": methods_picture,
        "drops": drops_picture,
        "future": future_picture,
        "trace": trace_picture,
    }
    return draw_all(results, folder, "temporal", makers)


def methods_picture(results: Results) -> Figure | None:
    """PA-MPJPE of every method, a panel a group."""
    shown = groups(results)
    methods = compared(results, "online")
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure = new_figure(2.7 * columns + 2.0, (0.22 * len(methods) + 0.8) * lines + 0.4)
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    rows = list(range(len(methods)))
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel, group in zip(panels, shown, strict=False):
        values = [mean_online(results, method, "pa_seen", group) for method in methods]
        raw = mean_online(results, RAW, "pa_seen", group)
        panel.barh(rows, [value or 0.0 for value in values], color=[_colour(results, m) for m in methods])
        for row, value in enumerate(values):
            if value is not None:
                panel.text(
                    value, row, f" {value:.1f}", va="center", fontsize=8, color=INK,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.0},  # over the dashed line
                )  # fmt: skip
        if raw is not None:
            panel.axvline(raw, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        most = max((value for value in values if value is not None), default=1.0)
        panel.set(title=group, xlim=(0.0, 1.18 * most))
        tidy(panel, "x")
    panels[0].set_yticks(rows, methods)
    panels[0].invert_yaxis()
    for first in panels[::columns]:
        for label, method in zip(first.get_yticklabels(), methods, strict=True):
            label.set_fontweight("bold" if method == results["subject"] else "normal")
    figure.suptitle("PA-MPJPE, mm: online, frames with a detection; dashed: raw", fontsize=9, color=INK)
    return figure


def drops_picture(results: Results) -> Figure | None:
    """Errors against the share of dropped frames, as figure 9 of the PoseBERT paper."""
    methods = compared(results, "drops")
    shown = [group for group in groups(results) if group in TARGET_GROUPS]
    if not methods or not shown:
        return None
    shares = list(results["drops"][methods[0]])
    figure, panels = _panels(len(shown))
    for column, group in enumerate(shown):
        for row, figure_name in enumerate(("pa", "mpjpe")):
            panel = panels[row][column]
            for method in methods:
                values = [mean_dropped(results, method, figure_name, group, share) for share in shares]
                _line(panel, results, method, [100.0 * float(share) for share in shares], values)
            panel.set(xlabel="frames dropped, %" if row else "", title="" if row else group)
            panel.set_ylim(bottom=0.0)
    return _legended(figure, panels)


def future_picture(results: Results) -> Figure | None:
    """Errors against how far ahead."""
    methods = compared(results, "future")
    shown = [group for group in groups(results) if group in TARGET_GROUPS]
    if not methods or not shown:
        return None
    figure, panels = _panels(len(shown))
    ahead_ms = [1e3 * horizon / SLOT_RATE_HZ for horizon in HORIZONS]
    for column, group in enumerate(shown):
        for row, figure_name in enumerate(("pa", "mpjpe")):
            panel = panels[row][column]
            top = 0.0
            for method in methods:
                values = [mean_future(results, method, figure_name, group, horizon) for horizon in HORIZONS]
                _line(panel, results, method, ahead_ms, values)
                if method in (HOLD, results["subject"]):
                    top = max([top, *(value for value in values if value is not None)])
            judged = results["subject"] or HOLD
            seen = [mean_future(results, judged, figure_name, group, h, "oracle") for h in HORIZONS]
            once_seen = f"{judged}, once seen"
            panel.plot(ahead_ms, _gapped(seen), ":", color=_colour(results, judged), label=once_seen)
            # Constant velocity runs away; the others are what is to be told apart.
            panel.set_ylim(0.0, 1.8 * top if top else None)
            panel.set(xlabel="looked ahead, ms" if row else "", title="" if row else group)
    return _legended(figure, panels)


def trace_picture(results: Results) -> Figure | None:
    """One coordinate of the index fingertip through a gap."""
    trace: dict[str, Any] | None = results["trace"]
    if trace is None:
        return None
    figure = new_figure(9.0, 3.6)
    panel = figure.subplots()
    frames = len(trace["truth"])
    t_s = [i / SLOT_RATE_HZ for i in range(frames)]
    begin, end = (i / SLOT_RATE_HZ for i in trace["gap"])
    panel.axvspan(begin, end, color="#f3ead7", label="no detections", linewidth=0)
    panel.plot(t_s, trace["truth"], color="black", linewidth=2.2, alpha=0.85, label="truth")
    panel.plot(t_s, _gapped(trace["raw"]), ".", markersize=4.5, color=_COLOURS[RAW], label="raw detections")
    for method, values in trace["estimates"].items():
        width = 2.0 if method == results["subject"] else 1.4
        panel.plot(t_s, _gapped(values), color=_colour(results, method), linewidth=width, label=method)
    if trace["ahead"]:
        ahead = [(frame, value) for frame, value in trace["ahead"].values() if value is not None]
        points = [(frame, value) for frame, value in ahead if frame < frames]
        panel.plot(
            [frame / SLOT_RATE_HZ for frame, _ in points], [value for _, value in points], "D",
            markersize=5, markerfacecolor="white", color=OURS, label="predicted at the gap’s end",
        )  # fmt: skip
    panel.set(
        xlabel="time, s", ylabel=f"index fingertip {trace['axis']}, mm", xlim=(0.0, t_s[-1]),
        title=f"{trace['sequence']}, online",
    )  # fmt: skip
    tidy(panel, "y")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
    return figure


def _panels(columns: int) -> tuple[Figure, list[list[Axes]]]:
    """PA above MPJPE, a column a group."""
    figure = new_figure(3.9 * columns + 2.2, 5.6)
    panels = figure.subplots(2, columns, squeeze=False, sharex=True)
    for row, name in zip(panels, ("PA-MPJPE, mm", "MPJPE, mm"), strict=True):
        row[0].set_ylabel(name)
        for panel in row:
            tidy(panel, "both")
    return figure, panels.tolist()


def _line(panel: Axes, results: Results, method: str, x: list[float], values: list[float | None]) -> None:
    if any(value is not None for value in values):
        ours = method == results["subject"]
        panel.plot(
            x, _gapped(values), "o-", label=method, color=_colour(results, method),
            linewidth=2.6 if ours else 1.3, markersize=5 if ours else 3, zorder=3 if ours else 2,
        )  # fmt: skip


def _legended(figure: Figure, panels: list[list[Axes]]) -> Figure:
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8)
    return figure


def _gapped(values: list[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _colour(results: Results, method: str) -> str:
    if method == results["subject"]:
        return OURS
    if method in _COLOURS:
        return _COLOURS[method]
    runs = list(results["runs"])
    return _RUN_COLOURS[runs.index(method) % len(_RUN_COLOURS)] if method in runs else INK
