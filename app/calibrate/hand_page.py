"""The window that guides an operator through a hand calibration: picture, the pose wanted, progress."""

from __future__ import annotations

import numpy as np
from PySide6 import QtCore, QtGui

from app.calibrate.board_page import ensure_application
from app.calibrate.guided_window import GuidedPicture, GuidedWindow
from app.console.brush import Brush
from app.console.layout import Box
from app.console.pictograms import draw_pictogram
from app.console.theme import DARK, FINGERS, PALM
from app.frame import Frame
from calibration.hand_guide import STEPS, GuideState
from models.keypoints import SKELETON
from models.observation import Hand, Observation

_MARGIN, _GAP = 16.0, 14.0  # units; 720 are the height of the window
_BANNER, _STRIP = 84.0, 118.0
_SIDE_SHARE = 0.40  # of the width, for the pose wanted
_DONE, _WARNING = "#3ddc84", "#ffb14a"
_SHORT = {"open": "flat", "spread": "spread", "fist": "fist"}
_HINT_IMAGES = 10  # a hint stays at least so long, or nobody could read it


class HandPage(GuidedWindow["HandPicture"]):
    """Shows `app.calibrate.hand_session` what it needs; drawn in the thread that looks at the hand."""

    def __init__(self, title: str, hand: Hand, mirrored: bool) -> None:
        """
        Args:
            title: of the window.
            hand: the operator's hand that is asked for.
            mirrored: show the picture as a mirror would, to whoever faces the camera.
        """
        ensure_application()
        super().__init__(title, HandPicture(hand, mirrored), (1280, 720))

    def show(self, frame: Frame, observation: Observation, state: GuideState, notice: str) -> None:
        self.widget.show_state(frame.image, observation.keypoints_px, state, notice)
        self._application.processEvents()


