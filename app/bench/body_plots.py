"""Pictures of the results of bench temporal --body."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.bench.body_gaps import MASKED
from app.bench.body_methods import HORIZONS
from app.bench.body_names import (
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
    gap_error,
    measured,
    refined,
)
from app.bench.body_sequence import DETECTOR_GROUP
from app.bench.style import INK, OURS, draw_all, new_figure, tidy
from app.bench.summary import Results
from models.window import SLOT_RATE_HZ

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    MATCHED: "#c4c4c4",
    NEAREST: "#9a9a9a",
    STRAIGHT: "#b7b09c",
    HOLD: "#6f6f6f",
    VELOCITY: "#b08968",
    ONE_EURO: "#30638e",
    PRODUCT: "#00798c",
    SAVITZKY_GOLAY: "#5a9367",
    CENTRED_GOLAY: "#a5c882",
    START: "#d0b8a8",
    START_ONE_EURO: "#a57f6a",
    START_GOLAY: "#c29a80",
    GRU: "#7b2d8b",
    CENTRED_GRU: "#b79cc2",
    CENTRED_PAPER: "#e07a3f",
    CENTRED_NETWORK: "#e8a1aa",
    SHIPPED: OURS,
}
_FIGURES = (("mpjpe", "MPJPE, mm"), ("pa", "PA-MPJPE, mm"), ("accel", "Accel, mm/frame²"))
_GAPS = (NEAREST, STRAIGHT, PRODUCT, GRU, CENTRED_NETWORK, SHIPPED)
_FUTURE = (HOLD, VELOCITY, ONE_EURO, PRODUCT, GRU, SHIPPED)
_FRAMES = 1e3 / SLOT_RATE_HZ


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes body_*.png into `folder`; their paths by name; none without matplotlib."""
    makers = {"refinement": refinement_picture, "gaps": gaps_picture, "future": future_picture}
    return draw_all(results, folder, "body", makers)


def refinement_picture(results: Results) -> Figure:
    """Bars of the three figures, the detector's noise."""
    methods = [MATCHED, *(m for m in results["methods"] if m != VELOCITY)]
    figure = new_figure(9.5, 0.24 * len(methods) + 0.9)
    panels = figure.subplots(1, len(_FIGURES), sharey=True)
    rows = list(range(len(methods)))
    for panel, (name, title) in zip(panels, _FIGURES, strict=True):
        values = [refined(results, method, name, DETECTOR_GROUP) or 0.0 for method in methods]
        panel.barh(rows, values, color=[_COLOURS.get(method, INK) for method in methods])
        for row, value in enumerate(values):
            panel.text(value, row, f" {value:.1f}", va="center", fontsize=8, color=INK)
        panel.set(title=title, xlim=(0.0, 1.2 * max(values)))
        tidy(panel, "x")
    panels[0].set_yticks(rows, methods)
    panels[0].invert_yaxis()
    return figure


def gaps_picture(results: Results) -> Figure:
    """Errors against how many frames are masked."""
    figure, panels = _panels()
    for panel, name in zip(panels, ("mpjpe", "pa"), strict=True):
        for method in measured(results, _GAPS):
            values = [gap_error(results, method, name, str(m)) for m in MASKED]
            _line(panel, method, list(MASKED), values)
        panel.set_xlabel("frames masked on either side")
        panel.set_ylim(bottom=0.0)
    return _legended(figure, panels)


def future_picture(results: Results) -> Figure:
    """Errors against how far ahead."""
    figure, panels = _panels()
    for panel, name in zip(panels, ("mpjpe", "pa"), strict=True):
        top = 0.0
        for method in measured(results, _FUTURE):
            values = [ahead(results, method, name, h) for h in HORIZONS]
            _line(panel, method, [_FRAMES * h for h in HORIZONS], values)
            if method in (HOLD, SHIPPED):
                top = max([top, *(value for value in values if value is not None)])
        # Constant velocity runs away; the others are what is to be told apart.
        panel.set(xlabel="looked ahead, ms", ylim=(0.0, 1.6 * top if top else None))
    return _legended(figure, panels)


def _panels() -> tuple[Figure, list[Axes]]:
    figure = new_figure(9.5, 3.4)
    panels = figure.subplots(1, 2)
    for panel, (_, title) in zip(panels, _FIGURES, strict=False):
        panel.set_title(title)
        tidy(panel, "both")
    return figure, list(panels)


def _line(panel: Axes, method: str, x: list[float], values: list[float | None]) -> None:
    if any(value is not None for value in values):
        ours = method == SHIPPED
        y = [float("nan") if value is None else value for value in values]
        panel.plot(
            x, y, "o-", label=method, color=_COLOURS.get(method, INK),
            linewidth=2.6 if ours else 1.3, markersize=5 if ours else 3,
        )  # fmt: skip


def _legended(figure: Figure, panels: list[Axes]) -> Figure:
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8)
    return figure
