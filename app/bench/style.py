"""How the pictures of all benchmarks look."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

OURS = "#d1495b"
INK, GRID = "#333333", "#e6e6e6"
_DPI = 110


def draw_all(
    results: dict[str, Any],
    folder: Path,
    prefix: str,
    makers: Mapping[str, Callable[[dict[str, Any]], Figure | None]],
) -> dict[str, Path]:
    """Writes PREFIX_*.png into `folder`; their paths by name.

    Pictures of which there are no figures are left out, and all without matplotlib.
    """
    try:
        from matplotlib import figure  # noqa: F401
    except ImportError:
        logger.warning("there are no pictures without matplotlib: pip install matplotlib")
        return {}
    pictures = {}
    for name, make in makers.items():
        picture = make(results)
        if picture is not None:
            pictures[name] = folder / f"{prefix}_{name}.png"
            picture.savefig(pictures[name], dpi=_DPI)
    return pictures


def new_figure(width: float, height: float) -> Figure:
    """An empty picture, inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(panel: Axes, grid: str) -> None:
    """No box, light lines across `grid`: "x", "y" or "both"."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    panel.set_axisbelow(True)
    panel.tick_params(colors=INK, labelsize=8)
    panel.title.set_fontsize(9)
