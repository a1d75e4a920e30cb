"""The window, driven with real key events on Qt's offscreen platform."""

import json
import os
import sys

import numpy as np
import pytest
import zmq

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtTest, QtWidgets

from app.errors import AppError
from app.overview import OverviewFrame
from app.snapshot import Snapshot
from app.viewer import Viewer
from app.viewer_link import COMMANDS, ViewerLink
from robot import RobotError, SceneState, hand_spec, spawn_simulation


class RobotThatRecords:
    """Stands where a RobotLink would."""

    def __init__(self, fails: bool = False) -> None:
        self.stops = 0
        self.fails = fails

    def stop(self) -> None:
        self.stops += 1
        if self.fails:
            raise RobotError("no answer")


class Window:
    """A viewer with the pipeline's ends of its sockets."""

    def __init__(self, robots: list[RobotThatRecords]) -> None:
        self.application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
        self.context = zmq.Context()
        self.snapshots = self.context.socket(zmq.PUB)
        snapshot_port = self.snapshots.bind_to_random_port("tcp://127.0.0.1")
        self.commands = self.context.socket(zmq.PULL)
        command_port = self.commands.bind_to_random_port("tcp://127.0.0.1")
        inbox = self.context.socket(zmq.SUB)
        inbox.setsockopt(zmq.SUBSCRIBE, b"")
        inbox.connect(f"tcp://127.0.0.1:{snapshot_port}")
        outbox = self.context.socket(zmq.PUSH)
        outbox.connect(f"tcp://127.0.0.1:{command_port}")
        self.viewer = Viewer(inbox, outbox, robots)
        self.viewer.show()

    def press(self, key: QtCore.Qt.Key) -> str:
        QtTest.QTest.keyClick(self.viewer, key)
        assert self.commands.poll(2000), "no command came"
        return json.loads(self.commands.recv())

    def close(self) -> None:
        self.viewer.close()
        self.context.destroy(linger=0)


@pytest.fixture
def make_window():
    windows = []

    def make(*robots: RobotThatRecords) -> Window:
        windows.append(Window(list(robots)))
        return windows[-1]

    yield make
    for window in windows:
        window.close()


def snapshot() -> Snapshot:
    spec = hand_spec("right")
    hand = OverviewFrame(
        "right",
        np.full((21, 2), 100.0),
        np.full((21, 2), 104.0),
        "tracking",
        "TRACKING",
        spec.joint_names,
        spec.home_rad,
        SceneState("cup", np.array([0.0, 0.0, 0.1, 0.0, 0.6, 0.0, 0.8]), np.eye(7)[6]),
    )
    return Snapshot.of(np.zeros((720, 1280, 3), np.uint8), [hand], age_ms=12.5, notice="a notice")


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (QtCore.Qt.Key.Key_A, "arm"),
        (QtCore.Qt.Key.Key_D, "disarm"),
        (QtCore.Qt.Key.Key_H, "home"),
        (QtCore.Qt.Key.Key_U, "reset"),
        (QtCore.Qt.Key.Key_Q, "quit"),
        (QtCore.Qt.Key.Key_Escape, "quit"),
    ],
)
def test_keys_become_commands(make_window, key, command):
    assert make_window().press(key) == command
    assert command in COMMANDS


def test_space_stops_every_robot_and_says_if_one_does_not_answer(make_window):
    robots = RobotThatRecords(fails=True), RobotThatRecords()
    window = make_window(*robots)
    assert window.press(QtCore.Qt.Key.Key_Space) == "stop"
    for _ in range(100):
        QtTest.QTest.qWait(20)
        if all(robot.stops for robot in robots) and "NOT CONFIRMED" in window.viewer._notice.text():
            break
    assert [robot.stops for robot in robots] == [1, 1], "one that does not answer must not spare the next"
    assert "STOP NOT CONFIRMED" in window.viewer._notice.text()


def test_the_newest_snapshot_is_shown(make_window):
    window = make_window()
    for _ in range(200):
        window.snapshots.send(snapshot().encode())
        QtTest.QTest.qWait(20)
        if window.viewer._picture._images:
            break
    assert window.viewer._notice.text() == "a notice"
    pixels = window.viewer.grab().toImage()
    colours = {pixels.pixel(x, pixels.height() // 2) for x in range(0, pixels.width(), 5)}
    assert len(colours) > 10, "the window shows nothing"


def test_a_snapshot_survives_its_journey():
    sent = snapshot()
    got = Snapshot.decode(sent.encode())
    assert got.image.shape == (480, 853, 3)
    assert got.age_ms == 12.5
    assert got.hands[0].mode == "TRACKING"
    np.testing.assert_array_equal(got.hands[0].keypoints_px, sent.hands[0].keypoints_px)
    np.testing.assert_array_equal(got.hands[0].estimate_px, sent.hands[0].estimate_px)
    np.testing.assert_array_equal(got.hands[0].q_rad, sent.hands[0].q_rad)
    assert got.hands[0].scene.object == "cup"
    np.testing.assert_array_equal(got.hands[0].scene.palm, sent.hands[0].scene.palm)
    np.testing.assert_array_equal(got.hands[0].scene.thing, sent.hands[0].scene.thing)


def test_closing_the_window_asks_to_quit(make_window):
    window = make_window()
    window.viewer.close()
    assert window.commands.poll(2000)
    assert json.loads(window.commands.recv()) == "quit"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None cannot run out of references there")
def test_qt_does_not_eat_references_to_none(make_window):
    label = QtWidgets.QLabel()
    before = sys.getrefcount(None)
    for _ in range(500):
        label.setText("text")
    assert sys.getrefcount(None) > before - 250, "this PySide6 will crash the window: see requirements.txt"


def test_the_window_is_a_process_that_ends_with_the_pipeline(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    link = ViewerLink("test", [])
    link.show(snapshot())
    assert link.poll_command() is None
    process = link._process
    link.close()
    assert process.returncode == 0


@pytest.mark.parametrize("hand", ["right", "left"])
def test_the_window_stops_a_real_server_of_either_hand(monkeypatch, hand):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    with spawn_simulation(hand) as simulation:
        link = ViewerLink("test", [simulation.endpoint])
        link.close()
        assert link._process.returncode == 0


def test_a_window_that_cannot_start_is_given_up_at_once(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    with pytest.raises(AppError, match="the window did not open"):
        ViewerLink("test", [])


def test_a_window_that_crashes_does_not_end_the_run(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    link = ViewerLink("test", [])
    link._process.kill()
    link._process.wait()
    assert link.poll_command() is None
    link.show(snapshot())
    link.close()
