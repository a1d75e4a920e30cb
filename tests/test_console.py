"""The console's window, driven with real key and mouse events on Qt's offscreen platform."""

import dataclasses
import itertools
import os
import sys

import numpy as np
import pytest
import zmq

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import BusyScreen, RobotThatRecords, hand_snapshot, snapshot, wait_until
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from app.booth.status import PHASES, BoothStatus
from app.console.command import Command
from app.console.painter import ConsolePainter, View
from app.console.theme import DARK, LIGHT
from app.console.window import ConsoleWindow
from app.snapshot import CalibrationView
from robot import spawn_simulation

Key = QtCore.Qt.Key
SHIFT = QtCore.Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def application():
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


class Desk:
    """A window, what it sent, and the socket its snapshots come through."""

    def __init__(self, application: QtWidgets.QApplication, robots: list, inbox: bool, booth: bool) -> None:
        self.application = application
        self.commands: list[Command] = []
        self.context = zmq.Context()
        self.outbox = self.context.socket(zmq.PUB)
        port = self.outbox.bind_to_random_port("tcp://127.0.0.1")
        socket = self.context.socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"tcp://127.0.0.1:{port}")
        self.window = ConsoleWindow(self.commands.append, robots, socket if inbox else None, booth)
        self.window.show()
        self.pump()

    def pump(self) -> None:
        QtTest.QTest.qWait(10)

    def press(self, *keys: QtCore.Qt.Key) -> list[str]:
        """Press keys; the names of the commands that came of it."""
        before = len(self.commands)
        for key in keys:
            QtTest.QTest.keyClick(self.window, key)
        return [command.name for command in self.commands[before:]]

    def close(self) -> None:
        self.window.close()
        self.context.destroy(linger=0)


@pytest.fixture
def make_desk(application):
    desks = []

    def make(*robots, inbox: bool = False, booth: bool = False) -> Desk:
        desks.append(Desk(application, list(robots), inbox, booth))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (Key.Key_Space, Command("stop")),
        (Key.Key_A, Command("arm")),
        (Key.Key_D, Command("disarm")),
        (Key.Key_H, Command("home")),
        (Key.Key_U, Command("reset")),
        (Key.Key_R, Command("record")),
        (Key.Key_C, Command("calibrate")),
        (Key.Key_Plus, Command("horizon", 10.0)),
        (Key.Key_Equal, Command("horizon", 10.0)),
        (Key.Key_Minus, Command("horizon", -10.0)),
        (Key.Key_0, Command("horizon_auto")),
        (Key.Key_Q, Command("quit")),
        (Key.Key_Escape, Command("quit")),
    ],
)
def test_keys_become_commands(make_desk, key, command):
    desk = make_desk()
    desk.press(key)
    assert desk.commands == [command]
    assert Command.decode(command.encode()) == command


def test_keys_do_not_depend_on_the_focus_or_on_shift(make_desk):
    desk = make_desk()
    desk.window.show_snapshot(snapshot())
    button = desk.window.findChildren(QtWidgets.QAbstractButton)[0]
    button.setFocus()
    QtTest.QTest.keyClick(button, Key.Key_Space)
    QtTest.QTest.keyClick(desk.window, Key.Key_Plus, SHIFT)
    QtTest.QTest.keyClick(desk.window.windowHandle(), Key.Key_D)
    assert [command.name for command in desk.commands] == ["stop", "horizon", "disarm"]


