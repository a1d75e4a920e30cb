"""Ends a run early without losing it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from robot.signals import end_signals, is_hangup


class Interrupt:
    """While entered, Ctrl-C, a polite kill and a lost terminal only ask for an end; a second Ctrl-C insists.

    Asked for between two frames, an end leaves nothing half done: no request to the robot without its answer,
    no image without its row.

    Attributes:
        asked: whether an end was asked for.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():  # only there handlers can be set
            for number in end_signals(("SIGINT", "SIGTERM", "SIGHUP")):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if is_hangup(number):
            self._before[number] = signal.SIG_IGN  # told of again, it is to cut off no result either
        elif self.asked:
            raise KeyboardInterrupt
        self.asked = True
