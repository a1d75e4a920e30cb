"""The printable page with the calibration board, a ruler to check the print with, and its parameters."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PySide6 import QtCore, QtGui, QtWidgets

from app.display import has_display
from app.files import write_atomically
from app.opencv import cv2
from calibration.board import DICTIONARY, DICTIONARY_NAME, Board

PaperName = Literal["a4", "letter"]
UNITS_PER_MM = 100  # fonts have whole sizes: a hundredth of a millimetre is fine enough
RULER_MM = 100
PDF_DPI = 1200
_TOP_MM = 12.0
_MARKER_CELLS = 6  # four of data and the border
_TEXT_MM = 3.2
_SMALL_TEXT_MM = 2.5


@dataclass(frozen=True)
class Paper:
    """A size of paper.

    Attributes:
        title: as people call it.
        width_mm, height_mm: upright, millimetres.
        page_size: the same for Qt.
    """

    title: str
    width_mm: float
    height_mm: float
    page_size: QtGui.QPageSize.PageSizeId


PAPERS: dict[PaperName, Paper] = {
    "a4": Paper("A4", 210.0, 297.0, QtGui.QPageSize.PageSizeId.A4),
    "letter": Paper("US Letter", 215.9, 279.4, QtGui.QPageSize.PageSizeId.Letter),
}


def write_board_pdf(path: Path, paper_name: PaperName, board: Board | None = None) -> None:
    """Write the page as a vector PDF in true size.

    Raises:
        AppError: the file cannot be written.
    """
    paper = PAPERS[paper_name]
    _ = ensure_application()  # fonts need one
    page = QtCore.QBuffer()  # Qt says nothing of a disk that is full
    page.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    writer = QtGui.QPdfWriter(page)
    writer.setResolution(PDF_DPI)
    writer.setPageSize(QtGui.QPageSize(paper.page_size))
    writer.setPageMargins(QtCore.QMarginsF(0.0, 0.0, 0.0, 0.0))
    writer.setTitle("PoseHand camera calibration board")
    painter = QtGui.QPainter(writer)
    draw_page(painter, PDF_DPI, paper, board or Board())
    painter.end()
    del writer  # ends the document
    with write_atomically(path) as file:
        file.write(page.data().data())


def page_image(paper_name: PaperName, dpi: int, board: Board | None = None) -> np.ndarray:
    """(height, width, 3) BGR uint8: the same page as an image of `dpi` dots per inch."""
    _ = ensure_application()
    paper = PAPERS[paper_name]
    size = (round(paper.width_mm / 25.4 * dpi), round(paper.height_mm / 25.4 * dpi))
    image = QtGui.QImage(*size, QtGui.QImage.Format.Format_BGR888)
    image.fill(QtCore.Qt.GlobalColor.white)
    painter = QtGui.QPainter(image)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    draw_page(painter, dpi, paper, board or Board())
    painter.end()
    rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(size[1], image.bytesPerLine())
    return rows[:, : 3 * size[0]].reshape(size[1], size[0], 3).copy()


def ensure_application() -> QtCore.QCoreApplication:
    """The Qt application of this process, made if there is none; the caller keeps it alive."""
    running = QtWidgets.QApplication.instance()
    if running is not None:
        return running
    return QtWidgets.QApplication([sys.argv[0], *(() if has_display() else ("-platform", "offscreen"))])


def draw_page(painter: QtGui.QPainter, dpi: float, paper: Paper, board: Board) -> None:
    """Draw the page in true size on a device of `dpi` dots per inch whose origin is the paper's corner."""
    painter.save()
    painter.scale(dpi / 25.4 / UNITS_PER_MM, dpi / 25.4 / UNITS_PER_MM)
    width_mm, height_mm = (1e3 * side for side in board.size_m)
    left_mm = 0.5 * (paper.width_mm - width_mm)
    painter.save()
    painter.translate(left_mm * UNITS_PER_MM, _TOP_MM * UNITS_PER_MM)
    painter.fillPath(_board_path(board), QtCore.Qt.GlobalColor.black)
    painter.restore()
    _draw_ruler(painter, left_mm, _TOP_MM + height_mm + 8.0)
    _draw_words(painter, paper, board, left_mm, _TOP_MM + height_mm + 7.0)
    painter.restore()


