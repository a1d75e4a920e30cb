"""How many frames come a second, and in how many of them the hands are seen."""

from __future__ import annotations

from collections import deque

SPAN_NS = 3_000_000_000


class Rates:
    """Frames of the last three seconds."""

    def __init__(self) -> None:
        self._frames: deque[tuple[int, float]] = deque()

    def add(self, t_ns: int, detected: float) -> None:
        """Count a frame taken at `t_ns` in which this share of the hands asked for was detected."""
        self._frames.append((t_ns, detected))
        self._forget(t_ns)

    def fps(self, t_now_ns: int) -> float:
        """Frames a second; 0 before the second frame, and falling once they stop coming."""
        self._forget(t_now_ns)
        if len(self._frames) < 2:
            return 0.0
        return (len(self._frames) - 1) / ((t_now_ns - self._frames[0][0]) * 1e-9 or 1.0)

    def detection_rate(self) -> float:
        """Share of detections, 0–1; NaN without a frame."""
        if not self._frames:
            return float("nan")
        return sum(detected for _, detected in self._frames) / len(self._frames)

    def _forget(self, t_now_ns: int) -> None:
        while self._frames and self._frames[0][0] < t_now_ns - SPAN_NS:
            self._frames.popleft()
