"""The parameters of the filters for bodies: those that are best on clips of people training learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.bench.body_scores import score_body
from app.bench.body_sequence import BodySequence
from app.bench.filters import Filter, OneEuro, SavitzkyGolay
from app.bench.scores import mean
from app.bench.tuning import PROMPT_MS, Tuned, best
from models.body_keypoints import NUM_BODY_KEYPOINTS

ONE_EUROS = [
    OneEuro(cutoff_hz, beta) for cutoff_hz in (0.2, 0.5, 1.0, 2.0, 4.0, 8.0) for beta in (0.0, 1.0, 3.0, 10.0)
]
SAVITZKY_GOLAYS = [
    SavitzkyGolay(window, order)
    for order in (1, 2)  # centred, an odd order is as the even one below it
    for window in (5, 7, 9, 11, 15, 21, 31, 41)
    if window > 2 * order
]


@dataclass(frozen=True)
class BodyTuning:
    """The least MPJPE (mm) + Accel (mm/frame²) of each kind.

    Attributes:
        one_euro, savitzky_golay: online, of those that lag no more than `app.bench.tuning.PROMPT_MS`.
        centred: of Savitzky–Golay filters that see as much of what follows as of what went before.
        clips: how many they were tuned on.
    """

    one_euro: Tuned[OneEuro]
    savitzky_golay: Tuned[SavitzkyGolay]
    centred: Tuned[SavitzkyGolay]
    clips: int


def tune_bodies(clips: list[BodySequence]) -> BodyTuning:
    """Search each filter's grid on clips (one at least), from the first detection on."""
    return BodyTuning(
        one_euro=best(ONE_EUROS, [_trial(f, clips, online=True) for f in ONE_EUROS], PROMPT_MS),
        savitzky_golay=best(
            SAVITZKY_GOLAYS, [_trial(f, clips, online=True) for f in SAVITZKY_GOLAYS], PROMPT_MS
        ),
        centred=best(SAVITZKY_GOLAYS, [_trial(f, clips, online=False) for f in SAVITZKY_GOLAYS], np.inf),
        clips=len(clips),
    )


def _trial(smoother: Filter, clips: list[BodySequence], online: bool) -> tuple[float, float]:
    """Cost and lag (ms)."""
    costs, lags = [], []
    for clip in clips:
        flat = clip.raw_m.reshape(len(clip), -1)
        said = smoother.online(flat).value if online else smoother.offline(flat)
        scores = score_body(said.reshape(-1, NUM_BODY_KEYPOINTS, 3), clip)
        costs.append(scores["mpjpe"] + scores["accel"])
        lags.append(scores["lag"])
    return mean(costs), float(np.nanmedian(lags))
