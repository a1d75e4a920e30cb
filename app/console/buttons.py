"""The two big buttons."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from app.console.brush import Brush
from app.console.layout import Box
from app.console.theme import DARK, Theme
from app.console.words import Tone


class BigButton(QtWidgets.QAbstractButton):
    """A coloured button with a word and a line below it. Never has the focus: the keys are the window's."""

    def __init__(self, parent: QtWidgets.QWidget, word: str, sentence: str, tone: Tone) -> None:
        super().__init__(parent)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        self.setCursor(QtCore.Qt.CursorShape.PointingHandCursor)
        self._unit = 1.0
        self._theme = DARK
        self.say(word, sentence, tone, enabled=True)

    def say(self, word: str, sentence: str, tone: Tone, enabled: bool) -> None:
        """Show these words on the ground of this tone."""
        self.setText(word)
        self.setToolTip(sentence)
        self.setAccessibleName(f"{word}: {sentence}")
        self._sentence, self._tone = sentence, tone
        self.setEnabled(enabled)
        self.update()

    def dress(self, theme: Theme, unit: float) -> None:
        """Take the window's colours and scale."""
        self._theme, self._unit = theme, unit
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        u = self._unit
        ground, ink = self._theme.tones[self._tone]
        colour = QtGui.QColor(ground)
        if self.isDown():
            colour = colour.darker(130)
        elif self.underMouse() and self.isEnabled():
            colour = colour.lighter(112)
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor(self._theme.background))
        brush = Brush(painter, self._theme, u)
        box = Box(0, 0, self.width(), self.height())
        if not self.isEnabled():
            colour, ink = QtGui.QColor(self._theme.track), self._theme.dim
        brush.box(box, colour.name(), radius=10)
        inner = box.inset(8 * u)
        word = Box(inner.x, inner.y, inner.width, 0.68 * inner.height)
        brush.text(word, self.text(), min(44.0, 0.62 * box.height / u), ink, "centre", bold=True)
        line = Box(inner.x, word.bottom, inner.width, inner.bottom - word.bottom)
        brush.text(line, self._sentence, min(18.0, 0.24 * box.height / u), ink, "centre")
        painter.end()
