"""Skeletons of hands with QPainter: over the camera's image, in space, and as pictograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, faded, point, round_pen
from app.console.theme import FINGERS, PALM
from models.keypoints import SKELETON

_PALM_OUTLINE = (0, 1, 5, 9, 13, 17)
_DIGITS = tuple(tuple(range(1 + 4 * i, 5 + 4 * i)) for i in range(5))
_GHOST_OPACITY = 0.42


def draw_skeleton(brush: Brush, points: np.ndarray, width: float) -> None:
    """Draw a hand (21,2), window pixels, with lines `width` pixels wide; nothing if any is not finite."""
    if not np.isfinite(points).all():
        return
    for digit in _DIGITS:
        brush.polyline(points[[0, *digit]], faded("#000000", 0.55), 2.0 * width)
    for digit in _DIGITS:
        brush.line(points[0], points[digit[0]], PALM, width)
    for digit, colour in zip(_DIGITS, FINGERS, strict=True):
        brush.polyline(points[list(digit)], colour, width)
    for index, centre in enumerate(points):
        brush.disc(centre, 1.45 * width, "#ffffff")
        brush.disc(centre, 0.95 * width, PALM if index == 0 else FINGERS[(index - 1) // 4])


def draw_thin(
    brush: Brush,
    points: np.ndarray,
    width: float,
    colour: str,
    bones: Sequence[tuple[int, int]] = SKELETON,
) -> None:
    """Draw a hand (21,2), or what has the bones given, in one thin colour: what the detector said."""
    if not np.isfinite(points).all():
        return
    for a, b in bones:
        brush.line(points[a], points[b], faded(colour, 0.9), width)


def draw_ghost(brush: Brush, points: np.ndarray, width: float, colour: str) -> None:
    """Draw a hand (21,2) as a translucent body: where it is foreseen to be."""
    if not np.isfinite(points).all():
        return
    painter, margin = brush.painter, 5.0 * width
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    area = QtCore.QRectF(point(low), point(high)) & painter.clipBoundingRect()
    if area.isEmpty():
        return
    # One body on a sheet of its own: overlapping translucent bones would show every joint twice.
    ratio = painter.device().devicePixelRatioF()
    sheet = QtGui.QImage(
        (area.size() * ratio).toSize() + QtCore.QSize(1, 1), QtGui.QImage.Format.Format_ARGB32_Premultiplied
    )
    sheet.setDevicePixelRatio(ratio)
    sheet.fill(QtCore.Qt.GlobalColor.transparent)
    on_sheet = QtGui.QPainter(sheet)
    inner = Brush(on_sheet, brush.theme, brush.u)
    on_sheet.translate(-area.topLeft())
    palm = QtGui.QPolygonF([point(points[i]) for i in _PALM_OUTLINE])
    for ground, wide in ((colour, 7.4 * width), (QtGui.QColor(colour).darker(190), 6.0 * width)):
        on_sheet.setPen(round_pen(ground, wide))
        on_sheet.setBrush(QtGui.QColor(ground))
        on_sheet.drawPolygon(palm)
        for digit in _DIGITS:
            inner.polyline(points[[0, *digit]], ground, wide)
    on_sheet.end()
    painter.setOpacity(_GHOST_OPACITY)
    painter.drawImage(area.topLeft(), sheet)
    painter.setOpacity(1.0)
