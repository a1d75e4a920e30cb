"""Real keys and clicks in the console's window, against a pipeline on real video with a simulated robot."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import wait_until
from PySide6 import QtCore, QtTest, QtWidgets

from app.console.window import ConsoleWindow
from robot import connect

Key = QtCore.Qt.Key
MOST_S = 60.0  # for a machine that does much else


def pump() -> None:
    QtTest.QTest.qWait(10)


@pytest.fixture
def pipeline(shared_data) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            *(sys.executable, str(Path(__file__).with_name("console_pipeline.py"))),
            str(shared_data / "video" / "hand_counting.mp4"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_an_operator_stops_unlocks_arms_aims_and_quits(pipeline):
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    ends = json.loads(pipeline.stdout.readline())
    context = zmq.Context()
    inbox, outbox = context.socket(zmq.SUB), context.socket(zmq.PUSH)
    inbox.setsockopt(zmq.CONFLATE, 1)
    inbox.setsockopt(zmq.SUBSCRIBE, b"")
    inbox.connect(f"tcp://127.0.0.1:{ends['snapshots']}")
    outbox.connect(f"tcp://127.0.0.1:{ends['commands']}")
    robot = connect(ends["robots"][0])
    window = ConsoleWindow(lambda command: outbox.send(command.encode()), [robot], inbox)
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
    assert wait_until(lambda: not window.snapshot.horizon_automatic, pump, MOST_S)
    assert window.snapshot.horizon_ms % 10.0 == 0.0
    QtTest.QTest.keyClick(window, Key.Key_Space)
    come_to("STOPPED")
    QtTest.QTest.keyClick(window, Key.Key_A)
    QtTest.QTest.keyClick(window, Key.Key_U)
    come_to("DISARMED")
    arm = window.findChildren(QtWidgets.QAbstractButton)[0]
    QtTest.QTest.mouseClick(arm, QtCore.Qt.MouseButton.LeftButton)
    assert wait_until(lambda: shows("ENGAGING") or shows("TRACKING"), pump, MOST_S)
    QtTest.QTest.keyClick(window, Key.Key_Q)
    QtTest.QTest.keyClick(window, Key.Key_Q)
    assert wait_until(lambda: pipeline.poll() is not None, pump, MOST_S)
    assert pipeline.returncode == 0
    assert int(pipeline.stdout.readline()) > 0
    window.release()
    window.close()
    robot.close()
    application.processEvents()
    context.destroy(linger=0)
