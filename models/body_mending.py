"""Mends motion capture in which limbs jump: a thigh that turns about itself by half a turn within one frame.

CMU's recordings have such flickers where markers were hidden or swapped. What jumps faster than any limb can
move is replaced by the shortest turn across the gap, the whole limb together; longer stretches are cut out.
"""

from __future__ import annotations

import numpy as np

from models.body_retarget import BodyMotion
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle

# A pitcher's shoulder reaches 8000 °/s; dancers', climbers' and players' joints stay below a third of that.
MAX_SPEED_RAD_S = np.radians(2600.0)
MAX_BRIDGED_S = 0.2
MAX_BRIDGED_RAD = np.radians(60.0)  # what turns further from one side of a gap to the other did not come back
_MARGIN_S = 0.02  # frames beside a jump are often half wrong
_MERGED_S = 0.12  # jumps so close together are one disturbance

_LIMBS = (
    (0,),
    (1, 4, 7, 10), (2, 5, 8, 11),
    (3, 6, 9), (12, 15),
    (13, 16, 18, 20, 22), (14, 17, 19, 21, 23),
)  # fmt: skip


def mended(motion: BodyMotion) -> list[BodyMotion]:
    """The motion without jumps, in as many pieces as that takes.

    Args:
        motion: at a steady rate of 100 frames a second or more, at which jumps stand out.
    """
    if len(motion) < 3:
        return [motion]
    period_s = float(np.median(np.diff(motion.t_s)))
    rotations = motion.rotations.copy()
    steps = np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:]
    speed = np.linalg.norm(axis_angle_from_matrix(steps), axis=-1) / period_s  # (N−1,24)
    lost = np.zeros(len(motion), dtype=bool)
    for limb in _LIMBS:
        (jumps,) = np.nonzero((speed[:, limb] > MAX_SPEED_RAD_S).any(axis=1))
        for first, last in _spans(jumps, period_s, len(motion)):
            start, end = rotations[first, limb], rotations[last, limb]
            turn = axis_angle_from_matrix(np.swapaxes(start, -1, -2) @ end)
            outside = first == 0 or last == len(motion) - 1
            far = np.linalg.norm(turn, axis=-1).max() > MAX_BRIDGED_RAD
            if outside or far or (last - first) * period_s > MAX_BRIDGED_S:
                lost[first : last + 1] = True
            else:
                part = np.linspace(0.0, 1.0, last - first + 1)[:, None, None]
                rotations[first : last + 1, limb] = start @ matrix_from_axis_angle(part * turn)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], lost, [True]]).astype(int)))
    return [
        BodyMotion(rotations[a:b], motion.pelvis_m[a:b], motion.t_s[a:b])
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _spans(jumps: np.ndarray, period_s: float, frames: int) -> list[tuple[int, int]]:
    """First and last good frame (inclusive) around each disturbance, of jumps between frame i and i + 1."""
    margin, merged = round(_MARGIN_S / period_s), round(_MERGED_S / period_s)
    spans: list[tuple[int, int]] = []
    for jump in jumps:
        first, last = max(int(jump) - margin, 0), min(int(jump) + 1 + margin, frames - 1)
        if spans and first - spans[-1][1] <= merged:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return spans
