"""Frame times that can be relied on, made from times that may repeat, go backwards or lie in the future.

Two sources of truth are left when a frame's own time is wrong. Live, it is the moment of arrival: a frame is
about as old as the others were when they came. On a file's own clock, it is the step between the frames.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import Literal, NamedTuple

NS_PER_S = 1_000_000_000

Fault = Literal["", "repeated", "backward", "future"]

_AGES_KEPT = 31
# A time that is made up keeps this far from the one before, where it can: two images next to no time apart
# would show an impossibly fast hand.
_SHORTEST_STEP_NS = 4_000_000
_CATCH_UP_PERIODS = 2.0  # frames out of order are late by less; a clock set back is late by more


class MendedTime(NamedTuple):
    """A frame's time.

    Attributes:
        t_ns: later than that of every frame before, ns.
        fault: what was wrong with the time that came; empty if nothing was.
    """

    t_ns: int
    fault: Fault


class LiveTimes:
    """Capture times on the monotonic clock: strictly increasing and never in the future."""

    def __init__(self) -> None:
        self._ages_ns: deque[int] = deque(maxlen=_AGES_KEPT)
        self._t_came_ns: int | None = None
        self._t_last_ns: int | None = None

    def mend(self, t_ns: int, t_now_ns: int) -> MendedTime:
        """The time to go by for a frame that came with `t_ns`.

        A wrong time is replaced by the one a frame of the usual age would have.

        Args:
            t_ns: capture time as it came, ns.
            t_now_ns: now, ns. Where this clock stands still between two frames, being later than the frame
                before comes first, by single nanoseconds.
        """
        last_ns = self._t_last_ns
        fault: Fault = ""
        if t_ns > t_now_ns:
            fault = "future"
        elif last_ns is not None and t_ns <= last_ns:
            fault = "repeated" if t_ns == self._t_came_ns else "backward"
        self._t_came_ns = t_ns
        if not fault:
            self._ages_ns.append(t_now_ns - t_ns)
        else:
            usual_age_ns = statistics.median_low(self._ages_ns) if self._ages_ns else 0
            t_ns = t_now_ns - usual_age_ns
            if last_ns is not None:
                t_ns = min(max(t_ns, last_ns + _SHORTEST_STEP_NS), t_now_ns)
                t_ns = max(t_ns, last_ns + 1)
        self._t_last_ns = t_ns
        return MendedTime(t_ns, fault)


class FileTimes:
    """Frame times of a file, strictly increasing, with its own steps wherever those make sense."""

    def __init__(
        self, period_ns: int, longest_step_ns: int | None = None, pause_ns: int | None = None
    ) -> None:
        """
        Args:
            period_ns: nominal time between two frames, ns.
            longest_step_ns: a longer step between two frames is no truth to play; None allows any.
            pause_ns: what such a step becomes; one period if None.
        """
        self._period_ns = period_ns
        self._longest_step_ns = longest_step_ns
        self._pause_ns = pause_ns
        self._offset_ns = 0
        self._t_came_ns: int | None = None
        self._t_last_ns: int | None = None

    def mend(self, t_ns: int | None, frames: int = 1) -> MendedTime:
        """The time to go by for a frame that came with `t_ns`.

        A single wrong time is one period after the frame before. A clock that was set back or far ahead and
        goes on steadily from there is followed in its steps.

        Args:
            t_ns: time as it came, ns; None if it was no number.
            frames: how many frames on from the one before this one is, 1 if none was left out.
        """
        came_ns, self._t_came_ns = self._t_came_ns, self._t_came_ns if t_ns is None else t_ns
        if self._t_last_ns is None:
            self._t_last_ns = 0 if t_ns is None else t_ns
            return MendedTime(self._t_last_ns, "")
        nominal_ns = max(frames, 1) * self._period_ns
        if not self._is_short(nominal_ns):
            nominal_ns = self._period_ns
        fault: Fault = ""
        if t_ns is None:
            self._t_last_ns += nominal_ns
            return MendedTime(self._t_last_ns, "repeated")
        ahead_ns = t_ns + self._offset_ns - self._t_last_ns
        step_ns = 0 if came_ns is None else t_ns - came_ns
        if ahead_ns > 0 and self._is_short(ahead_ns):
            self._t_last_ns += ahead_ns
        elif step_ns > 0 and self._is_short(step_ns):
            if -_CATCH_UP_PERIODS * self._period_ns <= ahead_ns <= 0:
                self._t_last_ns += min(_SHORTEST_STEP_NS, self._period_ns)
            else:  # the clock was set: go on in its steps
                self._t_last_ns += step_ns
                self._offset_ns = self._t_last_ns - t_ns
        else:
            too_long = ahead_ns > 0
            if not too_long:
                fault = "repeated" if step_ns == 0 else "backward"
            self._t_last_ns += self._pause_ns if too_long and self._pause_ns is not None else nominal_ns
        return MendedTime(self._t_last_ns, fault)

    def _is_short(self, step_ns: int) -> bool:
        return self._longest_step_ns is None or step_ns <= self._longest_step_ns
