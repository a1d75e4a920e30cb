"""What `calibrate hand` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError
from app.settings import TemporalChoice
from calibration.errors import CalibrationError
from calibration.operator import check_name
from models.observation import Hand
from retarget import hand_names

_LEGAL_PALM_MM = (50.0, 150.0)


@dataclass(frozen=True)
class CalibrateHandSettings:
    """Settings of one hand calibration; every field is a flag of `calibrate hand`."""

    operator: str
    """Whose hand it is; teleop takes the name with --operator."""
    hand: Hand = "right"
    """Which of the operator's hands."""
    source: str = "webcam"
    """webcam[:N], synthetic[:SEED] (a right hand), a video file, a stream URL, or a recording."""
    temporal: TemporalChoice = "posebert"
    """The temporal stage that the hand will be seen through, as for teleop."""
    network: Path | None = None
    """ONNX file of a trained network for posebert, instead of the one that ships."""
    mirror: bool = False
    """The source shows a mirror image, as selfie cameras do."""
    palm_mm: float | None = None
    """Crease of the wrist to the knuckle of the middle finger, measured with a ruler. It gives bone
    lengths their true size, which a camera cannot tell; the robot follows equally well without."""
    robot_hand: str = "allegro_right"
    """The robot hand that before and after are compared on; --hand left takes allegro_left."""
    output: Path | None = None
    """Folder for the result (default: where --operator looks for it)."""
    realtime: bool = True
    """Play files at their own pace. --no-realtime: as fast as possible."""
    headless: bool = False
    """Instructions in the terminal instead of a window; implied when there is no display."""
    hand_model: Path | None = None
    """hand_landmarker.task to use instead of the one fetched on first use."""


def check_settings(settings: CalibrateHandSettings) -> None:
    """Refuse what cannot be followed, before anything is opened.

    Raises:
        UsageError: naming the flag and its legal values.
    """
    try:
        check_name(settings.operator)
    except CalibrationError as error:
        raise UsageError(f"--operator: {error}") from error
    low, high = _LEGAL_PALM_MM
    if settings.palm_mm is not None and not low <= settings.palm_mm <= high:
        raise UsageError(f"--palm-mm is {settings.palm_mm}; give millimetres from {low:.0f} to {high:.0f}")
    live = settings.source.partition(":")[0] == "webcam" or "://" in settings.source
    if not settings.realtime and live:
        raise UsageError(f"--no-realtime needs a source with a clock of its own, not {settings.source!r}")
    seen = "left" if settings.mirror else "right"
    if settings.source.partition(":")[0] == "synthetic" and settings.hand != seen:
        mirrored = " with --mirror" if settings.mirror else ""
        raise UsageError(f"--source synthetic shows a {seen} hand{mirrored}: give --hand {seen}")
    other = "left" if settings.hand == "right" else "right"
    given = settings.robot_hand
    if given != CalibrateHandSettings.robot_hand and given in hand_names() and given.endswith(f"_{other}"):
        same = f"{given.removesuffix(other)}{settings.hand}"
        raise UsageError(f"--robot-hand {given} is a {other} one; give {same} for --hand {settings.hand}")
    if settings.network is not None and settings.temporal != "posebert":
        raise UsageError(f"--network is for --temporal posebert; {settings.temporal} takes none")
