"""The camera's image with what was seen, what is made of it, and what is foreseen."""

from __future__ import annotations

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush, rect
from app.console.layout import Box
from app.console.paint_body import draw_body
from app.console.skeletons import draw_ghost, draw_skeleton, draw_thin
from app.console.theme import GHOST
from app.snapshot import Snapshot
from models.body_keypoints import BODY_SKELETON

DETECTION = "#ffffff"


def paint_camera(brush: Brush, box: Box, snapshot: Snapshot) -> None:
    """Draw the camera panel: the image as large as fits, skeletons, and what the colours mean."""
    u, painter = brush.u, brush.painter
    height, width = snapshot.image.shape[:2]
    brush.box(box, "#05070a", edge=brush.theme.edge)
    scale = min(box.width / width, box.height / height)
    shown = Box(
        box.x + (box.width - width * scale) / 2,
        box.y + (box.height - height * scale) / 2,
        width * scale,
        height * scale,
    )
    painter.save()
    painter.setClipRect(rect(box))
    brush.picture(shown, snapshot.image)
    to_window = snapshot.scale * scale
    origin = np.array([shown.x, shown.y])
    line = 2.6 * u * max(1.0, box.height / (360 * u))
    for hand in snapshot.hands:
        draw_ghost(brush, hand.ghost_px * to_window + origin, line, GHOST)
        draw_skeleton(brush, hand.estimate_px * to_window + origin, line)
        draw_thin(brush, hand.keypoints_px * to_window + origin, 0.42 * line, DETECTION)
    if snapshot.body is not None:
        draw_body(brush, snapshot.body.estimate_px * to_window + origin, line)
        pixels = snapshot.body.keypoints_px * to_window + origin
        draw_thin(brush, pixels, 0.42 * line, DETECTION, BODY_SKELETON)
    painter.restore()
    brush.round_corners(box)
    _legend(brush, box, foreseen=bool(snapshot.hands))


def _legend(brush: Brush, box: Box, foreseen: bool) -> None:
    """What is drawn how, in the corner; `foreseen`, whether a ghost may be."""
    u = brush.u
    entries = [("seen", DETECTION, 2.0), ("estimate", "#56b4e9", 5.0)]
    if foreseen:
        entries.append(("foreseen", GHOST, 11.0))
    strip = Box(box.x + 8 * u, box.bottom - 32 * u, (292 if foreseen else 182) * u, 24 * u)
    brush.box(strip, "#b3000000", radius=5)
    x = strip.x + 10 * u
    for name, colour, width in entries:
        pen = QtGui.QPen(QtGui.QColor(colour), width * u)
        pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
        if name == "foreseen":
            colour_faded = QtGui.QColor(colour)
            colour_faded.setAlphaF(0.5)
            pen.setColor(colour_faded)
        brush.painter.setPen(pen)
        middle = strip.y + strip.height / 2
        brush.painter.drawLine(QtCore.QPointF(x, middle), QtCore.QPointF(x + 16 * u, middle))
        x += 24 * u
        x += brush.text(Box(x, strip.y, 80 * u, strip.height), name, 14, "#ffffff") + 16 * u
