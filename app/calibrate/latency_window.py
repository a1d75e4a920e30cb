"""Shows the latency pattern and notes when each of its numbers came onto the screen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from PySide6 import QtCore, QtGui, QtOpenGL

from app.calibrate.guided_window import Cancellable
from app.errors import AppError, CancelledError
from calibration.loop_delay import Shown
from calibration.screen_code import SIZE_UNITS, background, cells

_USUAL_HZ = 60.0
_SHORTEST_MS = 13.0  # of a number: a camera's exposure may hold no more than three and a half
_REGULAR, _MOSTLY = 0.2, 0.7  # pictures that wait for it come nearly whole refreshes after each other, mostly
_USUALLY_OFF = 0.05
_FEWEST_PICTURES, _PICTURES = 30, 120
_TEXT_UNITS = 0.5  # height


class PatternPainting:
    """Draws the pattern with its captions; what never changes is kept."""

    def __init__(self) -> None:
        self._canvas = QtGui.QImage()

    def paint(self, painter: QtGui.QPainter, size: tuple[int, int], counter: int, caption: str) -> None:
        """Draw a number.

        Args:
            painter: of a surface of `size`.
            size: width and height.
            counter: the number.
            caption: at most 35 letters, above the pattern's greys.
        """
        if (self._canvas.width(), self._canvas.height()) != size:
            grey = np.ascontiguousarray(background(size)[:, :, 0])
            form = QtGui.QImage.Format.Format_Grayscale8
            self._canvas = QtGui.QImage(grey.data, *size, size[0], form).copy()
        painter.drawImage(0, 0, self._canvas)
        for box in cells(counter, size):
            value = QtGui.QColor(box.value, box.value, box.value)
            painter.fillRect(box.x, box.y, box.width, box.height, value)
        scale = min(size[0] / SIZE_UNITS[0], size[1] / SIZE_UNITS[1])
        font = painter.font()
        font.setPixelSize(max(8, round(_TEXT_UNITS * scale)))
        painter.setFont(font)
        painter.setPen(QtGui.QColor(0, 0, 0))
        top = (size[1] - SIZE_UNITS[1] * scale) / 2
        for text, y in ((caption, 0.1), ("Esc: cancel", SIZE_UNITS[1] - 0.95)):
            line = QtCore.QRectF(0.0, top + y * scale, size[0], 0.8 * scale)
            painter.drawText(line, QtCore.Qt.AlignmentFlag.AlignCenter, text)


class PatternWindow(Cancellable, QtOpenGL.QOpenGLWindow):
    """The pattern, its number one higher with every refresh of the screen, or every few of a fast one.

    A number counts as shown when the graphics driver has swapped its picture in, which it does at a refresh.

    Attributes:
        refresh_ms: how often the screen is refreshed, as the system says.
        cancelled: Escape was pressed, or the window closed.
    """

    def __init__(self, caption: Callable[[], str], tick: Callable[[], None] = lambda: None) -> None:
        """
        Args:
            caption: one line for the operator, asked for with every picture.
            tick: called after every picture.
        """
        super().__init__()
        refresh_hz = self.screen().refreshRate()
        if not (math.isfinite(refresh_hz) and refresh_hz > 1.0):
            refresh_hz = _USUAL_HZ
        self.refresh_ms = 1e3 / refresh_hz
        self._period_ms = math.ceil(_SHORTEST_MS / self.refresh_ms) * self.refresh_ms
        self._caption, self._tick = caption, tick
        self._counter = 0
        self._shown_ns: list[int] = []  # of each number from 0 on
        self._swapped_ns: list[int] = []
        self._painting = PatternPainting()
        self.setTitle("PoseHand: latency")
        self.frameSwapped.connect(self._swapped)

    def shown(self) -> Shown:
        """What was shown so far."""
        return Shown(np.array(self._shown_ns, dtype=np.int64), np.arange(len(self._shown_ns)))

    @property
    def tied(self) -> bool:
        """Whether pictures wait for the screen's refresh; where they do not, times are vague by one."""
        if len(self._swapped_ns) < _FEWEST_PICTURES:
            return True
        refreshes = np.diff(self._swapped_ns) * 1e-6 / self.refresh_ms
        off = np.abs(refreshes - np.maximum(np.round(refreshes), 1.0))
        usual = float(np.median(refreshes))
        return bool((off < _REGULAR).mean() > _MOSTLY and abs(usual - round(usual)) < _USUALLY_OFF)

    @property
    def _picture_ms(self) -> float:
        """How often pictures come, at most as often as the screen should show them."""
        if len(self._swapped_ns) < _FEWEST_PICTURES:
            return self.refresh_ms
        return min(float(np.median(np.diff(self._swapped_ns))) * 1e-6, self.refresh_ms)

    def paintGL(self) -> None:
        painter = QtGui.QPainter(self)
        self._painting.paint(painter, (self.width(), self.height()), self._counter, self._caption())
        painter.end()

    def _swapped(self) -> None:
        self.makeCurrent()
        self.context().functions().glFinish()  # a driver may otherwise be some pictures behind
        now_ns = time.monotonic_ns()
        self._swapped_ns = [*self._swapped_ns[-_PICTURES:], now_ns]
        if len(self._shown_ns) == self._counter:
            self._shown_ns.append(now_ns)
        # What is drawn now is shown one picture later; half a picture early is in time.
        if (now_ns - self._shown_ns[-1]) * 1e-6 >= self._period_ms - 1.5 * self._picture_ms:
            self._counter = len(self._shown_ns)
        self._tick()
        self.update()


def show_pattern(caption: Callable[[], str], done: Callable[[], bool]) -> PatternWindow:
    """Show the pattern on the whole screen until `done`; returns the window, closed, with what it showed.

    Raises:
        AppError: there is no OpenGL; one sentence.
        CancelledError: the operator gave up.
    """
    surface = QtGui.QSurfaceFormat.defaultFormat()
    surface.setSwapInterval(1)
    application = QtGui.QGuiApplication.instance() or QtGui.QGuiApplication([])
    context = QtGui.QOpenGLContext()
    if not context.create():  # a window would end the whole process
        raise AppError("the pattern needs OpenGL, which this display does not offer; use --robot-only")

    def look() -> None:
        if done() or window.cancelled:
            loop.quit()

    window = PatternWindow(caption, look)
    window.setFormat(surface)
    loop = QtCore.QEventLoop()
    # Pictures may stop coming, as for a hidden window: look at it at times all the same.
    timer = QtCore.QTimer(interval=100)
    timer.timeout.connect(look)
    timer.start()
    window.setGeometry(window.screen().geometry())  # without a window manager nobody else does
    window.showFullScreen()
    loop.exec()
    timer.stop()
    window.hide()
    application.processEvents()
    if window.cancelled:
        raise CancelledError("the latency calibration was cancelled; nothing was saved")
    return window
