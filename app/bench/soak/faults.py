"""What goes wrong in a soak and when: the same faults at the same times for the same seed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Shortest and longest, seconds. First what happens to the camera, one at a time.
CAMERA_FAULTS: dict[str, tuple[float, float]] = {
    "stall": (0.1, 3.0),
    "unplugged": (1.0, 5.0),
    "dropped": (0.3, 1.5),
    "half rate": (3.0, 8.0),
    "frozen": (0.3, 3.0),
    "black": (0.3, 2.0),
    "noise": (0.2, 1.5),
    "wrong type": (0.1, 1.0),
    "wrong shape": (0.1, 1.0),
    "empty": (0.1, 1.0),
    "half size": (0.2, 1.0),
    "time backwards": (0.2, 2.0),
    "time repeated": (0.2, 2.0),
    "time ahead": (0.2, 2.0),
}
# What happens beside it: other programs, and requests to the robot, whose ends undo them.
OTHER_FAULTS: dict[str, tuple[float, float]] = {
    "busy processor": (2.0, 6.0),
    "home": (2.0, 4.0),
    "disarm": (1.0, 3.0),
    "stop": (1.0, 3.0),
}
BEGIN_S, END_S = 3.0, 5.0  # nothing happens so soon after the start and so shortly before the end
PAUSE_S = (2.0, 6.0)
PAUSE_QUICK_S = (0.8, 2.0)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: a key of CAMERA_FAULTS or OTHER_FAULTS.
        start_s: seconds after the first frame.
        duration_s: how long it lasts.
        seed: of what is random about it.
    """

    kind: str
    start_s: float
    duration_s: float
    seed: int

    @property
    def end_s(self) -> float:
        """When it is over, seconds after the first frame."""
        return self.start_s + self.duration_s


class Track:
    """Faults of which one at most is on at a time."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """
        Args:
            faults: not overlapping, in the order of time.
        """
        self.faults = tuple(faults)
        self._starts_s = [fault.start_s for fault in self.faults]

    def at(self, t_s: float) -> Fault | None:
        """The fault that is on, None while there is none."""
        fault = self.last_begun(t_s)
        return fault if fault is not None and t_s < fault.end_s else None

    def calm(self, t_s: float, settle_s: float) -> bool:
        """Whether no fault is on, nor has been for `settle_s`."""
        fault = self.last_begun(t_s)
        return fault is None or t_s >= fault.end_s + settle_s

    def last_begun(self, t_s: float) -> Fault | None:
        """The newest fault that is on or was; None before the first."""
        number = bisect_right(self._starts_s, t_s)
        return self.faults[number - 1] if number else None


@dataclass(frozen=True)
class Plan:
    """All that will go wrong: with the camera, and beside it at the same time."""

    camera: Track
    other: Track


def make_plan(seed: int, seconds: float, pause_s: tuple[float, float] = PAUSE_S) -> Plan:
    """The faults of a run.

    Every kind comes once, in random order, before any comes again.

    Args:
        seed: of everything that is random.
        seconds: length of the run; the last fault is over well before its end.
        pause_s: shortest and longest time between two faults.
    """
    camera_rng, other_rng = (np.random.default_rng([seed, number]) for number in range(2))
    return Plan(
        Track(_draw(CAMERA_FAULTS, camera_rng, seconds, pause_s)),
        Track(_draw(OTHER_FAULTS, other_rng, seconds, (2.0 * pause_s[0], 2.0 * pause_s[1]))),
    )


def _draw(
    kinds: dict[str, tuple[float, float]],
    rng: np.random.Generator,
    seconds: float,
    pause_s: tuple[float, float],
) -> list[Fault]:
    faults: list[Fault] = []
    bag: list[str] = []
    t_s = BEGIN_S
    while True:
        if not bag:
            bag = [str(kind) for kind in rng.permutation(list(kinds))]
        kind = bag.pop()
        start_s = t_s + rng.uniform(*pause_s)
        duration_s = rng.uniform(*kinds[kind])
        if start_s + duration_s > seconds - END_S:
            return faults
        faults.append(Fault(kind, float(start_s), float(duration_s), int(rng.integers(2**31))))
        t_s = faults[-1].end_s
