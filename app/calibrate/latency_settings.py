"""What `calibrate latency` is asked to measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import UsageError
from calibration.excitation import LONGEST_S, SHORTEST_S
from robot.endpoint import parse_endpoint
from robot.errors import RobotError

_LONGEST_SCREEN_MS = 200.0


@dataclass(frozen=True)
class LatencyCalibrationSettings:
    """Settings of the latency calibration; every field is a flag of `calibrate latency`."""

    source: str = "webcam:0"
    """The camera: webcam[:N], or the URL of a stream. Point it at this screen."""
    robot: str = "sim"
    """The robot: sim, or tcp://HOST:PORT of a robot server."""
    hand: Literal["right", "left"] = "right"
    """Which robot hand."""
    keys: Path | None = None
    """Folder with this client's keys, for a robot server that has keys."""
    seconds: float = 10.0
    """How long to watch the camera, and how long to move the robot."""
    camera_only: bool = False
    """Leave the robot alone."""
    robot_only: bool = False
    """Leave the camera out; needs neither camera nor display."""
    arm: bool = False
    """Let a robot at tcp://... move: its fingers swing by up to 9 degrees about the home pose."""
    screen_ms: float | None = None
    """How much later than told the screen shows a picture, if you know it; by default half a refresh."""

    def check(self) -> None:
        """Refuse what makes no sense before anything is opened or moved.

        Raises:
            UsageError: one sentence.
        """
        if self.camera_only and self.robot_only:
            raise UsageError("give --camera-only or --robot-only, or neither to measure both")
        if not SHORTEST_S <= self.seconds <= LONGEST_S:
            raise UsageError(
                f"--seconds is {self.seconds:g}; give from {SHORTEST_S:.0f} to {LONGEST_S:.0f} seconds"
            )
        known = self.screen_ms is None or (
            math.isfinite(self.screen_ms) and 0.0 <= self.screen_ms <= _LONGEST_SCREEN_MS
        )
        if not known:
            raise UsageError(
                f"--screen-ms is {self.screen_ms}; give milliseconds from 0 to {_LONGEST_SCREEN_MS:.0f}"
            )
        if not self.camera_only and self.robot != "sim":
            try:
                parse_endpoint(self.robot)
            except RobotError as error:
                raise UsageError(f"--robot is sim or tcp://HOST:PORT, not {self.robot!r}") from error
