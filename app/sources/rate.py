"""How many images a second a source really gives."""

from __future__ import annotations

from collections import deque

NS_PER_S = 1_000_000_000

_WINDOW_NS = NS_PER_S
_FEWEST_STEPS = 8  # so that one pause among them is left out


class FrameRate:
    """Frame rate over the last second, deaf to single pauses and to frames that were skipped."""

    def __init__(self, nominal_hz: float) -> None:
        """
        Args:
            nominal_hz: the rate until two frames have come.
        """
        self._nominal_hz = nominal_hz
        self._last: tuple[int, int] | None = None  # index and time
        self._steps: deque[tuple[int, float]] = deque()  # when, ns, and a frame's period up to then, ns

    def add(self, index: int, t_capture_ns: int) -> None:
        """Take in one frame.

        Args:
            index: of the frame in its source.
            t_capture_ns: strictly later than that of the frame before, ns.
        """
        if self._last is not None:
            frames = max(index - self._last[0], 1)
            self._steps.append((t_capture_ns, (t_capture_ns - self._last[1]) / frames))
            while len(self._steps) > _FEWEST_STEPS and self._steps[0][0] <= t_capture_ns - _WINDOW_NS:
                self._steps.popleft()
        self._last = (index, t_capture_ns)

    @property
    def hz(self) -> float:
        """Images a second: from the mean of the middle half of the times between two images.

        Unlike the median, that is also right where short and long steps alternate.
        """
        if not self._steps:
            return self._nominal_hz
        periods_ns = sorted(period_ns for _, period_ns in self._steps)
        cut = len(periods_ns) // 4 if len(periods_ns) >= 4 else (len(periods_ns) - 1) // 2
        middle_ns = periods_ns[cut : len(periods_ns) - cut]
        return NS_PER_S * len(middle_ns) / sum(middle_ns)
