"""The one place stage times are taken: console, report and benchmark read the same numbers."""

from __future__ import annotations

import time
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

PERCENTILES = (50, 95, 99)


class StageTimer:
    """Durations of named sections, in milliseconds, frame by frame."""

    def __init__(self) -> None:
        # Arrays of floats: a run may last for days.
        self._history: dict[str, array[float]] = defaultdict(lambda: array("f"))
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
            self._history[name].append(duration_ms)
        return frame

    def drop_frame(self) -> None:
        """Forget the current frame: there was none."""
        self._frame = {}

    def summary(self) -> dict[str, dict[str, float]]:
        """Per stage: p50, p95, p99 and max over all frames, ms."""
        return {name: summarise(durations) for name, durations in self._history.items()}


def summarise(durations_ms: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max of at least one duration, rounded to a microsecond."""
    values = np.asarray(durations_ms)
    result = {f"p{p}": round(float(np.percentile(values, p)), 3) for p in PERCENTILES}
    return result | {"max": round(float(values.max()), 3)}
