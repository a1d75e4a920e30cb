"""Frames that took longer than there was time for, and which stage it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_SMOOTHING = 0.02  # of what a stage usually takes: about the last fifty frames


class Overruns:
    """Counts late frames, each under the stage that took most more than it usually does.

    Attributes:
        by_stage: how many, by the stage they are put down to.
    """

    def __init__(self, period_ms: float) -> None:
        """
        Args:
            period_ms: a frame older than this when it is sent is late, ms; the next one is there already.
        """
        self.by_stage: Counter[str] = Counter()
        self._period_ms = period_ms
        self._usual_ms: dict[str, float] = {}

    @property
    def count(self) -> int:
        """All late frames."""
        return sum(self.by_stage.values())

    def add(self, stage_ms: Mapping[str, float], age_ms: float) -> None:
        """Count a frame that was `age_ms` old when it was sent, its stages having taken `stage_ms`."""
        usual = self._usual_ms
        if age_ms > self._period_ms and stage_ms:
            excess = {name: took_ms - usual.get(name, 0.0) for name, took_ms in stage_ms.items()}
            self.by_stage[max(excess, key=lambda name: excess[name])] += 1
        for name, took_ms in stage_ms.items():
            usual[name] = took_ms + (1.0 - _SMOOTHING) * (usual.get(name, took_ms) - took_ms)

    def sentence(self, frames: int) -> str:
        """What to tell the operator; empty unless a fifth of the frames or more were late."""
        if not frames or self.count < 0.2 * frames:
            return ""
        slowest = max(self._usual_ms, key=lambda name: self._usual_ms[name])
        return (
            f"{self.count} of {frames} frames were older than {self._period_ms:.0f} ms when they were sent: "
            f"{slowest} usually takes {self._usual_ms[slowest]:.0f} ms here; close other programs, or use a "
            "faster machine"
        )
