"""The console's process with an operator in it, who presses Space when a snapshot's notice asks for it.

As a program: it takes the arguments of `python -m app.console`, and stands in its place.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6 import QtCore, QtTest

from app.console import process
from app.console.drawer import Drawing
from app.console.window import ConsoleWindow

PRESS_SPACE = "press Space"


class OperatedWindow(ConsoleWindow):
    """Has Space pressed once, when a snapshot's notice says so."""

    _pressed = False

    def _show(self, drawing: Drawing) -> None:
        super()._show(drawing)
        if not self._pressed and drawing.snapshot is not None and drawing.snapshot.notice == PRESS_SPACE:
            self._pressed = True
            QtTest.QTest.keyClick(self, QtCore.Qt.Key.Key_Space)


if __name__ == "__main__":
    process.ConsoleWindow = OperatedWindow
    sys.exit(process.main())
