"""Pictures of the results of bench retarget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bench.retargeting.contestants import DEX_RETARGETING, DEXI, HORIZON, SAME_OBJECTIVE, SHIPPED
from app.bench.retargeting.scores import TOUCH_M
from app.bench.style import INK, OURS, draw_all, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Results = dict[str, Any]
_COLOURS = {
    SHIPPED: OURS,
    SAME_OBJECTIVE: "#a0566b",
    HORIZON: "#8d2f3c",
    DEX_RETARGETING: "#30638e",
    DEXI: "#edae49",
}
_GAP_MM = 12.0  # wider gaps are all the same failure
_LINES = {SHIPPED: "-", SAME_OBJECTIVE: ":", DEX_RETARGETING: "-", DEXI: (0, (5, 3))}


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Writes retarget_*.png into `folder`; their paths by name.

    Pictures of which there are no figures are left out, and all without matplotlib.
    """
    return draw_all(results, folder, "retarget", {"speed": speed_picture, "pinches": pinches_picture})


def speed_picture(results: Results) -> Figure:
    """How long solves take: median, p99 and the slowest."""
    figure = new_figure(8.0, 2.9)
    panel = figure.subplots()
    us = results["speed"]["us"]
    names = list(us)
    for row, name in enumerate(names):
        curve = results["speed"]["curves"][name]
        panel.plot([curve[0], us[name]["max"]], [row, row], color=_colour(name), linewidth=1.0, alpha=0.6)
        panel.plot([curve[10], us[name]["p95"]], [row, row], color=_colour(name), linewidth=9.0, alpha=0.45)
        panel.plot(us[name]["p50"], row, "o", color=_colour(name), markersize=9)
        panel.plot(us[name]["p99"], row, "|", color=_colour(name), markersize=14, markeredgewidth=2.5)
        panel.annotate(
            f"{us[name]['p50']:.0f} µs", (us[name]["p50"], row), (0, 8), textcoords="offset points",
            ha="center", va="bottom", fontsize=8, color=INK,
        )  # fmt: skip
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.7)
    panel.set_xscale("log")
    panel.set(xlabel="µs a call: ● median, | p99, wide bar 5–95 %, thin bar fastest to slowest")
    tidy(panel, "x")
    return figure


def pinches_picture(results: Results) -> Figure | None:
    """Gaps between the robot's fingertips while the human pinches, of each solver."""
    curves = {name: q["pinch_curve"] for name, q in results["quality"].items() if q["pinch_curve"]}
    if not curves:
        return None
    figure = new_figure(8.0, 3.4)
    panel = figure.subplots()
    touch_mm = 1e3 * TOUCH_M
    panel.axvspan(-touch_mm, touch_mm, color="#e3f1e3", label="touching", linewidth=0)
    for name, curve in curves.items():
        shares = [100.0 * i / (len(curve) - 1) for i in range(len(curve))]
        panel.plot(
            curve, shares, color=_colour(name), linestyle=_LINES[name], label=name,
            linewidth=2.8 if name == SHIPPED else 1.8,
        )  # fmt: skip
    panel.set(
        xlim=(-_GAP_MM, _GAP_MM), ylim=(0.0, 100.0), ylabel="% of pinches",
        xlabel="gap between the fingertips’ surfaces, mm; negative: inside each other",
    )  # fmt: skip
    tidy(panel, "both")
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    return figure


def _colour(name: str) -> str:
    return _COLOURS.get(name, INK)
