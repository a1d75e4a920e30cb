"""Counts what happened in a run and writes it down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.files import write_atomically
from app.lane import LaneFrame
from app.machine import describe_machine, package_versions
from app.settings import TeleopSettings
from app.timing import Durations, StageTimer
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.observation import Hand


class FrameCounts:
    """Counts of one hand or body, frame by frame."""

    def __init__(self) -> None:
        self.frames = 0
        self.detected = 0
        self.states: Counter[str] = Counter()
        self.ages_ms = Durations()

    def count(self, detected: bool, source_state: str, age_ms: float) -> None:
        """Count one frame, `age_ms` old when what became of it was sent."""
        self.frames += 1
        self.detected += detected
        self.states[source_state] += 1
        self.ages_ms.add(age_ms)

    def summary(self) -> dict[str, Any]:
        """The counts as the report holds them."""
        return {
            "frames": self.frames,
            "detected": self.detected,
            "detection_rate": round(self.detected / self.frames, 4) if self.frames else None,
            "source_state_frames": dict(sorted(self.states.items())),
            "age_ms": self.ages_ms.summary(),
        }


class RunStatistics(FrameCounts):
    """Counts of one hand, with its errors where the truth is known."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_ms = Durations()
        self._raw_m: list[np.ndarray] = []
        self._estimate_m: list[np.ndarray] = []
        self._truth_m: list[np.ndarray] = []

    def add(self, lane_frame: LaneFrame, age_ms: float, truth_m: np.ndarray | None) -> None:
        """Count one frame; `truth_m` (21,3) is the true hand, camera axes, where the source knows it."""
        self.count(lane_frame.observation.detected, lane_frame.trajectory.source_state, age_ms)
        self.ahead_ms.add(lane_frame.ahead_ms)
        if truth_m is not None:
            self._raw_m.append(lane_frame.observation.keypoints_m)
            self._estimate_m.append(lane_frame.trajectory.keypoints_m[0])
            self._truth_m.append(truth_m - truth_m[0])

    def summary(self) -> dict[str, Any]:
        """The counts as the report holds them."""
        summary = {**super().summary(), "aimed_ms_past_capture": self.ahead_ms.summary()}
        if self._truth_m:
            truth_m = np.array(self._truth_m)
            summary["accuracy"] = {
                "raw": _accuracy(np.array(self._raw_m), truth_m),
                "estimate": _accuracy(np.array(self._estimate_m), truth_m),
            }
        return summary


def _accuracy(estimate_m: np.ndarray, truth_m: np.ndarray) -> dict[str, float | int | None]:
    """Errors in mm over the frames with an estimate; Accel over runs of three such frames."""
    known = np.isfinite(estimate_m).all(axis=(1, 2)) & np.isfinite(truth_m).all(axis=(1, 2))
    if not known.any():
        return {"frames": 0, "mpjpe_mm": None, "pa_mpjpe_mm": None, "accel_mm_per_frame2": None}
    accel = accel_error(estimate_m, truth_m)
    accel = accel[np.isfinite(accel)]
    return {
        "frames": int(known.sum()),
        "mpjpe_mm": round(1e3 * float(mpjpe(estimate_m[known], truth_m[known]).mean()), 2),
        "pa_mpjpe_mm": round(1e3 * float(pa_mpjpe(estimate_m[known], truth_m[known]).mean()), 2),
        "accel_mm_per_frame2": round(1e3 * float(accel.mean()), 2) if len(accel) else None,
    }


def build_report(
    settings: TeleopSettings,
    source_name: str,
    hands: Mapping[Hand, RunStatistics],
    timer: StageTimer,
    dropped_frames: Mapping[str, int],
    late_frames: Mapping[str, int],
    delays_ms: Mapping[Hand, Mapping[str, float]],
    robot_counters: Mapping[Hand, dict[str, int]],
    duration_s: float,
    rate_hz: float | None = None,
    body: FrameCounts | None = None,
) -> dict[str, Any]:
    """The report of a run as plain data.

    Args:
        settings: what was asked for.
        source_name: what the source called itself.
        hands: statistics per hand.
        timer: the run's stage times.
        dropped_frames: frames that were not used, or not alone, by cause.
        late_frames: frames that took longer than a frame's time, by the stage they are put down to.
        delays_ms: per hand, the delays that the horizon makes up for beside a frame's age.
        robot_counters: per hand, what the robot's guards rejected or limited.
        duration_s: wall-clock length of the run.
        rate_hz: frames a second that went through the pipeline; None where one alone did.
        body: counts of the body; None where none was looked for.
    """
    counted: list[FrameCounts] = [*hands.values(), *([] if body is None else [body])]
    first = counted[0].summary()
    of_body = {} if body is None else {"body": body.summary()}
    return {
        **{key: first[key] for key in ("frames", "detected", "detection_rate", "age_ms")},
        "duration_s": round(duration_s, 3),
        "rate_hz": None if rate_hz is None else round(rate_hz, 2),
        "dropped_frames": dict(dropped_frames),
        "late_frames": dict(late_frames),
        "delays_ms": {hand: dict(delays) for hand, delays in delays_ms.items()},
        "stage_ms": timer.summary(),
        "limits_hit": dict(robot_counters),
        "hands": {hand: statistics.summary() for hand, statistics in hands.items()},
        **of_body,
        "source": source_name,
        "settings": plain_settings(settings),
        "versions": package_versions(),
        "machine": describe_machine(),
    }


def save_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON; the file appears whole or not at all."""
    with write_atomically(path) as file:
        file.write((json.dumps(report, indent=2) + "\n").encode())


def plain_settings(settings: TeleopSettings) -> dict[str, Any]:
    """The settings as JSON can hold them."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(settings).items()}
