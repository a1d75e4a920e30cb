"""The window's process: opens the console, and ends with the pipeline, but not before a stop is confirmed."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import threading
import time
from pathlib import Path

import zmq
from PySide6 import QtCore, QtWidgets

from app.console.command import Command
from app.console.link import HOLDS_STOP, READY
from app.console.window import ConsoleWindow
from app.opencv import cv2
from robot import connect
from robot.signals import end_signals

logger = logging.getLogger(__name__)

_LINGER_MS = 200
_SWITCH_INTERVAL_S = 0.0005  # Python's own is 5 ms, longer than a robot's control period
_MOST_WAITING = 100  # commands for a pipeline that does not take them
_HOLD_POLL_S = 0.1


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
    for number in end_signals(("SIGINT", "SIGHUP")):
        signal.signal(number, signal.SIG_IGN)  # the terminal's are the pipeline's; the window ends with it
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
    ending = (application, window, arguments.commands)
    threading.Thread(target=_quit_with_parent, args=ending, daemon=True).start()
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


def _quit_with_parent(application: QtWidgets.QApplication, window: ConsoleWindow, address: str) -> None:
    """Wait for the pipeline's end, and stay as long as a stop is not confirmed; the pipeline, if it still
    closes, hears of it at `address`. Whatever else the window does holds none of this up."""
    sys.stdin.buffer.read()  # returns when the pipeline closes its end or dies
    queued = QtCore.Qt.ConnectionType.QueuedConnection
    QtCore.QMetaObject.invokeMethod(window, "outlive_pipeline", queued)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    closing = context.socket(zmq.PUSH)
    closing.setsockopt(zmq.LINGER, 0)
    closing.connect(address)
    while window.holds_stop:
        with contextlib.suppress(zmq.Again):  # it died
            closing.send(HOLDS_STOP, zmq.NOBLOCK)
        time.sleep(_HOLD_POLL_S)
    context.destroy()
    QtCore.QMetaObject.invokeMethod(application, "quit", queued)
