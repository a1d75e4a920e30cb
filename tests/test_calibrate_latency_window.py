"""The window draws the pattern so that it can be read, and says when it cannot be shown."""

from __future__ import annotations

import os

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from app.calibrate.latency_window import PatternPainting, PatternWindow, show_pattern
from app.errors import AppError
from calibration.screen_code import CodeReader


@pytest.fixture(scope="module")
def application() -> QtCore.QCoreApplication:
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.mark.parametrize(
    "size", [(640, 360), (1280, 720), (3840, 2160), (800, 1200)], ids=lambda size: size[0]
)
def test_what_is_drawn_is_read(application: QtCore.QCoreApplication, size: tuple[int, int]) -> None:
    painting, reader = PatternPainting(), CodeReader()
    for number in (0, 333, 1023):
        image = QtGui.QImage(*size, QtGui.QImage.Format.Format_RGB32)
        painter = QtGui.QPainter(image)
        painting.paint(painter, size, number, "Pattern found, hold still: 100%")
        painter.end()
        grey = image.scaledToWidth(640).convertToFormat(QtGui.QImage.Format.Format_Grayscale8)
        rows = np.frombuffer(grey.constBits(), np.uint8).reshape(grey.height(), grey.bytesPerLine())
        reading = reader.read(np.ascontiguousarray(rows[:, :640]))
        assert reading is not None
        assert reading.counter == number


def test_escape_and_closing_cancel(application: QtCore.QCoreApplication) -> None:
    window = PatternWindow(lambda: "")
    assert not window.cancelled
    QtTest.QTest.keyClick(window, QtCore.Qt.Key.Key_Escape)
    assert window.cancelled
    other = PatternWindow(lambda: "")
    application.sendEvent(other, QtGui.QCloseEvent())
    assert other.cancelled


def test_pictures_that_come_as_they_like_are_not_tied_to_the_screen(
    application: QtCore.QCoreApplication,
) -> None:
    window = PatternWindow(lambda: "")
    refresh_ns = window.refresh_ms * 1e6
    rng = np.random.default_rng(0)
    steady = refresh_ns * (np.cumsum(1 + (rng.random(100) > 0.9)) + rng.normal(0.0, 0.03, 100))
    window._swapped_ns = steady.astype(int).tolist()
    assert window.tied
    window._swapped_ns = (0.37 * refresh_ns * np.arange(100)).astype(int).tolist()
    assert not window.tied
    window._swapped_ns = np.cumsum(rng.uniform(0.5, 1.5, 100) * refresh_ns).astype(int).tolist()
    assert not window.tied


def test_a_display_without_opengl_is_told(application: QtCore.QCoreApplication) -> None:
    if QtGui.QGuiApplication.platformName() != "offscreen":
        pytest.skip("this platform may have OpenGL")
    with pytest.raises(AppError, match="needs OpenGL"):
        show_pattern(lambda: "", lambda: False)
