"""The robot's joints, finger by finger: where they are, where they are asked to be, and their limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, point
from app.console.layout import Box
from app.snapshot import HandSnapshot

# The Allegro's fingers in the order of the operator's, and where each one's four joints stand.
_ALLEGRO = (("thumb", 12), ("index", 0), ("middle", 4), ("ring", 8))
_JOINTS_A_FINGER = 4


def paint_joints(brush: Brush, box: Box, hands: Sequence[HandSnapshot]) -> None:
    """Draw the panel of all hands, one beside the other."""
    u, theme = brush.u, brush.theme
    inner = brush.panel(box, "Joints: measured against target, within their limits")
    _legend(brush, Box(box.right - 224 * u, box.y + 8 * u, 214 * u, 18 * u))
    if not hands:
        brush.text(inner, "waiting for the first frame", 18, theme.dim, "centre")
        return
    for hand, area in zip(hands, inner.columns(len(hands), 22 * u), strict=True):
        title = f"{hand.hand} hand" if len(hands) > 1 else ""
        _paint_hand(brush, area, hand, title)


def _paint_hand(brush: Brush, box: Box, hand: HandSnapshot, title: str) -> None:
    u, theme = brush.u, brush.theme
    label_height = 22 * u
    bars = Box(box.x + 34 * u, box.y + 4 * u, box.width - 34 * u, box.height - label_height - 4 * u)
    for text, y in (("max", bars.y), ("min", bars.bottom - 14 * u)):
        brush.text(Box(box.x, y, 30 * u, 14 * u), text, 12, theme.dim, "right")
    if title:
        brush.painter.save()
        brush.painter.translate(box.x + 10 * u, bars.y + bars.height / 2)
        brush.painter.rotate(-90.0)
        brush.text(Box(-50 * u, -9 * u, 100 * u, 18 * u), title, 13, theme.text, "centre")
        brush.painter.restore()
    span_rad = hand.upper_rad - hand.lower_rad
    measured = np.clip((hand.q_rad - hand.lower_rad) / span_rad, 0.0, 1.0)
    target = np.clip((hand.target_rad - hand.lower_rad) / span_rad, 0.0, 1.0)
    fingers = _fingers(len(hand.joint_names))
    for (name, joints), area in zip(fingers, bars.columns(len(fingers), 16 * u), strict=True):
        colour = theme.fingers[("thumb", "index", "middle", "ring").index(name)] if name else theme.dim
        for joint, column in zip(joints, area.columns(len(joints), 5 * u), strict=True):
            _paint_joint(brush, column, float(measured[joint]), float(target[joint]), colour)
        brush.text(Box(area.x, bars.bottom + 2 * u, area.width, label_height), name, 16, theme.text, "centre")


def _paint_joint(brush: Brush, box: Box, measured: float, target: float, colour: str) -> None:
    """One bar from the lower limit up; `measured` and `target` as shares of the range, NaN for none."""
    u = brush.u
    brush.box(box, brush.theme.track, radius=3)
    if np.isfinite(measured):
        height = max(3 * u, measured * box.height)
        brush.box(Box(box.x, box.bottom - height, box.width, height), colour, radius=3)
    if np.isfinite(target):
        y = box.bottom - target * box.height
        left, right = np.array([box.x - 1.5 * u, y]), np.array([box.right + 1.5 * u, y])
        brush.line(left, right, brush.theme.panel, 6.0 * u)
        brush.line(left, right, brush.theme.marker, 3.0 * u)


def _fingers(joints: int) -> list[tuple[str, range]]:
    """(name, joints) of each finger; of a hand that is no Allegro, groups without a name."""
    if joints == _JOINTS_A_FINGER * len(_ALLEGRO):
        return [(name, range(first, first + _JOINTS_A_FINGER)) for name, first in _ALLEGRO]
    firsts = range(0, joints, _JOINTS_A_FINGER)
    return [("", range(first, min(first + _JOINTS_A_FINGER, joints))) for first in firsts]


def _legend(brush: Brush, box: Box) -> None:
    u, theme = brush.u, brush.theme
    middle = box.y + box.height / 2
    brush.box(Box(box.x, box.y + 3 * u, 12 * u, box.height - 6 * u), theme.dim, radius=2)
    brush.text(Box(box.x + 18 * u, box.y, 80 * u, box.height), "measured", 14, theme.dim)
    x = box.x + 112 * u
    pen = QtGui.QPen(QtGui.QColor(theme.marker), 3.0 * u)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
    brush.painter.setPen(pen)
    brush.painter.drawLine(point(np.array([x, middle])), point(np.array([x + 18 * u, middle])))
    brush.text(Box(x + 26 * u, box.y, 70 * u, box.height), "target", 14, theme.dim)
