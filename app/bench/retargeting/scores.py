"""From poses to figures: errors, steadiness, links in each other, pinches, costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.bench.retargeting.clips import RATE_HZ
from app.bench.retargeting.contestants import SAME_OBJECTIVE
from app.bench.retargeting.judge import Judge
from app.bench.retargeting.play import Played
from models.keypoints import FINGERTIPS
from retarget import Retargeter

PINCH_M = 0.015
"""Thumb and finger of the human closer than this pinch."""
TOUCH_M = 0.003
"""Fingertip surfaces of the robot this near to touching do."""
DEEP_M = 0.001
"""Links deeper in each other than this collide."""
COST_TOLERANCE = 1e-6
_SHARES = np.linspace(0.0, 100.0, 201)


@dataclass(frozen=True)
class Seen:
    """How the judge saw one solver's motion in one clip, N frames.

    Attributes:
        human_m: (N,tips,3) from the human wrist to the fingertips.
        robot_m: (N,tips,3) the same of the robot, pad centres.
        human_gaps_m: (N,tips − 1) from the human thumb's tip to each finger's.
        gaps_m: (N,tips − 1) between the robot's fingertip surfaces.
        capsules_m, boxes_m: (N,) deepest penetration, of our capsules and of the URDF's collision shapes.
        boxes_pair: N names of the two links that are deepest, "" where none are.
        beyond_rad: (N,) how far the worst joint is beyond its limit.
        q_rad: (N,n).
    """

    human_m: np.ndarray
    robot_m: np.ndarray
    human_gaps_m: np.ndarray
    gaps_m: np.ndarray
    capsules_m: np.ndarray
    boxes_m: np.ndarray
    boxes_pair: tuple[str, ...]
    beyond_rad: np.ndarray
    q_rad: np.ndarray


def look(played: Played, name: str, judge: Judge, shipped: Retargeter) -> Seen:
    """Judge one solver's motion in one clip.

    Args:
        played: the clip.
        name: whose motion.
        judge: takes poses in the order of the motion.
        shipped: our retargeter of the shipped config, for its capsules and how many fingers it has.
    """
    q_rad = played.q_rad[name]
    tips = list(FINGERTIPS[: len(shipped.config.finger_tip_link_names)])
    keypoints_m = played.clip.keypoints_m
    human_m = keypoints_m[:, tips] - keypoints_m[:, :1]
    order = [judge.joint_names.index(joint) for joint in shipped.joint_names]
    beyond_rad = np.maximum(judge.lower_rad - q_rad, q_rad - judge.upper_rad).max(axis=1)
    deepest = [judge.deepest(q) for q in q_rad]
    return Seen(
        human_m,
        np.array([judge.wrist_to_tips(q) for q in q_rad]),
        np.linalg.norm(human_m[:, 1:] - human_m[:, :1], axis=-1),
        np.array([judge.thumb_gaps_m(q) for q in q_rad]),
        np.array([shipped.penetration_m(q[order]) for q in q_rad]),
        np.array([depth_m for depth_m, _ in deepest]),
        tuple(pair for _, pair in deepest),
        np.maximum(beyond_rad, 0.0),
        q_rad,
    )


def quality(clips: Sequence[Seen]) -> dict[str, Any]:
    """Figures of one solver over several clips, all frames alike; None where there is nothing to tell."""
    human_m = np.concatenate([one.human_m for one in clips])
    robot_m = np.concatenate([one.robot_m for one in clips])
    # Everybody scales the hand differently, on purpose; only what no one scale explains is an error.
    scale = float((human_m * robot_m).sum() / (human_m * human_m).sum())
    errors_mm = 1e3 * np.linalg.norm(scale * human_m - robot_m, axis=-1)
    speeds = _joined([np.abs(np.diff(one.q_rad, axis=0)) * RATE_HZ for one in clips])
    jerks = _joined([np.abs(np.diff(one.q_rad, n=3, axis=0)) * RATE_HZ**3 for one in clips])
    return {
        "frames": len(human_m),
        "tip_error_mm": float(errors_mm.mean()),
        "tip_error_p95_mm": float(np.percentile(errors_mm, 95.0)),
        "tip_scale": scale,
        "speed_p95_rad_s": float(np.percentile(speeds, 95.0)),
        "speed_max_rad_s": float(speeds.max()),
        "jerk_mean_rad_s3": float(jerks.mean()),
        "jerk_p95_rad_s3": float(np.percentile(jerks, 95.0)),
        "beyond_limits_rad": float(max(one.beyond_rad.max() for one in clips)),
        **_collisions("capsules", np.concatenate([one.capsules_m for one in clips])),
        **_collisions("boxes", np.concatenate([one.boxes_m for one in clips])),
        "boxes_pairs": _worst_pairs(clips),
        **_pinches(clips),
    }


def costs(played: Sequence[Played]) -> dict[str, Any]:
    """The peers' objective: its mean along everybody's own motion, and who ends lower from an equal start."""
    found: dict[str, Any] = {
        "tolerance": COST_TOLERANCE,
        "own_mean": {
            name: float(np.concatenate([one.own_cost[name][1:] for one in played]).mean())
            for name in played[0].own_cost
        },
        "equal": {},
    }
    for leader, solvers in played[0].equal_cost.items():
        found["equal"][leader] = {}
        ours = np.concatenate([one.equal_cost[leader][SAME_OBJECTIVE][1:] for one in played])
        for peer in [name for name in solvers if name != SAME_OBJECTIVE]:
            theirs = np.concatenate([one.equal_cost[leader][peer][1:] for one in played])
            found["equal"][leader][peer] = {
                "frames": len(ours),
                "ours_mean": float(ours.mean()),
                "theirs_mean": float(theirs.mean()),
                "ours_not_higher": float((ours <= theirs + COST_TOLERANCE).mean()),
                "ours_lower_by_1_percent": float((1.01 * ours < theirs).mean()),
                "theirs_lower_by_1_percent": float((1.01 * theirs < ours).mean()),
            }
    return found


def _collisions(kind: str, depths_m: np.ndarray) -> dict[str, float]:
    return {
        f"{kind}_share": float((depths_m > DEEP_M).mean()),
        f"{kind}_deepest_mm": float(1e3 * depths_m.max()),
    }


def _worst_pairs(clips: Sequence[Seen]) -> dict[str, int]:
    """In how many frames which two links were the deepest, and too deep; the usual first."""
    deep = [pair for one in clips for pair, depth_m in zip(one.boxes_pair, one.boxes_m, strict=True)
            if depth_m > DEEP_M]  # fmt: skip
    return dict(Counter(deep).most_common())


def _pinches(clips: Sequence[Seen]) -> dict[str, Any]:
    pinching = [one.human_gaps_m < PINCH_M for one in clips]
    gaps_m = np.concatenate([one.gaps_m[pinch] for one, pinch in zip(clips, pinching, strict=True)])
    closed = [(np.abs(one.gaps_m) <= TOUCH_M) | ~pinch for one, pinch in zip(clips, pinching, strict=True)]
    frames = np.concatenate([pinch.any(axis=1) for pinch in pinching])
    if not len(gaps_m):
        nothing = ("pinch_share", "pinch_frame_share", "pinch_gap_mm", "pinch_gap_p5_mm", "pinch_gap_p95_mm")
        return {"pinches": 0, "pinch_frames": 0, **dict.fromkeys(nothing), "pinch_curve": []}
    low, middle, high = 1e3 * np.percentile(gaps_m, (5.0, 50.0, 95.0))
    return {
        "pinches": len(gaps_m),
        "pinch_frames": int(frames.sum()),
        "pinch_share": float((np.abs(gaps_m) <= TOUCH_M).mean()),
        "pinch_frame_share": float(np.concatenate([one.all(axis=1) for one in closed])[frames].mean()),
        "pinch_gap_mm": float(middle),
        "pinch_gap_p5_mm": float(low),
        "pinch_gap_p95_mm": float(high),
        "pinch_curve": [1e3 * value for value in _curve(gaps_m)],
    }


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One array of numbers; a single zero where the clips are too short for any."""
    values = np.concatenate([part.ravel() for part in parts])
    return values if len(values) else np.zeros(1)


def _curve(values: np.ndarray) -> list[float]:
    """Percentiles 0, 0.5, … 100."""
    return [float(value) for value in np.percentile(values, _SHARES)]
