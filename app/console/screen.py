"""What fills the window: the console, or a booth's page with the console behind it."""

from __future__ import annotations

from typing import Protocol

from PySide6 import QtGui

from app.console.booth_painter import BoothPainter
from app.console.painter import ConsolePainter, View
from app.snapshot import Snapshot


class Screen(Protocol):
    """Draws all of the window but the buttons; used by one thread at a time."""

    def take(self, snapshot: Snapshot, t_s: float) -> None:
        """Show this snapshot from now on; it came at `t_s`, seconds."""
        ...

    def paint(self, view: View, t_s: float) -> QtGui.QImage:
        """The picture as of `t_s`, seconds on the clock of `take`."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class BoothScreen:
    """The booth's page; the console where its staff asks for help, or must read an alarm."""

    def __init__(self) -> None:
        self._console = ConsolePainter()
        self._booth = BoothPainter()

    def take(self, snapshot: Snapshot, t_s: float) -> None:
        """Show this snapshot from now on; it came at `t_s`, seconds."""
        self._console.take(snapshot, t_s)
        self._booth.take(snapshot, t_s)

    def paint(self, view: View, t_s: float) -> QtGui.QImage:
        """The picture as of `t_s`, seconds on the clock of `take`."""
        if shows_booth(view):
            return self._booth.paint(view.width, view.height, view.ratio, t_s)
        return self._console.paint(view, t_s)

    def close(self) -> None:
        """Let go of the robot's views."""
        self._console.close()
        self._booth.close()


def shows_booth(view: View) -> bool:
    """Whether a booth's page is what is seen: nothing for its staff is in front of it."""
    return not (view.help or view.quitting or view.alarm)
