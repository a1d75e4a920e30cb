"""The picture of a soak: what the processes took over time, and what was done to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.bench.soak.faults import CAMERA_FAULTS, OTHER_FAULTS
from app.bench.soak.report import SIDES, Results
from app.bench.style import GRID, INK, OURS, draw_all, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"pipeline": OURS, "robot": "#30638e"}
_LEAST_MIB = 5.0  # shown to both sides, so that noise does not look like growth
_LABELS = {
    "rss_mib": "memory, MiB more",
    "threads": "threads",
    "handles": "handles",
    "cpu_cores": "cores used",
}
_GROUPS = {
    "no frames": ("stall", "unplugged", "dropped", "half rate"),
    "bad images": ("frozen", "black", "noise", "wrong type", "wrong shape", "empty", "half size"),
    "wrong times": ("time backwards", "time repeated", "time ahead"),
    "processor": ("busy processor",),
    "robot": ("home", "disarm", "stop"),
}


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes soak_time.png into `folder`; its path by its name. Nothing without matplotlib or samples."""
    return draw_all(results, folder, "soak", {"time": time_picture})


def time_picture(results: Results) -> Figure | None:
    """Memory, threads, handles and processor use of both sides, above the faults."""
    series = results["series"]
    if len(series["t_s"]) < 2:
        return None
    minutes = [t_s / 60.0 for t_s in series["t_s"]]
    figure = new_figure(10.0, 7.6)
    panels = figure.subplots(5, 1, sharex=True, height_ratios=[2.2, 1, 1, 1, 1.3])
    for panel, (name, label) in zip(panels, _LABELS.items(), strict=False):
        for side, words in SIDES.items():
            values, start = series[side][name], 0.0
            if name == "rss_mib":  # a leak is little beside what there is
                start = results["memory_mib"][side]["first"] or values[0]  # none where a run ended early
                words = f"{words}, more than {start:.0f} MiB"
            panel.plot(
                minutes, [value - start for value in values], color=_COLOURS[side], linewidth=1.4, label=words
            )
        panel.axvspan(0.0, results["skip_s"] / 60.0, color=GRID, alpha=0.6, linewidth=0)
        if name != "rss_mib":
            panel.set_ylim(bottom=0.0)
        panel.set_ylabel(label, fontsize=8)
        tidy(panel, "both")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(min(low, -_LEAST_MIB), max(high, _LEAST_MIB))
    panels[0].set_title(_slopes(results), loc="left", fontsize=9)
    panels[0].legend(loc="lower right", ncols=2, frameon=False, fontsize=8)
    _faults(results, panels[-1])
    panels[-1].set_xlabel("minutes since the first frame; grey: warming up, not judged", fontsize=8)
    panels[-1].set_xlim(min(0.0, minutes[0]), minutes[-1])
    return figure


def _slopes(results: Results) -> str:
    """The growth told, and how sure that is."""
    told = []
    for side, words in SIDES.items():
        slope = results["slopes"][side]
        if slope is not None and slope["low"] is not None and slope["high"] is not None:
            told.append(
                f"{words} {slope['per_hour']:+.1f} MiB/h (95 %: {slope['low']:+.1f} to {slope['high']:+.1f})"
            )
    return ";  ".join(told)


def _faults(results: Results, panel: Axes) -> None:
    kinds = {kind: group for group, members in _GROUPS.items() for kind in members}
    for row, group in enumerate(_GROUPS):
        spans = [
            (begin_s / 60.0, (end_s - begin_s) / 60.0)
            for kind in (*CAMERA_FAULTS, *OTHER_FAULTS)
            if kinds[kind] == group
            for begin_s, end_s in results["faults"].get(kind, [])
        ]
        panel.broken_barh(spans, (row - 0.35, 0.7), color=INK, alpha=0.75, linewidth=0)
    panel.set_yticks(range(len(_GROUPS)), list(_GROUPS))
    panel.set_ylim(len(_GROUPS) - 0.4, -0.6)
    tidy(panel, "x")
