"""The clocks a run can live on: the machine's, or the file's own when it is not played in real time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where "now" comes from."""

    def now_ns(self) -> int: ...

    def capture(self, t_capture_ns: int) -> None:
        """A frame of this capture time is being processed."""
        ...


class MonotonicClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def capture(self, t_capture_ns: int) -> None:
        """Capture times are on this clock already."""


class FileClock:
    """The file's clock: it stands at the capture time of the frame in hand, so processing takes no time."""

    def __init__(self) -> None:
        self._t_ns = 0

    def now_ns(self) -> int:
        return self._t_ns

    def capture(self, t_capture_ns: int) -> None:
        self._t_ns = t_capture_ns
