"""The operator's hand in space, slowly turned to and fro so that its depth shows."""

from __future__ import annotations

import math

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, faded, point
from app.console.layout import Box
from app.snapshot import HandSnapshot
from models.keypoints import SKELETON

_SWING_RAD = math.radians(50.0)
_SWING_PERIOD_S = 9.0
_TILT_RAD = math.radians(14.0)
_REACH_M = 0.098  # from the middle knuckle to the farthest that must be in the picture
_BONE_M = 0.0062
_PERSPECTIVE_M = 0.55  # distance of the eye
_PALM_QUADS = ((0, 1, 5), (0, 5, 9), (0, 9, 13), (0, 13, 17))


def turned(keypoints_m: np.ndarray, t_s: float) -> np.ndarray:
    """(21,3) keypoints around the middle knuckle, metres, camera axes, turned to and fro as of `t_s`."""
    centred = keypoints_m - keypoints_m[9]
    yaw = _SWING_RAD * math.sin(2.0 * math.pi * t_s / _SWING_PERIOD_S)
    about_y = np.array(
        [[math.cos(yaw), 0.0, math.sin(yaw)], [0.0, 1.0, 0.0], [-math.sin(yaw), 0.0, math.cos(yaw)]]
    )
    c, s = math.cos(_TILT_RAD), math.sin(_TILT_RAD)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    return np.asarray(centred @ about_y.T @ about_x.T)


def paint_hand(brush: Brush, box: Box, hand: HandSnapshot, t_s: float) -> None:
    """Draw the hand at its place in time `t_s`, seconds; a word where there is none."""
    painter = brush.painter
    scale = 0.5 * min(box.width, box.height) / _REACH_M
    centre = np.array([box.x + box.width / 2, box.y + box.height / 2])
    _floor(brush, box)
    if not np.isfinite(hand.keypoints_m).all():
        brush.text(box, "no hand", 18, brush.theme.dim, "centre")
        return
    points_m = turned(hand.keypoints_m, t_s)
    nearness = _PERSPECTIVE_M / (_PERSPECTIVE_M + points_m[:, 2])
    points = centre + points_m[:, :2] * nearness[:, None] * scale
    painter.setPen(QtCore.Qt.PenStyle.NoPen)
    painter.setBrush(faded(brush.theme.palm, 0.20))
    for corners in _PALM_QUADS:
        painter.drawPolygon(QtGui.QPolygonF([point(points[i]) for i in corners]))
    ground = QtGui.QColor(brush.theme.panel)
    # Far bones first, and paler, as if seen through a little mist.
    for a, b in sorted(SKELETON, key=lambda bone: -float(points_m[list(bone), 2].mean())):
        near = float(nearness[[a, b]].mean())
        width = _BONE_M * scale * near**2
        colour = _misty(_bone(brush, a, b), ground, near)
        brush.line(points[a], points[b], colour, width)
        brush.disc(points[b], 0.72 * width, colour)
    for tip in (4, 8, 12, 16, 20):
        colour = _misty(brush.theme.fingers[(tip - 1) // 4], ground, float(nearness[tip])).lighter(125)
        brush.disc(points[tip], 0.8 * _BONE_M * scale * float(nearness[tip]) ** 2, colour)


def _bone(brush: Brush, a: int, b: int) -> str:
    return brush.theme.palm if a == 0 else brush.theme.fingers[(b - 1) // 4]


def _misty(colour: str, ground: QtGui.QColor, nearness: float) -> QtGui.QColor:
    share = min(max((1.12 - nearness) / 0.3, 0.0), 0.6)
    own = QtGui.QColor(colour)
    mixed = [
        round((1.0 - share) * a + share * b)
        for a, b in zip(own.getRgb()[:3], ground.getRgb()[:3], strict=True)  # type: ignore[index]
    ]
    return QtGui.QColor(*mixed)


def _floor(brush: Brush, box: Box) -> None:
    """A soft disc below, which gives the hand a place."""
    centre = QtCore.QPointF(box.x + box.width / 2, box.bottom - 0.06 * box.height)
    painter = brush.painter
    painter.setPen(QtCore.Qt.PenStyle.NoPen)
    painter.setBrush(QtGui.QColor(brush.theme.track))
    size = 0.36 * min(box.width, box.height)
    painter.drawEllipse(centre, size, 0.22 * size)
