"""Plays a medium with a clock of its own (file, recording, renderer) on the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable

NS_PER_S = 1_000_000_000


class Playback:
    """Maps a medium's clock, which starts at 0 ns, onto the monotonic clock.

    In real time the medium starts when `start` is first called (sources call it in their first `read`, so the
    time spent opening models is not played), frames come when they are due, and frames that are already
    outdated are to be skipped, never queued. Not in real time every frame is due at once and keeps the
    medium's own time, so that a run is repeatable.

    Args:
        realtime: pace on the monotonic clock.
        now_ns: the clock, ns; tests inject their own.
        sleep_s: pauses for some seconds of that clock.
    """

    def __init__(
        self,
        realtime: bool,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self.realtime = realtime
        self._now_ns = now_ns
        self._sleep_s = sleep_s
        self._t_start_ns: int | None = None

    def start(self) -> None:
        """Let the medium's time 0 be now; later calls change nothing."""
        if self._t_start_ns is None:
            self._t_start_ns = self._now_ns()

    def elapsed_ns(self) -> int:
        """The medium's time now, ns; 0 before `start`. Only meaningful in real time."""
        return 0 if self._t_start_ns is None else self._now_ns() - self._t_start_ns

    def t_capture_ns(self, t_media_ns: int) -> int:
        """The capture time to give a frame of the medium's time `t_media_ns`.

        Monotonic time in real time, otherwise the medium's own time; ns.
        """
        if not self.realtime or self._t_start_ns is None:
            return t_media_ns
        return self._t_start_ns + t_media_ns

    def is_due(self, t_media_ns: int) -> bool:
        """True once the medium has reached `t_media_ns`; always true when not in real time."""
        return not self.realtime or self.elapsed_ns() >= t_media_ns

    def wait(self, t_media_ns: int, timeout_s: float) -> bool:
        """Sleep until `t_media_ns` is due, `timeout_s` at most; True if it is due."""
        self.start()
        if self.is_due(t_media_ns):
            return True
        wait_s = min((t_media_ns - self.elapsed_ns()) / NS_PER_S, timeout_s)
        self._sleep_s(max(wait_s, 0.0))  # it may have come due since
        return self.is_due(t_media_ns)

    def newest_due_index(self, next_index: int, fps: float) -> int:
        """Which frame of an evenly timed medium to produce next.

        Args:
            next_index: index of the first frame not yet given out.
            fps: frame rate of the medium, Hz.

        Returns:
            `next_index`, or in real time the newest frame already due when that is later: the ones between
                are skipped.
        """
        if not self.realtime:
            return next_index
        return max(next_index, int(self.elapsed_ns() * fps) // NS_PER_S)
