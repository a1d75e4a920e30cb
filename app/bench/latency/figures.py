"""Figures of one pipeline, pooled over the clips it played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.bench.latency.clips import ROBOT, Clip
from app.bench.latency.judge import (
    BEGIN_S,
    RATE_HZ,
    Pair,
    Rise,
    jitter_mm2,
    motion_delay,
    overshoots_mm,
    rises,
)
from app.bench.latency.play import Played
from app.bench.latency.timeline import Timeline, lay_over
from app.bench.latency.track import Track
from app.timing import summarise
from app.trace import STAGES
from retarget import Retargeter, load

START_S = 1.0
"""Frames lost in the first second are told apart: networks wake up then."""
LATE_MS = 33.0
_TAIL_S = 0.1  # of a clip: what it asks for last is not followed to the end
TRUE_Q = "q_true_rad"  # column in which a peer says what it makes of the truth


class Fingertips:
    """Where joint angles put the fingertips."""

    def __init__(self) -> None:
        self._hand: Retargeter = load(ROBOT)
        self.joint_names = tuple(self._hand.joint_names)

    def of(self, q_rad: np.ndarray) -> np.ndarray:
        """(T,4,3) m, of (T,n) rad in the order of `joint_names`."""
        return np.array([self._hand.tip_positions(q) for q in q_rad])


@dataclass(frozen=True)
class Seen:
    """One clip as one pipeline played it.

    Attributes:
        played: the run.
        timeline: which frames it saw.
        wanted: (F,n) rad, the motion of a pipeline without faults or delay; clip time.
        robot: (M,n) rad, what the robot did; clip time.
        pair: their fingertips.
        shifted: the same with the robot's moved back by the measured delay.
        delay_ms, correlation: how late the robot was.
        tracking: share of the time in which the robot followed at full speed.
    """

    played: Played
    timeline: Timeline
    wanted: Track
    robot: Track
    pair: Pair
    shifted: Pair
    delay_ms: float
    correlation: float
    tracking: float


def look(clip: Clip, played: Played, fingertips: Fingertips) -> Seen:
    """Lay a run over its clip and compare.

    Raises:
        AppError: the run saw too little of the clip.
    """
    rows = played.rows
    timeline = lay_over(rows["t_capture_s"], rows["keypoints_image_px"], clip.pixels, clip.fps)
    names = fingertips.joint_names
    motion = played.robot.ordered(names)
    wanted_rad = clip.wanted_rad
    if TRUE_Q in rows:
        theirs = [str(name) for name in rows["joint_names"]]
        wanted_rad = rows[TRUE_Q][:, [theirs.index(name) for name in names]]
    wanted, robot = Track(clip.t_s, wanted_rad), Track(motion.t_s - timeline.begin_s, motion.q_rad)
    end_s = clip.t_s[-1] - _TAIL_S
    delay_ms, correlation = motion_delay(wanted, robot, BEGIN_S, end_s)
    t_s = np.arange(0.0, end_s, 1.0 / RATE_HZ)
    wanted_m = fingertips.of(wanted.at(t_s))
    later_s = 0.0 if np.isnan(delay_ms) else 1e-3 * delay_ms
    counts = (robot.t_s >= BEGIN_S) & (robot.t_s <= end_s)
    return Seen(
        played,
        timeline,
        wanted,
        robot,
        Pair(t_s, wanted_m, fingertips.of(robot.at(t_s))),
        Pair(t_s, wanted_m, fingertips.of(robot.at(t_s + later_s))),
        delay_ms,
        correlation,
        float(motion.tracking[counts].mean()) if counts.any() else float("nan"),
    )


def pool(views: Sequence[Seen]) -> dict[str, Any]:
    """All figures of a pipeline; NaN where there was nothing to measure."""
    responses = [rise for view in views for rise in rises(view.pair)]
    jitter = np.concatenate([jitter_mm2(view.pair) for view in views])
    overshoots = [value for view in views for value in overshoots_mm(view.pair)]
    delays_ms = [view.delay_ms for view in views]
    return {
        "delay_ms": _mean(delays_ms),
        "delays_ms": delays_ms,
        "correlation": _mean([view.correlation for view in views]),
        "rise": _responses(responses),
        "jitter_mm": float(np.sqrt(jitter.mean())) if len(jitter) else float("nan"),
        "still_s": len(jitter) / RATE_HZ,
        "error_mm": _errors([view.pair for view in views]),
        "error_shifted_mm": _errors([view.shifted for view in views]),
        "overshoot_mm": {
            "mean": _mean(overshoots),
            "worst": max(overshoots, default=float("nan")),
            "count": len(overshoots),
        },
        "tracking_share": _mean([view.tracking for view in views]),
        "frames": frames([view.timeline for view in views], [view.played for view in views]),
        **running([view.played for view in views]),
    }


def running(runs: Sequence[Played]) -> dict[str, Any]:
    """What needs no truth: times of the stages, ages, detections, processor and memory."""
    rows = {name: np.concatenate([run.rows[name] for run in runs]) for name in _columns()}
    usages = [run.usage for run in runs]
    stages = {stage: rows[f"stage_ms_{stage}"] for stage in STAGES}
    return {
        "stage_ms": {
            stage: summarise(times[np.isfinite(times)].tolist())
            for stage, times in stages.items()
            if np.isfinite(times).any()
        },
        "age_ms": summarise(rows["age_ms"].tolist()),
        "late_share": float((rows["age_ms"] > LATE_MS).mean()),
        "detection_rate": float(rows["detected"].mean()),
        "cpu_share": _mean([usage.cpu_share for usage in usages]),
        "peak_rss_mib": max(usage.peak_rss_mib for usage in usages),
        "threads": max(usage.threads for usage in usages),
        "others_share": _mean([usage.others_share for usage in usages]),
    }


def frames(timelines: Sequence[Timeline], runs: Sequence[Played]) -> dict[str, Any]:
    """How many frames there were, were processed, and were not, and why."""
    causes: Counter[str] = Counter()
    for run in runs:
        causes.update(run.dropped)
    lost = np.array([one.lost(START_S) for one in timelines])
    return {
        "total": sum(one.total for one in timelines),
        "processed": sum(len(run.rows["t_capture_s"]) for run in runs),
        "lost_at_start": int(lost[:, 0].sum()),
        "lost": int(lost[:, 1].sum()),
        "by_cause": {cause: count for cause, count in sorted(causes.items()) if count},
    }


def _responses(responses: Sequence[Rise]) -> dict[str, Any]:
    followed = [one for one in responses if np.isfinite(one.half_ms) and np.isfinite(one.most_ms)]
    found: dict[str, Any] = {"moves": len(responses), "not_followed": len(responses) - len(followed)}
    for name in ("half_ms", "most_ms"):
        values = [getattr(one, name) for one in followed]
        found[name] = {
            "median": float(np.median(values)) if values else float("nan"),
            "worst": max(values, default=float("nan")),
        }
    return found


def _errors(pairs: Sequence[Pair]) -> dict[str, float]:
    errors_mm = np.concatenate([pair.errors_mm[pair.t_s >= BEGIN_S] for pair in pairs])
    return {"mean": float(errors_mm.mean()), "p95": float(np.percentile(errors_mm, 95))}


def _columns() -> tuple[str, ...]:
    return ("age_ms", "detected", *(f"stage_ms_{stage}" for stage in STAGES))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
