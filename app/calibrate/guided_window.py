"""What the windows of guided calibrations share: a live picture, a notice, and the way out."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from PySide6 import QtCore, QtGui, QtWidgets

from app.calibrate.board_page import ensure_application


class Cancellable:
    """A window that Esc, Q or closing cancels; stands before Qt's class among the bases.

    Attributes:
        cancelled: whether that happened.
    """

    cancelled = False

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        if event.key() in (QtCore.Qt.Key.Key_Escape, QtCore.Qt.Key.Key_Q):
            self.cancelled = True

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self.cancelled = True
        event.accept()


class GuidedPicture(Cancellable, QtWidgets.QWidget):
    """The source's picture, and what is wrong with the source; what is drawn around them is each guide's own.

    Args:
        mirrored: show the picture as a mirror would, to whoever faces the camera.
    """

    def __init__(self, mirrored: bool) -> None:
        super().__init__()
        self._mirrored = mirrored
        self._image: QtGui.QImage | None = None
        self._notice = ""

    def show_notice(self, notice: str) -> None:
        """Say what is wrong with the source; the picture stays."""
        self._notice = notice
        self.update()

    def _take_image(self, image: np.ndarray) -> None:
        """Keep an image (height, width, 3) BGR to be drawn."""
        shown = np.ascontiguousarray(image[:, ::-1] if self._mirrored else image)
        height, width = shown.shape[:2]
        format_bgr = QtGui.QImage.Format.Format_BGR888
        # Qt reads the array's memory; the copy outlives it.
        self._image = QtGui.QImage(shown.tobytes(), width, height, 3 * width, format_bgr).copy()


Picture = TypeVar("Picture", bound=GuidedPicture)


class GuidedWindow(Generic[Picture]):
    """A window that is drawn in the thread that looks at the source.

    Attributes:
        patient: somebody sees what is missing, so there is no need to give up.
        widget: what it shows.
    """

    patient = True

    def __init__(self, title: str, widget: Picture, size_px: tuple[int, int]) -> None:
        self._application = ensure_application()
        self.widget = widget
        widget.setWindowTitle(title)
        widget.resize(*size_px)
        widget.show()
        self._application.processEvents()

    @property
    def cancelled(self) -> bool:
        return self.widget.cancelled

    def wait(self, notice: str) -> None:
        """No frame came; stay responsive."""
        self.widget.show_notice(notice)
        self._application.processEvents()

    def close(self) -> None:
        self.widget.close()
        self._application.processEvents()