def _board_path(board: Board) -> QtGui.QPainterPath:
    """All that is black. Cells overlap, or viewers would show hairlines between them."""
    path = QtGui.QPainterPath()
    path.setFillRule(QtCore.Qt.FillRule.WindingFill)  # where two overlap is black, too
    unit = 1e3 * UNITS_PER_MM  # per metre
    side = board.square_m * unit
    for row in range(board.rows):
        for column in range(board.columns):
            if (row + column) % 2 == 0:
                path.addRect(QtCore.QRectF(column * side, row * side, side, side))
    charuco = board.charuco()
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
    cell = board.marker_m * unit / _MARKER_CELLS
    for marker, corners_m in zip(
        np.asarray(charuco.getIds()).reshape(-1), charuco.getObjPoints(), strict=True
    ):
        black = cv2.aruco.generateImageMarker(dictionary, int(marker), _MARKER_CELLS) == 0
        x, y = (float(value) * unit for value in np.asarray(corners_m)[0, :2])
        for down, right in ((0, 0), (0, 1), (1, 0)):  # the cells, and half way between two neighbours
            both = black[: _MARKER_CELLS - down, : _MARKER_CELLS - right] & black[down:, right:]
            for row, column in np.argwhere(both):
                corner = QtCore.QPointF(x + (column + 0.5 * right) * cell, y + (row + 0.5 * down) * cell)
                path.addRect(QtCore.QRectF(corner, QtCore.QSizeF(cell, cell)))
    return path


def _draw_ruler(painter: QtGui.QPainter, x_mm: float, y_mm: float) -> None:
    """A line of `RULER_MM` with a tick every centimetre, from (x, y) to the right."""
    pen = QtGui.QPen(QtCore.Qt.GlobalColor.black, 0.2 * UNITS_PER_MM)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    x, y = x_mm * UNITS_PER_MM, y_mm * UNITS_PER_MM
    painter.drawLine(QtCore.QPointF(x, y), QtCore.QPointF(x + RULER_MM * UNITS_PER_MM, y))
    for at_mm in range(0, RULER_MM + 1, 10):
        tick_mm = 4.0 if at_mm in (0, RULER_MM) else 2.0
        at = x + at_mm * UNITS_PER_MM
        painter.drawLine(QtCore.QPointF(at, y - tick_mm * UNITS_PER_MM), QtCore.QPointF(at, y))


def _draw_words(painter: QtGui.QPainter, paper: Paper, board: Board, x_mm: float, y_mm: float) -> None:
    """What the ruler is for, beside it; what the board is, below it."""
    beside = (f"This line must be {RULER_MM} mm long.", "Print at 100 % (actual size).")
    _draw_text(painter, beside[0], x_mm + RULER_MM + 4.0, y_mm - 2.2, _TEXT_MM, bold=True)
    _draw_text(painter, beside[1], x_mm + RULER_MM + 4.0, y_mm + 2.0, _TEXT_MM)
    parameters = (
        f"PoseHand camera board, {paper.title}: ChArUco {board.columns} × {board.rows} squares of "
        f"{board.square_m * 1e3:g} mm, markers of {board.marker_m * 1e3:g} mm, OpenCV aruco {DICTIONARY_NAME}"
    )
    _draw_text(painter, parameters, x_mm, y_mm + 7.0, _SMALL_TEXT_MM)
    advice = "Glue it flat on a stiff base. Calibrate with: python launch.py calibrate camera"
    _draw_text(painter, advice, x_mm, y_mm + 10.5, _SMALL_TEXT_MM)


def _draw_text(
    painter: QtGui.QPainter, text: str, x_mm: float, y_mm: float, size_mm: float, bold: bool = False
) -> None:
    font = QtGui.QFont("Helvetica")
    font.setStyleHint(QtGui.QFont.StyleHint.SansSerif)
    font.setPixelSize(round(size_mm * UNITS_PER_MM))
    font.setBold(bold)
    painter.setFont(font)
    painter.drawText(QtCore.QPointF(x_mm * UNITS_PER_MM, y_mm * UNITS_PER_MM), text)
