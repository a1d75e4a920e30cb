"""The settings that a replay takes over from its recording."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

from app.errors import AppError, UsageError
from app.recording_meta import read_meta
from app.settings import TeleopSettings

# All others are of the place and the moment of a run, and a real robot never moves for a replay unasked.
_TAKEN_OVER = (
    "hand",
    "body",
    "mirror",
    "temporal",
    "network",
    "body_network",
    "smpl",
    "horizon_ms",
    "operator",
)


def recorded_settings(directory: Path) -> TeleopSettings:
    """The settings to replay a recording with, where nothing else is asked for.

    Raises:
        AppError: it is no recording, or damaged.
    """
    recorded: dict[str, Any] = read_meta(directory).run.get("settings", {})
    kinds = get_type_hints(TeleopSettings)
    taken: dict[str, Any] = {}
    for name in _TAKEN_OVER:
        value = recorded.get(name)
        if value is None:
            continue
        is_path = kinds[name] == Path | None
        if not isinstance(value, bool if kinds[name] is bool else str):
            raise AppError(f"the settings of the recording {directory} are damaged: {name} is {value!r}")
        taken[name] = Path(str(value)) if is_path else value
    return dataclasses.replace(TeleopSettings(), **taken)


# What only the detectors heed.
_OF_DETECTORS = ("hand_model", "body_model", "detector_device")


def check_replayed(settings: TeleopSettings, directory: Path) -> None:
    """Refuse what would change the detections that a replay takes from its recording.

    Raises:
        UsageError: naming the flag.
        AppError: it is no recording, or damaged.
    """
    if settings.mirror != recorded_settings(directory).mirror:
        flag = "--mirror" if settings.mirror else "--no-mirror"
        raise UsageError(
            f"{flag} would turn the images alone, and not the detections in the recording {directory}: leave "
            "it out, or add --detect"
        )
    plain = TeleopSettings()
    for name in _OF_DETECTORS:
        if getattr(settings, name) != getattr(plain, name):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{flag} is for detectors, and a recording is replayed without: leave it out, or add --detect"
            )
