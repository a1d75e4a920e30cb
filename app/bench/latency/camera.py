"""A user's own camera: no truth, but all that the pipeline itself can tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.bench.latency.contestants import POSEBERT_AUTO
from app.bench.latency.figures import running
from app.bench.latency.play import Stage
from calibration.delays import load_delays

SECONDS, QUICK_SECONDS = 30.0, 10.0
_FPS = 30.0


def run_camera(stage: Stage, source: str, quick: bool) -> dict[str, Any]:
    """Play a source of any kind through the product.

    Args:
        stage: where it is played.
        source: as `teleop --source`.
        quick: for ten seconds instead of thirty, at 30 frames a second.

    Raises:
        AppError: the source cannot be opened, and why.
        CalibrationError: the file of calibrated delays is broken.
    """
    delays = load_delays(source, stage.robot)
    seconds = QUICK_SECONDS if quick else SECONDS
    played = stage.play(POSEBERT_AUTO, source, seconds, max_frames=round(seconds * _FPS))
    times_s = played.rows["t_capture_s"]
    periods_ms = 1e3 * np.diff(times_s)
    return {
        "name": POSEBERT_AUTO.name,
        "source": source,
        "frames": len(times_s),
        "seconds": float(times_s[-1] - times_s[0]),
        "period_ms": {"p50": float(np.median(periods_ms)), "max": float(periods_ms.max())}
        if len(periods_ms)
        else None,
        "dropped": {cause: count for cause, count in sorted(played.dropped.items()) if count},
        "camera_delay_ms": delays.camera_ms,
        "actuator_delay_ms": delays.actuator_ms,
        **running([played]),
    }