def test_a_key_held_down_counts_once_and_shortcuts_do_not_count(make_desk):
    desk = make_desk()
    press = QtCore.QEvent.Type.KeyPress
    for repeats in (False, True, True):
        event = QtGui.QKeyEvent(press, Key.Key_Plus, QtCore.Qt.KeyboardModifier.NoModifier, "+", repeats)
        desk.application.sendEvent(desk.window, event)
    assert len(desk.commands) == 1
    QtTest.QTest.keyClick(desk.window, Key.Key_A, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert len(desk.commands) == 1
    QtTest.QTest.keyClick(desk.window, Key.Key_Space, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert desk.commands[-1].name == "stop", "whatever is held down with it"


@pytest.mark.skipif(sys.platform == "darwin", reason="keys have other codes there")
def test_letters_of_other_alphabets_count_by_their_place(make_desk):
    desk = make_desk()
    place = 30 if sys.platform.startswith("win") else 38  # where A is on a US keyboard
    cyrillic_f = QtGui.QKeyEvent(
        QtCore.QEvent.Type.KeyPress, 0x0424, QtCore.Qt.KeyboardModifier.NoModifier, place, 0, 0, "ф"
    )
    desk.application.sendEvent(desk.window, cyrillic_f)
    assert desk.commands == [Command("arm")]


def test_buttons_arm_disarm_unlock_and_stop(make_desk):
    robot = RobotThatRecords()
    desk = make_desk(robot)
    arm, stop = desk.window.findChildren(QtWidgets.QAbstractButton)
    for mode, word, command in (
        ("DISARMED", "ARM", "arm"),
        ("TRACKING", "DISARM", "disarm"),
        ("STOPPED", "UNLOCK", "reset"),
    ):
        desk.window.show_snapshot(snapshot(hand_snapshot(mode=mode)))
        assert arm.text() == word
        QtTest.QTest.mouseClick(arm, QtCore.Qt.MouseButton.LeftButton)
        assert desk.commands[-1].name == command
    desk.window.show_snapshot(snapshot(hand_snapshot(mode="")))
    assert not arm.isEnabled()
    QtTest.QTest.mousePress(stop, QtCore.Qt.MouseButton.LeftButton)
    assert desk.commands[-1].name == "stop"
    assert wait_until(lambda: robot.stops == 1, desk.pump), "a press is enough, without letting go"


def test_one_stopped_hand_of_two_is_what_the_button_speaks_of(make_desk):
    desk = make_desk()
    desk.window.show_snapshot(snapshot(hand_snapshot(), hand_snapshot("left", mode="STOPPED")))
    assert desk.window.findChildren(QtWidgets.QAbstractButton)[0].text() == "UNLOCK"


def test_quitting_an_armed_robot_is_asked_for_twice(make_desk):
    desk = make_desk()
    desk.window.show_snapshot(snapshot())
    assert desk.press(Key.Key_Q) == []
    assert desk.window.view.quitting
    assert desk.press(Key.Key_A) == [], "it only takes the question away"
    assert not desk.window.view.quitting
    assert desk.press(Key.Key_Escape, Key.Key_Space) == ["stop"]
    assert desk.press(Key.Key_Q, Key.Key_Q) == ["quit"]
    desk.window.show_snapshot(snapshot(hand_snapshot(mode="DISARMED")))
    assert desk.window.isVisible(), "the pipeline ends the window"


def test_quitting_with_an_unconfirmed_stop_is_asked_for_twice(make_desk):
    desk = make_desk(RobotThatRecords(fails=True))
    desk.window.show_snapshot(snapshot(hand_snapshot(mode="DISARMED")))
    desk.press(Key.Key_Space)
    assert desk.window.holds_stop, "from the first moment, not from the first failure"
    assert desk.press(Key.Key_Q) == []
    assert desk.window.view.quitting
    assert desk.window.holds_stop
    assert desk.press(Key.Key_Q) == ["quit"]
    assert not desk.window.holds_stop, "it was given up"
    assert desk.press(Key.Key_Space) == ["stop"]
    assert desk.window.holds_stop, "and asked for anew"


def test_the_question_before_quitting_says_what_it_is_about(application):
    painter = ConsolePainter()
    armed, stopping = (
        painter.paint(View(1280, 720, quitting=True, stopping=stopping), 0.0) for stopping in (False, True)
    )
    painter.close()
    assert armed != stopping


def test_a_window_left_alone_with_an_unconfirmed_stop_closes_when_asked_twice(make_desk):
    robot = RobotThatRecords(fails=True)
    desk = make_desk(robot)
    desk.window.show_snapshot(snapshot())
    desk.press(Key.Key_Space)
    desk.window.outlive_pipeline()
    assert desk.press(Key.Key_Q, Key.Key_A, Key.Key_Q) == []
    assert desk.window.holds_stop
    assert desk.window.isVisible()
    desk.press(Key.Key_Q)
    assert not desk.window.isVisible()
    assert not desk.window.holds_stop


def test_help_covers_all_but_the_stop(make_desk):
    desk = make_desk()
    desk.window.show_snapshot(snapshot())
    assert desk.press(Key.Key_Question) == []
    assert desk.window.view.help
    arm, stop = desk.window.findChildren(QtWidgets.QAbstractButton)
    assert stop.isVisible()
    assert not arm.isVisible()
    assert desk.press(Key.Key_A) == []
    assert not desk.window.view.help
    assert desk.press(Key.Key_F1, Key.Key_Space) == ["stop"]


def test_a_shift_alone_does_not_close_what_it_helps_to_type(make_desk):
    desk = make_desk()
    desk.window.show_snapshot(snapshot())
    for opened in (True, False, True):
        QtTest.QTest.keyPress(desk.window, Key.Key_Shift, SHIFT)
        QtTest.QTest.keyClick(desk.window, Key.Key_Question, SHIFT)
        QtTest.QTest.keyRelease(desk.window, Key.Key_Shift)
        assert desk.window.view.help == opened
    held = (Key.Key_Control, Key.Key_Alt, Key.Key_AltGr, Key.Key_Meta, Key.Key_CapsLock, Key.Key_Super_L)
    assert desk.press(*held) == []
    assert desk.window.view.help
    assert desk.press(Key.Key_Question, Key.Key_A) == ["arm"]
    assert desk.press(Key.Key_Q, Key.Key_Shift, Key.Key_Q) == ["quit"]


@pytest.mark.parametrize("key", [Key.Key_A, Key.Key_H, Key.Key_U, Key.Key_Plus, Key.Key_Period])
@pytest.mark.parametrize("opener", [Key.Key_Question, Key.Key_Q])
def test_what_is_open_takes_one_key_but_no_stop_or_disarm(make_desk, opener, key):
    desk = make_desk()
    desk.window.show_snapshot(snapshot())
    assert desk.press(opener, key) == []
    assert not desk.window.view.help
    assert not desk.window.view.quitting
    assert desk.press(opener, Key.Key_Space) == ["stop"]
    assert desk.press(opener, Key.Key_D) == ["disarm"]


@pytest.mark.parametrize("booth", [False, True])
def test_the_stop_is_on_the_screen_however_small_it_is(make_desk, booth):
    desk = make_desk(booth=booth)
    window, room = desk.window, desk.window.screen().availableSize()
    assert window.frameGeometry().width() <= room.width()
    assert window.frameGeometry().height() <= room.height()
    buttons = window.findChildren(QtWidgets.QAbstractButton)
    for size in ((1280, 720), (800, 600), (640, 480)):
        window.resize(*size)
        window.show_snapshot(snapshot(booth=BoothStatus("attract") if booth else None))
        assert (window.width(), window.height()) == size
        assert all(window.rect().contains(button.geometry()) for button in buttons if button.isVisible())


def test_theme_and_full_screen(make_desk):
    desk = make_desk()
    desk.press(Key.Key_T)
    assert desk.window.view.theme is LIGHT
    desk.press(Key.Key_T, Key.Key_F)
    assert desk.window.view.theme is DARK
    assert desk.window.isFullScreen()
    desk.press(Key.Key_F)
    assert not desk.window.isFullScreen()


def test_space_stops_every_robot_and_says_if_one_does_not_answer(make_desk):
    robots = RobotThatRecords(fails=True), RobotThatRecords()
    desk = make_desk(*robots)
    desk.window.show_snapshot(snapshot())
    before = pixels(desk.window)
    desk.press(Key.Key_Space)
    assert wait_until(lambda: all(robot.stops for robot in robots), desk.pump)
    assert wait_until(lambda: bool(desk.window._stopper.alarm), desk.pump)
    assert "STOP NOT CONFIRMED" in desk.window._stopper.alarm
    desk.window.show_snapshot(snapshot())
    assert (pixels(desk.window) != before).any()
    robots[0].fails = False  # it is asked again until it confirms, with nobody pressing anything
    assert wait_until(lambda: not desk.window._stopper.alarm, desk.pump)
    assert robots[0].stops > 1
    assert robots[1].stops == 1


def pixels(window: QtWidgets.QWidget) -> np.ndarray:
    image = window.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def colours(window: QtWidgets.QWidget) -> int:
    return len(np.unique(pixels(window)[::8, ::8].reshape(-1, 3), axis=0))


def test_the_newest_snapshot_is_shown(make_desk):
    desk = make_desk(inbox=True)
    count = itertools.count()

    def send() -> None:
        desk.outbox.send(snapshot(notice=f"number {next(count)}").encode())
        desk.pump()

    assert wait_until(lambda: desk.window.snapshot is not None, send)
    newest = next(count)
    desk.outbox.send(snapshot(notice=f"number {newest}").encode())
    assert wait_until(lambda: desk.window.snapshot.notice == f"number {newest}", desk.pump)
    assert wait_until(lambda: colours(desk.window) > 50, desk.pump)


def test_a_drawing_that_fails_is_told_and_keys_go_on(make_desk):
    desk = make_desk(inbox=True)
    broken = dataclasses.replace(hand_snapshot(), joint_names=("no such joint",))

    def send() -> None:
        desk.outbox.send(snapshot(broken).encode())
        desk.pump()

    assert wait_until(lambda: "cannot draw" in desk.window._trouble, send)
    assert desk.press(Key.Key_A) == ["arm"]


def test_space_stops_a_real_robot_while_the_console_is_busy_drawing(make_desk, monkeypatch):
    """Ordering, not timing: the server is stopped before the drawing that is going on has ended."""
    screen = BusyScreen()
    monkeypatch.setattr(ConsolePainter, "_paint", lambda *_: screen.paint())
    with spawn_simulation("right") as simulation, simulation.connect() as link, simulation.connect() as own:
        link.arm()
        desk = make_desk(own, inbox=True)

        def flood() -> None:
            for _ in range(20):
                desk.outbox.send(snapshot().encode())
            desk.pump()

        assert wait_until(screen.busy.is_set, flood)
        flood()
        assert own.status().state.mode != "STOPPED"
        desk.press(Key.Key_Space)
        stopped = wait_until(lambda: link.status().state.mode == "STOPPED", lambda: None)
        assert not screen.done.is_set(), "the stop waited for the drawing"
        assert stopped
        assert desk.commands == [Command("stop")], "and the pipeline was told, too"
        screen.let_go.set()


@pytest.mark.parametrize("phase", PHASES)
def test_a_booth_keeps_its_stop_and_its_keys(make_desk, phase):
    robot = RobotThatRecords()
    desk = make_desk(robot, booth=True)
    desk.window.show_snapshot(snapshot(booth=BoothStatus(phase, 0.5)))
    arm, stop = desk.window.findChildren(QtWidgets.QAbstractButton)
    assert stop.isVisible()
    assert not arm.isVisible()
    assert desk.press(Key.Key_Space, Key.Key_D) == ["stop", "disarm"]
    assert wait_until(lambda: robot.stops == 1, desk.pump)


def test_every_state_looks_different(application):
    """Words and colours: no two states are drawn alike where they are told."""
    painter = ConsolePainter()
    seen: dict[bytes, str] = {}
    states = [{"source_state": s} for s in ("searching", "tracking", "predicting", "lost")]
    modes = [{"mode": m} for m in ("", "DISARMED", "ENGAGING", "HOLD", "STOPPED")]
    for t_s, changes in enumerate(states + modes):
        painter.take(snapshot(hand_snapshot(**changes)), float(t_s))
        image = painter.paint(View(1280, 720), float(t_s)).copy(0, 0, 750, 110)
        content = bytes(image.constBits())
        assert content not in seen, f"{changes} looks like {seen[content]}"
        seen[content] = str(changes)
    painter.close()


@pytest.mark.parametrize("size", [(960, 540), (1280, 720), (1920, 1080), (1280, 1024), (3840, 2160)])
def test_it_is_drawn_at_any_size_with_anything_missing(application, size):
    nothing = np.full((21, 2), np.nan)
    lost = hand_snapshot(
        source_state="lost",
        keypoints_px=nothing,
        estimate_px=nothing,
        ghost_px=nothing,
        keypoints_m=np.full((21, 3), np.nan),
        target_rad=np.full(16, np.nan),
    )
    calibration = CalibrationView("Hand", "Make a fist.", "fist", 0.2, ("open", "fist"), 1, 3.0)
    cases = [
        snapshot(),
        snapshot(lost, age_ms=float("nan"), stage_ms={}, horizon_ms=float("nan")),
        snapshot(hand_snapshot(mode="", q_rad=np.full(16, np.nan)), lost),
        snapshot(calibration=calibration),
        snapshot(calibration=dataclasses.replace(calibration, picture="", steps=(), seconds_left=None)),
    ]
    painter = ConsolePainter()
    assert painter.paint(View(*size), 0.0).size() == QtCore.QSize(*size)
    for number, case in enumerate(cases):
        painter.take(case, 0.2 * number)
        assert painter.paint(View(*size, alarm="An alarm."), 0.2 * number).size() == QtCore.QSize(*size)
    painter.close()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None cannot run out of references there")
def test_qt_does_not_eat_references_to_none(application):
    label = QtWidgets.QLabel()
    before = sys.getrefcount(None)
    for _ in range(500):
        label.setText("text")
    assert sys.getrefcount(None) > before - 250, "this PySide6 will crash the window: see requirements.txt"
