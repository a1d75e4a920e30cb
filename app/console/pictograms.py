"""Hands drawn large and simple: the pose the operator is asked to take."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, point
from app.console.layout import Box
from app.synthetic.poses import hand_poses
from models.hand_model import HandModel

# The operator's words for a pose, and what the rendered hand calls it.
_POSES = {"open": "flat", "spread": "open"}
# Screen right, down and toward the viewer of a right hand held up with its palm to the viewer, MANO's axes.
_SCREEN_FROM_REST = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
_PALM = (0, 1, 5, 9, 13, 17)
_SKIN, _OUTLINE = "#e9b48c", "#5a3a26"
_TURNED_RAD = math.radians(-38.0)  # pinches are seen best a little from the thumb's side
_HEIGHT_M = 0.20  # of a hand with all fingers straight, and a little room
_FINGER_M = 0.0175


def draw_pictogram(brush: Brush, box: Box, pose: str) -> None:
    """Draw a right hand in a pose by name, see `CalibrationView.picture`; nothing for a name nobody knows."""
    points_m = _points_m(pose)
    if points_m is None:
        return
    scale = min(box.height / _HEIGHT_M, box.width / (0.78 * _HEIGHT_M))
    middle = 0.5 * (points_m[:, :2].max(axis=0) + points_m[:, :2].min(axis=0))
    centre = np.array([box.x + box.width / 2, box.y + box.height / 2])
    points = (points_m[:, :2] - middle) * scale + centre
    width = _FINGER_M * scale
    palm = [points[i] for i in _PALM]
    _shape(brush, palm, width, closed=True)
    for finger in _by_depth(points_m):
        _shape(brush, [points[i] for i in finger], width, closed=False)


def _by_depth(points_m: np.ndarray) -> list[tuple[int, ...]]:
    """The five digits as chains of keypoints, the farthest first."""
    chains = [tuple(range(1 + 4 * i, 5 + 4 * i)) for i in range(5)]
    return sorted(chains, key=lambda chain: float(points_m[list(chain), 2].mean()))


def _shape(brush: Brush, points: list[np.ndarray], width: float, closed: bool) -> None:
    path = QtGui.QPainterPath(point(points[0]))
    for corner in points[1:]:
        path.lineTo(point(corner))
    if closed:
        path.closeSubpath()
    for colour, wide in ((_OUTLINE, 1.22 * width), (_SKIN, width)):
        pen = QtGui.QPen(QtGui.QColor(colour), wide)
        pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(QtCore.Qt.PenJoinStyle.RoundJoin)
        brush.painter.setPen(pen)
        brush.painter.setBrush(QtGui.QColor(colour) if closed else QtCore.Qt.BrushStyle.NoBrush)
        brush.painter.drawPath(path)


@lru_cache(maxsize=16)
def _points_m(pose: str) -> np.ndarray | None:
    """(21,3) keypoints: right, down, toward the viewer."""
    angles_rad = _poses().get(_POSES.get(pose, pose))
    if angles_rad is None:
        return None
    model = HandModel.load()
    points_m = model.keypoints(model.rotations_of_angles(angles_rad)) @ _SCREEN_FROM_REST.T
    if not pose.startswith("pinch"):
        return np.asarray(points_m)
    c, s = math.cos(_TURNED_RAD), math.sin(_TURNED_RAD)
    return np.asarray(points_m @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]).T)


@lru_cache(maxsize=1)
def _poses() -> dict[str, np.ndarray]:
    return hand_poses(HandModel.load())
