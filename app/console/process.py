"""The window's process: opens the console, and ends with the pipeline."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

import zmq
from PySide6 import QtCore, QtWidgets

from app.console.command import Command
from app.console.link import READY
from app.console.window import ConsoleWindow
from app.opencv import cv2
from robot import connect

logger = logging.getLogger(__name__)

_LINGER_MS = 200
_SWITCH_INTERVAL_S = 0.0005  # Python's own is 5 ms, longer than a robot's control period
_MOST_WAITING = 100  # commands for a pipeline that does not take them


def main() -> int:
    """Run the window until it is closed or the pipeline's end of stdin closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", required=True)
    parser.add_argument("--commands", required=True)
    parser.add_argument("--title", default="PoseHand")
    parser.add_argument("--robot", action="append", default=[])
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--booth", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pipeline's; the window ends with it
    cv2.setNumThreads(1)  # the processors are the pipeline's
    let_keys_through()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    snapshots = context.socket(zmq.SUB)
    snapshots.setsockopt(zmq.CONFLATE, 1)
    snapshots.setsockopt(zmq.SUBSCRIBE, b"")
    snapshots.connect(arguments.snapshots)
    commands = context.socket(zmq.PUSH)
    commands.setsockopt(zmq.LINGER, _LINGER_MS)
    commands.setsockopt(zmq.SNDHWM, _MOST_WAITING)
    commands.connect(arguments.commands)

    def send(command: Command) -> None:
        try:
            commands.send(command.encode(), zmq.NOBLOCK)
        except zmq.Again:
            logger.error("the pipeline takes no commands: %s was not passed on", command.name)

    application = QtWidgets.QApplication(sys.argv[:1])
    robots = [connect(endpoint, keys=arguments.keys) for endpoint in arguments.robot]
    window = ConsoleWindow(send, robots, snapshots, arguments.booth)
    window.setWindowTitle(arguments.title)
    if arguments.booth:
        window.showFullScreen()
    else:
        window.show()
    threading.Thread(target=_quit_with_parent, args=(application,), daemon=True).start()
    commands.send(READY)
    application.exec()
    window.release()
    for robot in robots:
        robot.close()
    context.destroy()
    return 0


def let_keys_through() -> None:
    """Let the thread that hears keys have the interpreter soon, whatever the drawing thread does with it."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _quit_with_parent(application: QtWidgets.QApplication) -> None:
    sys.stdin.buffer.read()  # returns when the pipeline closes its end or dies
    QtCore.QMetaObject.invokeMethod(application, "quit", QtCore.Qt.ConnectionType.QueuedConnection)
