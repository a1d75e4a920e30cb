"""The window that guides a board in front of a camera: live picture, what to do, what is still open."""

from __future__ import annotations

import numpy as np
from PySide6 import QtCore, QtGui

from app.calibrate.board_page import ensure_application
from app.calibrate.camera_guide import FEWEST_IMAGES, GOALS, Goal, GuideState
from app.calibrate.guided_window import GuidedPicture, GuidedWindow
from app.frame import Frame
from calibration.board import BoardView

_GROUND = QtGui.QColor("#16181c")
_TEXT = QtGui.QColor("#f2f2f2")
_DIM = QtGui.QColor("#8a9099")
_DONE = QtGui.QColor("#3ddc84")
_WANTED = QtGui.QColor("#ffd479")
_WARNING = QtGui.QColor("#ff9f43")
_BANNER = 0.13  # of the window's height
_STRIP = 0.16
_COUNT_WIDTH = 1.8  # of a goal's, for the number of images
_FLASH_IMAGES = 5  # how long the frame of the picture lights up after an image was taken
_GOAL_WORDS: dict[Goal, str] = {
    "left": "left away",
    "right": "right away",
    "top": "top away",
    "bottom": "bottom away",
    "near": "near",
    "far": "far",
    "picture": "everywhere",
}
_MIRRORED_GOALS: dict[Goal, Goal] = {"left": "right", "right": "left"}
# Outlines of the board in a unit square: the side that leads away is shorter.
_SHAPES: dict[Goal, tuple[tuple[float, float], ...]] = {
    "left": ((0.25, 0.3), (0.75, 0.1), (0.75, 0.9), (0.25, 0.7)),
    "right": ((0.25, 0.1), (0.75, 0.3), (0.75, 0.7), (0.25, 0.9)),
    "top": ((0.3, 0.25), (0.7, 0.25), (0.9, 0.75), (0.1, 0.75)),
    "bottom": ((0.1, 0.25), (0.9, 0.25), (0.7, 0.75), (0.3, 0.75)),
    "near": ((0.12, 0.03), (0.88, 0.03), (0.88, 0.97), (0.12, 0.97)),
    "far": ((0.35, 0.3), (0.65, 0.3), (0.65, 0.7), (0.35, 0.7)),
    "picture": ((0.05, 0.2), (0.95, 0.2), (0.95, 0.8), (0.05, 0.8)),
}


class CaptureWindow(GuidedWindow["CapturePicture"]):
    """Shows `app.calibrate.camera_capture` what it needs; drawn in the thread that captures."""

    def __init__(self, title: str, mirrored: bool) -> None:
        """
        Args:
            title: of the window.
            mirrored: show the picture as a mirror would, to whoever faces the camera.
        """
        ensure_application()
        super().__init__(title, CapturePicture(mirrored), (1000, 800))

    def show(self, frame: Frame, view: BoardView | None, state: GuideState, notice: str) -> None:
        self.widget.show_state(frame.image, view, state, notice)
        self._application.processEvents()