class HandPicture(GuidedPicture):
    """Instruction above, picture and pose side by side, all poses below."""

    def __init__(self, hand: Hand, mirrored: bool) -> None:
        super().__init__(mirrored)
        self._hand = hand
        self._keypoints_px = np.full((21, 2), np.nan)
        self._state: GuideState | None = None
        self._hint, self._hint_images = "", 0
        self.setMinimumSize(640, 360)

    def show_state(self, image: np.ndarray, keypoints_px: np.ndarray, state: GuideState, notice: str) -> None:
        """Show one image (height, width, 3) BGR, the hand (21,2) seen in it, and what the guide says."""
        self._take_image(image)
        self._keypoints_px = keypoints_px
        changed = self._state is None or state.index != self._state.index
        self._state, self._notice = state, notice
        self._hint_images -= 1
        if state.hint or self._hint_images <= 0 or changed:
            self._hint, self._hint_images = state.hint, _HINT_IMAGES
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        width, height = float(self.width()), float(self.height())
        u = min(height / 720.0, width / 1280.0)
        brush = Brush(painter, DARK, u)
        painter.fillRect(self.rect(), QtGui.QColor(DARK.background))
        left, inner = _MARGIN * u, width - 2 * _MARGIN * u
        banner = Box(left, _MARGIN * u, inner, _BANNER * u)
        strip = Box(left, height - (_MARGIN + _STRIP) * u, inner, _STRIP * u)
        top = banner.bottom + _GAP * u
        room = Box(left, top, inner, strip.y - _GAP * u - top)
        side = Box(room.right - _SIDE_SHARE * inner, room.y, _SIDE_SHARE * inner, room.height)
        camera = Box(room.x, room.y, side.x - _GAP * u - room.x, room.height)
        self._draw_banner(brush, banner)
        self._draw_camera(brush, camera)
        if self._state is not None:
            self._draw_pose(brush, side, self._state)
            self._draw_steps(brush, strip, self._state)
        painter.end()

    def _draw_banner(self, brush: Brush, box: Box) -> None:
        text, colour = "Waiting for the first image", DARK.dim
        if self._state is not None:
            text, colour = self._state.instruction, DARK.text
        brush.text(box, text, 44, colour, "centre", bold=True)

    def _draw_camera(self, brush: Brush, box: Box) -> None:
        brush.box(box, DARK.panel, edge=DARK.edge)
        if self._image is None:
            return
        inner = box.inset(6 * brush.u)
        scale = min(inner.width / self._image.width(), inner.height / self._image.height())
        shown = QtCore.QRectF(0.0, 0.0, scale * self._image.width(), scale * self._image.height())
        shown.moveCenter(QtCore.QPointF(inner.x + inner.width / 2, inner.y + inner.height / 2))
        brush.painter.drawImage(shown, self._image)
        self._draw_skeleton(brush, shown, scale)
        said = self._notice or self._hint
        if said:
            note = Box(box.x, box.bottom - 58 * brush.u, box.width, 58 * brush.u).inset(6 * brush.u)
            brush.box(note, "#d9101418")
            brush.text(note.inset(8 * brush.u), said, 26, _WARNING, "centre", bold=True)

    def _draw_skeleton(self, brush: Brush, shown: QtCore.QRectF, scale: float) -> None:
        if self._image is None or not np.isfinite(self._keypoints_px).all():
            return
        points_px = self._keypoints_px + 0.5
        if self._mirrored:
            points_px = points_px * (-1.0, 1.0) + (self._image.width(), 0.0)
        points = [shown.topLeft() + QtCore.QPointF(x * scale, y * scale) for x, y in points_px]
        painter = brush.painter
        painter.save()
        painter.setClipRect(shown)
        for a, b in SKELETON:
            colour = PALM if a == 0 else FINGERS[(b - 1) // 4]
            for pen_colour, wide in (("#101418", 7.0), (colour, 4.0)):
                pen = QtGui.QPen(QtGui.QColor(pen_colour), wide * brush.u)
                pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
                painter.setPen(pen)
                painter.drawLine(points[a], points[b])
        painter.setPen(QtGui.QPen(QtGui.QColor("#101418"), 1.5 * brush.u))
        painter.setBrush(QtGui.QColor("#ffffff"))
        for joint in points:
            painter.drawEllipse(joint, 4.0 * brush.u, 4.0 * brush.u)
        painter.restore()

    def _draw_pose(self, brush: Brush, box: Box, state: GuideState) -> None:
        """The pose wanted, large, and around it how much of the holding is done."""
        brush.box(box, DARK.panel, edge=DARK.edge)
        words = Box(box.x, box.bottom - 56 * brush.u, box.width, 50 * brush.u)
        side = min(box.width, words.y - box.y) - 40 * brush.u
        middle = QtCore.QPointF(box.x + box.width / 2, box.y + (words.y - box.y) / 2 + 8 * brush.u)
        ring = QtCore.QRectF(0.0, 0.0, side, side)
        ring.moveCenter(middle)
        painter = brush.painter
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        pen = QtGui.QPen(QtGui.QColor(DARK.track), 14 * brush.u)
        pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawEllipse(ring)
        pen.setColor(QtGui.QColor(_DONE))
        painter.setPen(pen)
        share = 1.0 if state.done else state.held
        if share > 0.0:
            painter.drawArc(ring, 90 * 16, -round(360 * 16 * share))
        inner = 0.66 * side
        picture = Box(middle.x() - inner / 2, middle.y() - inner / 2, inner, inner)
        if state.done:
            brush.text(picture, "✓", 160, _DONE, "centre", bold=True)
        else:
            self._draw_hand(brush, picture, state.step)
        text = "Done" if state.done else "Hold it" if state.held > 0.0 else "Show this pose"
        brush.text(words, text, 30, _DONE if share > 0.0 else DARK.dim, "centre", bold=True)

    def _draw_hand(self, brush: Brush, box: Box, step: str) -> None:
        """The pictogram of a pose as the operator sees the own hand in the picture beside it."""
        painter = brush.painter
        painter.save()
        if (self._hand == "left") != self._mirrored:
            painter.translate(2.0 * box.x + box.width, 0.0)
            painter.scale(-1.0, 1.0)
        draw_pictogram(brush, box, step.replace(" ", "_"))
        painter.restore()

    def _draw_steps(self, brush: Brush, box: Box, state: GuideState) -> None:
        """All poses in their order: done, wanted now, to come."""
        for number, (step, cell) in enumerate(zip(STEPS, box.columns(len(STEPS), 8 * brush.u), strict=True)):
            done, now = number < state.index, number == state.index
            edge = _DONE if done else DARK.text if now else DARK.edge
            brush.box(cell, DARK.panel, edge=edge)
            brush.painter.setOpacity(1.0 if now or done else 0.45)
            pose = Box(cell.x, cell.y + 4 * brush.u, cell.width, 76 * brush.u)
            self._draw_hand(brush, pose, step)
            words = _SHORT.get(step, step)
            colour = _DONE if done else DARK.text if now else DARK.dim
            line = Box(cell.x, cell.bottom - 36 * brush.u, cell.width, 32 * brush.u).inset(2 * brush.u)
            brush.text(line, f"✓ {words}" if done else words, 19, colour, "centre", bold=now)
            brush.painter.setOpacity(1.0)
