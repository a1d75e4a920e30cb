"""The one place stage times are taken: console, report and benchmark read the same numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

PERCENTILES = (50, 95, 99)

_SHORTEST_MS, _LONGEST_MS = 1e-3, 1e6
_STEP = 1.005  # from one bin to the next: percentiles are right to half a percent
_BINS = math.ceil(math.log(_LONGEST_MS / _SHORTEST_MS) / math.log(_STEP)) + 2


class Durations:
    """How often something took how long, in bins: a run may last for days, and this never grows.

    Attributes:
        count: durations added.
        max_ms: the longest, exactly.
    """

    def __init__(self) -> None:
        self.count = 0
        self.max_ms = 0.0
        self._bins = np.zeros(_BINS, dtype=np.int64)

    def add(self, duration_ms: float) -> None:
        """Count one duration, ms; what is below a microsecond counts as that."""
        self.count += 1
        self.max_ms = max(self.max_ms, duration_ms)
        above = math.log(max(duration_ms, _SHORTEST_MS) / _SHORTEST_MS) / math.log(_STEP)
        self._bins[min(round(above), _BINS - 1)] += 1

    def summary(self) -> dict[str, float] | None:
        """p50, p95, p99 and max, ms; None before the first."""
        if not self.count:
            return None
        below = np.cumsum(self._bins)
        result = {}
        for percentile in PERCENTILES:
            rank = 0.01 * percentile * (self.count - 1)
            middle_ms = _SHORTEST_MS * _STEP ** int(np.searchsorted(below, rank, side="right"))
            result[f"p{percentile}"] = round(min(middle_ms, self.max_ms), 3)
        return result | {"max": round(self.max_ms, 3)}


class FrameRate:
    """How many frames a second were taken up, from the first to the newest."""

    def __init__(self) -> None:
        self._frames = 0
        self._t_first_ns = self._t_newest_ns = 0

    def count(self, t_ns: int) -> None:
        """Count a frame taken up at `t_ns`."""
        if not self._frames:
            self._t_first_ns = t_ns
        self._frames += 1
        self._t_newest_ns = t_ns

    @property
    def rate_hz(self) -> float | None:
        """Frames a second; None before there are two."""
        span_s = (self._t_newest_ns - self._t_first_ns) * 1e-9
        return (self._frames - 1) / span_s if span_s > 0.0 else None


class StageTimer:
    """Durations of named sections, in milliseconds, frame by frame."""

    def __init__(self) -> None:
        self._history: dict[str, Durations] = {}
        self._frame: dict[str, float] = {}

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Time the body as (a further) part of stage `name` of the current frame."""
        started_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.add(name, (time.perf_counter_ns() - started_ns) * 1e-6)

    def add(self, name: str, duration_ms: float) -> None:
        """Count `duration_ms` towards stage `name` of the current frame."""
        self._frame[name] = self._frame.get(name, 0.0) + duration_ms

    def end_frame(self) -> dict[str, float]:
        """Close the current frame and return its stage times, ms."""
        frame, self._frame = self._frame, {}
        for name, duration_ms in frame.items():
            self._history.setdefault(name, Durations()).add(duration_ms)
        return frame

    def drop_frame(self) -> None:
        """Forget the current frame: there was none."""
        self._frame = {}

    def summary(self) -> dict[str, dict[str, float]]:
        """Per stage: p50, p95, p99 and max over all frames, ms."""
        summaries = {name: durations.summary() for name, durations in self._history.items()}
        return {name: summary for name, summary in summaries.items() if summary is not None}


def summarise(durations_ms: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max of at least one duration, rounded to a microsecond."""
    values = np.asarray(durations_ms)
    result = {f"p{p}": round(float(np.percentile(values, p)), 3) for p in PERCENTILES}
    return result | {"max": round(float(values.max()), 3)}
