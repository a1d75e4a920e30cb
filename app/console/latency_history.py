"""What the latency panel remembers: stages evened out enough to be read, and the age of the last seconds."""

from __future__ import annotations

from collections import deque

import numpy as np

from app.snapshot import Snapshot
from app.trace import STAGES

ORDER = ("capture", "wait", "detect", "temporal", "retarget", "publish")
SPAN_S = 10.0
_STAGES_OF_BODY = {"detect": "body_detect", "temporal": "body_temporal", "publish": "body_publish"}
_SHARE = 0.15  # of the newest frame in the evened-out times
assert set(STAGES) <= set(ORDER)


class LatencyHistory:
    """Stage times, age and horizon, as they are shown.

    Attributes:
        stage_ms: evened-out time of each stage that there was.
        age_ms: evened out; NaN before the first frame.
        horizon_ms: evened out while on auto; NaN before the first frame.
    """

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}
        self.age_ms = float("nan")
        self.horizon_ms = float("nan")
        self._ages: deque[tuple[float, float]] = deque()

    def add(self, snapshot: Snapshot, t_s: float) -> None:
        """Take in a snapshot that came at `t_s`, seconds."""
        if np.isfinite(snapshot.horizon_ms):
            exact = not snapshot.horizon_automatic
            self.horizon_ms = (
                snapshot.horizon_ms if exact else _even_out(self.horizon_ms, snapshot.horizon_ms)
            )
        if not np.isfinite(snapshot.age_ms):
            return
        self.age_ms = _even_out(self.age_ms, snapshot.age_ms)
        for stage in ORDER:
            # Beside hands the body's stages come after the hands' are published: they make nothing older.
            name = stage if snapshot.hands else _STAGES_OF_BODY.get(stage, stage)
            if name in snapshot.stage_ms:
                before = self.stage_ms.get(stage, float("nan"))
                self.stage_ms[stage] = _even_out(before, snapshot.stage_ms[name])
        self._ages.append((t_s, snapshot.age_ms))
        while self._ages[0][0] < t_s - SPAN_S:
            self._ages.popleft()

    def silent_s(self, t_now_s: float) -> float:
        """Seconds since the last frame came; infinite before the first."""
        return t_now_s - self._ages[-1][0] if self._ages else float("inf")

    def ages(self, t_now_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Seconds before now (n,), not positive, and the ages (n,) then, ms."""
        kept = [(t_s - t_now_s, age_ms) for t_s, age_ms in self._ages if t_s >= t_now_s - SPAN_S]
        times, ages = np.array(kept).reshape(-1, 2).T
        return times, ages


def _even_out(before: float, now: float) -> float:
    return now if not np.isfinite(before) else before + _SHARE * (now - before)
