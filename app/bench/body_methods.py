"""What is measured on bodies: anything that turns a sequence's detections into bodies, now and ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from app.bench.body_sequence import BodySequence
from app.bench.filters import Filter
from app.body_window import BodyObservationWindow
from models.body_keypoints import NUM_BODY_KEYPOINTS
from models.body_temporal import BodyTemporalStage
from models.window import SLOT_PERIOD_NS

HORIZONS = (1, 3, 5, 10, 15, 30)
"""Frames ahead."""


@dataclass(frozen=True)
class BodyEstimate:
    """What a method said of one sequence.

    Attributes:
        now_m: (N,17,3) of each frame; hip-relative, NaN where nothing was said.
        ahead_m: by horizon, (N,17,3): row t is what was said at frame t of frame t + horizon.
    """

    now_m: np.ndarray
    ahead_m: dict[int, np.ndarray] = field(default_factory=dict)


class BodyMethod(Protocol):
    """Anything that can be measured."""

    @property
    def name(self) -> str:
        """In the tables."""
        ...

    @property
    def looks_ahead(self) -> str:
        """What of the frames after one its estimate knows, in words; empty if nothing: it can run live."""
        ...

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        """Of every frame.

        Args:
            sequence: what was seen.
            wanted: (N,) bool, the frames that matter; the others may be left out if that saves time.
        """
        ...


@dataclass(frozen=True)
class Online:
    """A filter on the detector's keypoints, knowing each frame and those before it.

    Attributes:
        name: in the tables.
        smoother: the filter.
        ahead: look ahead with the filter's rate, or by repeating its value where it has none.
    """

    name: str
    smoother: Filter
    ahead: bool = False
    looks_ahead: str = ""

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        said = self.smoother.online(_flat(sequence.raw_m))
        ahead_m = {}
        for horizon in HORIZONS if self.ahead else ():
            later = said.value if said.rate is None else said.value + horizon * said.rate
            ahead_m[horizon] = _bodies(later)
        return BodyEstimate(_bodies(said.value), ahead_m)


@dataclass(frozen=True)
class Centred:
    """A filter that runs centred over the whole clip.

    Attributes:
        name: in the tables.
        smoother: the filter.
    """

    name: str
    smoother: Filter
    looks_ahead: str = "the clip"

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        return BodyEstimate(_bodies(self.smoother.offline(_flat(sequence.raw_m))))


@dataclass(frozen=True)
class Filled:
    """The detections, and those nearest in time, or straight lines between them, where there are none.

    Attributes:
        name: in the tables.
        fill: `nearest` or `bridged` of `app.bench.filters`.
    """

    name: str
    fill: Callable[[np.ndarray], np.ndarray]
    looks_ahead: str = "in gaps"

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        return BodyEstimate(_bodies(self.fill(_flat(sequence.raw_m))))


class Stage:
    """A temporal stage of the product, fed frame by frame as it is live."""

    looks_ahead = ""

    def __init__(self, name: str, stage: BodyTemporalStage) -> None:
        """
        Args:
            name: in the tables.
            stage: to be measured; it is reset before every sequence.
        """
        self.name = name
        self._stage = stage

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        stage = self._stage
        stage.reset()
        window = BodyObservationWindow(sequence.camera)
        slots = np.round(np.concatenate([[0.0], stage.horizon_s]) * 1e9 / SLOT_PERIOD_NS).astype(int)
        column = {h: int(np.flatnonzero(slots == h)[0]) for h in HORIZONS if h in slots}
        now_m = np.full((len(sequence), NUM_BODY_KEYPOINTS, 3), np.nan)
        ahead_m = {horizon: now_m.copy() for horizon in column}
        for t, observation in enumerate(sequence.observations):
            window.add(observation)
            if wanted is not None and not wanted[t]:
                continue
            keypoints_m = stage.update(window.snapshot()).keypoints_m
            now_m[t] = keypoints_m[0]
            for horizon, k in column.items():
                ahead_m[horizon][t] = keypoints_m[k]
        return BodyEstimate(now_m, ahead_m)

    def close(self) -> None:
        """Free what the stage holds; safe to call twice."""
        self._stage.close()


def nearest(x: np.ndarray) -> np.ndarray:
    """x (N,D) with the row nearest in time that is finite where one is not; of two as near the earlier."""
    (seen,) = np.nonzero(np.isfinite(x).all(axis=1))
    away = np.abs(np.arange(len(x))[:, None] - seen[None])
    return np.asarray(x[seen[np.argmin(away, axis=1)]])


def _flat(bodies_m: np.ndarray) -> np.ndarray:
    return bodies_m.reshape(len(bodies_m), -1)


def _bodies(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), NUM_BODY_KEYPOINTS, 3)
