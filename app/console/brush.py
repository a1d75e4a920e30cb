"""Drawing with one theme and one scale: what all parts of the console share."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.layout import Box
from app.console.theme import Theme
from app.opencv import cv2

Align = Literal["left", "centre", "right"]
_FAMILIES = ["Inter", "Segoe UI", "Helvetica Neue", "Noto Sans", "DejaVu Sans", "Arial"]
_ALIGN = {
    "left": QtCore.Qt.AlignmentFlag.AlignLeft,
    "centre": QtCore.Qt.AlignmentFlag.AlignHCenter,
    "right": QtCore.Qt.AlignmentFlag.AlignRight,
}
_WRAPPED = int(QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.TextFlag.TextWordWrap)
_SMALLEST = 0.62  # text that does not fit is drawn this much smaller at least, then cut


@lru_cache(maxsize=256)
def font(size_px: int, bold: bool) -> QtGui.QFont:
    """The console's typeface at a height in pixels."""
    made = QtGui.QFont()
    made.setFamilies(_FAMILIES)
    made.setPixelSize(max(1, size_px))
    made.setBold(bold)
    return made


class Brush:
    """A painter that knows the theme and the unit.

    Attributes:
        painter: the painter, for what is not here.
        theme: colours.
        u: pixels of one unit.
    """

    def __init__(self, painter: QtGui.QPainter, theme: Theme, unit: float) -> None:
        self.painter = painter
        self.theme = theme
        self.u = unit
        painter.setRenderHints(
            QtGui.QPainter.RenderHint.Antialiasing
            | QtGui.QPainter.RenderHint.TextAntialiasing
            | QtGui.QPainter.RenderHint.SmoothPixmapTransform
        )

    def box(self, box: Box, colour: str, radius: float = 8.0, edge: str | None = None) -> None:
        """Fill a rounded box; radius in units."""
        self.painter.setPen(
            QtCore.Qt.PenStyle.NoPen if edge is None else QtGui.QPen(QtGui.QColor(edge), max(1.0, self.u))
        )
        self.painter.setBrush(QtGui.QColor(colour))
        self.painter.drawRoundedRect(rect(box), radius * self.u, radius * self.u)

    def panel(self, box: Box, title: str = "") -> Box:
        """A panel with its title; returns the room inside it."""
        self.box(box, self.theme.panel, edge=self.theme.edge)
        inner = box.inset(10 * self.u)
        if not title:
            return inner
        self.text(Box(inner.x, inner.y - 2 * self.u, inner.width, 18 * self.u), title, 14, self.theme.dim)
        return Box(inner.x, inner.y + 20 * self.u, inner.width, inner.height - 20 * self.u)

    def text(
        self, box: Box, text: str, size: float, colour: str, align: Align = "left", bold: bool = False
    ) -> float:
        """One line in the middle of a box's height, made smaller or cut to fit; returns its width.

        Args:
            box: where.
            text: what.
            size: height of the font, units.
            colour: of the text.
            align: left, centre or right.
            bold: heavier.
        """
        height_px = max(1, round(size * self.u))
        metrics = QtGui.QFontMetricsF(font(height_px, bold))
        width = metrics.horizontalAdvance(text)
        if width > box.width > 0:
            height_px = max(1, int(height_px * max(box.width / width, _SMALLEST)))
            metrics = QtGui.QFontMetricsF(font(height_px, bold))
            text = metrics.elidedText(text, QtCore.Qt.TextElideMode.ElideRight, box.width + 1.0)
            width = metrics.horizontalAdvance(text)
        self.painter.setFont(font(height_px, bold))
        self.painter.setPen(QtGui.QColor(colour))
        flags = _ALIGN[align] | QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.TextFlag.TextDontClip
        self.painter.drawText(rect(box), int(flags), text)
        return width

    def paragraph(self, box: Box, text: str, size: float, colour: str, align: Align = "left") -> None:
        """Several lines, wrapped; made smaller until they fit."""
        self.painter.setFont(self._paragraph_font(box, text, size))
        self.painter.setPen(QtGui.QColor(colour))
        self.painter.drawText(rect(box), int(_ALIGN[align]) | _WRAPPED, text)

    def paragraph_height(self, width: float, text: str, size: float) -> float:
        """How high a paragraph of this width, pixels, is with nothing made smaller for its height; pixels."""
        endless = Box(0.0, 0.0, width, 1e6)
        metrics = QtGui.QFontMetricsF(self._paragraph_font(endless, text, size))
        return math.ceil(metrics.boundingRect(rect(endless), _WRAPPED, text).height())

    def _paragraph_font(self, box: Box, text: str, size: float) -> QtGui.QFont:
        """The largest font not above `size` with which the text fits the box, on one line or wrapped."""
        for shrink in (1.0, 0.9, 0.8):  # a little smaller on one line reads better than two
            chosen = font(round(size * shrink * self.u), False)
            if QtGui.QFontMetricsF(chosen).horizontalAdvance(text) <= box.width:
                return chosen
        for shrink in (1.0, 0.9, 0.8, 0.7, _SMALLEST):
            chosen = font(round(size * shrink * self.u), False)
            if QtGui.QFontMetricsF(chosen).boundingRect(rect(box), _WRAPPED, text).height() <= box.height:
                break
        return chosen

    def line(self, a: np.ndarray, b: np.ndarray, colour: QtGui.QColor | str, width: float) -> None:
        """A line with round ends between two points (2,), pixels; width in pixels."""
        self.painter.setPen(round_pen(colour, width))
        self.painter.drawLine(point(a), point(b))

    def polyline(self, points: np.ndarray, colour: QtGui.QColor | str, width: float) -> None:
        """Lines with round ends from point to point (n,2), pixels; width in pixels."""
        self.painter.setPen(round_pen(colour, width))
        self.painter.drawPolyline([point(corner) for corner in points])

    def device_px(self, length: float) -> float:
        """How many of the screen's own pixels a length in the window's pixels is."""
        return length * self.painter.device().devicePixelRatioF()

    def round_corners(self, box: Box, radius: float = 8.0) -> None:
        """Cover the corners of what fills a box; radius in units. A rounded clip would cost far more."""
        path = QtGui.QPainterPath()
        path.addRect(rect(box).adjusted(-1.0, -1.0, 1.0, 1.0))
        path.addRoundedRect(rect(box), radius * self.u, radius * self.u)
        self.painter.fillPath(path, QtGui.QColor(self.theme.background))

    def picture(self, box: Box, pixels: np.ndarray) -> None:
        """A picture (h,w,3) uint8 BGR, stretched to fill the box."""
        ratio = self.painter.device().devicePixelRatioF()
        size = max(1, round(box.width * ratio)), max(1, round(box.height * ratio))
        # Qt would take ten times as long: it interpolates point by point.
        stretched = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_LINEAR)
        padded = cv2.cvtColor(stretched, cv2.COLOR_BGR2BGRA)
        image = QtGui.QImage(padded.data, *size, 4 * size[0], QtGui.QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        self.painter.drawImage(QtCore.QPointF(round(box.x), round(box.y)), image)

    def disc(self, centre: np.ndarray, radius: float, colour: QtGui.QColor | str) -> None:
        """A filled circle; radius in pixels."""
        self.painter.setPen(QtCore.Qt.PenStyle.NoPen)
        self.painter.setBrush(QtGui.QColor(colour))
        self.painter.drawEllipse(point(centre), radius, radius)


def rect(box: Box) -> QtCore.QRectF:
    """The box for Qt."""
    return QtCore.QRectF(box.x, box.y, box.width, box.height)


def point(xy: np.ndarray) -> QtCore.QPointF:
    """A point (2,) for Qt."""
    return QtCore.QPointF(float(xy[0]), float(xy[1]))


def round_pen(colour: QtGui.QColor | str, width: float) -> QtGui.QPen:
    """A pen with round ends and corners; width in pixels."""
    return QtGui.QPen(
        QtGui.QColor(colour),
        width,
        QtCore.Qt.PenStyle.SolidLine,
        QtCore.Qt.PenCapStyle.RoundCap,
        QtCore.Qt.PenJoinStyle.RoundJoin,
    )


def image_of(pixels: np.ndarray) -> QtGui.QImage:
    """A picture (h,w,3) uint8 BGR for Qt, with memory of its own."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels)
    return QtGui.QImage(data.data, width, height, 3 * width, QtGui.QImage.Format.Format_BGR888).copy()


def faded(colour: str, alpha: float) -> QtGui.QColor:
    """The colour, this opaque (0–1)."""
    made = QtGui.QColor(colour)
    made.setAlphaF(alpha)
    return made
