"""Draws on a thread of its own, so that the thread that hears keys never waits for a picture."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq
from PySide6 import QtGui

from app.console.painter import View
from app.console.screen import Screen
from app.snapshot import Snapshot

logger = logging.getLogger(__name__)

_PERIOD_S = 1.0 / 15.0
# Of the time: the pipeline shares the machine. Where it is busy drawing takes longer, and so becomes rarer.
_MOST_SHARE = 0.2
_LONGEST_PAUSE_S = 0.3  # the first picture takes seconds: nobody waits for the second
_NICENESS = 5  # more would have drawing hold the interpreter, asleep, while a key waits for it
_JOIN_S = 2.0


@dataclass(frozen=True)
class Drawing:
    """What the window shows next.

    Attributes:
        image: all but the buttons; None if it could not be drawn.
        snapshot: the newest; None before the first.
        trouble: why the image could not be drawn; empty while all is well.
    """

    image: QtGui.QImage | None
    snapshot: Snapshot | None
    trouble: str = ""


class Drawer:
    """Takes snapshots from a socket and draws the newest, again and again.

    Args:
        inbox: SUB socket, used by the thread alone from now on.
        screen: draws; used by the thread alone from now on.
        view: tells, at any time and from any thread, what to draw.
        deliver: called on the thread with every drawing.
    """

    def __init__(
        self,
        inbox: zmq.Socket[bytes],
        screen: Screen,
        view: Callable[[], View],
        deliver: Callable[[Drawing], None],
    ) -> None:
        self._inbox = inbox
        self._screen = screen
        self._view = view
        self._deliver = deliver
        self._newest: Snapshot | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="draw", daemon=True)

    def start(self) -> None:
        """Draw from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop drawing; safe to call twice."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere a niceness is the whole process's, and with it the stop's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        pause_s = 0.0
        while not self._closing.wait(pause_s):
            started_s = time.monotonic()
            drawing = self._draw(started_s)
            if not self._closing.is_set():
                self._deliver(drawing)
            took_s = time.monotonic() - started_s
            fair_s = min(took_s * (1.0 / _MOST_SHARE - 1.0), _LONGEST_PAUSE_S)
            pause_s = max(_PERIOD_S - took_s, fair_s, 0.001)
        self._screen.close()

    def _draw(self, t_s: float) -> Drawing:
        try:
            while self._inbox.poll(0):
                self._newest = Snapshot.decode(self._inbox.recv())
                self._screen.take(self._newest, t_s)
            image = self._screen.paint(self._view(), t_s)
        except Exception as error:
            logger.exception("the console could not be drawn")
            return Drawing(None, self._newest, f"The console cannot draw this ({error}); keys still work")
        return Drawing(image, self._newest)
