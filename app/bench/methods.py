"""What is measured: anything that turns a sequence's observations into hands, now and ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from app.bench.filters import Filter
from app.bench.sequence import Sequence
from app.window import ObservationWindow
from models.temporal import TemporalStage
from models.window import SLOT_PERIOD_NS

HORIZONS = (5, 10, 15, 30)
"""Frames ahead."""


@dataclass(frozen=True)
class Estimate:
    """What a method said of one sequence.

    Attributes:
        now_m: (N,21,3) of each frame once it was seen; wrist-relative, NaN where nothing was said.
        ahead_m: by horizon, (N,21,3): row t is what was said at frame t of frame t + horizon.
    """

    now_m: np.ndarray
    ahead_m: dict[int, np.ndarray] = field(default_factory=dict)


class Method(Protocol):
    """Anything that can be measured."""

    name: str

    def online(self, sequence: Sequence, wanted: np.ndarray | None = None) -> Estimate:
        """Of every frame from the frames up to it.

        Args:
            sequence: what was seen.
            wanted: (N,) bool, the frames that matter; the others may be left out if that saves time.
        """
        ...

    def offline(self, sequence: Sequence) -> np.ndarray | None:
        """(N,21,3) of every frame with a view of later ones; None if the method cannot."""
        ...


class FilterMethod:
    """A filter on the detector's metric keypoints."""

    def __init__(self, name: str, smoother: Filter, ahead: bool = False) -> None:
        """
        Args:
            name: in the tables.
            smoother: the filter.
            ahead: look ahead with the filter's rate, or by repeating its value where it has none.
        """
        self.name = name
        self._smoother = smoother
        self._ahead = ahead

    def online(self, sequence: Sequence, wanted: np.ndarray | None = None) -> Estimate:
        frames = len(sequence)
        said = self._smoother.online(sequence.raw_m.reshape(frames, -1))
        ahead_m = {}
        for horizon in HORIZONS if self._ahead else ():
            later = said.value if said.rate is None else said.value + horizon * said.rate
            ahead_m[horizon] = later.reshape(frames, 21, 3)
        return Estimate(said.value.reshape(frames, 21, 3), ahead_m)

    def offline(self, sequence: Sequence) -> np.ndarray | None:
        return self._smoother.offline(sequence.raw_m.reshape(len(sequence), -1)).reshape(-1, 21, 3)


class StageMethod:
    """A temporal stage of the product, fed as it is live."""

    def __init__(self, name: str, make: Callable[[], TemporalStage]) -> None:
        """
        Args:
            name: in the tables.
            make: gives a fresh stage.
        """
        self.name = name
        self._make = make

    def online(self, sequence: Sequence, wanted: np.ndarray | None = None) -> Estimate:
        stage = self._make()
        window = ObservationWindow("right", sequence.camera)
        slots = np.round(np.concatenate([[0.0], stage.horizon_s]) * 1e9 / SLOT_PERIOD_NS).astype(int)
        column = {h: int(np.flatnonzero(slots == h)[0]) for h in HORIZONS if h in slots}
        now_m = np.full((len(sequence), 21, 3), np.nan)
        ahead_m = {horizon: now_m.copy() for horizon in column}
        for t, observation in enumerate(sequence.observations):
            window.add(observation)
            keypoints_m = stage.update(window.snapshot()).keypoints_m
            now_m[t] = keypoints_m[0]
            for horizon, k in column.items():
                ahead_m[horizon][t] = keypoints_m[k]
        return Estimate(now_m, ahead_m)

    def offline(self, sequence: Sequence) -> np.ndarray | None:
        return None
