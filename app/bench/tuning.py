"""The filters' parameters: those that are best on clips of the training part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

import numpy as np
from tqdm import tqdm

from app.bench.filters import Filter, Kalman, OneEuro, SavitzkyGolay
from app.bench.scores import mean, score
from app.bench.sequence import Sequence
from models.temporal import ONE_EURO_BETA, ONE_EURO_MIN_CUTOFF_HZ

logger = logging.getLogger(__name__)

ONE_EUROS = [
    OneEuro(cutoff_hz, beta)
    for cutoff_hz in (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0)
    for beta in (0.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
]
SAVITZKY_GOLAYS = [
    SavitzkyGolay(window, order) for order in (1, 2) for window in (5, 7, 9, 11, 15, 21) if window > 2 * order
]
KALMANS = [Kalman(float(agility)) for agility in np.geomspace(1e-6, 1.0, 13)]

PROMPT_MS = 100.0
"""Three frames: more is felt when driving a hand."""

F = TypeVar("F", bound=Filter)


@dataclass(frozen=True)
class Tuned(Generic[F]):
    """The best of the filters that were tried.

    Attributes:
        filter: it.
        cost: its MPJPE (mm) plus Accel (mm/frame²), mean over clips; NaN if there was nothing to tune on.
        lag: of the median clip, ms.
        tried: how many.
        at_edge: the names of its parameters that are the least or greatest of those tried.
    """

    filter: F
    cost: float
    lag: float
    tried: int
    at_edge: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """The best of each kind."""

    one_euro: Tuned[OneEuro]
    savitzky_golay: Tuned[SavitzkyGolay]
    kalman: Tuned[Kalman]


@dataclass(frozen=True)
class Tuning:
    """All tuned filters.

    Attributes:
        prompt: the best of those that lag no more than `PROMPT_MS`.
        free: the best of all. Where detections jitter much and are off by much, Accel outweighs what lag
            costs, and the best is a filter so slow that nobody would drive a hand with it.
        clips: how many they were tuned on.
    """

    prompt: Choice
    free: Choice
    clips: int


def tune(clips: list[Sequence]) -> Tuning:
    """Search each filter's grid for the least MPJPE + Accel, online, from the first detection on."""
    if not clips:
        logger.warning("no training clips of the rendered corpus here: the filters keep default parameters")
        default = Choice(
            _untuned(OneEuro(ONE_EURO_MIN_CUTOFF_HZ, ONE_EURO_BETA)),
            _untuned(SavitzkyGolay()),
            _untuned(Kalman(1e-2)),
        )
        return Tuning(default, default, 0)
    total = (len(ONE_EUROS) + len(SAVITZKY_GOLAYS) + len(KALMANS)) * len(clips)
    with tqdm(desc="tuning", total=total, unit="clip", disable=None, leave=False) as bar:
        euros = trials(ONE_EUROS, clips, bar.update)
        golays = trials(SAVITZKY_GOLAYS, clips, bar.update)
        kalmans = trials(KALMANS, clips, bar.update)
    prompt, free = (
        Choice(
            best(ONE_EUROS, euros, limit), best(SAVITZKY_GOLAYS, golays, limit), best(KALMANS, kalmans, limit)
        )
        for limit in (PROMPT_MS, np.inf)
    )
    return Tuning(prompt, free, len(clips))


def trials(
    grid: Iterable[Filter], clips: list[Sequence], done: Callable[[], object] = lambda: None
) -> list[tuple[float, float]]:
    """Cost and lag (ms) of every filter of a grid."""
    tried = []
    for smoother in grid:
        costs, lags = [], []
        for clip in clips:
            estimate_m = smoother.online(clip.raw_m.reshape(len(clip), -1)).value.reshape(-1, 21, 3)
            scores = score(estimate_m, clip)
            costs.append(scores["mpjpe"] + scores["accel"])
            lags.append(scores["lag"])
            done()
        tried.append((mean(costs), float(np.nanmedian(lags))))
    return tried


def best(grid: list[F], tried: list[tuple[float, float]], limit_ms: float) -> Tuned[F]:
    """The filter with the least cost of those that lag no more than the limit, or the one that lags least."""
    prompt = [i for i, (_, lag) in enumerate(tried) if lag <= limit_ms]
    chosen = min(prompt, key=lambda i: tried[i][0]) if prompt else int(np.argmin([lag for _, lag in tried]))
    return Tuned(grid[chosen], *tried[chosen], len(grid), _edges(grid, chosen))


def _untuned(smoother: F) -> Tuned[F]:
    return Tuned(smoother, float("nan"), float("nan"), 0, ())


def _edges(grid: list[F], chosen: int) -> tuple[str, ...]:
    edges = []
    for field in fields(grid[chosen]):  # type: ignore[arg-type]
        values = [getattr(smoother, field.name) for smoother in grid]
        if values[chosen] in (min(values), max(values)):
            edges.append(field.name)
    return tuple(edges)