class CapturePicture(GuidedPicture):
    """Instruction above, picture with coverage in the middle, open goals below."""

    def __init__(self, mirrored: bool) -> None:
        super().__init__(mirrored)
        self._corners_px = np.zeros((0, 2))
        self._state: GuideState | None = None
        self._flash = 0
        self.setMinimumSize(480, 400)

    def show_state(self, image: np.ndarray, view: BoardView | None, state: GuideState, notice: str) -> None:
        """Show one image (height, width, 3) BGR and what the guide makes of it."""
        self._take_image(image)
        self._corners_px = np.zeros((0, 2)) if view is None else view.corners_px
        self._state, self._notice = state, notice
        self._flash = _FLASH_IMAGES if state.taken else max(0, self._flash - 1)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), _GROUND)
        width, height = float(self.width()), float(self.height())
        banner, strip = _BANNER * height, _STRIP * height
        self._draw_banner(painter, QtCore.QRectF(0.0, 0.0, width, banner))
        if self._image is not None and self._state is not None:
            room = QtCore.QRectF(12.0, banner, width - 24.0, height - banner - strip)
            self._draw_picture(painter, _fitted(self._image, room), self._image, self._state)
            self._draw_goals(painter, QtCore.QRectF(12.0, height - strip, width - 24.0, strip), self._state)
        painter.end()

    def _draw_banner(self, painter: QtGui.QPainter, room: QtCore.QRectF) -> None:
        text, colour = "Waiting for the first image", _DIM
        if self._notice:
            text, colour = self._notice, _WARNING
        elif self._state is not None:
            text, colour = self._state.instruction, _TEXT
        room = room.adjusted(16.0, 0.0, -16.0, 0.0)
        _draw_fitting_text(painter, text, room, 0.42 * room.height(), colour, bold=True)

    def _draw_picture(
        self, painter: QtGui.QPainter, room: QtCore.QRectF, image: QtGui.QImage, state: GuideState
    ) -> None:
        painter.drawImage(room, image)
        down, across = state.cells.shape
        cell = QtCore.QSizeF(room.width() / across, room.height() / down)
        for row in range(down):
            for column in range(across):
                shown = across - 1 - column if self._mirrored else column
                corner = room.topLeft() + QtCore.QPointF(shown * cell.width(), row * cell.height())
                area = QtCore.QRectF(corner, cell)
                if state.cells[row, column]:
                    painter.fillRect(area, QtGui.QColor(61, 220, 132, 55))
                elif state.wanted[row, column]:
                    painter.fillRect(area, QtGui.QColor(255, 212, 121, 90))
                    painter.setPen(QtGui.QPen(_WANTED, 3.0))
                    painter.drawRect(area.adjusted(2.0, 2.0, -2.0, -2.0))
        scale = room.width() / image.width()
        painter.setPen(QtGui.QPen(QtGui.QColor("#101010"), 1.0))
        painter.setBrush(_WANTED)
        radius = max(3.0, 0.005 * room.width())
        for x, y in self._corners_px:
            shown_x = image.width() - 1.0 - x if self._mirrored else x
            at = room.topLeft() + QtCore.QPointF((shown_x + 0.5) * scale, (y + 0.5) * scale)
            painter.drawEllipse(at, radius, radius)
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        if self._flash:
            painter.setPen(QtGui.QPen(_DONE, 10.0))
            painter.drawRect(room)

    def _draw_goals(self, painter: QtGui.QPainter, room: QtCore.QRectF, state: GuideState) -> None:
        """A pictogram for each goal, green once it is met, and the number of images."""
        each = room.width() / (len(GOALS) + _COUNT_WIDTH)
        side = min(0.5 * room.height(), 0.7 * each)
        text_px = min(0.17 * room.height(), 0.15 * each)
        signs = QtCore.QRectF(room.left(), room.top(), each, 0.66 * room.height())
        words = QtCore.QRectF(room.left(), signs.bottom(), each, 0.28 * room.height())
        for goal in GOALS:
            share = state.progress[_MIRRORED_GOALS.get(goal, goal) if self._mirrored else goal]
            colour = _DONE if share >= 1.0 else _WANTED if share > 0.0 else _DIM
            origin = signs.topLeft() + QtCore.QPointF(0.5 * (each - side), 0.18 * signs.height())
            corners = [origin + QtCore.QPointF(x * side, y * side) for x, y in _SHAPES[goal]]
            painter.setPen(QtGui.QPen(colour, 2.5))
            painter.setBrush(colour if share >= 1.0 else QtCore.Qt.BrushStyle.NoBrush)
            painter.drawPolygon(QtGui.QPolygonF(corners))
            _draw_fitting_text(painter, _GOAL_WORDS[goal], words, text_px, colour)
            signs.translate(each, 0.0)
            words.translate(each, 0.0)
        for space in (signs, words):
            space.setRight(room.right())
        count = f"{state.images} / {max(FEWEST_IMAGES, state.images)}"
        _draw_fitting_text(painter, count, signs, 0.3 * room.height(), _TEXT, bold=True)
        _draw_fitting_text(painter, "images   Esc cancels", words, text_px, _DIM)


def _fitted(image: QtGui.QImage, room: QtCore.QRectF) -> QtCore.QRectF:
    """Where `image` goes to fill `room` as far as its shape allows."""
    size = QtCore.QSizeF(image.size()).scaled(room.size(), QtCore.Qt.AspectRatioMode.KeepAspectRatio)
    corner = room.center() - QtCore.QPointF(0.5 * size.width(), 0.5 * size.height())
    return QtCore.QRectF(corner, size)


def _draw_fitting_text(
    painter: QtGui.QPainter,
    text: str,
    room: QtCore.QRectF,
    size_px: float,
    colour: QtGui.QColor,
    bold: bool = False,
) -> None:
    """Draw `text` in the middle of `room`, `size_px` high or as high as its width allows."""
    font = QtGui.QFont()
    font.setBold(bold)
    font.setPixelSize(max(8, round(size_px)))
    width = QtGui.QFontMetricsF(font).horizontalAdvance(text)
    if width > room.width():
        font.setPixelSize(max(8, int(size_px * room.width() / width)))
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(room, QtCore.Qt.AlignmentFlag.AlignCenter, text)
