"""What a hand calibration changes on the robot, told from the poses it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.hand_guide import FIST, OPEN, PINCHES, Samples
from calibration.hand_shape import FINGERS
from retarget import Retargeter


@dataclass(frozen=True)
class RobotPoses:
    """What the robot hand does in the poses that the operator held.

    Attributes:
        gaps_mm: by finger, between the surfaces of its and the thumb's tip while the operator pinches, the
            95th percentile; negative inside each other.
        held_percent: by finger, how much of the pinch they touch, within TOUCHING_MM.
        short_mm: how far its fingertips are from where they are in its open hand, while the operator's is
            flat; mean over the fingers.
        travel_mm: how far they move from the operator's flat hand to the fist; mean over the fingers.
        fist_touches_percent: how much of the fist some fingertip touches the thumb's by mistake.
    """

    gaps_mm: Mapping[str, float]
    held_percent: Mapping[str, float]
    short_mm: float
    travel_mm: float
    fist_touches_percent: float


TOUCHING_MM = 2.0
_SETTLED = 0.2  # of a pose's frames are left out at its beginning, as the solver starts afresh there


def robot_poses(retargeter: Retargeter, samples: Mapping[str, Samples]) -> RobotPoses:
    """What the robot does in every pose that was held.

    Args:
        retargeter: to it; left as it was before its first frame.
        samples: by step.
    """
    tips_m = {step: _tips_m(retargeter, held) for step, held in samples.items()}
    fingers = [FINGERS[(keypoint - 1) // 4 - 1] for keypoint in retargeter.config.tip_keypoints[1:]]
    gaps = {}
    held_percent = {}
    for i, finger in enumerate(fingers):
        gap_mm = _gaps_mm(retargeter, tips_m[PINCHES[finger]])[:, i]
        gaps[finger] = float(np.percentile(gap_mm, 95))
        held_percent[finger] = 100.0 * float(np.mean(gap_mm <= TOUCHING_MM))
    open_m = retargeter.tip_positions(np.clip(0.0, retargeter.lower_rad, retargeter.upper_rad))[1:]
    flat_m, fist_m = (np.median(tips_m[step][:, 1:], axis=0) for step in (OPEN, FIST))
    fist_touches = (_gaps_mm(retargeter, tips_m[FIST]) <= TOUCHING_MM).any(axis=1)
    return RobotPoses(
        gaps,
        held_percent,
        short_mm=1e3 * float(np.linalg.norm(flat_m - open_m, axis=-1).mean()),
        travel_mm=1e3 * float(np.linalg.norm(flat_m - fist_m, axis=-1).mean()),
        fist_touches_percent=100.0 * float(fist_touches.mean()),
    )


def compare(before: RobotPoses, after: RobotPoses) -> list[str]:
    """A table of both, line by line."""
    rows = [("on the robot", "before", "after")]
    for finger in before.gaps_mm:
        rows.append(
            (
                f"thumb–{finger} pinch: gap",
                f"{before.gaps_mm[finger]:.1f} mm ({before.held_percent[finger]:.0f} % touching)",
                f"{after.gaps_mm[finger]:.1f} mm ({after.held_percent[finger]:.0f} % touching)",
            )
        )
    rows += [
        ("flat hand: fingertips short of open by", f"{before.short_mm:.0f} mm", f"{after.short_mm:.0f} mm"),
        ("flat hand to fist: fingertips travel", f"{before.travel_mm:.0f} mm", f"{after.travel_mm:.0f} mm"),
        (
            "fist: thumb caught by a fingertip",
            f"{before.fist_touches_percent:.0f} %",
            f"{after.fist_touches_percent:.0f} %",
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _tips_m(retargeter: Retargeter, held: Samples) -> np.ndarray:
    """(N,tips,3) of the settled part of a pose."""
    retargeter.reset()
    q_rad = [retargeter.solve(hand, int(t)) for hand, t in zip(held.keypoints_m, held.t_ns, strict=True)]
    retargeter.reset()
    first = int(_SETTLED * len(q_rad))
    return np.array([retargeter.tip_positions(q) for q in q_rad[first:]])


def _gaps_mm(retargeter: Retargeter, tips_m: np.ndarray) -> np.ndarray:
    """(N,fingers) between the surfaces of the thumb's tip and the others'."""
    distances_m = np.linalg.norm(tips_m[:, 1:] - tips_m[:, :1], axis=-1)
    radii_m = retargeter.tip_radii_m
    return np.asarray(1e3 * (distances_m - radii_m[0] - radii_m[1:]))
