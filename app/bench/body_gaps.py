"""Detections taken away around frames that count: how long a gap a method bridges (PAMI 2022, table 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.bench.body_methods import BodyMethod, Stage
from app.bench.body_scores import frame_errors_mm
from app.bench.body_sequence import BodySequence
from app.bench.filters import held
from app.bench.scores import mean

MASKED = (0, 5, 10, 20)
"""Frames lost on either side of the one that counts, which is lost, too."""
NONE_MASKED = "none"
TARGETS_EVERY = 64
_FIRST_TARGET = 40
_WARM_UP = 8  # frames before a gap in which stages find their feet


def target_frames(detected: np.ndarray, every: int = TARGETS_EVERY) -> np.ndarray:
    """Frames to count: those whose widest gap would begin and end at a detection, and that are detected."""
    most = max(MASKED) + 1
    frames = np.arange(_FIRST_TARGET, len(detected) - most, every)
    return frames[detected[frames] & detected[frames - most] & detected[frames + most]]


def masked(frames: int, targets: np.ndarray, m: int) -> np.ndarray:
    """(frames,) bool, True within m frames of a target."""
    lost = np.zeros(frames, dtype=bool)
    for target in targets:
        lost[max(target - m, 0) : target + m + 1] = True
    return lost


def gap_study(sequences: list[BodySequence], method: BodyMethod) -> dict[str, dict[str, float]]:
    """Mean errors (mm) at the targets of all sequences by m, and of none lost; how many targets there are."""
    results: dict[str, dict[str, Any]] = {}
    for m in (None, *MASKED):
        errors: dict[str, list[float]] = {"mpjpe": [], "pa": []}
        for sequence in sequences:
            targets = target_frames(sequence.detected)
            if not len(targets):
                continue
            lost = masked(len(sequence), targets, -1 if m is None else m)
            counted = np.zeros(len(sequence), dtype=bool)
            counted[targets] = True
            wanted = counted.copy()
            if isinstance(method, Stage):  # what a stage says in a gap it has made up its mind on before
                for target in targets:
                    wanted[max(target - (m or 0) - _WARM_UP, 0) : target] = True
            said_m = held(method.estimate(sequence.without(lost), wanted).now_m)
            for name, values in frame_errors_mm(said_m, sequence, counted).items():
                errors[name] += values
        key = NONE_MASKED if m is None else str(m)
        results[key] = {name: mean(values) for name, values in errors.items()}
        results[key]["targets"] = len(errors["pa"])
    return results
