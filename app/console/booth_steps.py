"""The steps of a visit in pictures."""

from __future__ import annotations

import math

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.booth_words import STEPS, BoothWords
from app.console.brush import Brush, faded
from app.console.layout import Box
from app.console.pictograms import draw_pictogram

_MOVES = ("open", "pinch_index", "open", "count_2", "fist")
_MOVE_S = 0.9
_SHADE, _FAR_SHADE = "#47191e25", "#a6191e25"  # the panel's colour, laid over the steps that are not on


def paint_steps(
    brush: Brush, box: Box, words: BoothWords, progress: float, t_s: float, mirrored: bool
) -> None:
    """Draw all steps side by side, the one that is on in colour.

    Args:
        brush: to draw with.
        box: the room for all of them.
        words: says which is on.
        progress: 0–1, of holding still.
        t_s: time, for what moves.
        mirrored: show hands as in a mirror.
    """
    for number, cell in enumerate(box.columns(len(STEPS), 14 * brush.u)):
        on = number == words.step
        ground, text = brush.theme.tones[words.tone] if on else (brush.theme.panel, brush.theme.text)
        brush.box(cell, ground, radius=14, edge=None if on else brush.theme.edge)
        picture = Box(
            cell.x + 12 * brush.u,
            cell.y + 10 * brush.u,
            cell.width - 24 * brush.u,
            cell.height - 52 * brush.u,
        )
        _paint(brush, picture, number, progress if on else 0.0, t_s if on else 0.0, mirrored)
        if not on:
            shade = Box(
                cell.x + 2 * brush.u,
                cell.y + 2 * brush.u,
                cell.width - 4 * brush.u,
                cell.height - 38 * brush.u,
            )
            brush.box(shade, _FAR_SHADE if words.tone == "off" else _SHADE, radius=12)
        label = Box(cell.x + 8 * brush.u, cell.bottom - 42 * brush.u, cell.width - 16 * brush.u, 36 * brush.u)
        brush.text(label, STEPS[number], 26, text, "centre", bold=True)


def _paint(brush: Brush, box: Box, number: int, progress: float, t_s: float, mirrored: bool) -> None:
    if number == 0:
        _person(brush, box)
    elif number == 1:
        _hand(brush, box, "spread", mirrored)
    elif number == 2:
        draw_ring(brush, box, progress)
        side = 0.66 * min(box.width, box.height)
        _hand(brush, _middle(box, side, side), "spread", mirrored)
    elif number == 3:
        _hand(brush, box, _MOVES[int(t_s / _MOVE_S) % len(_MOVES)] if t_s else "pinch_index", mirrored)
    else:
        side = box.height
        _hand(brush, Box(box.x + box.width / 2 - 0.85 * side, box.y, side, side), "open", mirrored)
        _arrow_down(brush, Box(box.x + box.width / 2 + 0.3 * side, box.y, 0.34 * side, side))


def draw_ring(brush: Brush, box: Box, progress: float, width: float = 0.07) -> None:
    """A ring as large as fits, filled clockwise from the top; width as a share of its diameter."""
    side = min(box.width, box.height)
    thick = width * side
    ring = _middle(box, side - thick, side - thick)
    area = QtCore.QRectF(ring.x, ring.y, ring.width, ring.height)
    painter = brush.painter
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    painter.setPen(QtGui.QPen(faded("#ffffff", 0.28), thick))
    painter.drawEllipse(area)
    if progress > 0.0:
        pen = QtGui.QPen(QtGui.QColor("#ffffff"), thick)
        pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(area, 90 * 16, -round(360 * 16 * min(progress, 1.0)))


def _hand(brush: Brush, box: Box, pose: str, mirrored: bool) -> None:
    painter = brush.painter
    painter.save()
    if mirrored:
        painter.translate(2 * box.x + box.width, 0.0)
        painter.scale(-1.0, 1.0)
    draw_pictogram(brush, box, pose)
    painter.restore()


def _person(brush: Brush, box: Box) -> None:
    """Somebody who stands on a mark."""
    h = box.height
    x, top = box.x + box.width / 2, box.y
    painter = brush.painter
    painter.setPen(QtGui.QPen(QtGui.QColor("#ffd23f"), 0.045 * h))
    painter.setBrush(faded("#ffd23f", 0.25))
    painter.drawEllipse(QtCore.QPointF(x, top + 0.91 * h), 0.42 * h, 0.075 * h)
    white = "#f4f6f8"
    for side in (-1, 1):
        hip, foot = (
            np.array([x + side * 0.055 * h, top + 0.58 * h]),
            np.array([x + side * 0.07 * h, top + 0.89 * h]),
        )
        brush.line(hip, foot, white, 0.095 * h)
        shoulder, hand = (
            np.array([x + side * 0.13 * h, top + 0.33 * h]),
            np.array([x + side * 0.19 * h, top + 0.57 * h]),
        )
        brush.line(shoulder, hand, white, 0.075 * h)
    body = QtCore.QRectF(x - 0.13 * h, top + 0.27 * h, 0.26 * h, 0.36 * h)
    painter.setPen(QtCore.Qt.PenStyle.NoPen)
    painter.setBrush(QtGui.QColor(white))
    painter.drawRoundedRect(body, 0.09 * h, 0.09 * h)
    brush.disc(np.array([x, top + 0.13 * h]), 0.105 * h, white)


def _arrow_down(brush: Brush, box: Box) -> None:
    x, width = box.x + box.width / 2, 0.09 * box.height
    top, tip = np.array([x, box.y + 0.18 * box.height]), np.array([x, box.y + 0.86 * box.height])
    brush.line(top, tip, "#f4f6f8", width)
    for side in (-1, 1):
        reach = box.width * 0.48
        brush.line(tip, tip + np.array([side * reach, -reach]) / math.sqrt(1.2), "#f4f6f8", width)


def _middle(box: Box, width: float, height: float) -> Box:
    return Box(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height)
