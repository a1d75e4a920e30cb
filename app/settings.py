"""What a teleoperation run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.observation import Hand

HandChoice = Literal["right", "left", "both"]
TemporalChoice = Literal["one-euro", "none"]


@dataclass(frozen=True)
class TeleopSettings:
    """Settings of one run; every field is a flag of `teleop`."""

    source: str = "webcam"
    """webcam[:N], synthetic[:SEED], a video file, a stream URL, or a recording (PATH.rec)."""
    hand: HandChoice = "right"
    """The operator's hand that drives the robot hand."""
    robot: str = "sim"
    """sim starts a simulated Allegro; none sends nothing; tcp://HOST:PORT is a running robot server."""
    temporal: TemporalChoice = "one-euro"
    """What turns noisy detections into a trajectory."""
    horizon_ms: str = "auto"
    """How far past the capture of a frame the robot aims: auto makes up for the time passed since; 0 sends
    the pose as seen; N aims N milliseconds past capture."""
    mirror: bool = False
    """The source shows a mirror image, as selfie cameras do."""
    headless: bool = False
    """Without a window; implied when there is no display."""
    window: bool = False
    """Insist on the window: fail where there is no display instead of running without."""
    realtime: bool = True
    """Play files at their own pace. --no-realtime: every frame, as fast as possible, deterministic."""
    arm: bool = False
    """Arm a robot at tcp://… by itself, as is always done for sim. Without it: key a in the window."""
    max_frames: int | None = None
    """Stop after this many frames."""
    trace: Path | None = None
    """Write one row per frame to this .npz file."""
    report: Path | None = None
    """Write the report to this .json file."""
    record: Path | None = None
    """Record the source into this directory, to be played again with replay."""
    run_dir: Path | None = None
    """Where a headless run puts report.json, trace.npz and overview.mp4 (default: a new folder in runs/)."""
    hand_model: Path | None = None
    """hand_landmarker.task to use instead of the one fetched on first use."""

    @property
    def hands(self) -> tuple[Hand, ...]:
        """The hands asked for, right first."""
        return ("right", "left") if self.hand == "both" else (self.hand,)


class SettingsError(ValueError):
    """A flag has a value that is not legal; the message lists those that are."""


def check_settings(settings: TeleopSettings) -> None:
    """Refuse what no run could honour, before anything is opened.

    Raises:
        SettingsError: naming the flag and its legal values.
    """
    parse_horizon_ms(settings.horizon_ms)
    if settings.robot not in ("sim", "none") and not settings.robot.startswith("tcp://"):
        raise SettingsError(f"--robot is sim, none or tcp://HOST:PORT, not {settings.robot!r}")
    if settings.max_frames is not None and settings.max_frames < 1:
        raise SettingsError(f"--max-frames is at least 1, not {settings.max_frames}")
    if settings.headless and settings.window:
        raise SettingsError("--headless and --window exclude each other: give one of them")
    live = settings.source.startswith("webcam") or "://" in settings.source
    if not settings.realtime and live:
        raise SettingsError(f"--no-realtime needs a source with a clock of its own, not {settings.source!r}")
    if not settings.realtime and settings.robot.startswith("tcp://"):
        raise SettingsError(
            "--no-realtime runs on the file's clock, which a robot server does not; use --robot sim"
        )


def parse_horizon_ms(text: str) -> float | None:
    """Milliseconds past capture to aim at; None for auto.

    Raises:
        SettingsError: neither "auto" nor a number from 0 to 500.
    """
    if text == "auto":
        return None
    try:
        horizon_ms = float(text)
    except ValueError:
        horizon_ms = -1.0
    if not 0.0 <= horizon_ms <= 500.0:
        raise SettingsError(f"--horizon-ms is auto or a number of milliseconds from 0 to 500, not {text!r}")
    return horizon_ms
