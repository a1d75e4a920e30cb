"""The window of a run: camera with skeleton beside the robot hand. A process of its own, see viewer_link."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import zmq
from PySide6 import QtCore, QtGui, QtWidgets

from app.drawing import draw_caption, draw_detection, draw_skeleton, draw_state
from app.robot_views import RobotViews
from app.snapshot import Snapshot
from robot import RobotError, RobotLink, connect

logger = logging.getLogger(__name__)

REFRESH_MS = 33
ROBOT_TILE_PX = (480, 480)
AGE_HISTORY = 300  # frames of the age plot, 10 s at 30 Hz
KEYS = {
    QtCore.Qt.Key.Key_Space: "stop",
    QtCore.Qt.Key.Key_A: "arm",
    QtCore.Qt.Key.Key_D: "disarm",
    QtCore.Qt.Key.Key_H: "home",
    QtCore.Qt.Key.Key_U: "reset",
    QtCore.Qt.Key.Key_Q: "quit",
    QtCore.Qt.Key.Key_Escape: "quit",
}
HELP = "Space stop    U unlock after a stop    A arm    D disarm    H home    Q quit"


class Viewer(QtWidgets.QWidget):
    """Shows the newest snapshot; keys become commands."""

    def __init__(self, snapshots: zmq.Socket, commands: zmq.Socket, robots: list[RobotLink]) -> None:
        super().__init__()
        self._snapshots = snapshots
        self._commands = commands
        self._robots = robots
        self._views = RobotViews(ROBOT_TILE_PX)
        self._ages_ms: list[float] = []
        self._alarm = ""
        self.setStyleSheet("background: #16181c; color: #e8e8e8; font-size: 15px;")
        self._notice = QtWidgets.QLabel("waiting for the first frame")
        self._notice.setStyleSheet("font-size: 18px; padding: 6px; color: #ffd479;")
        self._picture = Picture()
        self._plot = pg.PlotWidget(background="#16181c")
        self._plot.setFixedHeight(110)
        self._plot.setLabel("left", "age", units="ms")
        self._plot.setMouseEnabled(False, False)
        self._plot.hideButtons()
        self._plot.getAxis("left").enableAutoSIPrefix(False)
        self._curve = self._plot.plot(pen=pg.mkPen("#56b4e9", width=2))
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self._notice)
        layout.addWidget(self._picture, stretch=1)
        layout.addWidget(self._plot)
        layout.addWidget(QtWidgets.QLabel(HELP))
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(REFRESH_MS)

    def send(self, command: str) -> None:
        """Pass a command on; a stop goes straight to the robots first, whatever the pipeline is doing."""
        if command == "stop":
            for robot in self._robots:  # each on its own: one that does not answer must not delay the next
                threading.Thread(target=self._stop, args=(robot,), daemon=True).start()
        self._commands.send(json.dumps(command).encode())

    def _stop(self, robot: RobotLink) -> None:
        try:
            robot.stop()
        except RobotError as error:
            self._alarm = f"STOP NOT CONFIRMED: {error}"
            logger.error("%s", self._alarm)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        command = KEYS.get(QtCore.Qt.Key(event.key()))
        if command is None or event.isAutoRepeat():
            return
        self.send(command)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self.send("quit")
        event.accept()

    def _refresh(self) -> None:
        if self._alarm:
            self._notice.setText(self._alarm)
        if not self._snapshots.poll(0):
            return
        snapshot = Snapshot.decode(self._snapshots.recv())
        camera = snapshot.image
        tiles = [camera]
        for number, shown in enumerate(snapshot.hands):
            draw_detection(camera, shown.keypoints_px * snapshot.scale, camera.shape[0] / 480)
            draw_skeleton(camera, shown.estimate_px * snapshot.scale, camera.shape[0] / 480)
            draw_state(camera, shown.source_state, right=number > 0)
            robot = self._views.render(shown.hand, shown.q_rad, shown.joint_names, shown.scene)
            draw_caption(robot, f"Allegro {shown.hand}")
            if shown.mode:
                draw_state(robot, shown.mode)
            tiles.append(robot)
        self._picture.show_tiles(tiles)
        self._notice.setText(self._alarm or snapshot.notice or " ")
        self._ages_ms = [*self._ages_ms[-AGE_HISTORY + 1 :], snapshot.age_ms]
        self._curve.setData(self._ages_ms)


class Picture(QtWidgets.QWidget):
    """Images side by side, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[QtGui.QImage] = []
        self.setMinimumSize(640, 240)

    def show_tiles(self, tiles: list[np.ndarray]) -> None:
        """Show these BGR images, left to right, at one height."""
        self._images = [_qt_image(tile) for tile in tiles]
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if not self._images:
            return
        aspects = [image.width() / image.height() for image in self._images]
        height = min(self.height(), self.width() / sum(aspects))
        x, y = (self.width() - height * sum(aspects)) / 2, (self.height() - height) / 2
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        for image, aspect in zip(self._images, aspects, strict=True):
            painter.drawImage(QtCore.QRectF(x, y, height * aspect, height), image)
            x += height * aspect
        painter.end()


def _qt_image(image: np.ndarray) -> QtGui.QImage:
    height, width = image.shape[:2]
    # Qt reads the array's memory; the copy outlives it.
    return QtGui.QImage(image.tobytes(), width, height, 3 * width, QtGui.QImage.Format.Format_BGR888).copy()


def main() -> int:
    """Run the window until it is closed or the pipeline's end of stdin closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", required=True)
    parser.add_argument("--commands", required=True)
    parser.add_argument("--title", default="PoseHand")
    parser.add_argument("--robot", action="append", default=[])
    parser.add_argument("--keys", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pipeline's; the window ends with it
    context = zmq.Context()
    snapshots = context.socket(zmq.SUB)
    snapshots.setsockopt(zmq.CONFLATE, 1)
    snapshots.setsockopt(zmq.SUBSCRIBE, b"")
    snapshots.connect(arguments.snapshots)
    commands = context.socket(zmq.PUSH)
    commands.setsockopt(zmq.LINGER, 200)
    commands.connect(arguments.commands)

    application = QtWidgets.QApplication(sys.argv[:1])
    robots = [connect(endpoint, keys=arguments.keys) for endpoint in arguments.robot]
    viewer = Viewer(snapshots, commands, robots)
    viewer.setWindowTitle(arguments.title)
    viewer.resize(1180, 640)
    viewer.show()
    threading.Thread(target=_quit_with_parent, args=(application,), daemon=True).start()
    commands.send(json.dumps("ready").encode())
    application.exec()
    for robot in robots:
        robot.close()
    context.destroy()
    return 0


def _quit_with_parent(application: QtWidgets.QApplication) -> None:
    sys.stdin.buffer.read()  # returns when the pipeline closes its end or dies
    QtCore.QMetaObject.invokeMethod(application, "quit", QtCore.Qt.ConnectionType.QueuedConnection)


if __name__ == "__main__":
    sys.exit(main())
