"""What an export is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import UsageError

RecordingFormat = Literal["lerobot", "rerun"]
DEFAULT_TASK = "Teleoperate the robot hand with bare hands in front of a webcam."
FASTEST_FPS = 240


@dataclass(frozen=True)
class ExportSettings:
    """Settings of one export of recordings; every field is a flag of `export lerobot` and `export rerun`."""

    output: Path | None = None
    """lerobot: a new folder for the dataset (default: DIR-lerobot). rerun: the file (default: DIR.rrd)."""
    task: str = DEFAULT_TASK
    """lerobot: what was done, in a sentence; a policy may be told it."""
    fps: int | None = None
    """lerobot: rows per second (default: the rate at which images were captured)."""


def check_settings(what: RecordingFormat, recordings: tuple[Path, ...], settings: ExportSettings) -> None:
    """Refuse what no export could honour.

    Raises:
        UsageError: naming what is wrong and what is legal.
    """
    if not recordings:
        raise UsageError(f"export {what} needs a recording: give a folder made with teleop --record")
    if what == "rerun":
        if len(recordings) > 1:
            raise UsageError("export rerun takes one recording: give one folder at a time")
        if settings.fps is not None or settings.task != DEFAULT_TASK:
            raise UsageError("--task and --fps are for export lerobot; export rerun takes neither")
        if settings.output is not None and settings.output.suffix != ".rrd":
            raise UsageError(f"--output {settings.output} is no .rrd file; give one, such as run.rrd")
    if settings.fps is not None and not 1 <= settings.fps <= FASTEST_FPS:
        raise UsageError(f"--fps is a number from 1 to {FASTEST_FPS}, not {settings.fps}")
    if not settings.task.strip():
        raise UsageError("--task is empty: say in a sentence what was done, or leave it out")
