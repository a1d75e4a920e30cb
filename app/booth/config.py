"""Times and thresholds of the booth."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from app.errors import UsageError


@dataclass(frozen=True)
class BoothConfig:
    """How the booth lets visitors in and lets them go.

    Attributes:
        hold_s: how long an open palm is held still before it drives the robot.
        lost_s: how long the operator's hand may be missing before its turn ends.
        home_after_s: and before the robot goes home; less than the two seconds after which the robot
            server's watchdog lets its joints go where they are.
        idle_s: a hand that stirs neither fingers nor arm for so long loses its turn: it may be a picture.
        turn_s: the longest turn; None lets everybody play as long as they like.
        goodbye_s: the least time between two turns.
        near_share: least length of a hand that counts, as a share of the image's shorter side; 0.18 is a
            grown-up's hand about 1.2 m before a usual webcam.
    """

    hold_s: float = 1.5
    lost_s: float = 3.0
    home_after_s: float = 1.0
    idle_s: float = 60.0
    turn_s: float | None = None
    goodbye_s: float = 3.0
    near_share: float = 0.18

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name == "turn_s" and value is None:
                continue
            if not (math.isfinite(value) and value > 0.0):
                raise UsageError(f"the booth's {setting.name} is {value}; it must be more than 0")
        if not self.home_after_s < self.lost_s:
            raise UsageError(
                f"the booth's home_after_s is {self.home_after_s}; it must be less than lost_s, {self.lost_s}"
            )
