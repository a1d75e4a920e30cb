"""Real keys in the console's window, against a pipeline that runs on real video with a simulated robot."""

import os
import queue
import threading
import time
from pathlib import Path

import pytest
import zmq

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import wait_until
from PySide6 import QtCore, QtTest, QtWidgets

from app.console.command import Command
from app.console.window import ConsoleWindow
from app.frame import Frame
from app.opencv import cv2
from app.settings import TeleopSettings
from app.sources.base import EndOfSource
from app.teleop import run_teleop
from robot import connect

Key = QtCore.Qt.Key
MOST_S = 90.0  # for a machine that does much else


def pump() -> None:
    QtTest.QTest.qWait(10)


class EndlessVideo:
    """Some seconds of a video to and fro, until closed, as a camera would; see app.sources.base.Source."""

    live = True
    frame_count = None
    status = ""
    name = "endless video"
    fps = 30.0

    def __init__(self, path: Path) -> None:
        video = cv2.VideoCapture(str(path))
        there = [video.read()[1] for _ in range(45)]
        video.release()
        self._images = there + there[::-1]
        self.size_px = there[0].shape[1], there[0].shape[0]
        self._index = 0
        self._closed = False

    def read(self, timeout_s: float) -> Frame | None:
        if self._closed:
            raise EndOfSource
        time.sleep(1.0 / self.fps)
        frame = Frame(self._index, time.monotonic_ns(), self._images[self._index % len(self._images)])
        self._index += 1
        return frame

    def close(self) -> None:
        self._closed = True


class Bridge:
    """Between a pipeline on a thread and a window on the main one; see app.console.link.Console."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.endpoints: list[str] = []
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.context = zmq.Context()
        self._outbox = self.context.socket(zmq.PUB)
        self._port = self._outbox.bind_to_random_port("tcp://127.0.0.1")

    def open(self, title, endpoints, keys, booth) -> "Bridge":
        self.endpoints = endpoints
        self.opened.set()
        return self

    def inbox(self) -> zmq.Socket:
        socket = self.context.socket(zmq.SUB)
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"tcp://127.0.0.1:{self._port}")
        return socket

    def due(self, t_now_ns: int) -> bool:
        return True

    def show(self, snapshot) -> None:
        self._outbox.send(snapshot.encode())

    def poll_command(self) -> Command | None:
        try:
            return self.commands.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """The window is closed by the test."""


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_an_operator_stops_unlocks_arms_aims_and_quits(shared_data):
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    bridge = Bridge()
    source = EndlessVideo(shared_data / "video" / "hand_counting.mp4")
    settings = TeleopSettings(source="webcam", robot="sim")
    results = []

    def drive() -> None:
        results.append(run_teleop(settings, source, open_console=bridge.open))

    run = threading.Thread(target=drive, daemon=True)
    run.start()
    assert bridge.opened.wait(60.0)
    robot = connect(bridge.endpoints[0])
    window = ConsoleWindow(bridge.commands.put, [robot], bridge.inbox())
    window.show()

    def shows(mode: str) -> bool:
        return window.snapshot is not None and window.snapshot.hands[0].mode == mode

    def come_to(mode: str) -> None:
        assert wait_until(lambda: shows(mode), pump, MOST_S), f"never {mode}"

    come_to("TRACKING")
    assert window.snapshot.hands[0].source_state == "tracking"
    assert window.snapshot.age_ms > 0.0
    assert window.snapshot.horizon_automatic
    QtTest.QTest.keyClick(window, Key.Key_Plus)
    QtTest.QTest.keyClick(window, Key.Key_Space)
    come_to("STOPPED")
    assert not window.snapshot.horizon_automatic
    assert window.snapshot.horizon_ms % 10.0 == 0.0
    QtTest.QTest.keyClick(window, Key.Key_A)
    QtTest.QTest.keyClick(window, Key.Key_U)
    come_to("DISARMED")
    arm = window.findChildren(QtWidgets.QAbstractButton)[0]
    QtTest.QTest.mouseClick(arm, QtCore.Qt.MouseButton.LeftButton)
    come_to("ENGAGING")
    QtTest.QTest.keyClick(window, Key.Key_Q)
    QtTest.QTest.keyClick(window, Key.Key_Q)
    assert wait_until(lambda: not run.is_alive(), pump, MOST_S)
    assert results[0].report["frames"] > 0
    window.release()
    window.close()
    robot.close()
    application.processEvents()
    bridge.context.destroy(linger=0)
