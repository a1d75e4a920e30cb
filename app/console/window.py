"""The console's window: hears keys and buttons, and shows what the drawing thread drew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import zmq
from PySide6 import QtCore, QtGui, QtWidgets

from app.console.buttons import BigButton
from app.console.command import Command
from app.console.drawer import Drawer, Drawing
from app.console.keys import HELD_KEYS, Action, action_of
from app.console.layout import lay_out
from app.console.painter import ConsolePainter, View
from app.console.screen import BoothScreen, Screen, shows_booth
from app.console.stopper import Stoppable, Stopper
from app.console.theme import DARK, LIGHT
from app.console.words import ArmButton, arm_button, is_armed
from app.snapshot import Snapshot

HORIZON_STEP_MS = 10.0
MINIMUM_SIZE = (640, 360)  # small, as a stop beyond the screen's edge is worse than letters too small to read
START_SIZE = (1280, 720)
FRAME_SIZE = (16, 48)  # room for what the desktop puts around a window, which it tells only once it is shown
COMMANDS: dict[Action, Command] = {
    "arm": Command("arm"),
    "disarm": Command("disarm"),
    "home": Command("home"),
    "reset": Command("reset"),
    "record": Command("record"),
    "calibrate": Command("calibrate"),
    "clutch": Command("clutch"),
    "horizon_later": Command("horizon", HORIZON_STEP_MS),
    "horizon_earlier": Command("horizon", -HORIZON_STEP_MS),
    "horizon_auto": Command("horizon_auto"),
}
CALMING: tuple[Action, ...] = ("stop", "disarm")  # heard through any overlay


class ConsoleWindow(QtWidgets.QWidget):
    """The window.

    Args:
        send: passes a command on to the pipeline, without waiting.
        robots: stopped directly by the stop, whatever pipeline and drawing do.
        inbox: SUB socket the snapshots come from; without one they are given to `show_snapshot`.
        booth: show the booth's page, with the console behind it.
    """

    _delivered = QtCore.Signal()

    def __init__(
        self,
        send: Callable[[Command], None],
        robots: Sequence[Stoppable],
        inbox: zmq.Socket[bytes] | None = None,
        booth: bool = False,
    ) -> None:
        super().__init__()
        self._send = send
        self._stopper = Stopper(robots)
        self._booth = booth
        self._screen: Screen = BoothScreen() if booth else ConsolePainter()
        self._trouble = ""
        self._leaving = False
        self._stop_given_up = False
        self._lock = threading.Lock()
        self._waiting: Drawing | None = None
        self._shown = Drawing(None, None)
        self._arm_button: ArmButton | None = None
        self._arm = BigButton(self, "ARM", "key A", "off")
        self._arm.clicked.connect(self._click_arm)
        self._stop = BigButton(self, "STOP", "Space", "stop")
        # Pressed, not released: a stop does not wait for the finger to leave the mouse.
        self._stop.pressed.connect(lambda: self.act("stop"))
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent)
        room = self.screen().availableSize() - QtCore.QSize(*FRAME_SIZE)
        if not booth:  # which fills whatever screen it gets
            self.setMinimumSize(QtCore.QSize(*MINIMUM_SIZE).boundedTo(room))
        self.resize(QtCore.QSize(*START_SIZE).boundedTo(room))
        self._view = View(self.width(), self.height())
        self._delivered.connect(self._take_delivery, QtCore.Qt.ConnectionType.QueuedConnection)
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.installEventFilter(self)
        self._drawer: Drawer | None = None
        if inbox is not None:
            self._drawer = Drawer(inbox, self._screen, self._view_now, self._deliver)
            self._drawer.start()

    @property
    def snapshot(self) -> Snapshot | None:
        """What is shown."""
        return self._shown.snapshot

    @property
    def view(self) -> View:
        """How it is shown."""
        return self._view

    def show_snapshot(self, snapshot: Snapshot, t_s: float | None = None) -> None:
        """Draw this snapshot here and now, as of `t_s` seconds; for windows without an inbox."""
        t_s = time.monotonic() if t_s is None else t_s
        self._screen.take(snapshot, t_s)
        self._show(Drawing(self._screen.paint(self._view_now(), t_s), snapshot))

    def remember(self, snapshot: Snapshot, t_s: float) -> None:
        """Take in a snapshot of the past, for what is shown of the last seconds; without an inbox only."""
        self._screen.take(snapshot, t_s)

    @property
    def holds_stop(self) -> bool:
        """Whether a stop is still to be confirmed, for which the window must stay; from any thread."""
        return self._stopper.pending and not self._stop_given_up

    @QtCore.Slot()
    def outlive_pipeline(self) -> None:
        """The pipeline is gone: nobody is left who could be asked to quit."""
        self._leaving = True

    def act(self, action: Action) -> None:
        """Do what a key or button asks for."""
        if action == "stop":
            self._stop_given_up = False
            self._stopper.stop()
            self._send(Command("stop"))
        overlay = self._view.help or self._view.quitting
        was_quitting = self._view.quitting
        if overlay:
            self._change(help=False, quitting=False)
            if not (was_quitting and action == "quit") and action not in CALMING:
                return
        if action in COMMANDS:
            self._send(COMMANDS[action])
        elif action == "help":
            self._change(help=True)
        elif action == "theme":
            self._change(theme=LIGHT if self._view.theme is DARK else DARK)
        elif action == "full_screen":
            if self.isFullScreen():
                self.showNormal()
            else:
                self.showFullScreen()
        elif action == "quit":
            self._quit(confirmed=was_quitting)

    def _quit(self, confirmed: bool) -> None:
        snapshot = self._shown.snapshot
        armed = snapshot is not None and is_armed(snapshot.hands)
        if not confirmed and (self.holds_stop or (armed and not self._leaving)):
            self._change(quitting=True)
            return
        self._stop_given_up = True
        if self._leaving:
            self.close()  # the pipeline was asked and does not end, or is gone
        else:
            self._leaving = True
            self._send(Command("quit"))

    def _click_arm(self) -> None:
        snapshot = self._shown.snapshot
        command = None if snapshot is None else arm_button(snapshot.hands).command
        if command is not None:
            self.act(command)

    # -- drawing
    # ------------------------------------------------------------------------------------------------

    def _view_now(self) -> View:
        """For the drawing thread."""
        alarm = self._stopper.alarm or self._trouble
        stopper = self._stopper
        return replace(self._view, alarm=alarm, stopped=stopper.confirmed, stopping=stopper.pending)

    def _deliver(self, drawing: Drawing) -> None:
        """From the drawing thread; only the newest drawing waits, however slow this thread is."""
        with self._lock:
            first, self._waiting = self._waiting is None, drawing
        if first:
            self._delivered.emit()

    @QtCore.Slot()
    def _take_delivery(self) -> None:
        with self._lock:
            drawing, self._waiting = self._waiting, None
        if drawing is not None:
            self._show(drawing)

    def _show(self, drawing: Drawing) -> None:
        self._trouble = drawing.trouble
        image = drawing.image or self._shown.image
        self._shown = replace(drawing, image=image)
        if drawing.snapshot is not None:
            button = arm_button(drawing.snapshot.hands)
            if button != self._arm_button:
                self._arm_button = button
                self._arm.say(button.word, button.sentence, button.tone, button.command is not None)
        if self._booth:
            self._lay_buttons()
        self.update()

    def _change(self, **changes: object) -> None:
        self._view = replace(self._view, **changes)  # type: ignore[arg-type]
        self._lay_buttons()
        if self._drawer is None and self._shown.snapshot is not None:
            self.show_snapshot(self._shown.snapshot)

    def _lay_buttons(self) -> None:
        view = self._view_now()
        layout = lay_out(view.width, view.height)
        booth = self._booth and shows_booth(view)
        for button, box in (
            (self._arm, layout.arm),
            (self._stop, layout.booth_stop if booth else layout.stop),
        ):
            left, top = round(box.x), round(box.y)
            button.setGeometry(left, top, round(box.right) - left, round(box.bottom) - top)
            button.dress(DARK if booth else view.theme, layout.unit)
        self._arm.setVisible(not (booth or view.help or view.quitting))

    # -- events
    # ------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Take keys before any widget does, so that they do not depend on the focus."""
        if event.type() != QtCore.QEvent.Type.KeyPress or not self._is_mine(watched):
            return False
        assert isinstance(event, QtGui.QKeyEvent)
        if event.isAutoRepeat():
            return True
        action = action_of(event)
        if action is not None:
            self.act(action)
        elif (self._view.help or self._view.quitting) and event.key() not in HELD_KEYS:
            self._change(help=False, quitting=False)
        return True

    def _is_mine(self, watched: QtCore.QObject) -> bool:
        if isinstance(watched, QtWidgets.QWidget):
            return watched is self or self.isAncestorOf(watched)
        return watched is self.windowHandle()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        image = self._shown.image
        if image is None:
            painter.fillRect(self.rect(), QtGui.QColor(self._view.theme.background))
        elif image.deviceIndependentSize().toSize() == self.size():
            painter.drawImage(0, 0, image)
        else:  # just resized: the old picture until the next one is drawn
            painter.drawImage(self.rect(), image)
        painter.end()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        self._change(width=self.width(), height=self.height(), ratio=self.devicePixelRatioF())

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self._stop_given_up = True
        self._send(Command("quit"))
        self.release()
        event.accept()

    def release(self) -> None:
        """End the threads and hear no more keys; safe to call twice."""
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        if self._drawer is not None:
            self._drawer.close()
        self._stopper.close()
