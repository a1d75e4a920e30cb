"""Where a booth's visitor stands, as its page shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

Phase = Literal["attract", "invite", "hold", "engaged", "goodbye"]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class BoothStatus:
    """What the booth's page needs to know.

    Attributes:
        phase: "attract" nobody is there; "invite" a hand is in view; "hold" an open palm is being held
            still; "engaged" it drives the robot; "goodbye" the robot goes home.
        progress: 0–1, how long the palm was held, of what is asked; 1 while engaged.
        seconds_left: until the robot lets go while the operator's hand is missing, or the turn ends where
            turns do; None when no such time runs.
        needs_staff: the robot is stopped, or was disarmed by somebody: visitors have to wait for staff.
        other_hand: a hand is in view, but not the one that the robot follows.
    """

    phase: Phase
    progress: float = 0.0
    seconds_left: float | None = None
    needs_staff: bool = False
    other_hand: bool = False

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise ValueError(f"phase is {self.phase!r}; use one of {', '.join(PHASES)}")
        if not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is {self.progress}; give 0 to 1")
        if self.seconds_left is not None and not (
            math.isfinite(self.seconds_left) and self.seconds_left >= 0
        ):
            raise ValueError(f"seconds_left is {self.seconds_left}; give 0 or more, or None")

    def encode(self) -> dict[str, Any]:
        """A plain map that JSON and msgpack take."""
        return {
            "phase": self.phase,
            "progress": self.progress,
            "seconds_left": self.seconds_left,
            "needs_staff": self.needs_staff,
            "other_hand": self.other_hand,
        }

    @staticmethod
    def decode(content: dict[str, Any]) -> BoothStatus:
        """The status in a map of `encode`; raises ValueError or TypeError where it is none."""
        return BoothStatus(**content)
