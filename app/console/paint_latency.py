"""Where the milliseconds go: one stacked bar, the horizon drawn into it, and the age of the last seconds."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, faded, rect
from app.console.latency_history import ORDER, SPAN_S, LatencyHistory
from app.console.layout import Box
from app.console.theme import STAGE_COLOURS

HORIZON_COLOUR = "#d55e00"
_OLD_S = 1.0  # without a frame, and what is shown is no longer of now
_OLD_OPACITY = 0.3
_SHORTEST_AXIS_MS = 60.0


def paint_latency(brush: Brush, box: Box, history: LatencyHistory, automatic: bool, t_s: float) -> None:
    """Draw the panel.

    Args:
        brush: to draw with.
        box: where.
        history: what to show.
        automatic: whether the horizon is chosen by itself.
        t_s: now, on the history's clock.
    """
    u, theme = brush.u, brush.theme
    inner = brush.panel(box, "Latency: capture to publish")
    if not math.isfinite(history.age_ms):
        brush.text(inner, "waiting for the first frame", 18, theme.dim, "centre")
        return
    silent_s = history.silent_s(t_s)
    old = silent_s >= _OLD_S
    age, ink = f"age {history.age_ms:.0f} ms", theme.text
    if old:
        age, ink = f"no frame for {silent_s:.0f} s", theme.dim
    brush.text(Box(box.right - 190 * u, box.y + 7 * u, 180 * u, 22 * u), age, 20, ink, "right", True)
    longest = max(history.age_ms, 0.0 if math.isnan(history.horizon_ms) else history.horizon_ms)
    axis_ms = max(_SHORTEST_AXIS_MS, 20.0 * math.ceil(1.12 * longest / 20.0))
    bar = Box(inner.x, inner.y + 26 * u, inner.width, 28 * u)
    brush.painter.setOpacity(_OLD_OPACITY if old else 1.0)
    _paint_stages(brush, bar, history, axis_ms)
    _paint_axis(brush, Box(bar.x, bar.bottom + 1 * u, bar.width, 14 * u), axis_ms)
    _paint_horizon(brush, bar, history.horizon_ms, automatic, axis_ms)
    legend = Box(inner.x, bar.bottom + 19 * u, inner.width, 18 * u)
    _paint_legend(brush, legend, history)
    brush.painter.setOpacity(1.0)
    top = legend.bottom + 6 * u
    _paint_ages(brush, Box(inner.x, top, inner.width, inner.bottom - top), history, t_s)


def _paint_stages(brush: Brush, bar: Box, history: LatencyHistory, axis_ms: float) -> None:
    brush.box(bar, brush.theme.track, radius=3)
    x = bar.x
    for stage in ORDER:
        width = min(history.stage_ms.get(stage, 0.0) / axis_ms * bar.width, bar.right - x)
        brush.painter.fillRect(rect(Box(x, bar.y, width, bar.height)), QtGui.QColor(STAGE_COLOURS[stage]))
        x += width


def _paint_axis(brush: Brush, box: Box, axis_ms: float) -> None:
    u = brush.u
    step = next(step for step in (10, 20, 50, 100, 200) if axis_ms / step <= 8)
    for tick in range(0, int(axis_ms) + 1, step):
        x = box.x + tick / axis_ms * box.width
        wide = 50 * u
        left = min(max(x - wide / 2, box.x), box.right - wide)
        align = "left" if tick == 0 else "right" if left + wide / 2 < x - 1 else "centre"
        label = f"{tick} ms" if tick == 0 else str(tick)
        brush.text(Box(left, box.y, wide, box.height), label, 12, brush.theme.dim, align)  # type: ignore[arg-type]


def _paint_horizon(brush: Brush, bar: Box, horizon_ms: float, automatic: bool, axis_ms: float) -> None:
    """A flag at the instant the robot is aimed at, past capture."""
    if math.isnan(horizon_ms):
        return
    u = brush.u
    x = bar.x + min(horizon_ms / axis_ms, 1.0) * bar.width
    brush.line(np.array([x, bar.y - 4 * u]), np.array([x, bar.bottom + 2 * u]), brush.theme.panel, 7 * u)
    brush.line(np.array([x, bar.y - 4 * u]), np.array([x, bar.bottom + 2 * u]), HORIZON_COLOUR, 3.5 * u)
    text = f"horizon {horizon_ms:.0f} ms {'auto' if automatic else 'fixed'}"
    width = 172 * u
    left = min(max(x - width / 2, bar.x), bar.right - width)
    flag = Box(left, bar.y - 26 * u, width, 20 * u)
    brush.box(flag, HORIZON_COLOUR, radius=4)
    brush.text(flag.inset(2 * u), text, 15, "#ffffff", "centre", True)


def _paint_legend(brush: Brush, box: Box, history: LatencyHistory) -> None:
    u = brush.u
    stages = [stage for stage in ORDER if stage in history.stage_ms]
    for stage, cell in zip(stages, box.columns(max(1, len(stages)), 4 * u), strict=False):
        square = Box(cell.x, cell.y + 4 * u, 10 * u, 10 * u)
        brush.box(square, STAGE_COLOURS[stage], radius=2)
        text = f"{stage} {history.stage_ms[stage]:.0f}"
        brush.text(Box(cell.x + 14 * u, cell.y, cell.width - 14 * u, cell.height), text, 14, brush.theme.text)


def _paint_ages(brush: Brush, box: Box, history: LatencyHistory, t_s: float) -> None:
    u, painter, theme = brush.u, brush.painter, brush.theme
    times, ages = history.ages(t_s)
    if len(times) < 2:
        return
    plot = Box(box.x + 34 * u, box.y + 2 * u, box.width - 34 * u, box.height - 16 * u)
    top_ms = 20.0 * math.ceil(max(float(np.percentile(ages, 98)), 19.0) * 1.1 / 20.0)
    for value in (0.0, top_ms):
        y = plot.bottom - value / top_ms * plot.height
        painter.setPen(QtGui.QPen(QtGui.QColor(theme.track), u))
        painter.drawLine(QtCore.QPointF(plot.x, y), QtCore.QPointF(plot.right, y))
        brush.text(Box(box.x, y - 8 * u, 30 * u, 16 * u), f"{value:.0f}", 12, theme.dim, "right")
    across = plot.right + times / SPAN_S * plot.width
    down = plot.bottom - np.minimum(ages / top_ms, 1.0) * plot.height
    line = pg.arrayToQPath(across, down)
    area = QtGui.QPainterPath(line)
    area.lineTo(float(across[-1]), plot.bottom)
    area.lineTo(float(across[0]), plot.bottom)
    area.closeSubpath()
    painter.fillPath(area, faded("#0072b2", 0.22))
    painter.setPen(QtGui.QPen(QtGui.QColor("#3d9be0"), 2.0 * u))
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    painter.drawPath(line)
    caption = Box(plot.x, plot.bottom + 1 * u, plot.width, 14 * u)
    brush.text(caption, f"age of the last {SPAN_S:.0f} seconds, ms", 12, theme.dim)
    brush.text(caption, "now", 12, theme.dim, "right")
