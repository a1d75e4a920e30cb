"""A few seconds of one fingertip, to look at: the truth, what was seen and what was made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.bench import gaps
from app.bench.methods import Method
from app.bench.sequence import Sequence
from app.bench.summary import ONE_EURO

TRACE_FRAMES = 90
GAP_AT = 30  # frames after the trace's first
_FINGERTIP = 8  # index
_SETTLED = 40  # frames a method has had before


def trace(sequences: list[Sequence], methods: list[Method], subject: str | None) -> dict[str, Any] | None:
    """Three seconds of one fingertip coordinate through a gap that is cut into it.

    The fastest hand that is detected for so long is taken, and of its fingertip the coordinate that moves
    most; None if there is no such hand.
    """
    by_name = {method.name: method for method in methods}
    metric = [sequence for sequence in sequences if sequence.metric]
    shown = [name for name in (ONE_EURO, subject) if name in by_name]
    for sequence in sorted(metric, key=lambda s: -s.speed_m_s):
        for start in range(_SETTLED, len(sequence) - TRACE_FRAMES):
            gap = start + GAP_AT
            if not sequence.detected[start : start + TRACE_FRAMES].all():
                continue
            given = sequence.without(gaps.cut(len(sequence), [gap]))
            rows = slice(start, start + TRACE_FRAMES)
            axis = int(np.argmax(np.ptp(sequence.truth_m[rows, _FINGERTIP], axis=0)))

            def line(hands_m: np.ndarray, rows: slice = rows, axis: int = axis) -> list[float]:
                return [round(1e3 * float(value), 2) for value in hands_m[rows, _FINGERTIP, axis]]

            estimates = {name: by_name[name].online(given) for name in shown}
            ahead = {}
            if subject in estimates:
                end = gap + gaps.GAP_FRAMES - 1  # the last frame before the hand is seen again
                ahead = {
                    str(h): [end + h - start, round(1e3 * float(hands[end, _FINGERTIP, axis]), 2)]
                    for h, hands in estimates[subject].ahead_m.items()
                }
            return {
                "sequence": sequence.name,
                "axis": "xyz"[axis],
                "gap": [GAP_AT, GAP_AT + gaps.GAP_FRAMES],
                "truth": line(sequence.truth_m),
                "raw": line(given.raw_m),
                "estimates": {name: line(estimate.now_m) for name, estimate in estimates.items()},
                "ahead": ahead,
            }
    return None
